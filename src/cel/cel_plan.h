/* Making nodes from a tree: what is known now is decided now. The tree may be checked, then
 * names and overloads are settled in it, or not, then names are looked up here and overloads are
 * chosen by kinds at run time. Private to the planner's files. */
#pragma once
#include "cel/cel_ast.h"
#include "cel/cel_env_private.h"
#include "cel/cel_program.h"
#include "cel/cel_tree.h"

/* Bounds used where nothing is known of a size (cel_program_cost_max). */
enum { CEL_TEXT_ASSUMED = 1024, CEL_COUNT_ASSUMED = 64 };

/* A planned expression: its node, and what its parent must know of it. */
struct cel_planned {
	const struct cel_node *node; /* NULL: no memory, or refused */
	uint64_t steps;              /* straight-line, charged as a whole where it is entered */
	uint64_t cost;               /* at most, loops and dynamic charges included; saturates */
	/* Of its value, at most: elements; units that looking at all of it costs. */
	uint64_t count, units;
	uint32_t lowest_local; /* of those it reads from outside; UINT32_MAX: none */
	bool reads_slots;
};

/* A variable of a macro, in sight while its body is planned. */
struct cel_scope {
	const struct cel_scope *outer;
	struct slice name;
	uint32_t local;
	const struct cel_planned *constant; /* stands for it; NULL: it is a local */
};

struct cel_planner {
	const struct cel_env *env;
	struct cel_program *program;
	const struct cel_scope *scope;
	uint32_t local_count;
	uint64_t fold_cost_left; /* for evaluating constant expressions now */
	uint64_t measures_left;  /* parts of constants that may still be measured */
	bool checked;            /* then constants that cannot be meant are refused */
	struct slice source;
	const struct cel_options *options;
	struct cel_issues *issues;
	enum err err;              /* an issue says why; nodes made since are of no use */
	enum cel_fault fold_fault; /* of what was evaluated last */
};

/* --- cel_plan.c ------------------------------------------------------------------------------ */

struct cel_planned cel_plan(struct cel_planner *p, const struct cel_expr *e);
/* The first time: an issue, and the compilation ends in `err`. */
void cel_plan_refuse(struct cel_planner *p, enum err err, uint32_t at, const char *format, ...)
	PRINTF_LIKE(4, 5);
/* A node of `bytes` with these functions. NULL: no memory. */
void *cel_plan_node(struct cel_planner *p, const struct cel_node *functions, size_t bytes);
struct cel_planned cel_plan_value(struct cel_planner *p, const struct cel_value *v);
/* The same, evaluated now where nothing it reads can change. */
struct cel_planned cel_plan_folded(struct cel_planner *p, struct cel_planned planned);
/* The value of a constant; NULL: it is none. */
const struct cel_value *cel_plan_constant(const struct cel_planned *planned);

/* The start of a planned expression of type `t`: one step, sizes by type, nothing read. */
struct cel_planned cel_planned_new(const struct cel_type *t);
/* `whole` evaluates `part` once: steps, cost and reads are added. */
void cel_planned_add(struct cel_planned *whole, const struct cel_planned *part);
uint64_t cel_sum(uint64_t a, uint64_t b);     /* saturating */
uint64_t cel_product(uint64_t a, uint64_t b); /* saturating */
/* "a.b.last" of a chain of fields "a.b" whose first is no local; else empty. In `room`. */
struct slice cel_plan_qualified(const struct cel_planner *p, const struct cel_expr *e,
                                struct slice last, char room[CEL_NAME_MAX]);
/* For nodes that read a variable in place and evaluate anything else: one or the other. */
bool cel_plan_operand(const struct cel_planned *operand, uint32_t *place, uint32_t *index,
                      const struct cel_node **node);
/* operand.key or has(operand.key). */
struct cel_planned cel_plan_key(struct cel_planner *p, const struct cel_node *functions,
                                const struct cel_planned *operand, struct slice key,
                                const struct cel_type *type);
/* Fills in the parts of a list or map, and adds them to `whole`. */
bool cel_plan_parts(struct cel_planner *p, const struct cel_expr *e, struct cel_literal *out,
                    struct cel_planned *whole);

/* --- cel_plan_call.c --------------------------------------------------------------------------- */

struct cel_planned cel_plan_call(struct cel_planner *p, const struct cel_expr *e);

/* What a call calls. */
struct cel_callee {
	struct slice function; /* as written, without a namespace */
	const struct cel_overload *const *overloads;
	uint32_t count;
	bool receiver; /* the target is the first argument */
	uint32_t arg_count;
	uint32_t at; /* in the source */
};
struct cel_planned cel_plan_invoke(struct cel_planner *p, const struct cel_callee *callee,
                                   const struct cel_planned *args, const struct cel_type *type);

/* --- cel_plan_special.c -------------------------------------------------------------------- */

/* A node made for these arguments. False: there is none, the general call does. */
bool cel_plan_special(struct cel_planner *p, const struct cel_callee *callee,
                      const struct cel_planned *args, struct cel_planned *out);

/* --- cel_plan_fold.c ------------------------------------------------------------------------------- */

struct cel_planned cel_plan_fold(struct cel_planner *p, const struct cel_expr *e);

/* --- cel_guard.c ------------------------------------------------------------------------------------ */

/* Sets the program's guards. */
MUST enum err cel_guards_find(struct cel_program *p, const struct cel_env *e);
