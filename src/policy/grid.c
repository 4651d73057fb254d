/* Requests made up. */
#include "policy/grid.h"

enum { GRID_BOUND_MS = 500 };

static const struct {
	const char *name;
	enum consistency consistency;
} kinds[GRID_KINDS] = {
	[GRID_WRITE] = {"write", CONSISTENCY_SESSION},
	[GRID_STRONG] = {"strong read", CONSISTENCY_STRONG},
	[GRID_SESSION] = {"session read", CONSISTENCY_SESSION},
	[GRID_BOUNDED] = {"bounded read", CONSISTENCY_BOUNDED},
	[GRID_EVENTUAL] = {"eventual read", CONSISTENCY_EVENTUAL},
};

struct decide_request grid_request(int tenant, int here, int kind) {
	bool write = kind == GRID_WRITE;
	return (struct decide_request){
		.tenant = tenant,
		.here = here,
		.write = write,
		.consistency = kinds[kind].consistency,
		.bounded_ms = kind == GRID_BOUNDED ? GRID_BOUND_MS : 0,
		.method = write ? SLICE_LIT("PUT") : SLICE_LIT("GET"),
		.path = SLICE_LIT("/"),
	};
}

const char *grid_name(int kind) {
	return kinds[kind].name;
}
