/* What a rule does, in words. */
#include "policy/diff.h"

struct words {
	const struct policy *policy;
	struct buf *out;
	enum err err;
	bool some; /* an effect was written */
};

static void PRINTF_LIKE(2, 3) add(struct words *w, const char *format, ...) {
	va_list args;
	va_start(args, format);
	if (!w->err) w->err = buf_vprintf(w->out, format, args);
	va_end(args);
}

static void effect(struct words *w, const char *name) {
	add(w, "%s%s", w->some ? "; " : "", name);
	w->some = true;
}

static const char *region(const struct words *w, int index) {
	return w->policy->regions[index].name;
}

/* "allow" for both that narrow: it is what is left. */
static void add_regions(struct words *w, region_set set) {
	effect(w, "allow");
	for (int i = 0; i < w->policy->region_count; i++)
		if (set >> i & 1) add(w, " %s", region(w, i));
}

static void add_prefer(struct words *w, const struct policy_rule *r) {
	static const char *const by[] = {[PREFER_HOME] = "home",
	                                 [PREFER_NEAREST] = "nearest",
	                                 [PREFER_CHEAPEST] = "cheapest",
	                                 [PREFER_GREENEST] = "greenest"};
	effect(w, "prefer");
	for (int i = 0; i < r->prefer_count; i++)
		add(w, " %s",
		    r->prefer[i].by == PREFER_LIST ? region(w, r->prefer[i].region)
		                                   : by[r->prefer[i].by]);
}

static void add_weights(struct words *w, const struct policy_rule *r) {
	effect(w, "weights");
	for (int i = 0; i < w->policy->region_count; i++)
		if (r->weights[i]) add(w, " %s=%u", region(w, i), r->weights[i]);
}

static void add_consistency(struct words *w, const struct policy_rule *r) {
	static const char *const names[] = {[CONSISTENCY_STRONG] = "strong",
	                                    [CONSISTENCY_SESSION] = "session",
	                                    [CONSISTENCY_BOUNDED] = "bounded",
	                                    [CONSISTENCY_EVENTUAL] = "eventual"};
	effect(w, "consistency ");
	add(w, "%s", names[r->consistency]);
	if (r->consistency == CONSISTENCY_BOUNDED) add(w, "=%ums", r->bounded_ms);
}

enum err rule_describe(const struct policy *p, const struct policy_rule *r, struct buf *out) {
	struct words w = {.policy = p, .out = out};
	if (r->effects & RULE_DENY) {
		effect(&w, "deny");
		add(&w, " %d '%s'%s", r->status, r->reason,
		    r->skips_unknown ? " but not what is unknown" : "");
	}
	if (r->effects & (RULE_ALLOW | RULE_EXCLUDE)) add_regions(&w, r->regions);
	if (r->effects & RULE_PREFER) add_prefer(&w, r);
	if (r->effects & RULE_WEIGHTS) add_weights(&w, r);
	if (r->effects & RULE_PIN) {
		effect(&w, "pin");
		add(&w, " %s", region(&w, r->pin));
	}
	if (r->effects & RULE_CONSISTENCY) add_consistency(&w, r);
	if (r->effects & RULE_HOLD) {
		effect(&w, "hold");
		add(&w, " %ums", r->hold_ms);
	}
	if (r->effects & RULE_DEADLINE) {
		effect(&w, "deadline");
		add(&w, " %ums", r->deadline_ms);
	}
	return w.err;
}
