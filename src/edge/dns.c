/* Where DNS sends clients: gdnsd's admin_state file. A resource of its metafo or geoip plugin that
 * is named as a cell answers with the cell's home while there is one; in all others the regions
 * that are down are marked so.
 *
 *   [*]/eu-west => DOWN      # no node of it lives (written without the brackets)
 *   [*]/us-east => DOWN      # drained
 *   [*]/us-1/us-west => DOWN # home is us-east
 *
 * The file is replaced as a whole; gdnsd watches it. */
#include "edge/agent.h"
#include "edge/rollout.h"

#include "base/log.h"

#include <stdlib.h>

enum { STATE_MAX = 4 << 20 };
static const uint64_t SETTLE_NS = 20000000; /* changes come in flocks */

struct dns {
	struct io_job job;
	struct io_lane *lane;
	struct admin_options options;
	struct io_timer *timer;
	struct buf next, written;
	bool writing, again;
	enum err err;
};

static const char *region_name(const struct dns *d, int region) {
	return d->options.policy->regions[region].name;
}

static bool region_up(const struct dns *d, int region) {
	return region == d->options.config->self || host_region_up(d->options.host, region);
}

static bool region_drains(const struct dns *d, int region) {
	const struct rollout *r = d->options.rollout;
	return r && atomic_load(&rollout_signals(r)->draining) >> region & 1;
}

static enum err put_regions(struct dns *d, struct buf *out) {
	enum err e = ERR_OK;
	for (int i = 0; !e && i < d->options.policy->region_count; i++)
		if (!region_up(d, i))
			e = buf_printf(out, "*/%s => DOWN # no node of it lives\n",
			               region_name(d, i));
		else if (region_drains(d, i))
			e = buf_printf(out, "*/%s => DOWN # drained\n", region_name(d, i));
	return e;
}

/* Without a home that lives, all that live are as good: their edges hold the requests. */
static enum err put_cell(struct dns *d, int cell, struct buf *out) {
	const struct policy_cell *c = &d->options.policy->cells[cell];
	struct host_cell_state s;
	host_cell_state(d->options.host, cell, &s);
	if (s.home < 0 || !s.active || !region_up(d, s.home) || region_drains(d, s.home))
		return ERR_OK;
	enum err e = ERR_OK;
	for (int i = 0; !e && i < d->options.policy->region_count; i++)
		if (i != s.home && region_up(d, i))
			e = buf_printf(out, "*/%s/%s => DOWN # home is %s\n", c->name,
			               region_name(d, i), region_name(d, s.home));
	return e;
}

static enum err render(struct dns *d, struct buf *out) {
	enum err e = buf_printf(out, "# Written by holdfast in %s; edits are lost.\n",
	                        d->options.config->region);
	if (!e) e = put_regions(d, out);
	for (int i = 0; !e && i < d->options.policy->cell_count; i++) e = put_cell(d, i, out);
	return e;
}

static void on_lane(struct io_job *job) {
	struct dns *d = CONTAINER_OF(job, struct dns, job);
	d->err = files_replace(d->options.files, d->options.dns_state, buf_slice(&d->next));
}

static void settle(void *arg);

static void on_written(struct io_job *job) {
	struct dns *d = CONTAINER_OF(job, struct dns, job);
	d->writing = false;
	if (d->err) {
		LOG(LOG_ERROR, "dns", "the state for DNS cannot be written",
		    {"path", d->options.dns_state}, {"why", err_text(d->err)});
		buf_reset(&d->written); /* the next change tries again */
	} else {
		struct buf old = d->written;
		d->written = d->next;
		d->next = old;
	}
	if (d->again) settle(d);
}

static void settle(void *arg) {
	struct dns *d = arg;
	d->again = d->writing;
	if (d->writing) return;
	buf_reset(&d->next);
	if (render(d, &d->next) != ERR_OK) {
		LOG(LOG_ERROR, "dns", "no memory for the state for DNS");
		return;
	}
	if (slice_eq(buf_slice(&d->next), buf_slice(&d->written))) return;
	d->writing = true;
	io_lane_submit(d->lane, &d->job);
}

enum err dns_new(struct io *io, struct io_lane *lane, const struct admin_options *options,
                 struct dns **out) {
	struct dns *d = calloc(1, sizeof(*d));
	*out = d;
	if (!d) return ERR_NO_MEMORY;
	d->lane = lane;
	d->options = *options;
	d->job = (struct io_job){.run = on_lane, .done = on_written};
	buf_init(&d->next, STATE_MAX);
	buf_init(&d->written, STATE_MAX);
	d->timer = io_timer_new(io, settle, d);
	if (!d->timer) return ERR_NO_MEMORY;
	dns_changed(d);
	return ERR_OK;
}

void dns_changed(struct dns *d) {
	if (d) io_timer_start(d->timer, SETTLE_NS);
}

void dns_free(struct dns *d) {
	if (!d) return;
	io_timer_free(d->timer);
	buf_done(&d->next);
	buf_done(&d->written);
	free(d);
}
