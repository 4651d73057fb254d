/* include/holdfast/decide.h: policy, request and decision in C's own types. No step of the decision
 * is here. */
#include "policy/embed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "policy/ask.h"
#include "policy/client.h"
#include "policy/flags.h"

enum { EMBED_HEADERS_MAX = 64, EMBED_TEXT_MAX = 1 << 20 };

struct holdfast_policy {
	struct policy *policy;
	char hash[65];
};

_Static_assert(sizeof(struct decision) <= HOLDFAST_DECISION_BYTES, "room for a decision");

const struct policy *embed_policy(const struct holdfast_policy *p) {
	return p->policy;
}

/* --- policy -------------------------------------------------------------------------------- */

struct listener {
	void (*say)(void *arg, const char *mistake);
	const void *(*zone)(void *arg, const char *name, size_t *bytes);
	void *arg;
};

static void say(void *arg, const struct policy_error *e) {
	const struct listener *l = arg;
	char text[600];
	if (!l->say) return;
	snprintf(text, sizeof text, "%s:%d:%d: %s", e->file, e->line, e->column, e->text);
	l->say(l->arg, text);
}

struct holdfast_policy *holdfast_policy_load(const char *yaml, size_t bytes, const char *file,
                                             void (*on_mistake)(void *arg, const char *mistake),
                                             void *arg) {
	return holdfast_policy_load_zoned(yaml, bytes, file, NULL, on_mistake, arg);
}

static enum err read_zone(void *arg, const char *name, struct buf *tzif) {
	const struct listener *l = arg;
	size_t bytes = 0;
	const void *content = l->zone(l->arg, name, &bytes);
	return content ? buf_append(tzif, content, bytes) : ERR_NOT_FOUND;
}

struct holdfast_policy *
holdfast_policy_load_zoned(const char *yaml, size_t bytes, const char *file,
                           const void *(*zone)(void *arg, const char *name, size_t *bytes),
                           void (*on_mistake)(void *arg, const char *mistake), void *arg) {
	struct listener listener = {on_mistake, zone, arg};
	const struct policy_zones zones = {.read = read_zone, .arg = &listener};
	struct holdfast_policy *p = calloc(1, sizeof *p);
	if (!p) return NULL;
	if (policy_load_zoned(slice_of(yaml, bytes), file, zone ? &zones : NULL, say, &listener,
	                      &p->policy) != ERR_OK) {
		free(p);
		return NULL;
	}
	hex_encode(slice_of(p->policy->hash, sizeof p->policy->hash), p->hash);
	return p;
}

void holdfast_policy_free(struct holdfast_policy *p) {
	if (!p) return;
	policy_free(p->policy);
	free(p);
}

const char *holdfast_policy_hash(const struct holdfast_policy *p) {
	return p->hash;
}

/* --- deciding ------------------------------------------------------------------------------- */

static enum holdfast_error read_consistency(const struct policy *p,
                                            const struct holdfast_request *r,
                                            struct decide_request *ask) {
	const struct policy_tenant *t = &p->tenants[ask->tenant];
	uint64_t bounded_ms = t->bounded_ms;
	ask->consistency = t->consistency;
	if (r->consistency &&
	    consistency_parse(slice_str(r->consistency), &ask->consistency, &bounded_ms) != ERR_OK)
		return HOLDFAST_BAD_REQUEST;
	ask->bounded_ms = (uint32_t)bounded_ms;
	return HOLDFAST_OK;
}

/* The rest stays as it was: texts and numbers that need no reading. */
static void read_texts(const struct holdfast_request *r, struct decide_request *ask) {
	ask_target(ask, slice_str(r->method ? r->method : "GET"), slice_str(r->path));
	if (r->domain) ask->domain = slice_str(r->domain);
	ask->host = slice_str(r->host);
	ask->body_bytes = r->body_bytes;
	ask->time_ms = r->time_ms;
	ask->client.country = slice_str(r->country);
	ask->sticky = slice_str(r->sticky);
}

static void write_out(const struct policy *p, const struct decision *d,
                      struct holdfast_decision *out) {
	static const enum holdfast_verdict verdicts[] = {
		[VERDICT_HERE] = HOLDFAST_HERE,
		[VERDICT_FORWARD] = HOLDFAST_FORWARD,
		[VERDICT_HOLD] = HOLDFAST_HOLD,
		[VERDICT_REFUSE] = HOLDFAST_REFUSE,
	};
	bool served = d->verdict == VERDICT_HERE || d->verdict == VERDICT_FORWARD;
	const struct policy_rule *rule =
		!served && d->refusal == ERR_FORBIDDEN && d->rule >= 0 ? &p->rules[d->rule] : NULL;
	out->verdict = verdicts[d->verdict];
	out->region = d->region >= 0 ? p->regions[d->region].name : NULL;
	out->fallback_count = d->fallback_count;
	for (int i = 0; i < d->fallback_count; i++)
		out->fallbacks[i] = p->regions[d->fallbacks[i]].name;
	out->status = served ? 200 : ask_status(p, d);
	out->rule = rule ? rule->name : NULL;
	out->reason = rule ? rule->reason : "";
	out->hold_ms = d->hold_ms;
	out->deadline_ms = d->deadline_ms;
}

/* What a request's texts are read into. */
struct embed_ask {
	struct decide_request ask;
	struct decide_header headers[EMBED_HEADERS_MAX];
	struct cel_net ip;
};

static enum holdfast_error read_request(const struct policy *p, struct holdfast_world *w,
                                        const struct holdfast_request *r, struct embed_ask *in) {
	struct decide_request *ask = &in->ask;
	*ask = (struct decide_request){.tenant = policy_find_tenant(p, slice_str(r->tenant)),
	                               .here = policy_find_region(p, slice_str(r->here)),
	                               .headers = in->headers};
	if (ask->tenant < 0) return HOLDFAST_UNKNOWN_TENANT;
	if (ask->here < 0) return HOLDFAST_UNKNOWN_REGION;
	if (r->header_count < 0 || r->header_count > EMBED_HEADERS_MAX) return HOLDFAST_BAD_REQUEST;
	enum holdfast_error e = read_consistency(p, r, ask);
	if (e) return e;
	if (r->client_ip) {
		if (!client_address(slice_str(r->client_ip), &in->ip)) return HOLDFAST_BAD_REQUEST;
		ask->client.ip = &in->ip;
	}
	read_texts(r, ask);
	arena_reset(&w->scratch);
	ask->scratch = &w->scratch;
	for (int i = 0; i < r->header_count; i++)
		in->headers[ask->header_count++] = (struct decide_header){
			slice_str(r->headers[i].name), slice_str(r->headers[i].value)};
	return HOLDFAST_OK;
}

enum holdfast_error holdfast_decide(const struct holdfast_policy *policy, struct holdfast_world *w,
                                    const struct holdfast_request *r,
                                    struct holdfast_decision *out) {
	const struct policy *p = policy->policy;
	struct embed_ask in;
	enum holdfast_error e = read_request(p, w, r, &in);
	if (e) return e;
	struct decision *d = (struct decision *)(void *)out->opaque.bytes;
	decide(p, &w->world, &in.ask, d);
	write_out(p, d, out);
	return HOLDFAST_OK;
}

enum holdfast_error holdfast_evaluate(const struct holdfast_policy *policy,
                                      struct holdfast_world *w, const struct holdfast_request *r,
                                      const char *flag, struct holdfast_flag *out) {
	static const enum holdfast_flag_type types[] = {[FLAG_TEXT] = HOLDFAST_TEXT,
	                                                [FLAG_NUMBER] = HOLDFAST_NUMBER,
	                                                [FLAG_BOOL] = HOLDFAST_BOOL};
	const struct policy *p = policy->policy;
	struct embed_ask in;
	struct flag_answer a;
	int index = policy_find_flag(p, slice_str(flag));
	if (index < 0) return HOLDFAST_UNKNOWN_FLAG;
	enum holdfast_error e = read_request(p, w, r, &in);
	if (e) return e;
	flag_evaluate(p, &w->world, &in.ask, index, &a);
	const struct flag_variant *v = &p->flags[index].variants[a.variant];
	*out = (struct holdfast_flag){.type = types[p->flags[index].type],
	                              .text = v->text,
	                              .number = v->number,
	                              .truth = v->truth,
	                              .variant = v->name,
	                              .reason = flag_reason_name(a.reason)};
	return HOLDFAST_OK;
}

size_t holdfast_explain(const struct holdfast_policy *p, const struct holdfast_decision *d,
                        char *out, size_t cap) {
	struct buf text;
	buf_init(&text, EMBED_TEXT_MAX);
	const struct decision *own = (const struct decision *)(const void *)d->opaque.bytes;
	size_t len = 0;
	if (decision_explain(p->policy, own, &text) == ERR_OK) {
		struct slice s = buf_slice(&text);
		len = s.len;
		size_t copied = cap == 0 ? 0 : len < cap ? len : cap - 1;
		if (copied) memcpy(out, s.ptr, copied);
		if (cap) out[copied] = 0;
	}
	buf_done(&text);
	return len;
}
