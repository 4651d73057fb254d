/* Conditions of one decision, evaluated: the values that they ask for, and the variables that they share,
 * each made at most once. Private to src/policy. */
#pragma once
#include "policy/load.h"
#include "policy/rule_slots.h"

struct rule_frame {
	struct rule_inputs *inputs;
	struct cel_frame cel;
	uint64_t evaluated; /* variables */
};

/* Fills the inputs with what `used` (bit per slot) asks for. */
static inline struct rule_frame rule_frame(struct rule_inputs *inputs, const struct policy *p,
                                           const struct world *w, const struct decide_request *r,
                                           uint64_t used) {
	rule_inputs_fill(inputs, p, w, r, used, p->private->variable_count);
	return (struct rule_frame){.inputs = inputs,
	                           .cel = {.slots = inputs->slots, .arena = r->scratch}};
}

static inline void rule_variables(struct rule_frame *f, uint64_t wanted) {
	const struct rule_variable *v = f->inputs->policy->private->variables;
	for (uint64_t left = wanted & ~f->evaluated; left; left &= left - 1) {
		int i = __builtin_ctzll(left);
		cel_eval(v[i].program, &f->cel, &f->inputs->slots[SLOT_COUNT + i]);
	}
	f->evaluated |= wanted;
}

/* 1, 0, or -1 for a condition that fails, and why. variables: that it reads. */
static inline int rule_test(struct rule_frame *f, const struct cel_program *when,
                            uint64_t variables, enum cel_fault *fault) {
	if (variables & ~f->evaluated) rule_variables(f, variables);
	return cel_test(when, &f->cel, fault);
}
