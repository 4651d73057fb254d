/* /admin/v1/quarantine/CELL lists what a deposed home had that no survivor had; …/CELL/ID gives
 * one item's changes as JSON lines. Disks are slow and items large, so this works on a lane of
 * its own: the owner loop beside it has leases to renew.
 *
 * An item holds tenants' values. Their residency class names the disks that may have them, and
 * this port asks nobody who he is: the values are given on the region's own machine only. */
#include "base/bytes.h"
#include "base/parse.h"
#include "edge/admin_private.h"
#include "io/http_problem.h"
#include "io/http_uri.h"

#include <stdlib.h>

enum { LIST_BODY_MAX = 4 << 20, ITEM_RECORDS_MAX = 256 << 20, ITEM_BODY_MAX = 512 << 20 };

struct admin_query {
	struct io_job job;
	struct list_node node;
	struct admin *admin;
	struct http_exchange *x;
	const char *dir;
	char id[96]; /* "": list all */
	struct buf body;
	int count;
	enum err err;
};

static unsigned long long ull(uint64_t v) {
	return v;
}

/* --- on the lane ----------------------------------------------------------------------- */

static void list_item(void *arg, const struct quarantine_item *q) {
	struct admin_query *l = arg;
	if (l->err) return;
	l->err =
		buf_printf(&l->body,
	                   "%s\n{\"id\":\"%s\",\"epoch\":%llu,\"first_seq\":%llu,\"last_seq\":%llu,"
	                   "\"count\":%llu,\"bytes\":%llu,\"time_ms\":%llu,\"why\":",
	                   l->count++ ? "," : "", q->id, ull(q->epoch), ull(q->first_seq),
	                   ull(q->last_seq), ull(q->count), ull(q->bytes), ull(q->time_ms));
	if (!l->err) l->err = http_json_string(&l->body, slice_str(q->why));
	if (!l->err) l->err = buf_append_str(&l->body, "}");
}

static void run_list(struct admin_query *l) {
	l->err = buf_append_str(&l->body, "{\"items\":[");
	enum err e = quarantine_list(l->admin->options.files, l->dir, list_item, l);
	if (!l->err && e != ERR_NOT_FOUND) l->err = e;
	if (!l->err) l->err = buf_append_str(&l->body, "\n]}\n");
}

static enum err render_bytes(struct buf *out, const char *name, struct slice v) {
	if (utf8_valid(v)) {
		enum err e = buf_printf(out, ",\"%s\":", name);
		return e ? e : http_json_string(out, v);
	}
	uint8_t *p;
	enum err e = buf_printf(out, ",\"%s_base64\":\"", name);
	if (!e) e = buf_reserve(out, v.len * 4 / 3 + 4, &p);
	if (!e) buf_commit(out, base64url_encode(v, (char *)p));
	return e ? e : buf_append_str(out, "\"");
}

/* `tenant NUL domain NUL name` → three members. */
static enum err render_key(struct buf *out, struct slice key) {
	struct slice tenant = slice_cut(&key, 0), domain = slice_cut(&key, 0);
	enum err e = render_bytes(out, "tenant", tenant);
	if (!e) e = render_bytes(out, "domain", domain);
	return e ? e : render_bytes(out, "key", key);
}

static enum err render_record(const struct record *r, struct buf *out) {
	struct record_cursor c = record_cursor(r);
	struct op op;
	struct event ev;
	enum err e = ERR_OK;
	while (!e && record_next_op(&c, &op) == ERR_OK) {
		e = buf_printf(out, "{\"version\":\"%llu-%llu\",\"time_ms\":%llu,\"op\":\"%s\"",
		               ull(r->at.epoch), ull(r->at.seq), ull(r->time_ms),
		               op.type == OP_PUT ? "put" : "delete");
		if (!e) e = render_key(out, op.key);
		if (!e && op.type == OP_PUT) e = render_bytes(out, "value", op.value);
		if (!e) e = buf_append_str(out, "}\n");
	}
	while (!e && record_next_event(&c, &ev) == ERR_OK) {
		e = buf_printf(out, "{\"version\":\"%llu-%llu\",\"time_ms\":%llu,\"op\":\"event\"",
		               ull(r->at.epoch), ull(r->at.seq), ull(r->time_ms));
		if (!e) e = render_key(out, ev.topic);
		if (!e) e = render_bytes(out, "value", ev.body);
		if (!e) e = buf_append_str(out, "}\n");
	}
	return e;
}

static enum err render(struct slice records, struct buf *out) {
	while (records.len) {
		struct record r;
		enum err e = record_decode(records, &r);
		if (!e) e = render_record(&r, out);
		if (e) return e;
		records = slice_of(records.ptr + r.bytes.len, records.len - r.bytes.len);
	}
	return ERR_OK;
}

static void run_item(struct admin_query *q) {
	struct buf records;
	buf_init(&records, ITEM_RECORDS_MAX);
	q->err = quarantine_read(q->admin->options.files, q->dir, q->id, &records);
	if (!q->err) q->err = render(buf_slice(&records), &q->body);
	buf_done(&records);
}

static void on_run(struct io_job *job) {
	struct admin_query *q = CONTAINER_OF(job, struct admin_query, job);
	if (q->id[0])
		run_item(q);
	else
		run_list(q);
}

/* --- on the loop ------------------------------------------------------------------------- */

static void query_free(struct admin_query *q) {
	list_remove(&q->admin->queries, &q->node);
	buf_done(&q->body);
	free(q);
}

static void on_done(struct io_job *job) {
	struct admin_query *q = CONTAINER_OF(job, struct admin_query, job);
	if (q->err)
		admin_problem(q->x, q->err,
		              q->id[0] ? "there is no such item, or it cannot be read whole"
		                       : "the quarantine area cannot be listed");
	else
		admin_answer(q->x, 200, q->id[0] ? "application/x-ndjson" : "application/json",
		             buf_slice(&q->body));
	query_free(q);
}

static void query_start(struct admin *a, struct http_exchange *x, const char *dir,
                        struct slice id) {
	struct admin_query *q = calloc(1, sizeof(*q));
	if (!q) {
		admin_problem(x, ERR_NO_MEMORY, "no memory for this; try again later");
		return;
	}
	q->admin = a;
	q->x = x;
	q->dir = dir;
	if (id.len) memcpy(q->id, id.ptr, id.len);
	buf_init(&q->body, id.len ? ITEM_BODY_MAX : LIST_BODY_MAX);
	q->job.run = on_run;
	q->job.done = on_done;
	list_push_back(&a->queries, &q->node);
	io_lane_submit(a->lane, &q->job);
}

void admin_quarantine(struct admin *a, struct http_exchange *x, struct slice rest) {
	struct slice cell, id = {0};
	if (!http_path_next(&rest, &cell) || cell.len == 0) {
		admin_problem(x, ERR_NOT_FOUND, "the path is /admin/v1/quarantine/CELL[/ID]");
		return;
	}
	int i = policy_find_cell(a->options.policy, cell);
	if (i < 0 || !a->options.store_dirs[i]) {
		admin_problem(x, ERR_NOT_FOUND, "this region holds no copy of such a cell");
		return;
	}
	bool one = http_path_next(&rest, &id) && id.len > 0;
	if (one && !name_valid(id, sizeof(((struct admin_query *)0)->id) - 1))
		admin_problem(x, ERR_INVALID, "an item's name has letters, digits and '-' only");
	else if (one && !http_exchange_is_here(x))
		admin_problem(x, ERR_FORBIDDEN,
		              "values of tenants leave through this port only to the region's own "
		              "machine: run holdfast quarantine export there");
	else
		query_start(a, x, a->options.store_dirs[i], one ? id : slice_of(NULL, 0));
}

void admin_queries_end(struct admin *a) {
	while (!list_empty(&a->queries)) {
		struct admin_query *q =
			CONTAINER_OF(list_first(&a->queries), struct admin_query, node);
		admin_problem(q->x, ERR_UNAVAILABLE, "this region is shutting down");
		query_free(q);
	}
}
