/* POST /admin/v1/cells/CELL/move with {"to": REGION}: hands a cell over, and answers when that is
 * over. Asked of the cell's home. */
#include "edge/admin_cell.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	MOVES_MAX = 256,
	WAIT_DEFAULT_MS = 10000,
};

struct admin_move {
	struct host_move_request ask;
	struct list_node node; /* admin->moves */
	struct admin *admin;
	struct http_exchange *x;
	int cell;
};

/* --- the answer --------------------------------------------------------------------------------- */

static void move_free(struct admin_move *m) {
	list_remove(&m->admin->moves, &m->node);
	free(m);
}

static void on_moved(struct host_move_request *ask) {
	struct admin_move *m = CONTAINER_OF(ask, struct admin_move, ask);
	const struct policy *p = m->admin->options.policy;
	char text[256];
	if (ask->err == ERR_OK) {
		int n = snprintf(text, sizeof text,
		                 "{\"cell\":\"%s\",\"home\":\"%s\",\"epoch\":%llu,"
		                 "\"pause_ms\":%.3f}\n",
		                 p->cells[m->cell].name, p->regions[ask->region].name,
		                 (unsigned long long)ask->epoch, (double)ask->paused_ns / 1e6);
		admin_answer(m->x, 200, "application/json", slice_of(text, (size_t)n));
	} else {
		admin_problem(m->x, ask->err, ask->why);
	}
	move_free(m);
}

void admin_moves_end(struct admin *a) {
	while (!list_empty(&a->moves)) {
		struct admin_move *m = CONTAINER_OF(list_first(&a->moves), struct admin_move, node);
		admin_problem(m->x, ERR_UNAVAILABLE,
		              "this region is shutting down; see which region is home now");
		move_free(m);
	}
}

/* --- the request --------------------------------------------------------------------------------- */

static const char wish_expected[] = "the body must be JSON, with Content-Type: application/json: "
				    "{\"to\": REGION}, and it may have "
				    "\"wait_ms\", 0 to 60000, and \"caught_up_ms\", 0 to 86400000";

/* What is wrong with it, or NULL. */
static const char *wish_take(struct admin *a, json_t *wish, struct host_move_request *ask) {
	ask->wait_ms = WAIT_DEFAULT_MS;
	if (!admin_number_take(wish, "wait_ms", HOST_MOVE_WAIT_MAX_MS, &ask->wait_ms) ||
	    !admin_number_take(wish, "caught_up_ms", HOST_MOVE_CAUGHT_UP_MAX_MS,
	                       &ask->caught_up_ms))
		return wish_expected;
	const char *to = json_string_value(json_object_get(wish, "to"));
	if (!to || json_object_size(wish) != 1) return wish_expected;
	ask->region = policy_find_region(a->options.policy, slice_str(to));
	return ask->region < 0 ? "`to` names no region of the policy" : NULL;
}

void admin_move(struct admin *a, struct http_exchange *x, int cell, json_t *wish) {
	struct host_move_request ask = {.reply_to = a->io, .done = on_moved};
	const char *wrong = wish_take(a, wish, &ask);
	if (wrong) {
		admin_problem(x, ERR_INVALID, wrong);
		return;
	}
	struct admin_move *m = a->moves.count < MOVES_MAX ? calloc(1, sizeof *m) : NULL;
	if (!m) {
		admin_problem(x, ERR_OVERLOADED, "too many moves are under way; try again later");
		return;
	}
	m->admin = a;
	m->x = x;
	m->cell = cell;
	m->ask = ask;
	list_push_back(&a->moves, &m->node);
	host_move(a->options.host, cell, &m->ask);
}
