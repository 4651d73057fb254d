/* What a test expects, out of YAML. */
#include "base/parse.h"
#include "policy/suite_private.h"

struct output_source {
	int verdict;
	uint64_t status;
	const struct doc_node *region, *consistency, *refusal, *reason, *rule, *fallbacks, *allowed,
		*flags;
};
static const char *const verdict_words[] = {[VERDICT_HERE] = "here",
                                            [VERDICT_FORWARD] = "forward",
                                            [VERDICT_HOLD] = "hold",
                                            [VERDICT_REFUSE] = "refuse",
                                            NULL};

#define ROW(key_, kind, member, ...)                                                               \
	{                                                                                          \
		.key = key_, .type = FIELD_##kind,                                                 \
		.offset = offsetof(struct output_source, member), __VA_ARGS__                      \
	}
static const struct field output_fields[] = {
	ROW("verdict", CHOICE, verdict, .choices = verdict_words),
	ROW("region", SCALAR, region, .expected = "a region"),
	ROW("fallbacks", SEQUENCE, fallbacks, .expected = "a list of regions"),
	ROW("allowed", SEQUENCE, allowed, .expected = "a list of regions"),
	ROW("consistency", SCALAR, consistency),
	ROW("refusal", SCALAR, refusal, .expected = "the type of a problem, such as unavailable"),
	ROW("status", NUMBER, status, .min = 400, .max = 599),
	ROW("reason", ANY, reason),
	ROW("rule", ANY, rule),
	ROW("flags", MAPPING, flags, .expected = "flags and their variants"),
	{NULL},
};

struct reading {
	struct doc *doc;
	const struct policy *policy;
	struct suite_output *out;
};

static int region_of(struct reading *r, const struct doc_node *n) {
	int region = n->kind == DOC_SCALAR ? policy_find_region(r->policy, n->text) : -1;
	if (region >= 0) return region;
	struct suggestion guess = suggestion_start(n->text);
	for (int i = 0; i < r->policy->region_count; i++)
		suggestion_offer(&guess, slice_str(r->policy->regions[i].name));
	doc_error(r->doc, n, "no region is named %s%s", doc_found(n).text,
	          suggestion_text(&guess).text);
	return -1;
}

static void read_regions(struct reading *r, const struct doc_node *list, int most, int *out,
                         int *count) {
	for (const struct doc_node *c = list->first; c; c = c->next) {
		int region = region_of(r, c);
		if (region < 0) continue;
		if (*count == most) {
			doc_error(r->doc, c, "expected at most %d regions", most);
			return;
		}
		out[(*count)++] = region;
	}
}

static void read_refusal(struct reading *r, const struct doc_node *n) {
	struct suggestion guess = suggestion_start(n->text);
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		suggestion_offer(&guess, slice_str(err_slug((enum err)e)));
		if (!slice_is(n->text, err_slug((enum err)e))) continue;
		r->out->refusal = e;
		return;
	}
	doc_error(r->doc, n,
	          "no problem has the type %s%s; expected forbidden, unavailable or "
	          "misdirected",
	          doc_found(n).text, suggestion_text(&guess).text);
}

static void read_reason(struct reading *r, const struct doc_node *n) {
	struct suggestion guess = suggestion_start(n->text);
	for (int i = 0; i < REASON_COUNT; i++) {
		suggestion_offer(&guess, slice_str(reason_name((enum reason)i)));
		if (!slice_is(n->text, reason_name((enum reason)i))) continue;
		r->out->reasons[r->out->reason_count++] = i;
		return;
	}
	doc_error(r->doc, n, "there is no reason %s%s; expected a code such as down, stale or home",
	          doc_found(n).text, suggestion_text(&guess).text);
}

static void read_rule(struct reading *r, const struct doc_node *n) {
	struct suggestion guess = suggestion_start(n->text);
	for (int i = 0; i < r->policy->rule_count; i++) {
		const char *name = r->policy->rules[i].name;
		suggestion_offer(&guess, slice_str(name));
		if (!slice_is(n->text, name)) continue;
		r->out->rules[r->out->rule_count++] = name;
		return;
	}
	doc_error(r->doc, n, "no rule is named %s%s", doc_found(n).text,
	          suggestion_text(&guess).text);
}

static int variant_of(struct reading *r, const struct policy_flag *f, const struct doc_node *n) {
	struct suggestion guess = suggestion_start(n->text);
	for (int i = 0; i < f->variant_count; i++) {
		suggestion_offer(&guess, slice_str(f->variants[i].name));
		if (slice_is(n->text, f->variants[i].name)) return i;
	}
	doc_error(r->doc, n, "flag '%s' has no variant %s%s", f->name, doc_found(n).text,
	          suggestion_text(&guess).text);
	return -1;
}

static void read_flag(struct reading *r, const struct doc_node *n) {
	int flag = policy_find_flag(r->policy, n->key);
	struct suggestion guess = suggestion_start(n->key);
	for (int i = 0; i < r->policy->flag_count; i++)
		suggestion_offer(&guess, slice_str(r->policy->flags[i].name));
	if (flag < 0)
		doc_error_key(r->doc, n, "no flag is named %s%s", show(n->key).text,
		              suggestion_text(&guess).text);
	else if (r->out->flag_count == SUITE_FLAGS_MAX)
		doc_error_key(r->doc, n, "expected at most %d flags", SUITE_FLAGS_MAX);
	if (flag < 0 || r->out->flag_count == SUITE_FLAGS_MAX) return;
	int at = r->out->flag_count++;
	r->out->flags[at].flag = flag;
	r->out->flags[at].variant = variant_of(r, &r->policy->flags[flag], n);
}

/* One, or a list of them. */
static void read_each(struct reading *r, const struct doc_node *n,
                      void (*read_one)(struct reading *r, const struct doc_node *n)) {
	if (!n) return;
	if (n->kind == DOC_SCALAR) {
		read_one(r, n);
	} else if (n->kind == DOC_MAPPING || n->count > SUITE_REASONS_MAX) {
		doc_error(r->doc, n, "expected one, or a list of at most %d", SUITE_REASONS_MAX);
	} else {
		for (const struct doc_node *c = n->first; c; c = c->next) read_one(r, c);
	}
}

static void read_consistency(struct reading *r, const struct doc_node *n) {
	enum consistency c;
	if (consistency_parse(n->text, &c, &r->out->bounded_ms))
		doc_error(r->doc, n,
		          "found %s; expected strong, session, eventual, or bounded=500ms",
		          doc_found(n).text);
	else
		r->out->consistency = (int)c;
}

void suite_output_load(struct doc *d, const struct policy *p, const struct doc_node *n,
                       struct suite_output *out) {
	struct output_source s = {.verdict = -1};
	struct reading r = {d, p, out};
	*out = (struct suite_output){
		.verdict = -1, .region = -1, .consistency = -1, .refusal = -1, .status = -1};
	doc_read(d, n, output_fields, &s);
	out->verdict = s.verdict;
	if (s.status) out->status = (int)s.status;
	if (s.region) out->region = region_of(&r, s.region);
	if (s.consistency) read_consistency(&r, s.consistency);
	if (s.refusal) read_refusal(&r, s.refusal);
	read_each(&r, s.reason, read_reason);
	read_each(&r, s.rule, read_rule);
	for (const struct doc_node *c = s.flags ? s.flags->first : NULL; c; c = c->next)
		read_flag(&r, c);
	out->has_fallbacks = s.fallbacks != NULL;
	if (s.fallbacks)
		read_regions(&r, s.fallbacks, POLICY_REPLICAS_MAX, out->fallbacks,
		             &out->fallback_count);
	out->has_allowed = s.allowed != NULL;
	if (s.allowed) {
		int list[POLICY_REGIONS_MAX], count = 0;
		read_regions(&r, s.allowed, POLICY_REGIONS_MAX, list, &count);
		for (int i = 0; i < count; i++) out->allowed |= (region_set)1 << list[i];
	}
	if (n->count == 0)
		doc_error(d, n,
		          "nothing is expected; expected at least one of: verdict, region, "
		          "fallbacks, allowed, consistency, refusal, status, reason, rule, flags");
}
