/* Recordings decided again. */
#include "policy/replay.h"

#include <stdlib.h>

/* One policy and how the recording's numbers are its own; -1: it has no such thing. */
struct names_map {
	int32_t *to;
	uint32_t count, cap;
};
struct replay_side {
	const struct policy *policy;
	struct whatif world;
	int regions[POLICY_REGIONS_MAX];
	struct names_map tenants, cells;
	struct decision decision;
};

enum { NAMES_MAX_BYTES = 1 << 30 };

static enum err map_add(struct names_map *m, int index) {
	if (m->count == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 256;
		int32_t *to = realloc(m->to, cap * sizeof *to);
		if (!to) return ERR_NO_MEMORY;
		m->to = to;
		m->cap = cap;
	}
	m->to[m->count++] = index;
	return ERR_OK;
}

static enum err side_new(const struct policy *p, struct replay_side **out) {
	struct replay_side *s = *out = calloc(1, sizeof *s);
	if (!s) return ERR_NO_MEMORY;
	s->policy = p;
	return whatif_init(&s->world, p);
}

/* Another recording tells its world from the beginning. */
static void side_begin(struct replay_side *s, const struct recording *rec) {
	for (int i = 0; i < POLICY_REGIONS_MAX; i++)
		s->regions[i] =
			i < rec->region_count ? policy_find_region(s->policy, rec->regions[i]) : -1;
	s->tenants.count = s->cells.count = 0;
	whatif_heal(&s->world, s->policy);
}

static void side_free(struct replay_side *s) {
	if (!s) return;
	whatif_done(&s->world);
	free(s->tenants.to);
	free(s->cells.to);
	free(s);
}

enum err replay_new(const struct policy *policy, const struct policy *old, struct replay **out) {
	struct replay *r = *out = calloc(1, sizeof *r);
	if (!r) return ERR_NO_MEMORY;
	uint64_t seed[2];
	memcpy(seed, policy->hash, sizeof seed);
	map_init(&r->tenants, seed);
	arena_init(&r->names, NAMES_MAX_BYTES);
	moves_init(&r->moves, NULL, 0, policy);
	r->record = calloc(1, sizeof *r->record);
	if (!r->record) return ERR_NO_MEMORY;
	enum err e = side_new(policy, &r->fresh);
	if (!e && old) e = side_new(old, &r->before);
	return e;
}

void replay_free(struct replay *r) {
	if (!r) return;
	side_free(r->fresh);
	side_free(r->before);
	free(r->record);
	peaks_done(&r->peaks);
	map_done(&r->tenants);
	arena_done(&r->names);
	free(r);
}

static enum err keep(struct replay *r, struct slice text, struct slice *out) {
	*out = arena_copy(&r->names, text);
	return text.len && !out->ptr ? ERR_NO_MEMORY : ERR_OK;
}

enum err replay_open(struct replay *r, struct slice bytes) {
	enum err e = recording_open(&r->recording, bytes);
	for (int i = 0; !e && i < r->recording.region_count; i++) {
		struct slice name;
		e = keep(r, r->recording.regions[i], &name);
		if (!e) e = moves_add_region(&r->moves, name, &r->moves.old_places[i]);
	}
	if (e) return e;
	side_begin(r->fresh, &r->recording);
	if (r->before) side_begin(r->before, &r->recording);
	r->recordings++;
	return ERR_OK;
}

size_t replay_position(const struct replay *r, size_t bytes) {
	return bytes - r->recording.rest.len;
}

/* --- the world --------------------------------------------------------------------------- */

static int home_of(const struct replay_side *s, const struct policy_cell *cell, int recorded_home) {
	if (recorded_home < 0) return -1;
	int home = s->regions[recorded_home];
	bool holds = home >= 0 && (cell->replica_set >> home & 1);
	return holds ? home : cell->replicas[0];
}

/* A cell's lags are told in the order of the replicas that it had. */
static void take_state(struct replay_side *s, const struct recorded *rec) {
	int index = s->cells.to[rec->index];
	if (index < 0) return;
	const struct policy_cell *cell = &s->policy->cells[index];
	struct world_cell *w = &s->world.cells[index];
	*w = (struct world_cell){.home = home_of(s, cell, rec->cell.home),
	                         .epoch = rec->cell.epoch,
	                         .promoting = rec->cell.promoting};
	for (int i = 0; i < cell->replica_count; i++) {
		for (int j = 0; j < rec->replica_count; j++) {
			if (s->regions[rec->replicas[j]] != cell->replicas[i]) continue;
			w->lag_ms[i] = rec->cell.lag_ms[j];
			w->lag_age_ms[i] = rec->cell.lag_age_ms[j];
		}
	}
}

static enum err take_names(struct replay_side *s, const struct recorded *rec) {
	switch (rec->kind) {
	case RECORDED_TENANT: return map_add(&s->tenants, policy_find_tenant(s->policy, rec->name));
	case RECORDED_CELL: return map_add(&s->cells, policy_find_cell(s->policy, rec->name));
	case RECORDED_REGION:
		if (s->regions[rec->index] >= 0)
			s->world.regions[s->regions[rec->index]] = rec->region;
		return ERR_OK;
	case RECORDED_STATE: take_state(s, rec); return ERR_OK;
	default: s->world.world.version = rec->version; return ERR_OK;
	}
}

/* Of all recordings together. */
static enum err count_tenant(struct replay *r, struct slice tenant) {
	struct slice name;
	if (map_get(&r->tenants, tenant)) return ERR_OK;
	enum err e = keep(r, tenant, &name);
	if (!e) e = map_put(&r->tenants, name, r);
	r->tenant_count += !e;
	return e;
}

/* --- decisions ----------------------------------------------------------------------------- */

static bool side_decide(struct replay_side *s, const struct recorded_decision *d) {
	struct decide_request q = d->request;
	q.tenant = s->tenants.to[d->tenant];
	q.here = s->regions[d->request.here];
	if (q.tenant < 0 || q.here < 0) return false;
	whatif_decide(&s->world, s->policy, &q, &s->decision, NULL);
	return true;
}

static int new_place(struct replay *r, const struct recorded_decision *d) {
	struct replay_side *s = r->fresh;
	if (!side_decide(s, d)) return r->moves.unknown;
	return moves_place(&r->moves, r->moves.new_places, s->decision.verdict, s->decision.region);
}

/* The old policy's regions are not the matrix's: it knows those of the recording. */
static int recorded_region(const struct replay_side *s, int region) {
	for (int i = 0; region >= 0 && i < POLICY_REGIONS_MAX; i++)
		if (s->regions[i] == region) return i;
	return -1;
}

static int old_place(struct replay *r, const struct recorded_decision *d) {
	struct replay_side *s = r->before;
	const int *places = r->moves.old_places;
	if (!s) return moves_place(&r->moves, places, (enum verdict)d->verdict, d->region);
	if (!side_decide(s, d)) return r->moves.unknown;
	bool served = s->decision.verdict == VERDICT_HERE || s->decision.verdict == VERDICT_FORWARD;
	int region = recorded_region(s, s->decision.region);
	if (served && region < 0) return r->moves.unknown;
	return moves_place(&r->moves, places, s->decision.verdict, region);
}

static enum err load_add(struct replay *r, bool after, int place, uint64_t time_ms) {
	struct replay_load *l = after ? &r->new_load[place] : &r->old_load[place];
	uint64_t each = r->recording.sampled, now;
	if (place >= r->moves.hold) return ERR_OK; /* no region */
	l->total++;
	l->requests += each;
	if (!time_ms) return ERR_OK;
	enum err e = peaks_add(&r->peaks, time_ms, 2 * place + after, each, &now);
	if (now > l->peak) l->peak = now;
	return e;
}

static struct replay_group *group_of(struct replay *r, const struct policy_tenant *t) {
	const char *residency = r->fresh->policy->residencies[t->residency].name;
	for (int i = 0; i < r->group_count; i++) {
		struct replay_group *g = &r->groups[i];
		if (g->residency == residency && strcmp(g->tier, t->tier) == 0) return g;
	}
	if (r->group_count == REPLAY_GROUPS_MAX) return &r->groups[REPLAY_GROUPS_MAX - 1];
	struct replay_group *g = &r->groups[r->group_count++];
	bool last = r->group_count == REPLAY_GROUPS_MAX;
	*g = last ? (struct replay_group){"(others)", ""}
	          : (struct replay_group){residency, t->tier};
	return g;
}

static enum err example_add(struct replay *r, const struct recorded_decision *d, int from, int to) {
	int tenant = r->fresh->tenants.to[d->tenant];
	if (r->example_count == REPLAY_EXAMPLES_MAX) return ERR_OK;
	struct replay_example *x = &r->examples[r->example_count++];
	*x = (struct replay_example){
		.tenant = tenant < 0 ? SLICE_LIT("(unknown)")
	                             : slice_str(r->fresh->policy->tenants[tenant].name),
		.here = r->moves.names[r->moves.old_places[d->request.here]],
		.write = d->request.write,
		.from = r->moves.names[from],
		.to = r->moves.names[to]};
	enum err e = keep(r, d->request.method, &x->method);
	return e ? e : keep(r, d->request.path, &x->path);
}

static enum err count_decision(struct replay *r, const struct recorded_decision *d) {
	int from = old_place(r, d), to = new_place(r, d);
	uint64_t time_ms = d->request.time_ms;
	int tenant = r->fresh->tenants.to[d->tenant];
	r->decisions++;
	r->requests += r->recording.sampled;
	r->moves.counts[from][to]++;
	enum err e = load_add(r, false, from, time_ms);
	if (!e) e = load_add(r, true, to, time_ms);
	if (time_ms && (!r->first_ms || time_ms < r->first_ms)) r->first_ms = time_ms;
	if (time_ms > r->last_ms) r->last_ms = time_ms;
	if (tenant >= 0) {
		struct replay_group *g = group_of(r, &r->fresh->policy->tenants[tenant]);
		g->decisions++;
		g->moved += from != to;
	}
	if (!e && from != to) e = example_add(r, d, from, to);
	return e;
}

static enum err take_record(struct replay *r, const struct recorded *rec) {
	enum err e = ERR_OK;
	if (rec->kind == RECORDED_DECISION) return count_decision(r, &rec->decision);
	if (rec->kind == RECORDED_TENANT) e = count_tenant(r, rec->name);
	if (!e) e = take_names(r->fresh, rec);
	if (!e && r->before) e = take_names(r->before, rec);
	return e;
}

enum err replay_run(struct replay *r, int records, bool *done) {
	enum err e = ERR_OK;
	*done = false;
	for (int i = 0; !e && !*done && i < records; i++) {
		e = recording_next(&r->recording, r->record);
		*done = !e && r->record->kind == RECORDED_END;
		if (!e && !*done) e = take_record(r, r->record);
	}
	if (*done) r->torn_bytes += r->recording.torn_bytes;
	return e;
}
