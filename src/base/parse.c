/* Small texts from outside into numbers, or a refusal. Never reads past the slice. */
#include "base/parse.h"

/* Takes the leading digits off *s; at least one, at most `max`. */
static enum err take_digits(struct slice *s, uint64_t max, uint64_t *out) {
	uint64_t value = 0;
	size_t i = 0;
	for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++) {
		uint64_t digit = (uint64_t)(s->ptr[i] - '0');
		if (digit > max || value > (max - digit) / 10) return ERR_INVALID;
		value = value * 10 + digit;
	}
	if (i == 0) return ERR_INVALID;
	*s = slice_of(s->ptr + i, s->len - i);
	*out = value;
	return ERR_OK;
}

enum err parse_u64(struct slice s, uint64_t max, uint64_t *out) {
	uint64_t value;
	enum err e = take_digits(&s, max, &value);
	if (e) return e;
	if (s.len) return ERR_INVALID;
	*out = value;
	return ERR_OK;
}

enum err parse_i64(struct slice s, int64_t *out) {
	bool negative = s.len && s.ptr[0] == '-';
	if (negative) s = slice_of(s.ptr + 1, s.len - 1);
	uint64_t value, max = (uint64_t)INT64_MAX + negative;
	enum err e = parse_u64(s, max, &value);
	if (e) return e;
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return ERR_OK;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* A number and one of the units, their product at most `max`. */
static enum err parse_with_unit(struct slice s, const struct unit *units, size_t n, uint64_t max,
                                uint64_t *out) {
	uint64_t value;
	enum err e = take_digits(&s, UINT64_MAX, &value);
	if (e) return e;
	for (size_t i = 0; i < n; i++) {
		if (!slice_is(s, units[i].name)) continue;
		if (value > max / units[i].factor) return ERR_INVALID;
		*out = value * units[i].factor;
		return ERR_OK;
	}
	return ERR_INVALID;
}

enum err parse_duration_ms(struct slice s, uint64_t max_ms, uint64_t *out) {
	static const struct unit units[] = {
		{"ms", 1},
		{"s", 1000},
		{"m", 60 * 1000},
		{"h", 3600 * 1000},
		{"d", 24 * 3600 * 1000},
	};
	return parse_with_unit(s, units, sizeof units / sizeof *units, max_ms, out);
}

enum err parse_bytes(struct slice s, uint64_t max, uint64_t *out) {
	static const struct unit units[] = {
		{"", 1},
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
	};
	return parse_with_unit(s, units, sizeof units / sizeof *units, max, out);
}

/* Length of the sequence at p, or 0 (Unicode standard, table 3-7). */
static size_t utf8_sequence(const uint8_t *p, size_t len) {
	uint8_t lead = p[0], low = 0x80, high = 0xbf;
	if (lead < 0x80) return 1;
	if (lead < 0xc2 || lead > 0xf4) return 0;
	size_t need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (len < need) return 0;
	if (lead == 0xe0) low = 0xa0;  /* overlong */
	if (lead == 0xed) high = 0x9f; /* surrogates */
	if (lead == 0xf0) low = 0x90;  /* overlong */
	if (lead == 0xf4) high = 0x8f; /* over U+10FFFF */
	if (p[1] < low || p[1] > high) return 0;
	for (size_t i = 2; i < need; i++)
		if ((p[i] & 0xc0) != 0x80) return 0;
	return need;
}

bool utf8_valid(struct slice s) {
	while (s.len) {
		size_t n = utf8_sequence(s.ptr, s.len);
		if (n == 0) return false;
		s = slice_of(s.ptr + n, s.len - n);
	}
	return true;
}

static bool is_name_start(uint8_t c) {
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_clean(struct slice s) {
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] == 0x7f) return false;
	return true;
}

bool name_valid(struct slice s, size_t max_len) {
	if (s.len == 0 || s.len > max_len || !is_name_start(s.ptr[0])) return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_name_start(s.ptr[i]) && s.ptr[i] != '-') return false;
	return true;
}
