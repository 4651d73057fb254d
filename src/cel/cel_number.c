/* Text to numbers and back. Allocates nothing; independent of the locale as long as the program
 * never calls setlocale, which it does not. */
#include "cel/cel_number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"

static bool all_digits(struct slice s) {
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
	return s.len > 0;
}

enum cel_fault cel_uint_parse(struct slice s, uint64_t *out) {
	if (!all_digits(s)) return CEL_FAULT_CONVERT;
	return parse_u64(s, UINT64_MAX, out) ? CEL_FAULT_RANGE : CEL_FAULT_NONE;
}

enum cel_fault cel_int_parse(struct slice s, int64_t *out) {
	bool sign = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
	struct slice digits = slice_of(s.ptr + sign, s.len - sign);
	if (!all_digits(digits)) return CEL_FAULT_CONVERT;
	if (sign && s.ptr[0] == '+') s = digits;
	return parse_i64(s, out) ? CEL_FAULT_RANGE : CEL_FAULT_NONE;
}

/* --- doubles in ---------------------------------------------------------------------------- */

static size_t skip_digits(const char **p) {
	const char *start = *p;
	while (**p >= '0' && **p <= '9') ++*p;
	return (size_t)(*p - start);
}

/* Narrower than strtod: no spaces, no hexadecimal, no "nan(…)". */
static bool is_decimal(const char *p) {
	size_t digits = skip_digits(&p);
	if (*p == '.') {
		p++;
		digits += skip_digits(&p);
	}
	if (digits == 0) return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-') p++;
		if (skip_digits(&p) == 0) return false;
	}
	return *p == '\0';
}

static bool is_special(struct slice s) {
	static const char *const names[] = {"inf", "infinity", "nan"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq_nocase(s, slice_str(names[i]))) return true;
	return false;
}

enum cel_fault cel_double_parse(struct slice s, double *out) {
	char text[CEL_NUMBER_MAX];
	if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, 0, s.len)) return CEL_FAULT_CONVERT;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	size_t sign = text[0] == '-' || text[0] == '+';
	bool special = is_special(slice_of(text + sign, s.len - sign));
	if (!special && !is_decimal(text + sign)) return CEL_FAULT_CONVERT;
	double d = strtod(text, NULL);
	if (isinf(d) && !special) return CEL_FAULT_RANGE;
	*out = d;
	return CEL_FAULT_NONE;
}

/* --- doubles out ----------------------------------------------------------------------------- */

/* The fewest significant digits that read back, and the power of ten of the first. Fifteen
 * always suffice to tell short decimals apart; subnormals have fewer. */
struct digits {
	char text[20];
	int count, exponent;
	bool negative;
};

static struct digits shortest(double d) {
	struct digits r = {.negative = signbit(d) != 0};
	char text[40];
	d = fabs(d);
	int precision = d < DBL_MIN ? 1 : DBL_DIG;
	do snprintf(text, sizeof text, "%.*e", precision - 1, d);
	while (strtod(text, NULL) != d && ++precision <= DBL_DECIMAL_DIG);
	char *exponent = strchr(text, 'e');
	r.exponent = (int)strtol(exponent + 1, NULL, 10);
	for (const char *p = text; p < exponent; p++)
		if (*p != '.') r.text[r.count++] = *p;
	while (r.count > 1 && r.text[r.count - 1] == '0') r.count--;
	return r;
}

static char *put_zeros(char *p, int count) {
	for (int i = 0; i < count; i++) *p++ = '0';
	return p;
}

static char *put_digits(char *p, const struct digits *d, int from, int to) {
	for (int i = from; i < to; i++) *p++ = i < d->count ? d->text[i] : '0';
	return p;
}

static size_t write_plain(const struct digits *d, char *out) {
	char *p = out;
	int whole = d->exponent + 1; /* digits before the point */
	if (d->negative) *p++ = '-';
	if (whole > 0)
		p = put_digits(p, d, 0, whole);
	else
		*p++ = '0';
	if (d->count > whole) {
		*p++ = '.';
		if (whole < 0) p = put_zeros(p, -whole);
		p = put_digits(p, d, whole > 0 ? whole : 0, d->count);
	}
	*p = '\0';
	return (size_t)(p - out);
}

static size_t write_scientific(const struct digits *d, char *out) {
	return (size_t)snprintf(out, CEL_NUMBER_MAX, "%s%c%s%.*se%c%02d", d->negative ? "-" : "",
	                        d->text[0], d->count > 1 ? "." : "", d->count - 1, d->text + 1,
	                        d->exponent < 0 ? '-' : '+', abs(d->exponent));
}

static size_t write_special(double d, const char *infinity, const char *minus, char *out) {
	const char *text = isnan(d) ? "NaN" : d > 0 ? infinity : minus;
	size_t len = strlen(text);
	memcpy(out, text, len + 1);
	return len;
}

size_t cel_double_print(double d, char out[CEL_NUMBER_MAX]) {
	if (!isfinite(d)) return write_special(d, "+Inf", "-Inf", out);
	struct digits digits = shortest(d);
	bool plain = digits.exponent >= -4 && digits.exponent < 6;
	return plain ? write_plain(&digits, out) : write_scientific(&digits, out);
}

size_t cel_double_print_plain(double d, char out[CEL_NUMBER_MAX]) {
	if (!isfinite(d)) return write_special(d, "Infinity", "-Infinity", out);
	struct digits digits = shortest(d);
	return write_plain(&digits, out);
}
