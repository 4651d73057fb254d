/* The section flags: variants with their values, rules and splits. */
#include "policy/flags.h"
#include "policy/load_rules.h"

/* Flags that OFREP answers of every decision. */
static const char *const reserved[] = {"region", "fallbacks", "residency", NULL};

struct flag_source {
	const struct doc_node *variants, *fallback, *rules;
};
static const struct field flag_fields[] = {
	{.key = "variants",
         .type = FIELD_MAPPING,
         .offset = offsetof(struct flag_source, variants),
         .required = true,
         .expected = "names and their values, such as {old: \"v1\", new: \"v2\"}"},
	{.key = "default",
         .type = FIELD_SCALAR,
         .offset = offsetof(struct flag_source, fallback),
         .required = true,
         .expected = "one of the variants"},
	{.key = "rules",
         .type = FIELD_SEQUENCE,
         .offset = offsetof(struct flag_source, rules),
         .expected = "a list of rules"},
	{NULL},
};

struct flag_rule_source {
	const struct doc_node *when, *variant, *split;
};
static const struct field rule_fields[] = {
	{.key = "when",
         .type = FIELD_SCALAR,
         .offset = offsetof(struct flag_rule_source, when),
         .expected = "a condition"},
	{.key = "variant",
         .type = FIELD_SCALAR,
         .offset = offsetof(struct flag_rule_source, variant),
         .expected = "one of the variants"},
	{.key = "split",
         .type = FIELD_MAPPING,
         .offset = offsetof(struct flag_rule_source, split),
         .expected = "a mapping such as {by: tenant.id, weights: {old: 90, new: 10}}"},
	{NULL},
};

struct split_source {
	const struct doc_node *by, *weights;
	const char *salt;
};
static const struct field split_fields[] = {
	{.key = "by",
         .type = FIELD_SCALAR,
         .offset = offsetof(struct split_source, by),
         .required = true,
         .expected = "an expression that gives a text, such as tenant.id"},
	{.key = "weights",
         .type = FIELD_MAPPING,
         .offset = offsetof(struct split_source, weights),
         .required = true,
         .expected = "variants and their weights, such as {old: 90, new: 10}"},
	{.key = "salt",
         .type = FIELD_TEXT,
         .offset = offsetof(struct split_source, salt),
         .min = 1,
         .max = 64},
	{NULL},
};

/* A flag under construction. */
struct loading {
	struct load *l;
	struct policy_flag *flag;
	const struct doc_node *variants; /* as they stand in the file */
};

/* --- variants --------------------------------------------------------------------------- */

static enum flag_type value_of(const struct doc_node *n, struct flag_variant *v) {
	v->truth = slice_is(n->text, "true");
	if (n->plain && (v->truth || slice_is(n->text, "false"))) return FLAG_BOOL;
	if (n->plain && load_number(n->text, -1e15, 1e15, &v->number)) return FLAG_NUMBER;
	return FLAG_TEXT;
}

static void load_variant(struct loading *g, const struct doc_node *n, struct flag_variant *v) {
	static const char *const types[] = {
		[FLAG_TEXT] = "a text", [FLAG_NUMBER] = "a number", [FLAG_BOOL] = "true or false"};
	static const struct field value = {.type = FIELD_TEXT, .max = FLAG_TEXT_MAX};
	doc_check_name(&g->l->doc, n);
	v->name = doc_keep(&g->l->doc, n->key);
	v->text = "";
	if (!doc_read_value(&g->l->doc, n, &value, &v->text)) return;
	enum flag_type type = value_of(n, v);
	if (g->flag->variant_count == 0) g->flag->type = type;
	if (type != g->flag->type)
		doc_error(&g->l->doc, n, "found %s; expected %s as the variants before it are",
		          doc_found(n).text, types[g->flag->type]);
}

static void load_variants(struct loading *g) {
	const struct doc_node *map = g->variants;
	if (map->count == 0 || map->count > FLAG_VARIANTS_MAX) {
		doc_error_key(&g->l->doc, map, "%u variants; expected 1 to %d", map->count,
		              FLAG_VARIANTS_MAX);
		return;
	}
	struct flag_variant *all = load_alloc(g->l, map->count, sizeof *all);
	if (!all) return;
	g->flag->variants = all;
	for (const struct doc_node *c = map->first; c; c = c->next) {
		load_variant(g, c, &all[g->flag->variant_count]);
		g->flag->variant_count++;
	}
}

static int variant_named(const struct loading *g, struct slice name) {
	for (int i = 0; i < g->flag->variant_count; i++)
		if (slice_is(name, g->flag->variants[i].name)) return i;
	return -1;
}

static int variant_reference(struct loading *g, const struct doc_node *n) {
	int variant = variant_named(g, n->text);
	if (variant < 0) doc_error_reference(&g->l->doc, n, "variant", g->variants);
	return variant;
}

/* --- rules ---------------------------------------------------------------------------------- */

static void load_weights(struct loading *g, const struct doc_node *map, struct flag_rule *r) {
	static const struct field weight = {.type = FIELD_NUMBER, .min = 0, .max = 10000};
	for (const struct doc_node *c = map->first; c; c = c->next) {
		uint64_t w = 0;
		int variant = variant_named(g, c->key);
		if (variant < 0)
			doc_error_key(&g->l->doc, c,
			              "%s is no variant; expected variants and their weights",
			              show(c->key).text);
		else if (doc_read_value(&g->l->doc, c, &weight, &w))
			r->weights[variant] = (uint16_t)w;
		r->weight_sum += (uint32_t)w;
	}
	if (!r->weight_sum)
		doc_error(&g->l->doc, map, "the weights add up to 0; expected at least one above");
}

static void load_split(struct loading *g, const struct doc_node *map, struct flag_rule *r) {
	struct split_source s = {.salt = g->flag->name};
	doc_read(&g->l->doc, map, split_fields, &s);
	r->salt = s.salt;
	if (s.weights) load_weights(g, s.weights, r);
	if (s.by) r->by = load_flag_expression(g->l, s.by, &cel_type_string, &r->variables);
}

static void load_rule(struct loading *g, const struct doc_node *n, struct flag_rule *r) {
	static const struct field entry = {.type = FIELD_MAPPING};
	struct flag_rule_source s = {NULL};
	const struct doc_node *map = NULL;
	*r = (struct flag_rule){.line = (int)n->line, .column = (int)n->column, .variant = -1};
	if (!doc_read_value(&g->l->doc, n, &entry, &map)) return;
	doc_read(&g->l->doc, map, rule_fields, &s);
	if (!s.variant == !s.split)
		doc_error(&g->l->doc, n, "found %s; expected either variant or split",
		          s.split ? "both" : "neither");
	if (s.when) r->when = load_flag_expression(g->l, s.when, &cel_type_bool, &r->variables);
	if (s.variant) r->variant = variant_reference(g, s.variant);
	if (s.split) load_split(g, s.split, r);
}

static void load_rules(struct loading *g, const struct doc_node *list) {
	if (list->count > FLAG_RULES_MAX) {
		doc_error_key(&g->l->doc, list, "%u rules; expected at most %d", list->count,
		              FLAG_RULES_MAX);
		return;
	}
	struct flag_rule *rules = load_alloc(g->l, list->count + 1, sizeof *rules);
	if (!rules) return;
	g->flag->rules = rules; /* counted before it is loaded: what was compiled is freed */
	for (const struct doc_node *c = list->first; c; c = c->next)
		load_rule(g, c, &rules[g->flag->rule_count++]);
}

/* --- the section ------------------------------------------------------------------------------- */

static void load_flag(struct load *l, const struct doc_node *n, struct policy_flag *flag) {
	static const struct field entry = {.type = FIELD_MAPPING};
	struct loading g = {.l = l, .flag = flag};
	struct flag_source s = {NULL};
	const struct doc_node *map = NULL;
	for (int i = 0; reserved[i]; i++)
		if (slice_is(n->key, reserved[i]))
			doc_error_key(&l->doc, n,
			              "%s is a flag of every decision already; expected another "
			              "name",
			              show(n->key).text);
	if (!doc_read_value(&l->doc, n, &entry, &map)) return;
	doc_read(&l->doc, map, flag_fields, &s);
	if (!s.variants) return; /* noted */
	g.variants = s.variants;
	load_variants(&g);
	if (!flag->variant_count) return; /* every reference would look wrong */
	if (s.fallback) flag->fallback = variant_reference(&g, s.fallback);
	if (s.rules) load_rules(&g, s.rules);
}

void load_flag_section(struct load *l) {
	if (!l->flags || l->doc.no_memory) return;
	if (l->flags->count > FLAGS_MAX) {
		doc_error_key(&l->doc, l->flags, "%u flags; expected at most %d", l->flags->count,
		              FLAGS_MAX);
		return;
	}
	struct policy_flag *flags = load_alloc(l, l->flags->count + 1, sizeof *flags);
	if (!flags) return;
	l->policy->flags = flags;
	for (const struct doc_node *c = l->flags->first; c; c = c->next) {
		int index = l->policy->flag_count++;
		flags[index].name = load_name(l, c, &l->own->flags, index);
		load_flag(l, c, &flags[index]);
	}
}
