/* The Common Expression Language (cel-spec v0.25, doc/langdef.md), complete but for protobuf
 * messages: parser, type checker, compiler, evaluator. Pure: no clock, no file, no log, no
 * global state; evaluation of expressions over scalars allocates nothing.
 *
 * An environment says what names mean. Compiling gives a program: immutable, shared by all
 * threads. Evaluating takes values for the variables by slot.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "cel/cel_function.h"
#include "cel/cel_type.h"
#include "cel/cel_value.h"
#include "cel/cel_zone.h"

enum {
	CEL_SOURCE_MAX = 100000, /* bytes of one expression */
	CEL_DEPTH_MAX = 250,     /* nesting, parentheses and operators */
	CEL_NODES_MAX = 50000,   /* after macros */
	CEL_ISSUES_MAX = 20,
	CEL_SLOTS_MAX = 256, /* variables of an environment */
};

/* One mistake in an expression; line and column count from 1, columns in code points. */
struct cel_issue {
	uint32_t line, column;
	uint32_t at; /* byte offset */
	char text[240]; /* "undeclared reference to 'tennant' (did you mean 'tenant'?)" */
};
struct cel_issues {
	int count;
	struct cel_issue items[CEL_ISSUES_MAX];
};

/* --- the environment -------------------------------------------------------------------- */

struct cel_env;
/* All libraries of cel_function.h. Owned by the caller; build it once, in one thread; then it is
 * read-only, may be shared, and must outlive its programs. NULL: no memory. */
struct cel_env *cel_env_new(void);
void cel_env_free(struct cel_env *e);
/* name: "x" or qualified "request.path"; kept by copy, and so is the type. Slots count from 0 in
 * the order of declaration; `slot` may be NULL. ERR_EXISTS, ERR_INVALID (not a name),
 * ERR_TOO_MANY, ERR_NO_MEMORY. */
MUST enum err cel_env_variable(struct cel_env *e, struct slice name, const struct cel_type *type,
                               int *slot);
/* type: text as in cel_type_parse, ERR_INVALID if it is none. */
MUST enum err cel_env_variable_text(struct cel_env *e, const char *name, const char *type,
                                    int *slot);
/* A constant that names stand for: folded when compiled. What it points at is borrowed. */
MUST enum err cel_env_constant(struct cel_env *e, struct slice name, const struct cel_value *v);
/* A library of the embedder's; borrowed. ERR_INVALID: a signature is not readable. */
MUST enum err cel_env_library(struct cel_env *e, const struct cel_library *l);
/* Time zones by name, for getHours("Europe/Paris") and its like; borrowed, complete for a program when
 * that is compiled. Without: UTC and offsets such as "+02:00" only. */
void cel_env_zones(struct cel_env *e, const struct cel_zones *z);
/* Names are looked up in "a.b", "a", then root. */
MUST enum err cel_env_container(struct cel_env *e, struct slice container);

/* --- compiling ---------------------------------------------------------------------------- */

struct cel_options {
	const struct cel_type *expected; /* of the result, "bool" for a rule; NULL: anything */
	uint64_t cost_max;               /* refused when the estimate's bound is over; 0: no check */
	bool unchecked;                  /* parse only: everything is dyn */
	bool suite_macros;               /* cel.block and its like, of cel-spec's own suites */
	/* Asked for each time zone that is written down; it may add it to the environment's zones. NULL:
	 * it is known; else why not, and the program is refused. NULL here: an unknown one fails when
	 * it is evaluated. */
	const char *(*zone)(void *arg, struct slice name);
	void *zone_arg;
};
struct cel_program;
/* Keeps nothing of the source. ERR_INVALID with issues; ERR_TOO_LARGE (an issue says which limit);
 * ERR_NO_MEMORY. */
MUST enum err cel_compile(const struct cel_env *e, struct slice source,
                          const struct cel_options *o, struct cel_issues *issues,
                          struct cel_program **out);
void cel_program_free(struct cel_program *p);
const struct cel_type *cel_program_type(const struct cel_program *p);
/* What an evaluation costs at most, for texts of up to 1,024 bytes and lists of up to 64 elements
 * where sizes are not known; UINT64_MAX: unbounded.
 *
 * A unit is about one step: an operator, a turn of a loop, an element copied or compared, ten
 * bytes of text looked at; some tens of nanoseconds at most. Code without loops is charged as a
 * whole when it is entered, at the start and at each turn, as though && || ?: skipped nothing;
 * loops, and functions over long values, are charged as they go. */
uint64_t cel_program_cost_max(const struct cel_program *p);
/* Whether it reads this slot. */
bool cel_program_uses(const struct cel_program *p, int slot);

/* What must hold for a bool program to be true: `slot` equals one of the values. From conjuncts at
 * the top of the form slot == constant, slot in [constants], and slot or !slot of a bool: where the
 * slot has a value and it is none of them, the program is false, whatever the other conjuncts are,
 * errors included. An index over many programs skips those (what they would have cost is saved, so
 * one that would have ended over its limit is false as well); a slot without a value skips none.
 * Returns how many; *out belongs to the program. */
struct cel_guard {
	int slot;
	const struct cel_value *values; /* STRING, INT, UINT or BOOL */
	int count;
};
int cel_program_guards(const struct cel_program *p, const struct cel_guard **out);

/* --- evaluating ------------------------------------------------------------------------------ */

struct cel_frame {
	const struct cel_value *slots; /* one per variable; CEL_ERROR (zero) where not known */
	struct arena *arena;           /* results that need memory; NULL: those are errors */
	uint64_t cost_limit;           /* 0: one million */
};
/* Any thread. Total: bounded by the cost limit and the arena. */
void cel_eval(const struct cel_program *p, const struct cel_frame *f, struct cel_value *out);
/* For bool programs: 1, 0, or -1 for an error (*fault says which; may be NULL). The fast way. */
int cel_test(const struct cel_program *p, const struct cel_frame *f, enum cel_fault *fault);
