/* Another policy for an edge, while it serves. No lock and no count of references: the policy is
 * changed on the edge's own loop, between two turns, so whoever decides sees a whole one; every request
 * under way is told, so after this none looks at the old one. That the edge answers is the proof its
 * owner waits for before it frees. */
#include "edge/edge_private.h"

/* Its cell is the same one: neither cells nor a tenant's cell change under traffic. What was decided
 * names tenants and rules by the old policy's numbers and is not told any more. */
static void request_rebind(struct request *r, const struct policy *to) {
	if (!r->tenant) return;
	struct tenancy_found now = {-1, NULL};
	/* Whatever stands in the way, it may be asked again. */
	if (tenancy_find(&r->edge->options.tenancy, to, slice_str(r->tenant->name),
	                 http_exchange_arena(r->x), &now) != ERR_OK)
		now = (struct tenancy_found){-1, NULL};
	r->tenant = r->ask.who = now.tenant;
	r->tenant_index = r->ask.tenant = now.index;
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
		request_rebind(CONTAINER_OF(n, struct request, node), s->policy);
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
