/* What is said to etcd and what it answers: our values inside, requests byte by byte, answers as
 * etcd 3.4 writes them, and what must not be taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/etcd_text.h"

static struct buf out;
static struct etcd_answer said;

static int set_up(void **state) {
	buf_init(&out, ETCD_REQUEST_MAX);
	said = (struct etcd_answer){0};
	return 0;
}
static int tear_down(void **state) {
	buf_done(&out);
	etcd_answer_done(&said);
	return 0;
}

static const char *text(void) {
	const char *t = NULL;
	assert_int_equal(buf_cstr(&out, &t), ERR_OK);
	return t;
}

static enum err answer(const char *json) {
	etcd_answer_done(&said);
	return etcd_answer_read(slice_str(json), &said);
}

/* --- values -------------------------------------------------------------------------------- */

static void a_value_keeps_its_mark(void **state) {
	const struct etcd_mark mark = {0x1234567890abcdef, 0x2a};
	struct etcd_mark found;
	struct slice value;
	assert_int_equal(etcd_store_value(&mark, SLICE_LIT("a\nb"), &out), ERR_OK);
	assert_string_equal(text(), "1234567890abcdef/2a\na\nb");
	etcd_stored_value(buf_slice(&out), &found, &value);
	assert_true(found.writer == mark.writer && found.number == mark.number);
	assert_true(slice_is(value, "a\nb"));
	buf_reset(&out);
	const struct etcd_mark most = {UINT64_MAX, UINT64_MAX};
	assert_int_equal(etcd_store_value(&most, slice_of(NULL, 0), &out), ERR_OK);
	assert_int_equal(out.len, ETCD_MARK_MAX);
	etcd_stored_value(buf_slice(&out), &found, &value);
	assert_true(found.number == UINT64_MAX && value.len == 0);
}

static void a_value_by_hand_has_no_mark(void **state) {
	const char *const values[] = {"",
	                              "\n",
	                              "epoch=7",
	                              "1234567890abcdef/2a",
	                              "1234567890abcde/2a\nv",
	                              "1234567890abcdef0/2a\nv",
	                              "1234567890ABCDEF/2a\nv",
	                              "1234567890abcdef/\nv",
	                              "1234567890abcdef/11111111111111111\nv",
	                              "1234567890abcdef/2a /\nv"};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct etcd_mark mark;
		struct slice value;
		etcd_stored_value(slice_str(values[i]), &mark, &value);
		assert_int_equal(mark.number, 0);
		assert_true(slice_is(value, values[i]));
	}
}

static void lives_are_read_strictly(void **state) {
	uint32_t g = 0, b = 0;
	assert_int_equal(etcd_life_encode(3, 4294967295u, &out), ERR_OK);
	assert_string_equal(text(), "generation=3 beat=4294967295");
	assert_int_equal(etcd_life_decode(buf_slice(&out), &g, &b), ERR_OK);
	assert_true(g == 3 && b == UINT32_MAX);
	const char *const bad[] = {"",
	                           "generation=1",
	                           "generation=1 beat=",
	                           "beat=1 generation=1",
	                           "generation=1 beat=4294967296",
	                           "generation=1 beat=1 ",
	                           "generation=1  beat=1",
	                           "generation=-1 beat=1"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(etcd_life_decode(slice_str(bad[i]), &g, &b), ERR_INVALID);
}

/* --- requests --------------------------------------------------------------------------------- */

static void requests_are_what_etcd_expects(void **state) {
	assert_int_equal(etcd_ask_read(SLICE_LIT("/h/a"), &out), ERR_OK);
	assert_string_equal(text(), "{\"key\":\"L2gvYQ==\"}");
	buf_reset(&out);
	assert_int_equal(etcd_ask_list(SLICE_LIT("/h/"), SLICE_LIT("/h/a"), 9, &out), ERR_OK);
	assert_string_equal(text(),
	                    "{\"key\":\"L2gvYQ==\",\"range_end\":\"L2gw\",\"limit\":\"128\","
	                    "\"revision\":\"9\"}");
	buf_reset(&out);
	assert_int_equal(etcd_ask_put(SLICE_LIT("/h/a"), 7, SLICE_LIT("v"), &out), ERR_OK);
	assert_string_equal(text(),
	                    "{\"compare\":[{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":"
	                    "\"L2gvYQ==\",\"mod_revision\":\"7\"}],\"success\":[{\"request_put\":{"
	                    "\"key\":\"L2gvYQ==\",\"value\":\"dg==\"}}],\"failure\":[{"
	                    "\"request_range\":{\"key\":\"L2gvYQ==\"}}]}");
	buf_reset(&out);
	assert_int_equal(etcd_ask_watch(SLICE_LIT("/h/"), 12, &out), ERR_OK);
	assert_string_equal(text(), "{\"create_request\":{\"key\":\"L2gv\",\"range_end\":\"L2gw\","
	                            "\"start_revision\":\"12\",\"progress_notify\":true,"
	                            "\"fragment\":true}}");
	buf_reset(&out);
	assert_int_equal(etcd_ask_login("u\"", "p\\\n", &out), ERR_OK);
	assert_string_equal(text(), "{\"name\":\"u\\\"\",\"password\":\"p\\\\\\n\"}");
	assert_int_equal(etcd_ask_login("\xff", "p", &out), ERR_INVALID);
	assert_int_equal(etcd_ask_list(SLICE_LIT(""), SLICE_LIT(""), 0, &out), ERR_INVALID);
}

/* --- answers ------------------------------------------------------------------------------------- */

#define HEADER "\"header\":{\"cluster_id\":\"14064829369057666914\",\"revision\":\"12\"}"
#define KV "{\"key\":\"L2gvYQ==\",\"mod_revision\":\"2\",\"value\":\"aGVsbG8=\"}"

static void reads_and_puts_are_answered(void **state) {
	assert_int_equal(answer("{" HEADER ",\"kvs\":[" KV "],\"more\":true,\"count\":\"7\"}"),
	                 ERR_OK);
	assert_true(said.cluster == 14064829369057666914u && said.revision == 12 && said.more);
	assert_int_equal(said.count, 1);
	assert_true(slice_is(said.entries[0].key, "/h/a"));
	assert_true(slice_is(said.entries[0].value, "hello"));
	assert_int_equal(said.entries[0].revision, 2);
	assert_int_equal(answer("{" HEADER "}"), ERR_OK);
	assert_true(said.count == 0 && !said.more && !said.succeeded);
	assert_int_equal(
		answer("{" HEADER ",\"succeeded\":true,\"responses\":[{\"response_put\":{}}]}"),
		ERR_OK);
	assert_true(said.succeeded);
	assert_int_equal(
		answer("{" HEADER ",\"responses\":[{\"response_range\":{\"kvs\":[" KV "]}}]}"),
		ERR_OK);
	assert_true(!said.succeeded && said.count == 1);
	assert_int_equal(answer("{" HEADER ",\"token\":\"abc.12\"}"), ERR_OK);
	assert_string_equal(said.token, "abc.12");
}

static void messages_of_a_watch(void **state) {
	assert_int_equal(answer("{\"result\":{" HEADER ",\"created\":true}}"), ERR_OK);
	assert_true(said.created && !said.canceled && said.revision == 12);
	assert_int_equal(answer("{\"result\":{" HEADER ",\"fragment\":true,\"events\":[{\"kv\":" KV
	                        "},{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2gvYQ==\","
	                        "\"mod_revision\":\"3\"}}]}}"),
	                 ERR_OK);
	assert_int_equal(said.count, 2);
	assert_true(said.fragment && !said.entries[0].deleted && said.entries[1].deleted);
	assert_int_equal(answer("{\"result\":{" HEADER ",\"canceled\":true,"
	                        "\"compact_revision\":\"40\",\"cancel_reason\":\"why\"}}"),
	                 ERR_OK);
	assert_true(said.canceled);
	assert_string_equal(said.text, "why");
}

static void errors_are_told_apart(void **state) {
	const struct {
		const char *text;
		int code;
		enum err err;
	} cases[] = {
		{"etcdserver: invalid auth token", 16, ERR_UNAUTHENTICATED},
		{"etcdserver: user name is empty", 3, ERR_UNAUTHENTICATED},
		{"etcdserver: authentication failed, invalid user ID or password", 3,
	         ERR_FORBIDDEN},
		{"etcdserver: permission denied", 7, ERR_FORBIDDEN},
		{"etcdserver: authentication is not enabled", 9, ERR_FORBIDDEN},
		{"etcdserver: mvcc: database space exceeded", 8, ERR_NO_SPACE},
		{"etcdserver: too many requests", 8, ERR_UNAVAILABLE},
		{"etcdserver: mvcc: required revision has been compacted", 11, ERR_NOT_FOUND},
		{"etcdserver: mvcc: required revision is a future revision", 11, ERR_UNAVAILABLE},
		{"etcdserver: no leader", 14, ERR_UNAVAILABLE},
		{"what nobody has seen yet", 99, ERR_UNAVAILABLE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char json[300];
		snprintf(json, sizeof json, "{\"error\":\"%s\",\"message\":\"x\",\"code\":%d}",
		         cases[i].text, cases[i].code);
		assert_int_equal(answer(json), ERR_OK);
		assert_int_equal(said.error, cases[i].err);
		assert_string_equal(said.text, cases[i].text);
		snprintf(json, sizeof json, "{\"error\":{\"grpc_code\":%d,\"message\":\"%s\"}}",
		         cases[i].code, cases[i].text);
		assert_int_equal(answer(json), ERR_OK);
		assert_int_equal(said.error, cases[i].err);
	}
}

static void nothing_else_is_an_answer(void **state) {
	const char *const bad[] = {
		"",
		"[]",
		"null",
		"{" HEADER,
		"{" HEADER "}{",
		"{" HEADER "," HEADER "}",
		"{\"header\":[]}",
		"{\"header\":{\"cluster_id\":1,\"revision\":\"1\"}}",
		"{\"header\":{\"cluster_id\":\"1\",\"revision\":\"-1\"}}",
		"{\"header\":{\"cluster_id\":\"18446744073709551616\",\"revision\":\"1\"}}",
		"{" HEADER ",\"kvs\":{}}",
		"{" HEADER ",\"kvs\":[1]}",
		"{" HEADER ",\"kvs\":[{\"key\":\"L2gvYQ==\"}]}",
		"{" HEADER ",\"kvs\":[{\"mod_revision\":\"2\"}]}",
		"{" HEADER ",\"kvs\":[{\"key\":\"L2gvYQ\",\"mod_revision\":\"2\"}]}",
		"{" HEADER ",\"kvs\":[{\"key\":\"L2gvYR==\",\"mod_revision\":\"2\"}]}",
		"{" HEADER ",\"succeeded\":1}",
		"{" HEADER ",\"responses\":[]}",
		"{" HEADER ",\"responses\":[{\"response_put\":{}}]}",
		"{" HEADER ",\"kvs\":[" KV "],\"responses\":[{\"response_range\":{\"kvs\":[" KV
		"]}}]}",
		"{" HEADER ",\"token\":\"a\\nb\"}",
		"{\"result\":[]}",
		"{\"result\":{\"events\":[{}]}}",
		"{\"result\":{\"events\":[{\"type\":\"LOCK\",\"kv\":" KV "}]}}",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (answer(bad[i]) != ERR_CORRUPT) fail_msg("taken for an answer: %s", bad[i]);
	char *much = malloc(ETCD_ANSWER_MAX + 1);
	memset(much, ' ', ETCD_ANSWER_MAX + 1);
	assert_int_equal(etcd_answer_read(slice_of(much, ETCD_ANSWER_MAX + 1), &said),
	                 ERR_TOO_LARGE);
	free(much);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(a_value_keeps_its_mark),      CASE(a_value_by_hand_has_no_mark),
		CASE(lives_are_read_strictly),     CASE(requests_are_what_etcd_expects),
		CASE(reads_and_puts_are_answered), CASE(messages_of_a_watch),
		CASE(errors_are_told_apart),       CASE(nothing_else_is_an_answer),
	};
	return cmocka_run_group_tests_name("etcd-text", tests, NULL, NULL);
}
