/* POST /admin/v1/cells/CELL/failover with {"accept_loss": REASON, "by": NAME}: an operator's word that
 * what the last home had alone may be lost. Recorded in coordination; any region takes it. */
#include "edge/admin_cell.h"

#include <stdio.h>
#include <stdlib.h>

enum { ACCEPTS_MAX = 64, FOR_DEFAULT_MS = 600000 };
static const char wish_expected[] = "it must have \"accept_loss\": why, 1 to 255 characters, and "
                                    "\"by\": who, 1 to 63 of letters, "
				    "digits and .-_@, and may have \"for_ms\", 1 to 86400000";

struct admin_accept {
	struct host_accept_request ask;
	struct list_node node; /* admin->accepts */
	struct admin *admin;
	struct http_exchange *x;
};

static void accept_free(struct admin_accept *w) {
	list_remove(&w->admin->accepts, &w->node);
	free(w);
}

static void on_accepted(struct host_accept_request *ask) {
	struct admin_accept *w = CONTAINER_OF(ask, struct admin_accept, ask);
	char text[160];
	int n = snprintf(text, sizeof text, "{\"epoch\":%llu,\"for_ms\":%llu}\n",
	                 (unsigned long long)ask->acceptance.epoch,
	                 (unsigned long long)ask->acceptance.for_ms);
	if (ask->err == ERR_OK)
		admin_answer(w->x, 200, "application/json", slice_of(text, (size_t)n));
	else if (ask->err == ERR_PRECONDITION)
		admin_problem(w->x, ERR_PRECONDITION,
		              "the cell has a home that is up, so nothing is lost: holdfast cell "
		              "move takes it elsewhere");
	else if (ask->err == ERR_EXISTS)
		admin_problem(w->x, ERR_EXISTS, "somebody else accepted it at the same time");
	else
		admin_problem(w->x, ERR_UNAVAILABLE,
		              "coordination did not say that it is recorded; try again");
	accept_free(w);
}

void admin_accepts_end(struct admin *a) {
	while (!list_empty(&a->accepts)) {
		struct admin_accept *w =
			CONTAINER_OF(list_first(&a->accepts), struct admin_accept, node);
		admin_problem(w->x, ERR_UNAVAILABLE, "this region is shutting down; ask another");
		accept_free(w);
	}
}

static bool wish_take(json_t *wish, struct acceptance *out) {
	out->for_ms = FOR_DEFAULT_MS;
	if (!admin_number_take(wish, "for_ms", ACCEPTANCE_FOR_MAX_MS, &out->for_ms)) return false;
	const char *by = json_string_value(json_object_get(wish, "by"));
	const char *reason = json_string_value(json_object_get(wish, "accept_loss"));
	if (!by || !reason || !out->for_ms || json_object_size(wish) != 2) return false;
	if (acceptance_check(slice_str(by), slice_str(reason)) != ERR_OK) return false;
	snprintf(out->by, sizeof out->by, "%s", by);
	snprintf(out->reason, sizeof out->reason, "%s", reason);
	return true;
}

void admin_accept(struct admin *a, struct http_exchange *x, int cell, json_t *wish) {
	struct host_accept_request ask = {.reply_to = a->io, .done = on_accepted};
	if (!wish_take(wish, &ask.acceptance)) {
		admin_problem(x, ERR_INVALID, wish_expected);
		return;
	}
	struct admin_accept *w = a->accepts.count < ACCEPTS_MAX ? calloc(1, sizeof *w) : NULL;
	if (!w) {
		admin_problem(x, ERR_OVERLOADED, "too much is asked for at once; try again later");
		return;
	}
	w->ask = ask;
	w->admin = a;
	w->x = x;
	list_push_back(&a->accepts, &w->node);
	host_accept(a->options.host, cell, &w->ask);
}
