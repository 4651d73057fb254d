/* One world for tests that must hold on every driver: a client and a server that can reach each
 * other. Over libuv both are one loop; in the simulation they are two nodes. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "io/io.h"
#include "io/sim.h"

static const uint64_t MS = 1000000;

struct port {
	struct io *client, *server;
	const char *host; /* of the server */
	struct sim *sim;  /* NULL: libuv */
	struct io_timer *watchdog;
};

static inline void port_stuck(void *arg) {
	fail_msg("nothing happened for too long");
}

static inline void port_watch(struct port *p) {
	p->watchdog = io_timer_new(p->client, port_stuck, p);
	io_timer_start(p->watchdog, 60000 * MS);
}

static inline int port_uv(void **state) {
	struct port *p = calloc(1, sizeof *p);
	p->client = p->server = io_uv_new();
	p->host = "127.0.0.1";
	port_watch(p);
	*state = p;
	return 0;
}

static inline int port_sim(void **state) {
	struct port *p = calloc(1, sizeof *p);
	const struct sim_options options = {
		.seed = 7,
		.net_delay_min_ns = MS / 10,
		.net_delay_max_ns = MS,
		.job_delay_min_ns = MS / 10,
		.job_delay_max_ns = 2 * MS,
	};
	p->sim = sim_new(&options);
	p->client = sim_node(p->sim, "client");
	p->server = sim_node(p->sim, "server");
	p->host = "server";
	port_watch(p);
	*state = p;
	return 0;
}

static inline int port_done(void **state) {
	struct port *p = *state;
	io_timer_free(p->watchdog);
	io_free(p->client);
	if (p->sim) io_free(p->server);
	sim_free(p->sim);
	free(p);
	return 0;
}

static inline void port_run(struct port *p) {
	io_run(p->client);
}

static inline void port_stop(struct port *p) {
	io_stop(p->client);
}

/* Runs for a while: for what must not happen. */
static inline void port_stop_due(void *arg) {
	port_stop(arg);
}

static inline void port_run_for(struct port *p, uint64_t ns) {
	struct io_timer *t = io_timer_new(p->client, port_stop_due, p);
	io_timer_start(t, ns);
	port_run(p);
	io_timer_free(t);
}

#define ON_BOTH(test)                                                                              \
	{#test " (libuv)", test, port_uv, port_done, NULL}, {                                      \
#test " (simulation)", test, port_sim, port_done, NULL                             \
	}
