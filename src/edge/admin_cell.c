/* POST /admin/v1/cells/CELL/move with {"to": REGION}: hands a cell over, and answers
 * when that is over. Asked of the cell's home.
 *
 * JSON is insisted on: a page in somebody's browser can post a form to any port without asking, but
 * not that. */
#include "edge/admin_private.h"
#include "edge/json.h"
#include "io/http_uri.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MOVES_MAX = 256,
	JSON_PARTS_MAX = 16,
	WAIT_DEFAULT_MS = 10000,
	CAUGHT_UP_MAX_MS = 24 * 3600 * 1000
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

/* Takes a number out of the wish; false: it is none, or out of bounds. */
static bool number_take(json_t *wish, const char *name, json_int_t most, uint32_t *out) {
	json_t *n = json_object_get(wish, name);
	if (!n) return true;
	json_int_t value = json_integer_value(n);
	if (!json_is_integer(n) || value < 0 || value > most) return false;
	*out = (uint32_t)value;
	return json_object_del(wish, name) == 0;
}

/* What is wrong with it, or NULL. */
static const char *wish_take(struct admin *a, json_t *wish, struct host_move_request *ask) {
	ask->wait_ms = WAIT_DEFAULT_MS;
	if (!number_take(wish, "wait_ms", HOST_MOVE_WAIT_MAX_MS, &ask->wait_ms) ||
	    !number_take(wish, "caught_up_ms", CAUGHT_UP_MAX_MS, &ask->caught_up_ms))
		return wish_expected;
	const char *to = json_string_value(json_object_get(wish, "to"));
	if (!to || json_object_size(wish) != 1) return wish_expected;
	ask->region = policy_find_region(a->options.policy, slice_str(to));
	return ask->region < 0 ? "`to` names no region of the policy" : NULL;
}

static const char *wish_read(struct admin *a, struct http_exchange *x,
                             struct host_move_request *ask) {
	struct slice body = http_exchange_body(x);
	struct slice type = http1_header(http_exchange_head(x), FIELD_CONTENT_TYPE);
	struct json_size size = json_measure(body);
	bool small = size.parts <= JSON_PARTS_MAX && size.depth <= 1;
	if (!body.len || !small || !slice_starts(type, SLICE_LIT("application/json")))
		return wish_expected;
	json_t *wish = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const char *wrong = wish_take(a, wish, ask);
	json_decref(wish);
	return wrong;
}

static void move_start(struct admin *a, struct http_exchange *x, int cell) {
	struct host_move_request ask = {.reply_to = a->io, .done = on_moved};
	const char *wrong = wish_read(a, x, &ask);
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

void admin_cell(struct admin *a, struct http_exchange *x, struct slice rest) {
	struct slice name, what = {0};
	int cell = http_path_next(&rest, &name) ? policy_find_cell(a->options.policy, name) : -1;
	if (cell < 0)
		admin_problem(x, ERR_NOT_FOUND, "the policy has no such cell");
	else if (!http_path_next(&rest, &what) || !slice_is(what, "move") || rest.len)
		admin_problem(x, ERR_NOT_FOUND, "the path is /admin/v1/cells/CELL/move");
	else
		move_start(a, x, cell);
}
