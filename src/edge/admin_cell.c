/* POST /admin/v1/cells/CELL/move and …/failover: reads what is wished and of which cell.
 *
 * JSON is insisted on: a page in somebody's browser can post a form to any port without asking, but
 * not that. */
#include "edge/admin_cell.h"

#include "edge/json.h"
#include "io/http_uri.h"

enum { JSON_PARTS_MAX = 16 };

bool admin_number_take(json_t *wish, const char *name, json_int_t most, uint64_t *out) {
	json_t *n = json_object_get(wish, name);
	if (!n) return true;
	json_int_t value = json_integer_value(n);
	if (!json_is_integer(n) || value < 0 || value > most) return false;
	*out = (uint64_t)value;
	return json_object_del(wish, name) == 0;
}

/* NULL: it is not a small JSON object. */
static json_t *wish_read(struct http_exchange *x) {
	struct slice body = http_exchange_body(x);
	struct slice type = http1_header(http_exchange_head(x), FIELD_CONTENT_TYPE);
	struct json_size size = json_measure(body);
	bool small = size.parts <= JSON_PARTS_MAX && size.depth <= 1;
	if (!body.len || !small || !slice_starts(type, SLICE_LIT("application/json"))) return NULL;
	json_t *wish = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(wish)) return wish;
	json_decref(wish);
	return NULL;
}

void admin_cell(struct admin *a, struct http_exchange *x, struct slice rest) {
	struct slice name, what = {0};
	int cell = http_path_next(&rest, &name) ? policy_find_cell(a->options.policy, name) : -1;
	bool whole = http_path_next(&rest, &what) && !rest.len;
	bool moves = whole && slice_is(what, "move"), accepts = whole && slice_is(what, "failover");
	json_t *wish = NULL;
	if (cell < 0)
		admin_problem(x, ERR_NOT_FOUND, "the policy has no such cell");
	else if (!moves && !accepts)
		admin_problem(x, ERR_NOT_FOUND,
		              "the path is /admin/v1/cells/CELL/move or …/failover");
	else if (!(wish = wish_read(x)))
		admin_problem(x, ERR_INVALID,
		              "the body must be a small JSON object, with Content-Type: "
		              "application/json");
	else if (moves)
		admin_move(a, x, cell, wish);
	else
		admin_accept(a, x, cell, wish);
	json_decref(wish);
}
