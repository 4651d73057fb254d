/* From source to program: parse, check, plan, and what is asked of a program afterwards. */
#include <stdlib.h>

#include "cel/cel_check.h"
#include "cel/cel_issue.h"
#include "cel/cel_parse.h"
#include "cel/cel_plan.h"

enum {
	TREE_BYTES_MAX = 64 << 20, /* of CEL_NODES_MAX nodes and their types */
	PROGRAM_BYTES_MAX = 64 << 20,
	FOLD_COST_MAX = 100000, /* for evaluating what is constant */
	MEASURES_MAX = 1000000, /* parts of constants, for the bound of the cost */
};

/* What a program costs at most is a promise about its caller's time: said with numbers. */
static enum err check_cost(const struct cel_program *p, struct slice source,
                           const struct cel_options *o, struct cel_issues *issues) {
	if (!o->cost_max || p->cost_max <= o->cost_max) return ERR_OK;
	if (p->cost_max == UINT64_MAX)
		cel_issue_add(issues, source, 0,
		              "what this costs has no bound, %llu is allowed: nest fewer loops",
		              (unsigned long long)o->cost_max);
	else
		cel_issue_add(issues, source, 0,
		              "this can cost %llu, %llu is allowed: nest fewer loops",
		              (unsigned long long)p->cost_max, (unsigned long long)o->cost_max);
	return ERR_TOO_LARGE;
}

static enum err plan_tree(struct cel_program *p, const struct cel_env *e,
                          const struct cel_expr *tree, struct slice source,
                          const struct cel_options *o, struct cel_issues *issues) {
	struct cel_planner planner = {.env = e,
	                              .program = p,
	                              .fold_cost_left = FOLD_COST_MAX,
	                              .measures_left = MEASURES_MAX,
	                              .checked = !o->unchecked,
	                              .source = source,
	                              .options = o,
	                              .issues = issues};
	p->zones = cel_env_zones_of(e);
	struct cel_planned planned = cel_plan(&planner, tree);
	if (planner.err) return planner.err;
	if (!planned.node) return ERR_NO_MEMORY;
	p->root = planned.node;
	p->steps = planned.steps > INT32_MAX ? INT32_MAX : (int64_t)planned.steps;
	p->cost_max = planned.cost;
	return cel_guards_find(p, e);
}

/* The program keeps nothing of the tree, which ends with its arena. */
static enum err compile_in(struct arena *tree, struct cel_program *p, const struct cel_env *e,
                           struct slice source, const struct cel_options *o,
                           struct cel_issues *issues) {
	const struct cel_expr *root;
	const struct cel_type *type = &cel_type_dyn;
	enum err err = cel_parse(tree, source, o->suite_macros ? CEL_MACROS_SUITE : CEL_MACROS_ALL,
	                         issues, &root);
	if (err) return err;
	if (!o->unchecked) err = cel_check(e, tree, source, o->expected, issues, root, &type);
	if (err) return err;
	p->type = cel_type_copy(&p->arena, type);
	if (!p->type) return ERR_NO_MEMORY;
	err = plan_tree(p, e, root, source, o, issues);
	return err ? err : check_cost(p, source, o, issues);
}

enum err cel_compile(const struct cel_env *e, struct slice source, const struct cel_options *o,
                     struct cel_issues *issues, struct cel_program **out) {
	static const struct cel_options none = {0};
	struct cel_program *p = calloc(1, sizeof *p);
	struct arena tree;
	*out = NULL;
	if (!p) return ERR_NO_MEMORY;
	arena_init(&p->arena, PROGRAM_BYTES_MAX);
	arena_init(&tree, TREE_BYTES_MAX);
	enum err err = compile_in(&tree, p, e, source, o ? o : &none, issues);
	arena_done(&tree);
	if (err)
		cel_program_free(p);
	else
		*out = p;
	return err;
}

void cel_program_free(struct cel_program *p) {
	if (!p) return;
	for (struct cel_prepared *made = p->prepared; made; made = made->next)
		made->release(made->data);
	arena_done(&p->arena);
	free(p);
}

const struct cel_type *cel_program_type(const struct cel_program *p) {
	return p->type;
}

uint64_t cel_program_cost_max(const struct cel_program *p) {
	return p->cost_max;
}

bool cel_program_uses(const struct cel_program *p, int slot) {
	ASSERT(slot >= 0 && slot < CEL_SLOTS_MAX);
	return p->uses[slot / 64] >> slot % 64 & 1;
}

int cel_program_guards(const struct cel_program *p, const struct cel_guard **out) {
	*out = p->guards;
	return p->guard_count;
}
