/* A borrowed run of bytes. Never owns, never NUL-terminated by contract; valid
 * as long as whoever owns the bytes says. ptr may be NULL only when len is 0. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *ptr;
	size_t len;
};

#define SLICE_LIT(s) ((struct slice){(const uint8_t *)(s), sizeof(s) - 1})
#define SLICE_FMT "%.*s"
#define SLICE_ARG(s) (int)(s).len, (const char *)(s).ptr

static inline struct slice slice_of(const void *ptr, size_t len) {
	return (struct slice){ptr, len};
}
static inline struct slice slice_str(const char *s) { return slice_of(s, s ? strlen(s) : 0); }
static inline bool slice_eq(struct slice a, struct slice b) {
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool slice_is(struct slice a, const char *s) { return slice_eq(a, slice_str(s)); }
/* memcmp order, shorter first on a tie: the order of keys everywhere. */
int slice_cmp(struct slice a, struct slice b);
bool slice_eq_nocase(struct slice a, struct slice b); /* ASCII only */
bool slice_starts(struct slice a, struct slice prefix);
/* Splits at the first `sep`: returns the part before it and leaves the rest in *s;
 * without `sep` the whole is returned and *s is empty with ptr NULL. */
struct slice slice_cut(struct slice *s, char sep);
struct slice slice_trim(struct slice s); /* spaces and tabs at both ends */
/* Time depends on the lengths only. For secrets. */
bool slice_eq_secret(struct slice a, struct slice b);
