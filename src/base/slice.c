/* Borrowed runs of bytes: order, search, splitting. Allocates nothing. */
#include "base/slice.h"

#include <openssl/crypto.h>

int slice_cmp(struct slice a, struct slice b) {
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
	if (order != 0) return order;
	return (a.len > b.len) - (a.len < b.len);
}

/* tolower(3) asks the locale; protocols do not. */
static uint8_t ascii_lower(uint8_t c) {
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool slice_eq_nocase(struct slice a, struct slice b) {
	if (a.len != b.len) return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i])) return false;
	return true;
}

bool slice_starts(struct slice a, struct slice prefix) {
	return a.len >= prefix.len && slice_eq(slice_of(a.ptr, prefix.len), prefix);
}

struct slice slice_cut(struct slice *s, char sep) {
	struct slice whole = *s;
	const uint8_t *at = whole.len ? memchr(whole.ptr, sep, whole.len) : NULL;
	if (!at) {
		*s = slice_of(NULL, 0);
		return whole;
	}
	size_t before = (size_t)(at - whole.ptr);
	*s = slice_of(at + 1, whole.len - before - 1);
	return slice_of(whole.ptr, before);
}

static bool is_blank(uint8_t c) {
	return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s) {
	while (s.len && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_blank(s.ptr[s.len - 1])) s.len--;
	return s;
}

bool slice_eq_secret(struct slice a, struct slice b) {
	if (a.len != b.len) return false;
	return a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}
