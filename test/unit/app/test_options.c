/* Command line options: all commands read them alike, and nothing is taken for what it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/command.h"

enum { ARGS_MAX = 10 };

struct parsed {
	const char *dir, *config, *json;
	int words;
	const char *argv[ARGS_MAX];
};

/* argv ends with NULL; it is changed, as a program's may be. */
static struct parsed parse(const char *const *argv) {
	struct parsed p = {0};
	int argc = 0;
	for (; argv[argc]; argc++) p.argv[argc] = argv[argc];
	const struct option_spec specs[] = {{"dir", true, &p.dir},
	                                    {"config|c", true, &p.config},
	                                    {"json", false, &p.json},
	                                    {0}};
	p.words = options_parse(argc, (char **)p.argv, specs, "help\n");
	return p;
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void words_and_options_may_be_mixed(void **state) {
	struct parsed p = PARSE("put", "--dir", "d", "key", "-c", "file", "--json", "value");
	assert_int_equal(p.words, 3);
	assert_string_equal(p.argv[0], "put");
	assert_string_equal(p.argv[1], "key");
	assert_string_equal(p.argv[2], "value");
	assert_string_equal(p.dir, "d");
	assert_string_equal(p.config, "file");
	assert_non_null(p.json);
}

static void a_value_may_follow_an_equals_sign(void **state) {
	struct parsed p = PARSE("--dir=a=b", "--config=");
	assert_int_equal(p.words, 0);
	assert_string_equal(p.dir, "a=b");
	assert_string_equal(p.config, "");
	assert_null(p.json);
}

static void the_last_one_wins(void **state) {
	struct parsed p = PARSE("--dir", "a", "--dir", "b");
	assert_string_equal(p.dir, "b");
}

static void a_dash_alone_and_all_behind_two_are_words(void **state) {
	struct parsed p = PARSE("put", "-", "--", "--dir", "-5");
	assert_int_equal(p.words, 4);
	assert_string_equal(p.argv[1], "-");
	assert_string_equal(p.argv[2], "--dir");
	assert_string_equal(p.argv[3], "-5");
	assert_null(p.dir);
}

static void what_is_wrong_is_refused(void **state) {
	assert_int_equal(PARSE("--dirr", "d").words, -1);
	assert_int_equal(PARSE("-d", "d").words, -1);
	assert_int_equal(PARSE("-config", "f").words, -1);
	assert_int_equal(PARSE("--c", "f").words, -1);
	assert_int_equal(PARSE("-5").words, -1);
	assert_int_equal(PARSE("--dir").words, -1);
	assert_int_equal(PARSE("--json=yes").words, -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_options_may_be_mixed),
		cmocka_unit_test(a_value_may_follow_an_equals_sign),
		cmocka_unit_test(the_last_one_wins),
		cmocka_unit_test(a_dash_alone_and_all_behind_two_are_words),
		cmocka_unit_test(what_is_wrong_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
