/* Another policy for an edge, while it serves. No lock and no count of references: the policy is
 * changed on the edge's own loop, between two turns, so whoever decides sees a whole one; every request
 * under way is told, so after this none looks at the old one. That the edge answers is the proof its
 * owner waits for before it frees. */
#include "edge/edge_private.h"

/* Its cell is the same one: neither cells nor a tenant's cell change under traffic. What was decided
 * names tenants and rules by the old policy's numbers and is not told any more. */
static void request_rebind(struct request *r, const struct policy *from, const struct policy *to) {
	if (r->tenant < 0) return;
	r->tenant = policy_find_tenant(to, slice_str(from->tenants[r->tenant].name));
	r->ask.tenant = r->tenant;
	r->decided = false;
}

static void on_done(struct io_post *post) {
	struct edge_swap *s = CONTAINER_OF(post, struct edge_swap, post);
	s->done(s);
}

static void on_swap(struct io_post *post) {
	struct edge_swap *s = CONTAINER_OF(post, struct edge_swap, post);
	struct edge *e = s->edge;
	LIST_EACH (&e->requests, n)
		request_rebind(CONTAINER_OF(n, struct request, node), e->policy, s->policy);
	e->policy = s->policy;
	ring_keep(&e->ring, s->policy, s->last);
	e->world.version++;
	route_wake(e); /* who is held may now go elsewhere */
	s->post.fn = on_done;
	io_post(s->reply_to, &s->post);
}

void edge_policy(struct edge *e, struct edge_swap *s) {
	s->edge = e;
	s->post.fn = on_swap;
	io_post(e->io, &s->post);
}
