/* Images of tenants: what is built is found, what is there twice is named, what is damaged
 * is refused or harmless. */
#include "tenants.h"

#include "base/bytes.h"

enum { MANY = 5000, FEW = 6, HEADER_BYTES = 256, HEADER_SUM_AT = HEADER_BYTES - 4 };

static struct policy *policy;

static int set_up(void **state) {
	policy = load_good(tenants_yaml);
	return 0;
}

static int tear_down(void **state) {
	policy_free(policy);
	return 0;
}

static void verified(const struct tenant_image *image) {
	struct fault f;
	enum err e = tenant_image_verify(image, NULL, &f);
	if (e) fail_msg("%s", f.text);
}

static void what_is_built_is_found(void **state) {
	struct memory_image m;
	image_build(policy, MANY, &m);
	struct tenant_image *image = image_open(policy, &m);
	verified(image);
	struct tenant_image_facts facts = tenant_image_facts(image);
	assert_int_equal(facts.tenant_count, MANY);
	assert_int_equal(facts.key_count, MANY - MANY / 5);
	assert_int_equal(facts.profile_count, 6);
	assert_int_equal(facts.revision, 5);
	assert_true(facts.tenant_table_bytes <= 20 * MANY);
	struct numbered want;
	struct tenant found;
	for (int n = 0; n < MANY; n++) {
		const struct tenant_row *row = row_make(&want, n, 0);
		assert_true(tenant_image_find(image, row->name, &found));
		assert_true(tenant_is(&found, row));
		for (int i = 0; i < row->key_count; i++) {
			assert_true(tenant_image_find_key(image, row->keys[i], &found));
			assert_true(tenant_is(&found, row));
		}
	}
	assert_false(tenant_image_find(image, SLICE_LIT("cust-00000"), &found));
	assert_false(tenant_image_find(image, slice_of(NULL, 0), &found));
	assert_false(tenant_image_find_key(image, (const uint8_t[SHA256_BYTES]){0}, &found));
	tenant_image_close(image);
	free(m.bytes);
}

static void rows_come_in_the_order_they_were_added(void **state) {
	struct memory_image m;
	image_build(policy, 100, &m);
	struct tenant_image *image = image_open(policy, &m);
	struct numbered want;
	struct tenant t;
	uint64_t cursor = 0;
	for (int n = 0; n < 100; n++) {
		assert_true(tenant_image_next(image, &cursor, &t));
		assert_true(tenant_is(&t, row_make(&want, n, 0)));
	}
	assert_false(tenant_image_next(image, &cursor, &t));
	tenant_image_close(image);
	free(m.bytes);
}

static void an_image_may_be_empty(void **state) {
	struct memory_image m;
	image_build(policy, 0, &m);
	struct tenant_image *image = image_open(policy, &m);
	struct tenant t;
	uint64_t cursor = 0;
	verified(image);
	assert_false(tenant_image_find(image, SLICE_LIT("acme"), &t));
	assert_false(tenant_image_next(image, &cursor, &t));
	tenant_image_close(image);
	free(m.bytes);
}

/* A policy in another order: the image knows names, not places. */
static void an_image_outlives_the_order_of_its_policy(void **state) {
	static const char other[] = "regions:\n"
				    "  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"
				    "  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
				    "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
				    "residency:\n"
				    "  eu: {regions: [eu-west], transit: refuse}\n"
				    "  us: {regions: [us-east, us-west], transit: allow}\n"
				    "cells:\n"
				    "  eu-1: {replicas: [eu-west]}\n"
				    "  us-2: {replicas: [us-west]}\n"
				    "  us-1: {replicas: [us-east, us-west]}\n";
	struct memory_image m;
	image_build(policy, FEW, &m);
	struct policy *moved = load_good(other);
	struct tenant_image *image = image_open(moved, &m);
	struct tenant t;
	verified(image);
	assert_true(tenant_image_find(image, SLICE_LIT("cust-000003"), &t));
	assert_string_equal(moved->cells[t.profile->cell].name, "us-1");
	assert_string_equal(moved->residencies[t.profile->residency].name, "us");
	assert_string_equal(moved->regions[t.profile->preferred[0]].name, "us-west");
	tenant_image_close(image);
	policy_free(moved);
	free(m.bytes);
}

static void a_policy_that_lost_a_name_or_a_region_is_refused(void **state) {
	static const struct {
		const char *yaml, *text;
	} rows[] = {
		{"regions: {us-east: {jurisdiction: us, location: [0, 0]}}\n"
	         "residency: {us: {regions: all}}\n"
	         "cells: {us-2: {replicas: [us-east]}}\n",
	         "tenants use cell 'us-1', which the policy does not have"},
		{"regions:\n  us-east: {jurisdiction: us, location: [0, 0]}\n"
	         "  us-west: {jurisdiction: us, location: [0, 0]}\n"
	         "residency: {us: {regions: [us-east], transit: allow}}\n"
	         "cells: {us-1: {replicas: [us-east, us-west]}}\n",
	         "cell 'us-1' keeps copies in us-west, outside residency class 'us' (us-east); "
	         "expected a cell within the class"},
	};
	struct memory_image m;
	image_build(policy, FEW, &m);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy *other = load_good(rows[i].yaml);
		struct tenant_image *image;
		struct fault f;
		enum err e = tenant_image_open(slice_of(m.bytes, m.len), other, &image, &f);
		assert_int_equal(e, ERR_INVALID);
		assert_null(image);
		assert_string_equal(f.text, rows[i].text);
		policy_free(other);
	}
	free(m.bytes);
}

/* --- building ----------------------------------------------------------------------------- */

static void built_with(const struct tenant_row *const *rows, int count, enum err want,
                       const char *text) {
	struct memory_image m;
	struct tenant_sink sink = memory_sink(&m);
	struct tenant_builder *b;
	struct fault f;
	assert_int_equal(tenant_builder_new(policy, tenants_seed, 0, &sink, &b), ERR_OK);
	for (int i = 0; i < count; i++)
		assert_int_equal(tenant_builder_add(b, rows[i], &f), ERR_OK);
	assert_int_equal(tenant_builder_finish(b, NULL, &f), want);
	assert_string_equal(f.text, text);
	tenant_builder_free(b);
	free(m.bytes);
}

static void what_is_there_twice_is_named(void **state) {
	struct numbered a, b, c;
	const struct tenant_row *rows[] = {row_make(&a, 1, 0), row_make(&b, 2, 0),
	                                   row_make(&c, 1, 3)};
	built_with(rows, 3, ERR_EXISTS, "tenant 'cust-000001' is there twice; expected each once");
	c.row.name = SLICE_LIT("other");
	built_with(rows, 3, ERR_EXISTS,
	           "tenants 'cust-000001' and 'other' have a key in common; expected each key "
	           "once");
}

static void a_sink_that_fails_is_told(void **state) {
	for (size_t fail_at = 300; fail_at < 300000; fail_at += 40000) {
		struct memory_image m;
		struct tenant_sink sink = memory_sink(&m);
		struct tenant_builder *b;
		struct fault f;
		struct numbered t;
		m.fail_at = fail_at;
		assert_int_equal(tenant_builder_new(policy, tenants_seed, 0, &sink, &b), ERR_OK);
		enum err e = ERR_OK;
		for (int n = 0; !e && n < MANY; n++)
			e = tenant_builder_add(b, row_make(&t, n, 0), &f);
		if (!e) e = tenant_builder_finish(b, NULL, &f);
		assert_int_equal(e, ERR_NO_SPACE);
		assert_string_equal(f.text, "the image cannot be written: the disk is full");
		tenant_builder_free(b);
		free(m.bytes);
	}
}

static void bad_rows_are_refused_and_the_rest_goes_on(void **state) {
	struct memory_image m;
	struct tenant_sink sink = memory_sink(&m);
	struct tenant_builder *b;
	struct fault f;
	struct numbered t;
	assert_int_equal(tenant_builder_new(policy, tenants_seed, 0, &sink, &b), ERR_OK);
	row_make(&t, 1, 0);
	t.row.profile.cell = 2;
	assert_int_equal(tenant_builder_add(b, &t.row, &f), ERR_INVALID);
	assert_string_equal(f.text,
	                    "cell 'eu-1' keeps copies in eu-west, outside residency class 'us' "
	                    "(us-east, us-west); expected a cell within the class");
	assert_int_equal(tenant_builder_add(b, row_make(&t, 1, 0), &f), ERR_OK);
	assert_int_equal(tenant_builder_finish(b, NULL, &f), ERR_OK);
	tenant_builder_free(b);
	struct tenant_image *image = image_open(policy, &m);
	assert_int_equal(tenant_image_facts(image).tenant_count, 1);
	tenant_image_close(image);
	free(m.bytes);
}

/* --- damage ------------------------------------------------------------------------------- */

/* Every way in, on bytes of their own size: the sanitizers see each step out of bounds. */
static void use_all(const struct tenant_image *image) {
	struct numbered want;
	struct tenant t;
	struct tenant_attribute a;
	for (int n = 0; n < FEW; n++) {
		const struct tenant_row *row = row_make(&want, n, 0);
		if (tenant_image_find(image, row->name, &t))
			assert_true(slice_eq(tenant_name(&t), row->name));
		if (row->key_count && tenant_image_find_key(image, row->keys[0], &t))
			assert_true(tenant_has_key(&t, row->keys[0]));
	}
	uint64_t cursor = 0;
	while (tenant_image_next(image, &cursor, &t)) {
		struct tenant_row row;
		tenant_to_row(&t, &row);
		for (size_t at = 0; tenant_attribute_next(&t, &at, &a);)
			assert_true(a.name.len + a.value.len <= t.row.len);
	}
}

/* The header's sum set right again, so that what it says is looked at. */
static void mend_header(uint8_t *bytes) {
	put_u32(bytes + HEADER_SUM_AT, crc32c(0, bytes, HEADER_SUM_AT));
}

static void every_flipped_byte_is_refused_or_harmless(void **state) {
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	struct memory_image m;
	struct fault f;
	image_build(policy, FEW, &m);
	uint8_t *bytes = malloc(m.len);
	assert_non_null(bytes);
	for (size_t at = 0; at < m.len; at++)
		for (size_t k = 0; k < 2 * sizeof flips; k++) {
			memcpy(bytes, m.bytes, m.len);
			bytes[at] ^= flips[k / 2];
			if (k % 2) mend_header(bytes);
			struct tenant_image *image;
			enum err e = tenant_image_open(slice_of(bytes, m.len), policy, &image, &f);
			assert_true(e == ERR_OK || e == ERR_CORRUPT || e == ERR_FORMAT);
			if (e) continue;
			use_all(image);
			e = tenant_image_verify(image, NULL, &f);
			if (at >= HEADER_BYTES) assert_int_equal(e, ERR_CORRUPT);
			tenant_image_close(image);
		}
	free(bytes);
	free(m.bytes);
}

static void every_cut_is_refused(void **state) {
	struct memory_image m;
	struct fault f;
	image_build(policy, FEW, &m);
	for (size_t len = 0; len < m.len; len++) {
		uint8_t *bytes = malloc(len ? len : 1);
		memcpy(bytes, m.bytes, len);
		struct tenant_image *image;
		assert_int_not_equal(tenant_image_open(slice_of(bytes, len), policy, &image, &f),
		                     ERR_OK);
		free(bytes);
	}
	free(m.bytes);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_is_found),
		cmocka_unit_test(rows_come_in_the_order_they_were_added),
		cmocka_unit_test(an_image_may_be_empty),
		cmocka_unit_test(an_image_outlives_the_order_of_its_policy),
		cmocka_unit_test(a_policy_that_lost_a_name_or_a_region_is_refused),
		cmocka_unit_test(what_is_there_twice_is_named),
		cmocka_unit_test(a_sink_that_fails_is_told),
		cmocka_unit_test(bad_rows_are_refused_and_the_rest_goes_on),
		cmocka_unit_test(every_flipped_byte_is_refused_or_harmless),
		cmocka_unit_test(every_cut_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
