/* decide(): where does this request belong, and why. Pure, total, no allocation:
 * the same policy, world and request give the same decision, so that it can be
 * explained, replayed and tested.
 *
 * Order: residency → the tenant's preferences → rules → the cell's placement → world filters.
 * Each step only narrows `allowed`.
 */
#pragma once
#include "base/buf.h"
#include "policy/policy.h"
#include "policy/rules.h"

/* Every signal has an age: 0 = just seen, UINT32_MAX = never; the caller computes it. One that is
 * older than the policy's `signals` allow is not believed, and the reason says so:
 *   state     down and draining turn into a last resort: it may be back, nobody knows
 *   breaker   counts as closed: it will open again at the first failure
 *   capacity  counts as free
 *   lag       counts as not known: fails `bounded`
 * Placement (home, epoch, promoting) has no age: the last known is used, and the home itself
 * refuses who believes in an old one. */
struct world_region {
	enum { REGION_ACTIVE, REGION_DRAINING, REGION_DOWN } state;
	uint32_t state_age_ms;
	bool breaker_open; /* from this edge to that region's edge */
	uint32_t breaker_age_ms;
	bool over_capacity;
	uint32_t capacity_age_ms;
};
struct world_cell {
	int home;              /* region index; -1: not known */
	uint64_t epoch;
	bool promoting;        /* between homes: hold */
	uint32_t lag_ms[POLICY_REPLICAS_MAX]; /* per replica, as in policy_cell.replicas; UINT32_MAX: not known */
	uint32_t lag_age_ms[POLICY_REPLICAS_MAX];
};
struct world {
	const struct world_region *regions; /* one per policy region */
	const struct world_cell *cells;     /* one per policy cell */
	uint64_t version;
};

struct decide_header {
	struct slice name; /* lower case */
	struct slice value;
};
struct decide_client {
	const struct cel_net *ip; /* NULL: not known */
	struct slice country;     /* ISO 3166-1; empty: not known */
	bool located;
	double latitude, longitude;
};
struct decide_request {
	int tenant; /* index; -1 with `who`: none of the policy's */
	/* The tenant as it is now, where that is not what the policy says: made since, or with
	 * preferences of its own. Its indexes are of this policy. NULL: policy->tenants[tenant]. */
	const struct policy_tenant *who;
	int here;   /* region of this edge */
	bool write;
	bool forwarded; /* another edge passed it on: never pass it on again */
	bool ruled;     /* and obeyed the rules, with facts that are not here: they are left out */
	enum consistency consistency;
	uint32_t bounded_ms;
	struct slice domain, method, path, host;
	const struct decide_header *headers;
	int header_count;
	uint64_t body_bytes;
	uint64_t time_ms; /* wall clock; 0: not known */
	struct decide_client client;
	struct slice sticky; /* what weights hash; empty: the tenant's name */
	struct arena *scratch; /* for conditions that build texts or lists; NULL: those fail */
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
	REASON_SIGNAL_OLD,      /* last resort: down or draining, but nobody said so for `value` ms */
	REASON_MAINTENANCE,     /* last resort: preferred, but the tenant's maintenance window is open */
	REASON_EXPLICIT_FAILOVER, /* dropped, or held: the tenant wants no other region to step in */
	REASON_SECONDARY,       /* kept, by the edge: no copy could serve it, the secondary source did */
	/* By a rule; `value` is its index in policy->rules. */
	REASON_RULE_DENY,        /* refuse */
	REASON_RULE_ALLOW,       /* dropped: the rule's list lacks it */
	REASON_RULE_EXCLUDE,     /* dropped */
	REASON_RULE_PIN,         /* dropped: another region is pinned */
	REASON_RULE_PREFER,      /* moved forward */
	REASON_RULE_WEIGHT,      /* chosen by weight: see decision.bucket */
	REASON_RULE_CONSISTENCY, /* set the consistency in force */
	REASON_RULE_HOLD, REASON_RULE_DEADLINE, /* set hold_ms, deadline_ms */
	REASON_RULE_ERROR,       /* its condition failed: counts as no match; a deny denies */
	REASON_RULE_EMPTY,       /* refuse: it took the last region that could serve it */
	REASON_COUNT
};
struct decision_reason {
	uint8_t reason;  /* enum reason */
	int8_t region;   /* -1: not about one region */
	uint32_t value;  /* observed: lag or age in ms; index of a rule; 0 otherwise */
};
enum { DECISION_REASONS_MAX = 160, DECISION_ERRORS_MAX = 8, DECISION_BUCKETS = 10000 };
struct decision {
	enum verdict verdict;
	int region;                 /* for HERE and FORWARD; -1 otherwise */
	int fallbacks[POLICY_REPLICAS_MAX];
	int fallback_count;         /* in order, all within `allowed` */
	region_set allowed;         /* residency class and rules: checked again at every retry, forward and copy */
	enum err refusal;           /* for REFUSE: ERR_MISDIRECTED (with `region` = where to go), ERR_UNAVAILABLE,
	                             * ERR_FORBIDDEN (a deny: `rule` has status and text) */
	int rule;                   /* that denied; -1 */
	enum consistency consistency; /* in force, after rules */
	uint32_t bounded_ms;
	uint32_t hold_ms, deadline_ms; /* 0: the edge's own */
	int32_t bucket;             /* 0..DECISION_BUCKETS-1 where a weight chose; -1 */
	uint32_t rules_matched, rules_failed; /* how many */
	struct decision_reason reasons[DECISION_REASONS_MAX];
	int reason_count;
};
static inline const struct policy_tenant *decide_tenant(const struct policy *p,
                                                        const struct decide_request *r) {
	return r->who ? r->who : &p->tenants[r->tenant];
}
/* Writes the fields it sets; `out->reasons` beyond reason_count is left alone (speed). */
void decide(const struct policy *p, const struct world *w, const struct decide_request *r,
            struct decision *out);
/* The same, and which rules matched: bit i of `hits` (policy->rule_count bits, zeroed by the
 * caller) is set. For tests' coverage and for replays. */
void decide_traced(const struct policy *p, const struct world *w, const struct decide_request *r,
                   struct decision *out, uint64_t *hits);
/* "eu-west: down for 1200 ms" … one line per reason; a rule as "excluded by rule 'eu-only'
 * (line 31)". The same decision gives the same bytes. */
MUST enum err decision_explain(const struct policy *p, const struct decision *d, struct buf *out);
const char *reason_name(enum reason r); /* "transit-refused" */
