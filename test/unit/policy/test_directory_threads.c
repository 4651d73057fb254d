/* Readers beside a writer that changes, merges and swaps without pause. Each tenant's version is
 * written in its attribute, its second key and its tier: a reader that ever sees them disagree,
 * or misses a tenant that is always there, has seen half a change. */
#include "tenants.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/parse.h"

enum { READERS = 3, BASE = 200, CHANGES = 3000, MERGE_EVERY = 250, SWAP_AFTER = 50 };

static struct policy *policy;
static struct directory *directory;
static atomic_bool stop;
static atomic_long reads;

/* Both keys lead to the same tenant as its name, in the same snapshot. */
static bool consistent(const struct directory_snapshot *s, int n) {
	struct numbered want;
	struct tenant t, by_key;
	if (!directory_find(s, row_make(&want, n, 0)->name, &t)) return false;
	struct slice value = tenant_attribute_get(&t, SLICE_LIT("version"));
	uint64_t version = 0;
	if (value.len && parse_u64(slice_of(value.ptr + 1, value.len - 1), CHANGES, &version))
		return false;
	if (!tenant_is(&t, row_make(&want, n, (int)version))) return false;
	for (int i = 0; i < want.row.key_count; i++)
		if (!directory_find_key(s, want.row.keys[i], &by_key) ||
		    by_key.row.ptr != t.row.ptr)
			return false;
	return true;
}

static void *read_on(void *arg) {
	unsigned *wrong = arg;
	uint64_t x = (uint64_t)(uintptr_t)arg;
	directory_thread_enter();
	while (!atomic_load(&stop)) {
		const struct directory_snapshot *s = directory_read_begin(directory);
		uint64_t revision = directory_facts(s).revision;
		for (int i = 0; i < 8; i++) {
			x = mix64(x + 1);
			if (!consistent(s, (int)(x % BASE))) ++*wrong;
		}
		if (directory_facts(s).revision != revision) ++*wrong;
		directory_read_end(directory);
		atomic_fetch_add(&reads, 1);
	}
	directory_thread_leave();
	return NULL;
}

struct merging {
	struct directory_merge *merge;
	struct memory_image fresh;
	pthread_t thread;
	enum err outcome;
};

static void *merge_beside(void *arg) {
	struct merging *m = arg;
	struct tenant_sink sink = memory_sink(&m->fresh);
	struct fault f;
	m->outcome = directory_merge_run(m->merge, &sink, NULL, &f);
	return NULL;
}

static void merge_start(struct merging *m) {
	assert_int_equal(directory_merge_new(directory, &m->merge), ERR_OK);
	assert_int_equal(pthread_create(&m->thread, NULL, merge_beside, m), 0);
}

static void merge_swap(struct merging *m, struct memory_image *memory) {
	struct tenant_image *old;
	struct fault f;
	pthread_join(m->thread, NULL);
	assert_int_equal(m->outcome, ERR_OK);
	assert_int_equal(
		directory_swap(directory, image_open(policy, &m->fresh), m->merge, &old, &f),
		ERR_OK);
	directory_merge_free(m->merge);
	tenant_image_close(old);
	free(memory->bytes); /* whoever still reads it is caught */
	*memory = m->fresh;
}

static void write_all(struct memory_image *memory) {
	struct merging merging;
	struct numbered t;
	struct fault f;
	for (int i = 0; i < CHANGES; i++) {
		uint64_t x = mix64((uint64_t)i);
		int n = (int)(x % (2 * BASE));
		/* The upper half comes and goes, the lower half is always there. */
		enum err e = n >= BASE && x >> 40 & 1
		                     ? directory_delete(directory, row_make(&t, n, 0)->name,
		                                        (uint64_t)(10 + i), &f)
		                     : directory_put(directory, row_make(&t, n, i + 1),
		                                     (uint64_t)(10 + i), &f);
		assert_true(e == ERR_OK || e == ERR_NOT_FOUND);
		if (i % MERGE_EVERY == 0) merge_start(&merging);
		if (i % MERGE_EVERY == SWAP_AFTER) merge_swap(&merging, memory);
		if (i % 64 == 0) directory_reclaim(directory);
	}
}

static void readers_never_see_half_a_change(void **state) {
	struct memory_image memory;
	pthread_t threads[READERS];
	unsigned wrong[READERS] = {0};
	policy = load_good(tenants_yaml);
	image_build(policy, BASE, &memory);
	assert_int_equal(directory_new(image_open(policy, &memory), &directory), ERR_OK);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, &wrong[i]), 0);
	while (atomic_load(&reads) < READERS) sched_yield();
	write_all(&memory);
	atomic_store(&stop, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(wrong[i], 0);
	}
	tenant_image_close(directory_free(directory));
	free(memory.bytes);
	policy_free(policy);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_never_see_half_a_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
