/* Dates, RFC 3339, and durations in Go's notation. Knows nothing of time zones but offsets that
 * stand in a text. */
#include "cel/cel_time.h"

#include <stdio.h>

enum { DAY_SECONDS = 86400, DIGITS_MAX = 9 };

#define NANOS_PER_SECOND INT64_C(1000000000)

/* --- the calendar ---------------------------------------------------------------------------- */

/* Years are counted from March, so that the leap day is the last; 400 of them are an era of
 * 146,097 days. */
int64_t cel_date_days(int64_t year, int month, int day) {
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

void cel_date_of(int64_t seconds, struct cel_date *out) {
	int64_t days = seconds / DAY_SECONDS, rest = seconds % DAY_SECONDS;
	if (rest < 0) {
		rest += DAY_SECONDS;
		days--;
	}
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t of_era = shifted - era * 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * of_year + 2) / 153;
	out->day = (int)(of_year - (153 * month + 2) / 5 + 1);
	out->month = (int)(month < 10 ? month + 3 : month - 9);
	out->year = year_of_era + era * 400 + (out->month <= 2);
	out->hour = (int)(rest / 3600);
	out->minute = (int)(rest / 60 % 60);
	out->second = (int)(rest % 60);
	out->weekday = (int)(((days + 4) % 7 + 7) % 7);
	out->year_day = (int)(days - cel_date_days(out->year, 1, 1));
}

static int month_days(int64_t year, int month) {
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return month == 2 && cel_year_leaps(year) ? 29 : days[month - 1];
}

struct cel_value cel_timestamp_checked(int64_t seconds, uint32_t nanos) {
	if (seconds < CEL_TIMESTAMP_MIN || seconds > CEL_TIMESTAMP_MAX)
		return cel_error(CEL_FAULT_RANGE);
	return cel_timestamp(seconds, nanos);
}

/* --- reading: each takes what it knows off *s ------------------------------------------------------- */

static bool take_char(struct slice *s, char c) {
	if (s->len == 0 || *s->ptr != (uint8_t)c) return false;
	*s = slice_of(s->ptr + 1, s->len - 1);
	return true;
}

static bool at_digit(const struct slice *s) {
	return s->len && *s->ptr >= '0' && *s->ptr <= '9';
}

/* Exactly `count` digits, in a range. */
static bool take_number(struct slice *s, int count, int min, int max, int *out) {
	int value = 0;
	for (int i = 0; i < count; i++) {
		if (!at_digit(s)) return false;
		value = value * 10 + (*s->ptr++ - '0');
		s->len--;
	}
	*out = value;
	return value >= min && value <= max;
}

/* Digits of a fraction in units of 10^-9; what is finer is dropped. */
static bool take_fraction(struct slice *s, uint32_t *nanos) {
	if (!at_digit(s)) return false;
	*nanos = 0;
	for (int i = 0; i < DIGITS_MAX || at_digit(s); i++) {
		int digit = at_digit(s) ? *s->ptr - '0' : 0;
		if (at_digit(s)) *s = slice_of(s->ptr + 1, s->len - 1);
		if (i < DIGITS_MAX) *nanos = *nanos * 10 + (uint32_t)digit;
	}
	return true;
}

static bool take_date(struct slice *s, int64_t *days) {
	int year, month, day;
	if (!take_number(s, 4, 0, 9999, &year) || !take_char(s, '-')) return false;
	if (!take_number(s, 2, 1, 12, &month) || !take_char(s, '-')) return false;
	if (!take_number(s, 2, 1, month_days(year, month), &day)) return false;
	*days = cel_date_days(year, month, day);
	return true;
}

static bool take_clock(struct slice *s, int64_t *seconds, uint32_t *nanos) {
	int hour, minute, second;
	if (!take_number(s, 2, 0, 23, &hour) || !take_char(s, ':')) return false;
	if (!take_number(s, 2, 0, 59, &minute) || !take_char(s, ':')) return false;
	if (!take_number(s, 2, 0, 59, &second)) return false;
	*seconds = hour * 3600 + minute * 60 + second;
	*nanos = 0;
	return !take_char(s, '.') || take_fraction(s, nanos);
}

static bool take_offset(struct slice *s, int64_t *seconds) {
	*seconds = 0;
	if (take_char(s, 'Z')) return true;
	bool west = take_char(s, '-');
	int hour, minute;
	if (!west && !take_char(s, '+')) return false;
	if (!take_number(s, 2, 0, 23, &hour) || !take_char(s, ':')) return false;
	if (!take_number(s, 2, 0, 59, &minute)) return false;
	*seconds = (hour * 3600 + minute * 60) * (west ? -1 : 1);
	return true;
}

struct cel_value cel_timestamp_parse(struct slice s) {
	int64_t days, seconds, offset;
	uint32_t nanos;
	bool good = take_date(&s, &days) && take_char(&s, 'T') &&
	            take_clock(&s, &seconds, &nanos) && take_offset(&s, &offset) && s.len == 0;
	if (!good) return cel_error(CEL_FAULT_CONVERT);
	return cel_timestamp_checked(days * DAY_SECONDS + seconds - offset, nanos);
}

/* --- durations ------------------------------------------------------------------------------- */

static const struct unit {
	const char *name;
	uint64_t nanos;
} units[] = {
	/* a unit that begins another comes after it */
	{"ns", 1},
	{"us", 1000},
	{"\u00b5s", 1000},
	{"\u03bcs", 1000},
	{"ms", 1000000},
	{"s", NANOS_PER_SECOND},
	{"m", 60 * NANOS_PER_SECOND},
	{"h", 3600 * NANOS_PER_SECOND},
};

static bool take_unit(struct slice *s, uint64_t *nanos) {
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct slice name = slice_str(units[i].name);
		if (!slice_starts(*s, name)) continue;
		*s = slice_of(s->ptr + name.len, s->len - name.len);
		*nanos = units[i].nanos;
		return true;
	}
	return false;
}

/* Digits before a point; UINT64_MAX, which is over the range in any unit, when there are too
 * many. */
static bool take_whole(struct slice *s, uint64_t *out) {
	bool any = at_digit(s), over = false;
	*out = 0;
	for (; at_digit(s); *s = slice_of(s->ptr + 1, s->len - 1)) {
		over |= __builtin_mul_overflow(*out, 10, out);
		over |= __builtin_add_overflow(*out, (uint64_t)(*s->ptr - '0'), out);
	}
	if (over) *out = UINT64_MAX;
	return any;
}

/* One "1.5h" in nanoseconds. */
static enum cel_fault take_part(struct slice *s, uint64_t *nanos) {
	uint64_t whole, unit, part;
	uint32_t fraction = 0;
	bool any = take_whole(s, &whole);
	if (take_char(s, '.')) any |= take_fraction(s, &fraction);
	if (!any || !take_unit(s, &unit)) return CEL_FAULT_CONVERT;
	part = (uint64_t)((unsigned __int128)fraction * unit / (uint64_t)NANOS_PER_SECOND);
	bool over = __builtin_mul_overflow(whole, unit, nanos) ||
	            __builtin_add_overflow(*nanos, part, nanos);
	return over ? CEL_FAULT_RANGE : CEL_FAULT_NONE;
}

struct cel_value cel_duration_parse(struct slice s) {
	bool negative = take_char(&s, '-');
	if (!negative) take_char(&s, '+');
	if (slice_is(s, "0")) return cel_duration(0);
	if (s.len == 0) return cel_error(CEL_FAULT_CONVERT);
	uint64_t total = 0, max = (uint64_t)INT64_MAX + negative;
	while (s.len) {
		uint64_t part;
		enum cel_fault fault = take_part(&s, &part);
		if (fault) return cel_error(fault);
		if (part > max - total) return cel_error(CEL_FAULT_RANGE);
		total += part;
	}
	return cel_duration(negative ? (int64_t)(0 - total) : (int64_t)total);
}

/* --- writing --------------------------------------------------------------------------------- */

/* ".5": without the zeros at its end; nothing for 0. */
static size_t print_fraction(uint32_t nanos, char *out, size_t room) {
	if (nanos == 0) return 0;
	int digits = DIGITS_MAX;
	for (; nanos % 10 == 0; nanos /= 10) digits--;
	return (size_t)snprintf(out, room, ".%0*u", digits, nanos);
}

size_t cel_timestamp_print(const struct cel_value *v, char out[CEL_TIME_MAX]) {
	struct cel_date d;
	cel_date_of(v->i, &d);
	size_t n = (size_t)snprintf(out, CEL_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", (int)d.year,
	                            d.month, d.day, d.hour, d.minute, d.second);
	n += print_fraction(v->extra, out + n, CEL_TIME_MAX - n);
	return n + (size_t)snprintf(out + n, CEL_TIME_MAX - n, "Z");
}

size_t cel_duration_print(const struct cel_value *v, char out[CEL_TIME_MAX]) {
	uint64_t nanos = v->i < 0 ? 0 - (uint64_t)v->i : (uint64_t)v->i;
	size_t n = (size_t)snprintf(out, CEL_TIME_MAX, "%s%llu", v->i < 0 ? "-" : "",
	                            (unsigned long long)(nanos / (uint64_t)NANOS_PER_SECOND));
	n += print_fraction((uint32_t)(nanos % (uint64_t)NANOS_PER_SECOND), out + n,
	                    CEL_TIME_MAX - n);
	return n + (size_t)snprintf(out + n, CEL_TIME_MAX - n, "s");
}
