/* Recorded decisions made again, a second, on one core: 8 regions, 50 rules, requests with a path, two
 * headers and an address. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policy/replay.h"

enum { REGIONS = 8, CELLS = 8, TENANTS = 1000, RULES = 50, DECISIONS = 200000, ROUNDS = 5 };
enum { RECORDING_MAX = 256 << 20, YAML_MAX = 1 << 20 };

static double now_s(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void PRINTF_LIKE(2, 3) add(struct buf *b, const char *format, ...) {
	va_list args;
	va_start(args, format);
	if (buf_vprintf(b, format, args)) abort();
	va_end(args);
}

/* Rules of the kinds that people write: on tenants, paths, domains, countries, headers, addresses. */
static void add_rule(struct buf *b, int i) {
	static const char *const effects[] = {"exclude: [r1]", "prefer: [r2, home]", "hold: 2s",
	                                      "consistency: strong", "deadline: 3s"};
	int kind = i % 5;
	add(b, "  - {name: rule-%d, when: \"", i);
	switch (kind) {
	case 0: add(b, "tenant.id == 't%d'", i * 7); break;
	case 1: add(b, "request.domain == 'd%d'", i); break;
	case 2:
		add(b, "client.country == 'X%c' && request.path.startsWith('/v1/')", 'A' + i % 26);
		break;
	case 3: add(b, "tenant.tier == 'tier%d' && request.headers['x-plan'] == 'gold'", i); break;
	default: add(b, "request.path.startsWith('/admin/%d') && request.write", i); break;
	}
	add(b, "\", %s}\n", effects[kind]);
}

static struct policy *load(void) {
	struct buf yaml;
	struct policy *p;
	buf_init(&yaml, YAML_MAX);
	add(&yaml, "residency: {any: {regions: all}}\nregions:\n");
	for (int i = 0; i < REGIONS; i++)
		add(&yaml, "  r%d: {jurisdiction: us, location: [0, %d]}\n", i, i);
	add(&yaml, "cells:\n");
	for (int i = 0; i < CELLS; i++)
		add(&yaml, "  c%d: {replicas: [r%d, r%d, r%d, r%d]}\n", i, i, (i + 1) % 8,
		    (i + 2) % 8, (i + 5) % 8);
	add(&yaml, "tenants:\n");
	for (int i = 0; i < TENANTS; i++)
		add(&yaml, "  t%d: {residency: any, cell: c%d, tier: tier%d}\n", i, i % CELLS,
		    i % 10);
	add(&yaml, "rules:\n");
	for (int i = 0; i < RULES; i++) add_rule(&yaml, i);
	if (policy_load(buf_slice(&yaml), "bench", NULL, NULL, &p)) abort();
	buf_done(&yaml);
	return p;
}

static void record(const struct policy *p, struct buf *out) {
	struct recorder *r = recorder_new(p, 1);
	struct whatif w;
	static struct decision d;
	const struct cel_net ip = {.bytes = {192, 0, 2, 1}, .family = 4, .prefix = 32};
	const struct decide_header headers[] = {{SLICE_LIT("x-plan"), SLICE_LIT("gold")},
	                                        {SLICE_LIT("user-agent"), SLICE_LIT("bench/1.0")}};
	if (!r || whatif_init(&w, p)) abort();
	uint32_t seed = 1;
	for (int i = 0; i < DECISIONS; i++) {
		char path[64], domain[16];
		seed = seed * 1664525u + 1013904223u;
		snprintf(domain, sizeof domain, "d%u", seed >> 20 & 63);
		snprintf(path, sizeof path, "/v1/data/%s/key-%u", domain, seed >> 8 & 0xffff);
		const struct decide_request q = {.tenant = (int)(seed >> 8) % TENANTS,
		                                 .here = seed >> 20 & 7,
		                                 .write = (seed >> 24 & 3) == 0,
		                                 .consistency = (enum consistency)(seed >> 26 & 3),
		                                 .bounded_ms = 100,
		                                 .domain = slice_str(domain),
		                                 .method = SLICE_LIT("GET"),
		                                 .path = slice_str(path),
		                                 .host = SLICE_LIT("api.example.com"),
		                                 .headers = headers,
		                                 .header_count = 2,
		                                 .time_ms = 1000 + (uint64_t)i,
		                                 .client = {.ip = &ip, .country = SLICE_LIT("DE")}};
		whatif_decide(&w, p, &q, &d, NULL);
		enum err e = recorder_add(r, &w.world, &q, &d);
		if (e == ERR_OVERLOADED && !recorder_take(r, out))
			e = recorder_add(r, &w.world, &q, &d);
		if (e) abort();
	}
	if (recorder_take(r, out)) abort();
	recorder_free(r);
	whatif_done(&w);
}

int main(void) {
	struct policy *p = load();
	struct buf recording;
	double best = 1e9;
	buf_init(&recording, RECORDING_MAX);
	record(p, &recording);
	for (int round = 0; round < ROUNDS; round++) {
		struct replay *r;
		bool done = false;
		double start = now_s();
		if (replay_new(p, NULL, &r) || replay_open(r, buf_slice(&recording))) abort();
		while (!done)
			if (replay_run(r, 1 << 20, &done)) abort();
		if (r->decisions != DECISIONS || moves_moved(&r->moves)) abort();
		if (now_s() - start < best) best = now_s() - start;
		replay_free(r);
	}
	printf("%d decisions, %d rules, %.1f bytes each: %.0f ns each\n", DECISIONS, p->rule_count,
	       (double)recording.len / DECISIONS, best * 1e9 / DECISIONS);
	printf("figure replay_per_core_per_s %.0f\n", DECISIONS / best);
	buf_done(&recording);
	policy_free(p);
	return 0;
}
