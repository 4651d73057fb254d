/* Requests made up. */
#include "policy/grid.h"

#define GRID_TIME_MS UINT64_C(1767268800000) /* 2026-01-01T12:00:00Z */
enum { GRID_BOUND_MS = 500 };

/* Of a range for documentation: nobody's. */
static const struct cel_net address = {.bytes = {192, 0, 2, 1}, .family = 4, .prefix = 32};

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

struct decide_request grid_request(const struct policy *p, int tenant, int here, int kind) {
	bool write = kind == GRID_WRITE;
	const char *country = p->tenants[tenant].country;
	return (struct decide_request){
		.tenant = tenant,
		.here = here,
		.write = write,
		.consistency = kinds[kind].consistency,
		.bounded_ms = kind == GRID_BOUNDED ? GRID_BOUND_MS : 0,
		.method = write ? SLICE_LIT("PUT") : SLICE_LIT("GET"),
		.path = SLICE_LIT("/"),
		.time_ms = GRID_TIME_MS,
		.client = {.ip = &address,
	                   .country = country[0] ? slice_str(country) : SLICE_LIT("ZZ"),
	                   .located = true,
	                   .latitude = p->regions[here].latitude,
	                   .longitude = p->regions[here].longitude},
	};
}

const char *grid_name(int kind) {
	return kinds[kind].name;
}
