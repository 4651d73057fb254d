/* The simulated world: its nodes, its clock, what happens next, and what people do to
 * nodes (pause, crash). The loop of a node, the network and the disk have files of their own. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "io/sim_driver.h"

enum { SIM_START_NS = 1000000000 }; /* not 0: nobody may take "never" for a time */

struct sim *sim_new(const struct sim_options *options) {
	struct sim *s = sim_alloc(sizeof *s);
	s->options = *options;
	s->now_ns = SIM_START_NS;
	struct sim_rng seeds = {options->seed};
	s->plan.state = sim_rng_next(&seeds);
	s->net.state = sim_rng_next(&seeds);
	s->jobs.state = sim_rng_next(&seeds);
	s->entropy.state = sim_rng_next(&seeds);
	s->next_port = 20000;
	list_init(&s->nodes);
	list_init(&s->ios);
	list_init(&s->links);
	list_init(&s->paths);
	return s;
}

uint64_t sim_random(struct sim *s, uint64_t below) {
	return sim_rng_below(&s->plan, below);
}

uint64_t sim_now_ns(const struct sim *s) {
	return s->now_ns;
}

uint64_t sim_digest(const struct sim *s) {
	return s->digest;
}

/* --- nodes ------------------------------------------------------------------------ */

struct sim_node *sim_node_find(struct sim *s, const char *host) {
	LIST_EACH (&s->nodes, n) {
		struct sim_node *node = CONTAINER_OF(n, struct sim_node, node);
		if (strcmp(node->host, host) == 0) return node;
	}
	return NULL;
}

struct sim_node *sim_node_get(struct sim *s, const char *host) {
	struct sim_node *node = sim_node_find(s, host);
	if (node) return node;
	node = sim_alloc(sizeof *node);
	ASSERT(strlen(host) < sizeof node->host);
	memcpy(node->host, host, strlen(host) + 1);
	node->sim = s;
	list_init(&node->held);
	list_push_back(&s->nodes, &node->node);
	return node;
}

struct io *sim_node(struct sim *s, const char *host) {
	struct sim_node *node = sim_node_get(s, host);
	if (!node->io) node->io = sim_io_new(s, node);
	node->off = false;
	sim_connects_wake(s); /* who knocked while it had no power knocks again */
	return &node->io->base;
}

struct files *sim_disk(struct sim *s, const char *host) {
	struct sim_node *node = sim_node_get(s, host);
	if (!node->disk) {
		uint64_t seed[2] = {s->options.seed, 0};
		node->disk = sim_disk_new(siphash13(seed, host, strlen(host)));
	}
	return node->disk;
}

void sim_set_wall(struct sim *s, const char *host, int64_t offset_ms) {
	sim_node_get(s, host)->wall_offset_ms = offset_ms;
}

uint64_t sim_node_clock_ns(const struct sim_node *n) {
	int64_t passed_ns = (int64_t)(n->sim->now_ns - n->clock_at_ns);
	if (n->rate_ppm) passed_ns += (int64_t)((__int128)passed_ns * n->rate_ppm / 1000000);
	return n->clock_ns + (uint64_t)passed_ns;
}

void sim_set_rate(struct sim *s, const char *host, int ppm) {
	struct sim_node *n = sim_node_get(s, host);
	ASSERT(ppm > -100000 && ppm < 100000);
	n->clock_ns = sim_node_clock_ns(n);
	n->clock_at_ns = s->now_ns;
	n->rate_ppm = ppm;
}

void sim_free(struct sim *s) {
	if (!s) return;
	LIST_EACH (&s->links, n) sim_link_free(CONTAINER_OF(n, struct sim_link, node));
	LIST_EACH (&s->ios, n) sim_io_release(CONTAINER_OF(n, struct sim_io, all));
	LIST_EACH (&s->nodes, n) {
		struct sim_node *node = CONTAINER_OF(n, struct sim_node, node);
		sim_disk_free(node->disk);
		free(node);
	}
	while (list_first(&s->paths))
		free(list_pop_front(&s->paths)); /* the node is the first member */
	free(s->heap.items);
	free(s);
}

/* --- what happens next -------------------------------------------------------------- */

static bool is_paused(const struct sim_event *ev) {
	return ev->io && ev->io->node->paused;
}

static void run_event(struct sim *s, struct sim_event *ev) {
	s->now_ns = ev->at_ns;
	s->digest = mix64(s->digest ^ ev->at_ns) + ev->order;
	ev->fn(ev);
}

/* What is due on a node at the same instant shares a turn, as it would in a real loop. */
static void run_turn(struct sim *s, struct sim_event *ev) {
	struct sim_io *io = ev->io;
	run_event(s, ev);
	if (!io) return;
	for (int i = 1; i < SIM_TURN_EVENTS && !io->dead; i++) {
		struct sim_event *next = sim_event_first(s);
		if (!next || next->io != io || next->at_ns != s->now_ns || is_paused(next)) break;
		run_event(s, sim_event_pop(s));
	}
	if (!io->dead) io_hooks_call(&io->hooks);
}

static bool step_until(struct sim *s, uint64_t end_ns) {
	for (struct sim_event *ev; (ev = sim_event_first(s)) && ev->at_ns <= end_ns;) {
		sim_event_pop(s);
		if (is_paused(ev)) {
			ev->slot = SIM_EVENT_HELD;
			list_push_back(&ev->io->node->held, &ev->held);
			continue;
		}
		run_turn(s, ev);
		return true;
	}
	return false;
}

bool sim_step(struct sim *s) {
	return step_until(s, UINT64_MAX);
}

void sim_run_for(struct sim *s, uint64_t ns) {
	uint64_t end_ns = ns < UINT64_MAX - s->now_ns ? s->now_ns + ns : UINT64_MAX;
	while (step_until(s, end_ns)) {}
	s->now_ns = end_ns;
}

/* --- faults ---------------------------------------------------------------------------- */

void sim_pause(struct sim *s, const char *host, bool paused) {
	struct sim_node *node = sim_node_get(s, host);
	node->paused = paused;
	if (paused) return;
	for (struct list_node *n; (n = list_first(&node->held));)
		sim_event_at(s, CONTAINER_OF(n, struct sim_event, held), s->now_ns);
}

void sim_hang(struct sim *s, const char *host, bool hangs) {
	sim_node_get(s, host)->hangs = hangs;
}

void sim_crash(struct sim *s, const char *host, bool power_loss) {
	struct sim_node *node = sim_node_get(s, host);
	struct sim_io *io = node->io;
	if (io) {
		sim_io_die(io);
		sim_links_die(io, power_loss);
	}
	node->off = power_loss;
	node->paused = false;
	if (node->disk) sim_disk_crash(node->disk, power_loss);
}
