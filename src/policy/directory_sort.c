/* Sorting the entries of a table. Hashes are uniform, so a radix sort from the top digit that
 * works in place (McIlroy, Bostic, McIlroy: Engineering Radix Sort, 1993) touches each of ten
 * million entries about three times. Knows nothing of tenants. */
#include "policy/directory_private.h"

enum { RADIX_BITS = 8, RADIX = 1 << RADIX_BITS, SMALL = 32 };

static bool entry_before(const struct tenant_entry *a, const struct tenant_entry *b) {
	return a->hash != b->hash ? a->hash < b->hash : a->row < b->row;
}

static void sort_small(struct tenant_entry *e, size_t count) {
	for (size_t i = 1; i < count; i++) {
		struct tenant_entry moved = e[i];
		size_t j = i;
		for (; j > 0 && entry_before(&moved, &e[j - 1]); j--) e[j] = e[j - 1];
		e[j] = moved;
	}
}

static size_t digit(const struct tenant_entry *e, int shift) {
	return e->hash >> shift & (RADIX - 1);
}

/* Carries each entry to the next free place of its digit, taking along what stood there. */
static void permute(struct tenant_entry *e, int shift, size_t next[RADIX],
                    const size_t end[RADIX]) {
	for (size_t d = 0; d < RADIX; d++)
		while (next[d] < end[d]) {
			struct tenant_entry carried = e[next[d]];
			while (digit(&carried, shift) != d) {
				struct tenant_entry *place = &e[next[digit(&carried, shift)]++];
				struct tenant_entry displaced = *place;
				*place = carried;
				carried = displaced;
			}
			e[next[d]++] = carried;
		}
}

/* Below the last digit only equal hashes are left, of which there are hardly any: the depth
 * is bounded by the bits of a hash, the insertion sort by their number. */
static void sort_digit(struct tenant_entry *e, size_t count, int shift) {
	if (count <= SMALL || shift < 0) {
		sort_small(e, count);
		return;
	}
	size_t next[RADIX], end[RADIX] = {0}, sum = 0;
	for (size_t i = 0; i < count; i++) end[digit(&e[i], shift)]++;
	for (size_t d = 0; d < RADIX; d++) {
		next[d] = sum;
		end[d] = sum += end[d];
	}
	permute(e, shift, next, end);
	for (size_t d = 0, first = 0; d < RADIX; first = end[d++])
		sort_digit(e + first, end[d] - first, shift - RADIX_BITS);
}

void entries_sort(struct tenant_entry *entries, size_t count) {
	sort_digit(entries, count, 64 - RADIX_BITS);
}
