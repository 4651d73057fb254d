/* The challenger: finds out that a peer's lease is over, and ends it in coordination. Any
 * number of nodes may do so at once. What is said to the owner is only what coordination
 * has decided: nobody is down because a clock says so. */
#include <string.h>

#include "base/list.h"
#include "coord/member_private.h"

uint64_t member_peer_due_ns(const struct member_peer *p) {
	if (p->watch.beat == 0 || p->expiring) return UINT64_MAX;
	return lease_over_at(&p->member->terms, p->watch.seen_ns);
}

static void tell(struct member_peer *p, uint32_t generation, bool up) {
	struct member *m = p->member;
	p->told = true;
	p->up = up;
	p->generation = generation;
	m->on_peer(m->arg, p->name, generation, up);
}

/* Each life that was told up is told down once, before the next is told up. What was over
 * from the start is told down as the life before. */
static void report(struct member_peer *p, const struct coord_node *n) {
	if (n->beat > 0) {
		if (p->up && p->generation == n->generation) return;
		if (p->up) tell(p, p->generation, false);
		tell(p, n->generation, true);
	} else if (p->up) {
		tell(p, p->generation, false);
	} else if (!p->told) {
		tell(p, n->generation ? n->generation - 1 : 0, false);
	}
}

/* Takes in a state; false when it is older than what is known already. */
static bool take(struct member_peer *p, const struct coord_node *n) {
	if (n->generation < p->newest) return false;
	p->newest = n->generation;
	lease_watch_see(&p->watch, n->generation, n->beat, io_now_ns(p->member->io));
	report(p, n);
	return true;
}

static void on_expired(struct coord_op *op, enum err err) {
	struct member_peer *p = CONTAINER_OF(op, struct member_peer, op);
	p->expiring = false;
	if (err == ERR_OK) {
		struct coord_node over = p->observed;
		over.generation++;
		over.beat = 0;
		take(p, &over);
	} else if (err == ERR_CONFLICT) {
		/* It renewed, or another challenger was first: what that made will be seen. */
		p->watch.seen_ns = io_now_ns(p->member->io);
	} /* anything else says nothing: the next look tries again */
}

/* What is looked at here was read just now: it is the confirmation before the expiry, which
 * itself compares once more. */
void member_peer_look(struct member_peer *p) {
	struct member *m = p->member;
	struct coord_node n = {0};
	if (!m->coord->ops->node(m->coord, p->name, &n)) n = (struct coord_node){0};
	if (!take(p, &n) || n.beat == 0 || p->expiring) return;
	uint64_t now = io_now_ns(m->io);
	bool over = member_sees(m, now) && lease_watch_over(&p->watch, &m->terms, now);
	if (!n.proven_dead && !over) return;
	p->expiring = true;
	p->observed = n;
	p->op = (struct coord_op){.done = on_expired};
	m->coord->ops->expire(m->coord, &p->observed, &p->op);
}

void member_peers_rewait(struct member *m) {
	uint64_t now = io_now_ns(m->io);
	for (int i = 0; i < m->peer_count; i++) m->peers[i].watch.seen_ns = now;
}

void member_on_node(void *arg, const char *name) {
	struct member *m = arg;
	for (int i = 0; i < m->peer_count; i++)
		if (strcmp(m->peers[i].name, name) == 0) member_peer_look(&m->peers[i]);
}
