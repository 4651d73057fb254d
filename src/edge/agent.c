/* HAProxy's agent-check: connect, get a line, done. */
#include "edge/agent.h"
#include "edge/rollout.h"

#include <stdlib.h>

struct agent_port {
	struct agent *agent;
	int region;
	struct io_listener *listener;
};
struct agent {
	const struct node_config *config;
	const struct host *host;
	const struct region_signals *signals; /* NULL: nobody drains */
	struct agent_port ports[POLICY_REGIONS_MAX];
};

/* `ready` takes back a drain that HAProxy remembers; the reason of a `down` shows in its statistics. */
static struct slice state_of(const struct agent_port *p) {
	bool up = p->region == p->agent->config->self || host_region_up(p->agent->host, p->region);
	if (!up) return SLICE_LIT("down #no node of the region lives\n");
	const struct region_signals *said = p->agent->signals;
	bool drains = said && atomic_load(&said->draining) >> p->region & 1;
	return drains ? SLICE_LIT("up drain\n") : SLICE_LIT("up ready 100%\n");
}

static void on_accept(void *arg, struct io_conn *conn) {
	struct slice line = state_of(arg);
	IGNORE(io_conn_write(conn, &line, 1)); /* then it gets no line and asks again */
	io_conn_close(conn, true);
}

enum err agent_new(struct io *io, const struct admin_options *options, struct agent **out, struct fault *fault) {
	struct agent *a = calloc(1, sizeof(*a));
	*out = a;
	if (!a) return fault_set(fault, ERR_NO_MEMORY, "no memory for agent checks");
	const struct node_config *config = options->config;
	a->config = config;
	a->host = options->host;
	a->signals = options->rollout ? rollout_signals(options->rollout) : NULL;
	enum err e = ERR_OK;
	for (int i = 0; !e && i < config->region_count; i++) {
		struct agent_port *p = &a->ports[i];
		*p = (struct agent_port){.agent = a, .region = i};
		uint16_t port = (uint16_t)(config->agent_check.port + i);
		e = io_tcp_check(config->agent_check.host, port, fault);
		if (!e)
			e = io_tcp_listen(io, config->agent_check.host, port, on_accept, p,
			                  &p->listener, fault);
	}
	return e;
}

void agent_free(struct agent *a) {
	if (!a) return;
	for (int i = 0; i < POLICY_REGIONS_MAX; i++)
		if (a->ports[i].listener) io_listener_close(a->ports[i].listener);
	free(a);
}
