/* An edge with its cell, and another region's beside it: what a client sees, in order and when
 * things go away in the middle. */
#include "edge_pair.h"

#include <stdio.h>
#include <string.h>

#include "coord/embedded.h"
#include "io/sim.h"
#include "store/record.h"

static const uint64_t MS = 1000000;

#define ASK(name) struct ask name = {0}
#define HAS(ask, text) assert_non_null(strstr((ask).body, text))

/* --- one after the other ------------------------------------------------------------------ */

static void what_one_region_takes_the_other_gives(void **state) {
	struct pair *w = *state;
	for (int at = 0; at < 2; at++) {
		ASK(put);
		ask_expect(w, &put, at, "PUT", "/v1/data/d/k%20%2Fx", "hello", 204);
		assert_string_equal(put.region, "aa");
		for (int from = 0; from < 2; from++) {
			ASK(get);
			ask_field(&get, "Holdfast-Token", put.token);
			ask_expect(w, &get, from, "GET", "/v1/data/d/k%20%2fx", "", 200);
			assert_string_equal(get.body, "hello");
			assert_string_equal(get.etag, put.etag);
			assert_string_equal(get.region, from ? "bb" : "aa");
		}
		ASK(strong);
		ask_field(&strong, "Holdfast-Consistency", "strong");
		ask_expect(w, &strong, at, "GET", "/v1/data/d/k%20%2fx", "", 200);
		assert_string_equal(strong.region, "aa");
	}
}

/* Who has seen that a key is gone must not see it again elsewhere: the token says how far. */
static void an_absent_key_has_a_token_too(void **state) {
	struct pair *w = *state;
	ASK(get);
	ASK(head);
	ask_expect(w, &get, 0, "GET", "/v1/data/d/none", "", 404);
	assert_true(get.token[0]);
	ask_expect(w, &head, 1, "HEAD", "/v1/data/d/none", "", 404);
	assert_int_equal(head.body_bytes, 0);
}

static void conditions_hold_or_nothing_happens(void **state) {
	struct pair *w = *state;
	ASK(first);
	ASK(second);
	ASK(third);
	ASK(fourth);
	ASK(fifth);
	ASK(match);
	ask_field(&first, "If-None-Match", "*");
	ask_expect(w, &first, 1, "PUT", "/v1/data/d/c", "1", 204);
	ask_field(&second, "If-None-Match", "*");
	ask_expect(w, &second, 0, "PUT", "/v1/data/d/c", "2", 412);
	ask_field(&third, "If-Match", first.etag);
	ask_expect(w, &third, 1, "PUT", "/v1/data/d/c", "3", 204);
	ask_field(&fourth, "If-Match", third.etag);
	ask_field(&fourth, "If-Match", "\"9-9\"");
	ask_expect(w, &fourth, 1, "PUT", "/v1/data/d/c", "4", 400);
	ask_field(&fifth, "If-None-Match", third.etag);
	ask_expect(w, &fifth, 0, "GET", "/v1/data/d/c", "", 304);
	ask_field(&match, "If-Match", first.etag);
	ask_expect(w, &match, 0, "GET", "/v1/data/d/c", "", 412);
}

static void a_key_repeated_is_answered_as_the_first(void **state) {
	static const char tx[] = "{\"add\":[{\"key\":\"d/n\",\"delta\":2}]}";
	struct pair *w = *state;
	for (int i = 0; i < 3; i++) {
		ASK(post);
		ask_field(&post, "Idempotency-Key", "once");
		ask_expect(w, &post, i % 2, "POST", "/v1/tx", tx, 200);
		HAS(post, "\"added\":{\"d/n\":2}");
	}
	ASK(other);
	ask_field(&other, "Idempotency-Key", "once");
	ask_expect(w, &other, 0, "PUT", "/v1/data/d/n", "7", 422);
}

static void transactions_say_where_they_are_wrong(void **state) {
	static const struct {
		const char *body, *says;
		int status;
	} cases[] = {
		{"", "not JSON", 400},
		{"{\"put\":[", "line 1, column", 400},
		{"[]", "must be a JSON object", 400},
		{"{}", "changes nothing", 400},
		{"{\"putt\":[]}", "detail\":\"unknown member 'putt'\"", 400},
		{"{\"put\":[{\"key\":\"d/a\",\"value\":\"1\"}],\"conditons\":[]}", "conditons",
	         400},
		{"{\"put\":[{\"key\":\"d/a\",\"valeu\":\"1\"}]}", "put[0]: unknown member", 400},
		{"{\"put\":[{\"key\":\"d/a\",\"value\":\"1\",\"base64\":\"MQ\"}]}",
	         "either value or base64", 400},
		{"{\"put\":[{\"key\":\"d/a\",\"base64\":\"M\"}]}", "base64url", 400},
		{"{\"put\":[{\"key\":\"a\",\"value\":\"1\"}]}",
	         "put[0]: the key must be domain/key", 400},
		{"{\"put\":[{\"key\":\"D/a\",\"value\":\"1\"}]}", "put[0]: the domain", 400},
		{"{\"put\":[{\"key\":\"d/a\",\"value\":\"1\"}],\"delete\":[\"d/a\"]}", "only once",
	         400},
		{"{\"put\":[{\"key\":\"d/a\",\"value\":\"1\",\"ttl\":\"soon\"}]}", "ttl must be",
	         400},
		{"{\"conditions\":[{\"key\":\"d/a\"}],\"delete\":[\"d/b\"]}", "give one of version",
	         400},
		{"{\"conditions\":[{\"key\":\"d/a\",\"version\":\"x\"}],\"delete\":[\"d/b\"]}",
	         "such as", 400},
		{"{\"add\":[{\"key\":\"d/a\",\"delta\":1,\"min\":5,\"max\":4}]}", "min is greater",
	         400},
		{"{\"add\":[{\"key\":\"d/a\",\"delta\":1,\"max\":0}]}", "leave its bounds", 412},
		{"{\"conditions\":[{\"key\":\"d/a\",\"exists\":true}],\"delete\":[\"d/b\"]}",
	         "condition 1", 412},
	};
	struct pair *w = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int at = 0; at < 2; at++) {
			ASK(post);
			ask_expect(w, &post, at, "POST", "/v1/tx", cases[i].body, cases[i].status);
			if (!strstr(post.body, cases[i].says))
				fail_msg("%s: %s", cases[i].body, post.body);
		}
}

/* Structure is dear: a small body must not become a large tree. Within strings it is not. */
static void a_transaction_of_all_structure_is_refused_unparsed(void **state) {
	struct pair *w = *state;
	static char deep[40001], flat[40100];
	static const char begin[] = "{\"put\":[{\"key\":\"d/flat\",\"value\":\"\\\"",
			  end[] = "\"}]}";
	memset(deep, '[', sizeof deep - 1);
	memset(flat, ',', 40000);
	memcpy(flat, begin, sizeof begin - 1);
	memcpy(flat + 40000, end, sizeof end);
	ASK(no);
	ask_expect(w, &no, 0, "POST", "/v1/tx", deep, 413);
	HAS(no, "more than");
	ASK(yes);
	ask_expect(w, &yes, 0, "POST", "/v1/tx", flat, 200);
}

static void scans_give_all_values_in_pages(void **state) {
	struct pair *w = *state;
	char path[64];
	for (int i = 0; i < 5; i++) {
		ASK(put);
		snprintf(path, sizeof path, "/v1/data/s/p%d", i);
		ask_start(w, &put, 0, "PUT", path,
		          i == 1   ? slice_of("\xff\x00", 2)
		          : i == 2 ? slice_of("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
		                              "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
		                              40)
		                   : slice_str("\"text\"\n"));
		ask_wait(w, &put);
		assert_int_equal(put.status, 204);
	}
	ASK(first);
	ask_field(&first, "Holdfast-Consistency", "strong");
	ask_expect(w, &first, 1, "GET", "/v1/data/s?prefix=p&limit=3", "", 200);
	HAS(first, "\"key\":\"p0\"");
	HAS(first, "\"value\":\"\\\"text\\\"\\u000a\"");
	HAS(first, "\"base64\":\"_wA\"");
	HAS(first, "\"base64\":\"AQEB");
	char *cursor = strstr(first.body, "\"cursor\":\"");
	assert_non_null(cursor);
	assert_null(strstr(first.body, "p3"));
	snprintf(path, sizeof path, "/v1/data/s?prefix=p&cursor=%.*s",
	         (int)strcspn(cursor + 10, "\""), cursor + 10);
	ASK(rest);
	ask_expect(w, &rest, 0, "GET", path, "", 200);
	HAS(rest, "p3");
	HAS(rest, "p4");
	assert_null(strstr(rest.body, "p2"));
	assert_null(strstr(rest.body, "cursor"));
	ASK(bad);
	ask_expect(w, &bad, 0, "GET", "/v1/data/s?cursor=!", "", 400);
	ASK(unknown);
	ask_expect(w, &unknown, 0, "GET", "/v1/data/s?prefx=p", "", 400);
	HAS(unknown, "prefx");
}

static void nonsense_is_refused_by_either_region(void **state) {
	static const struct {
		const char *method, *target;
		int status;
	} cases[] = {
		{"GET", "/", 404},
		{"GET", "/v1/data", 404},
		{"GET", "/v1/data/", 400},
		{"PUT", "/v1/data/d", 405},
		{"PATCH", "/v1/data/d/k", 405},
		{"GET", "/v1/tx", 405},
		{"GET", "/v1/data/D/k", 400},
		{"GET", "/v1/data/d/%00", 400},
		{"GET", "/v1/data/d/%ff", 400},
		{"GET", "/v1/data/d/%2", 400},
		{"GET", "/v1/data/d/%2e%2e/k", 400},
		{"GET", "/v1/data/d?limit=1001", 400},
		{"GET", "/v1/data/d?limit=-1", 400},
	};
	struct pair *w = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int at = 0; at < 2; at++) {
			ASK(any);
			ask_expect(w, &any, at, cases[i].method, cases[i].target, "",
			           cases[i].status);
		}
	static const struct {
		const char *name, *value;
		int status;
	} fields[] = {
		{"Holdfast-Consistency", "strongly", 400},
		{"Holdfast-Consistency", "bounded=5", 400},
		{"Holdfast-Token", "AAAA", 400},
		{"Holdfast-TTL", "0s", 400},
		{"Holdfast-Consistency", "bounded=1s", 404},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		ASK(any);
		ask_field(&any, fields[i].name, fields[i].value);
		ask_expect(w, &any, 1, "GET", "/v1/data/d/none", "", fields[i].status);
	}
}

/* More fields than the codec lets through with ours added. */
static void many_fields_pass_through_another_region(void **state) {
	struct pair *w = *state;
	struct http_header fields[62];
	static char field_names[60][16];
	for (int i = 0; i < 60; i++) {
		snprintf(field_names[i], sizeof field_names[i], "X-Field-%d", i);
		fields[i] = http_field(field_names[i], SLICE_LIT("x"));
	}
	fields[60] = http_field("Authorization", SLICE_LIT("Bearer " EDGE_KEY));
	ASK(put);
	ask_start(w, &put, 1, "PUT", "/v1/data/d/fields", SLICE_LIT("x"));
	http_call_cancel(w->client, &put.call);
	put.call.fields = fields;
	put.call.field_count = 61;
	http_call_start(w->client, &put.call);
	ask_wait(w, &put);
	assert_int_equal(put.status, 204);
}

/* --- in the middle --------------------------------------------------------------------------- */

/* Clients that leave at every moment of a write, here and passed on: nothing breaks or leaks. */
static void clients_that_leave_break_nothing(void **state) {
	struct pair *w = *state;
	for (int i = 0; i < 120; i++) {
		ASK(put);
		ask_start(w, &put, i % 2, "PUT", "/v1/data/d/left", SLICE_LIT("x"));
		sim_run_for(w->sim, (uint64_t)i * MS / 10);
		if (!put.done) http_call_cancel(w->client, &put.call);
	}
	sim_run_for(w->sim, 1000 * MS);
	ASK(get);
	ask_expect(w, &get, 0, "GET", "/v1/data/d/left", "", 200);
}

/* The home hangs with requests in its hands. They go to the new home, those without a key of the
 * client's by the key that the edge gave them; and what comes new waits for the new home. */
static void a_home_that_hangs_is_left(void **state) {
	struct pair *w = *state;
	ASK(before);
	ASK(keyed);
	ASK(once);
	ASK(read);
	ASK(after);
	static const char tx[] = "{\"add\":[{\"key\":\"d/n\",\"delta\":1}]}";
	ask_expect(w, &before, 1, "PUT", "/v1/data/d/k", "0", 204);
	ask_field(&keyed, "Idempotency-Key", "hang");
	ask_field(&read, "Holdfast-Consistency", "strong");
	sim_pause(w->sim, "aa", true);
	ask_start(w, &keyed, 1, "POST", "/v1/tx", SLICE_LIT(tx));
	ask_start(w, &once, 1, "POST", "/v1/tx", SLICE_LIT(tx));
	ask_start(w, &read, 1, "GET", "/v1/data/d/k", SLICE_LIT(""));
	sim_run_for(w->sim, 300 * MS);
	assert_false(keyed.done || once.done || read.done);
	pair_wait_home(w, 1);
	ask_start(w, &after, 1, "PUT", "/v1/data/d/k", SLICE_LIT("1"));
	ask_wait(w, &keyed);
	ask_wait(w, &read);
	ask_wait(w, &after);
	assert_int_equal(keyed.status, 200);
	assert_int_equal(read.status, 200);
	assert_int_equal(after.status, 204);
	assert_string_equal(after.region, "bb");
	ask_wait(w, &once);
	assert_int_equal(once.status, 200);
	sim_pause(w->sim, "aa", false);
	sim_run_for(w->sim, 3000 * MS);
	ASK(sum); /* each once: what aa found in its hands when it woke did not happen */
	ask_field(&sum, "Holdfast-Consistency", "strong");
	ask_expect(w, &sum, 0, "GET", "/v1/data/d/n", "", 200);
	assert_string_equal(sum.body, "2");
}

static void value_is(struct pair *w, const char *value) {
	ASK(get);
	ask_field(&get, "Holdfast-Consistency", "strong");
	ask_expect(w, &get, 1, "GET", "/v1/data/d/x", "", 200);
	assert_string_equal(get.body, value);
}

/* A write that was copied but not acknowledged, then one after it by somebody else at the new
 * home: the first must not be done again on top of the second. */
static void a_write_is_not_done_again_on_top_of_a_later_one(void **state) {
	struct pair *w = *state;
	ASK(first);
	ASK(second);
	sim_cut(w->sim, "bb", "aa", true); /* acknowledgements are lost */
	ask_start(w, &first, 0, "PUT", "/v1/data/d/x", SLICE_LIT("1"));
	sim_run_for(w->sim, 30 * MS);
	sim_cut(w->sim, "aa", "bb", true);
	coord_memory_cut(w->coordination, "aa", true);
	pair_wait_home(w, 1);
	value_is(w, "1");
	ask_expect(w, &second, 1, "PUT", "/v1/data/d/x", "2", 204);
	sim_cut(w->sim, "bb", "aa", false);
	sim_cut(w->sim, "aa", "bb", false);
	coord_memory_cut(w->coordination, "aa", false);
	ask_wait(w, &first);
	assert_int_equal(first.status, 504);
	HAS(first, "outcome-unknown");
	value_is(w, "2");
}

static void on_stored(struct store_op *op, enum err err) {
	assert_int_equal(err, ERR_OK);
}

/* Puts d/k into the region's view, as who is about to be home may for the sake of an empty copy, while
 * nobody has said that it is committed. */
static void apply_uncommitted(struct pair *w, int region, const char *value) {
	static struct store_op appended = {.done = on_stored}, applied = {.done = on_stored};
	struct store *s = host_store(w->regions[region].host, 0);
	struct op op = {.type = OP_PUT, .key = SLICE_LIT("one\0d\0k"), .value = slice_str(value)};
	struct store_info info;
	struct buf record;
	s->ops->info(s, &info);
	buf_init(&record, 4096);
	assert_int_equal(record_encode(&record, &info.last, info.last.epoch, 1, RECORD_DATA, &op, 1,
	                               NULL, 0),
	                 ERR_OK);
	s->ops->append(s, info.last.epoch, buf_slice(&record), &appended);
	sim_run_for(w->sim, 10 * MS);
	s->ops->apply(s, info.last.seq, &applied);
	sim_run_for(w->sim, 10 * MS);
	buf_done(&record);
}

static void what_is_not_committed_is_not_read(void **state) {
	static const char *const levels[] = {"session", "eventual"};
	struct pair *w = *state;
	ASK(put);
	ask_expect(w, &put, 0, "PUT", "/v1/data/d/k", "old", 204);
	sim_run_for(w->sim, 100 * MS);
	apply_uncommitted(w, 1, "perhaps");
	for (int i = 0; i < 2; i++) {
		ASK(get);
		ASK(scan);
		ask_field(&get, "Holdfast-Consistency", levels[i]);
		ask_expect(w, &get, 1, "GET", "/v1/data/d/k", "", 200);
		assert_string_equal(get.body, "old");
		assert_string_equal(get.region, "aa");
		ask_field(&scan, "Holdfast-Consistency", levels[i]);
		ask_expect(w, &scan, 1, "GET", "/v1/data/d?prefix=k", "", 200);
		HAS(scan, "old");
	}
}

/* Cut off from all, it does not know what another home has taken meanwhile. */
static void a_home_without_a_lease_is_not_fresh(void **state) {
	struct pair *w = *state;
	struct ask put = {0}, before = {0}, after = {0};
	ask_expect(w, &put, 0, "PUT", "/v1/data/a/k", "v", 204);
	ask_field(&before, "Holdfast-Consistency", "bounded=1s");
	ask_expect(w, &before, 0, "GET", "/v1/data/a/k", "", 200);
	assert_string_equal(before.region, "aa");
	sim_cut(w->sim, "aa", "bb", true);
	sim_cut(w->sim, "bb", "aa", true);
	coord_memory_cut(w->coordination, "aa", true);
	sim_run_for(w->sim, 3000 * MS);
	ask_field(&after, "Holdfast-Consistency", "bounded=1s");
	ask_expect(w, &after, 0, "GET", "/v1/data/a/k", "", 503);
	coord_memory_cut(w->coordination, "aa", false);
	sim_cut(w->sim, "bb", "aa", false);
	sim_cut(w->sim, "aa", "bb", false);
	sim_run_for(w->sim, 5000 * MS);
}

/* No home anywhere: held for the time allowed, and then told that nothing happened. */
static void without_a_home_requests_are_held_then_told(void **state) {
	struct pair *w = *state;
	ASK(put);
	sim_pause(w->sim, "aa", true);
	coord_memory_cut(w->coordination, "bb", true);
	sim_run_for(w->sim, 2000 * MS);
	uint64_t began_ns = sim_now_ns(w->sim);
	ask_field(&put, "If-None-Match", "*");
	ask_start(w, &put, 1, "PUT", "/v1/data/d/held", SLICE_LIT("x"));
	ask_wait(w, &put);
	assert_true(put.status == 503 || put.status == 504);
	assert_in_range(sim_now_ns(w->sim) - began_ns, 4900 * MS, 5500 * MS);
	coord_memory_cut(w->coordination, "bb", false);
	sim_pause(w->sim, "aa", false);
	sim_run_for(w->sim, 5000 * MS);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, pair_open, pair_close)
		TEST(what_one_region_takes_the_other_gives),
		TEST(an_absent_key_has_a_token_too),
		TEST(conditions_hold_or_nothing_happens),
		TEST(a_key_repeated_is_answered_as_the_first),
		TEST(transactions_say_where_they_are_wrong),
		TEST(a_transaction_of_all_structure_is_refused_unparsed),
		TEST(scans_give_all_values_in_pages),
		TEST(nonsense_is_refused_by_either_region),
		TEST(many_fields_pass_through_another_region),
		TEST(clients_that_leave_break_nothing),
		TEST(a_home_that_hangs_is_left),
		TEST(a_write_is_not_done_again_on_top_of_a_later_one),
		TEST(what_is_not_committed_is_not_read),
		TEST(a_home_without_a_lease_is_not_fresh),
		TEST(without_a_home_requests_are_held_then_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
