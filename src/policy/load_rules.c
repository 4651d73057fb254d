/* The sections variables and rules: the list of rules, its groups flattened, and what decisions
 * need of all of it, made ready. */
#include "policy/load_rules.h"
#include "policy/rule_index.h"

#define RULE_FIELD(word, kind, member, ...)                                                        \
	{ .key = word, .type = kind, .offset = offsetof(struct rule_source, member), __VA_ARGS__ }

static const char *const unknown_words[] = {
	[RULE_UNKNOWN_DENY] = "deny", [RULE_UNKNOWN_SKIP] = "skip", NULL};
static const struct field rule_fields[] = {
	RULE_FIELD("name", FIELD_NAME, name, .required = true,
                   .expected = "a name, such as eu-only"),
	RULE_FIELD("when", FIELD_SCALAR, when, .expected = "a condition"),
	RULE_FIELD("rules", FIELD_SEQUENCE, rules, .expected = "a list of rules"),
	RULE_FIELD("deny", FIELD_ANY, deny),
	RULE_FIELD("unknown", FIELD_CHOICE, unknown, .choices = unknown_words),
	RULE_FIELD("allow", FIELD_SEQUENCE, allow, .expected = "a list of regions"),
	RULE_FIELD("exclude", FIELD_SEQUENCE, exclude, .expected = "a list of regions"),
	RULE_FIELD("prefer", FIELD_SEQUENCE, prefer, .expected = "a list"),
	RULE_FIELD("weights", FIELD_MAPPING, weights, .expected = "regions and their weights"),
	RULE_FIELD("pin", FIELD_SCALAR, pin, .expected = "a region"),
	RULE_FIELD("consistency", FIELD_SCALAR, consistency),
	RULE_FIELD("hold", FIELD_DURATION, hold_ms, .min = 1, .max = 60000),
	RULE_FIELD("deadline", FIELD_DURATION, deadline_ms, .min = 1, .max = 3600000),
	{NULL},
};

/* --- rules ---------------------------------------------------------------------------------------- */

static uint32_t rules_counted(const struct doc_node *list, int depth) {
	uint32_t count = 0;
	for (const struct doc_node *c = list->first; c; c = c->next) {
		const struct doc_node *inner =
			c->kind == DOC_MAPPING ? doc_child(c, "rules") : NULL;
		if (inner && inner->kind == DOC_SEQUENCE && depth < RULE_DEPTH_MAX)
			count += rules_counted(inner, depth + 1);
		else
			count++;
	}
	return count;
}

static void load_rules(struct load *l, const struct doc_node *list, const struct rule_scope *s,
                       struct map *names, struct policy_rule *rules);

static void load_group(struct load *l, const struct doc_node *n, const struct rule_source *source,
                       const struct rule_scope *s, struct map *names, struct policy_rule *rules) {
	struct rule_scope scope = {s, {0}, s ? s->depth + 1 : 1};
	if (scope.depth > RULE_DEPTH_MAX) {
		doc_error(&l->doc, n, "groups in groups, %d deep; expected at most %d", scope.depth,
		          RULE_DEPTH_MAX);
		return;
	}
	if (source->when) {
		scope.when = source->when->text;
		if (!load_condition_valid(l, source->when))
			return; /* its rules would say it again */
	}
	load_rules(l, source->rules, &scope, names, rules);
}

static void load_rule(struct load *l, const struct doc_node *n, const struct rule_scope *s,
                      struct map *names, struct policy_rule *rules) {
	static const struct field entry = {.type = FIELD_MAPPING};
	struct rule_source source = {.name = "", .unknown = RULE_UNKNOWN_UNSAID};
	int noted = l->doc.mistakes.count;
	const struct doc_node *map = NULL;
	if (!doc_read_value(&l->doc, n, &entry, &map)) return;
	doc_read(&l->doc, map, rule_fields, &source);
	struct policy_rule r = {.name = source.name,
	                        .line = (int)n->line,
	                        .column = (int)n->column,
	                        .when_text = ""};
	if (r.name[0] && map_get(names, slice_str(r.name)))
		doc_error(&l->doc, n, "the name '%s' stands twice; expected each rule's name once",
		          r.name);
	else if (r.name[0] && map_put(names, slice_str(r.name), (void *)r.name))
		l->doc.no_memory = true;
	load_effects(l, &source, &r);
	r.skips_unknown = source.unknown == RULE_UNKNOWN_SKIP;
	if (source.unknown != RULE_UNKNOWN_UNSAID && !(r.effects & RULE_DENY))
		doc_error(&l->doc, n,
		          "unknown without deny; expected it in a rule that denies: in others "
		          "what is not known never matches");
	if (source.rules && r.effects)
		doc_error(&l->doc, n, "a group has effects; expected them in its rules");
	if (source.rules) return load_group(l, n, &source, s, names, rules);
	if (!r.effects && r.name[0])
		doc_error(&l->doc, n,
		          "the rule does nothing; expected deny, allow, exclude, prefer, weights, "
		          "pin, consistency, hold or deadline");
	load_when(l, n, source.when, s, &r);
	if (l->doc.mistakes.count == noted)
		rules[l->policy->rule_count++] = r;
	else
		cel_program_free(r.when); /* half a rule would look wrong in other ways too */
}

static void load_rules(struct load *l, const struct doc_node *list, const struct rule_scope *s,
                       struct map *names, struct policy_rule *rules) {
	for (const struct doc_node *c = list->first; c; c = c->next)
		load_rule(l, c, s, names, rules);
}

/* --- all of it ------------------------------------------------------------------------------------ */

static void keep_tenant_texts(struct load *l) {
	const struct policy *p = l->policy;
	struct cel_value(*texts)[SLOT_TENANT_TEXTS] =
		load_alloc(l, (size_t)p->tenant_count + 1, sizeof *texts);
	if (!texts) return;
	l->own->tenant_texts = texts;
	for (int i = 0; i < p->tenant_count; i++) {
		const struct policy_tenant *t = &p->tenants[i];
		const char *words[SLOT_TENANT_TEXTS] = {
			t->name, t->tier, t->country,
			t->residency >= 0 ? p->residencies[t->residency].name : "",
			t->cell >= 0 ? p->cells[t->cell].name : ""};
		for (int w = 0; w < SLOT_TENANT_TEXTS; w++)
			texts[i][w] = cel_string(slice_str(words[w]));
	}
}

static void keep_gates(struct load *l) {
	struct policy_private *own = l->own;
	own->gates = load_alloc(l, (size_t)l->policy->rule_count + 1, sizeof *own->gates);
	for (int i = 0; own->gates && i < l->policy->rule_count; i++) {
		const struct policy_rule *r = &l->policy->rules[i];
		own->gates[i] =
			(struct rule_gate){r->when, r->variables, r->effects, r->skips_unknown};
	}
}

void load_rule_section(struct load *l) {
	if (!l->rules && !l->variables && !l->flags) return;
	l->own->env = rule_env_new();
	l->own->zones = cel_zones_new();
	if (!l->own->env || !l->own->zones) l->doc.no_memory = true;
	keep_tenant_texts(l);
	if (l->doc.no_memory) return;
	cel_env_zones(l->own->env, l->own->zones);
	load_variables(l);
	uint32_t count = l->rules ? rules_counted(l->rules, 0) : 0;
	if (count > RULES_MAX) {
		doc_error_key(&l->doc, l->rules, "%u rules; expected at most %d", count, RULES_MAX);
		return;
	}
	struct policy_rule *rules = load_alloc(l, count + 1, sizeof *rules);
	if (!rules) return;
	l->policy->rules = rules;
	struct map names;
	map_init(&names, l->own->seed);
	if (l->rules) load_rules(l, l->rules, NULL, &names, rules);
	map_done(&names);
	keep_gates(l);
	l->own->index = rule_index_new(&l->own->arena, l->policy);
	if (!l->own->index) l->doc.no_memory = true;
	if (!l->doc.no_memory) load_reach_check(l);
}
