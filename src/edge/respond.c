/* Answers: every response of the edge leaves through here, once per request. */
#include "edge/edge_private.h"
#include "io/http_problem.h"

#include <stdio.h>

/* The request's memory goes with the exchange: what it owns elsewhere is let go first. */
static void finish(struct request *r, int status, const struct http_header *fields, int count,
                   struct slice body) {
	tx_done(r);
	if (r->held_since_ns)
		histogram_record_us(r->edge->held_time,
		                    (io_now_ns(r->edge->io) - r->held_since_ns) / 1000);
	http_respond(r->x, status, fields, count, body);
}

/* Where nothing happened: `safe`: it may be sent again at once, here or elsewhere; `later`: not
 * at once, since what is full is not helped by more. NULL: something may have happened, or the
 * answer would be the same. */
static const char *retry_advice(enum err code) {
	switch (code) {
	case ERR_NOT_HOME:
	case ERR_UNAVAILABLE:
	case ERR_FENCED:
	case ERR_LAGGING:
	case ERR_DEADLINE: return RETRY_SAFE;
	case ERR_OVERLOADED:
	case ERR_NO_SPACE: return "later";
	default: return NULL;
	}
}

static struct slice allowed_methods(const struct request *r) {
	return slice_is(r->head->path, "/v1/tx") ? SLICE_LIT("POST")
	       : r->key.len                      ? SLICE_LIT("GET, HEAD, PUT, DELETE")
	                                         : SLICE_LIT("GET, HEAD");
}

/* The token of a snapshot; made once per cell and position, since reads between two writes
 * all carry the same. */
static struct slice token_text(struct request *r, const struct position *at) {
	struct edge_cell *c = &r->edge->cells[r->cell];
	if (c->token_len == 0 || c->token_epoch != at->epoch || c->token_seq != at->seq) {
		struct token t = {c->name_hash, at->epoch, at->seq};
		c->token_len = token_encode(&t, r->edge->options.secret, c->token);
		c->token_epoch = at->epoch;
		c->token_seq = at->seq;
	}
	return slice_of(c->token, c->token_len);
}

/* The id by which `explain --id` finds why; once it was decided. */
static int decision_field(struct request *r, char id[RING_ID_MAX], struct http_header *out) {
	struct edge *e = r->edge;
	if (!r->decided) return 0;
	struct slice text = ring_add(&e->ring, &r->ask, &r->decision, e->world.version, id);
	*out = http_field("Holdfast-Decision", text);
	return 1;
}

static void problem(struct request *r, enum err code, int status, const char *detail,
                    const char *extra, const char *region, const struct position *at) {
	struct buf body;
	buf_init(&body, 8192);
	const char *retry = retry_advice(code);
	if (r->unknown && retry) {
		code = ERR_OUTCOME_UNKNOWN;
		status = err_http_status(code);
		retry = NULL;
		detail = "an attempt at this write ended without an answer and no later one got "
			 "through: "
			 "it may or may not have happened. It is safe to send it again as it is";
	}
	if (http_problem_render_as(&body, code, status, detail, extra) != ERR_OK) buf_reset(&body);
	struct http_header fields[8];
	char id[RING_ID_MAX];
	int n = 0;
	fields[n++] = http_field("Content-Type", SLICE_LIT(HTTP_PROBLEM_TYPE));
	fields[n++] = http_field("Holdfast-Region", slice_str(region));
	if (code == ERR_UNAUTHENTICATED)
		fields[n++] =
			http_field("WWW-Authenticate", SLICE_LIT("Bearer realm=\"holdfast\""));
	if (retry) {
		fields[n++] = http_field(RETRY_FIELD, slice_str(retry));
		fields[n++] = http_field("Retry-After", SLICE_LIT("1"));
	}
	if (code == ERR_METHOD) fields[n++] = http_field("Allow", allowed_methods(r));
	if (at) fields[n++] = http_field("Holdfast-Token", token_text(r, at));
	n += decision_field(r, id, &fields[n]);
	finish(r, status, fields, n, buf_slice(&body));
	buf_done(&body);
}

void respond_problem(struct request *r, enum err code, const char *detail) {
	problem(r, code, err_http_status(code), detail, NULL, r->edge->here_name, NULL);
}

void respond_absent(struct request *r, const struct position *at) {
	problem(r, ERR_NOT_FOUND, 404, "there is no such key", NULL, r->edge->here_name,
	        at->seq ? at : NULL);
}

void respond_refused(struct request *r) {
	struct denial d;
	denial_of(r->edge, &r->decision, &d);
	problem(r, d.code, d.status, d.detail, d.extra,
	        d.region >= 0 ? r->edge->policy->regions[d.region].name : r->edge->here_name, NULL);
}

static size_t put_decimal(char *out, uint64_t v) {
	char digits[20];
	size_t n = 0;
	do digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (size_t i = 0; i < n; i++) out[i] = digits[n - 1 - i];
	return n;
}

static struct slice etag_text(const struct entry *e, char out[48]) {
	size_t n = 0;
	out[n++] = '"';
	n += put_decimal(out + n, e->epoch);
	out[n++] = '-';
	n += put_decimal(out + n, e->seq);
	out[n++] = '"';
	return slice_of(out, n);
}

void respond(struct request *r, int status, const struct position *at, const struct entry *version,
             const char *content_type, struct slice body) {
	struct edge *e = r->edge;
	struct http_header fields[8];
	char etag[48], stale[24], id[RING_ID_MAX];
	int n = 0;
	if (content_type) fields[n++] = http_field("Content-Type", slice_str(content_type));
	if (version) fields[n++] = http_field("ETag", etag_text(version, etag));
	if (at && at->seq) fields[n++] = http_field("Holdfast-Token", token_text(r, at));
	fields[n++] = http_field("Holdfast-Region", slice_str(e->here_name));
	const struct world_cell *w = &e->world_cells[r->cell];
	int self = e->cells[r->cell].self_replica;
	if (!r->write && w->home != e->here && self >= 0 && w->lag_ms[self] != UINT32_MAX)
		fields[n++] = http_field("Holdfast-Staleness-Ms",
		                         slice_of(stale, put_decimal(stale, w->lag_ms[self])));
	if (r->write && r->proposal.replayed)
		fields[n++] = http_field("Holdfast-Replayed", SLICE_LIT("true"));
	n += decision_field(r, id, &fields[n]);
	finish(r, status, fields, n, body);
}

void respond_relay(struct request *r, const struct http1_head *head, struct slice body) {
	struct http_header fields[HTTP1_HEADERS_MAX + 1];
	char id[RING_ID_MAX];
	int n = 0;
	if (head->status < 200 || head->status > 599) {
		respond_problem(r, ERR_BAD_GATEWAY,
		                "the region asked gave a status that means nothing here");
		return;
	}
	for (int i = 0; i < head->header_count; i++) {
		const struct http_header *h = &head->headers[i];
		/* Why it came here is this edge's to tell. */
		if (h->id == FIELD_DATE || h->id == FIELD_HOLDFAST_DECISION) continue;
		if (!http1_header_forwards(head, h)) continue;
		fields[n++] = *h;
	}
	n += decision_field(r, id, &fields[n]);
	finish(r, head->status, fields, n, body);
}
