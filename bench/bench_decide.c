/* Nanoseconds per decision over 8 regions with no, 50 and 1,000 rules, and how long a policy of
 * 100,000 tenants takes to load. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policy/decide.h"
#include "policy/rules.h"

enum { TENANTS = 100000, HOT = 1024, REGIONS = 8, CELLS = 8 };
/* Many rounds, shorter than a turn of the scheduler: where others use the machine too, most are left
 * alone. */
enum { REQUESTS = 1 << 12, ROUND = 256, ROUNDS = 200 * REQUESTS / ROUND };

static double now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Eight cells of four replicas each; every tenant has a key. */
static size_t put_places(char *yaml, size_t cap) {
	size_t n = (size_t)snprintf(yaml, cap, "residency: {any: {regions: all}}\nregions:\n");
	for (int i = 0; i < REGIONS; i++)
		n += (size_t)snprintf(yaml + n, cap - n,
		                      "  r%d: {jurisdiction: us, location: [0, %d]}\n", i, i);
	n += (size_t)snprintf(yaml + n, cap - n, "cells:\n");
	for (int i = 0; i < CELLS; i++)
		n += (size_t)snprintf(yaml + n, cap - n,
		                      "  c%d: {replicas: [r%d, r%d, r%d, r%d]}\n", i, i,
		                      (i + 1) % 8, (i + 2) % 8, (i + 5) % 8);
	return n;
}

static const char *const tiers[] = {"gold", "silver", "bronze", "free"};
static const char *const countries[] = {"US", "DE", "FR", "JP", "BR", "IN", "GB", "CA"};

static size_t put_tenants(char *yaml, size_t cap, int tenants) {
	size_t n = (size_t)snprintf(yaml, cap, "tenants:\n");
	for (int i = 0; i < tenants; i++)
		n += (size_t)snprintf(
			yaml + n, cap - n,
			"  t%d: {residency: any, cell: c%d, tier: %s, country: %s, attributes: "
			"{plan: p%d}, preferences: {regions: [r%d]}, keys: [\"sha256:%064x\"]}\n",
			i, i % CELLS, tiers[i / 8 % 4], countries[i / 32 % 8], i % 3,
			(i % CELLS + 2) % 8, i);
	return n;
}

/* What a company writes: rules for one customer, for a tier or a country, for a part of the
 * product, and a few that look at every request. */
static size_t put_rules(char *yaml, size_t cap, int rules) {
	size_t n = (size_t)snprintf(yaml, cap, "rules:\n");
	for (int i = 0; i < rules; i++) {
		n += (size_t)snprintf(yaml + n, cap - n, "  - {name: rule-%d, ", i);
		if (i % 25 == 0 && i < 125) /* of all requests few rules ask */
			n += (size_t)snprintf(yaml + n, cap - n,
			                      "when: \"client.country == 'KP' || "
			                      "request.path.startsWith('/internal%d/')\", deny: "
			                      "true}\n",
			                      i);
		else if (i % 25 == 1)
			n += (size_t)snprintf(yaml + n, cap - n,
			                      "when: \"request.domain == 'd%d' && tenant.tier in "
			                      "['gold', 'silver']\", prefer: [r%d, nearest]}\n",
			                      i / 25 % 40, i % 8);
		else if (i % 25 == 2)
			n += (size_t)snprintf(yaml + n, cap - n,
			                      "when: \"tenant.tier == '%s' && !request.write\", "
			                      "consistency: eventual}\n",
			                      tiers[i / 25 % 4]);
		else if (i % 25 == 3)
			n += (size_t)snprintf(
				yaml + n, cap - n,
				"when: \"request.headers['x-plan'] == 'p%d' && client.country == "
				"'%s'\", hold: 2s}\n",
				i, countries[i / 25 % 8]);
		else
			n += (size_t)snprintf(yaml + n, cap - n,
			                      "when: \"tenant.id == 't%d' && request.method == "
			                      "'GET'\", deadline: 1s}\n",
			                      i);
	}
	return n;
}

static struct policy *load(int tenants, int rules) {
	size_t cap = ((size_t)tenants + (size_t)rules) * 320 + 4096;
	char *yaml = malloc(cap);
	struct policy *p;
	if (!yaml) abort();
	size_t n = put_places(yaml, cap);
	n += put_tenants(yaml + n, cap - n, tenants);
	if (rules) n += put_rules(yaml + n, cap - n, rules);
	if (policy_load(slice_of(yaml, n), "bench", NULL, NULL, &p)) abort();
	free(yaml);
	return p;
}

static void measure_load(void) {
	double start = now_ns();
	struct policy *p = load(TENANTS, 0);
	printf("policy of %d tenants: made and loaded in %.0f ms\n", TENANTS,
	       (now_ns() - start) / 1e6);
	printf("figure policy_load_100k_ms %.0f\n", (now_ns() - start) / 1e6);
	policy_free(p);
}

/* --- decisions ------------------------------------------------------------------------------------ */

static struct world_region regions[REGIONS];
static struct world_cell cells[CELLS];
/* Few enough to stay in the cache, as one does that was just parsed. */
static struct decide_request requests[REQUESTS];
static const struct world world = {regions, cells, 1};

static void make_world(void) {
	regions[3].state = REGION_DRAINING;
	regions[6].breaker_open = true;
	for (int i = 0; i < CELLS; i++)
		cells[i] = (struct world_cell){.home = i, .lag_ms = {0, 40, 200, 10}};
}

/* Of 1,024 tenants that are asked for again and again. */
static void make_requests(void) {
	static const struct decide_header headers[] = {{SLICE_LIT("accept"), SLICE_LIT("*/*")},
	                                               {SLICE_LIT("host"), SLICE_LIT("api")},
	                                               {SLICE_LIT("x-plan"), SLICE_LIT("p3")}};
	static char domains[40][8];
	uint32_t seed = 1;
	for (int i = 0; i < 40; i++) snprintf(domains[i], sizeof domains[i], "d%d", i);
	for (int i = 0; i < REQUESTS; i++) {
		seed = seed * 1664525u + 1013904223u;
		requests[i] = (struct decide_request){
			.tenant = (int)(seed >> 8) % HOT,
			.here = seed >> 20 & 7,
			.write = (seed >> 24 & 3) == 0,
			.consistency = (enum consistency)(seed >> 26 & 3),
			.bounded_ms = 100,
			.domain = slice_str(domains[seed >> 13 & 31]),
			.method = seed >> 24 & 3 ? SLICE_LIT("GET") : SLICE_LIT("PUT"),
			.path = SLICE_LIT("/v1/data/billing/invoice-2026-11"),
			.host = SLICE_LIT("api.example.com"),
			.headers = headers,
			.header_count = 3,
			.time_ms = 1795780800000,
			.client = {.country = slice_str(countries[seed >> 5 & 7])},
		};
	}
}

static unsigned decide_some(const struct policy *p, int first, int count) {
	static struct decision d;
	unsigned sum = 0;
	for (int n = first; n < first + count; n++) {
		decide(p, &world, &requests[n % REQUESTS], &d);
		sum += d.verdict + d.rules_matched;
	}
	return sum;
}

static double median(double *v) {
	for (int i = 1; i < ROUNDS; i++)
		for (int k = i; k > 0 && v[k] < v[k - 1]; k--) {
			double t = v[k];
			v[k] = v[k - 1];
			v[k - 1] = t;
		}
	return v[ROUNDS / 2];
}

static void measure(int rules) {
	struct policy *p = load(HOT, rules);
	static double ns[ROUNDS];
	unsigned sum = decide_some(p, 0, REQUESTS);
	double matched = (double)sum / REQUESTS;
	for (int i = 0; i < ROUNDS; i++) {
		double start = now_ns();
		sum += decide_some(p, i * ROUND, ROUND);
		ns[i] = (now_ns() - start) / ROUND;
	}
	double m = median(ns);
	printf("decision, 8 regions, %d rules: %.1f ns (%.1f; checksum %u)\n", rules, m, matched,
	       sum);
	printf("figure decide_%dx8_ns %.1f\n", rules, m);
	policy_free(p);
}

/* usage: bench_decide [RULES TIMES]: all figures, or so many decisions alone (to count instructions). */
int main(int argc, char **argv) {
	make_world();
	make_requests();
	if (argc == 3) {
		struct policy *p = load(HOT, (int)strtol(argv[1], NULL, 10));
		unsigned sum = decide_some(p, 0, (int)strtol(argv[2], NULL, 10) * REQUESTS);
		policy_free(p);
		return sum == 0;
	}
	measure_load();
	measure(0);
	measure(50);
	measure(1000);
	return 0;
}
