/* Which variant of a flag. */
#include "policy/flags.h"

#include "base/assert.h"
#include "base/hash.h"
#include "policy/rule_frame.h"

const char *flag_reason_name(enum flag_reason r) {
	static const char *const names[] = {[FLAG_STATIC] = "STATIC",
	                                    [FLAG_MATCH] = "TARGETING_MATCH",
	                                    [FLAG_SPLIT] = "SPLIT",
	                                    [FLAG_DEFAULT] = "DEFAULT"};
	ASSERT((unsigned)r < sizeof names / sizeof *names);
	return names[r];
}

/* Cumulative, in the order of the variants: a change of weights moves only what lies between the old and
 * the new borders. */
static int at_bucket(const struct flag_rule *r, uint32_t bucket) {
	uint64_t point = (uint64_t)bucket * r->weight_sum, upto = 0;
	for (int i = 0;; i++) {
		ASSERT(i < FLAG_VARIANTS_MAX);
		upto += r->weights[i];
		if (point < upto * FLAG_BUCKETS) return i;
	}
}

/* False: the text that it splits by has no value. */
static bool split(struct rule_frame *f, const struct flag_rule *r, struct flag_answer *out) {
	struct cel_value key;
	cel_eval(r->by, &f->cel, &key);
	if (key.kind != CEL_STRING) return false;
	struct slice text = cel_slice(&key);
	const uint64_t seed[2] = {crc32c(0, r->salt, strlen(r->salt)), 0x666c6167};
	out->bucket = (int)(siphash13(seed, text.ptr, text.len) % FLAG_BUCKETS);
	out->variant = at_bucket(r, (uint32_t)out->bucket);
	return true;
}

/* 1: it decides; 0: it does not match; -1: it failed. */
static int try(struct rule_frame *f, const struct flag_rule *r, struct flag_answer *out) {
	rule_variables(f, r->variables);
	int answer = r->when ? cel_test(r->when, &f->cel, NULL) : 1;
	if (answer <= 0) return answer;
	out->reason = r->by ? FLAG_SPLIT : FLAG_MATCH;
	if (!r->by) out->variant = r->variant;
	return !r->by || split(f, r, out) ? 1 : -1;
}

void flag_evaluate(const struct policy *p, const struct world *w, const struct decide_request *r,
                   int flag, struct flag_answer *out) {
	ASSERT(flag >= 0 && flag < p->flag_count);
	const struct policy_flag *g = &p->flags[flag];
	*out = (struct flag_answer){.rule = -1, .bucket = -1};
	if (g->rule_count) {
		const struct policy_private *own = p->private;
		struct rule_inputs inputs;
		struct rule_frame f =
			rule_frame(&inputs, p, w, r, own->slots_used | own->flag_slots_used);
		for (int i = 0; i < g->rule_count; i++) {
			int answer = try(&f, &g->rules[i], out);
			out->failed += answer < 0;
			out->rule = i;
			if (answer > 0) return;
		}
	}
	out->variant = g->fallback;
	out->rule = -1;
	out->reason = g->rule_count ? FLAG_DEFAULT : FLAG_STATIC;
}
