/* The texts about versions, drains and nodes: what is written is read back, anything else refused. */
#include "fixture.h"
#include "policy/versions.h"

static struct policy_version version_of(uint64_t n) {
	struct policy_version v = {.version = n, .time_ms = 1000 + n};
	memset(v.hash, (int)n, sizeof v.hash);
	versions_word(v.region, sizeof v.region, SLICE_LIT("us-east"));
	versions_word(v.by, sizeof v.by, SLICE_LIT("mia"));
	versions_word(v.note, sizeof v.note, SLICE_LIT("für später"));
	return v;
}

static void flip(struct policy_versions *v, uint64_t n) {
	v->proposed = version_of(n);
	v->proposing = true;
	versions_flip(v);
}

static void same(const struct policy_version *a, const struct policy_version *b) {
	assert_int_equal(a->version, b->version);
	assert_memory_equal(a->hash, b->hash, 32);
	assert_int_equal(a->time_ms, b->time_ms);
	assert_string_equal(a->region, b->region);
	assert_string_equal(a->by, b->by);
	assert_string_equal(a->note, b->note);
	assert_string_equal(a->override, b->override);
}

static void versions_come_back(void **state) {
	struct policy_versions v = {.count = 0}, got;
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	for (uint64_t n = 0; n < 3; n++) flip(&v, n);
	v.proposed = version_of(3);
	versions_word(v.proposed.override, 18, SLICE_LIT("a\tb\nc, at the end é"));
	assert_string_equal(v.proposed.override, "abc, at the end ");
	v.proposing = true;
	assert_int_equal(versions_write(&v, &text), ERR_OK);
	assert_int_equal(versions_read(buf_slice(&text), &got), ERR_OK);
	assert_int_equal(got.count, 3);
	assert_true(got.proposing);
	for (int i = 0; i < 3; i++) same(&got.list[i], &v.list[i]);
	same(&got.proposed, &v.proposed);
	same(versions_find(&got, 1), &v.list[1]);
	assert_null(versions_find(&got, 9));
	buf_done(&text);
}

/* The longest words there may be still fit into one value of coordination. */
static void a_full_history_fits(void **state) {
	struct policy_versions v = {.count = 0}, got;
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	for (uint64_t n = 1; n <= VERSIONS_KEPT + 5; n++) flip(&v, UINT64_MAX - 100 + n);
	assert_int_equal(v.count, VERSIONS_KEPT);
	assert_int_equal(v.list[VERSIONS_KEPT - 1].version, UINT64_MAX - 100 + 6);
	for (int i = 0; i < v.count; i++) {
		memset(v.list[i].note, 'n', VERSIONS_NOTE_MAX);
		v.list[i].note[VERSIONS_NOTE_MAX] = 0;
		memcpy(v.list[i].override, v.list[i].note, sizeof v.list[i].note);
		memset(v.list[i].by, 'b', VERSIONS_BY_MAX);
	}
	v.proposed = v.list[0];
	v.proposed.version++;
	v.proposing = true;
	assert_int_equal(versions_write(&v, &text), ERR_OK);
	assert_int_equal(versions_read(buf_slice(&text), &got), ERR_OK);
	assert_int_equal(got.count, VERSIONS_KEPT);
	buf_done(&text);
}

#define HASH "0101010101010101010101010101010101010101010101010101010101010101"
#define LINE(n) "version\t" n "\t" HASH "\t7\tus-east\tme\t\t\n"

static void other_texts_are_refused(void **state) {
	static const char *const bad[] = {
		"",
		"holdfast-policy 1",
		"holdfast-policy 2\n",
		"holdfast-policy 1\n\n",
		"holdfast-policy 1\nversion\t1\n",
		"holdfast-policy 1\n" LINE("1") LINE("1"), /* not newest first */
		"holdfast-policy 1\n" LINE("1") LINE("2"),
		"holdfast-policy 1\n" LINE("-1"),
		"holdfast-policy 1\nversion\t1\t" HASH "\t7\tUS\tme\t\t\n",
		"holdfast-policy 1\nversion\t1\t" HASH "\t7\tus\tme\t\t\tmore\n",
		"holdfast-policy 1\nversion\t1\t" HASH "\t7\tus\tm\x01"
		"e\t\t\n",
		"holdfast-policy 1\nversion\t1\t" HASH "\t7\tus\t\xff\t\t\n",
		"holdfast-policy 1\nversion\t1\t00\t7\tus\tme\t\t\n",
		"holdfast-policy 1\nproposed\t1\t" HASH "\t7\tus\tme\t\t\n" LINE("0"),
		"holdfast-policy 1\n" LINE("4") "proposed\t4\t" HASH "\t7\tus\tme\t\t\n",
	};
	struct policy_versions v;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(versions_read(slice_str(bad[i]), &v), ERR_FORMAT);
	assert_int_equal(versions_read(SLICE_LIT("holdfast-policy 1\n" LINE("2") LINE("1")), &v),
	                 ERR_OK);
}

static void drains_come_back(void **state) {
	struct region_drains d = {.count = 2}, got;
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	versions_word(d.list[0].region, 32, SLICE_LIT("eu-west"));
	versions_word(d.list[1].region, 32, SLICE_LIT("us-west"));
	versions_word(d.list[1].override, 99, SLICE_LIT("the cable is cut"));
	d.list[1].time_ms = 12;
	assert_int_equal(drains_write(&d, &text), ERR_OK);
	assert_int_equal(drains_read(buf_slice(&text), &got), ERR_OK);
	assert_int_equal(got.count, 2);
	assert_int_equal(drains_find(&got, "us-west"), 1);
	assert_int_equal(drains_find(&got, "us-east"), -1);
	assert_string_equal(got.list[1].override, "the cable is cut");
	assert_int_equal(got.list[1].time_ms, 12);
	assert_int_equal(drains_read(SLICE_LIT("holdfast-regions 1\ndraining\ta\t1\t\t\n"
	                                       "draining\ta\t1\t\t\n"),
	                             &got),
	                 ERR_FORMAT);
	buf_done(&text);
}

static void what_a_node_serves_comes_back(void **state) {
	struct node_serving n = {.version = 7, .hash = {1}, .ready = {2}}, got;
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	versions_word(n.why_not, sizeof n.why_not, SLICE_LIT("line 3: no such key"));
	assert_int_equal(serving_write(&n, &text), ERR_OK);
	assert_int_equal(serving_read(buf_slice(&text), &got), ERR_OK);
	assert_int_equal(got.version, 7);
	assert_memory_equal(got.hash, n.hash, 32);
	assert_memory_equal(got.ready, n.ready, 32);
	assert_string_equal(got.why_not, n.why_not);
	assert_int_equal(buf_append_str(&text, "more\n"), ERR_OK);
	assert_int_equal(serving_read(buf_slice(&text), &got), ERR_FORMAT);
	buf_done(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_come_back),
		cmocka_unit_test(a_full_history_fits),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(drains_come_back),
		cmocka_unit_test(what_a_node_serves_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
