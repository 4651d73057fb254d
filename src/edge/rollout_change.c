/* An operator's wish, step by step:
 *
 *   activate   check → propose → until all are ready → flip → until all serve
 *   rollback           propose → a moment → flip → until all serve
 *   drain      check → put
 *   restore            put
 *
 * A compare-and-put decides between two who want at once. A rollback waits for nobody for long and asks
 * no safety rule: the way back must never be barred. */
#include "edge/rollout_private.h"

#include "base/hash.h"
#include "base/log.h"
#include "policy/change.h"
#include "policy/safety.h"

#include <stdio.h>
#include <stdlib.h>

static const uint64_t READY_NS = 6000000000, ROLLBACK_READY_NS = 1000000000, SERVE_NS = 4000000000,
		      STALE_NS = 15000000000;

enum step { STEP_CHECK, STEP_PROPOSE, STEP_READY, STEP_FLIP, STEP_SERVE, STEP_PUT, STEP_TAKE_BACK };

struct steps {
	struct list_node node;
	struct rollout *r;
	struct change *c;
	struct io_job job;
	struct coord_op op;
	enum step step;
	struct policy *policy; /* checked */
	struct policy_version wish;
	struct policy_versions next; /* as put */
	struct region_drains drains;
	region_set active;
	uint64_t revision, deadline_ns;
	int mistakes;
};

static bool is_version(enum change_kind k) {
	return k == CHANGE_ACTIVATE || k == CHANGE_ROLLBACK;
}

static void say(struct change *c, const char *text) {
	buf_reset(&c->detail);
	IGNORE(buf_append_str(&c->detail, text)); /* then only the code tells */
}

static void end(struct steps *s, enum err err) {
	struct change *c = s->c;
	struct rollout *r = s->r;
	if (err) metric_inc(r->m_failures);
	c->err = err;
	c->private = NULL;
	list_remove(&r->changes, &s->node);
	policy_free(s->policy);
	free(s);
	c->done(c);
}

static void end_saying(struct steps *s, enum err err, const char *text) {
	say(s->c, text);
	end(s, err);
}

/* --- checking, on the lane ------------------------------------------------------------------- */

static void each_mistake(void *arg, const struct policy_error *e) {
	struct steps *s = arg;
	IGNORE(buf_printf(&s->c->detail, "%s%d:%d: %s", s->mistakes++ ? "\n" : "", e->line,
	                  e->column, e->text)); /* as many as there is room for */
}

static enum err judge(struct steps *s, const struct safety_effect *effect) {
	struct safety_breach b[SAFETY_RULES];
	struct change *c = s->c;
	int n = safety_check(s->r->judging, effect, b);
	if (n == 0 || c->override[0]) return ERR_OK;
	for (int i = 0; i < n; i++)
		IGNORE(buf_printf(&c->detail, "%s%s", i ? "; " : "", b[i].text));
	IGNORE(buf_append_str(&c->detail,
	                      ": change less at once, or say why with --override REASON"));
	return ERR_PRECONDITION;
}

static enum err check_activate(struct steps *s) {
	struct rollout *r = s->r;
	struct change *c = s->c;
	struct fault fault = {0};
	struct safety_effect effect;
	if (c->text.len > ROLLOUT_TEXT_MAX) return ERR_TOO_LARGE;
	enum err e = policy_load(c->text, "policy", each_mistake, s, &s->policy);
	if (e) return e;
	e = policy_change_check(r->judging, s->policy, &fault);
	if (!e) e = policy_places_check(r->options.boot, s->policy, &fault);
	if (e) {
		say(c, fault.text);
		return e;
	}
	e = safety_policy_effect(r->judging, s->policy, s->active, &effect);
	if (!e) e = judge(s, &effect);
	return e ? e : keep_policy_write(r->options.files, r->options.dir, c->text);
}

static void on_check(struct io_job *job) {
	struct steps *s = CONTAINER_OF(job, struct steps, job);
	struct safety_effect effect;
	if (s->c->kind == CHANGE_ACTIVATE) {
		s->c->err = check_activate(s);
		return;
	}
	s->c->err = safety_drain_effect(s->r->judging, s->active, s->c->region, &effect);
	if (!s->c->err) s->c->err = judge(s, &effect);
}

/* --- putting --------------------------------------------------------------------------------- */

static void on_put(struct coord_op *op, enum err err);

static void put(struct steps *s, enum step step, const char *key, uint64_t expected,
                struct buf *text, enum err written) {
	if (written) {
		end_saying(s, written, "this does not fit into what regions can tell each other");
	} else {
		s->step = step;
		s->op = (struct coord_op){.done = on_put};
		s->r->coord->ops->put(s->r->coord, key, expected, buf_slice(text), &s->op);
	}
	buf_done(text);
}

static void put_versions(struct steps *s, enum step step) {
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	enum err e = versions_write(&s->next, &text);
	put(s, step, KEY_VERSIONS, s->revision, &text, e);
}

/* Before the first activation the history is what the nodes' files say. */
static void begin_history(struct rollout *r, struct policy_versions *v) {
	if (v->count) return;
	struct policy_version *first = &v->list[v->count++];
	*first = (struct policy_version){.version = 0, .time_ms = io_wall_ms(r->io)};
	memcpy(first->hash, r->options.boot->hash, sizeof first->hash);
	versions_word(first->region, sizeof first->region, slice_str(r->options.config->region));
	versions_word(first->note, sizeof first->note, SLICE_LIT("the nodes' policy file"));
}

/* Whoever proposed has gone, or has not got on for long. */
static bool proposal_stale(const struct rollout *r) {
	int region = policy_find_region(r->options.boot, slice_str(r->versions.proposed.region));
	bool gone =
		region < 0 || region == r->options.config->self || !rollout_region_up(r, region);
	return gone || io_now_ns(r->io) - r->proposed_since_ns > STALE_NS;
}

static void wish_words(struct steps *s) {
	struct change *c = s->c;
	struct rollout *r = s->r;
	s->wish.time_ms = io_wall_ms(r->io);
	versions_word(s->wish.region, sizeof s->wish.region, slice_str(r->options.config->region));
	memcpy(s->wish.by, c->by, sizeof c->by);
	memcpy(s->wish.note, c->note, sizeof c->note);
	memcpy(s->wish.override, c->override, sizeof c->override);
}

static void propose(struct steps *s) {
	struct rollout *r = s->r;
	char text[200];
	if (r->versions.proposing && !proposal_stale(r)) {
		snprintf(text, sizeof text,
		         "version %llu, of %s, is being made ready from %s: wait for it, then look "
		         "whether yours is still right",
		         (unsigned long long)r->versions.proposed.version,
		         r->versions.proposed.by[0] ? r->versions.proposed.by : "somebody",
		         r->versions.proposed.region);
		end_saying(s, ERR_CONFLICT, text);
		return;
	}
	wish_words(s);
	s->next = r->versions;
	s->revision = r->versions_revision;
	begin_history(r, &s->next);
	s->wish.version = s->next.list[0].version + 1;
	s->c->version = s->wish.version;
	s->next.proposed = s->wish;
	s->next.proposing = true;
	put_versions(s, STEP_PROPOSE);
}

static void take_back(struct steps *s, enum err err) {
	s->c->err = err;
	s->next = s->r->versions;
	s->next.proposing = false;
	put_versions(s, STEP_TAKE_BACK);
}

/* --- waiting --------------------------------------------------------------------------------- */

/* Regions that live and are not yet so far; *bad: one that never will be. */
static region_set not_yet(struct steps *s, bool serving, int *bad) {
	struct rollout *r = s->r;
	region_set set = 0;
	*bad = -1;
	for (int i = 0; i < r->options.boot->region_count; i++) {
		const struct node_seen *n = &r->nodes[i];
		if (!rollout_region_up(r, i)) continue;
		bool it = n->known && same_hash(n->says.ready, s->wish.hash);
		bool there = serving ? n->known && n->says.version >= s->wish.version
		                     : it && !n->says.why_not[0];
		if (!there) set |= (region_set)1 << i;
		if (!serving && it && n->says.why_not[0]) *bad = i;
	}
	return set;
}

static void name_regions(struct steps *s, region_set set) {
	for (int i = 0; i < s->r->options.boot->region_count; i++)
		if (set >> i & 1)
			IGNORE(buf_printf(&s->c->detail, " %s",
			                  s->r->options.boot->regions[i].name));
}

static void look_ready(struct steps *s) {
	int bad;
	bool late = io_now_ns(s->r->io) >= s->deadline_ns;
	region_set missing = not_yet(s, false, &bad);
	bool rollback = s->c->kind == CHANGE_ROLLBACK;
	if (s->r->versions_revision != s->revision) {
		end_saying(s, ERR_CONFLICT,
		           "another change came first: see holdfast policy history");
	} else if (bad >= 0) {
		buf_reset(&s->c->detail);
		IGNORE(buf_printf(&s->c->detail, "%s cannot take it: %s",
		                  s->r->options.boot->regions[bad].name,
		                  s->r->nodes[bad].says.why_not));
		take_back(s, ERR_CONFLICT);
	} else if (missing && late && !rollback) {
		say(s->c, "nothing was changed: these regions live but did not get ready in time:");
		name_regions(s, missing);
		take_back(s, ERR_DEADLINE);
	} else if (!missing || late) {
		versions_flip(&s->next);
		put_versions(s, STEP_FLIP);
	}
}

static void look_serving(struct steps *s) {
	int bad;
	region_set missing = not_yet(s, true, &bad);
	if (missing && io_now_ns(s->r->io) < s->deadline_ns) return;
	buf_reset(&s->c->detail);
	if (missing) {
		say(s->c, "active, but not yet in force in:");
		name_regions(s, missing);
	}
	end(s, ERR_OK);
}

static void look(struct steps *s) {
	if (s->step == STEP_READY)
		look_ready(s);
	else if (s->step == STEP_SERVE)
		look_serving(s);
}

void changes_look(struct rollout *r) {
	LIST_EACH (&r->changes, n) look(CONTAINER_OF(n, struct steps, node));
}

/* --- what became of a put ----------------------------------------------------------------------- */

static void put_failed(struct steps *s, enum err err) {
	if (err == ERR_CONFLICT)
		end_saying(s, ERR_CONFLICT,
		           is_version(s->c->kind) ? "another change came first: see holdfast "
		                                    "policy history, then try again"
		                                  : "another change came first: see holdfast "
		                                    "region list, then try again");
	else
		end_saying(s, ERR_OUTCOME_UNKNOWN,
		           "coordination did not answer: this may or may not have happened; see "
		           "the status "
		           "before trying again");
}

static void own_versions(struct steps *s, uint64_t revision) {
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	if (versions_write(&s->next, &text) == ERR_OK)
		rollout_take_versions(s->r, buf_slice(&text), revision);
	buf_done(&text);
	s->revision = revision;
}

static void own_drains(struct steps *s, uint64_t revision) {
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	if (drains_write(&s->drains, &text) == ERR_OK)
		rollout_take_drains(s->r, buf_slice(&text), revision);
	buf_done(&text);
}

static void on_put(struct coord_op *op, enum err err) {
	struct steps *s = CONTAINER_OF(op, struct steps, op);
	enum step was = s->step;
	uint64_t now = io_now_ns(s->r->io);
	if (was == STEP_TAKE_BACK) { /* if it failed: the next one finds the proposal stale */
		enum err why = s->c->err;
		if (!err) own_versions(s, op->revision);
		end(s, why);
	} else if (err) {
		put_failed(s, err);
	} else if (was == STEP_PUT) {
		own_drains(s, op->revision);
		end(s, ERR_OK);
	} else {
		bool proposed = was == STEP_PROPOSE;
		bool rollback = s->c->kind == CHANGE_ROLLBACK;
		s->deadline_ns = now + (!proposed  ? SERVE_NS
		                        : rollback ? ROLLBACK_READY_NS
		                                   : READY_NS);
		s->step = STEP_CHECK; /* not looked at until what was put has been taken */
		own_versions(s, op->revision);
		s->step = proposed ? STEP_READY : STEP_SERVE;
		look(s);
	}
}

/* --- drains ----------------------------------------------------------------------------------- */

static void put_drains(struct steps *s) {
	struct rollout *r = s->r;
	struct change *c = s->c;
	struct buf text;
	const char *name = r->options.boot->regions[c->region].name;
	s->drains = r->drains;
	int i = drains_find(&s->drains, name);
	bool drain = c->kind == CHANGE_DRAIN;
	if (drain == (i >= 0)) { /* so it is already */
		end(s, ERR_OK);
		return;
	}
	if (drain) {
		struct region_drain *d = &s->drains.list[s->drains.count++];
		*d = (struct region_drain){.time_ms = io_wall_ms(r->io)};
		versions_word(d->region, sizeof d->region, slice_str(name));
		memcpy(d->by, c->by, sizeof d->by);
		memcpy(d->override, c->override, sizeof d->override);
	} else {
		s->drains.list[i] = s->drains.list[--s->drains.count];
	}
	buf_init(&text, VERSIONS_TEXT_MAX);
	enum err e = drains_write(&s->drains, &text);
	put(s, STEP_PUT, KEY_REGIONS, r->drains_revision, &text, e);
}

/* --- beginning ---------------------------------------------------------------------------------- */

static void on_checked(struct io_job *job) {
	struct steps *s = CONTAINER_OF(job, struct steps, job);
	struct rollout *r = s->r;
	r->judging = NULL;
	if (s->c->err) {
		if (!s->c->detail.len) say(s->c, err_text(s->c->err));
		end(s, s->c->err);
	} else if (s->c->kind == CHANGE_DRAIN) {
		put_drains(s);
	} else {
		memcpy(s->wish.hash, s->policy->hash, sizeof s->wish.hash);
		made_add(r, s->policy);
		s->policy = NULL;
		propose(s);
	}
}

static void check(struct steps *s) {
	s->step = STEP_CHECK;
	s->active = rollout_regions_active(s->r);
	s->r->judging = s->r->policy;
	s->job = (struct io_job){.run = on_check, .done = on_checked};
	io_lane_submit(s->r->lane, &s->job);
}

/* The last with another content, or the one that was named. */
static const struct policy_version *rollback_to(const struct rollout *r, const struct change *c) {
	const struct policy_versions *v = &r->versions;
	if (c->to_given) return versions_find(v, c->to);
	for (int i = 1; i < v->count; i++)
		if (!same_hash(v->list[i].hash, v->list[0].hash)) return &v->list[i];
	return NULL;
}

static void roll_back(struct steps *s) {
	const struct policy_version *to = rollback_to(s->r, s->c);
	char note[64];
	if (!to) {
		end_saying(s, ERR_NOT_FOUND,
		           "there is no such version to go back to: see holdfast policy history");
		return;
	}
	memcpy(s->wish.hash, to->hash, sizeof s->wish.hash);
	snprintf(note, sizeof note, "rollback to version %llu", (unsigned long long)to->version);
	if (!s->c->note[0]) versions_word(s->c->note, sizeof s->c->note, slice_str(note));
	propose(s);
}

/* One change of versions and one of regions at a time, here; between nodes coordination decides. */
static bool busy(const struct rollout *r, enum change_kind kind) {
	bool found = false;
	LIST_EACH (&((struct rollout *)r)->changes, n)
		found |= is_version(CONTAINER_OF(n, struct steps, node)->c->kind) ==
		         is_version(kind);
	return found;
}

static void begin(struct io_post *post) {
	struct change *c = CONTAINER_OF(post, struct change, post);
	struct steps *s = c->private;
	bool alone = !busy(s->r, c->kind);
	list_push_back(&s->r->changes, &s->node);
	if (!alone)
		end_saying(s, ERR_CONFLICT,
		           "another change is under way at this node: wait for it");
	else if (!s->r->heard)
		end_saying(s, ERR_UNAVAILABLE,
		           "coordination has not answered this node yet: nothing was changed, try "
		           "again");
	else if (c->kind == CHANGE_ROLLBACK)
		roll_back(s);
	else if (c->kind == CHANGE_RESTORE)
		put_drains(s);
	else
		check(s);
}

enum err rollout_change(struct rollout *r, struct change *c) {
	struct steps *s = calloc(1, sizeof *s);
	if (!s) return ERR_NO_MEMORY;
	buf_init(&c->detail, ROLLOUT_DETAIL_MAX);
	s->r = r;
	s->c = c;
	c->private = s;
	c->post.fn = begin;
	io_post(r->io, &c->post);
	return ERR_OK;
}

void changes_end(struct rollout *r) {
	while (!list_empty(&r->changes))
		end_saying(CONTAINER_OF(list_first(&r->changes), struct steps, node), ERR_CLOSED,
		           "this region is shutting down");
}
