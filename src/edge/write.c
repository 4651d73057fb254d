/* PUT and DELETE of one key, and what all writes share: idempotency, proposing, and what
 * an outcome means for the client. */
#include "base/bytes.h"
#include "base/hash.h"
#include "edge/edge_private.h"

#include <stdio.h>

static const uint64_t IDEMPOTENCY_MS = 24ull * 3600 * 1000;
static const uint64_t HOP_KEY_MS = 120000; /* longer than any edge repeats a request */
enum { IDEMPOTENCY_KEY_MAX = 128, HOP_KEY_BYTES = 16 };
#define HOP_KEY "hop-"

/* What must be equal for two requests with one key to be the same request. */
static void fingerprint(struct request *r, uint8_t out[SHA256_BYTES]) {
	const struct http1_head *h = r->head;
	struct slice nul = slice_of("", 1);
	struct slice parts[] = {h->method_text,
	                        nul,
	                        h->path,
	                        nul,
	                        http1_header(h, FIELD_IF_MATCH),
	                        nul,
	                        http1_header(h, FIELD_IF_NONE_MATCH),
	                        nul,
	                        http1_header(h, FIELD_HOLDFAST_TTL),
	                        nul,
	                        http_exchange_body(r->x)};
	sha256(parts, sizeof(parts) / sizeof(parts[0]), out);
}

static enum err key_take(struct request *r, struct slice key, uint64_t keep_ms,
                         struct fault *fault) {
	enum err e = request_full_key(r, slice_of(NULL, 0), key, &r->proposal.idem_key, fault);
	if (e) return e;
	fingerprint(r, r->proposal.fingerprint);
	r->proposal.idem_expires_ms = io_wall_ms(r->edge->io) + keep_ms;
	r->repeatable = true;
	return ERR_OK;
}

/* Without a key nothing that may have happened is done again, though PUT and DELETE are idempotent
 * (RFC 9110 9.2.2): the second time would undo what others wrote and were told in between. */
enum err write_idempotency(struct request *r, struct fault *fault) {
	struct slice key = http1_header(r->head, FIELD_IDEMPOTENCY_KEY);
	r->repeatable = false;
	if (key.len == 0) return ERR_OK;
	if (key.len > IDEMPOTENCY_KEY_MAX)
		return fault_set(fault, ERR_INVALID, "Idempotency-Key is longer than %d bytes",
		                 IDEMPOTENCY_KEY_MAX);
	bool of_edge = r->proven && slice_starts(key, SLICE_LIT(HOP_KEY));
	return key_take(r, key, of_edge ? HOP_KEY_MS : IDEMPOTENCY_MS, fault);
}

/* What leaves this edge may be answered by nobody, and is then sent again, maybe to another home,
 * or done here: a key of our own makes it one write. */
bool write_key_make(struct request *r) {
	struct fault unused;
	uint8_t id[HOP_KEY_BYTES];
	char text[sizeof HOP_KEY + (HOP_KEY_BYTES * 4 + 2) / 3] = HOP_KEY;
	io_random(r->edge->io, id, sizeof id);
	base64url_encode(slice_of(id, sizeof id), text + sizeof HOP_KEY - 1);
	char *key = arena_strdup(http_exchange_arena(r->x), slice_str(text));
	if (!key) return false;
	r->hop_key = slice_str(key);
	return key_take(r, r->hop_key, HOP_KEY_MS, &unused) == ERR_OK;
}

static void precondition_problem(struct request *r) {
	char detail[120];
	int i = r->proposal.failed_condition;
	if (i >= 0)
		snprintf(detail, sizeof(detail),
		         "condition %d does not hold: the key has another version, or is or is not "
		         "there",
		         i + 1);
	else
		snprintf(detail, sizeof(detail), "a bounded add would leave its bounds");
	respond_problem(r, ERR_PRECONDITION, detail);
}

static void on_proposed(struct proposal *p) {
	struct request *r = CONTAINER_OF(p, struct request, proposal);
	enum err err = p->err;
	bool closing = atomic_load(&r->edge->closing);
	if (err == ERR_OK) {
		struct position at = {.epoch = p->epoch, .seq = p->seq};
		struct entry version = {.epoch = p->epoch, .seq = p->seq};
		if (r->json)
			tx_respond(r);
		else
			respond(r, 204, &at, &version, NULL, slice_of(NULL, 0));
	} else if (err == ERR_PRECONDITION) {
		precondition_problem(r);
	} else if (err == ERR_INVALID) {
		respond_problem(r, err,
		                "an add names a key whose value is no decimal integer of 64 bits");
	} else if (err == ERR_IDEMPOTENCY) {
		respond_problem(
			r, err,
			"this Idempotency-Key was used for another request in the last day");
	} else if ((err == ERR_NOT_HOME || err == ERR_FENCED) && !closing) {
		route_again(r, err, "the cell changed its home; nothing happened, try again");
	} else if (err == ERR_LAGGING && !closing) {
		route_again(r, err,
		            "the copies are further behind than the cell's max_lag allows, so no "
		            "write is taken; nothing happened, try again");
	} else if (err == ERR_OUTCOME_UNKNOWN && r->repeatable && !closing) {
		r->unknown = true;
		route_again(r, err, "the cell changed its home while this was written");
	} else if (err == ERR_OUTCOME_UNKNOWN) {
		respond_problem(
			r, err,
			"the cell changed its home while this was written: it may or may not have "
			"happened. Read to find out; an Idempotency-Key makes a repeat safe");
	} else if (err == ERR_NO_SPACE) {
		respond_problem(r, err,
		                "the disk of the home region is full; reads go on. Free some room");
	} else {
		respond_problem(r, err, NULL);
	}
}

void write_propose(struct request *r) {
	struct proposal *p = &r->proposal;
	metric_inc(r->edge->writes);
	p->deadline_ns = r->deadline_ns;
	p->done = on_proposed;
	host_propose(r->edge->options.host, r->cell, p, r->edge->io);
}

/* RFC 9110 5.3: two lines of one name are one list; the second must not be lost in silence. */
static bool is_repeated(const struct http1_head *h, enum http_field id) {
	int n = 0;
	for (int i = 0; i < h->header_count; i++) n += h->headers[i].id == id;
	return n > 1;
}

/* If-Match: one version or *; If-None-Match: * only. */
static enum err conditions(struct request *r, struct condition *c, const char **why) {
	struct slice match = http1_header(r->head, FIELD_IF_MATCH);
	struct slice none = http1_header(r->head, FIELD_IF_NONE_MATCH);
	r->proposal.conditions = c;
	r->proposal.condition_count = 0;
	if (match.len) {
		c->key = r->full_key;
		c->kind = slice_is(match, "*") ? CONDITION_EXISTS : CONDITION_VERSION;
		*why = "If-Match takes one ETag as this service gave it, or *";
		if (is_repeated(r->head, FIELD_IF_MATCH)) return ERR_INVALID;
		if (c->kind == CONDITION_VERSION &&
		    version_parse(match, &c->epoch, &c->seq) != ERR_OK)
			return ERR_INVALID;
		c++;
		r->proposal.condition_count++;
	}
	if (none.len) {
		*why = "If-None-Match takes * on a write: only if the key is not there";
		if (!slice_is(none, "*") || is_repeated(r->head, FIELD_IF_NONE_MATCH))
			return ERR_INVALID;
		c->key = r->full_key;
		c->kind = CONDITION_ABSENT;
		r->proposal.condition_count++;
	}
	return ERR_OK;
}

void write_serve(struct request *r) {
	struct arena *a = http_exchange_arena(r->x);
	if (!r->ops) r->ops = arena_alloc(a, sizeof(*r->ops));
	if (!r->conditions) r->conditions = arena_alloc(a, 2 * sizeof(*r->conditions));
	if (!r->ops || !r->conditions) {
		respond_problem(r, ERR_NO_MEMORY, "no memory for this request; try again later");
		return;
	}
	const char *why;
	if (conditions(r, r->conditions, &why) != ERR_OK) {
		respond_problem(r, ERR_INVALID, why);
		return;
	}
	bool put = r->head->method == METHOD_PUT;
	struct slice body = http_exchange_body(r->x);
	if (body.len > VALUE_MAX_BYTES) {
		respond_problem(r, ERR_TOO_LARGE, "a value may have 4 MiB at most");
		return;
	}
	*r->ops = (struct op){
		.type = put ? OP_PUT : OP_DELETE,
		.key = r->full_key,
		.value = put ? body : slice_of(NULL, 0),
		.expires_ms = put && r->ttl_ms ? io_wall_ms(r->edge->io) + r->ttl_ms : 0,
	};
	r->proposal.ops = r->ops;
	r->proposal.op_count = 1;
	write_propose(r);
}
