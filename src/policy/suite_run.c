/* One test of a policy: decide, and compare what is asked for. */
#include <stdio.h>

#include "base/assert.h"
#include "policy/suite.h"

struct check {
	const struct policy *policy;
	const struct suite_output *want;
	const struct decision *d;
	const uint64_t *hits;
	const struct world *world;
	const struct decide_request *request;
	struct suite_result *out;
};

static bool differs(struct check *c, const char *key, const char *expected, const char *got) {
	c->out->key = key;
	snprintf(c->out->expected, sizeof c->out->expected, "%s", expected);
	snprintf(c->out->got, sizeof c->out->got, "%s", got);
	return true;
}

static const char *region_name(const struct check *c, int region) {
	return region < 0 ? "none" : c->policy->regions[region].name;
}

/* "a, b", cut where it gets long. */
struct list {
	char text[SUITE_GOT_MAX];
	size_t len;
};
static void list_add(struct list *l, const char *name) {
	size_t room = sizeof l->text - l->len;
	int n = snprintf(l->text + l->len, room, "%s%s", l->len ? ", " : "", name);
	l->len += n > 0 && (size_t)n < room ? (size_t)n : room - 1;
}

static struct list list_of(const struct check *c, const int *regions, int count) {
	struct list l = {.len = 0};
	for (int i = 0; i < count; i++) list_add(&l, region_name(c, regions[i]));
	return l;
}

static struct list set_of(const struct check *c, region_set set) {
	struct list l = {.len = 0};
	for (; set; set &= set - 1) list_add(&l, region_name(c, __builtin_ctzll(set)));
	return l;
}

static bool verdict_differs(struct check *c) {
	if (c->want->verdict < 0 || c->want->verdict == (int)c->d->verdict) return false;
	return differs(c, "verdict", verdict_name((enum verdict)c->want->verdict),
	               verdict_name(c->d->verdict));
}

static bool region_differs(struct check *c) {
	if (c->want->region < 0 || c->want->region == c->d->region) return false;
	return differs(c, "region", region_name(c, c->want->region), region_name(c, c->d->region));
}

static bool fallbacks_differ(struct check *c) {
	const struct suite_output *w = c->want;
	size_t bytes = (size_t)w->fallback_count * sizeof *w->fallbacks;
	if (!w->has_fallbacks) return false;
	bool same = w->fallback_count == c->d->fallback_count &&
	            memcmp(w->fallbacks, c->d->fallbacks, bytes) == 0;
	if (same) return false;
	return differs(c, "fallbacks", list_of(c, w->fallbacks, w->fallback_count).text,
	               list_of(c, c->d->fallbacks, c->d->fallback_count).text);
}

static bool allowed_differs(struct check *c) {
	if (!c->want->has_allowed || c->want->allowed == c->d->allowed) return false;
	return differs(c, "allowed", set_of(c, c->want->allowed).text,
	               set_of(c, c->d->allowed).text);
}

static bool consistency_differs(struct check *c) {
	const struct suite_output *w = c->want;
	if (w->consistency < 0) return false;
	bool same = w->consistency == (int)c->d->consistency &&
	            (c->d->consistency != CONSISTENCY_BOUNDED || w->bounded_ms == c->d->bounded_ms);
	if (same) return false;
	return differs(c, "consistency",
	               consistency_print((enum consistency)w->consistency, w->bounded_ms).text,
	               consistency_print(c->d->consistency, c->d->bounded_ms).text);
}

static int status_of(const struct check *c) {
	const struct decision *d = c->d;
	if (d->verdict != VERDICT_REFUSE) return 0;
	if (d->refusal == ERR_FORBIDDEN && d->rule >= 0) return c->policy->rules[d->rule].status;
	return err_http_status(d->refusal);
}

static bool refusal_differs(struct check *c) {
	bool refused = c->d->verdict == VERDICT_REFUSE;
	const char *got = refused ? err_slug(c->d->refusal) : "none";
	if (c->want->refusal >= 0 && !(refused && c->want->refusal == (int)c->d->refusal))
		return differs(c, "refusal", err_slug((enum err)c->want->refusal), got);
	if (c->want->status < 0 || c->want->status == status_of(c)) return false;
	char want[16], have[16];
	snprintf(want, sizeof want, "%d", c->want->status);
	snprintf(have, sizeof have, "%d", status_of(c));
	return differs(c, "status", want, refused ? have : "none");
}

static bool reasons_differ(struct check *c) {
	struct list given = {.len = 0};
	uint64_t seen = 0;
	_Static_assert(REASON_COUNT <= 64, "one bit each");
	for (int i = 0; i < c->d->reason_count; i++) {
		uint64_t bit = (uint64_t)1 << c->d->reasons[i].reason;
		if (!(seen & bit)) list_add(&given, reason_name(c->d->reasons[i].reason));
		seen |= bit;
	}
	for (int i = 0; i < c->want->reason_count; i++) {
		int want = c->want->reasons[i];
		if (!(seen >> want & 1))
			return differs(c, "reason", reason_name((enum reason)want), given.text);
	}
	return false;
}

static bool rule_hit(const struct check *c, int i) {
	return c->hits[i / 64] >> (i % 64) & 1;
}

static bool rules_differ(struct check *c) {
	struct list matched = {.len = 0};
	const struct policy *p = c->policy;
	if (c->want->rule_count == 0) return false;
	for (int i = 0; i < p->rule_count; i++)
		if (rule_hit(c, i)) list_add(&matched, p->rules[i].name);
	for (int k = 0; k < c->want->rule_count; k++) {
		int i = 0;
		while (i < p->rule_count &&
		       !(rule_hit(c, i) && strcmp(p->rules[i].name, c->want->rules[k]) == 0))
			i++;
		if (i == p->rule_count)
			return differs(c, "rule", c->want->rules[k],
			               matched.len ? matched.text : "none");
	}
	return false;
}

static bool flags_differ(struct check *c) {
	for (int i = 0; i < c->want->flag_count; i++) {
		const struct policy_flag *f = &c->policy->flags[c->want->flags[i].flag];
		int want = c->want->flags[i].variant;
		struct flag_answer got;
		flag_evaluate(c->policy, c->world, c->request, c->want->flags[i].flag, &got);
		if (got.variant != want)
			return differs(c, f->name, f->variants[want].name,
			               f->variants[got.variant].name);
	}
	return false;
}

void suite_run(const struct policy *p, const struct suite_case *t, struct whatif *w, uint64_t *hits,
               struct suite_result *out) {
	static bool (*const checks[])(struct check *) = {
		verdict_differs, region_differs, fallbacks_differ,
		refusal_differs, reasons_differ, consistency_differs,
		allowed_differs, rules_differ,   flags_differ,
	};
	struct decide_input in;
	struct json_mistake m = {{0}};
	decide_input_init(&in, -1, -1);
	whatif_heal(w, p);
	enum err e = decide_input_read(p, t->request, &in, &m);
	if (!e && t->world) e = decide_world_read(p, t->world, w, &m);
	ASSERT(e == ERR_OK); /* it was read when it was loaded */
	whatif_decide(w, p, &in.request, &out->decision, hits);
	out->key = NULL;
	struct check c = {.policy = p,
	                  .want = &t->output,
	                  .d = &out->decision,
	                  .hits = hits,
	                  .world = &w->world,
	                  .request = &in.request,
	                  .out = out};
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (checks[i](&c)) return;
}
