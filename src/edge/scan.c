/* GET /v1/data/{domain}?prefix=&limit=&cursor=: keys in order, with their values.
 *
 *   {"items":[{"key":"invoice/7","version":"3-120","value":"text"},
 *             {"key":"logo","version":"3-121","base64":"…"}],"cursor":"…"}
 *
 * A value that is UTF-8 is given as text, another one as base64url. `cursor` is there when more
 * keys follow. The answer is bounded in keys and in bytes. */
#include "base/bytes.h"
#include "base/parse.h"
#include "edge/edge_private.h"
#include "io/http_problem.h"

#include <stdlib.h>

enum { SCAN_BODY_MAX = 12 << 20, SCAN_BODY_STOP = 4 << 20, SCAN_WALK_MAX = 20000 };

struct scan {
	struct request *r;
	struct buf body;
	size_t prefix_len; /* of tenant NUL domain NUL */
	uint64_t items, walked;
	bool more;
	struct slice last; /* key of the last item, in last_mem */
	uint8_t last_mem[KEY_MAX_BYTES];
	enum err err;
};

enum err scan_read(struct request *r, struct fault *fault) {
	enum err e = request_full_key(r, r->domain, r->prefix, &r->full_key, fault);
	if (e || r->after.len == 0) return e;
	uint8_t *p = arena_alloc(http_exchange_arena(r->x), r->after.len);
	size_t len;
	if (!p || base64url_decode(r->after, p, r->after.len, &len) != ERR_OK)
		return fault_set(fault, ERR_INVALID, "cursor is not one that a scan gave");
	return request_full_key(r, r->domain, slice_of(p, len), &r->after, fault);
}

static enum err put_item(struct scan *s, struct slice key, const struct entry *e) {
	enum err err = buf_append_str(&s->body, s->items ? ",\n{\"key\":" : "\n{\"key\":");
	if (!err) err = http_json_string(&s->body, key);
	if (!err)
		err = buf_printf(&s->body, ",\"version\":\"%llu-%llu\",",
		                 (unsigned long long)e->epoch, (unsigned long long)e->seq);
	if (err) return err;
	if (utf8_valid(e->value)) {
		err = buf_append_str(&s->body, "\"value\":");
		if (!err) err = http_json_string(&s->body, e->value);
	} else {
		uint8_t *p;
		err = buf_append_str(&s->body, "\"base64\":\"");
		if (!err) err = buf_reserve(&s->body, e->value.len * 4 / 3 + 4, &p);
		if (!err) buf_commit(&s->body, base64url_encode(e->value, (char *)p));
		if (!err) err = buf_append_str(&s->body, "\"");
	}
	return err ? err : buf_append_str(&s->body, "}");
}

static bool each(void *arg, struct slice key, const struct entry *e) {
	struct scan *s = arg;
	/* Expired ones cost time but give nothing: a walk over many is cut, the cursor goes on. */
	if (s->items >= s->r->limit || s->body.len > SCAN_BODY_STOP ||
	    ++s->walked > SCAN_WALK_MAX) {
		s->more = true;
		return false;
	}
	struct slice name = slice_of(key.ptr + s->prefix_len, key.len - s->prefix_len);
	memcpy(s->last_mem, name.ptr, name.len);
	s->last = slice_of(s->last_mem, name.len);
	if (!entry_live(s->r, e)) return true;
	s->err = put_item(s, name, e);
	s->items++;
	return s->err == ERR_OK;
}

static enum err put_tail(struct scan *s) {
	enum err e = buf_append_str(&s->body, "\n]");
	if (!e && s->more) {
		char cursor[KEY_MAX_BYTES * 2];
		size_t n = base64url_encode(s->last, cursor);
		e = buf_printf(&s->body, ",\"cursor\":\"%.*s\"", (int)n, cursor);
	}
	return e ? e : buf_append_str(&s->body, "}\n");
}

void scan_serve(struct request *r) {
	struct edge *e = r->edge;
	if (!read_ready(r)) return;
	metric_inc(e->reads);
	const char *tenant = e->policy->tenants[r->tenant].name;
	struct scan *s = calloc(1, sizeof(*s));
	if (!s) {
		respond_problem(r, ERR_NO_MEMORY, "no memory for this scan; try again later");
		return;
	}
	s->r = r;
	s->prefix_len = strlen(tenant) + r->domain.len + 2;
	buf_init(&s->body, SCAN_BODY_MAX);
	struct store_scan walk = {.prefix = r->full_key, .after = r->after, .each = each, .arg = s};
	struct position at;
	enum err err = buf_append_str(&s->body, "{\"items\":[");
	if (!err)
		err = host_store(e->options.host, r->cell)
		              ->ops->scan(e->cells[r->cell].reader, &walk, &at);
	if (!err) err = s->err;
	if (!err) err = put_tail(s);
	if (!err && r->consistency == CONSISTENCY_STRONG && !read_still_home(r))
		route_again(r, ERR_NOT_HOME,
		            "this region lost its lease on the cell while it read");
	else if (err == ERR_UNAVAILABLE)
		route_again(r, err, "this region's copy is being rebuilt");
	else if (err)
		respond_problem(r, err,
		                "the scan could not be finished; ask for fewer keys with limit=");
	else
		respond(r, 200, &at, NULL, "application/json", buf_slice(&s->body));
	buf_done(&s->body);
	free(s);
}
