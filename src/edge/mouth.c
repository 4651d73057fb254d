/* What all faces of the decision share: who asks, about whom, deciding, refusing. */
#include "edge/mouth.h"
#include "base/assert.h"
#include "io/http_problem.h"

#include <stdio.h>

static const struct face {
	const char *path, *name;
	bool prefix; /* more may follow */
	bool posted; /* POST only */
	void (*serve)(struct mouth *m);
} faces[MOUTH_COUNT] = {
	[MOUTH_DECIDE] = {"/v1/decide", "decide", .posted = true, .serve = mouth_decision},
	[MOUTH_EXPLAIN] = {"/v1/explain", "explain", .posted = true, .serve = mouth_explanation},
	[MOUTH_AUTH_REQUEST] = {"/v1/auth-request", "auth-request", .serve = mouth_auth_request},
	[MOUTH_EXT_AUTHZ] = {"/v1/ext-authz", "ext-authz", .prefix = true,
                             .serve = mouth_ext_authz},
	[MOUTH_OFREP] = {"/ofrep/v1/evaluate/flags", "ofrep", .prefix = true, .posted = true,
                         .serve = mouth_ofrep},
};

/* --- who and whom --------------------------------------------------------------------- */

enum err mouth_caller(struct mouth *m, struct fault *fault) {
	const struct node_config *c = m->edge->options.config;
	const char *detail = NULL;
	enum err e = identity_find_any(
		&m->edge->options.tenancy, m->edge->policy, c->decision_keys, c->decision_key_count,
		http1_header(m->head, FIELD_AUTHORIZATION), http_exchange_memo(m->x),
		http_exchange_arena(m->x), &m->caller, &detail);
	return e ? fault_set(fault, e, "%s", detail) : ERR_OK;
}

/* The tenant is known: what it has as defaults, unless the request says otherwise. */
static enum err about(struct mouth *m, const struct tenancy_found *who, struct fault *fault) {
	const struct policy_tenant *t = who->tenant;
	struct slice text = http1_header(m->head, FIELD_HOLDFAST_CONSISTENCY);
	uint64_t bounded_ms = t->bounded_ms;
	m->ask.tenant = who->index;
	m->ask.who = who->tenant;
	m->ask.consistency = t->consistency;
	if (text.len && consistency_parse(text, &m->ask.consistency, &bounded_ms) != ERR_OK)
		return fault_set(fault, ERR_INVALID,
		                 "Holdfast-Consistency must be strong, session, bounded=DURATION "
		                 "(1ms to 1d, such as bounded=500ms) or eventual");
	m->ask.bounded_ms = (uint32_t)bounded_ms;
	return ERR_OK;
}

static enum err client_tenant(struct mouth *m, struct slice authorization, struct identity *id,
                              struct fault *fault) {
	struct identity_memo memo = {0}; /* the connection's has the proxy's own key */
	const char *detail = NULL;
	enum err e = identity_find(&m->edge->options.tenancy, m->edge->policy, authorization, &memo,
	                           http_exchange_arena(m->x), id, &detail);
	return e ? fault_set(fault, e, "X-Client-Authorization: %s", detail) : ERR_OK;
}

enum err mouth_find(struct mouth *m, struct slice name, struct tenancy_found *out,
                    struct fault *fault) {
	enum err e = ERR_OK;
	*out = m->caller.who;
	/* To a tenant, all others are the same: those that exist and those that do not. */
	if (!m->caller.any && !slice_is(name, m->caller.who.tenant->name))
		return fault_set(fault, ERR_FORBIDDEN,
		                 "this key asks for its own tenant only; a proxy needs a key among "
		                 "the node's decision_keys");
	if (m->caller.any)
		e = tenancy_find(&m->edge->options.tenancy, m->edge->policy, name,
		                 http_exchange_arena(m->x), out);
	if (e == ERR_NOT_FOUND) return fault_set(fault, e, "there is no such tenant");
	return e ? fault_set(fault, e, "this region does not know all tenants yet") : ERR_OK;
}

enum err mouth_tenant_named(struct mouth *m, struct slice name, struct fault *fault) {
	struct tenancy_found who;
	enum err e = mouth_find(m, name, &who, fault);
	return e ? e : about(m, &who, fault);
}

enum err mouth_tenant(struct mouth *m, struct fault *fault) {
	if (!m->caller.any) return about(m, &m->caller.who, fault);
	struct slice client = http1_header(m->head, FIELD_X_CLIENT_AUTHORIZATION);
	struct slice name = http1_header(m->head, FIELD_X_TENANT);
	if (client.len) {
		struct identity id;
		enum err e = client_tenant(m, client, &id, fault);
		return e ? e : about(m, &id.who, fault);
	}
	if (name.len) return mouth_tenant_named(m, name, fault);
	return fault_set(fault, ERR_UNAUTHENTICATED,
	                 "this key may ask about any tenant: say which in X-Tenant, or pass the "
	                 "client's Authorization on as X-Client-Authorization");
}

/* --- what ------------------------------------------------------------------------------- */

void mouth_decide(struct mouth *m) {
	struct edge *e = m->edge;
	world_decide(e, &m->ask, &m->decision);
	if (!m->rehearsed) tape_add(e->tape, &e->world, &m->ask, &m->decision);
	m->id = ring_add(&e->ring, e->policy, &m->ask, &m->decision, e->world.version, m->id_text);
}

/* Reasons that choose a region, rather than drop another. */
static bool chooses(enum reason r) {
	switch (r) {
	case REASON_HOME:
	case REASON_LOCAL_COPY:
	case REASON_PREFERENCE:
	case REASON_SIGNAL_OLD:
	case REASON_MAINTENANCE:
	case REASON_RULE_PREFER:
	case REASON_RULE_WEIGHT: return true;
	default: return false;
	}
}

const char *mouth_why(const struct mouth *m) {
	const struct decision *d = &m->decision;
	if (!mouth_has_region(m) && d->reason_count)
		return reason_name((enum reason)d->reasons[d->reason_count - 1].reason);
	for (int i = d->reason_count - 1; i >= 0; i--) {
		enum reason r = (enum reason)d->reasons[i].reason;
		if (d->reasons[i].region == d->region && chooses(r)) return reason_name(r);
	}
	return "succession";
}

/* --- answers ------------------------------------------------------------------------------- */

static void problem(struct mouth *m, enum err code, int status, const char *detail,
                    const char *extra, struct http_header *fields, int n) {
	struct buf body;
	buf_init(&body, 8192);
	if (http_problem_render_as(&body, code, status, detail, extra) != ERR_OK) buf_reset(&body);
	fields[n++] = http_field("Content-Type", SLICE_LIT(HTTP_PROBLEM_TYPE));
	if (code == ERR_UNAUTHENTICATED)
		fields[n++] =
			http_field("WWW-Authenticate", SLICE_LIT("Bearer realm=\"holdfast\""));
	if (code == ERR_METHOD) fields[n++] = http_field("Allow", SLICE_LIT("POST"));
	http_respond(m->x, status, fields, n, buf_slice(&body));
	buf_done(&body);
}

void mouth_fault(struct mouth *m, const struct fault *fault) {
	struct http_header fields[4];
	problem(m, fault->code, err_http_status(fault->code), fault->text, NULL, fields, 0);
}

void mouth_denied(struct mouth *m, const struct denial *d, int status) {
	struct http_header fields[10];
	char real[12];
	int n = 0;
	fields[n++] = http_field("X-Decision-Id", m->id);
	fields[n++] = http_field("X-Region-Reason", slice_str(mouth_why(m)));
	fields[n++] =
		http_field("X-Deny-Status",
	                   slice_of(real, (size_t)snprintf(real, sizeof(real), "%d", d->status)));
	if (d->region >= 0)
		fields[n++] =
			http_field("X-Region", slice_str(m->edge->policy->regions[d->region].name));
	if (d->code == ERR_UNAVAILABLE) fields[n++] = http_field("Retry-After", SLICE_LIT("1"));
	problem(m, d->code, status, d->detail, d->extra, fields, n);
}

void mouth_json(struct mouth *m, int status, struct slice body) {
	struct http_header type = http_field("Content-Type", SLICE_LIT("application/json"));
	http_respond(m->x, status, &type, 1, body);
}

/* --- taking it in ---------------------------------------------------------------------------- */

static const struct face *face_of(struct slice path) {
	for (int i = 0; i < MOUTH_COUNT; i++) {
		struct slice own = slice_str(faces[i].path);
		if (!slice_starts(path, own)) continue;
		if (path.len == own.len || (faces[i].prefix && path.ptr[own.len] == '/'))
			return &faces[i];
	}
	return NULL;
}

static void serve(struct mouth *m, const struct face *face) {
	struct fault fault = {0};
	if (face->posted && m->head->method != METHOD_POST)
		fault_set(&fault, ERR_METHOD, "%s takes POST", face->path);
	else if (mouth_caller(m, &fault) == ERR_OK)
		face->serve(m);
	if (fault.code) mouth_fault(m, &fault);
}

bool mouth_takes(struct edge *e, struct http_exchange *x) {
	const struct http1_head *head = http_exchange_head(x);
	if (slice_starts(head->path, SLICE_LIT("/v1/data/"))) return false; /* most are */
	const struct face *face = face_of(head->path);
	if (!face) return false;
	metric_inc(e->asked[face - faces]);
	struct mouth *m = arena_alloc(http_exchange_arena(x), sizeof(*m));
	if (!m) {
		http_respond(x, 503, NULL, 0, slice_of(NULL, 0));
		return true;
	}
	m->edge = e;
	m->x = x;
	m->head = head;
	facts_read(e, x, &m->ip, &m->ask);
	serve(m, face);
	return true;
}

void mouth_metrics(struct edge *e, struct registry *r) {
	for (int i = 0; i < MOUTH_COUNT; i++) {
		char labels[40];
		snprintf(labels, sizeof(labels), "face=\"%s\"", faces[i].name);
		e->asked[i] = metric_counter(r, "holdfast_edge_asked_total",
		                             "Requests for a decision alone.", labels);
	}
}
