/* Follows what is agreed upon in coordination. A watch tells of changes at once; a read a second tells
 * that coordination is there, which is what the age of the world is counted from, and finds what a watch
 * may have missed. */
#include "edge/rollout_private.h"

#include "base/log.h"

#include <stdlib.h>

static const uint64_t TICK_NS = 250000000, READ_NS = 1000000000, REKEEP_NS = 5000000000;

bool rollout_region_up(const struct rollout *r, int region) {
	return region == r->options.config->self || host_region_up(r->host, region);
}

region_set rollout_regions_active(const struct rollout *r) {
	region_set set = 0;
	for (int i = 0; i < r->options.boot->region_count; i++)
		if (rollout_region_up(r, i)) set |= (region_set)1 << i;
	return set & ~atomic_load(&r->signals.draining);
}

/* --- what was heard ------------------------------------------------------------------------ */

static void heard(struct rollout *r) {
	atomic_store(&r->signals.heard_ns, io_now_ns(r->io));
	r->heard = true;
}

/* Coordination that knows less than was kept here has been lost and made anew, or put back from a
 * backup: what was kept is put back. Once a life, so that two nodes never quarrel. */
static void restore_done(struct coord_op *op, enum err err) {
	free(op);
}

static void restore(struct rollout *r, uint64_t newest_seen, uint64_t revision) {
	bool first = !r->restored;
	r->restored = true;
	if (!first || !r->kept.count || r->kept.list[0].version <= newest_seen) return;
	struct coord_op *op = calloc(1, sizeof *op);
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	r->kept.proposing = false;
	if (op && versions_write(&r->kept, &text) == ERR_OK) {
		LOG(LOG_WARN, "policy",
		    "coordination knows less than was kept here: it is put back",
		    LOG_NUM("version", r->kept.list[0].version), LOG_NUM("there", newest_seen));
		op->done = restore_done;
		r->coord->ops->put(r->coord, KEY_VERSIONS, revision, buf_slice(&text), op);
		op = NULL;
	}
	free(op);
	buf_done(&text);
}

void rollout_take_versions(struct rollout *r, struct slice text, uint64_t revision) {
	struct policy_versions v;
	if (revision == r->versions_revision && revision != 0) return;
	if (versions_read(text, &v) != ERR_OK) {
		LOG(LOG_ERROR, "policy",
		    "what coordination says of versions cannot be read; ignored");
		metric_inc(r->m_failures);
		return;
	}
	bool was_restored = r->restored;
	restore(r, v.count ? v.list[0].version : 0, revision);
	if (!was_restored && r->kept.count && v.count &&
	    r->kept.list[0].version > v.list[0].version)
		return; /* comes again, as it was kept */
	bool news = v.proposing &&
	            (!r->versions.proposing || r->versions.proposed.version != v.proposed.version);
	if (news || !v.proposing) r->proposed_since_ns = io_now_ns(r->io);
	r->versions = v;
	r->versions_revision = revision;
	r->retry_ns = 0;
	memset(r->failed, 0, sizeof r->failed);
	r->why_not[0] = 0;
	rollout_keep(r);
	rollout_advance(r);
}

static void set_draining(struct rollout *r) {
	region_set set = 0;
	for (int i = 0; i < r->drains.count; i++) {
		int region =
			policy_find_region(r->options.boot, slice_str(r->drains.list[i].region));
		if (region >= 0) set |= (region_set)1 << region;
	}
	bool other = atomic_exchange(&r->signals.draining, set) != set;
	metric_set(r->m_draining, __builtin_popcountll(set));
	if (other && r->started) r->on_change(r->arg);
}

void rollout_take_drains(struct rollout *r, struct slice text, uint64_t revision) {
	struct region_drains d;
	if (revision == r->drains_revision && revision != 0) return;
	if (drains_read(text, &d) != ERR_OK) {
		LOG(LOG_ERROR, "policy",
		    "what coordination says of drains cannot be read; ignored");
		metric_inc(r->m_failures);
		return;
	}
	r->drains = d;
	r->drains_revision = revision;
	set_draining(r);
	rollout_keep(r);
}

static void take_node(struct rollout *r, const char *name, struct slice text, uint64_t revision) {
	int region = policy_find_region(r->options.boot, slice_str(name));
	if (region < 0) return;
	struct node_seen *n = &r->nodes[region];
	struct node_serving says;
	if (serving_read(text, &says) != ERR_OK) return; /* as good as silent */
	*n = (struct node_seen){.known = true, .revision = revision, .says = says};
	if (region != r->options.config->self) return;
	r->said_revision = revision;
	rollout_say(r);
}

static void on_watched(void *arg, const char *key, struct slice value, uint64_t revision) {
	struct rollout *r = arg;
	heard(r);
	if (strcmp(key, KEY_VERSIONS) == 0)
		rollout_take_versions(r, value, revision);
	else if (strcmp(key, KEY_REGIONS) == 0)
		rollout_take_drains(r, value, revision);
	else if (slice_starts(slice_str(key), SLICE_LIT(KEY_NODE)))
		take_node(r, key + sizeof KEY_NODE - 1, value, revision);
	changes_look(r);
}

static void on_read(struct coord_op *op, enum err err) {
	struct rollout *r = CONTAINER_OF(op, struct rollout, read_op);
	r->reading = false;
	if (err) return; /* and the world grows older */
	heard(r);
	if (op->revision > 0 && op->revision < r->versions_revision)
		return; /* a watch was quicker */
	if (op->revision > 0)
		rollout_take_versions(r, op->value, op->revision);
	else
		restore(r, 0, 0);
	changes_look(r);
}

/* --- what this node says ----------------------------------------------------------------- */

static void on_said(struct coord_op *op, enum err err) {
	struct rollout *r = CONTAINER_OF(op, struct rollout, say_op);
	r->saying = false;
	if (!err || err == ERR_CONFLICT) r->said_revision = op->revision;
	if (err) r->said_any = false; /* at the next tick, or when the watch tells */
	if (!err) rollout_say(r);
}

static void serving_now(const struct rollout *r, struct node_serving *n) {
	*n = (struct node_serving){.version = r->version};
	memcpy(n->hash, r->policy->hash, sizeof n->hash);
	const struct policy_version *v =
		r->versions.proposing ? &r->versions.proposed : rollout_active(r);
	if (!v) return;
	bool failed = same_hash(r->failed, v->hash);
	bool made = made_find((struct rollout *)r, v->hash) != NULL;
	if (failed || made) memcpy(n->ready, v->hash, sizeof n->ready);
	if (failed) memcpy(n->why_not, r->why_not, sizeof n->why_not);
}

void rollout_say(struct rollout *r) {
	struct node_serving now;
	char key[sizeof KEY_NODE + POLICY_NAME_MAX + 1] = KEY_NODE;
	if (!r->started || r->saying) return;
	serving_now(r, &now);
	if (r->said_any && memcmp(&now, &r->said, sizeof now) == 0) return;
	struct buf text;
	buf_init(&text, VERSIONS_TEXT_MAX);
	if (serving_write(&now, &text) == ERR_OK) {
		strncat(key, r->options.config->region, POLICY_NAME_MAX);
		r->said = now;
		r->said_any = r->saying = true;
		r->say_op = (struct coord_op){.done = on_said};
		r->coord->ops->put(r->coord, key, r->said_revision, buf_slice(&text), &r->say_op);
	}
	buf_done(&text);
}

/* --- onward ------------------------------------------------------------------------------- */

void rollout_advance(struct rollout *r) {
	const struct policy_version *active = rollout_active(r);
	if (!r->started) return;
	if (active && active->version != r->version) {
		const struct policy *p = made_find(r, active->hash);
		if (p)
			swap_start(r, p, active->version);
		else
			ready_start(r, active, false);
	} else if (r->versions.proposing && !made_find(r, r->versions.proposed.hash)) {
		ready_start(r, &r->versions.proposed, true);
	}
	rollout_say(r);
}

static void measure(struct rollout *r) {
	uint64_t now = io_now_ns(r->io), heard_ns = atomic_load(&r->signals.heard_ns);
	metric_set(r->m_version, (int64_t)r->version);
	metric_set(r->m_age, heard_ns ? (int64_t)((now - heard_ns) / 1000000000) : -1);
	metric_set(r->m_saved, !r->heard && r->version > 0);
}

static void on_tick(void *arg) {
	struct rollout *r = arg;
	uint64_t now = io_now_ns(r->io);
	if (!r->reading && now - atomic_load(&r->signals.heard_ns) >= READ_NS) {
		r->reading = true;
		r->read_op = (struct coord_op){.done = on_read};
		r->coord->ops->read(r->coord, KEY_VERSIONS, &r->read_op);
	}
	/* A drain is believed for as long as somebody knew of it: the disk should know, too. */
	if (r->drains.count && r->heard && now - r->rekept_ns >= REKEEP_NS) {
		r->rekept_ns = now;
		rollout_keep(r);
	}
	if (r->retry_ns && now >= r->retry_ns) {
		r->retry_ns = 0;
		memset(r->failed, 0, sizeof r->failed);
	}
	rollout_advance(r);
	changes_look(r);
	measure(r);
	io_timer_start(r->tick, TICK_NS);
}

void rollout_world_changed(struct rollout *r) {
	if (r && r->started) changes_look(r);
}

/* --- beginning and ending ------------------------------------------------------------------- */

static void metrics(struct rollout *r, struct registry *g) {
	r->m_version =
		metric_gauge(g, "holdfast_policy_version",
	                     "The policy version that this node serves by; 0: its own file.", "");
	r->m_failures =
		metric_counter(g, "holdfast_policy_failures_total",
	                       "Versions that could not be made ready, activated or kept.", "");
	r->m_age = metric_gauge(g, "holdfast_world_age_seconds",
	                        "Since coordination was last heard of; -1: never.", "");
	r->m_saved =
		metric_gauge(g, "holdfast_policy_saved",
	                     "1: served by what was kept on disk, coordination is silent.", "");
	r->m_draining = metric_gauge(g, "holdfast_regions_draining", "Drained regions.", "");
	r->m_damaged = metric_counter(g, "holdfast_policy_damaged_total",
	                              "Kept files that were found damaged and not used.", "");
}

enum err rollout_new(struct io *io, const struct rollout_options *options, struct rollout **out,
                     struct fault *fault) {
	struct rollout *r = calloc(1, sizeof *r);
	*out = r;
	if (!r) return fault_set(fault, ERR_NO_MEMORY, "no memory for policy versions");
	r->io = io;
	r->options = *options;
	r->policy = options->boot;
	list_init(&r->changes);
	buf_init(&r->keep_versions, VERSIONS_TEXT_MAX);
	buf_init(&r->keep_regions, VERSIONS_TEXT_MAX);
	metrics(r, options->registry);
	r->lane = io_lane_new(io, "policy");
	r->tick = io_timer_new(io, on_tick, r);
	r->client = http_client_new(
		io, &(struct http_client_options){.response_max_bytes = ROLLOUT_TEXT_MAX});
	if (!r->lane || !r->tick || !r->client)
		return fault_set(fault, ERR_NO_MEMORY, "no memory for policy versions");
	enum err e = keep_load(r, fault);
	set_draining(r);
	measure(r);
	return e;
}

enum err rollout_start(struct rollout *r, struct coord *coord, struct host *host,
                       struct edge *const *edges, int edge_count, void (*on_change)(void *arg),
                       void *arg, struct fault *fault) {
	r->coord = coord;
	r->host = host;
	r->edges = edges;
	r->edge_count = edge_count;
	r->on_change = on_change;
	r->arg = arg;
	r->started = true;
	enum err e = coord->ops->watch(coord, "control/", on_watched, r);
	if (e) return fault_set(fault, e, "cannot watch policy versions: %s", err_text(e));
	on_tick(r);
	return ERR_OK;
}

const struct policy *rollout_policy(const struct rollout *r) {
	return r->policy;
}
const struct region_signals *rollout_signals(const struct rollout *r) {
	return &r->signals;
}

void rollout_free(struct rollout *r) {
	if (!r) return;
	r->started = false;
	io_timer_free(r->tick);
	io_lane_free(r->lane);
	http_client_free(r->client);
	ready_end(r);
	changes_end(r);
	buf_done(&r->keep_versions);
	buf_done(&r->keep_regions);
	for (int i = 0; i < ROLLOUT_MADE_MAX; i++) policy_free(r->made[i].policy);
	free(r);
}
