/* Makes a version ready: finds its text on this disk or in another region, holds it to its hash, checks
 * and compiles it, keeps it. Blocking work is done on the lane. One at a time. */
#include "edge/rollout_private.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"
#include "policy/change.h"

#include <stdio.h>
#include <stdlib.h>

static const uint64_t RETRY_NS = 500000000, FETCH_NS = 3000000000;

/* --- compiled policies ------------------------------------------------------------------- */

const struct policy *made_find(struct rollout *r, const uint8_t hash[32]) {
	if (same_hash(r->options.boot->hash, hash)) return r->options.boot;
	for (int i = 0; i < ROLLOUT_MADE_MAX; i++) {
		struct made *m = &r->made[i];
		if (!m->policy || !same_hash(m->policy->hash, hash)) continue;
		m->used = ++r->uses;
		return m->policy;
	}
	return NULL;
}

/* Edges look at the one in force and the last; while they swap, at the coming one, too. */
static bool looked_at(const struct rollout *r, const struct policy *p) {
	bool coming = r->swaps_left && p == r->swap_to;
	return p == r->policy || p == r->last || p == r->pinned || p == r->judging || coming;
}

const struct policy *made_add(struct rollout *r, struct policy *p) {
	const struct policy *older = made_find(r, p->hash);
	if (older) {
		policy_free(p);
		return older;
	}
	struct made *slot = NULL;
	for (int i = 0; i < ROLLOUT_MADE_MAX; i++) {
		struct made *m = &r->made[i];
		if (m->policy && looked_at(r, m->policy)) continue;
		if (!slot || !m->policy || (slot->policy && m->used < slot->used)) slot = m;
	}
	/* At most five are looked at. */
	policy_free(slot->policy);
	*slot = (struct made){.policy = p, .used = ++r->uses};
	return p;
}

/* --- one way to readiness -------------------------------------------------------------------- */

struct ready {
	struct rollout *r;
	struct io_job job;
	struct http_call call;
	char target[128];
	uint8_t hash[32];
	bool proposed; /* then it must be a change that is allowed */
	int tries;
	struct buf text; /* fetched; empty: look on the disk */
	struct policy *policy;
	enum err err;
	char why[VERSIONS_WHY_MAX + 1];
};

static void ready_free(struct ready *w) {
	if (!w) return;
	buf_done(&w->text);
	policy_free(w->policy);
	free(w);
}

static void finish(struct ready *w, enum err err, const char *why, bool for_good) {
	struct rollout *r = w->r;
	r->ready = NULL;
	r->pinned = NULL;
	if (!err) {
		made_add(r, w->policy);
		w->policy = NULL;
		r->why_not[0] = 0;
	} else {
		memcpy(r->failed, w->hash, sizeof r->failed);
		versions_word(r->why_not, sizeof r->why_not, slice_str(why));
		r->retry_ns = for_good ? 0 : io_now_ns(r->io) + RETRY_NS;
		metric_inc(r->m_failures);
		LOG(LOG_ERROR, "policy", "a version cannot be made ready", {"why", r->why_not});
	}
	ready_free(w);
	rollout_advance(r);
	changes_look(r);
}

static void first_mistake(void *arg, const struct policy_error *e) {
	struct ready *w = arg;
	if (!w->why[0])
		snprintf(w->why, sizeof w->why, "%d:%d: %.200s", e->line, e->column, e->text);
}

static enum err compile_fetched(struct ready *w) {
	uint8_t is[32];
	struct slice s = buf_slice(&w->text);
	sha256(&s, 1, is);
	if (!same_hash(is, w->hash)) {
		snprintf(w->why, sizeof w->why, "the text fetched is not what was proposed");
		return ERR_CORRUPT;
	}
	enum err e = policy_load(s, "policy", first_mistake, w, &w->policy);
	if (!e) e = keep_policy_write(w->r->options.files, w->r->options.dir, s);
	return e;
}

static void on_run(struct io_job *job) {
	struct ready *w = CONTAINER_OF(job, struct ready, job);
	const struct rollout_options *o = &w->r->options;
	struct fault fault = {0};
	if (w->text.len)
		w->err = compile_fetched(w);
	else
		w->err = keep_policy_read(o->files, o->dir, w->hash, &w->policy);
	if (w->err) return;
	w->err = policy_places_check(o->boot, w->policy, &fault);
	if (!w->err && w->proposed) w->err = policy_change_check(w->r->pinned, w->policy, &fault);
	if (w->err) versions_word(w->why, sizeof w->why, slice_str(fault.text));
}

static void fetch(struct ready *w);

static void on_done(struct io_job *job) {
	struct ready *w = CONTAINER_OF(job, struct ready, job);
	bool fetched = w->text.len > 0;
	bool missing = w->err == ERR_NOT_FOUND || w->err == ERR_CORRUPT || w->err == ERR_INVALID;
	if (w->err && !fetched && missing && !w->why[0])
		fetch(w); /* not here, or not whole */
	else
		finish(w, w->err, w->why[0] ? w->why : err_text(w->err), fetched || w->why[0]);
}

static void work(struct ready *w) {
	w->job = (struct io_job){.run = on_run, .done = on_done};
	w->why[0] = 0;
	io_lane_submit(w->r->lane, &w->job);
}

static void on_fetched(struct http_call *call, enum err err, const struct http1_head *head,
                       struct slice body) {
	struct ready *w = CONTAINER_OF(call, struct ready, call);
	if (!w->r->started) return; /* ready_end frees */
	if (!err && (head->status != 200 || body.len == 0)) err = ERR_NOT_FOUND;
	if (!err) err = buf_append_slice(&w->text, body);
	if (err)
		fetch(w);
	else
		work(w);
}

/* From a region that lives; each is asked once. */
static void fetch(struct ready *w) {
	struct rollout *r = w->r;
	const struct node_config *c = r->options.config;
	char hex[65] = {0};
	for (; w->tries < c->region_count; w->tries++) {
		int region = r->fetch_turn++ % c->region_count;
		if (region == c->self || !rollout_region_up(r, region)) continue;
		hex_encode(slice_of(w->hash, 32), hex);
		snprintf(w->target, sizeof w->target, "/admin/v1/policy/text/%s", hex);
		w->call = (struct http_call){.host = c->regions[region].admin.host,
		                             .port = c->regions[region].admin.port,
		                             .method = SLICE_LIT("GET"),
		                             .target = slice_str(w->target),
		                             .timeout_ns = FETCH_NS,
		                             .repeatable = true,
		                             .done = on_fetched};
		w->tries++;
		http_call_start(r->client, &w->call);
		return;
	}
	finish(w, ERR_NOT_FOUND, "no region that lives has the text of this version", false);
}

void ready_start(struct rollout *r, const struct policy_version *v, bool proposed) {
	if (r->ready || same_hash(r->failed, v->hash)) return;
	struct ready *w = calloc(1, sizeof *w);
	if (!w) return; /* the tick tries again */
	w->r = r;
	w->proposed = proposed;
	memcpy(w->hash, v->hash, sizeof w->hash);
	buf_init(&w->text, ROLLOUT_TEXT_MAX);
	int region = policy_find_region(r->options.boot, slice_str(v->region));
	r->fetch_turn = region < 0 ? 0 : region; /* begin with who has it for certain */
	r->pinned = r->policy;
	r->ready = w;
	work(w);
}

/* The lane and the client have ended. */
void ready_end(struct rollout *r) {
	ready_free(r->ready);
	r->ready = NULL;
}
