/* The sections variables and rules: conditions compiled, effects read, groups flattened, and
 * what can be known to leave a tenant without any region refused. */
#include <stdio.h>
#include <stdlib.h>

#include "policy/load.h"
#include "policy/rule_index.h"

enum { VARIABLE_PREFIX_BYTES = sizeof "variables." - 1, CONDITION_MAX = 100000 };

struct rule_source {
	const char *name;
	const struct doc_node *when, *rules;
	const struct doc_node *deny, *allow, *exclude, *prefer, *weights, *pin, *consistency;
	uint64_t hold_ms, deadline_ms;
};
#define RULE_FIELD(word, kind, member, ...)                                                        \
	{ .key = word, .type = kind, .offset = offsetof(struct rule_source, member), __VA_ARGS__ }

static const struct field rule_fields[] = {
	RULE_FIELD("name", FIELD_NAME, name, .required = true,
                   .expected = "a name, such as eu-only"),
	RULE_FIELD("when", FIELD_SCALAR, when, .expected = "a condition"),
	RULE_FIELD("rules", FIELD_SEQUENCE, rules, .expected = "a list of rules"),
	RULE_FIELD("deny", FIELD_ANY, deny),
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

/* A group around rules: what they all need besides. */
struct scope {
	const struct scope *outer;
	struct slice when; /* empty: always */
	int depth;
};

/* --- conditions ------------------------------------------------------------------------------ */

/* Where in the file a mistake in a scalar's text is: to the column in a text of one line, else to
 * the line, as a block begins below its key. */
static void condition_error(struct load *l, const struct doc_node *n, const struct cel_issue *i) {
	bool one_line = !memchr(n->text.ptr, '\n', n->text.len);
	uint32_t column = one_line ? n->column + i->column - 1 + !n->plain : i->column;
	uint32_t line = one_line ? n->line : n->line + i->line;
	mistake_add(&l->doc.mistakes, line, column, "in the condition %s: %s", show(n->text).text,
	            i->text);
}

static struct cel_program *compile(struct load *l, const struct doc_node *n, struct slice text,
                                   const struct cel_type *expected) {
	static const struct cel_options base = {.cost_max = RULE_COST_MAX};
	struct cel_options options = base;
	struct cel_issues issues = {0};
	struct cel_program *program = NULL;
	options.expected = expected;
	enum err err = cel_compile(l->own->env, text, &options, &issues, &program);
	for (int i = 0; i < issues.count; i++) condition_error(l, n, &issues.items[i]);
	if (err == ERR_NO_MEMORY) l->doc.no_memory = true;
	if (err && err != ERR_NO_MEMORY && !issues.count)
		doc_error(&l->doc, n, "cannot be compiled: %s", err_text(err));
	return program;
}

/* "(outer) && (inner)": what a rule in groups asks. */
static struct slice join(struct load *l, const struct scope *s, struct slice own) {
	struct slice outer = s ? join(l, s->outer, s->when) : (struct slice){0};
	if (!outer.len || !own.len) return outer.len ? outer : own;
	size_t len = outer.len + own.len + 8;
	char *text = load_alloc(l, len + 1, 1);
	if (!text || len > CONDITION_MAX) return own;
	int made = snprintf(text, len + 1, "(" SLICE_FMT ") && (" SLICE_FMT ")", SLICE_ARG(outer),
	                    SLICE_ARG(own));
	return slice_of(text, (size_t)made);
}

static uint64_t variables_read(const struct policy_private *own, const struct cel_program *p) {
	uint64_t reads = 0;
	for (int i = 0; i < own->variable_count; i++)
		if (cel_program_uses(p, SLOT_COUNT + i))
			reads |= (uint64_t)1 << i | own->variables[i].reads;
	return reads;
}

static void note_slots(struct policy_private *own, const struct cel_program *p) {
	for (int i = 0; i < SLOT_COUNT; i++)
		if (cel_program_uses(p, i)) own->slots_used |= (uint64_t)1 << i;
}

static void load_when(struct load *l, const struct doc_node *n, const struct scope *s,
                      struct policy_rule *r) {
	struct slice text = join(l, s, n ? n->text : (struct slice){0});
	/* The groups' own mistakes were noted at the groups. */
	struct cel_program *alone = n ? compile(l, n, n->text, &cel_type_bool) : NULL;
	if (!text.len || (n && !alone)) return;
	struct cel_issues issues = {0};
	const struct cel_options options = {.expected = &cel_type_bool, .cost_max = RULE_COST_MAX};
	enum err err = cel_compile(l->own->env, text, &options, &issues, &r->when);
	cel_program_free(alone);
	if (err == ERR_NO_MEMORY) l->doc.no_memory = true;
	if (err && n)
		doc_error(&l->doc, n, "together with the conditions of the groups around it: %s",
		          issues.count ? issues.items[0].text : err_text(err));
	if (err) return;
	r->when_text = doc_keep(&l->doc, text);
	r->cost_max = cel_program_cost_max(r->when);
	r->variables = variables_read(l->own, r->when);
	note_slots(l->own, r->when);
}

/* --- variables --------------------------------------------------------------------------------- */

static void load_variable(struct load *l, const struct doc_node *n, struct rule_variable *v) {
	static const struct field scalar = {.type = FIELD_SCALAR, .expected = "an expression"};
	const struct doc_node *text = NULL;
	if (!doc_read_value(&l->doc, n, &scalar, &text)) return;
	struct cel_program *p = compile(l, text, text->text, NULL);
	if (!p) return;
	char name[VARIABLE_PREFIX_BYTES + POLICY_NAME_MAX + 2];
	int len = snprintf(name, sizeof name, "variables." SLICE_FMT, SLICE_ARG(n->key));
	struct slice full = slice_of(name, (size_t)len);
	enum err err = len >= (int)sizeof name
	                       ? ERR_INVALID
	                       : cel_env_variable(l->own->env, full, cel_program_type(p), NULL);
	if (err) {
		doc_error_key(&l->doc, n,
		              "%s cannot be used in conditions; expected a letter, then letters, "
		              "digits or '_', at most %d, and no word of the language",
		              show(n->key).text, POLICY_NAME_MAX);
		cel_program_free(p);
		return;
	}
	*v = (struct rule_variable){.name = doc_keep(&l->doc, n->key), .program = p};
	uint64_t bit = (uint64_t)1 << l->own->variable_count;
	v->reads = variables_read(l->own, p) | bit;
	note_slots(l->own, p);
	l->own->variable_count++;
}

/* In their order: each may use those before it, so there are no circles. */
static void load_variables(struct load *l) {
	if (!l->variables) return;
	if (l->variables->count > RULE_VARIABLES_MAX) {
		doc_error_key(&l->doc, l->variables, "%u variables; expected at most %d",
		              l->variables->count, RULE_VARIABLES_MAX);
		return;
	}
	l->own->variables = load_alloc(l, l->variables->count, sizeof *l->own->variables);
	if (!l->own->variables) return;
	for (const struct doc_node *c = l->variables->first; c; c = c->next)
		load_variable(l, c, &l->own->variables[l->own->variable_count]);
}

/* --- effects ------------------------------------------------------------------------------------- */

struct deny_source {
	uint64_t status;
	const char *reason;
};
static const struct field deny_fields[] = {
	{.key = "status",
         .type = FIELD_NUMBER,
         .offset = offsetof(struct deny_source, status),
         .min = 400,
         .max = 599},
	{.key = "reason",
         .type = FIELD_TEXT,
         .offset = offsetof(struct deny_source, reason),
         .max = 200},
	{NULL},
};

static void load_deny(struct load *l, const struct doc_node *n, struct policy_rule *r) {
	struct deny_source d = {.status = 403, .reason = ""};
	if (!n) return;
	r->effects |= RULE_DENY;
	if (n->kind == DOC_MAPPING)
		doc_read(&l->doc, n, deny_fields, &d);
	else if (n->kind != DOC_SCALAR || !slice_is(n->text, "true"))
		doc_error(&l->doc, n, "found %s; expected true, or {status: 403, reason: ...}",
		          doc_found(n).text);
	r->status = (int)d.status;
	r->reason = d.reason;
}

static region_set region_list(struct load *l, const struct doc_node *list) {
	int regions[POLICY_REGIONS_MAX];
	int count = load_regions(l, list, POLICY_REGIONS_MAX, regions, NULL);
	region_set set = 0;
	for (int i = 0; i < count; i++) set |= (region_set)1 << regions[i];
	return set;
}

static void load_narrowing(struct load *l, const struct rule_source *s, struct policy_rule *r) {
	r->regions = ~(region_set)0;
	if (s->allow) {
		r->effects |= RULE_ALLOW;
		r->regions &= region_list(l, s->allow);
	}
	if (s->exclude) {
		r->effects |= RULE_EXCLUDE;
		r->regions &= ~region_list(l, s->exclude);
	}
	r->pin = -1;
	if (!s->pin) return;
	r->effects |= RULE_PIN;
	r->pin = load_reference(l, s->pin, "region", &l->own->regions, l->regions);
}

static void load_prefer(struct load *l, const struct doc_node *list, struct policy_rule *r) {
	static const char *const words[] = {[PREFER_HOME] = "home",
	                                    [PREFER_NEAREST] = "nearest",
	                                    [PREFER_CHEAPEST] = "cheapest",
	                                    [PREFER_GREENEST] = "greenest"};
	if (!list) return;
	r->effects |= RULE_PREFER;
	if (list->count == 0 || list->count > POLICY_REPLICAS_MAX)
		doc_error(&l->doc, list,
		          "found a list of %u; expected 1 to %d of: a region, home, "
		          "nearest, cheapest, greenest",
		          list->count, POLICY_REPLICAS_MAX);
	for (const struct doc_node *c = list->first; c && r->prefer_count < POLICY_REPLICAS_MAX;
	     c = c->next) {
		struct rule_prefer *to = &r->prefer[r->prefer_count++];
		*to = (struct rule_prefer){PREFER_LIST, -1};
		for (int w = PREFER_HOME; w <= PREFER_GREENEST; w++)
			if (slice_is(c->text, words[w])) to->by = (enum prefer_by)w;
		if (to->by == PREFER_LIST)
			to->region = load_reference(l, c,
			                            "region (or home, nearest, cheapest, "
			                            "greenest)",
			                            &l->own->regions, l->regions);
	}
}

static void load_weights(struct load *l, const struct doc_node *map, struct policy_rule *r) {
	static const struct field weight = {.type = FIELD_NUMBER, .min = 0, .max = 10000};
	if (!map) return;
	r->effects |= RULE_WEIGHTS;
	for (const struct doc_node *c = map->first; c; c = c->next) {
		uint64_t w = 0;
		int region = policy_map_find(&l->own->regions, c->key);
		if (region < 0)
			doc_error_key(&l->doc, c,
			              "%s is no region; expected regions and their "
			              "weights, such as {us-east: 90, us-west: 10}",
			              show(c->key).text);
		else if (doc_read_value(&l->doc, c, &weight, &w))
			r->weights[region] = (uint16_t)w;
		r->weight_sum += region < 0 ? 0 : (uint32_t)w;
	}
	if (!r->weight_sum)
		doc_error(&l->doc, map, "the weights add up to 0; expected at least one above");
}

static void load_effects(struct load *l, const struct rule_source *s, struct policy_rule *r) {
	load_deny(l, s->deny, r);
	load_narrowing(l, s, r);
	load_prefer(l, s->prefer, r);
	load_weights(l, s->weights, r);
	uint64_t bounded_ms = 0;
	if (s->consistency && load_consistency(l, s->consistency, &r->consistency, &bounded_ms))
		r->effects |= RULE_CONSISTENCY;
	r->bounded_ms = (uint32_t)bounded_ms;
	r->hold_ms = (uint32_t)s->hold_ms;
	r->deadline_ms = (uint32_t)s->deadline_ms;
	if (s->hold_ms) r->effects |= RULE_HOLD;
	if (s->deadline_ms) r->effects |= RULE_DEADLINE;
}

/* --- rules ----------------------------------------------------------------------------------------- */

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

static void load_rules(struct load *l, const struct doc_node *list, const struct scope *s,
                       struct map *names, struct policy_rule *rules);

static void load_group(struct load *l, const struct doc_node *n, const struct rule_source *source,
                       const struct scope *s, struct map *names, struct policy_rule *rules) {
	struct scope scope = {s, {0}, s ? s->depth + 1 : 1};
	if (scope.depth > RULE_DEPTH_MAX) {
		doc_error(&l->doc, n, "groups in groups, %d deep; expected at most %d", scope.depth,
		          RULE_DEPTH_MAX);
		return;
	}
	if (source->when) {
		scope.when = source->when->text;
		struct cel_program *p = compile(l, source->when, scope.when, &cel_type_bool);
		if (!p) return; /* noted; its rules would only say it again */
		cel_program_free(p);
	}
	load_rules(l, source->rules, &scope, names, rules);
}

static void load_rule(struct load *l, const struct doc_node *n, const struct scope *s,
                      struct map *names, struct policy_rule *rules) {
	static const struct field entry = {.type = FIELD_MAPPING};
	struct rule_source source = {.name = ""};
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
	if (source.rules && r.effects)
		doc_error(&l->doc, n, "a group has effects; expected them in its rules");
	if (source.rules) return load_group(l, n, &source, s, names, rules);
	if (!r.effects && r.name[0])
		doc_error(&l->doc, n,
		          "the rule does nothing; expected deny, allow, exclude, prefer, weights, "
		          "pin, consistency, hold or deadline");
	load_when(l, source.when, s, &r);
	rules[l->policy->rule_count++] = r;
}

static void load_rules(struct load *l, const struct doc_node *list, const struct scope *s,
                       struct map *names, struct policy_rule *rules) {
	for (const struct doc_node *c = list->first; c; c = c->next)
		load_rule(l, c, s, names, rules);
}

/* --- what can be known to leave a tenant nothing ------------------------------------------------------ */

/* Whether the condition asks about the tenant only: then it is known for each. */
static bool asks_tenant_only(const struct policy_rule *r) {
	if (!r->when) return true;
	if (r->variables) return false;
	for (int i = 0; i < SLOT_COUNT; i++)
		if (cel_program_uses(r->when, i) &&
		    (i < SLOT_TENANT_FIRST || i > SLOT_TENANT_ATTRIBUTES))
			return false;
	return true;
}

static void check_rule(struct load *l, const struct policy_rule *r, struct rule_inputs *in) {
	const struct policy *p = l->policy;
	region_set left = r->regions;
	if (r->effects & RULE_PIN && r->pin >= 0) left &= (region_set)1 << r->pin;
	for (int t = 0; t < p->tenant_count; t++) {
		const struct policy_tenant *tenant = &p->tenants[t];
		if (tenant->cell < 0 || tenant->residency < 0) continue;
		region_set copies = p->cells[tenant->cell].replica_set &
		                    p->residencies[tenant->residency].regions;
		if (!copies || copies & left) continue;
		rule_inputs_fill_tenant(in, p, t);
		const struct cel_frame frame = {.slots = in->slots};
		if (r->when && cel_test(r->when, &frame, NULL) != 1) continue;
		mistake_add(
			&l->doc.mistakes, (uint32_t)r->line, (uint32_t)r->column,
			"rule '%s' leaves tenant '%s' no region: copies are in %s; expected one "
			"of them, or deny",
			r->name, tenant->name, load_region_names(p, copies).text);
		return;
	}
}

static void check_rules(struct load *l) {
	struct rule_inputs *in = calloc(1, sizeof *in);
	if (!in) {
		l->doc.no_memory = true;
		return;
	}
	for (int i = 0; i < l->policy->rule_count; i++) {
		const struct policy_rule *r = &l->policy->rules[i];
		if (r->effects & (RULE_ALLOW | RULE_EXCLUDE | RULE_PIN) && asks_tenant_only(r))
			check_rule(l, r, in);
	}
	free(in);
}

/* --- all of it ------------------------------------------------------------------------------------------ */

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

void load_rule_section(struct load *l) {
	if (!l->rules && !l->variables) return;
	l->own->env = rule_env_new();
	if (!l->own->env) l->doc.no_memory = true;
	keep_tenant_texts(l);
	if (l->doc.no_memory) return;
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
	check_rules(l);
	l->own->index = rule_index_new(&l->own->arena, l->policy);
	if (!l->own->index) l->doc.no_memory = true;
}
