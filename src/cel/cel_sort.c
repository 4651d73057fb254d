/* Merge sort from the bottom up, over indices. Knows nothing of what it sorts. */
#include "cel/cel_sort.h"

#include "cel/cel_room.h"

struct sorter {
	bool (*precedes)(const void *of, uint32_t a, uint32_t b);
	const void *of;
};

/* [low, middle) and [middle, high) are sorted; the right one goes first only where it must. */
static void merge(const struct sorter *s, const uint32_t *in, uint32_t *out, uint64_t low,
                  uint64_t middle, uint64_t high) {
	uint64_t left = low, right = middle;
	for (uint64_t i = low; i < high; i++) {
		bool take_right =
			left == middle || (right < high && s->precedes(s->of, in[right], in[left]));
		out[i] = take_right ? in[right++] : in[left++];
	}
}

uint32_t *cel_sort(struct cel_call *c, uint32_t count,
                   bool (*precedes)(const void *of, uint32_t a, uint32_t b), const void *of,
                   struct cel_value *out) {
	struct sorter s = {precedes, of};
	uint32_t *now = cel_room_bytes(c, (size_t)count * 2 * sizeof *now, out);
	if (!now) return NULL;
	uint32_t *next = now + count;
	for (uint32_t i = 0; i < count; i++) now[i] = i;
	for (uint64_t width = 1; width < count; width *= 2) {
		if (!cel_pay(c, count, out)) return NULL;
		for (uint64_t low = 0; low < count; low += width * 2) {
			uint64_t middle = low + width < count ? low + width : count;
			uint64_t high = low + width * 2 < count ? low + width * 2 : count;
			merge(&s, now, next, low, middle, high);
		}
		uint32_t *swap = now;
		now = next;
		next = swap;
	}
	return now;
}
