/* The log of changes: what is encoded comes back, what is malformed is refused, chunks chain, and
 * a new image takes the place of what it holds and of nothing else. */
#include "tenants.h"

#include "base/bytes.h"
#include "policy/tenant_log.h"
#include "policy/tenant_print.h"
#include "policy/tenant_read.h"

static struct policy *policy_make(void) {
	struct policy *p;
	assert_int_equal(policy_load(slice_str(tenants_yaml), "policy", NULL, NULL, &p), ERR_OK);
	return p;
}

static void a_change_is_the_whole_row(void **state) {
	struct policy *p = policy_make();
	uint8_t bytes[TENANT_CHANGE_BYTES_MAX];
	for (int n = 0; n < 30; n++) {
		struct numbered t;
		struct tenant_row *row = &t.row, back;
		struct fault f = {0};
		row_make(&t, n, n % 2);
		row->profile.explicit_failover = n % 2;
		if (row->profile.preferred_count)
			row->profile.maintenance = (struct policy_maintenance){1380, 60, -90};
		struct slice change = tenant_change_encode(p, row, bytes);
		assert_int_equal(tenant_change_decode(change, p, &back, &f), ERR_OK);
		json_t *a = tenant_row_json(p, row), *b = tenant_row_json(p, &back);
		assert_true(json_equal(a, b));
		assert_memory_equal(&back.profile.maintenance, &row->profile.maintenance,
		                    sizeof back.profile.maintenance);
		for (size_t cut = 0; cut < change.len; cut++)
			assert_int_not_equal(
				tenant_change_decode(slice_of(bytes, cut), p, &back, &f), ERR_OK);
		json_decref(a);
		json_decref(b);
	}
	policy_free(p);
}

static void what_is_printed_can_be_read(void **state) {
	struct policy *p = policy_make();
	struct tenant_reader *r = tenant_reader_new(TENANT_JSON_LINES, p, "row");
	struct numbered t;
	struct tenant_row back;
	struct fault f = {0};
	row_make(&t, 0, 3);
	t.row.profile.explicit_failover = true;
	t.row.profile.maintenance = (struct policy_maintenance){120, 240, 120};
	json_t *printed = tenant_row_json(p, &t.row);
	if (tenant_row_from_json(r, printed, &back, &f)) fail_msg("%s", f.text);
	json_t *again = tenant_row_json(p, &back);
	assert_true(json_equal(printed, again));
	json_t *window = json_object_get(json_object_get(printed, "preferences"), "maintenance");
	assert_string_equal(json_string_value(json_object_get(window, "zone")), "+02:00");
	json_decref(printed);
	json_decref(again);
	tenant_reader_free(r);
	policy_free(p);
}

static void preferences_are_strict(void **state) {
	static const char *const wrong[][2] = {
		{"{\"regions\":[\"eu-west\"]}", "outside residency class"},
		{"{\"regions\":[\"us-wset\"]}", "us-west"},
		{"{\"region\":[]}", "unknown member"},
		{"{\"explicit_failover\":1}", "true or false"},
		{"{\"regions\":[\"us-west\"],\"maintenance\":{\"from\":\"2:00\",\"to\":\"04:00\"}}",
	         "02:00"},
		{"{\"regions\":[\"us-west\"],\"maintenance\":{\"from\":\"02:00\",\"to\":\"02:00\"}"
	         "}",
	         "over when it begins"},
		{"{\"regions\":[\"us-west\"],\"maintenance\":{\"from\":\"02:00\"}}", "from and to"},
		{"{\"regions\":[\"us-west\"],\"maintenance\":{\"from\":\"02:00\",\"to\":\"03:00\","
	         "\"zone\":\"+15:00\"}}",
	         "14 hours"},
		{"{\"maintenance\":{\"from\":\"02:00\",\"to\":\"04:00\"}}",
	         "no regions are preferred"},
		{"[]", "expected an object"},
	};
	struct policy *p = policy_make();
	struct tenant_reader *r = tenant_reader_new(TENANT_JSON_LINES, p, "row");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct tenant_row row;
		struct fault f = {0};
		json_t *o =
			json_pack("{s:s,s:s,s:s}", "id", "a", "residency", "us", "cell", "us-1");
		json_object_set_new(o, "preferences", json_loads(wrong[i][0], 0, NULL));
		assert_int_equal(tenant_row_from_json(r, o, &row, &f), ERR_INVALID);
		if (!strstr(f.text, wrong[i][1])) fail_msg("%s: %s", wrong[i][0], f.text);
		json_decref(o);
	}
	tenant_reader_free(r);
	policy_free(p);
}

/* --- the log ------------------------------------------------------------------------------------ */

/* Coordination with its places, as a table. */
struct places {
	uint8_t head[TENANT_LOG_VALUE_MAX], archives[TENANT_ARCHIVES][TENANT_LOG_VALUE_MAX];
	size_t head_bytes, archive_bytes[TENANT_ARCHIVES];
	struct tenant_append append;
};

static struct tenant_head head_of(const struct places *x) {
	struct tenant_head h;
	assert_int_equal(tenant_head_decode(slice_of(x->head, x->head_bytes), &h), ERR_OK);
	return h;
}

static enum err append(struct places *x, struct slice change) {
	struct tenant_head now = head_of(x);
	enum err e = tenant_log_append(&now, change, &x->append);
	if (e) return e;
	if (x->append.archives) {
		size_t at = x->append.archive.number % TENANT_ARCHIVES;
		x->archive_bytes[at] = tenant_chunk_encode(&x->append.archive, x->archives[at]).len;
	}
	x->head_bytes = tenant_head_encode(&x->append.head, x->head).len;
	return ERR_OK;
}

/* Every change after the image, in order; each says its own number. */
static uint64_t walk(const struct places *x) {
	struct tenant_head h = head_of(x);
	uint64_t seen = h.image_revision;
	for (uint64_t n = h.first; n <= h.newest.number; n++) {
		struct tenant_chunk c = h.newest;
		size_t at = n % TENANT_ARCHIVES;
		struct slice change;
		if (n < h.newest.number)
			assert_int_equal(
				tenant_chunk_decode(slice_of(x->archives[at], x->archive_bytes[at]),
			                            &c),
				ERR_OK);
		assert_int_equal(c.number, n);
		while (tenant_chunk_next(&c, &change)) {
			assert_int_equal(get_u64(change.ptr), c.before);
			if (c.before <= seen) continue;
			assert_int_equal(c.before, seen + 1);
			seen = c.before;
		}
	}
	assert_int_equal(seen, tenant_chunk_last(&h.newest));
	return seen;
}

static enum err append_numbered(struct places *x, size_t bytes) {
	struct tenant_head h = head_of(x);
	uint8_t change[TENANT_CHANGE_BYTES_MAX] = {0};
	put_u64(change, tenant_chunk_last(&h.newest) + 1);
	return append(x, slice_of(change, bytes));
}

static void chunks_chain_until_an_image_is_due(void **state) {
	struct places *x = calloc(1, sizeof *x);
	const uint8_t image[SHA256_BYTES] = {1, 2, 3};
	int count = 0;
	while (append_numbered(x, 150) == ERR_OK) count++;
	assert_in_range(count, 1500, 2000);
	assert_int_equal(walk(x), count);
	struct tenant_head then = head_of(x), now = then;
	struct tenant_head h = tenant_log_rebase(&now, &then, image, 77);
	x->head_bytes = tenant_head_encode(&h, x->head).len;
	assert_int_equal(walk(x), count); /* all in the image */
	assert_int_equal(head_of(x).newest.count, 0);
	for (int i = 0; i < count; i++) assert_int_equal(append_numbered(x, 150), ERR_OK);
	assert_int_equal(walk(x), 2 * count);
	free(x);
}

/* The image was begun at one moment, and changes came while it was made. */
static void what_came_meanwhile_stays(void **state) {
	struct places *x = calloc(1, sizeof *x);
	const uint8_t image[SHA256_BYTES] = {9};
	for (int i = 0; i < 300; i++) assert_int_equal(append_numbered(x, 200), ERR_OK);
	uint8_t kept[TENANT_LOG_VALUE_MAX];
	memcpy(kept, x->head, x->head_bytes);
	struct tenant_head then;
	assert_int_equal(tenant_head_decode(slice_of(kept, x->head_bytes), &then), ERR_OK);
	for (int i = 0; i < 300; i++) assert_int_equal(append_numbered(x, 200), ERR_OK);
	uint8_t out[TENANT_LOG_VALUE_MAX];
	struct tenant_head now = head_of(x), h = tenant_log_rebase(&now, &then, image, 5);
	x->head_bytes = tenant_head_encode(&h, out).len;
	memcpy(x->head, out, x->head_bytes);
	assert_int_equal(head_of(x).image_revision, 300);
	assert_memory_equal(head_of(x).image, image, sizeof image);
	assert_int_equal(walk(x), 600);
	free(x);
}

static void the_largest_change_fits(void **state) {
	struct places *x = calloc(1, sizeof *x);
	for (int i = 0; i < TENANT_ARCHIVES; i++)
		assert_int_equal(append_numbered(x, TENANT_CHANGE_BYTES_MAX), ERR_OK);
	assert_int_equal(walk(x), TENANT_ARCHIVES);
	free(x);
}

static void what_is_malformed_is_refused(void **state) {
	struct places *x = calloc(1, sizeof *x);
	for (int i = 0; i < 200; i++) assert_int_equal(append_numbered(x, 200), ERR_OK);
	struct tenant_head h;
	for (size_t cut = 1; cut < x->head_bytes; cut++)
		assert_int_equal(tenant_head_decode(slice_of(x->head, cut), &h), ERR_CORRUPT);
	x->head[4]++; /* a newer version */
	assert_int_equal(tenant_head_decode(slice_of(x->head, x->head_bytes), &h), ERR_CORRUPT);
	struct tenant_chunk c;
	for (size_t cut = 0; cut < x->archive_bytes[0]; cut++)
		assert_int_equal(tenant_chunk_decode(slice_of(x->archives[0], cut), &c),
		                 ERR_CORRUPT);
	free(x);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_the_whole_row),
		cmocka_unit_test(what_is_printed_can_be_read),
		cmocka_unit_test(preferences_are_strict),
		cmocka_unit_test(chunks_chain_until_an_image_is_due),
		cmocka_unit_test(what_came_meanwhile_stays),
		cmocka_unit_test(the_largest_change_fits),
		cmocka_unit_test(what_is_malformed_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
