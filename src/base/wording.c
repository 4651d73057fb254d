/* Bytes from outside made fit to be shown, and edit distance. Allocates nothing: a mistake must
 * be reportable when memory is what is missing. */
#include "base/wording.h"

#include <stdio.h>

enum { SHOWN_BYTES = 40, SUGGEST_LEN_MAX = 40 };

struct shown show(struct slice value) {
	struct shown out;
	size_t len = value.len;
	if (len > SHOWN_BYTES) {
		len = SHOWN_BYTES;
		while (len && (value.ptr[len] & 0xc0) == 0x80) len--; /* not within a character */
	}
	char clean[SHOWN_BYTES];
	for (size_t i = 0; i < len; i++) {
		uint8_t c = value.ptr[i];
		clean[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	const char *rest = len < value.len ? "…" : "";
	snprintf(out.text, sizeof out.text, "'%.*s%s'", (int)len, clean, rest);
	return out;
}

static int min3(int a, int b, int c) {
	int ab = a < b ? a : b;
	return ab < c ? ab : c;
}

/* Optimal string alignment: insert, delete, replace, swap neighbours; each costs 1. */
static int edit_distance(struct slice a, struct slice b) {
	int rows[3][SUGGEST_LEN_MAX + 1];
	int *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b.len; j++) above[j] = (int)j;
	for (size_t i = 1; i <= a.len; i++) {
		row[0] = (int)i;
		for (size_t j = 1; j <= b.len; j++) {
			int replace = above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
			row[j] = min3(above[j] + 1, row[j - 1] + 1, replace);
			bool swapped = i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
			               a.ptr[i - 2] == b.ptr[j - 1];
			if (swapped && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
		}
		int *free_row = before;
		before = above;
		above = row;
		row = free_row;
	}
	return above[b.len];
}

struct suggestion suggestion_start(struct slice wanted) {
	/* A third of the letters may be wrong; more would suggest the unrelated. */
	int near_enough = wanted.len < 6 ? 2 : (int)(wanted.len / 3) + 1;
	return (struct suggestion){.wanted = wanted, .distance = near_enough};
}

void suggestion_offer(struct suggestion *s, struct slice candidate) {
	if (s->wanted.len == 0 || s->wanted.len > SUGGEST_LEN_MAX) return;
	if (candidate.len == 0 || candidate.len > SUGGEST_LEN_MAX) return;
	size_t longer = s->wanted.len > candidate.len ? s->wanted.len : candidate.len;
	size_t shorter = s->wanted.len + candidate.len - longer;
	if ((int)(longer - shorter) >= s->distance) return;
	int distance = edit_distance(s->wanted, candidate);
	if (distance >= s->distance || distance >= (int)shorter) return;
	s->distance = distance;
	s->best = candidate;
}

struct shown suggestion_text(const struct suggestion *s) {
	struct shown out = {""};
	if (s->best.len == 0) return out;
	snprintf(out.text, sizeof out.text, " (did you mean '" SLICE_FMT "'?)", SLICE_ARG(s->best));
	return out;
}
