/* What the steps of opening a local store hand to each other. */
#pragma once
#include "store/local_state.h"

struct opening {
	struct local *l;
	struct fault *fault;
	struct session session;
	bool session_known, same_boot;
	struct position cut;
	bool has_cut;
	struct checkpoint checkpoints[CHECKPOINTS_MAX];
	int checkpoint_count;
	uint64_t floor_seq;
};

/* "DIR: what: why". */
enum err opening_fault(struct opening *o, enum err err, const char *what);
/* local_identity.c: whose directory it is; a new one is made. Reads the promise. */
enum err opening_identity(struct opening *o);
