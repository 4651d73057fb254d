/* Recordings: what is written is read, what is damaged is told, and a replay counts right. */
#include "base/bytes.h"
#include "base/hash.h"
#include "fixture.h"
#include "policy/replay.h"

#define REGIONS_YAML                                                                               \
	"regions:\n"                                                                               \
	"  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"                                 \
	"  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"                                \
	"  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"                                  \
	"residency: {any: {regions: all}}\n"

static const char old_yaml[] = REGIONS_YAML
	"cells: {c: {replicas: [us-east, us-west]}, d: {replicas: [eu-west, us-east]}}\n"
	"tenants:\n"
	"  acme: {residency: any, cell: c, tier: gold, preferences: {regions: [us-west]}}\n"
	"  globex: {residency: any, cell: d}\n";
/* Other numbers for the same names; us-west is preferred no more, globex is gone. */
static const char new_yaml[] = "regions:\n"
			       "  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"
			       "  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
			       "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
			       "  ap-south: {jurisdiction: in, location: [19.1, 72.9]}\n"
			       "residency: {any: {regions: all}}\n"
			       "cells: {c: {replicas: [us-east, us-west]}}\n"
			       "tenants:\n"
			       "  acme: {residency: any, cell: c, tier: gold}\n";
enum { EAST, WEST, EUW };
enum { ACME, GLOBEX };

static struct policy *policy, *fresh;

static int set_up(void **state) {
	policy = load_good(old_yaml);
	fresh = load_good(new_yaml);
	return 0;
}

static int tear_down(void **state) {
	policy_free(policy);
	policy_free(fresh);
	return 0;
}

/* Decides and records. */
static void add(struct recorder *r, struct whatif *w, const struct decide_request *q) {
	struct decision d;
	whatif_decide(w, policy, q, &d, NULL);
	assert_int_equal(recorder_add(r, &w->world, q, &d), ERR_OK);
}

static struct decide_request request(int tenant, int here, uint64_t time_ms) {
	return (struct decide_request){.tenant = tenant,
	                               .here = here,
	                               .consistency = CONSISTENCY_EVENTUAL,
	                               .method = SLICE_LIT("GET"),
	                               .path = SLICE_LIT("/v1/x"),
	                               .time_ms = time_ms};
}

static void taken(struct recorder *r, struct buf *out) {
	assert_int_equal(recorder_take(r, out), ERR_OK);
}

static void what_is_recorded_is_read(void **state) {
	struct recorder *r = recorder_new(policy, 10);
	struct whatif w;
	struct buf out;
	const struct cel_net ip = {.bytes = {192, 0, 2, 1}, .family = 4, .prefix = 32};
	const struct decide_header header = {SLICE_LIT("x-plan"), SLICE_LIT("gold")};
	buf_init(&out, 1 << 20);
	assert_int_equal(whatif_init(&w, policy), ERR_OK);
	w.regions[WEST] = (struct world_region){.state = REGION_DRAINING,
	                                        .state_age_ms = 9,
	                                        .breaker_open = true,
	                                        .breaker_age_ms = 3};
	w.cells[1].lag_ms[1] = 70;
	w.world.version = 5;
	struct decide_request q = request(GLOBEX, WEST, 1500);
	q.client = (struct decide_client){.ip = &ip,
	                                  .country = SLICE_LIT("DE"),
	                                  .located = true,
	                                  .latitude = 52.5,
	                                  .longitude = -13};
	q.headers = &header;
	q.header_count = 1;
	q.domain = SLICE_LIT("billing");
	q.sticky = SLICE_LIT("zoë");
	q.body_bytes = 12;
	add(r, &w, &q);
	taken(r, &out);
	struct recording in;
	static struct recorded rec;
	assert_int_equal(recording_open(&in, buf_slice(&out)), ERR_OK);
	assert_memory_equal(in.policy_hash, policy->hash, sizeof in.policy_hash);
	assert_true(in.sampled == 10 && in.region_count == 3 && slice_is(in.regions[2], "eu-west"));
	int kinds[RECORDED_DECISION + 1] = {0};
	do {
		assert_int_equal(recording_next(&in, &rec), ERR_OK);
		kinds[rec.kind]++;
		if (rec.kind == RECORDED_WORLD) assert_int_equal(rec.version, 5);
		if (rec.kind == RECORDED_REGION) {
			assert_true(rec.index == WEST && rec.region.state == REGION_DRAINING);
			assert_true(rec.region.breaker_open && !rec.region.over_capacity);
			assert_true(rec.region.state_age_ms == 9 && rec.region.breaker_age_ms == 3);
		}
		if (rec.kind == RECORDED_STATE && rec.index == 1)
			assert_true(rec.cell.home == EUW && rec.cell.epoch == 1 &&
			            rec.replica_count == 2 && rec.cell.lag_ms[1] == 70);
		if (rec.kind == RECORDED_DECISION) {
			const struct decide_request *got = &rec.decision.request;
			assert_true(rec.decision.verdict == VERDICT_FORWARD);
			assert_true(rec.decision.region == EUW && got->here == WEST);
			assert_true(slice_is(got->domain, "billing") &&
			            slice_is(got->sticky, "zoë"));
			assert_true(slice_is(got->client.country, "DE") && got->client.located);
			assert_true(got->client.longitude < -12.9 &&
			            got->client.ip->bytes[0] == 192);
			assert_true(got->header_count == 1 &&
			            slice_is(got->headers[0].value, "gold"));
			assert_true(got->body_bytes == 12 && got->time_ms == 1500 && !got->write);
		}
	} while (rec.kind != RECORDED_END);
	assert_true(kinds[RECORDED_TENANT] == 1 && kinds[RECORDED_CELL] == 2);
	assert_true(kinds[RECORDED_WORLD] == 1 && kinds[RECORDED_REGION] == 1);
	assert_true(kinds[RECORDED_STATE] == 2 && kinds[RECORDED_DECISION] == 1);
	assert_int_equal(in.torn_bytes, 0);
	buf_done(&out);
	whatif_done(&w);
	recorder_free(r);
}

/* A recording of two blocks. */
static void make(struct buf *out) {
	struct recorder *r = recorder_new(policy, 1);
	struct whatif w;
	buf_init(out, 4 << 20);
	assert_int_equal(whatif_init(&w, policy), ERR_OK);
	for (int i = 0; i < 40; i++) {
		struct decide_request q =
			request(i % 4 == 3 ? GLOBEX : ACME, EUW, 1000 + 100 * (uint64_t)i);
		if (i == 20) {
			taken(r, out);
			w.regions[WEST].state = REGION_DOWN;
			w.world.version++;
		}
		add(r, &w, &q);
	}
	taken(r, out);
	recorder_free(r);
	whatif_done(&w);
}

/* How many decisions can be read, and how it ends. */
static int read_all(struct slice bytes, enum err *end, size_t *torn) {
	struct recording in;
	static struct recorded rec;
	int decisions = 0;
	*torn = 0;
	*end = recording_open(&in, bytes);
	if (*end) return 0;
	do {
		*end = recording_next(&in, &rec);
		decisions += rec.kind == RECORDED_DECISION && !*end;
	} while (!*end && rec.kind != RECORDED_END);
	*torn = in.torn_bytes;
	return decisions;
}

static void damage_is_told(void **state) {
	struct buf out;
	enum err end;
	size_t torn;
	make(&out);
	struct slice all = buf_slice(&out);
	uint8_t *copy = malloc(all.len);
	assert_int_equal(read_all(all, &end, &torn), 40);
	assert_int_equal(end, ERR_OK);
	size_t head = 8 + (size_t)all.ptr[6];
	for (size_t cut = 0; cut < all.len; cut++)
		assert_true(recording_unbegun(slice_of(all.ptr, cut)) == (cut < head));
	for (size_t cut = 0; cut < all.len; cut++) { /* exact memory: a read past it is seen */
		uint8_t *part = malloc(cut + 1);
		memcpy(part, all.ptr, cut);
		int count = read_all(slice_of(part, cut), &end, &torn);
		assert_true(end == ERR_OK || end == ERR_CORRUPT || end == ERR_FORMAT);
		assert_true(count == 0 || count == 20);
		free(part);
	}
	for (size_t i = 0; i < all.len; i++) {
		memcpy(copy, all.ptr, all.len);
		copy[i] ^= 1u << i % 8;
		int count = read_all(slice_of(copy, all.len), &end, &torn);
		assert_true(end != ERR_OK || torn > 0);
		assert_true(count == 0 || count == 20);
	}
	free(copy);
	buf_done(&out);
}

static void a_full_block_waits_to_be_taken(void **state) {
	struct recorder *r = recorder_new(policy, 1);
	struct whatif w;
	struct buf out;
	static char path[RECORDED_TEXT_MAX + 100];
	memset(path, 'x', sizeof path);
	struct decide_request q = request(ACME, EAST, 0);
	q.path = slice_of(path, sizeof path);
	struct decision d;
	int added = 0;
	enum err e;
	assert_int_equal(whatif_init(&w, policy), ERR_OK);
	whatif_decide(&w, policy, &q, &d, NULL);
	while (!(e = recorder_add(r, &w.world, &q, &d))) added++;
	assert_int_equal(e, ERR_OVERLOADED);
	assert_true(added > 100 && added < 140);
	buf_init(&out, 100);
	assert_int_equal(recorder_take(r, &out), ERR_TOO_LARGE);
	buf_done(&out);
	buf_init(&out, 4 << 20);
	taken(r, &out);
	add(r, &w, &q);
	taken(r, &out);
	size_t torn;
	assert_int_equal(read_all(buf_slice(&out), &e, &torn), added + 1);
	assert_int_equal(e, ERR_OK);
	buf_done(&out);
	recorder_free(r);
	whatif_done(&w);
}

static struct replay *replayed(const struct buf *recording, const struct policy *old) {
	struct replay *r;
	bool done = false;
	assert_int_equal(replay_new(fresh, old, &r), ERR_OK);
	assert_int_equal(replay_open(r, buf_slice(recording)), ERR_OK);
	while (!done) assert_int_equal(replay_run(r, 7, &done), ERR_OK);
	return r;
}

static int place(const struct moves *m, const char *name) {
	for (int i = 0; i < m->count; i++)
		if (slice_is(m->names[i], name)) return i;
	fail_msg("no place %s", name);
	return -1;
}

static void a_replay_counts_what_moves(void **state) {
	struct buf out;
	make(&out);
	for (int again = 0; again < 2; again++) {
		struct replay *r = replayed(&out, again ? policy : NULL);
		const struct moves *m = &r->moves;
		int east = place(m, "us-east"), west = place(m, "us-west"),
		    euw = place(m, "eu-west");
		assert_int_equal(r->decisions, 40);
		/* acme: first to us-west, which it preferred; then that is down. */
		assert_int_equal(m->counts[west][east], 15);
		assert_int_equal(m->counts[east][east], 15);
		assert_int_equal(m->counts[euw][m->unknown], 10); /* globex is gone */
		assert_int_equal(moves_moved(m), 25);
		assert_int_equal(r->group_count, 1);
		assert_string_equal(r->groups[0].tier, "gold");
		assert_true(r->groups[0].decisions == 30 && r->groups[0].moved == 15);
		assert_true(r->first_ms == 1000 && r->last_ms == 4900);
		assert_true(r->new_load[east].total == 30 && r->new_load[east].peak == 8);
		assert_int_equal(r->example_count, REPLAY_EXAMPLES_MAX);
		assert_true(slice_is(r->examples[0].tenant, "acme") &&
		            slice_is(r->examples[0].from, "us-west"));
		replay_free(r);
	}
	buf_done(&out);
	struct replay *none;
	assert_int_equal(replay_new(fresh, NULL, &none), ERR_OK);
	assert_int_equal(replay_open(none, SLICE_LIT("GIF89a")), ERR_FORMAT);
	replay_free(none);
}

static void a_lag_that_moves_is_told(void **state) {
	struct recorder *r = recorder_new(policy, 1);
	struct whatif w;
	struct buf out;
	struct recording in;
	static struct recorded rec;
	struct decide_request q = request(GLOBEX, EUW, 1);
	int told = 0;
	uint32_t lag = 0;
	buf_init(&out, 1 << 20);
	assert_int_equal(whatif_init(&w, policy), ERR_OK);
	for (uint32_t i = 0; i < 3; i++) { /* the version stays: nothing woke the edge */
		w.cells[1].lag_ms[1] = 10 * i;
		w.cells[0].lag_ms[1] = 7 * i; /* another tenant's: not seen by the decision */
		add(r, &w, &q);
	}
	taken(r, &out);
	assert_int_equal(recording_open(&in, buf_slice(&out)), ERR_OK);
	do {
		assert_int_equal(recording_next(&in, &rec), ERR_OK);
		if (rec.kind == RECORDED_STATE && rec.index == 1) lag = rec.cell.lag_ms[1];
		if (rec.kind == RECORDED_DECISION) assert_int_equal(lag, 10 * told++);
		if (rec.kind == RECORDED_STATE && rec.index == 0)
			assert_int_equal(rec.cell.lag_ms[1], 0);
	} while (rec.kind != RECORDED_END);
	assert_int_equal(told, 3);
	buf_done(&out);
	whatif_done(&w);
	recorder_free(r);
}

static void a_crash_leaves_zeros_or_half_a_block(void **state) {
	struct buf out;
	enum err end;
	size_t torn, tail = 5000;
	make(&out);
	size_t len = out.len;
	assert_int_equal(buf_append(&out, (const uint8_t[5000]){0}, tail), ERR_OK);
	assert_int_equal(read_all(buf_slice(&out), &end, &torn), 40);
	assert_true(end == ERR_OK && torn == tail);
	buf_slice(&out); /* the last block got its room and half of its bytes */
	memset(out.mem + out.start + len - 100, 0, 100);
	assert_int_equal(read_all(buf_slice(&out), &end, &torn), 20);
	assert_true(end == ERR_OK && torn > tail);
	/* Damage with more after it is no crash. */
	out.mem[out.start + len + 4999] = 1;
	read_all(buf_slice(&out), &end, &torn);
	assert_int_equal(end, ERR_CORRUPT);
	buf_done(&out);
}

/* Two workers' files of the same seconds, and one of a region that the new policy has not. */
static void recordings_count_together(void **state) {
	struct buf out, other;
	struct replay *r;
	bool done = false;
	make(&out);
	struct policy *before = policy,
		      *third = load_good("regions:\n  moon: {jurisdiction: us, location: [1, 1]}\n"
	                                 "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
	                                 "residency: {any: {regions: all}}\n"
	                                 "cells: {c: {replicas: [moon, us-east]}}\n"
	                                 "tenants: {acme: {residency: any, cell: c}}\n");
	policy = third;
	struct recorder *rec = recorder_new(policy, 10);
	struct whatif w;
	buf_init(&other, 1 << 20);
	assert_int_equal(whatif_init(&w, policy), ERR_OK);
	struct decide_request q = request(ACME, 1, 1000);
	q.write = true;
	add(rec, &w, &q);
	taken(rec, &other);
	recorder_restart(rec); /* the next file stands by itself */
	size_t first = other.len;
	add(rec, &w, &q);
	taken(rec, &other);
	policy = before;
	assert_int_equal(replay_new(fresh, NULL, &r), ERR_OK);
	const struct slice all[] = {buf_slice(&out), buf_slice(&out), slice_of(other.mem, first),
	                            slice_of(other.mem + first, other.len - first)};
	for (int i = 0; i < 4; i++, done = false) {
		assert_int_equal(replay_open(r, all[i]), ERR_OK);
		while (!done) assert_int_equal(replay_run(r, 7, &done), ERR_OK);
	}
	const struct moves *m = &r->moves;
	int east = place(m, "us-east"), moon = place(m, "moon");
	assert_true(r->recordings == 4 && r->tenant_count == 2);
	assert_true(r->decisions == 82 && r->requests == 100);
	assert_int_equal(moves_total(m), 82);
	assert_int_equal(m->counts[moon][east], 2);
	assert_int_equal(m->counts[east][east], 30);
	assert_int_equal(m->counts[place(m, "eu-west")][m->unknown], 20);
	assert_string_equal((const char *)m->names[m->hold].ptr, "(hold)");
	/* 8 a second in each of two, and in the first second twice 10 from the moon. */
	assert_int_equal(r->new_load[east].peak, 16 + 20);
	assert_true(r->old_load[moon].total == 2 && r->old_load[moon].requests == 20);
	replay_free(r);
	recorder_free(rec);
	whatif_done(&w);
	policy_free(third);
	buf_done(&out);
	buf_done(&other);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_recorded_is_read),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(a_full_block_waits_to_be_taken),
		cmocka_unit_test(a_lag_that_moves_is_told),
		cmocka_unit_test(a_crash_leaves_zeros_or_half_a_block),
		cmocka_unit_test(a_replay_counts_what_moves),
		cmocka_unit_test(recordings_count_together),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
