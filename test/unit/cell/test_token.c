/* Tokens: what we signed comes back; nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cell/token.h"

static const struct slice secret = SLICE_LIT("a secret of the cluster");

static void comes_back(void **state) {
	struct token in = {token_cell_hash("eu-1"), 7, 1234567890123u}, out = {0};
	char text[TOKEN_TEXT_MAX];
	size_t len = token_encode(&in, secret, text);
	assert_int_equal(strlen(text), len);
	assert_int_equal(token_decode(slice_of(text, len), secret, &out), ERR_OK);
	assert_int_equal(out.cell_hash, in.cell_hash);
	assert_int_equal(out.epoch, in.epoch);
	assert_int_equal(out.seq, in.seq);
}

static void other_secret_is_refused(void **state) {
	struct token in = {token_cell_hash("eu-1"), 7, 9}, out;
	char text[TOKEN_TEXT_MAX];
	size_t len = token_encode(&in, secret, text);
	assert_int_equal(token_decode(slice_of(text, len), SLICE_LIT("another"), &out),
	                 ERR_INVALID);
	assert_int_equal(token_decode(slice_of(text, len), SLICE_LIT(""), &out), ERR_INVALID);
}

/* Every bit of every character: another spelling of the same bytes would be one, too. */
static void every_flipped_bit_is_refused(void **state) {
	struct token in = {token_cell_hash("eu-1"), UINT64_MAX, UINT64_MAX}, out;
	char text[TOKEN_TEXT_MAX];
	size_t len = token_encode(&in, secret, text);
	for (size_t i = 0; i < len * 8; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(token_decode(slice_of(text, len), secret, &out), ERR_INVALID);
		text[i / 8] ^= (char)(1 << i % 8);
	}
	assert_int_equal(token_decode(slice_of(text, len), secret, &out), ERR_OK);
}

static void every_other_length_is_refused(void **state) {
	struct token in = {1, 2, 3}, out;
	char text[TOKEN_TEXT_MAX + 8];
	size_t len = token_encode(&in, secret, text);
	memset(text + len, 'A', sizeof text - len);
	for (size_t n = 0; n < sizeof text; n++)
		if (n != len)
			assert_int_equal(token_decode(slice_of(text, n), secret, &out),
			                 ERR_INVALID);
}

static void cells_differ(void **state) {
	assert_int_not_equal(token_cell_hash("eu-1"), token_cell_hash("eu-2"));
	assert_int_equal(token_cell_hash("eu-1"), token_cell_hash("eu-1"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(other_secret_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(cells_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
