/* The record codec: vectors, limits, and every byte of a record flipped. */
#include "base/bytes.h"
#include "rig.h"

static const struct op sample_ops[] = {
	{OP_PUT, {(const uint8_t *)"t\0d\0k1", 6}, {(const uint8_t *)"hello", 5}, 1234},
	{OP_DELETE, {(const uint8_t *)"t\0d\0k2", 6}, {NULL, 0}, 0},
	{OP_PUT, {(const uint8_t *)"t\0d\0k3", 6}, {NULL, 0}, 0},
};
static const struct event sample_events[] = {
	{{(const uint8_t *)"d/made", 6}, {(const uint8_t *)"{}", 2}},
	{{(const uint8_t *)"d/gone", 6}, {NULL, 0}},
};

static void sample(struct buf *out, struct position *at) {
	CHECK(record_encode(out, at, 3, 1700000000000, RECORD_DATA, sample_ops, 3, sample_events,
	                    2));
}

static void test_vector(void **state) {
	struct buf b;
	struct position at = {0};
	buf_init(&b, 1 << 20);
	sample(&b, &at);
	assert_int_equal(at.seq, 1);
	assert_int_equal(at.epoch, 3);
	assert_int_equal(b.len, 56 + (16 + 6 + 5) + (16 + 6) + (16 + 6) + (8 + 6 + 2) + (8 + 6));
	const uint8_t *p = buf_slice(&b).ptr;
	assert_int_equal(get_u32(p), b.len);
	assert_int_equal(get_u64(p + 8), 3);
	assert_int_equal(get_u64(p + 16), 1);
	assert_int_equal(get_u64(p + 24), 1700000000000);
	/* Made with Python's hashlib and a bitwise CRC from the layout in record.h. */
	char hash[33] = "";
	hex_encode(slice_of(p + 32, 16), hash);
	assert_string_equal(hash, "e99fc8d9bcae8c99acbfff5a4cd3aab5");
	assert_int_equal(get_u32(p + 4), 0x23c1484a);
	buf_done(&b);
}

static void test_round_trip(void **state) {
	struct buf b;
	struct position at = {.epoch = 2, .seq = 41, .hash = {1, 2, 3}}, before = at;
	struct record r;
	struct op op;
	struct event event;
	buf_init(&b, 1 << 20);
	sample(&b, &at);
	CHECK(record_decode(buf_slice(&b), &r));
	CHECK(record_follows(&r, &before));
	assert_true(position_eq(&r.at, &at));
	assert_int_equal(r.kind, RECORD_DATA);
	struct record_cursor c = record_cursor(&r);
	for (int i = 0; i < 3; i++) {
		CHECK(record_next_op(&c, &op));
		assert_int_equal(op.type, sample_ops[i].type);
		assert_true(slice_eq(op.key, sample_ops[i].key));
		assert_true(slice_eq(op.value, sample_ops[i].value));
		assert_int_equal(op.expires_ms, sample_ops[i].expires_ms);
	}
	CHECK_ERR(record_next_op(&c, &op), NOT_FOUND);
	for (int i = 0; i < 2; i++) {
		CHECK(record_next_event(&c, &event));
		assert_true(slice_eq(event.topic, sample_events[i].topic));
		assert_true(slice_eq(event.body, sample_events[i].body));
	}
	CHECK_ERR(record_next_event(&c, &event), NOT_FOUND);
	buf_done(&b);
}

static void test_chain(void **state) {
	struct buf b;
	struct position at = {0}, start = {0}, other;
	struct record first, second;
	buf_init(&b, 1 << 20);
	sample(&b, &at);
	size_t first_bytes = b.len;
	sample(&b, &at);
	struct slice all = buf_slice(&b);
	CHECK(record_decode(all, &first));
	CHECK(record_decode(slice_of(all.ptr + first_bytes, all.len - first_bytes), &second));
	CHECK(record_follows(&first, &start));
	CHECK(record_follows(&second, &first.at));
	CHECK_ERR(record_follows(&second, &start), CORRUPT);
	other = first.at;
	other.hash[5] ^= 1;
	CHECK_ERR(record_follows(&second, &other), CORRUPT);
	other = first.at;
	other.epoch = 9;
	CHECK_ERR(record_follows(&second, &other), CORRUPT);
	buf_done(&b);
}

static void test_positions(void **state) {
	struct position a = {1, 5, {1}}, b = {1, 5, {2}}, c = {2, 1, {1}};
	assert_true(position_eq(&a, &a));
	assert_false(position_eq(&a, &b));
	assert_int_equal(position_cmp(&a, &b), 0);
	assert_true(position_cmp(&a, &c) < 0); /* epoch first */
	assert_true(position_cmp(&c, &b) > 0);
}

static void test_limits(void **state) {
	static uint8_t big[VALUE_MAX_BYTES + 1];
	static struct op many[RECORD_MAX_OPS + 1];
	struct buf b;
	struct position at = {0}, zero = {0};
	struct record r;
	buf_init(&b, 64 << 20);
	for (int i = 0; i <= RECORD_MAX_OPS; i++)
		many[i] = (struct op){.type = OP_DELETE, .key = slice_of(big, 1)};
	struct op op = {.type = OP_PUT, .key = slice_of(big, KEY_MAX_BYTES + 1)};
	CHECK_ERR(record_encode(&b, &at, 1, 0, RECORD_DATA, &op, 1, NULL, 0), TOO_LARGE);
	op = (struct op){
		.type = OP_PUT, .key = slice_of(big, 1), .value = slice_of(big, sizeof(big))};
	CHECK_ERR(record_encode(&b, &at, 1, 0, RECORD_DATA, &op, 1, NULL, 0), TOO_LARGE);
	CHECK_ERR(record_encode(&b, &at, 1, 0, RECORD_DATA, many, RECORD_MAX_OPS + 1, NULL, 0),
	          TOO_LARGE);
	op.value.len = VALUE_MAX_BYTES;
	const struct op three[] = {op, op, op};
	CHECK_ERR(record_encode(&b, &at, 1, 0, RECORD_DATA, three, 2, NULL, 0), TOO_LARGE);
	CHECK_ERR(record_encode(&b, &at, 1, 0, RECORD_DATA, three, 3, NULL, 0), TOO_LARGE);
	assert_int_equal(b.len, 0);
	assert_true(position_eq(&at, &zero));
	CHECK(record_encode(&b, &at, 1, 0, RECORD_DATA, three, 1, NULL, 0));
	CHECK(record_decode(buf_slice(&b), &r));
	buf_reset(&b);
	CHECK(record_encode(&b, &at, 1, 0, RECORD_DATA, many, RECORD_MAX_OPS, NULL, 0));
	CHECK(record_decode(buf_slice(&b), &r));
	assert_int_equal(r.op_count, RECORD_MAX_OPS);
	buf_done(&b);
}

static void test_every_bit_flipped(void **state) {
	struct buf b;
	struct position at = {0};
	struct record r;
	buf_init(&b, 1 << 20);
	sample(&b, &at);
	uint8_t *p = b.mem + b.start;
	for (size_t i = 0; i < b.len * 8; i++) {
		p[i / 8] ^= (uint8_t)(1 << i % 8);
		enum err err = record_decode(buf_slice(&b), &r);
		assert_true(err == ERR_CORRUPT || err == ERR_NOT_FOUND);
		p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	CHECK(record_decode(buf_slice(&b), &r));
	buf_done(&b);
}

static void test_every_cut(void **state) {
	struct buf b;
	struct position at = {0};
	struct record r;
	buf_init(&b, 1 << 20);
	sample(&b, &at);
	for (size_t len = 0; len < b.len; len++) {
		/* A copy of exactly that size: reading on would be seen by the sanitizer. */
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, buf_slice(&b).ptr, len);
		CHECK_ERR(record_decode(slice_of(copy, len), &r), NOT_FOUND);
		free(copy);
	}
	buf_done(&b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),    cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_chain),     cmocka_unit_test(test_positions),
		cmocka_unit_test(test_limits),    cmocka_unit_test(test_every_bit_flipped),
		cmocka_unit_test(test_every_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
