/* The edge of one worker loop: takes HTTP requests, finds out who asks (trust), where
 * it belongs (policy), and serves it here (cell), passes it on to the region it belongs to,
 * holds it while a cell is between homes, or refuses it with a problem document.
 *
 * One edge per worker loop; nothing is shared between edges but what is read-only or
 * marked [any] in cell/host.h.
 */
#pragma once
#include <stdatomic.h>

#include "cell/host.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "edge/tenants.h"
#include "policy/decide.h"
#include "policy/node.h"
#include "trust/tenancy.h"

/* What operators say of regions, written by the owner loop and read by every edge. */
struct region_signals {
	_Atomic uint64_t draining; /* bit per region */
	_Atomic uint64_t heard_ns; /* when coordination last said so; on io_now_ns' clock */
};

struct edge;
struct rollout;
struct edge_options {
	const struct policy *policy; /* outlive the edge */
	const struct node_config *config;
	struct tenancy tenancy;
	struct tenants *tenants; /* takes what tenants prefer; NULL: nobody does */
	struct host *host;   /* cell i of the host is cell i of the policy, region i likewise */
	struct slice secret; /* signs session tokens; borrowed */
	const struct region_signals *signals; /* what operators say of regions; NULL: nothing */
	struct registry *registry;
	int worker, workers; /* 0… of so many; goes into the ids of its decisions */
	struct files *files; /* for recordings; NULL: as recordings */
	const char *recordings; /* their directory; NULL: decisions are not recorded */
};
MUST enum err edge_new(struct io *io, const struct edge_options *options, struct edge **out,
                       struct fault *fault);
/* Any thread: from one moment on its loop the edge decides by another policy, requests under way
 * included, and looks at no other than these two. Places must be the same (policy/change.h). A stopped
 * edge answers no more. */
struct edge_swap {
	struct io_post post;
	struct edge *edge;
	struct io *reply_to;
	const struct policy *policy, *last; /* last: decisions of it are remembered; NULL: none */
	int index; /* the caller's */
	void (*done)(struct edge_swap *s);
};
void edge_policy(struct edge *e, struct edge_swap *s);
/* A cell or a region changed: decide anew for every held request. Any thread. */
void edge_wake(struct edge *e);
/* Any thread, once. Takes no more requests, answers those under way for a second at most, then
 * stops the edge's loop. */
void edge_drain(struct edge *e);
/* Any thread: what an edge remembers of a decision that it gave this id. Caller-owned until `done`,
 * which is called on reply_to's loop; a stopped edge answers no more. */
struct edge_query {
	struct io_post post;
	struct edge *edge;
	struct io *reply_to;
	char id[64];
	struct buf body; /* the caller's to free: JSON; empty: forgotten or never given */
	enum err err;    /* ERR_NOT_FOUND, ERR_NO_MEMORY */
	void (*done)(struct edge_query *q);
};
void edge_decision(struct edge *e, struct edge_query *q);
/* The loop has stopped. */
void edge_free(struct edge *e);

/* The admin port: /metrics, /livez, /readyz, /admin/v1/status, /admin/v1/quarantine[/ID],
 * /admin/v1/decisions/ID, /admin/v1/tenants…, /admin/v1/feed/CELL; admin_control.c: /admin/v1/policy…,
 * /admin/v1/regions…. Beside it what tells HAProxy and gdnsd of the regions.
 * One per process, on the owner loop or a worker's. */
struct admin;
struct admin_options {
	const struct policy *policy;
	const struct node_config *config;
	struct host *host;
	struct tenants *tenants;
	struct registry *registry;
	struct files *files;
	struct rollout *rollout;       /* versions and drains; NULL: none */
	const char *policies;          /* where it keeps texts */
	const char *const *store_dirs; /* per cell: where its quarantine is; NULL: no copy here */
	const char *dns_state, *dns_extfile; /* paths for gdnsd; NULL: none */
	struct edge *const *edges;     /* remember decisions */
	int edge_count;
	const char *version;
};
MUST enum err admin_new(struct io *io, const struct admin_options *options, struct admin **out,
                        struct fault *fault);
/* A cell or a region changed. The owner loop. */
void admin_changed(struct admin *a);
void admin_free(struct admin *a);
