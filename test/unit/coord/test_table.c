/* The table of keys as bytes: round trips, and every way in which bytes can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "coord/coord.h"
#include "coord/embedded_table.h"

enum { AREA = 5, REVISION = 42 };

static void set(struct table *t, const char *key, const char *value, uint64_t revision) {
	assert_int_equal(table_set(t, slice_str(key), slice_str(value), revision), ERR_OK);
}

static void fill(struct table *t) {
	t->revision = REVISION;
	set(t, "cell/us-2", "home=b", 7);
	set(t, "cell/eu-1", "home=a", 42);
	set(t, "cell/us-1", "", 1);
	set(t, "cell/us-2", "home=c epoch=2", 9);
}

static uint8_t *encode(const struct table *t, size_t *len) {
	*len = table_bytes(t);
	uint8_t *bytes = malloc(*len);
	assert_non_null(bytes);
	table_encode(t, AREA, bytes);
	return bytes;
}

static enum err decode_copy(struct table *t, const uint8_t *bytes, size_t len, uint32_t area,
                            uint64_t revision) {
	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	*t = (struct table){0};
	return table_decode(t, copy, len, area, revision);
}

static void comes_back_as_it_was(void **state) {
	struct table t = {0}, back;
	size_t len, said = 0;
	fill(&t);
	assert_int_equal(t.count, 3);
	uint8_t *bytes = encode(&t, &len);
	assert_int_equal(table_header_bytes(bytes, 1 << 20, &said), ERR_OK);
	assert_int_equal(said, len);
	assert_int_equal(decode_copy(&back, bytes, len, AREA, REVISION), ERR_OK);
	assert_int_equal(back.count, 3);
	for (int i = 0; i < 3; i++) {
		assert_true(slice_eq(back.entries[i].key, t.entries[i].key));
		assert_true(slice_eq(back.entries[i].value, t.entries[i].value));
		assert_int_equal(back.entries[i].revision, t.entries[i].revision);
	}
	assert_true(slice_is(table_find(&back, SLICE_LIT("cell/us-2"))->value, "home=c epoch=2"));
	assert_null(table_find(&back, SLICE_LIT("cell/us-")));
	assert_null(table_find(&back, SLICE_LIT("zzz")));
	free(bytes);
	table_done(&back);
	table_done(&t);
}

static void every_flipped_byte_is_refused(void **state) {
	struct table t = {0}, back;
	size_t len;
	fill(&t);
	uint8_t *bytes = encode(&t, &len);
	for (size_t i = 0; i < len; i++)
		for (int bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(decode_copy(&back, bytes, len, AREA, REVISION),
			                 ERR_CORRUPT);
			assert_null(back.bytes);
			bytes[i] ^= (uint8_t)(1 << bit);
		}
	free(bytes);
	table_done(&t);
}

static void cut_or_misplaced_is_refused(void **state) {
	struct table t = {0}, back;
	size_t len;
	fill(&t);
	uint8_t *bytes = encode(&t, &len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(decode_copy(&back, bytes, i, AREA, REVISION), ERR_CORRUPT);
	assert_int_equal(decode_copy(&back, bytes, len, AREA + 1, REVISION), ERR_CORRUPT);
	assert_int_equal(decode_copy(&back, bytes, len, AREA, REVISION + 1), ERR_CORRUPT);
	free(bytes);
	table_done(&t);
}

/* With a true checksum over false content: what a bug or an attacker would write. */
static void every_false_content_is_refused(void **state) {
	struct table t = {0}, back;
	size_t len;
	fill(&t);
	uint8_t *bytes = encode(&t, &len);
	for (size_t i = 8; i < len; i++) {
		uint8_t before = bytes[i];
		for (int v = 0; v < 256; v += 17) {
			bytes[i] = (uint8_t)v;
			put_u32(bytes + 4, crc32c(0, bytes + 8, len - 8));
			if (decode_copy(&back, bytes, len, AREA, REVISION)) continue;
			for (int k = 0; k < back.count; k++) {
				const struct table_entry *e = &back.entries[k];
				assert_true(e->key.len <= COORD_KEY_MAX);
				assert_true(e->value.len <= COORD_VALUE_MAX);
				assert_true(e->revision >= 1 && e->revision <= REVISION);
				assert_ptr_equal(table_find(&back, e->key), e);
			}
			table_done(&back);
		}
		bytes[i] = before;
	}
	free(bytes);
	table_done(&t);
}

static void many_keys_stay_in_order(void **state) {
	enum { KEYS = 1000 };
	static char keys[KEYS][16];
	struct table t = {.revision = KEYS};
	for (uint64_t i = 0; i < KEYS; i++) {
		snprintf(keys[i], sizeof keys[i], "k%03u", (unsigned)(i * 617 % KEYS));
		set(&t, keys[i], keys[i], i + 1);
	}
	assert_int_equal(t.count, KEYS);
	for (int i = 0; i < KEYS; i++) {
		const struct table_entry *e = table_find(&t, slice_str(keys[i]));
		assert_non_null(e);
		assert_true(slice_is(e->value, keys[i]));
		assert_true(i == 0 || slice_cmp(t.entries[i - 1].key, t.entries[i].key) < 0);
	}
	table_done(&t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(every_flipped_byte_is_refused),
		cmocka_unit_test(cut_or_misplaced_is_refused),
		cmocka_unit_test(every_false_content_is_refused),
		cmocka_unit_test(many_keys_stay_in_order),
	};
	return cmocka_run_group_tests_name("coord-table", tests, NULL, NULL);
}
