/* Nanoseconds per decision over 8 regions, and how long a policy of 100,000 tenants takes to
 * load. No rules yet: what they will cost comes on top. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policy/decide.h"

enum { TENANTS = 100000, REGIONS = 8, CELLS = 8, REQUESTS = 1 << 16, ROUNDS = 5, REPEAT = 32 };

static double now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Eight cells of four replicas each; every tenant has a key. */
static char *make_yaml(size_t *len) {
	size_t cap = (size_t)TENANTS * 256;
	char *yaml = malloc(cap);
	if (!yaml) abort();
	size_t n = 0;
	n += (size_t)snprintf(yaml + n, cap - n, "residency: {any: {regions: all}}\nregions:\n");
	for (int i = 0; i < REGIONS; i++)
		n += (size_t)snprintf(yaml + n, cap - n,
		                      "  r%d: {jurisdiction: us, location: [0, %d]}\n", i, i);
	n += (size_t)snprintf(yaml + n, cap - n, "cells:\n");
	for (int i = 0; i < CELLS; i++)
		n += (size_t)snprintf(yaml + n, cap - n,
		                      "  c%d: {replicas: [r%d, r%d, r%d, r%d]}\n", i, i,
		                      (i + 1) % 8, (i + 2) % 8, (i + 5) % 8);
	n += (size_t)snprintf(yaml + n, cap - n, "tenants:\n");
	for (int i = 0; i < TENANTS; i++)
		n += (size_t)snprintf(
			yaml + n, cap - n,
			"  t%d: {residency: any, cell: c%d, tier: gold, country: US, preferences: "
			"{regions: [r%d]}, keys: [\"sha256:%064x\"]}\n",
			i, i % CELLS, (i % CELLS + 2) % 8, i);
	*len = n;
	return yaml;
}

static struct policy *load(void) {
	size_t len;
	char *yaml = make_yaml(&len);
	struct policy *p;
	double start = now_ns();
	if (policy_load(slice_of(yaml, len), "bench", NULL, NULL, &p)) abort();
	printf("policy of %d tenants, %.1f MB: loaded in %.0f ms\n", TENANTS, (double)len / 1e6,
	       (now_ns() - start) / 1e6);
	printf("figure policy_load_100k_ms %.0f\n", (now_ns() - start) / 1e6);
	free(yaml);
	return p;
}

int main(void) {
	struct policy *p = load();
	static struct world_region regions[REGIONS];
	static struct world_cell cells[CELLS];
	static struct decide_request requests[REQUESTS];
	regions[3].state = REGION_DRAINING;
	regions[6].breaker_open = true;
	for (int i = 0; i < CELLS; i++)
		cells[i] = (struct world_cell){.home = i, .lag_ms = {0, 40, 200, 10}};
	uint32_t seed = 1;
	for (int i = 0; i < REQUESTS; i++) {
		seed = seed * 1664525u + 1013904223u;
		requests[i] =
			(struct decide_request){.tenant = (int)(seed >> 8) % 1024, /* hot ones */
		                                .here = seed >> 20 & 7,
		                                .write = (seed >> 24 & 3) == 0,
		                                .consistency = (enum consistency)(seed >> 26 & 3),
		                                .bounded_ms = 100};
	}
	struct world w = {regions, cells, 1};
	static struct decision d;
	double best = 1e18;
	unsigned verdicts = 0;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();
		for (int n = 0; n < REPEAT * REQUESTS; n++) {
			decide(p, &w, &requests[n % REQUESTS], &d);
			verdicts += d.verdict;
		}
		double ns = (now_ns() - start) / (REPEAT * REQUESTS);
		if (ns < best) best = ns;
	}
	printf("decision, 8 regions, no rules: %.1f ns (checksum %u)\n", best, verdicts);
	printf("figure decide_0x8_ns %.1f\n", best);
	policy_free(p);
	return 0;
}
