/* /admin/v1/decisions/ID: asked of the worker that decided, since nobody else has it. */
#include "edge/admin_private.h"
#include "edge/ring.h"

#include <stdio.h>
#include <stdlib.h>

enum { DECISION_BODY_MAX = 1 << 20 };

struct lookup {
	struct edge_query query;
	struct http_exchange *x;
};

static void on_found(struct edge_query *q) {
	struct lookup *l = CONTAINER_OF(q, struct lookup, query);
	if (q->err == ERR_OK)
		admin_answer(l->x, 200, "application/json", buf_slice(&q->body));
	else if (q->err == ERR_NOT_FOUND)
		admin_problem(l->x, ERR_NOT_FOUND,
		              "this decision is not remembered any more; `decisions` in the node's "
		              "file says how many are, for each worker");
	else
		admin_problem(l->x, q->err, "no memory for the answer; try again later");
	buf_done(&q->body);
	free(l);
}

/* The edge that gave out the id; NULL after an answer that says why. */
static struct edge *edge_of(struct admin *a, struct http_exchange *x, struct slice id) {
	int region, worker;
	char text[160];
	if (id.len >= RING_ID_MAX || !ring_place(id, &region, &worker)) {
		admin_problem(x, ERR_INVALID,
		              "this is no id of a decision: Holdfast-Decision has one");
		return NULL;
	}
	if (region != a->options.config->self) {
		bool known = region < a->options.policy->region_count;
		snprintf(text, sizeof(text), "another region's node decided this: ask %s",
		         known ? a->options.policy->regions[region].name : "there");
		admin_problem(x, ERR_NOT_FOUND, text);
		return NULL;
	}
	if (worker < a->options.edge_count) return a->options.edges[worker];
	admin_problem(x, ERR_NOT_FOUND, "this node has no such worker any more");
	return NULL;
}

void admin_decision(struct admin *a, struct http_exchange *x, struct slice id) {
	struct edge *e = edge_of(a, x, id);
	if (!e) return;
	struct lookup *l = calloc(1, sizeof(*l));
	if (!l) {
		admin_problem(x, ERR_NO_MEMORY, "no memory for this; try again later");
		return;
	}
	l->x = x;
	l->query.reply_to = a->io;
	l->query.done = on_found;
	memcpy(l->query.id, id.ptr, id.len);
	buf_init(&l->query.body, DECISION_BODY_MAX);
	edge_decision(e, &l->query);
}
