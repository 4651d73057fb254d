/* One suite for every driver of store.h: each test is run on each kind of rig, and names the
 * sentence of the contract that it holds the driver to. */
#pragma once
#include "rig.h"

typedef void suite_test(void **state);
struct suite_case {
	const char *name;
	suite_test *run;
};
/* Runs every case on every kind of rig; the state of a case is its struct rig, opened. */
int suite_run(const struct suite_case *cases, int count);
#define CASE(fn)                                                                                   \
	{ #fn, fn }

/* Ordered faults, where the kind can: the next log write, or apply, or promise … fails. */
enum suite_fault { FAULT_APPEND, FAULT_PROMISE, FAULT_QUARANTINE };
bool suite_can_fail(const struct rig *g);
void suite_fail(struct rig *g, enum suite_fault what, enum err err, bool sticky);
void suite_heal(struct rig *g);

/* Appends records first … last of h and applies them. */
void suite_fill(struct rig *g, const struct history *h, uint64_t first, uint64_t last);
/* The view equals what h gives after record seq, by content and by hash. */
void suite_equals(struct rig *g, const struct history *h, uint64_t seq);
