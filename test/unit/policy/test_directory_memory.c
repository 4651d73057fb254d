/* The directory when memory runs out: each allocation of each call fails once. The call must say
 * so, leave everything as it was, and lose nothing (the sanitizers look for leaks). The linker
 * puts our malloc, calloc and realloc in the place of the real ones. */
#include "tenants.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

enum { BASE = 50, CHANGED = 10 };

static int until_failure = -1; /* allocations that still succeed; below 0: all */

static bool fails(void) {
	return until_failure >= 0 && until_failure-- == 0;
}

void *__wrap_malloc(size_t bytes) {
	return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes) {
	return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes) {
	return fails() ? NULL : __real_realloc(old, bytes);
}

static struct policy *policy;
static struct memory_image memory;
static struct directory *directory;

static int set_up(void **state) {
	struct numbered t;
	struct fault f;
	policy = load_good(tenants_yaml);
	image_build(policy, BASE, &memory);
	assert_int_equal(directory_new(image_open(policy, &memory), &directory), ERR_OK);
	for (int n = 0; n < CHANGED; n++)
		assert_int_equal(directory_put(directory, row_make(&t, n, 1), 6, &f), ERR_OK);
	directory_thread_enter();
	return 0;
}

static int tear_down(void **state) {
	directory_thread_leave();
	tenant_image_close(directory_free(directory));
	free(memory.bytes);
	policy_free(policy);
	return 0;
}

static bool is_at(int n, int version) {
	struct numbered t;
	struct tenant found;
	const struct tenant_row *row = row_make(&t, n, version);
	const struct directory_snapshot *s = directory_read_begin(directory);
	bool good = directory_find(s, row->name, &found) && tenant_is(&found, row);
	for (int i = 0; good && i < row->key_count; i++)
		good = directory_find_key(s, row->keys[i], &found) && tenant_is(&found, row);
	directory_read_end(directory);
	return good;
}

static bool all_as_before(void) {
	bool good = true;
	for (int n = 0; n < BASE; n++) good = good && is_at(n, n < CHANGED);
	return good;
}

/* Fails the first, the second, … allocation of the call until it succeeds without one failing. */
static int fail_each(enum err (*call)(struct fault *f)) {
	struct fault f;
	for (int n = 0;; n++) {
		until_failure = n;
		enum err e = call(&f);
		bool failed = until_failure < 0;
		until_failure = -1;
		if (!failed) {
			assert_int_equal(e, ERR_OK);
			return n;
		}
		assert_int_equal(e, ERR_NO_MEMORY);
		assert_true(all_as_before());
	}
}

static enum err put_one(struct fault *f) {
	struct numbered t;
	return directory_put(directory, row_make(&t, 3, 2), 7, f);
}

static enum err delete_one(struct fault *f) {
	return directory_delete(directory, SLICE_LIT("cust-000004"), 7, f);
}

static enum err open_again(struct fault *f) {
	struct tenant_image *image, *old;
	struct slice bytes = slice_of(memory.bytes, memory.len);
	enum err e = tenant_image_open(bytes, policy, &image, f);
	if (e) return e;
	e = directory_swap(directory, image, NULL, &old, f);
	tenant_image_close(e ? image : old);
	return e;
}

static enum err merge_all(struct fault *f) {
	struct memory_image to = {.cap = 1 << 16, .bytes = __real_malloc(1 << 16)};
	struct tenant_sink sink = {memory_write_at, memory_read_at, &to};
	struct directory_merge *m;
	enum err e = directory_merge_new(directory, &m);
	if (!e) e = directory_merge_run(m, &sink, NULL, f);
	directory_merge_free(m);
	free(to.bytes);
	return e;
}

static void each_allocation_may_fail(void **state) {
	assert_true(fail_each(open_again) > CHANGED);
	assert_true(fail_each(merge_all) > 5);
	assert_true(fail_each(put_one) >= 4);
	assert_true(is_at(3, 2));
	struct numbered t;
	struct fault f;
	assert_int_equal(directory_put(directory, row_make(&t, 3, 1), 7, &f), ERR_OK);
	assert_true(fail_each(delete_one) >= 3);
	assert_false(is_at(4, 1));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
