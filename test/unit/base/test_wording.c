/* What messages show of bytes from outside, and which misspelt words are guessed. */
#include "base/wording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void shown_is_fit_for_a_message(void **state) {
	assert_string_equal(show(SLICE_LIT("eu-west")).text, "'eu-west'");
	assert_string_equal(show(SLICE_LIT("a\x1b[2J\n.\x7f")).text, "'a?[2J?.?'");
	assert_string_equal(show(SLICE_LIT("")).text, "''");
}

static void long_values_are_cut_between_characters(void **state) {
	assert_string_equal(show(SLICE_LIT("0123456789012345678901234567890123456789x")).text,
	                    "'0123456789012345678901234567890123456789…'");
	assert_string_equal(show(SLICE_LIT("012345678901234567890123456789012345678éé")).text,
	                    "'012345678901234567890123456789012345678…'");
}

static struct slice guess(const char *wanted) {
	static const char *const known[] = {"tenant", "region", "request.path", "id"};
	struct suggestion s = suggestion_start(slice_str(wanted));
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		suggestion_offer(&s, slice_str(known[i]));
	return s.best;
}

static void the_nearest_word_is_guessed(void **state) {
	assert_true(slice_is(guess("tennant"), "tenant"));
	assert_true(slice_is(guess("etnant"), "tenant"));
	assert_true(slice_is(guess("request.paht"), "request.path"));
	assert_int_equal(guess("jurisdiction").len, 0);
	assert_int_equal(guess("").len, 0);
	assert_int_equal(guess("xy").len, 0); /* every letter wrong */
	assert_int_equal(guess("a-word-that-is-longer-than-any-that-a-person-misspells").len, 0);
}

static void a_guess_reads_well(void **state) {
	struct suggestion s = suggestion_start(SLICE_LIT("regoin"));
	assert_string_equal(suggestion_text(&s).text, "");
	suggestion_offer(&s, SLICE_LIT("region"));
	assert_string_equal(suggestion_text(&s).text, " (did you mean 'region'?)");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shown_is_fit_for_a_message),
		cmocka_unit_test(long_values_are_cut_between_characters),
		cmocka_unit_test(the_nearest_word_is_guessed),
		cmocka_unit_test(a_guess_reads_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
