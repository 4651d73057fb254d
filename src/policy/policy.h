/* The policy: regions, residency classes, cells with their replicas, tenants. Built
 * once from policy.yaml, then read-only and shared by all threads; a new version is a
 * new object. Pure: no clock, no file, no allocation while deciding.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum { POLICY_REGIONS_MAX = 64, POLICY_NAME_MAX = 31, POLICY_REPLICAS_MAX = 8 };
typedef uint64_t region_set; /* bit i: policy->regions[i]; a scalar, hence the one typedef */

enum consistency { CONSISTENCY_STRONG, CONSISTENCY_SESSION, CONSISTENCY_BOUNDED, CONSISTENCY_EVENTUAL };
enum cell_mode { CELL_ASYNC, CELL_SYNC };
enum lag_choice { LAG_HOLD, LAG_THROTTLE };
enum partition_choice { PARTITION_CONSISTENCY, PARTITION_AVAILABILITY };

struct policy_region {
	const char *name, *jurisdiction;
	double latitude, longitude;
	uint64_t capacity; /* requests/s; 0: not stated */
	double cost, carbon; /* for cheapest and greenest: any unit, lower is better; 0: not stated */
};
struct policy_residency {
	const char *name;
	region_set regions; /* whose disks may hold the bytes */
	bool transit;       /* other regions' edges may pass a request on in memory */
};
struct policy_cell {
	const char *name;
	int replicas[POLICY_REPLICAS_MAX]; /* region indexes in order of succession; [0] the preferred home */
	int replica_count;
	region_set replica_set;
	enum cell_mode mode;
	int copies;                        /* sync: acknowledged when so many have it on disk, home included */
	enum partition_choice on_partition;
	uint64_t replication_sla_ms;
	/* async: more than so many records, or writes of so long, are not lost by an automatic failover;
	 * 0: no limit */
	uint64_t max_loss, max_lag_ms;
	enum lag_choice on_lag;
	uint64_t failover_after_ms; /* a home is gone for so long before another takes over */
};
enum { DAY_MINUTES = 24 * 60 };
/* Every day, in minutes of the local day; over midnight where to < from; from == to: never. */
struct policy_maintenance {
	uint16_t from, to;
	int16_t zone; /* minutes east of UTC */
};
struct policy_tenant {
	const char *name;
	int residency, cell;               /* indexes */
	enum consistency consistency;      /* default for its requests */
	uint64_t bounded_ms;               /* for CONSISTENCY_BOUNDED */
	const char *tier, *country;        /* attributes; "" when not given */
	int preferred[POLICY_REPLICAS_MAX]; /* regions it wants reads from, validated against residency */
	int preferred_count;
	bool explicit_failover; /* while the region a read belongs to is away it waits: no other copy answers */
	struct policy_maintenance maintenance;
	const struct policy_attribute *attributes; /* all others, for rules */
	int attribute_count;
	const uint8_t (*key_hashes)[32];   /* SHA-256 of its API keys */
	int key_count;
};
struct policy_attribute {
	const char *name, *value;
};

/* How old a signal of the world may be and still be believed; see decide.h. */
struct policy_signals {
	uint32_t state_ms, breaker_ms, capacity_ms, lag_ms; /* 10 s, 30 s, 10 s, 2 s */
};
struct policy_rule;

struct policy {
	const struct policy_region *regions;
	int region_count;
	const struct policy_residency *residencies;
	int residency_count;
	const struct policy_cell *cells;
	int cell_count;
	const struct policy_tenant *tenants;
	int tenant_count;
	const struct policy_rule *rules; /* in the file's order, groups flattened; see rules.h */
	int rule_count;
	struct policy_signals signals;
	uint8_t hash[32]; /* SHA-256 of the source: the version people see */
	struct policy_private *private;
};

/* One mistake in a file. line and column count from 1. */
struct policy_error {
	const char *file;
	int line, column;
	char text[300]; /* names the offending value and what was expected */
};
/* Parses and checks; reports every mistake found (at most 50) through `report`, as
 * `file:line:column: text`. ERR_INVALID when there was any; ERR_TOO_LARGE over 64 MiB,
 * ERR_NO_MEMORY. Limits on depth and aliases are ours. `file` is used in messages only. */
MUST enum err policy_load(struct slice yaml, const char *file,
                          void (*report)(void *arg, const struct policy_error *e), void *arg,
                          struct policy **out);
void policy_free(struct policy *p);

/* "strong", "session", "eventual", "bounded=500ms" (1ms to 1d), in policy.yaml and in the
 * request header alike. ERR_INVALID leaves both alone; *bounded_ms is 0 unless bounded. */
enum { CONSISTENCY_BOUNDED_MS_MAX = 24 * 3600 * 1000 };
#define CONSISTENCY_EXPECTED "strong, session, eventual, or bounded=500ms (1ms to 1d)"
MUST enum err consistency_parse(struct slice text, enum consistency *out, uint64_t *bounded_ms);

/* Index or -1. */
int policy_find_region(const struct policy *p, struct slice name);
int policy_find_residency(const struct policy *p, struct slice name);
int policy_find_cell(const struct policy *p, struct slice name);
int policy_find_tenant(const struct policy *p, struct slice name);
/* The tenant whose key has this SHA-256, or -1; compared in constant time. */
int policy_find_key(const struct policy *p, const uint8_t sha256[32]);
