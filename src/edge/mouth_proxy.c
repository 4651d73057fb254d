/* Faces for proxies that ask before they pass a request on: nginx's auth_request, Envoy's
 * ext_authz over HTTP. Answers are in the head: neither reads a body of a permission. */
#include "edge/mouth.h"

/* Region, where its edge listens, why, and the decision's id. */
static void permitted(struct mouth *m) {
	const struct edge *e = m->edge;
	int region = m->decision.region;
	const struct http_header fields[] = {
		http_field("X-Region", slice_str(e->policy->regions[region].name)),
		http_field("X-Region-Upstream", slice_str(e->regions[region].upstream)),
		http_field("X-Region-Reason", slice_str(mouth_why(m))),
		http_field("X-Decision-Id", m->id),
	};
	http_respond(m->x, 200, fields, 4, slice_of(NULL, 0));
}

/* What both ask; `wire`: the status of a denial, 0: its own. */
static void answer(struct mouth *m, int wire) {
	mouth_decide(m);
	if (mouth_has_region(m)) {
		permitted(m);
		return;
	}
	struct denial d;
	denial_of(m->edge, &m->decision, &d);
	mouth_denied(m, &d, wire ? wire : d.status);
}

/* nginx takes 2xx, 401 and 403; whatever else we said would be a 500 to the client. */
void mouth_auth_request(struct mouth *m) {
	struct slice method = http1_header(m->head, FIELD_X_ORIGINAL_METHOD);
	struct slice target = http1_header(m->head, FIELD_X_ORIGINAL_URI);
	struct fault fault = {0};
	if (mouth_tenant(m, &fault) != ERR_OK) {
		struct denial d = {.code = fault.code == ERR_UNAUTHENTICATED ? fault.code
		                                                             : ERR_FORBIDDEN,
		                   .status = err_http_status(fault.code),
		                   .detail = fault.text,
		                   .region = -1};
		mouth_denied(m, &d, err_http_status(d.code));
		return;
	}
	ask_target(&m->ask, method.len ? method : m->head->method_text,
	           target.len ? target : SLICE_LIT("/"));
	answer(m, 403);
}

/* The path after ours is the client's; method, host and what other headers Envoy was told to send
 * are the client's too. */
void mouth_ext_authz(struct mouth *m) {
	static const size_t skip = sizeof("/v1/ext-authz") - 1;
	struct slice path = m->head->path;
	struct slice target = slice_of(path.ptr + skip, path.len - skip);
	struct fault fault = {0};
	if (mouth_tenant(m, &fault) != ERR_OK) {
		mouth_fault(m, &fault);
		return;
	}
	ask_target(&m->ask, m->head->method_text, target.len ? target : SLICE_LIT("/"));
	answer(m, 0);
}
