/* The tenant directory at size: bench_directory [TENANTS [FILE]], by default ten million and a
 * file in the working directory, which is removed. Builds an image into the file, maps it, and
 * looks tenants up in random order, each lookup waiting for the one before, so that every cache
 * miss is paid; then changes tenants with many changes pending, and merges them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "policy/directory.h"
#include "policy/tenant_read.h"

enum {
	TENANTS = 10000000,
	PENDING = 100000,
	CHANGES = 20000,
	PROFILES = 24,
	LOOKUPS = 2000000,
	ROUNDS = 3
};

static double now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(enum err e, const struct fault *f) {
	if (!e) return;
	fprintf(stderr, "bench_directory: %s\n", f ? f->text : err_text(e));
	exit(1);
}

/* --- tenants ------------------------------------------------------------------------------ */

static const char yaml[] = "regions:\n"
			   "  r0: {jurisdiction: us, location: [0, 0]}\n"
			   "  r1: {jurisdiction: us, location: [0, 1]}\n"
			   "  r2: {jurisdiction: eu, location: [0, 2]}\n"
			   "residency: {any: {regions: all}}\n"
			   "cells:\n"
			   "  c0: {replicas: [r0, r1]}\n"
			   "  c1: {replicas: [r1, r2]}\n"
			   "  c2: {replicas: [r2, r0]}\n";

struct made {
	struct tenant_row row;
	char name[32];
};

/* An id that looks like one in use: 'cust-' and eight digits of a number that jumps about. */
static struct slice name_make(char out[32], uint32_t n) {
	return slice_of(out, (size_t)snprintf(out, 32, "cust-%08x", n * 2654435761u));
}

static const struct tenant_row *row_make(struct made *m, uint32_t n, uint32_t version) {
	static const char *const tiers[] = {"gold", "silver", "bronze", "free"};
	struct tenant_row *row = &m->row;
	uint32_t profile = (uint32_t)mix64(n) % PROFILES;
	uint64_t key[4] = {mix64(n), mix64(n + 1ull), mix64(n + 2ull), 0};
	tenant_row_init(row);
	row->name = name_make(m->name, n);
	row->profile.residency = 0;
	row->profile.cell = (int32_t)(profile % 3);
	strncat(row->profile.tier, tiers[(profile / 6 + version) % 4],
	        sizeof row->profile.tier - 1);
	memcpy(row->profile.country, profile % 2 ? "US" : "DE", 3);
	memcpy(row->keys[row->key_count++], key, SHA256_BYTES);
	return row;
}

/* --- a file that is written and mapped ------------------------------------------------------ */

static enum err file_write_at(void *arg, uint64_t offset, struct slice bytes) {
	ssize_t n = pwrite(*(int *)arg, bytes.ptr, bytes.len, (off_t)offset);
	return n == (ssize_t)bytes.len ? ERR_OK : ERR_IO;
}

static enum err file_read_at(void *arg, uint64_t offset, void *out, size_t len) {
	return pread(*(int *)arg, out, len, (off_t)offset) == (ssize_t)len ? ERR_OK : ERR_IO;
}

static struct slice file_map(int fd) {
	off_t len = lseek(fd, 0, SEEK_END);
	void *bytes = mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, fd, 0);
	if (len <= 0 || bytes == MAP_FAILED) must(ERR_IO, NULL);
	return slice_of(bytes, (size_t)len);
}

/* The same bytes in huge pages: what a node may do that has the memory. */
static struct slice huge_copy(struct slice bytes) {
	void *copy = NULL;
	if (posix_memalign(&copy, 2 << 20, bytes.len)) must(ERR_NO_MEMORY, NULL);
	madvise(copy, bytes.len, MADV_HUGEPAGE);
	memcpy(copy, bytes.ptr, bytes.len);
	return slice_of(copy, bytes.len);
}

static double resident_mib(const char *field) {
	char line[128];
	double kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtod(line + strlen(field), NULL);
	if (f) fclose(f);
	return kib / 1024;
}

/* --- measurements --------------------------------------------------------------------------- */

static void build(const struct policy *p, uint32_t count, int fd) {
	const struct tenant_sink sink = {file_write_at, file_read_at, &fd};
	const uint64_t seed[2] = {0x0123456789abcdef, 0xfedcba9876543210};
	struct tenant_builder *b;
	struct fault f;
	struct made m;
	double start = now_ns();
	must(tenant_builder_new(p, seed, 1, &sink, &b), NULL);
	for (uint32_t n = 0; n < count; n++)
		must(tenant_builder_add(b, row_make(&m, n, 0), &f), &f);
	double added = now_ns();
	must(tenant_builder_finish(b, NULL, &f), &f);
	double done = now_ns();
	printf("built: %.2f s, of which %.2f s adding; memory at most %.0f MiB\n",
	       (done - start) / 1e9, (added - start) / 1e9, resident_mib("VmHWM:"));
	printf("figure tenant_build_s %.2f\n", (done - start) / 1e9);
	tenant_builder_free(b);
}

static struct tenant_image *open_image(const struct policy *p, struct slice bytes) {
	struct tenant_image *image;
	struct fault f;
	must(tenant_image_open(bytes, p, &image, &f), &f);
	return image;
}

static void sizes(const struct tenant_image *image) {
	struct tenant_image_facts f = tenant_image_facts(image);
	double n = (double)f.tenant_count;
	printf("image: %.0f MB; a tenant: %.1f B hot, a key %.1f B, the row %.1f B on disk; %llu "
	       "profiles\n",
	       (double)f.total_bytes / 1e6, (double)f.tenant_table_bytes / n,
	       (double)f.key_table_bytes / (double)f.key_count, (double)f.row_bytes / n,
	       (unsigned long long)f.profile_count);
	printf("figure tenant_bytes %.2f\n", (double)f.tenant_table_bytes / n);
}

/* What is looked up, in random order: made beforehand, read in order. */
struct wanted {
	char name[16];
	uint8_t len;
	uint8_t key[SHA256_BYTES];
};

static struct wanted *wanted_make(uint32_t count) {
	struct wanted *all = malloc(LOOKUPS * sizeof *all);
	struct made m;
	if (!all) must(ERR_NO_MEMORY, NULL);
	for (uint32_t i = 0; i < LOOKUPS; i++) {
		const struct tenant_row *row = row_make(&m, (uint32_t)(mix64(i) % count), 0);
		all[i].len = (uint8_t)row->name.len;
		memcpy(all[i].name, row->name.ptr, row->name.len);
		memcpy(all[i].key, row->keys[0], SHA256_BYTES);
	}
	return all;
}

enum how { PEEK, FIND, FIND_KEY };

/* Where the next one stands depends on what was read from this one's profile and, but for a
 * peek, row (always the same, which the processor cannot know): no two lookups overlap. */
static double lookups_ns(const struct directory *d, const struct wanted *all, enum how how) {
	struct tenant t;
	double start = now_ns();
	for (size_t i = 0; i < LOOKUPS;) {
		const struct wanted *w = &all[i];
		struct slice name = slice_of(w->name, w->len);
		const struct directory_snapshot *s = directory_read_begin(d);
		bool found = how == PEEK   ? directory_peek(s, name, &t)
		             : how == FIND ? directory_find(s, name, &t)
		                           : directory_find_key(s, w->key, &t);
		if (!found) must(ERR_NOT_FOUND, NULL);
		i += t.profile->bounded_ms + (how == PEEK ? 1 : (size_t)tenant_key_count(&t));
		directory_read_end(d);
	}
	return (now_ns() - start) / LOOKUPS;
}

static double batches_ns(const struct directory *d, const struct wanted *all) {
	struct tenant found[DIRECTORY_BATCH_MAX];
	bool is_found[DIRECTORY_BATCH_MAX];
	struct slice names[DIRECTORY_BATCH_MAX];
	double start = now_ns();
	for (size_t i = 0; i < LOOKUPS;) {
		for (int k = 0; k < DIRECTORY_BATCH_MAX; k++)
			names[k] = slice_of(all[i + (size_t)k].name, all[i + (size_t)k].len);
		const struct directory_snapshot *s = directory_read_begin(d);
		directory_find_batch(s, names, DIRECTORY_BATCH_MAX, found, is_found);
		for (int k = 0; k < DIRECTORY_BATCH_MAX; k++)
			i += (size_t)tenant_key_count(&found[k]);
		directory_read_end(d);
	}
	return (now_ns() - start) / LOOKUPS;
}

/* The best of a few, for others use the machine too. */
static double best_ns(const struct directory *d, const struct wanted *all, enum how how) {
	double best = lookups_ns(d, all, how);
	for (int i = 1; i < ROUNDS; i++) {
		double ns = lookups_ns(d, all, how);
		if (ns < best) best = ns;
	}
	return best;
}

/* The floor: one dependent load a step at random places of the same table. */
static double bare_load_ns(const struct tenant_image *image) {
	struct tenant_image_facts f = tenant_image_facts(image);
	const uint8_t *table = tenant_image_bytes(image).ptr + f.total_bytes -
	                       f.tenant_table_bytes - f.key_table_bytes;
	uint64_t x = 1, lines = f.tenant_table_bytes / 64;
	double best = 1e18;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();
		for (int i = 0; i < LOOKUPS; i++) {
			uint64_t loaded;
			memcpy(&loaded, table + x % lines * 64, sizeof loaded);
			x = mix64(x + loaded);
		}
		double ns = (now_ns() - start) / LOOKUPS;
		if (ns < best) best = ns;
	}
	return best;
}

static double look_up(const char *where, const struct directory *d, const struct wanted *all) {
	double peek = best_ns(d, all, PEEK);
	printf("%s: peek %.0f ns, by name %.0f ns, by key %.0f ns, by name in batches of %d %.0f "
	       "ns "
	       "each\n",
	       where, peek, best_ns(d, all, FIND), best_ns(d, all, FIND_KEY), DIRECTORY_BATCH_MAX,
	       batches_ns(d, all));
	return peek;
}

/* How long ten million take to read follows from a part of them. */
static void import(const struct policy *p) {
	enum { ROWS = 200000, ROW_BYTES = 160 };
	static const char head[] = "id,residency,cell,tier,country,consistency,preferences,key\n";
	char *csv = malloc(sizeof head + (size_t)ROWS * ROW_BYTES), name[32];
	size_t len = sizeof head - 1, used;
	struct tenant_reader *r = tenant_reader_new(TENANT_CSV, p, "bench");
	struct tenant_row row;
	struct policy_error error;
	uint32_t count = 0;
	if (!csv || !r) must(ERR_NO_MEMORY, NULL);
	memcpy(csv, head, len);
	for (uint32_t n = 0; n < ROWS; n++)
		len += (size_t)snprintf(csv + len, ROW_BYTES,
		                        "%s,any,c%u,gold,US,session,r%u,sha256:%064x\n",
		                        (const char *)name_make(name, n).ptr, n % 3, n % 3, n);
	double start = now_ns();
	for (size_t at = 0; at < len; at += used) {
		must(tenant_reader_next(r, slice_of(csv + at, len - at), true, &used, &row, &error),
		     NULL);
		count += row.name.len > 0;
	}
	printf("CSV: %.0f ns a row (%u rows)\n", (now_ns() - start) / ROWS, count);
	tenant_reader_free(r);
	free(csv);
}

static int double_cmp(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* A change of a tenant that is there, with PENDING others waiting to be merged. */
static void change(struct directory *d, uint32_t count) {
	static double took[CHANGES];
	struct fault f;
	struct made m;
	for (uint32_t n = 0; n < PENDING; n++)
		must(directory_put(d, row_make(&m, n % count, 1), 2, &f), &f);
	for (uint32_t n = 0; n < CHANGES; n++) {
		row_make(&m, (uint32_t)(mix64(n) % PENDING % count), n + 2);
		double start = now_ns();
		must(directory_put(d, &m.row, n + 2, &f), &f);
		took[n] = now_ns() - start;
	}
	qsort(took, CHANGES, sizeof *took, double_cmp);
	printf("a change with %d pending: p50 %.1f us, p99 %.1f us, worst %.1f us\n", PENDING,
	       took[CHANGES / 2] / 1e3, took[CHANGES * 99 / 100] / 1e3, took[CHANGES - 1] / 1e3);
	printf("figure tenant_publish_p99_us %.1f\n", took[CHANGES * 99 / 100] / 1e3);
}

static void merge(struct directory *d, const struct policy *p, int fd) {
	const struct tenant_sink sink = {file_write_at, file_read_at, &fd};
	struct directory_merge *m;
	struct tenant_image *old, *fresh;
	struct fault f;
	double start = now_ns();
	must(directory_merge_new(d, &m), NULL);
	double begun = now_ns();
	must(directory_merge_run(m, &sink, NULL, &f), &f);
	double run = now_ns();
	struct slice bytes = file_map(fd);
	must(tenant_image_open(bytes, p, &fresh, &f), &f);
	double opened = now_ns();
	must(directory_swap(d, fresh, m, &old, &f), &f);
	printf("merge: writer %.2f ms to begin and %.2f ms to swap; %.2f s beside it\n",
	       (begun - start) / 1e6, (now_ns() - opened) / 1e6, (run - begun) / 1e9);
	directory_merge_free(m);
	start = now_ns();
	must(tenant_image_verify_sums(fresh, &f), &f);
	double summed = now_ns();
	must(tenant_image_verify(fresh, NULL, &f), &f);
	printf("verified: sums %.2f s, everything %.2f s\n", (summed - start) / 1e9,
	       (now_ns() - summed) / 1e9);
	tenant_image_close(old);
}

static int scratch(const char *path) {
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) must(ERR_IO, NULL);
	unlink(path);
	return fd;
}

int main(int argc, char **argv) {
	uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : TENANTS;
	const char *path = argc > 2 ? argv[2] : "bench_directory.image";
	struct policy *p;
	struct directory *d, *huge;
	if (count == 0) return 2;
	must(policy_load(SLICE_LIT(yaml), "bench", NULL, NULL, &p), NULL);
	printf("%u tenants\n", count);
	import(p);
	int fd = scratch(path);
	build(p, count, fd);
	double start = now_ns();
	struct slice bytes = file_map(fd);
	struct tenant_image *image = open_image(p, bytes);
	printf("figure tenant_open_ms %.3f\n", (now_ns() - start) / 1e6);
	sizes(image);
	must(directory_new(image, &d), NULL);
	directory_thread_enter();
	struct wanted *all = wanted_make(count);
	printf("a bare load from a random line of the table: %.0f ns\n", bare_load_ns(image));
	printf("figure tenant_lookup_cold_ns %.0f\n", look_up("mapped file", d, all));
	struct slice copy = huge_copy(bytes);
	must(directory_new(open_image(p, copy), &huge), NULL);
	look_up("huge pages", huge, all);
	tenant_image_close(directory_free(huge));
	free((void *)(uintptr_t)copy.ptr);
	change(d, count);
	look_up("with changes pending", d, all);
	merge(d, p, scratch(path));
	printf("memory: %.0f MiB resident, of which %.0f MiB are the files'\n",
	       resident_mib("VmRSS:"), resident_mib("RssFile:"));
	directory_thread_leave();
	tenant_image_close(directory_free(d));
	policy_free(p);
	free(all);
	return 0;
}
