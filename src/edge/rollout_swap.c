/* Puts a policy in force in every edge, one swap at a time. What edges have left is freed only when
 * all have answered: see made_add. */
#include "edge/rollout_private.h"

#include "base/log.h"

static void swapped(struct rollout *r) {
	bool other = r->policy != r->swap_to;
	if (other) r->last = r->policy;
	r->policy = r->swap_to;
	r->version = r->swap_version;
	const struct policy_version *v = versions_find(&r->versions, r->version);
	if (v) r->since_ms = v->time_ms;
	metric_set(r->m_version, (int64_t)r->version);
	LOG(LOG_INFO, "policy", "in force", LOG_NUM("version", r->version), {"by", v ? v->by : ""});
	rollout_advance(r); /* another may have become active meanwhile */
	changes_look(r);
}

static void on_edge_done(struct edge_swap *s) {
	struct rollout *r = CONTAINER_OF(s - s->index, struct rollout, swaps[0]);
	if (--r->swaps_left == 0) swapped(r);
}

void swap_start(struct rollout *r, const struct policy *to, uint64_t version) {
	if (r->swaps_left) return;
	r->swap_to = to;
	r->swap_version = version;
	if (to == r->policy) { /* the same content under a new number */
		swapped(r);
		return;
	}
	r->swaps_left = r->edge_count;
	for (int i = 0; i < r->edge_count; i++) {
		r->swaps[i] = (struct edge_swap){.reply_to = r->io,
		                                 .index = i,
		                                 .policy = to,
		                                 .last = r->policy,
		                                 .done = on_edge_done};
		edge_policy(r->edges[i], &r->swaps[i]);
	}
}
