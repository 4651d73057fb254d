/* Refusals in the words of the protocol: the same for data calls and for who asks for the
 * decision alone. */
#include "edge/edge_private.h"
#include "io/http_problem.h"
#include "policy/ask.h"

#include <stdio.h>

static void misdirected(const struct edge *e, const struct decision *d, struct denial *out) {
	const char *to = d->region >= 0 ? e->policy->regions[d->region].name : "";
	snprintf(out->text, sizeof(out->text),
	         "the tenant's residency class does not let region %s pass its requests on: send "
	         "them to region %s",
	         e->here_name, to);
	out->detail = out->text;
	if (d->region < 0) return;
	const struct node_address *at = &e->options.config->regions[d->region].http;
	snprintf(out->more, sizeof(out->more), "\"region\":\"%s\",\"endpoint\":\"%s:%u\"", to,
	         at->host, at->port);
	out->extra = out->more;
}

static void denied(const struct edge *e, const struct decision *d, struct denial *out) {
	if (d->rule < 0) return;
	const struct policy_rule *rule = &e->policy->rules[d->rule];
	if (*rule->reason) out->detail = rule->reason;
	struct buf more;
	buf_init(&more, sizeof(out->more) - 1);
	if (buf_append_str(&more, "\"rule\":") == ERR_OK &&
	    http_json_string(&more, slice_str(rule->name)) == ERR_OK) {
		struct slice s = buf_slice(&more);
		memcpy(out->more, s.ptr, s.len);
		out->more[s.len] = 0;
		out->extra = out->more;
	}
	buf_done(&more);
}

void denial_of(const struct edge *e, const struct decision *d, struct denial *out) {
	bool held = d->verdict == VERDICT_HOLD;
	out->code = held ? ERR_UNAVAILABLE : d->refusal;
	out->status = ask_status(e->policy, d);
	out->detail = held ? "the cell has no home now; try again in a moment"
	                   : "no region may serve this now";
	out->extra = NULL;
	out->region = -1;
	if (out->code == ERR_MISDIRECTED) {
		misdirected(e, d, out);
		out->region = d->region;
	} else if (out->code == ERR_FORBIDDEN) {
		out->detail = "a rule of the policy denies this";
		denied(e, d, out);
	}
}
