/* The etcd driver for the suite: one cluster for all cases, a prefix for each. */
#pragma once
#include "etcd_cluster.h"

#include "coord/etcd.h"
#include "drivers.h"

static struct cluster cluster;
static bool cluster_has_users;
static int prefixes;

static void etcd_start(struct place *p) {
	*p = (struct place){.io = io_uv_new()};
	assert_non_null(p->io);
	p->timer = io_timer_new(p->io, on_turn, p);
	snprintf(p->path, sizeof p->path, "/holdfast/test-%d/", prefixes++);
}

static enum err etcd_open(struct place *p, const char *node, struct coord **out) {
	struct coord_etcd_options o = {.endpoints = cluster.endpoints,
	                               .endpoint_count = MEMBERS,
	                               .prefix = p->path,
	                               .node = node,
	                               .timeout_ns = 2000 * MS};
	if (cluster.tls) o.ca = cluster.ca, o.cert = cluster.cert, o.key = cluster.key;
	if (cluster_has_users) o.user = "holdfast", o.password = "pass word";
	struct fault fault = {0};
	enum err e = coord_etcd_open(p->io, &o, out, &fault);
	if (e) print_message("%s\n", fault.text);
	return e;
}

static void etcd_stop(struct place *p) {
	io_timer_free(p->timer);
	io_free(p->io);
}

static const struct driver etcd_driver = {.name = "coord-etcd",
                                          .across_machines = true,
                                          .start = etcd_start,
                                          .open = etcd_open,
                                          .run = embedded_run,
                                          .stop = etcd_stop};
