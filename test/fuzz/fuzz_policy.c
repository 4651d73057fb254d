/* policy.yaml from an enemy: it loads or says why, and what loads can be decided on:
 * decide() asserts by itself that it stays within the residency class. */
#include <stdlib.h>

#include "policy/decide.h"
#include "policy/flags.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_report(void *arg, const struct policy_error *e) {
	int *count = arg;
	++*count;
	if (e->line < 1 || e->column < 1 || !e->text[0] || *count > 50) abort();
}

static uint32_t shake(uint32_t *seed) {
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static struct slice word(uint32_t *seed) {
	static const char *const words[] = {"",    "a",   "GET",     "billing",       "us-east",
	                                    "KP",  "x-a", "api.a",   "/v1/billing/1", "gold",
	                                    "pro", "1",   "eu-west", "/internal/x"};
	return slice_str(words[shake(seed) % (sizeof words / sizeof *words)]);
}

static void shake_world(const struct policy *p, struct world_region *regions,
                        struct world_cell *cells, uint32_t *seed) {
	for (int i = 0; i < p->region_count; i++)
		regions[i] = (struct world_region){.state = shake(seed) % 3,
		                                   .state_age_ms = shake(seed) % 20000,
		                                   .breaker_open = shake(seed) % 4 == 0,
		                                   .over_capacity = shake(seed) % 4 == 0};
	for (int i = 0; i < p->cell_count; i++)
		cells[i] = (struct world_cell){.home = (int)(shake(seed) % 8) - 1,
		                               .promoting = shake(seed) % 8 == 0,
		                               .lag_ms = {shake(seed) & 255, shake(seed) & 255}};
}

static bool names_rule(const struct decision_reason *r) {
	return r->reason >= REASON_RULE_DENY && r->reason != REASON_RULE_ERROR;
}

/* Who traces decides the same, and sees the rules that decided. */
static void decide_twice(const struct policy *p, const struct world *w,
                         const struct decide_request *r) {
	static struct decision d, traced;
	static uint64_t hits[(RULES_MAX + 63) / 64];
	memset(hits, 0, sizeof hits);
	decide(p, w, r, &d);
	decide_traced(p, w, r, &traced, hits);
	if (d.verdict != traced.verdict || d.region != traced.region || d.rule != traced.rule ||
	    d.allowed != traced.allowed || d.consistency != traced.consistency ||
	    d.fallback_count != traced.fallback_count || d.hold_ms != traced.hold_ms)
		abort();
	for (int i = 0; i < d.reason_count; i++) {
		uint32_t rule = d.reasons[i].value;
		if (names_rule(&d.reasons[i]) && !(hits[rule / 64] >> rule % 64 & 1)) abort();
	}
}

/* Always a variant, and the same again. */
static void evaluate_flags(const struct policy *p, const struct world *w,
                           const struct decide_request *r) {
	for (int i = 0; i < p->flag_count; i++) {
		struct flag_answer a, again;
		flag_evaluate(p, w, r, i, &a);
		flag_evaluate(p, w, r, i, &again);
		if (a.variant != again.variant || a.rule != again.rule) abort();
		if (a.variant < 0 || a.variant >= p->flags[i].variant_count) abort();
		if ((a.reason == FLAG_SPLIT) != (a.bucket >= 0)) abort();
		if ((a.reason == FLAG_MATCH || a.reason == FLAG_SPLIT) != (a.rule >= 0)) abort();
	}
}

/* A few worlds and requests. */
static void decide_some(const struct policy *p, uint32_t seed) {
	static const struct cel_net ip = {.bytes = {10, 1, 2, 3}, .family = 4, .prefix = 32};
	static struct world_region regions[POLICY_REGIONS_MAX];
	struct world_cell *cells = calloc((size_t)p->cell_count, sizeof *cells);
	struct arena scratch;
	arena_init(&scratch, 1 << 16);
	for (uint32_t n = 0; cells && n < 64; n++) {
		arena_reset(&scratch);
		shake_world(p, regions, cells, &seed);
		struct decide_header header = {SLICE_LIT("x-a"), word(&seed)};
		struct decide_request r = {
			.tenant = (int)(shake(&seed) % (uint32_t)p->tenant_count),
			.here = (int)(shake(&seed) % (uint32_t)p->region_count),
			.write = n & 1,
			.forwarded = n >> 1 & 1,
			.consistency = (enum consistency)(n >> 2 & 3),
			.bounded_ms = 100,
			.domain = word(&seed),
			.method = word(&seed),
			.path = word(&seed),
			.host = word(&seed),
			.headers = &header,
			.header_count = n >> 4 & 1,
			.body_bytes = shake(&seed) % 100,
			.time_ms = n & 8 ? shake(&seed) : 0,
			.client = {n & 4 ? &ip : NULL, word(&seed), n >> 5 & 1, 50, 8},
			.sticky = word(&seed),
			.scratch = n & 2 ? &scratch : NULL};
		decide_twice(p, &(struct world){regions, cells, 1}, &r);
		evaluate_flags(p, &(struct world){regions, cells, 1}, &r);
	}
	arena_done(&scratch);
	free(cells);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	struct policy *p;
	int mistakes = 0;
	enum err e = policy_load(slice_of(bytes, len), "fuzz", check_report, &mistakes, &p);
	if ((e == ERR_OK) != (p != NULL) || (e == ERR_OK) != (mistakes == 0)) abort();
	if (p && p->tenant_count) decide_some(p, (uint32_t)len * 2654435761u);
	policy_free(p);
	return 0;
}
