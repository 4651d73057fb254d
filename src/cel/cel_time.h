/* Timestamps and durations as text and as dates of the proleptic Gregorian calendar. No clock. */
#pragma once
#include "cel/cel_value.h"

/* 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, in seconds since 1970. */
#define CEL_TIMESTAMP_MIN INT64_C(-62135596800)
#define CEL_TIMESTAMP_MAX INT64_C(253402300799)

enum { CEL_TIME_MAX = 48 }; /* bytes of either text, with its NUL */

struct cel_date {
	int64_t year;
	int month, day; /* from 1 */
	int hour, minute, second;
	int weekday;  /* 0: Sunday */
	int year_day; /* from 0 */
};
void cel_date_of(int64_t seconds, struct cel_date *out);
/* Days from 1970-01-01 to this date; month 1..12, any day. */
int64_t cel_date_days(int64_t year, int month, int day);
static inline bool cel_year_leaps(int64_t year) {
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* A timestamp when it is in range, an error otherwise. */
struct cel_value cel_timestamp_checked(int64_t seconds, uint32_t nanos);

/* RFC 3339: "2009-02-13T23:31:30.5+01:00"; digits beyond the ninth are dropped. */
struct cel_value cel_timestamp_parse(struct slice s);
size_t cel_timestamp_print(const struct cel_value *v, char out[CEL_TIME_MAX]); /* in UTC */
/* "1h30m", "-1.5s", "100ms", "0": units h, m, s, ms, us, µs, ns. */
struct cel_value cel_duration_parse(struct slice s);
size_t cel_duration_print(const struct cel_value *v, char out[CEL_TIME_MAX]); /* "5400.5s" */
