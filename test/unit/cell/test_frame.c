/* Frames: every type there and back, every kind of damage refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "frame_replay.h"

enum { TYPES = FRAME_VOUCHED };
static struct buf out;

static struct frame sample(enum frame_type type) {
	struct frame f = {.type = type,
	                  .cell = 3,
	                  .epoch = 77,
	                  .seq = 0x1122334455667788,
	                  .stamp = 99,
	                  .flag = true,
	                  .at = {5, 6, "0123456789abcde"},
	                  .bytes = SLICE_LIT("payload")};
	for (int i = 0; i < FRAME_REPLICAS_MAX; i++) f.lag_ms[i] = 1000u + (uint32_t)i;
	if (type == FRAME_HELLO) f.epoch = f.cell = 0;
	return f;
}

static int setup(void **state) {
	buf_init(&out, FRAME_MAX_BYTES);
	return 0;
}

static int teardown(void **state) {
	buf_done(&out);
	return 0;
}

static void every_type_comes_back(void **state) {
	for (int type = 1; type <= TYPES; type++) {
		struct frame f = sample((enum frame_type)type), g;
		size_t used;
		buf_reset(&out);
		assert_int_equal(frame_encode(&f, &out), ERR_OK);
		assert_int_equal(frame_decode(buf_slice(&out), &g, &used), ERR_OK);
		assert_int_equal(used, out.len);
		assert_int_equal(g.type, type);
		assert_int_equal(g.epoch, f.epoch);
		assert_int_equal(g.cell, f.cell);
		frame_replay(buf_slice(&out));
	}
}

static void fields_of_a_type_are_kept(void **state) {
	struct frame f = sample(FRAME_HEARTBEAT), g;
	size_t used;
	assert_int_equal(frame_encode(&f, &out), ERR_OK);
	assert_int_equal(frame_decode(buf_slice(&out), &g, &used), ERR_OK);
	assert_true(g.seq == f.seq && g.stamp == f.stamp && g.flag && position_eq(&g.at, &f.at));
	assert_memory_equal(g.lag_ms, f.lag_ms, sizeof f.lag_ms);
	assert_int_equal(g.bytes.len, 0);
	buf_reset(&out);
	f = sample(FRAME_RECORDS);
	assert_int_equal(frame_encode(&f, &out), ERR_OK);
	assert_int_equal(frame_decode(buf_slice(&out), &g, &used), ERR_OK);
	assert_true(slice_is(g.bytes, "payload") && g.seq == f.seq && !g.flag);
}

static void two_in_a_row(void **state) {
	struct frame f = sample(FRAME_ACK), g;
	size_t used;
	assert_int_equal(frame_encode(&f, &out), ERR_OK);
	size_t first = out.len;
	f = sample(FRAME_SEAL);
	assert_int_equal(frame_encode(&f, &out), ERR_OK);
	struct slice all = buf_slice(&out);
	assert_int_equal(frame_decode(all, &g, &used), ERR_OK);
	assert_int_equal(used, first);
	assert_int_equal(frame_decode(slice_of(all.ptr + used, all.len - used), &g, &used), ERR_OK);
	assert_int_equal(g.type, FRAME_SEAL);
}

/* The checksum covers all but the length; a wrong length fails one way or the other. */
static void every_flipped_bit_is_seen(void **state) {
	for (int type = 1; type <= TYPES; type++) {
		struct frame f = sample((enum frame_type)type), g;
		buf_reset(&out);
		assert_int_equal(frame_encode(&f, &out), ERR_OK);
		struct slice all = buf_slice(&out);
		for (size_t bit = 0; bit < all.len * 8; bit++) {
			uint8_t *bytes = out.mem + out.start;
			size_t used;
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_not_equal(frame_decode(all, &g, &used), ERR_OK);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

/* Damage that somebody gave a good checksum: what decodes still encodes to the same bytes. */
static void forged_frames_are_canonical(void **state) {
	uint64_t random = 1;
	for (int round = 0; round < 40000; round++) {
		struct frame f = sample((enum frame_type)(1 + round % TYPES));
		buf_reset(&out);
		assert_int_equal(frame_encode(&f, &out), ERR_OK);
		uint8_t *bytes = out.mem + out.start;
		for (int i = 0; i < 1 + round % 3; i++) {
			random = mix64(random + (uint64_t)round + 1);
			bytes[8 + random % (out.len - 8)] = (uint8_t)(random >> 32);
		}
		if (round % 4 == 0) buf_truncate(&out, 20 + random % (out.len - 19));
		put_u32(bytes, (uint32_t)out.len);
		put_u32(bytes + 4, crc32c(0, bytes + 8, out.len - 8));
		frame_replay(buf_slice(&out));
	}
}

static void what_is_too_long_is_not_waited_for(void **state) {
	uint8_t bytes[8] = {0};
	struct frame g;
	size_t used;
	put_u32(bytes, FRAME_MAX_BYTES + 1);
	assert_int_equal(frame_decode(slice_of(bytes, 4), &g, &used), ERR_CORRUPT);
	put_u32(bytes, FRAME_HEADER_BYTES - 1);
	assert_int_equal(frame_decode(slice_of(bytes, 4), &g, &used), ERR_CORRUPT);
	put_u32(bytes, FRAME_MAX_BYTES);
	assert_int_equal(frame_decode(slice_of(bytes, 8), &g, &used), ERR_NOT_FOUND);
	static uint8_t large[FRAME_MAX_BYTES];
	struct frame f = sample(FRAME_RECORDS);
	f.bytes = slice_of(large, sizeof large);
	assert_int_equal(frame_encode(&f, &out), ERR_TOO_LARGE);
	assert_int_equal(out.len, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_type_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(fields_of_a_type_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(two_in_a_row, setup, teardown),
		cmocka_unit_test_setup_teardown(every_flipped_bit_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(forged_frames_are_canonical, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_too_long_is_not_waited_for, setup,
	                                        teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
