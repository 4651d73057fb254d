/* The blocking client: a loop of its own, one call at a time. */
#include "app/client.h"
#include "base/bytes.h"
#include "io/http_client.h"
#include "io/io.h"

#include <stdio.h>
#include <stdlib.h>

enum { CLIENT_FIELDS_MAX = 32, CLIENT_BODY_MAX = 64 << 20, ONCE_BYTES = 16 };
static const uint64_t AGAIN_NS = 50000000; /* pause before another round of tries */
static const uint64_t ONE_TRY_NS = 12000000000;

struct client {
	struct io *io;
	struct http_client *http;
	struct io_timer *timer;
	char *hosts[CLIENT_ENDPOINTS_MAX];
	uint16_t ports[CLIENT_ENDPOINTS_MAX];
	int count, last_good;
	char authorization[600];
	char token[80];
	char once[2 * ONCE_BYTES + 1]; /* Idempotency-Key of the request under way */
	uint64_t timeout_ns;
	/* the call under way */
	struct http_call call;
	struct client_answer *answer;
	enum err err;
	bool retry_safe;
};

static void on_timer(void *arg) {
	io_stop(((struct client *)arg)->io);
}

struct client *client_new(const struct client_options *o) {
	struct client *c = calloc(1, sizeof(*c));
	if (!c) return NULL;
	c->io = io_uv_new();
	struct http_client_options http = {.response_max_bytes = CLIENT_BODY_MAX,
	                                   .connect_timeout_ns = 1000000000};
	c->http = c->io ? http_client_new(c->io, &http) : NULL;
	c->timer = c->io ? io_timer_new(c->io, on_timer, c) : NULL;
	bool whole = c->http && c->timer;
	for (int i = 0; i < o->count && i < CLIENT_ENDPOINTS_MAX; i++) {
		c->hosts[i] = strdup(o->hosts[i]);
		c->ports[i] = o->ports[i];
		whole = whole && c->hosts[i];
		c->count = i + 1;
	}
	if (o->key) snprintf(c->authorization, sizeof(c->authorization), "Bearer %s", o->key);
	c->timeout_ns = (o->timeout_ms ? o->timeout_ms : 15000) * 1000000;
	if (whole) return c;
	client_free(c);
	return NULL;
}

void client_free(struct client *c) {
	if (!c) return;
	http_client_free(c->http);
	io_timer_free(c->timer);
	if (c->io) io_free(c->io);
	for (int i = 0; i < c->count; i++) free(c->hosts[i]);
	free(c);
}

static void keep_text(char *out, size_t cap, struct slice s) {
	snprintf(out, cap, SLICE_FMT, (int)(s.len < cap ? s.len : cap - 1),
	         (const char *)(s.ptr ? s.ptr : (const uint8_t *)""));
}

static void on_answer(struct http_call *call, enum err err, const struct http1_head *head,
                      struct slice body) {
	struct client *c = CONTAINER_OF(call, struct client, call);
	c->err = err;
	c->retry_safe = false;
	if (!err) {
		struct client_answer *a = c->answer;
		a->status = head->status;
		keep_text(a->etag, sizeof(a->etag), http1_header(head, FIELD_ETAG));
		keep_text(a->region, sizeof(a->region), http1_header(head, FIELD_HOLDFAST_REGION));
		keep_text(a->content_type, sizeof(a->content_type),
		          http1_header(head, FIELD_CONTENT_TYPE));
		struct slice token = http1_header(head, FIELD_HOLDFAST_TOKEN);
		if (token.len) keep_text(c->token, sizeof(c->token), token);
		for (int i = 0; i < head->header_count; i++)
			c->retry_safe |= slice_eq_nocase(head->headers[i].name,
			                                 SLICE_LIT("holdfast-retry")) &&
			                 slice_is(head->headers[i].value, "safe");
		buf_reset(&a->body);
		c->err = buf_append_slice(&a->body, body);
	}
	io_stop(c->io);
}

/* One request to one endpoint. */
static void try_once(struct client *c, const struct client_request *r, int endpoint,
                     uint64_t deadline_ns) {
	struct http_header fields[CLIENT_FIELDS_MAX];
	int n = 0;
	uint64_t now = io_now_ns(c->io);
	for (; n < r->field_count && n < CLIENT_FIELDS_MAX - 3; n++) fields[n] = r->fields[n];
	if (c->authorization[0])
		fields[n++] = (struct http_header){.name = SLICE_LIT("Authorization"),
		                                   .value = slice_str(c->authorization)};
	if (c->token[0])
		fields[n++] = (struct http_header){.name = SLICE_LIT("Holdfast-Token"),
		                                   .value = slice_str(c->token)};
	if (r->once)
		fields[n++] = (struct http_header){.name = SLICE_LIT("Idempotency-Key"),
		                                   .value = slice_str(c->once)};
	uint64_t left = now < deadline_ns ? deadline_ns - now : 1;
	c->call = (struct http_call){
		.host = c->hosts[endpoint],
		.port = c->ports[endpoint],
		.method = slice_str(r->method),
		.target = slice_str(r->target),
		.fields = fields,
		.field_count = n,
		.body = r->body,
		.timeout_ns = left < ONE_TRY_NS ? left : ONE_TRY_NS,
		.done = on_answer,
		.repeatable = r->repeatable,
	};
	http_call_start(c->http, &c->call);
	io_run(c->io);
	c->answer->tries++;
}

static void rest(struct client *c, uint64_t ns) {
	io_timer_start(c->timer, ns);
	io_run(c->io);
}

enum err client_send(struct client *c, const struct client_request *r, struct client_answer *a,
                     struct fault *fault) {
	memset(a, 0, sizeof(*a));
	buf_init(&a->body, CLIENT_BODY_MAX);
	c->answer = a;
	uint8_t random[ONCE_BYTES];
	io_random(c->io, random, sizeof(random));
	hex_encode(slice_of(random, sizeof(random)), c->once);
	uint64_t timeout_ns = r->timeout_ms ? r->timeout_ms * 1000000 : c->timeout_ns;
	uint64_t deadline = io_now_ns(c->io) + timeout_ns;
	int at = r->first >= 0 ? r->first : c->last_good;
	for (int tries = 1;; tries++) {
		try_once(c, r, at, deadline);
		if (c->err == ERR_OK && !c->retry_safe) {
			c->last_good = at;
			return ERR_OK;
		}
		bool again = c->err == ERR_OK || c->err == ERR_UNAVAILABLE ||
		             c->err == ERR_OVERLOADED || r->repeatable;
		if (!again || io_now_ns(c->io) + AGAIN_NS >= deadline || (r->only_first && c->err))
			break;
		if (!r->only_first) at = (at + 1) % c->count;
		if (tries % c->count == 0 || r->only_first) rest(c, AGAIN_NS);
	}
	if (c->err == ERR_OK) return ERR_OK; /* the last answer says why it would not */
	return fault_set(fault, c->err, "%s:%u: %s: is the region up? see holdfast status",
	                 c->hosts[at], c->ports[at], err_text(c->err));
}

uint64_t client_now_ms(const struct client *c) {
	return io_now_ns(c->io) / 1000000;
}

void client_answer_done(struct client_answer *a) {
	buf_done(&a->body);
}
