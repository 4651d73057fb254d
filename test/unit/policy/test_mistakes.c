/* Bad policies → exactly what is said of them, and where. The texts are the interface
 * to the person who mends the file, so they are compared whole. */
#include "fixture.h"

#define R                                                                                          \
	"regions: {a: {jurisdiction: us, location: [0, 0]}, b: {jurisdiction: us, location: [1, "  \
	"1]},"                                                                                     \
	" far: {jurisdiction: eu, location: [2, 2]}}\n"
#define S "residency: {ab: {regions: [a, b], transit: refuse}, any: {regions: all}}\n"
#define C "cells: {x: {replicas: [a, b]}, y: {replicas: [a, far]}}\n"
#define T(fields) R S C "tenants:\n  t: {residency: ab, cell: x, " fields "}\n"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *yaml, *said;
} cases[] = {
#include "mistakes.inc"
};

static void says_exactly_that(void **state) {
	static struct reported r;
	int wrong = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct policy *p;
		enum err e = load_text(cases[i].yaml, &r, &p);
		if (e == ERR_INVALID && !p && strcmp(r.text, cases[i].said) == 0) continue;
		wrong++;
		print_error("case %zu, %s\n%s--- said\n%s--- expected\n%s\n", i, err_name(e),
		            cases[i].yaml, r.text, cases[i].said);
	}
	assert_int_equal(wrong, 0);
}

static char *repeat(const char *head, const char *unit, int times, const char *tail) {
	size_t unit_len = strlen(unit), head_len = strlen(head);
	char *text = malloc(head_len + unit_len * (size_t)times + strlen(tail) + 1);
	assert_non_null(text);
	memcpy(text, head, head_len);
	for (int i = 0; i < times; i++)
		memcpy(text + head_len + unit_len * (size_t)i, unit, unit_len);
	memcpy(text + head_len + unit_len * (size_t)times, tail, strlen(tail) + 1);
	return text;
}

static void expect_made(char *yaml, const char *said) {
	static struct reported r;
	struct policy *p;
	assert_int_equal(load_text(yaml, &r, &p), ERR_INVALID);
	assert_string_equal(r.text, said);
	free(yaml);
}

static void depth_is_bounded(void **state) {
	expect_made(repeat("regions:\n  ", "[", 40, "\n"),
	            "2:34: nested too deep; expected at most 32 levels\n");
	expect_made(repeat("", "{a: ", 100000, "\n"),
	            "1:129: nested too deep; expected at most 32 levels\n");
}

static void nodes_are_bounded(void **state) {
	expect_made(repeat("regions: [", "1,", 4000001, "]\n"),
	            "1:8000007: too many values; expected at most 4000000 in a file\n");
}

static void bytes_are_bounded(void **state) {
	static struct reported r = {.len = 0};
	struct policy *p;
	char *yaml = repeat("#", "#", 64 << 20, "\n");
	assert_int_equal(load_text(yaml, &r, &p), ERR_TOO_LARGE);
	assert_string_equal(r.text, "1:1: 67108866 bytes; expected at most 64 MiB\n");
	free(yaml);
}

static void at_most_fifty_are_reported(void **state) {
	static struct reported r;
	struct policy *p;
	char *yaml = repeat("regions:\n", "  A: {}\n", 30, "residency: {}\n");
	assert_int_equal(load_text(yaml, &r, &p), ERR_INVALID);
	free(yaml);
	yaml = repeat("regions: {a: {jurisdiction: x, location: [", "9,", 3, "100]}}\nwrong: 1\n");
	assert_int_equal(load_text(yaml, &r, &p), ERR_INVALID);
	free(yaml);
	yaml = malloc(64 << 10);
	assert_non_null(yaml);
	size_t len = 0;
	for (int i = 0; i < 1000; i++) len += (size_t)snprintf(yaml + len, 32, "key%d: 1\n", i);
	assert_int_equal(load_text(yaml, &r, &p), ERR_INVALID);
	assert_int_equal(r.count, 50);
	free(yaml);
}

static void too_many_regions(void **state) {
	char yaml[16 << 10];
	size_t len =
		(size_t)snprintf(yaml, sizeof yaml, "residency: {x: {regions: all}}\nregions:\n");
	for (int i = 0; i < 65; i++)
		len += (size_t)snprintf(yaml + len, sizeof yaml - len,
		                        "  r%d: {jurisdiction: us, location: [0, 0]}\n", i);
	static struct reported r;
	struct policy *p;
	assert_int_equal(load_text(yaml, &r, &p), ERR_INVALID);
	assert_string_equal(r.text, "2:1: regions: 65 regions; expected at most 64\n");
}

/* A pasted key must not travel into logs and terminals. */
static void a_key_itself_is_not_repeated(void **state) {
	static struct reported r;
	struct policy *p;
	assert_int_equal(load_text(T("keys: [hf_acme_verysecret]"), &r, &p), ERR_INVALID);
	assert_null(strstr(r.text, "verysecret"));
	assert_int_equal(load_text(T("keys: hf_acme_verysecret"), &r, &p), ERR_INVALID);
	assert_null(strstr(r.text, "verysecret"));
}

static void broken_utf8_is_placed(void **state) {
	static struct reported r;
	struct policy *p;
	assert_int_equal(load_text("# ok\nregions: \xc3\xa4\xc3\x28\n", &r, &p), ERR_INVALID);
	assert_string_equal(r.text, "2:11: the byte 0xc3 is not UTF-8; expected UTF-8 text\n");
	assert_int_equal(load_text("\xff\xfer\0", &r, &p), ERR_INVALID);
	assert_string_equal(r.text, "1:1: the byte 0xff is not UTF-8; expected UTF-8 text\n");
	struct slice nul = SLICE_LIT("regions: {}\nab\0c: 1\n");
	r = (struct reported){.len = 0};
	assert_int_equal(policy_load(nul, "p.yaml", report_keep, &r, &p), ERR_INVALID);
	assert_string_equal(
		r.text,
		"2:3: the character U+0000 may not stand in YAML; expected printable UTF-8 text\n");
}

static void nobody_listens(void **state) {
	struct policy *p;
	assert_int_equal(policy_load(SLICE_LIT("a: 1"), "p.yaml", NULL, NULL, &p), ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_exactly_that),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(nodes_are_bounded),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(at_most_fifty_are_reported),
		cmocka_unit_test(too_many_regions),
		cmocka_unit_test(a_key_itself_is_not_repeated),
		cmocka_unit_test(broken_utf8_is_placed),
		cmocka_unit_test(nobody_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
