/* The host: builds the cells of this node with all that they stand on, ends each turn of the
 * loop, and keeps one timer for all deadlines. What a cell decides is in the core; what is
 * done about it, in host_actions.c. */
#include "cell/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "cell/host_private.h"
#include "cell/mutant.h"

static const uint64_t HEARTBEAT_NS = 20000000u;
static const uint64_t SEAL_WAIT_NS = 200000000u;
static const uint64_t RANK_DELAY_NS = 150000000u;
static const uint64_t DEGRADE_AFTER_NS = 1000000000u;
static const uint64_t APPLY_PAUSE_NS = 50000000u;
enum { WINDOW_BYTES = 4 << 20, INFLIGHT_BYTES = 32 << 20, APPLY_BYTES = 1 << 20 };

/* --- the link's notices -------------------------------------------------------------------- */

static void on_link(void *arg, int region, bool up) {
	struct host *h = arg;
	for (int i = 0; i < h->cell_count; i++) {
		struct host_cell *c = &h->cells[i];
		int replica = host_voter(c, region);
		if (!c->core || replica < 0) continue;
		const struct cell_event event = {
			.type = CELL_EV_LINK, .replica = replica, .up = up};
		host_feed(c, &event);
	}
}

static void on_frame(void *arg, int region, const struct frame *frame) {
	struct host *h = arg;
	struct host_cell *c = frame->cell < h->cell_count ? &h->cells[frame->cell] : NULL;
	int replica = c ? host_voter(c, region) : -1;
	if (c && h->self == h->witness) return host_witness_frame(c, region, frame);
	if (MUTANT(RESIDENCY) && c && replica < 0) {
		replica = c->replica_count - 1;
		c->replicas[replica] = region;
	}
	if (!c || !c->core || replica < 0) {
		links_refuse(h->links, region, "it sent a frame of a cell that we do not share");
		return;
	}
	if (replica < c->replica_count) host_copies_frame(c, replica, frame);
	host_placement_hint(c, frame);
	const struct cell_event event = {.type = CELL_EV_FRAME, .replica = replica, .frame = frame};
	host_feed(c, &event);
}

static void on_room(void *arg, int region) {
	host_room_serve(arg, region);
}

static enum err start_links(struct host *h, const struct host_options *o, struct fault *fault) {
	const char **names = calloc((size_t)h->cell_count + 1, sizeof *names);
	if (!names) return fault_set(fault, ERR_NO_MEMORY, "cannot start the links: no memory");
	for (int i = 0; i < h->cell_count; i++) names[i] = h->cells[i].name;
	const struct links_options options = {
		.cluster = o->cluster,
		.regions = o->regions,
		.region_count = o->region_count,
		.self = o->self,
		.cells = names,
		.cell_count = h->cell_count,
		.secret = o->secret,
		.listen_host = o->hosts[o->self],
		.listen_port = o->ports[o->self],
		.hosts = o->hosts,
		.ports = o->ports,
		.registry = o->registry,
		.on_link = on_link,
		.on_room = on_room,
		.on_frame = on_frame,
		.arg = h,
	};
	enum err err = links_new(h->io, &options, &h->links, fault);
	free(names);
	return err;
}

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

static void arm(struct host *h) {
	uint64_t due_ns = UINT64_MAX;
	for (int i = 0; i < h->cell_count; i++) {
		struct host_cell *c = &h->cells[i];
		if (c->core) due_ns = least(due_ns, cell_deadline_ns(c->core));
		if (c->look_again_ns) due_ns = least(due_ns, c->look_again_ns);
		due_ns = least(due_ns, c->wait_until_ns);
	}
	if (host_room_due(h)) due_ns = io_now_ns(h->io); /* it left at once: nobody will tell */
	if (due_ns == h->armed_ns) return;
	h->armed_ns = due_ns;
	if (due_ns == UINT64_MAX) return io_timer_stop(h->timer);
	uint64_t now_ns = io_now_ns(h->io);
	io_timer_start(h->timer, due_ns > now_ns ? due_ns - now_ns : 0);
}

static void on_timer(void *arg) {
	static const struct cell_event tick = {.type = CELL_EV_TICK};
	struct host *h = arg;
	h->armed_ns = UINT64_MAX;
	for (int i = 0; i < h->cell_count; i++) {
		struct host_cell *c = &h->cells[i];
		uint64_t now_ns = io_now_ns(h->io);
		if (c->core && cell_deadline_ns(c->core) <= now_ns) host_feed(c, &tick);
		if (c->look_again_ns && c->look_again_ns <= now_ns) host_placement_read(c);
		if (c->wait_until_ns <= now_ns) host_waits_check(c);
	}
	for (int i = 0; i < h->region_count; i++) host_room_serve(h, i);
}

static void on_turn_end(void *arg) {
	struct host *h = arg;
	if (!h->started) return;
	host_flush(h);
	links_flush(h->links); /* may tell of links that went, and so change cells again */
	if (h->changed) {
		h->changed = false;
		if (h->on_change) h->on_change(h->arg);
	}
	arm(h);
}

/* --- the cells ---------------------------------------------------------------------------------- */

static struct cell *core_new(struct host_cell *c, const struct host_cell_options *o) {
	const char *names[CELL_REPLICAS_MAX];
	for (int i = 0; i < c->replica_count; i++) names[i] = c->host->regions[c->replicas[i]];
	const struct cell_config config = {
		.name = c->name,
		.replicas = names,
		.replica_count = c->replica_count,
		.self = c->self,
		.sync = o->sync,
		.copies = o->copies,
		.availability = o->availability,
		.max_loss = o->max_loss,
		.max_lag_ns = o->max_lag_ns,
		.throttle = o->throttle,
		.failover_after_ns = o->failover_after_ns,
		.replication_sla_ns = o->replication_sla_ns,
		.heartbeat_ns = HEARTBEAT_NS,
		.seal_wait_ns = SEAL_WAIT_NS,
		.rank_delay_ns = RANK_DELAY_NS,
		.failsafe = c->host->failsafe,
		.witness = host_voter(c, c->host->witness) == c->replica_count,
		.degrade_after_ns = DEGRADE_AFTER_NS,
		.window_bytes = WINDOW_BYTES,
		.apply_pause_ns = APPLY_PAUSE_NS,
		.apply_bytes = APPLY_BYTES,
		.inflight_bytes = INFLIGHT_BYTES,
		.lookup = host_lookup,
		.room = host_room,
		.arg = c,
	};
	struct store_info info;
	c->store->ops->info(c->store, &info);
	host_history_publish(c, &info);
	return cell_new(&config, &info);
}

static enum err set_up_cell(struct host_cell *c, const struct host_cell_options *o,
                            struct fault *fault) {
	struct host *h = c->host;
	char key[COORD_KEY_MAX];
	int len = snprintf(key, sizeof key, "cell/%s", o->name);
	if (len < 0 || (size_t)len >= sizeof key || o->replica_count > CELL_REPLICAS_MAX)
		return fault_set(
			fault, ERR_INVALID,
			"cell '%.40s': at most %d bytes of name and %d copies: change the policy",
			o->name, COORD_KEY_MAX - 6, CELL_REPLICAS_MAX);
	c->name = strdup(o->name);
	c->key = strdup(key);
	for (int i = 0; i < o->replica_count; i++) {
		ASSERT(o->replicas[i] >= 0 && o->replicas[i] < h->region_count);
		c->replicas[c->replica_count++] = o->replicas[i];
	}
	c->replicas[c->replica_count] = h->witness;
	c->self = host_replica(c, h->self);
	c->store = o->store;
	ASSERT(!c->store || c->self >= 0);
	if (!c->name || !c->key) return fault_set(fault, ERR_NO_MEMORY, "no memory for the cells");
	host_state_init(c);
	if (!c->store) return ERR_OK;
	c->reader = c->store->ops->reader_new(c->store);
	c->core = c->reader ? core_new(c, o) : NULL;
	if (!c->core) return fault_set(fault, ERR_NO_MEMORY, "no memory for cell '%.40s'", o->name);
	host_state_publish(c);
	return ERR_OK;
}

static void cell_init(struct host *h, struct host_cell *c, int index) {
	c->host = h;
	c->index = index;
	c->self = -1;
	c->wait_seq = c->wait_until_ns = UINT64_MAX;
	list_init(&c->idle_ops);
	list_init(&c->busy_ops);
	list_init(&c->in_flight);
	list_init(&c->waits);
	buf_init(&c->looked_up, VALUE_MAX_BYTES);
}

static void end_reading(struct host_cell *c) {
	for (int i = 0; i < CELL_REPLICAS_MAX; i++) {
		if (c->exports[i]) c->store->ops->export_end(c->exports[i]);
		c->exports[i] = NULL;
	}
	if (c->reader) c->store->ops->reader_free(c->reader);
	c->reader = NULL;
}

static void cell_stop(struct host_cell *c) {
	host_waits_end(c);
	host_move_drop(c);
	end_reading(c);
	if (c->store && c->host->crash_store)
		c->host->crash_store(c->store);
	else if (c->store)
		c->store->ops->close(c->store);
	cell_free(c->core);
	host_ops_free(c);
	buf_done(&c->looked_up);
	free(c->name);
	free(c->key);
	free(c->accept.key);
}

/* --- life ------------------------------------------------------------------------------------------ */

static enum err allocate(struct host *h, const struct host_options *o) {
	size_t regions = (size_t)o->region_count, cells = (size_t)o->cell_count;
	h->regions = calloc(regions, sizeof *h->regions);
	h->region_up = calloc(regions, sizeof *h->region_up);
	h->cells = calloc(cells + 1, sizeof *h->cells);
	h->actions = calloc(1, sizeof *h->actions);
	h->timer = io_timer_new(h->io, on_timer, h);
	if (!h->regions || !h->region_up || !h->cells || !h->actions || !h->timer)
		return ERR_NO_MEMORY;
	h->region_count = o->region_count;
	for (size_t i = 0; i < regions; i++) {
		h->regions[i] = strdup(o->regions[i]);
		if (!h->regions[i]) return ERR_NO_MEMORY;
	}
	if (host_room_init(h)) return ERR_NO_MEMORY;
	h->cell_count = o->cell_count;
	for (int i = 0; i < o->cell_count; i++) cell_init(h, &h->cells[i], i);
	return ERR_OK;
}

static enum err start(struct host *h, const struct host_options *o, struct fault *fault) {
	if (o->region_count < 1 || o->region_count > COORD_NODES_MAX || o->cell_count > UINT16_MAX)
		return fault_set(fault, ERR_INVALID,
		                 "at most %d regions and %d cells: change the policy",
		                 COORD_NODES_MAX, UINT16_MAX);
	enum err err = allocate(h, o);
	if (err != ERR_OK) return fault_set(fault, err, "cannot start the cells: no memory");
	for (int i = 0; err == ERR_OK && i < o->cell_count; i++)
		err = set_up_cell(&h->cells[i], &o->cells[i], fault);
	if (err == ERR_OK && h->self == h->witness) host_witness_start(h);
	if (err == ERR_OK) err = start_links(h, o, fault);
	if (err == ERR_OK) err = host_sweep_start(h);
	if (err == ERR_OK) err = host_members_start(h, o, fault);
	return err;
}

/* What the caller gave is the caller's again. */
static void give_back(struct host *h) {
	h->coord = NULL;
	for (int i = 0; i < h->cell_count; i++) {
		end_reading(&h->cells[i]);
		h->cells[i].store = NULL;
	}
}

enum err host_new(struct io *io, const struct host_options *o, struct host **out,
                  struct fault *fault) {
	*out = NULL;
	struct host *h = calloc(1, sizeof *h);
	if (!h) return fault_set(fault, ERR_NO_MEMORY, "cannot start the cells: no memory");
	h->io = io;
	h->self = o->self;
	h->witness = o->witness ? o->region_count - 1 : -1;
	h->coord = o->coord;
	if (o->failsafe) h->failsafe = host_lease_terms(o);
	h->registry = o->registry;
	h->on_change = o->on_change;
	h->arg = o->arg;
	h->armed_ns = UINT64_MAX;
	buf_init(&h->scratch, FRAME_MAX_BYTES);
	host_propose_init(h);
	enum err err = start(h, o, fault);
	if (err != ERR_OK) {
		give_back(h);
		host_free(h);
		return err;
	}
	io_on_turn_end(io, on_turn_end, h);
	h->started = true;
	*out = h;
	return ERR_OK;
}

void host_free(struct host *h) {
	if (!h) return;
	io_timer_free(h->timer);
	host_members_stop(h);
	links_free(h->links);
	if (h->coord) h->coord->ops->close(h->coord);
	for (int i = 0; i < h->cell_count; i++) cell_stop(&h->cells[i]);
	host_propose_end(h); /* last: the answered may free what they proposed */
	host_sweep_free(h);
	for (int i = 0; i < h->region_count; i++) free(h->regions[i]);
	buf_done(&h->scratch);
	free(h->regions);
	free(h->region_up);
	free(h->wants);
	free(h->cells);
	free(h->actions);
	free(h);
}

void host_crash(struct host *h, void (*crash_store)(struct store *s)) {
	if (!h) return;
	h->coord = NULL;
	h->crash_store = crash_store;
	host_free(h);
}

struct store *host_store(const struct host *h, int cell) {
	ASSERT(cell >= 0 && cell < h->cell_count);
	return h->cells[cell].store;
}
