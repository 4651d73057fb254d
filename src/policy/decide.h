/* decide(): where does this request belong, and why. Pure, total, no allocation:
 * the same policy, world and request give the same decision, so that it can be
 * explained, replayed and tested.
 *
 * Order: residency → tenant preferences → rules (none yet: the seam is struct plan in
 * decide.c) → the cell's placement → world filters. Each step only narrows `allowed`.
 */
#pragma once
#include "base/buf.h"
#include "policy/policy.h"

/* Every signal has an age: 0 = just seen; the caller computes it. */
struct world_region {
	enum { REGION_ACTIVE, REGION_DRAINING, REGION_DOWN } state;
	uint32_t state_age_ms;
	bool breaker_open; /* from this edge to that region's edge */
	bool over_capacity;
};
struct world_cell {
	int home;              /* region index; -1: not known */
	uint64_t epoch;
	bool promoting;        /* between homes: hold */
	uint32_t lag_ms[POLICY_REPLICAS_MAX]; /* per replica, as in policy_cell.replicas; UINT32_MAX: not known */
};
struct world {
	const struct world_region *regions; /* one per policy region */
	const struct world_cell *cells;     /* one per policy cell */
	uint64_t version;
};

struct decide_request {
	int tenant; /* index */
	int here;   /* region of this edge */
	bool write;
	bool forwarded; /* another edge passed it on: never pass it on again */
	enum consistency consistency;
	uint32_t bounded_ms;
	struct slice domain, method, path;
};

enum verdict {
	VERDICT_HERE,    /* serve at this node */
	VERDICT_FORWARD, /* pass on to `region` */
	VERDICT_HOLD,    /* no home now: wait, bounded, and decide again */
	VERDICT_REFUSE,  /* answer `refusal` */
};
enum reason {
	REASON_RESIDENCY,       /* dropped: outside the residency class */
	REASON_NOT_REPLICA,     /* dropped: holds no copy of the cell */
	REASON_PREFERENCE,      /* moved forward: the tenant prefers it */
	REASON_HOME,            /* kept: home of the cell */
	REASON_LOCAL_COPY,      /* kept: a copy here is fresh enough */
	REASON_DOWN, REASON_DRAINING, REASON_BREAKER, REASON_CAPACITY, REASON_STALE,
	REASON_PROMOTING,       /* hold: the cell is between homes */
	REASON_NO_HOME,
	REASON_TRANSIT_REFUSED, /* refuse: residency class says transit: refuse */
	REASON_FORWARDED_TWICE, /* hold or refuse: it came from another edge already */
	REASON_COUNT
};
struct decision_reason {
	uint8_t reason;  /* enum reason */
	int8_t region;   /* -1: not about one region */
	uint32_t value;  /* observed: lag or age in ms; 0 otherwise */
};
enum { DECISION_REASONS_MAX = 80 };
struct decision {
	enum verdict verdict;
	int region;                 /* for HERE and FORWARD; -1 otherwise */
	int fallbacks[POLICY_REPLICAS_MAX];
	int fallback_count;         /* in order, all within `allowed` */
	region_set allowed;         /* residency class: checked again at every retry, forward and copy */
	enum err refusal;           /* for REFUSE: ERR_MISDIRECTED (with `region` = where to go), ERR_UNAVAILABLE */
	struct decision_reason reasons[DECISION_REASONS_MAX];
	int reason_count;
};
/* Writes the fields it sets; `out->reasons` beyond reason_count is left alone (speed). */
void decide(const struct policy *p, const struct world *w, const struct decide_request *r,
            struct decision *out);
/* "eu-west: down for 1200 ms" … one line per reason. */
MUST enum err decision_explain(const struct policy *p, const struct decision *d, struct buf *out);
const char *reason_name(enum reason r); /* "transit-refused" */
