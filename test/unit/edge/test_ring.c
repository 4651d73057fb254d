/* Decisions that are remembered, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/ring.h"

static struct slice add(struct ring *r, const char *path, char id[RING_ID_MAX]) {
	struct cel_net ip = {.family = 4, .prefix = 32, .bytes = {192, 0, 2, 1}};
	struct decide_request q = {.tenant = 3,
	                           .method = SLICE_LIT("GET"),
	                           .path = slice_str(path),
	                           .host = SLICE_LIT("example.com"),
	                           .domain = SLICE_LIT("billing"),
	                           .client = {.ip = &ip, .country = SLICE_LIT("DE")}};
	struct decision d = {.verdict = VERDICT_HERE, .region = 1, .reason_count = 2};
	d.reasons[1] = (struct decision_reason){REASON_HOME, 1, 7};
	return ring_add(r, NULL, &q, &d, 9, id);
}

static void what_was_decided_is_found_by_its_id(void **state) {
	struct ring r;
	char id[RING_ID_MAX];
	assert_int_equal(ring_init(&r, 4, 11, 2, 0xabcd), ERR_OK);
	struct slice text = add(&r, "/a", id);
	assert_true(slice_is(text, "b.2.0000abcd.1"));
	int region, worker;
	assert_true(ring_place(text, &region, &worker));
	assert_true(region == 11 && worker == 2);
	const struct ring_entry *e = ring_find(&r, text);
	assert_non_null(e);
	assert_true(slice_is(e->request.path, "/a") && slice_is(e->request.domain, "billing"));
	assert_true(slice_is(e->request.host, "example.com"));
	assert_true(slice_is(e->request.client.country, "DE"));
	assert_int_equal(e->request.client.ip->bytes[0], 192);
	assert_int_equal(e->world_version, 9);
	assert_int_equal(e->decision.region, 1);
	assert_int_equal(e->decision.reasons[1].value, 7);
	ring_done(&r);
}

static void the_oldest_is_forgotten_first(void **state) {
	struct ring r;
	char ids[20][RING_ID_MAX];
	struct slice texts[20];
	assert_int_equal(ring_init(&r, 16, 0, 0, 1), ERR_OK);
	for (int i = 0; i < 20; i++) texts[i] = add(&r, "/", ids[i]);
	for (int i = 0; i < 20; i++) assert_int_equal(ring_find(&r, texts[i]) != NULL, i >= 4);
	ring_done(&r);
}

static void long_texts_are_cut_and_nothing_is_kept_without_room(void **state) {
	struct ring r;
	char id[RING_ID_MAX], path[2000];
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = 0;
	assert_int_equal(ring_init(&r, 1, 63, 255, UINT32_MAX), ERR_OK);
	r.last = UINT64_MAX - 1;
	struct slice text = add(&r, path, id);
	assert_true(slice_is(text, "3f.ff.ffffffff.ffffffffffffffff"));
	assert_int_equal(ring_find(&r, text)->request.path.len, RING_PATH_MAX);
	ring_done(&r);
	assert_int_equal(ring_init(&r, 0, 0, 0, 0), ERR_OK);
	assert_null(ring_find(&r, add(&r, "/", id)));
	ring_done(&r);
}

static void ids_of_others_are_not_found(void **state) {
	static const char *const ids[] = {"",
	                                  "0.0.00000001.",
	                                  "0.0.00000001.0",
	                                  "0.0.00000001.2",
	                                  "0.0.00000001.1x",
	                                  "0.0.00000001.A",
	                                  "0.0.00000001.11111111111111111",
	                                  "0.1.00000001.1",
	                                  "1.0.00000001.1",
	                                  "0.0.00000002.1",
	                                  "0.0.1.1"};
	struct ring r;
	char id[RING_ID_MAX];
	assert_int_equal(ring_init(&r, 4, 0, 0, 1), ERR_OK);
	assert_non_null(ring_find(&r, add(&r, "/", id)));
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (ring_find(&r, slice_str(ids[i]))) fail_msg("%s", ids[i]);
	int region, worker;
	assert_false(ring_place(SLICE_LIT("40.0.0.1"), &region, &worker));
	assert_false(ring_place(SLICE_LIT("0.ffffffff.0.1"), &region, &worker));
	assert_false(ring_place(SLICE_LIT("0"), &region, &worker));
	assert_false(ring_place(SLICE_LIT(""), &region, &worker));
	ring_done(&r);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_decided_is_found_by_its_id),
		cmocka_unit_test(the_oldest_is_forgotten_first),
		cmocka_unit_test(long_texts_are_cut_and_nothing_is_kept_without_room),
		cmocka_unit_test(ids_of_others_are_not_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
