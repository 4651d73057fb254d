/* holdfast.yaml: what one node needs to know to start. Loaded and checked like the
 * policy; pure: paths are resolved by the caller against the file's directory.
 *
 *   cluster: playground
 *   region: us-east
 *   data: us-east                # directory of this node's bytes
 *   policy: policy.yaml
 *   coordination: {file: coordination}   # all regions on one machine; or, on many:
 *   # coordination: {etcd: {endpoints: ["https://etcd-1:2379", …], ca: ca.pem, cert: node.pem,
 *   #                key: node.key, user: holdfast, password_file: etcd.password,
 *   #                prefix: /holdfast/CLUSTER/, timeout: 600ms}}   # timeout: as lease.length
 *   secret_file: cluster.secret  # shared by the regions: signs tokens, opens replication
 *   regions:                     # every region of the policy, in this order
 *     us-east: {http: "127.0.0.1:7101", admin: "127.0.0.1:7201", replication: "127.0.0.1:7301"}
 *   witness: {name: lighthouse, admin: "h:1", replication: "h:2"} # a third place that votes and holds
 *                                # no data; its own file has `role: witness`, region: lighthouse
 *   workers: 1                   # loops that serve HTTP; 0: one per core. One: the cells' own
 *   lease: {length: 600ms, renew: 100ms}
 *   limits: {connections: 10000, body: 4MiB, unsent: 256MiB, head: 16KiB, header_time: 10s,
 *            body_rate: 1KiB, idle_time: 75s}
 *   hold: {requests: 1024, bytes: 64MiB, time: 10s}
 *   storage: {segment: 16MiB, min_free: 64MiB, retain: 256MiB}
 *   decisions: 1024              # remembered by each worker, for `explain --id`
 *   trusted_proxies: [10.0.0.0/8] # whose X-Forwarded-For and country header are believed
 *   country_header: cf-ipcountry
 *   decision_keys: ["sha256:…"]  # of proxies: may ask for a decision about any tenant
 *   agent_check: "127.0.0.1:7501" # HAProxy's agent-check, region i at port + i
 *   dns: {admin_state: /etc/gdnsd/admin_state} # of gdnsd: written at each change
 */
#pragma once
#include "policy/policy.h"

enum { NODE_PROXIES_MAX = 64, NODE_DECISION_KEYS_MAX = 16, NODE_ENDPOINTS_MAX = 9 };
struct cel_net;

struct node_address {
	const char *host;
	uint16_t port;
};
struct node_region {
	const char *name;
	struct node_address http, admin, replication;
};
/* Texts that are not given are "". */
struct node_etcd {
	const char *const *endpoints; /* "https://HOST:PORT" */
	int endpoint_count;           /* 0: coordination is a file */
	const char *prefix, *ca, *cert, *key, *user, *password_file;
	uint64_t timeout_ms;
};
struct node_config {
	const char *cluster, *region, *data, *policy, *secret_file;
	const char *coordination; /* the file; "": etcd */
	struct node_etcd etcd;
	const struct node_region *regions;
	int region_count, self; /* self: index of `region` in regions */
	bool has_witness;       /* it is regions[region_count], without http */
	bool is_witness;        /* this node: self is region_count */
	int workers;
	uint64_t lease_length_ms, lease_renew_ms;
	uint64_t connections_max, body_max_bytes, unsent_max_bytes, head_max_bytes;
	uint64_t header_time_ms, body_rate_floor_bytes, idle_time_ms;
	uint64_t hold_requests, hold_bytes, hold_time_ms;
	uint64_t segment_bytes, min_free_bytes, retain_bytes;
	uint64_t decisions_kept;
	const struct cel_net *trusted_proxies;
	int trusted_proxy_count;
	const char *country_header; /* lower case; "": none */
	const uint8_t (*decision_keys)[32];
	int decision_key_count;
	struct node_address agent_check; /* of the first region; port 0: none */
	const char *dns_state;           /* "": none */
	struct node_private *private;
};
MUST enum err node_config_load(struct slice yaml, const char *file,
                               void (*report)(void *arg, const struct policy_error *e), void *arg,
                               struct node_config **out);
/* What only both files together show: a region of one missing in the other, another order. */
MUST enum err node_config_check(const struct node_config *c, const char *file, const struct policy *p,
                                void (*report)(void *arg, const struct policy_error *e), void *arg);
void node_config_free(struct node_config *c);
