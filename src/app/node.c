/* Wires a node. Notices go from the cells to the edges through on_change here, so that no
 * folder includes one above it. */
#include "app/node.h"
#include "app/command.h"
#include "base/log.h"
#include "coord/embedded.h"
#include "coord/etcd.h"
#include "edge/rollout.h"
#include "edge/tenants.h"
#include "store/local.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS_MAX = 64 };

struct worker {
	struct node *node;
	struct io *io;
	struct edge *edge;
	pthread_t thread;
	bool running;
};
struct node {
	const struct config *config;
	struct io *io;
	struct registry *registry;
	struct host *host;
	struct admin *admin;
	struct worker workers[WORKERS_MAX];
	int worker_count;
	struct edge *edges[WORKERS_MAX]; /* theirs */
	char **store_dirs;               /* per cell; NULL: no copy here */
	struct coord *coord;
	struct rollout *rollout;
	char policies[1200];
	struct tenants *tenants;
	char *tenants_dir;
};

static void on_change(void *arg) {
	struct node *n = arg;
	for (int i = 0; i < n->worker_count; i++)
		if (n->workers[i].running) edge_wake(n->workers[i].edge);
	if (n->admin) admin_changed(n->admin);
	rollout_world_changed(n->rollout);
}

static enum err open_store(struct node *n, int cell, struct store **out, struct fault *fault) {
	const struct config *c = n->config;
	char dir[1200];
	snprintf(dir, sizeof(dir), "%s/cells/%s", c->data, c->policy->cells[cell].name);
	n->store_dirs[cell] = strdup(dir);
	if (!n->store_dirs[cell]) return fault_set(fault, ERR_NO_MEMORY, "no memory for a path");
	struct store_local_options options = {
		.dir = dir,
		.cell = c->policy->cells[cell].name,
		.node = c->node->region,
		.segment_bytes = c->node->segment_bytes,
		.retain_bytes = c->node->retain_bytes,
		.min_free_bytes = c->node->min_free_bytes,
	};
	return store_local_open(n->io, files_posix(), &options, out, fault);
}

static const char *given(const char *text) {
	return *text ? text : NULL;
}

static enum err open_etcd(struct node *n, struct fault *fault) {
	const struct config *c = n->config;
	const struct node_etcd *etcd = &c->node->etcd;
	struct coord_etcd_options options = {
		.endpoints = etcd->endpoints,
		.endpoint_count = etcd->endpoint_count,
		.prefix = etcd->prefix,
		.node = c->node->region,
		.ca = given(c->etcd_ca),
		.cert = given(c->etcd_cert),
		.key = given(c->etcd_key),
		.user = given(etcd->user),
		.password = given(c->etcd_password),
		.timeout_ns = etcd->timeout_ms * 1000000,
	};
	return coord_etcd_open(n->io, &options, &n->coord, fault);
}

static enum err open_coord(struct node *n, struct fault *fault) {
	const struct config *c = n->config;
	if (c->node->etcd.endpoint_count) return open_etcd(n, fault);
	struct coord_embedded_options options = {
		.path = c->coordination, .cluster = c->node->cluster, .node = c->node->region};
	return coord_embedded_open(n->io, &options, &n->coord, fault);
}

/* A copy lives here only if the policy names this region as replica of the cell: that is what
 * keeps a tenant's bytes off the disks outside its residency class. */
static enum err open_cells(struct node *n, struct host_cell_options *cells, struct fault *fault) {
	const struct policy *p = n->config->policy;
	int self = n->config->node->self;
	for (int i = 0; i < p->cell_count; i++) {
		const struct policy_cell *c = &p->cells[i];
		cells[i] = (struct host_cell_options){
			.name = c->name,
			.replicas = c->replicas,
			.replica_count = c->replica_count,
			.sync = c->mode == CELL_SYNC,
			.availability = c->on_partition == PARTITION_AVAILABILITY,
			.copies = c->copies,
			.max_loss = c->max_loss,
			.max_lag_ns = c->max_lag_ms * 1000000,
			.throttle = c->on_lag == LAG_THROTTLE,
			.replication_sla_ns = c->replication_sla_ms * 1000000,
			.failover_after_ns = c->failover_after_ms * 1000000,
		};
		if (n->config->node->is_witness || !(c->replica_set & (1ull << self))) continue;
		enum err e = open_store(n, i, &cells[i].store, fault);
		if (e) return e;
	}
	return ERR_OK;
}

static enum err open_host(struct node *n, struct host_cell_options *cells, struct fault *fault) {
	const struct config *c = n->config;
	const char *regions[POLICY_REGIONS_MAX + 1], *hosts[POLICY_REGIONS_MAX + 1];
	uint16_t ports[POLICY_REGIONS_MAX + 1];
	char canary[1200];
	int count = c->node->region_count + c->node->has_witness;
	for (int i = 0; i < count; i++) {
		regions[i] = c->node->regions[i].name;
		hosts[i] = c->node->regions[i].replication.host;
		ports[i] = c->node->regions[i].replication.port;
	}
	snprintf(canary, sizeof(canary), "%s/canary", c->data);
	struct host_options options = {
		.cluster = c->node->cluster,
		.regions = regions,
		.region_count = count,
		.self = c->node->self,
		.witness = c->node->has_witness,
		.hosts = hosts,
		.ports = ports,
		.secret = slice_of(c->secret, c->secret_len),
		.cells = cells,
		.cell_count = c->policy->cell_count,
		.coord = n->coord,
		.files = files_posix(),
		.canary_path = c->node->is_witness ? NULL : canary,
		.lease_length_ns = c->node->lease_length_ms * 1000000,
		.lease_renew_ns = c->node->lease_renew_ms * 1000000,
		/* Who shares a file has it or is gone: only a store elsewhere can be silent. */
		.failsafe = c->node->etcd.endpoint_count > 0,
		.registry = n->registry,
		.on_change = on_change,
		.arg = n,
	};
	return host_new(n->io, &options, &n->host, fault);
}

static enum err open_tenants(struct node *n, struct fault *fault) {
	const struct config *c = n->config;
	char dir[1200];
	snprintf(dir, sizeof(dir), "%s/tenants", c->state);
	n->tenants_dir = strdup(dir);
	if (!n->tenants_dir) return fault_set(fault, ERR_NO_MEMORY, "no memory for a path");
	struct tenants_options options = {
		.policy = c->policy,
		.config = c->node,
		.coord = n->coord,
		.files = files_posix(),
		.dir = n->tenants_dir,
		.secret = slice_of(c->secret, c->secret_len),
	};
	directory_thread_enter();
	return tenants_new(n->io, &options, &n->tenants, fault);
}

static enum err open_admin(struct node *n, struct fault *fault) {
	struct admin_options options = {
		.policy = n->config->policy,
		.config = n->config->node,
		.host = n->host,
		.tenants = n->tenants,
		.registry = n->registry,
		.files = files_posix(),
		.rollout = n->rollout,
		.policies = n->policies,
		.store_dirs = (const char *const *)n->store_dirs,
		.dns_state = *n->config->dns_state ? n->config->dns_state : NULL,
		.dns_extfile = *n->config->dns_extfile ? n->config->dns_extfile : NULL,
		.edges = n->edges,
		.edge_count = n->worker_count,
		.version = HOLDFAST_VERSION,
	};
	return admin_new(n->io, &options, &n->admin, fault);
}

static enum err open_rollout(struct node *n, struct fault *fault) {
	snprintf(n->policies, sizeof(n->policies), "%s/policy", n->config->state);
	struct rollout_options options = {
		.boot = n->config->policy,
		.boot_path = n->config->policy_path,
		.config = n->config->node,
		.files = files_posix(),
		.dir = n->policies,
		.registry = n->registry,
	};
	return rollout_new(n->io, &options, &n->rollout, fault);
}

/* Another node on one of our ports would share it without a word. */
static enum err check_ports(const struct config *c, struct fault *fault) {
	const struct node_region *r = &c->node->regions[c->node->self];
	enum err e = c->node->is_witness ? ERR_OK
	                                 : io_tcp_check(r->http.host, r->http.port, fault);
	if (!e) e = io_tcp_check(r->admin.host, r->admin.port, fault);
	return e ? e : io_tcp_check(r->replication.host, r->replication.port, fault);
}

static void *worker_main(void *arg) {
	struct worker *w = arg;
	directory_thread_enter();
	io_run(w->io);
	directory_thread_leave();
	return NULL;
}

/* One worker shares the loop with the cells: a write then crosses to no other thread but the disk's,
 * and on a small machine that is what it waits for (docs/decisions/0012). Several have threads. */
static enum err worker_start(struct worker *w, struct fault *fault) {
	w->running = w->io == w->node->io || pthread_create(&w->thread, NULL, worker_main, w) == 0;
	if (!w->running)
		return fault_set(fault, ERR_NO_MEMORY, "a worker's thread cannot be started");
	if (w->io != w->node->io) pthread_setname_np(w->thread, "hf-worker");
	return ERR_OK;
}

static enum err open_workers(struct node *n, struct fault *fault) {
	const struct config *c = n->config;
	int count = c->node->workers;
	if (count == 0) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (count > WORKERS_MAX) count = WORKERS_MAX;
	struct edge_options options = {
		.policy = rollout_policy(n->rollout),
		.signals = rollout_signals(n->rollout),
		.config = c->node,
		.tenancy = tenants_tenancy(n->tenants),
		.tenants = n->tenants,
		.host = n->host,
		.secret = slice_of(c->secret, c->secret_len),
		.registry = n->registry,
		.workers = count,
		.files = files_posix(),
		.recordings = *c->recordings ? c->recordings : NULL,
	};
	for (int i = 0; i < count; i++) {
		struct worker *w = &n->workers[i];
		w->node = n;
		options.worker = i;
		w->io = count == 1 ? n->io : io_uv_new();
		if (!w->io) return fault_set(fault, ERR_NO_MEMORY, "no memory for a worker's loop");
		enum err e = edge_new(w->io, &options, &w->edge, fault);
		if (e) return e;
		n->edges[i] = w->edge;
		n->worker_count = i + 1;
	}
	enum err e = ERR_OK;
	for (int i = 0; i < count && !e; i++) e = worker_start(&n->workers[i], fault);
	return e;
}

enum err node_open(const struct config *config, struct node **out, struct fault *fault) {
	struct node *n = calloc(1, sizeof(*n));
	struct host_cell_options *cells =
		calloc((size_t)config->policy->cell_count + 1, sizeof(*cells));
	if (!n || !cells) {
		free(n);
		free(cells);
		return fault_set(fault, ERR_NO_MEMORY, "no memory for a node");
	}
	n->config = config;
	n->io = io_uv_new();
	n->registry = registry_new();
	n->store_dirs = calloc((size_t)config->policy->cell_count + 1, sizeof(char *));
	bool made = n->io && n->registry && n->store_dirs;
	enum err e = made ? ERR_OK : fault_set(fault, ERR_NO_MEMORY, "no memory for a node");
	if (!e && !config->node->is_witness)
		e = files_posix()->ops->mkdir(files_posix(), config->data);
	if (e && made)
		fault_set(fault, e, "%s: %s: make the directory or change `data`", config->data,
		          err_text(e));
	/* Coordination first: it refuses a second process of this name before anything is opened. */
	if (!e) e = open_coord(n, fault);
	if (!e) e = check_ports(config, fault);
	if (!e) e = open_rollout(n, fault);
	if (!e) e = open_cells(n, cells, fault);
	if (!e) e = open_host(n, cells, fault);
	if (!e && !config->node->is_witness) e = open_tenants(n, fault);
	if (!e && !config->node->is_witness) e = open_workers(n, fault);
	if (!e) e = open_admin(n, fault);
	if (!e)
		e = rollout_start(n->rollout, n->coord, n->host, n->edges, n->worker_count, on_change, n,
		                  fault);
	free(cells);
	*out = n; /* also half open: the process reports and ends */
	return e;
}

void node_run(struct node *n) {
	io_run(n->io);
}
void node_stop(struct node *n) {
	for (int i = 0; i < n->worker_count; i++) edge_drain(n->workers[i].edge);
	if (n->worker_count == 1) return; /* its edge ends the loop of both */
	for (int i = 0; i < n->worker_count; i++) pthread_join(n->workers[i].thread, NULL);
	io_stop(n->io); /* only now: until then it answers for the cells */
}

void node_close(struct node *n) {
	for (int i = 0; i < n->worker_count; i++) {
		struct worker *w = &n->workers[i];
		w->running = false; /* nobody wakes it any more */
		edge_free(w->edge); /* lets go of the stores' readers */
	}
	admin_free(n->admin);
	tenants_free(n->tenants);
	host_free(n->host);
	rollout_free(n->rollout); /* after coordination, which has its operations */
}
