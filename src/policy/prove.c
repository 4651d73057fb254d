/* Routes and residency, asked of the engine itself. */
#include "policy/prove.h"

#include <stdlib.h>

#include "base/map.h"
#include "policy/grid.h"

/* Tenants that no decision can tell apart: with rules, which may ask for anything, each is one. */
struct profile {
	int tenant;
	uint64_t tenants;
};
/* What a cell has come to under the set at hand. */
struct cell_dark {
	uint64_t tenants[2]; /* [write] */
	int tenant[2];       /* one of them */
};
struct prove_private {
	const struct policy *policy;
	struct whatif world;
	struct profile *profiles;
	int profile_count;
	struct cell_dark *cells;
	struct grid_sample samples[GRID_SAMPLES_MAX]; /* what rules ask for; the first: nothing */
	int sample_count;
	region_set dead; /* the set at hand */
	int dead_count;
	int chosen[PROVE_DEAD_MAX]; /* its regions, ascending */
	struct decision decision;
};

/* --- profiles ------------------------------------------------------------------------------ */

struct profile_key {
	int residency, cell, preferred_count;
	int preferred[POLICY_REPLICAS_MAX];
	int explicit_failover;
};
static struct profile_key key_of(const struct policy_tenant *t) {
	struct profile_key key;
	memset(&key, 0, sizeof key); /* compared as bytes */
	key.residency = t->residency;
	key.cell = t->cell;
	key.preferred_count = t->preferred_count;
	key.explicit_failover = t->explicit_failover;
	memcpy(key.preferred, t->preferred, (size_t)t->preferred_count * sizeof *t->preferred);
	return key;
}

static enum err find_profiles(struct prove_private *own, struct profile_key *keys) {
	const struct policy *p = own->policy;
	struct map known;
	uint64_t seed[2];
	enum err e = ERR_OK;
	memcpy(seed, p->hash, sizeof seed);
	map_init(&known, seed);
	for (int i = 0; !e && i < p->tenant_count; i++) {
		keys[own->profile_count] = key_of(&p->tenants[i]);
		struct slice key = slice_of(&keys[own->profile_count], sizeof *keys);
		struct profile *same = p->rule_count ? NULL : map_get(&known, key);
		if (same) {
			same->tenants++;
			continue;
		}
		struct profile *fresh = &own->profiles[own->profile_count++];
		*fresh = (struct profile){i, 1};
		if (!p->rule_count) e = map_put(&known, key, fresh);
	}
	map_done(&known);
	return e;
}

/* --- sets ------------------------------------------------------------------------------------ */

static uint64_t choose(int n, int k) {
	uint64_t sets = 1;
	for (int i = 0; i < k; i++) sets = sets * (uint64_t)(n - i) / (uint64_t)(i + 1);
	return sets;
}

/* The next set of as many regions in lexical order, or the first one of one more. */
static void next_set(struct prove_private *own) {
	int n = own->policy->region_count, k = own->dead_count, i = k - 1;
	while (i >= 0 && own->chosen[i] == n - k + i) i--;
	if (i < 0) {
		own->dead_count++;
		own->chosen[0] = -1;
		i = 0;
	}
	own->chosen[i]++;
	for (i++; i < own->dead_count; i++) own->chosen[i] = own->chosen[i - 1] + 1;
	own->dead = 0;
	for (i = 0; i < own->dead_count; i++) own->dead |= (region_set)1 << own->chosen[i];
}

enum err prove_new(const struct policy *p, int dead_max, struct prove **out) {
	struct prove *v = *out = calloc(1, sizeof *v);
	struct prove_private *own = v ? calloc(1, sizeof *own) : NULL;
	if (!own) return ERR_NO_MEMORY;
	v->private = own;
	own->policy = p;
	own->sample_count = 1;
	grid_sample_rules(p, own->samples, &own->sample_count);
	for (int k = 0; k <= dead_max && k <= p->region_count; k++)
		v->sets += choose(p->region_count, k);
	own->profiles = calloc((size_t)p->tenant_count + 1, sizeof *own->profiles);
	own->cells = calloc((size_t)p->cell_count + 1, sizeof *own->cells);
	struct profile_key *keys = calloc((size_t)p->tenant_count + 1, sizeof *keys);
	enum err e =
		own->profiles && own->cells && keys ? whatif_init(&own->world, p) : ERR_NO_MEMORY;
	if (!e) e = find_profiles(own, keys);
	free(keys);
	return e;
}

void prove_free(struct prove *v) {
	if (!v) return;
	if (v->private) {
		whatif_done(&v->private->world);
		free(v->private->profiles);
		free(v->private->cells);
	}
	free(v->private);
	free(v);
}

/* --- worlds: what else may be believed when these regions are dead ------------------------------ */

static void just_died(struct whatif *w, const struct policy *p) {
	for (int i = 0; i < p->cell_count; i++) w->cells[i].home = p->cells[i].replicas[0];
}
static void between_homes(struct whatif *w, const struct policy *p) {
	for (int i = 0; i < p->cell_count; i++) w->cells[i].promoting = true;
}
static void home_not_known(struct whatif *w, const struct policy *p) {
	for (int i = 0; i < p->cell_count; i++) w->cells[i].home = -1;
}
static void home_elsewhere(struct whatif *w, const struct policy *p) {
	/* Coordination may name any region: whoever holds no copy must not be believed. */
	for (int i = 0; i < p->cell_count; i++)
		w->cells[i].home = (p->cells[i].replicas[0] + 1) % p->region_count;
}
static void draining(struct whatif *w, const struct policy *p) {
	for (int i = 0; i < p->region_count; i++)
		if (w->regions[i].state == REGION_ACTIVE) w->regions[i].state = REGION_DRAINING;
}
static void far_behind(struct whatif *w, const struct policy *p) {
	for (int i = 0; i < p->cell_count; i++)
		memset(w->cells[i].lag_ms, 0xff, sizeof w->cells[i].lag_ms);
}
static void breakers_open(struct whatif *w, const struct policy *p) {
	for (int i = 0; i < p->region_count; i++) w->regions[i].breaker_open = true;
}
static void signals_old(struct whatif *w, const struct policy *p) {
	for (int i = 0; i < p->region_count; i++) {
		w->regions[i].state_age_ms = UINT32_MAX;
		w->regions[i].breaker_age_ms = UINT32_MAX;
		w->regions[i].capacity_age_ms = UINT32_MAX;
	}
	for (int i = 0; i < p->cell_count; i++)
		memset(w->cells[i].lag_age_ms, 0xff, sizeof w->cells[i].lag_age_ms);
}
static void failed_over(struct whatif *w, const struct policy *p) {}

static const struct {
	const char *name;
	void (*make)(struct whatif *w, const struct policy *p);
} worlds[] = {
	{"failed over", failed_over}, /* the first: in it, who is dark is looked for */
	{"just died", just_died},           {"between homes", between_homes},
	{"home not known", home_not_known}, {"home said to be elsewhere", home_elsewhere},
	{"all draining", draining},         {"copies far behind", far_behind},
	{"breakers open", breakers_open},   {"signals too old", signals_old},
};

/* --- routes ----------------------------------------------------------------------------------- */

int prove_leaks(region_set class, const struct decision *d) {
	region_set named = d->allowed;
	if (d->region >= 0) named |= (region_set)1 << d->region;
	for (int i = 0; i < d->fallback_count; i++) named |= (region_set)1 << d->fallbacks[i];
	return named & ~class ? __builtin_ctzll(named & ~class) : -1;
}

static void check_route(struct prove *v, const struct decide_request *q, int kind,
                        const char *world) {
	struct prove_private *own = v->private;
	const struct policy *p = own->policy;
	region_set class = p->residencies[p->tenants[q->tenant].residency].regions;
	int region = prove_leaks(class, &own->decision);
	if (region < 0) return;
	if (v->leak_count < PROVE_LEAKS_MAX)
		v->leaks[v->leak_count] = (struct prove_leak){.tenant = q->tenant,
		                                              .here = q->here,
		                                              .kind = kind,
		                                              .region = region,
		                                              .world = world,
		                                              .dead = own->dead};
	v->leak_count++;
}

static bool served(const struct prove_private *own) {
	const struct decision *d = &own->decision;
	if (d->verdict != VERDICT_HERE && d->verdict != VERDICT_FORWARD) return false;
	return !(own->dead >> d->region & 1);
}

static void ask(struct prove *v, const struct decide_request *q, int kind, const char *world) {
	struct prove_private *own = v->private;
	whatif_decide(&own->world, own->policy, q, &own->decision, NULL);
	check_route(v, q, kind, world);
	v->decisions++;
}

/* The plain requests of one tenant; which of reading and writing a living edge served. */
static void check_tenant(struct prove *v, int tenant, const char *world, bool lit[2]) {
	struct prove_private *own = v->private;
	const struct policy *p = own->policy;
	for (int here = 0; here < p->region_count; here++) {
		for (int kind = 0; kind < GRID_KINDS; kind++) {
			struct decide_request q = grid_request(p, tenant, here, kind);
			q.forwarded = true;
			ask(v, &q, kind, world);
			q.forwarded = false;
			ask(v, &q, kind, world);
			if (!(own->dead >> here & 1) && served(own)) lit[kind == GRID_WRITE] = true;
		}
	}
}

/* Those that rules ask for: in one world only, since they are many. */
static void check_samples(struct prove *v, int tenant) {
	struct prove_private *own = v->private;
	int regions = own->policy->region_count;
	for (int i = regions * GRID_KINDS; i < own->sample_count * regions * GRID_KINDS; i++) {
		int kind = i % GRID_KINDS, here = i / GRID_KINDS % regions;
		struct decide_request q = grid_request(own->policy, tenant, here, kind);
		grid_apply(&own->samples[i / GRID_KINDS / regions], &q);
		ask(v, &q, kind, worlds[0].name);
	}
}

/* --- who goes dark -------------------------------------------------------------------------------- */

static void note_dark(struct prove_private *own, const struct profile *f, const bool lit[2]) {
	int cell = own->policy->tenants[f->tenant].cell;
	struct cell_dark *c = &own->cells[cell];
	for (int write = 0; write < 2; write++) {
		bool acknowledged =
			!write || whatif_acknowledges(&own->policy->cells[cell], own->dead);
		if (lit[write] && acknowledged) continue;
		if (c->tenants[write] == 0) c->tenant[write] = f->tenant;
		c->tenants[write] += f->tenants;
	}
}

/* A smaller set was told already, and this one adds no tenant. */
static bool known_dark(const struct prove *v, int cell, bool write, uint64_t tenants) {
	for (uint64_t i = 0; i < v->dark_count && i < PROVE_DARK_MAX; i++) {
		const struct prove_dark *d = &v->dark[i];
		bool subset = (d->dead & ~v->private->dead) == 0;
		if (d->cell == cell && d->write == write && subset && d->tenants >= tenants)
			return true;
	}
	return false;
}

/* An edge that lives, best one of the tenant's class, and what it says. */
static void add_witness(struct prove_private *own, struct prove_dark *d) {
	const struct policy *p = own->policy;
	const struct policy_tenant *t = &p->tenants[d->tenant];
	region_set all = ~(region_set)0 >> (64 - p->region_count), alive = all & ~own->dead;
	region_set best = alive & p->residencies[t->residency].regions;
	d->reason.reason = REASON_COUNT;
	d->here = -1;
	if (!alive) return;
	d->here = __builtin_ctzll(best ? best : alive);
	struct decide_request q =
		grid_request(p, d->tenant, d->here, d->write ? GRID_WRITE : GRID_EVENTUAL);
	whatif_decide(&own->world, p, &q, &own->decision, NULL);
	if (!served(own) && own->decision.reason_count)
		d->reason = own->decision.reasons[own->decision.reason_count - 1];
}

static void tell_dark(struct prove *v) {
	struct prove_private *own = v->private;
	for (int cell = 0; cell < own->policy->cell_count; cell++) {
		const struct cell_dark *c = &own->cells[cell];
		for (int write = 0; write < 2; write++) {
			if (!c->tenants[write] || known_dark(v, cell, write, c->tenants[write]))
				continue;
			struct prove_dark d = {.cell = cell,
			                       .write = write,
			                       .dead = own->dead,
			                       .tenants = c->tenants[write],
			                       .tenant = c->tenant[write]};
			add_witness(own, &d);
			if (v->dark_count < PROVE_DARK_MAX) v->dark[v->dark_count] = d;
			v->dark_count++;
		}
	}
}

/* --- steps ------------------------------------------------------------------------------------------ */

bool prove_step(struct prove *v) {
	struct prove_private *own = v->private;
	const struct policy *p = own->policy;
	if (v->sets_done == v->sets) return false;
	if (v->sets_done) next_set(own);
	for (size_t i = sizeof worlds / sizeof *worlds; i-- > 0;) {
		whatif_heal(&own->world, p);
		whatif_kill(&own->world, p, own->dead);
		worlds[i].make(&own->world, p);
		memset(own->cells, 0, (size_t)p->cell_count * sizeof *own->cells);
		for (int k = 0; k < own->profile_count; k++) {
			bool lit[2] = {false, false};
			check_tenant(v, own->profiles[k].tenant, worlds[i].name, lit);
			note_dark(own, &own->profiles[k], lit);
			if (i == 0) check_samples(v, own->profiles[k].tenant);
		}
	}
	tell_dark(v); /* of the world made last: failed over */
	v->sets_done++;
	return true;
}
