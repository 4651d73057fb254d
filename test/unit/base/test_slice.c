/* Slices and lists: order, splitting, empty and NULL edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/slice.h"

static struct slice S(const char *s) {
	return slice_str(s);
}

static void
equality_takes_null_and_bytes(void **state) {
	assert_true(slice_eq(slice_of(NULL, 0), S("")));
	assert_true(slice_eq(slice_str(NULL), S("")));
	assert_false(slice_eq(S("a"), S("")));
	assert_true(slice_eq(slice_of("a\0b", 3), slice_of("a\0b", 3)));
	assert_false(slice_eq(slice_of("a\0b", 3), slice_of("a\0c", 3)));
	assert_true(slice_is(S("abc"), "abc"));
	assert_true(slice_eq(SLICE_LIT("abc"), S("abc")));
}

static void order_is_bytewise_shorter_first(void **state) {
	const char *sorted[] = {"", "A", "a", "aa", "ab", "b", "\x7f", "\x80", "\xff"};
	int n = sizeof sorted / sizeof *sorted;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			int order = slice_cmp(S(sorted[i]), S(sorted[j]));
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	assert_int_equal(slice_cmp(slice_of(NULL, 0), S("")), 0);
}

static void case_folds_ascii_only(void **state) {
	assert_true(slice_eq_nocase(S("Content-Length"), S("cONTENT-lENGTH")));
	assert_false(slice_eq_nocase(S("a"), S("ab")));
	assert_false(slice_eq_nocase(S("@"), S("`"))); /* differ by 0x20, are no letters */
	assert_false(slice_eq_nocase(S("["), S("{")));
	assert_false(slice_eq_nocase(S("\xc4"), S("\xe4")));
}

static void prefix(void **state) {
	assert_true(slice_starts(S("abc"), S("ab")));
	assert_true(slice_starts(S("abc"), S("")));
	assert_true(slice_starts(slice_of(NULL, 0), S("")));
	assert_false(slice_starts(S("ab"), S("abc")));
	assert_false(slice_starts(S("abc"), S("b")));
}

static void cut_walks_all_parts(void **state) {
	struct slice s = S("a,,bc");
	assert_true(slice_is(slice_cut(&s, ','), "a"));
	assert_true(slice_is(slice_cut(&s, ','), ""));
	assert_true(slice_is(s, "bc"));
	assert_true(slice_is(slice_cut(&s, ','), "bc"));
	assert_null(s.ptr);
	assert_int_equal(s.len, 0);
	assert_int_equal(slice_cut(&s, ',').len, 0);
}

static void cut_at_the_end_leaves_empty_not_null(void **state) {
	struct slice s = S("a,");
	assert_true(slice_is(slice_cut(&s, ','), "a"));
	assert_int_equal(s.len, 0);
	assert_non_null(s.ptr); /* "a," has two parts, "a" has one */
}

static void trim(void **state) {
	assert_true(slice_is(slice_trim(S(" \t a b\t ")), "a b"));
	assert_int_equal(slice_trim(S(" \t ")).len, 0);
	assert_int_equal(slice_trim(slice_of(NULL, 0)).len, 0);
	assert_true(slice_is(slice_trim(S("\na\r")), "\na\r"));
}

static void secrets(void **state) {
	assert_true(slice_eq_secret(S("secret"), S("secret")));
	assert_false(slice_eq_secret(S("secret"), S("secreT")));
	assert_false(slice_eq_secret(S("secret"), S("secre")));
	assert_true(slice_eq_secret(slice_of(NULL, 0), S("")));
}

struct item {
	int number;
	struct list_node node;
};

static void list_keeps_order_and_count(void **state) {
	struct list l;
	struct item items[5];
	list_init(&l);
	assert_null(list_pop_front(&l));
	for (int i = 0; i < 5; i++) {
		items[i].number = i;
		list_push_back(&l, &items[i].node);
	}
	int seen = 0;
	LIST_EACH (&l, n) { /* removing the current one is allowed */
		struct item *item = CONTAINER_OF(n, struct item, node);
		assert_int_equal(item->number, seen++);
		if (item->number % 2) list_remove(&l, n);
	}
	assert_int_equal(seen, 5);
	assert_int_equal(l.count, 3);
	for (int i = 0; i < 5; i += 2) assert_ptr_equal(list_pop_front(&l), &items[i].node);
	assert_true(list_empty(&l));
	assert_int_equal(l.count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_takes_null_and_bytes),
		cmocka_unit_test(order_is_bytewise_shorter_first),
		cmocka_unit_test(case_folds_ascii_only),
		cmocka_unit_test(prefix),
		cmocka_unit_test(cut_walks_all_parts),
		cmocka_unit_test(cut_at_the_end_leaves_empty_not_null),
		cmocka_unit_test(trim),
		cmocka_unit_test(secrets),
		cmocka_unit_test(list_keeps_order_and_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
