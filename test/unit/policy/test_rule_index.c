/* The index against the plain truth: whatever the rules and whatever is asked, a decision hits the
 * rules that evaluating each of them in turn would hit, errors included. */
#include "fixture.h"
#include "policy/rule_slots.h"
#include "policy/rules.h"

enum { POLICIES = 60, REQUESTS = 200, RULES = 80 };

static uint64_t state = 88172645463325252u;
static unsigned below(unsigned n) {
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

static const char *const words[] = {"a", "b", "c", "dd", "ee", ""};
static const char *word(void) {
	return words[below(6)];
}

/* One conjunct; some guard a slot, some can fail, some are neither. */
static int conjunct(char *to, size_t room) {
	static const char *const texts[] = {"tenant.tier", "tenant.id", "request.domain",
	                                    "request.host", "client.country"};
	const char *slot = texts[below(5)];
	switch (below(8)) {
	case 0: return snprintf(to, room, "%s == '%s'", slot, word());
	case 1: return snprintf(to, room, "%s in ['%s', '%s', '%s']", slot, word(), word(), word());
	case 2: return snprintf(to, room, "'%s' == %s", word(), slot);
	case 3: return snprintf(to, room, "request.size == %u", below(3));
	case 4: return snprintf(to, room, "request.write == %s", below(2) ? "true" : "false");
	case 5:
		return snprintf(to, room, "%s%s", below(2) ? "!" : "",
		                below(2) ? "request.write" : "request.forwarded");
	case 6: return snprintf(to, room, "%s.startsWith('%s')", slot, word());
	default: return snprintf(to, room, "request.headers['%s'] != '1'", word());
	}
}

static struct policy *random_policy(void) {
	static char yaml[1 << 16];
	size_t n = (size_t)snprintf(
		yaml, sizeof yaml,
		"regions: {r: {jurisdiction: us, location: [0, 0]}}\n"
		"residency: {any: {regions: all}}\ncells: {c: {replicas: [r]}}\n"
		"tenants: {a: {residency: any, cell: c, tier: b}, dd: {residency: any, cell: c}}\n"
		"rules:\n");
	for (int i = 0; i < RULES; i++) {
		n += (size_t)snprintf(yaml + n, sizeof yaml - n, "  - {name: r%d, %s: 1s, when: \"",
		                      i, below(8) ? "hold" : "deadline");
		unsigned terms = 1 + below(3);
		for (unsigned t = 0; t < terms; t++) {
			if (t) n += (size_t)snprintf(yaml + n, sizeof yaml - n, " && ");
			n += (size_t)conjunct(yaml + n, sizeof yaml - n);
		}
		n += (size_t)snprintf(yaml + n, sizeof yaml - n, "\"}\n");
	}
	return load_good(yaml);
}

/* Each rule by itself, on all values. */
static void plain_truth(const struct policy *p, const struct world *w,
                        const struct decide_request *r, uint64_t *hits, unsigned *failed) {
	static struct rule_inputs in;
	rule_inputs_fill(&in, p, w, r, UINT64_MAX, 0);
	const struct cel_frame frame = {.slots = in.slots};
	for (int i = 0; i < p->rule_count; i++) {
		int answer = cel_test(p->rules[i].when, &frame, NULL);
		if (answer > 0) hits[i / 64] |= (uint64_t)1 << (i % 64);
		if (answer < 0) ++*failed;
	}
}

static struct slice maybe(void) {
	return slice_str(word());
}

static void the_same_rules_match(void **unused) {
	static struct world_region regions[1];
	static struct world_cell cells[1];
	struct world w = {regions, cells, 1};
	unsigned hits = 0, fails = 0;
	for (int n = 0; n < POLICIES; n++) {
		struct policy *p = random_policy();
		for (int k = 0; k < REQUESTS; k++) {
			struct decide_header header = {maybe(), SLICE_LIT("1")};
			const struct decide_request r = {.tenant = (int)below(2),
			                                 .write = below(2),
			                                 .forwarded = below(2),
			                                 .domain = maybe(),
			                                 .host = maybe(),
			                                 .body_bytes = below(3),
			                                 .headers = &header,
			                                 .header_count = 1,
			                                 .client = {.country = maybe()}};
			uint64_t want[2] = {0}, got[2] = {0};
			unsigned failed = 0;
			struct decision d;
			plain_truth(p, &w, &r, want, &failed);
			decide_traced(p, &w, &r, &d, got);
			assert_memory_equal(got, want, sizeof want);
			assert_int_equal(d.rules_failed, failed);
			hits += (unsigned)__builtin_popcountll(want[0]);
			fails += failed;
		}
		policy_free(p);
	}
	assert_true(hits > REQUESTS && fails > REQUESTS); /* there was something to find */
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_rules_match)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
