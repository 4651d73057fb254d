/* Conditions of rules, and the variables they share: compiled once, when the policy is loaded, and
 * refused with the place of the mistake in the file. May not know effects. */
#include <stdio.h>

#include "policy/load_rules.h"

enum { VARIABLE_PREFIX_BYTES = sizeof "variables." - 1 };

/* expected: NULL: anything. */
static struct cel_options options_for(struct load *l, const struct cel_type *expected) {
	return (struct cel_options){.expected = expected,
	                            .cost_max = RULE_COST_MAX,
	                            .zone = load_zone_named,
	                            .zone_arg = l};
}

/* --- conditions -------------------------------------------------------------------------------- */

static void condition_error(struct load *l, const struct doc_node *n, const struct cel_issue *i) {
	if (mistakes_full(&l->doc.mistakes)) return;
	struct doc_place at = doc_place_within(&l->doc, n, i->at);
	mistake_add(&l->doc.mistakes, at.line, at.column, "in the condition %s: %s",
	            show(n->text).text, i->text);
}

static struct cel_program *compile(struct load *l, const struct doc_node *n,
                                   const struct cel_type *expected) {
	struct cel_options options = options_for(l, expected);
	struct cel_issues issues = {0};
	struct cel_program *program = NULL;
	enum err err = cel_compile(l->own->env, n->text, &options, &issues, &program);
	for (int i = 0; i < issues.count; i++) condition_error(l, n, &issues.items[i]);
	if (err == ERR_NO_MEMORY) l->doc.no_memory = true;
	if (err && err != ERR_NO_MEMORY && !issues.count)
		doc_error(&l->doc, n, "cannot be compiled: %s", err_text(err));
	return program;
}

/* A comment at the end must not take the parenthesis with it. */
static const char *closing(struct slice text) {
	return memmem(text.ptr, text.len, "//", 2) ? "\n)" : ")";
}

/* "(outer) && (inner)": what a rule in groups asks. */
static struct slice join(struct load *l, const struct rule_scope *s, struct slice own) {
	struct slice outer = s ? join(l, s->outer, s->when) : (struct slice){0};
	if (!outer.len || !own.len) return outer.len ? outer : own;
	size_t room = outer.len + own.len + sizeof "(\n) && (\n)";
	char *text = load_alloc(l, room, 1);
	if (!text) return own; /* noted: the policy is refused */
	int made = snprintf(text, room, "(" SLICE_FMT "%s && (" SLICE_FMT "%s", SLICE_ARG(outer),
	                    closing(outer), SLICE_ARG(own), closing(own));
	return slice_of(text, (size_t)made);
}

static uint64_t variables_read(const struct policy_private *own, const struct cel_program *p) {
	uint64_t reads = 0;
	for (int i = 0; i < own->variable_count; i++)
		if (cel_program_uses(p, SLOT_COUNT + i))
			reads |= (uint64_t)1 << i | own->variables[i].reads;
	return reads;
}

static void note_slots(uint64_t *used, const struct cel_program *p) {
	for (int i = 0; i < SLOT_COUNT; i++)
		if (cel_program_uses(p, i)) *used |= (uint64_t)1 << i;
}

struct cel_program *load_flag_expression(struct load *l, const struct doc_node *n,
                                         const struct cel_type *type, uint64_t *variables) {
	struct cel_program *p = compile(l, n, type);
	if (!p) return NULL;
	*variables |= variables_read(l->own, p);
	note_slots(&l->own->flag_slots_used, p);
	return p;
}

bool load_condition_valid(struct load *l, const struct doc_node *when) {
	struct cel_program *p = compile(l, when, &cel_type_bool);
	cel_program_free(p);
	return p;
}

void load_when(struct load *l, const struct doc_node *n, const struct doc_node *when,
               const struct rule_scope *s, struct policy_rule *r) {
	/* By itself first, so that a mistake is told where it stands; the groups' own were. */
	if (when && !load_condition_valid(l, when)) return;
	struct slice text = join(l, s, when ? when->text : (struct slice){0});
	if (!text.len) return;
	struct cel_options options = options_for(l, &cel_type_bool);
	struct cel_issues issues = {0};
	enum err err = cel_compile(l->own->env, text, &options, &issues, &r->when);
	if (err == ERR_NO_MEMORY) l->doc.no_memory = true;
	if (err) {
		doc_error(&l->doc, when ? when : n,
		          "together with the conditions of the groups around it: %s",
		          issues.count ? issues.items[0].text : err_text(err));
		return;
	}
	r->when_text = doc_keep(&l->doc, text);
	r->cost_max = cel_program_cost_max(r->when);
	r->variables = variables_read(l->own, r->when);
	note_slots(&l->own->slots_used, r->when);
}

/* --- variables --------------------------------------------------------------------------------- */

static void load_variable(struct load *l, const struct doc_node *n, struct rule_variable *v) {
	static const struct field scalar = {.type = FIELD_SCALAR, .expected = "an expression"};
	const struct doc_node *text = NULL;
	if (!doc_read_value(&l->doc, n, &scalar, &text)) return;
	struct cel_program *p = compile(l, text, NULL);
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
	note_slots(&l->own->slots_used, p);
	l->own->variable_count++;
}

void load_variables(struct load *l) {
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
