/* Parts of a timestamp, in UTC or a time zone, and of a duration. */
#include "cel/cel_room.h"
#include "cel/cel_time.h"
#include "cel/cel_zone.h"

/* What each accessor takes from a date. Months, days of the month (but getDate) and of the year
 * count from 0. */
#define PART(name, expression)                                                                     \
	static int64_t name##_part(const struct cel_date *d, uint32_t nanos) {                     \
		return expression;                                                                 \
	}                                                                                          \
	static void name(struct cel_call *c, const struct cel_value *args,                         \
	                 struct cel_value *out) {                                                  \
		get_part(args, 0, name##_part, out);                                               \
	}                                                                                          \
	static void name##_in(struct cel_call *c, const struct cel_value *args,                    \
	                      struct cel_value *out) {                                             \
		get_part_in(c, args, name##_part, out);                                            \
	}

typedef int64_t part_of(const struct cel_date *d, uint32_t nanos);

static void get_part(const struct cel_value *args, int32_t offset, part_of *part,
                     struct cel_value *out) {
	struct cel_date date;
	cel_date_of(args[0].i + offset, &date);
	*out = cel_int(part(&date, args[0].extra));
}

static void get_part_in(struct cel_call *c, const struct cel_value *args, part_of *part,
                        struct cel_value *out) {
	int32_t offset;
	if (cel_zones_offset(c->zones, cel_slice(&args[1]), args[0].i, &offset))
		get_part(args, offset, part, out);
	else
		*out = cel_error(CEL_FAULT_ARGUMENT);
}

PART(year, d->year)
PART(month, d->month - 1)
PART(date, d->day)
PART(day_of_month, d->day - 1)
PART(day_of_week, d->weekday)
PART(day_of_year, d->year_day)
PART(hours, d->hour)
PART(minutes, d->minute)
PART(seconds, d->second)
PART(milliseconds, nanos / 1000000)

#define NANOS INT64_C(1000000000)

#define DURATION_PART(name, expression)                                                            \
	static void duration_##name(struct cel_call *c, const struct cel_value *args,              \
	                            struct cel_value *out) {                                       \
		*out = cel_int(args[0].i expression);                                              \
	}

DURATION_PART(hours, / (3600 * NANOS))
DURATION_PART(minutes, / (60 * NANOS))
DURATION_PART(seconds, / NANOS)
/* What is left of the second, as the conformance suite has it. */
DURATION_PART(milliseconds, % NANOS / 1000000)

#define TIMESTAMP_ROWS(id, id_in, function, call)                                                  \
	{id, function, "google.protobuf.Timestamp.() -> int", call, .cost = 1}, {                  \
		id_in, function, "google.protobuf.Timestamp.(string) -> int", call##_in, .cost = 2, \
			.zone = 1                                                          \
	}

#define DURATION_ROW(id, function, call)                                                           \
	{ id, function, "google.protobuf.Duration.() -> int", call, .cost = 1 }

static const struct cel_overload overloads[] = {
	TIMESTAMP_ROWS("timestamp_to_year", "timestamp_to_year_with_tz", "getFullYear", year),
	TIMESTAMP_ROWS("timestamp_to_month", "timestamp_to_month_with_tz", "getMonth", month),
	TIMESTAMP_ROWS("timestamp_to_day_of_year", "timestamp_to_day_of_year_with_tz",
                       "getDayOfYear", day_of_year),
	TIMESTAMP_ROWS("timestamp_to_day_of_month", "timestamp_to_day_of_month_with_tz",
                       "getDayOfMonth", day_of_month),
	TIMESTAMP_ROWS("timestamp_to_day_of_month_1_based",
                       "timestamp_to_day_of_month_1_based_with_tz", "getDate", date),
	TIMESTAMP_ROWS("timestamp_to_day_of_week", "timestamp_to_day_of_week_with_tz",
                       "getDayOfWeek", day_of_week),
	TIMESTAMP_ROWS("timestamp_to_hours", "timestamp_to_hours_with_tz", "getHours", hours),
	TIMESTAMP_ROWS("timestamp_to_minutes", "timestamp_to_minutes_with_tz", "getMinutes",
                       minutes),
	TIMESTAMP_ROWS("timestamp_to_seconds", "timestamp_to_seconds_tz", "getSeconds", seconds),
	TIMESTAMP_ROWS("timestamp_to_milliseconds", "timestamp_to_milliseconds_with_tz",
                       "getMilliseconds", milliseconds),
	DURATION_ROW("duration_to_hours", "getHours", duration_hours),
	DURATION_ROW("duration_to_minutes", "getMinutes", duration_minutes),
	DURATION_ROW("duration_to_seconds", "getSeconds", duration_seconds),
	DURATION_ROW("duration_to_milliseconds", "getMilliseconds", duration_milliseconds),
};

const struct cel_library cel_library_time = {"time", overloads, CEL_COUNT(overloads)};
