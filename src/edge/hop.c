/* Between edges: what a request says of having been passed on. Anybody can send the header, so
 * an edge proves itself with a keyed hash that only nodes of this cluster can make; what an
 * unproven one says can only narrow what we do, never skip a rule.
 *
 *   Holdfast-Forwarded: us-east; proof=… */
#include "base/bytes.h"
#include "base/hash.h"
#include "edge/edge_private.h"

#include <stdio.h>

enum { PROOF_BYTES = 16 };

static void proof_make(struct slice secret, const char *region, struct edge_region *out) {
	const struct slice parts[] = {SLICE_LIT("passed on by "), slice_str(region)};
	uint8_t mac[SHA256_BYTES];
	char text[32];
	hmac_sha256(secret, parts, 2, mac);
	base64url_encode(slice_of(mac, PROOF_BYTES), text);
	snprintf(out->proof, sizeof(out->proof), "; proof=%s", text);
}

void hop_init(struct edge *e) {
	const struct node_config *c = e->options.config;
	for (int i = 0; i < e->policy->region_count; i++) {
		const struct node_address *at = &c->regions[i].http;
		bool v6 = strchr(at->host, ':') != NULL;
		snprintf(e->regions[i].upstream, sizeof(e->regions[i].upstream), "%s%s%s:%u",
		         v6 ? "[" : "", at->host, v6 ? "]" : "", at->port);
		proof_make(e->options.secret, e->policy->regions[i].name, &e->regions[i]);
	}
	snprintf(e->hop, sizeof(e->hop), "%s%s", e->here_name, e->regions[e->here].proof);
}

void hop_read(struct request *r) {
	struct slice text = http1_header(r->head, FIELD_HOLDFAST_FORWARDED);
	struct slice proof = text;
	struct slice name = slice_cut(&proof, ';');
	int region = policy_find_region(r->edge->policy, name);
	r->forwarded = text.len > 0;
	if (region < 0) return;
	struct slice known = slice_str(r->edge->regions[region].proof);
	r->proven = slice_eq_secret(slice_of(text.ptr + name.len, text.len - name.len), known);
}

struct slice hop_consistency(const struct request *r, char out[HOP_CONSISTENCY_MAX]) {
	static const char *const words[] = {
		[CONSISTENCY_STRONG] = "strong",
		[CONSISTENCY_SESSION] = "session",
		[CONSISTENCY_EVENTUAL] = "eventual",
	};
	if (r->consistency != CONSISTENCY_BOUNDED) return slice_str(words[r->consistency]);
	int n = snprintf(out, HOP_CONSISTENCY_MAX, "bounded=%ums", r->bounded_ms);
	return slice_of(out, (size_t)n);
}
