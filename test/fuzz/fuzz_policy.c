/* policy.yaml from an enemy: it loads or says why, and what loads can be decided on:
 * decide() asserts by itself that it stays within the residency class. */
#include <stdlib.h>

#include "policy/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_report(void *arg, const struct policy_error *e) {
	int *count = arg;
	++*count;
	if (e->line < 1 || e->column < 1 || !e->text[0] || *count > 50) abort();
}

/* A few worlds and requests, shaken by `seed`. */
static void decide_some(const struct policy *p, uint32_t seed) {
	static struct world_region regions[POLICY_REGIONS_MAX];
	struct world_cell *cells = calloc((size_t)p->cell_count, sizeof *cells);
	static struct decision d;
	for (int n = 0; cells && n < 64; n++) {
		for (int i = 0; i < p->region_count; i++) {
			seed = seed * 1664525 + 1013904223;
			regions[i].state = (seed >> 16) % 3;
			regions[i].breaker_open = seed >> 20 & 1;
			regions[i].over_capacity = seed >> 21 & 1;
		}
		for (int i = 0; i < p->cell_count; i++)
			cells[i] = (struct world_cell){.home = (int)(seed >> 8 & 63) - 1,
			                               .promoting = seed >> 14 & 1,
			                               .lag_ms = {seed & 255, seed >> 8 & 255}};
		struct decide_request r = {.tenant = (int)(seed >> 4) % p->tenant_count,
		                           .here = (int)(seed >> 6 & 63) % p->region_count,
		                           .write = n & 1,
		                           .forwarded = n >> 1 & 1,
		                           .consistency = (enum consistency)(n >> 2 & 3),
		                           .bounded_ms = 100};
		if (r.tenant < 0) r.tenant = 0;
		decide(p, &(struct world){regions, cells, 1}, &r, &d);
	}
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
