/* GET /v1/data/{domain}?prefix=&limit=&cursor=: keys in order, with their values.
 *
 *   {"items":[{"key":"invoice/7","version":"3-120","value":"text"},
 *             {"key":"logo","version":"3-121","base64":"…"}],"cursor":"…"}
 *
 * A value that is UTF-8 is given as text, another one (and one of mostly control characters) as
 * base64url. `cursor` is there when more keys follow. The answer is bounded in keys and bytes. */
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

/* Text, unless escaping would more than double it: then a large value would not fit. */
static enum err put_text(struct buf *out, struct slice value) {
	enum err err = buf_append_str(out, "\"value\":");
	size_t before = out->len;
	if (!err) err = http_json_string(out, value);
	return !err && out->len - before > 2 * value.len + 64 ? ERR_TOO_LARGE : err;
}

static enum err put_base64(struct buf *out, struct slice value) {
	uint8_t *p;
	enum err err = buf_append_str(out, "\"base64\":\"");
	if (!err) err = buf_reserve(out, value.len * 4 / 3 + 4, &p);
	if (!err) buf_commit(out, base64url_encode(value, (char *)p));
	return err ? err : buf_append_str(out, "\"");
}

static enum err put_item(struct scan *s, struct slice key, const struct entry *e) {
	enum err err = buf_append_str(&s->body, s->items ? ",\n{\"key\":" : "\n{\"key\":");
	if (!err) err = http_json_string(&s->body, key);
	if (!err)
		err = buf_printf(&s->body, ",\"version\":\"%llu-%llu\",",
		                 (unsigned long long)e->epoch, (unsigned long long)e->seq);
	if (err) return err;
	size_t before = s->body.len;
	err = utf8_valid(e->value) ? put_text(&s->body, e->value) : ERR_TOO_LARGE;
	if (err == ERR_TOO_LARGE) {
		buf_truncate(&s->body, before);
		err = put_base64(&s->body, e->value);
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

enum err scan_page(struct request *r, enum err (*walk)(void *arg, const struct store_scan *scan),
                   void *arg, struct buf *body) {
	const char *tenant = r->tenant->name;
	struct scan *s = calloc(1, sizeof(*s));
	if (!s) return ERR_NO_MEMORY;
	s->r = r;
	s->prefix_len = strlen(tenant) + r->domain.len + 2;
	buf_init(&s->body, SCAN_BODY_MAX);
	struct store_scan scan = {.prefix = r->full_key, .after = r->after, .each = each, .arg = s};
	enum err err = buf_append_str(&s->body, "{\"items\":[");
	if (!err) err = walk(arg, &scan);
	if (!err) err = s->err;
	if (!err) err = put_tail(s);
	*body = s->body;
	free(s);
	return err;
}

struct scan_here {
	struct request *r;
	struct position at;
};

static enum err walk_here(void *arg, const struct store_scan *scan) {
	struct scan_here *h = arg;
	struct edge *e = h->r->edge;
	return host_store(e->options.host, h->r->cell)
	        ->ops->scan(e->cells[h->r->cell].reader, scan, &h->at);
}

void scan_serve(struct request *r) {
	struct scan_here here = {.r = r};
	struct buf body;
	if (!read_ready(r)) return;
	metric_inc(r->edge->reads);
	buf_init(&body, SCAN_BODY_MAX);
	enum err err = scan_page(r, walk_here, &here, &body);
	if (err == ERR_UNAVAILABLE)
		forward_home(r); /* this copy is being rebuilt */
	else if (err)
		respond_problem(r, err,
		                "the scan could not be finished; ask for fewer keys with limit=");
	else if (read_holds(r, &here.at))
		respond(r, 200, &here.at, NULL, "application/json", buf_slice(&body));
	buf_done(&body);
}
