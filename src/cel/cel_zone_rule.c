/* POSIX TZ strings: parsed strictly, then computed per year. Knows no file and no list of
 * changes. */
#include "cel/cel_zone_rule.h"

#include "cel/cel_time.h"

enum { DAY_SECONDS = 86400, HOURS_MAX = 167, ABBREVIATION_MIN = 3, ABBREVIATION_MAX = 10 };

/* --- parsing: each takes what it knows off *s -------------------------------------------------- */

static bool take(struct slice *s, char c) {
	if (s->len == 0 || *s->ptr != (uint8_t)c) return false;
	*s = slice_of(s->ptr + 1, s->len - 1);
	return true;
}

static bool is_letter(uint8_t c) {
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_quotable(uint8_t c) {
	return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-';
}

static bool take_abbreviation(struct slice *s) {
	bool quoted = take(s, '<');
	size_t n = 0;
	while (n < s->len && (quoted ? is_quotable(s->ptr[n]) : is_letter(s->ptr[n]))) n++;
	*s = slice_of(s->ptr + n, s->len - n);
	return n >= ABBREVIATION_MIN && n <= ABBREVIATION_MAX && (!quoted || take(s, '>'));
}

static bool take_number(struct slice *s, int min, int max, int *out) {
	int value = 0;
	size_t n = 0;
	for (; n < s->len && n < 4 && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++)
		value = value * 10 + (s->ptr[n] - '0');
	*s = slice_of(s->ptr + n, s->len - n);
	*out = value;
	return n > 0 && value >= min && value <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct slice *s, int32_t *seconds) {
	bool negative = take(s, '-');
	if (!negative) take(s, '+');
	int hours, minutes = 0, rest = 0;
	if (!take_number(s, 0, HOURS_MAX, &hours)) return false;
	if (take(s, ':') && !take_number(s, 0, 59, &minutes)) return false;
	if (take(s, ':') && !take_number(s, 0, 59, &rest)) return false;
	*seconds = (hours * 3600 + minutes * 60 + rest) * (negative ? -1 : 1);
	return true;
}

static bool take_day(struct slice *s, struct cel_zone_change *c) {
	if (take(s, 'M')) {
		c->form = 'M';
		return take_number(s, 1, 12, &c->month) && take(s, '.') &&
		       take_number(s, 1, 5, &c->week) && take(s, '.') &&
		       take_number(s, 0, 6, &c->day);
	}
	c->form = take(s, 'J') ? 'J' : '0';
	return take_number(s, c->form == 'J', 365, &c->day);
}

static bool take_change(struct slice *s, struct cel_zone_change *c) {
	c->second = 2 * 3600;
	return take(s, ',') && take_day(s, c) && (!take(s, '/') || take_time(s, &c->second));
}

bool cel_zone_rule_parse(struct slice s, struct cel_zone_rule *out) {
	*out = (struct cel_zone_rule){.saves = false};
	int32_t west;
	if (!take_abbreviation(&s) || !take_time(&s, &west)) return false;
	out->standard = -west;
	if (s.len == 0) return true;
	out->saves = true;
	out->saving = out->standard + 3600;
	if (!take_abbreviation(&s)) return false;
	if (s.len && *s.ptr != ',') {
		if (!take_time(&s, &west)) return false;
		out->saving = -west;
	}
	return take_change(&s, &out->start) && take_change(&s, &out->end) && s.len == 0;
}

/* --- computing -------------------------------------------------------------------------------- */

/* Week 5 is the last one that has this day. */
static int64_t day_of_week_rule(const struct cel_zone_change *c, int64_t year) {
	int64_t first = cel_date_days(year, c->month, 1);
	int64_t next = c->month == 12 ? cel_date_days(year + 1, 1, 1)
	                              : cel_date_days(year, c->month + 1, 1);
	int64_t weekday = ((first + 4) % 7 + 7) % 7;
	int64_t day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
	return day < next ? day : day - 7;
}

static int64_t day_of_change(const struct cel_zone_change *c, int64_t year) {
	int64_t first = cel_date_days(year, 1, 1);
	switch (c->form) {
	case 'M': return day_of_week_rule(c, year);
	case 'J': return first + c->day - 1 + (c->day >= 60 && cel_year_leaps(year));
	default: return first + c->day;
	}
}

int32_t cel_zone_rule_offset(const struct cel_zone_rule *r, int64_t at) {
	if (!r->saves) return r->standard;
	struct cel_date date;
	cel_date_of(at + r->standard, &date);
	int64_t start =
		day_of_change(&r->start, date.year) * DAY_SECONDS + r->start.second - r->standard;
	int64_t end = day_of_change(&r->end, date.year) * DAY_SECONDS + r->end.second - r->saving;
	bool saving = start < end ? at >= start && at < end : at >= start || at < end;
	return saving ? r->saving : r->standard;
}
