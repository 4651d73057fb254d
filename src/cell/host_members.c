/* What coordination has to say, and to be shown: this node's lease with its proof of work,
 * who is up, and where each cell is placed. Turns it into events of the cells. */
#include <stdlib.h>

#include "base/log.h"
#include "cell/host_private.h"

enum { CANARY_BYTES = 512, RATE_ERROR_PPM = 10000, MARGIN_PART = 12 };
static const uint64_t MARGIN_MAX_NS = 50000000u;

/* --- proof of work ----------------------------------------------------------------------- */

/* A write and a sync where the data is, on a lane of its own: when the disk hangs, this hangs,
 * nothing is proved, and the lease runs out. */
static void canary_run(struct io_job *job) {
	struct host *h = CONTAINER_OF(job, struct host, canary_job);
	struct files *fs = h->files;
	uint8_t bytes[CANARY_BYTES] = {0};
	uint64_t now_ns = io_now_ns(h->io);
	memcpy(bytes, &now_ns, sizeof now_ns); /* so that nothing can call it unchanged */
	enum err err = ERR_OK;
	if (!h->canary)
		err = fs->ops->open(fs, h->canary_path, FILE_READ | FILE_WRITE | FILE_CREATE,
		                    &h->canary);
	if (err == ERR_OK) err = fs->ops->write(h->canary, 0, bytes, sizeof bytes);
	if (err == ERR_OK) err = fs->ops->sync(h->canary);
	h->canary_err = err;
}

static void canary_done(struct io_job *job) {
	struct host *h = CONTAINER_OF(job, struct host, canary_job);
	if (h->canary_err != ERR_OK) metric_inc(h->proof_failures);
	member_proved(h->member, h->canary_err);
}

static void on_nothing_to_prove(struct io_post *post) {
	member_proved(CONTAINER_OF(post, struct host, proved_post)->member, ERR_OK);
}

static void prove(void *arg) {
	struct host *h = arg;
	if (h->canary_lane)
		io_lane_submit(h->canary_lane, &h->canary_job);
	else
		io_post(h->io, &h->proved_post);
}

/* --- lease and peers ------------------------------------------------------------------------ */

static void on_lease(void *arg, uint32_t generation, uint64_t valid_until_ns) {
	struct host *h = arg;
	if (valid_until_ns) metric_inc(h->renewals);
	const struct cell_event event = {
		.type = CELL_EV_LEASE, .generation = generation, .valid_until_ns = valid_until_ns};
	for (int i = 0; i < h->cell_count; i++)
		if (h->cells[i].core) host_feed(&h->cells[i], &event);
}

static int region_named(const struct host *h, const char *name) {
	for (int i = 0; i < h->region_count; i++)
		if (strcmp(h->regions[i], name) == 0) return i;
	return -1;
}

static void on_peer(void *arg, const char *name, uint32_t generation, bool up) {
	struct host *h = arg;
	int region = region_named(h, name);
	if (region < 0) return;
	LOG(LOG_INFO, "host", up ? "region is up" : "region is gone", {"region", name},
	    LOG_NUM("generation", generation));
	atomic_store_explicit(&h->region_up[region], up, memory_order_release);
	h->changed = true;
	for (int i = 0; i < h->cell_count; i++) {
		struct host_cell *c = &h->cells[i];
		int replica = host_replica(c, region);
		if (!c->core || replica < 0) continue;
		const struct cell_event event = {.type = CELL_EV_PEER,
		                                 .replica = replica,
		                                 .up = up,
		                                 .generation = generation};
		host_feed(c, &event);
	}
}

bool host_region_up(const struct host *h, int region) {
	if (region < 0 || region >= h->region_count) return false;
	return atomic_load_explicit(&h->region_up[region], memory_order_acquire);
}

/* --- placements ------------------------------------------------------------------------------ */

static void on_placement(struct host_cell *c, struct slice value, uint64_t revision) {
	if (revision != 0 && revision <= c->revision) return;
	struct placement placement = {0};
	if (revision != 0 && placement_decode(value, &placement) != ERR_OK) {
		/* Somebody wrote there by hand: better nothing than a guess. */
		LOG(LOG_ERROR, "host",
		    "cannot read a cell's placement: write it anew, or delete it",
		    {"cell", c->name}, LOG_NUM("revision", revision));
		return;
	}
	c->revision = revision;
	if (!c->core) return host_state_place(c, &placement);
	const struct cell_event event = {.type = CELL_EV_PLACEMENT,
	                                 .placement = revision ? &placement : NULL,
	                                 .revision = revision};
	host_feed(c, &event);
}

static void on_watched(void *arg, const char *key, struct slice value, uint64_t revision) {
	struct host *h = arg;
	for (int i = 0; i < h->cell_count; i++)
		if (strcmp(h->cells[i].key, key) == 0) on_placement(&h->cells[i], value, revision);
}

static void on_read(struct coord_op *op, enum err err) {
	struct host_cell *c = CONTAINER_OF(op, struct host_cell, read_op);
	c->reading = false;
	if (err != ERR_OK) {
		c->look_again_ns = io_now_ns(c->host->io) + HOST_LOOK_AGAIN_NS;
		return;
	}
	/* The watch may have been quicker, and "none yet" is then old. */
	if (op->revision > c->revision || c->revision == 0)
		on_placement(c, op->value, op->revision);
}

void host_placement_read(struct host_cell *c) {
	struct coord *coord = c->host->coord;
	c->look_again_ns = 0;
	if (c->reading) return;
	c->reading = true;
	c->read_op.done = on_read;
	coord->ops->read(coord, c->key, &c->read_op);
}

/* Whoever speaks in a later epoch has it from coordination, and who says that its lease holds is
 * active there. It proves nothing: coordination is asked, once at a time. */
void host_placement_hint(struct host_cell *c, const struct frame *f) {
	bool later = f->epoch > c->state.epoch;
	bool serves = f->epoch == c->state.epoch && f->type == FRAME_HEARTBEAT && f->flag;
	if (later || (serves && !c->state.active)) host_placement_read(c);
}

/* --- start and stop ------------------------------------------------------------------------------ */

static enum err canary_start(struct host *h, const struct host_options *o) {
	h->proved_post.fn = on_nothing_to_prove;
	h->canary_job.run = canary_run;
	h->canary_job.done = canary_done;
	if (!o->canary_path) return ERR_OK;
	h->files = o->files;
	h->canary_path = strdup(o->canary_path);
	h->canary_lane = io_lane_new(h->io, "canary");
	return h->canary_path && h->canary_lane ? ERR_OK : ERR_NO_MEMORY;
}

struct lease_terms host_lease_terms(const struct host_options *o) {
	uint64_t margin_ns = o->lease_length_ns / MARGIN_PART;
	return (struct lease_terms){
		.length_ns = o->lease_length_ns,
		.margin_ns = margin_ns < MARGIN_MAX_NS ? margin_ns : MARGIN_MAX_NS,
		.rate_error_ppm = RATE_ERROR_PPM};
}

static struct member *join(struct host *h, const struct host_options *o) {
	const char *peers[COORD_NODES_MAX];
	int count = 0;
	for (int i = 0; i < h->region_count; i++)
		if (i != h->self) peers[count++] = h->regions[i];
	const struct member_options options = {
		.terms = host_lease_terms(o),
		.renew_ns = o->lease_renew_ns,
		.self = h->regions[h->self],
		.peers = peers,
		.peer_count = count,
		.prove = prove,
		.on_lease = on_lease,
		.on_peer = on_peer,
		.arg = h,
	};
	return member_new(h->io, h->coord, &options);
}

enum err host_members_start(struct host *h, const struct host_options *o, struct fault *fault) {
	h->renewals = metric_counter(h->registry, "holdfast_lease_renewals_total",
	                             "Times this node's lease was begun or renewed.", "");
	h->proof_failures = metric_counter(h->registry, "holdfast_lease_proof_failures_total",
	                                   "Times the data disk failed the proof of work.", "");
	enum err err = canary_start(h, o);
	if (err != ERR_OK)
		return fault_set(fault, err, "cannot start the lease's canary: no memory");
	atomic_store(&h->region_up[h->self], true);
	err = h->coord->ops->watch(h->coord, "cell/", on_watched, h);
	if (err != ERR_OK)
		return fault_set(fault, err, "cannot watch the cells' placements: %s",
		                 err_text(err));
	err = host_accept_start(h);
	if (err != ERR_OK)
		return fault_set(fault, err, "cannot watch what operators accept: %s",
		                 err_text(err));
	for (int i = 0; i < h->cell_count; i++) host_placement_read(&h->cells[i]);
	h->member = join(h, o);
	if (!h->member)
		return fault_set(fault, ERR_NO_MEMORY, "cannot join the cluster: no memory");
	return ERR_OK;
}

void host_members_stop(struct host *h) {
	member_free(h->member);
	io_lane_free(h->canary_lane);
	if (h->canary) h->files->ops->close(h->canary);
	free(h->canary_path);
}
