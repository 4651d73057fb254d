/* Private to edge/: who asks for the decision alone. The same decide() with the same facts
 * behind every face: nginx, Envoy, OpenFeature, plain JSON.
 *
 * A caller is a tenant, by its key, and asks about itself; or a proxy with one of the node's
 * decision_keys, which says for whom: X-Client-Authorization (what the client sent it), X-Tenant,
 * or where a body says it. Answers are given within the call: nothing is held here, since a proxy
 * has its own idea of time. */
#pragma once
#include "edge/edge_private.h"
#include "policy/ask.h"

struct mouth {
	struct edge *edge;
	struct http_exchange *x;
	const struct http1_head *head;
	struct identity caller;
	bool rehearsed; /* somebody wants to know what would be: not recorded */
	struct cel_net ip;
	struct decide_request ask;
	struct decision decision;
	struct slice id; /* of the decision, in id_text */
	char id_text[RING_ID_MAX];
};

/* Answers it, if its path is one of ours. */
bool mouth_takes(struct edge *e, struct http_exchange *x);
void mouth_metrics(struct edge *e, struct registry *r);

/* --- for the faces ------------------------------------------------------------------- */

/* The credential; ERR_UNAUTHENTICATED with fault. */
MUST enum err mouth_caller(struct mouth *m, struct fault *fault);
/* Sets ask.tenant from what a proxy says in headers, or to the caller; then what follows from the
 * tenant and the headers: consistency. */
MUST enum err mouth_tenant(struct mouth *m, struct fault *fault);
/* The same for a tenant by name: ERR_FORBIDDEN unless it is the caller or the caller may ask for any. */
MUST enum err mouth_tenant_named(struct mouth *m, struct slice name, struct fault *fault);
/* Whom a name means, within what the caller may ask. */
MUST enum err mouth_find(struct mouth *m, struct slice name, struct tenancy_found *out,
                         struct fault *fault);
void mouth_decide(struct mouth *m);
static inline bool mouth_has_region(const struct mouth *m) {
	return m->decision.verdict == VERDICT_HERE || m->decision.verdict == VERDICT_FORWARD;
}
/* Which reason chose the region or refused: "home", "rule-prefer", … */
const char *mouth_why(const struct mouth *m);
void mouth_fault(struct mouth *m, const struct fault *fault);
/* The decision is no region: its problem document, with `status` on the wire. */
void mouth_denied(struct mouth *m, const struct denial *d, int status);
void mouth_json(struct mouth *m, int status, struct slice body);

void mouth_auth_request(struct mouth *m);
void mouth_ext_authz(struct mouth *m);
void mouth_ofrep(struct mouth *m);
void mouth_decision(struct mouth *m);    /* /v1/decide */
void mouth_explanation(struct mouth *m); /* /v1/explain */
