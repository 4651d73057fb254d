/* Decisions with their circumstances, as JSON. */
#include "edge/told.h"

#include "base/bytes.h"
#include "edge/edge_private.h"
#include "io/http_problem.h"
#include "policy/decide_json.h"

enum err told_begin(const struct policy *p, struct slice id, uint64_t world_version,
                    struct buf *out) {
	char hash[17];
	hex_encode(slice_of(p->hash, 8), hash);
	return buf_printf(out, "{\"id\":\"" SLICE_FMT "\",\"policy\":\"%s\",\"world\":%llu",
	                  SLICE_ARG(id), hash, (unsigned long long)world_version);
}

/* What is not known is left out. */
static enum err put_text(struct buf *out, const char *name, struct slice text) {
	if (text.len == 0) return ERR_OK;
	enum err e = buf_printf(out, ",\"%s\":", name);
	return e ? e : http_json_string(out, text);
}

static enum err put_client(const struct decide_client *c, struct buf *out) {
	char ip[CLIENT_TEXT_MAX] = "";
	if (c->ip) client_print(c->ip, ip);
	enum err e = buf_printf(out, ",\"client\":{\"ip\":%s%s%s", c->ip ? "\"" : "",
	                        c->ip ? ip : "null", c->ip ? "\"" : "");
	if (!e) e = put_text(out, "country", c->country);
	return e ? e : buf_append_str(out, "}");
}

static enum err put_request(const struct policy *p, const struct ring_entry *entry,
                            struct buf *out) {
	const struct decide_request *r = &entry->request;
	const char *tenant = *entry->tenant ? entry->tenant : p->tenants[r->tenant].name;
	enum err e = buf_printf(out,
	                        ",\"request\":{\"tenant\":\"%s\",\"region\":\"%s\",\"write\":%s,"
	                        "\"forwarded\":%s,\"consistency\":\"%s\",\"size\":%llu",
	                        tenant, p->regions[r->here].name,
	                        r->write ? "true" : "false", r->forwarded ? "true" : "false",
	                        consistency_print(r->consistency, r->bounded_ms).text,
	                        (unsigned long long)r->body_bytes);
	if (!e) e = put_text(out, "domain", r->domain);
	if (!e) e = put_text(out, "method", r->method);
	if (!e) e = put_text(out, "path", r->path);
	if (!e) e = put_text(out, "host", r->host);
	if (!e) e = put_client(&r->client, out);
	return e ? e : buf_printf(out, "},\"time_ms\":%llu", (unsigned long long)r->time_ms);
}

enum err told_entry(struct slice id, const struct ring_entry *entry, struct buf *out) {
	const struct policy *p = entry->policy;
	enum err e = told_begin(p, id, entry->world_version, out);
	if (!e) e = put_request(p, entry, out);
	if (!e) e = buf_append_str(out, ",\"decision\":");
	if (!e) e = decision_json(p, &entry->decision, true, out);
	return e ? e : buf_append_str(out, "}\n");
}

/* --- asked from other threads ----------------------------------------------------------- */

static void on_done(struct io_post *post) {
	struct edge_query *q = CONTAINER_OF(post, struct edge_query, post);
	q->done(q);
}

static void on_query(struct io_post *post) {
	struct edge_query *q = CONTAINER_OF(post, struct edge_query, post);
	struct edge *e = q->edge;
	const struct ring_entry *entry = ring_find(&e->ring, slice_str(q->id));
	q->err = entry ? told_entry(slice_str(q->id), entry, &q->body) : ERR_NOT_FOUND;
	q->post.fn = on_done;
	io_post(q->reply_to, &q->post);
}

void edge_decision(struct edge *e, struct edge_query *q) {
	q->edge = e;
	q->post.fn = on_query;
	io_post(e->io, &q->post);
}
