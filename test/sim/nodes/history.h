/* Is what clients saw of one key explained by one copy that does one thing at a time? The search
 * of Wing and Gong with Lowe's memory of states (Testing for linearizability, 2016). Pure: knows
 * keys only as numbers, and nothing of the simulation.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum history_kind {
	HISTORY_READ,  /* saw `value` */
	HISTORY_WRITE, /* makes it `value` */
	HISTORY_SWAP,  /* makes it `value` if it is `expect` */
	HISTORY_ADD,   /* adds `delta` if the sum is within [min, max]; `value`: the sum */
};
enum history_end {
	HISTORY_DONE,
	HISTORY_REFUSED, /* SWAP, ADD: the condition did not hold; nothing happened */
	HISTORY_UNKNOWN, /* may have taken effect at any time since the call, or never */
};
/* Absent is 0. Times are of one clock; who returned before another was called comes first. */
struct history_op {
	enum history_kind kind;
	enum history_end end;
	uint64_t call_ns, return_ns; /* return: not of UNKNOWN */
	int64_t value, expect, delta, min, max;
	int id; /* the caller's */
};
enum history_verdict {
	HISTORY_LINEARIZABLE,
	HISTORY_BROKEN,
	HISTORY_UNDECIDED, /* not within steps_max */
};
struct history_evidence {
	int placed;    /* so many completed ops can be explained at once, */
	int stuck;     /* but then not this one: index into ops */
	int64_t state; /* which finds this */
};
/* `start`: the value before all. why: filled when it is broken. Calls that are unknown, and that
 * nobody can have noticed, cost nothing. */
enum history_verdict history_judge(const struct history_op *ops, int count, int64_t start,
                                   uint64_t steps_max, struct history_evidence *why);
