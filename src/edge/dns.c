/* Where DNS sends clients: files that gdnsd reads.
 *
 * admin_state: a resource of its metafo or geoip plugin that is named as a cell answers with the cell's home
 * while there is one; in all others the regions that are down are marked so.
 *
 *   [*]/eu-west => DOWN      # no node of it lives (written without the brackets)
 *   [*]/us-east => DOWN      # drained
 *   [*]/us-1/us-west => DOWN # home is us-east
 *
 * extfile: for plugins that know services by address (multifo, weighted), each as its region is.
 *
 *   192.0.2.1 => UP
 *
 * A file is replaced as a whole; gdnsd watches it. */
#include "edge/agent.h"
#include "edge/rollout.h"

#include "base/log.h"

#include <stdlib.h>

enum { STATE_MAX = 4 << 20, FILES = 2 };
static const uint64_t SETTLE_NS = 20000000; /* changes come in flocks */

struct dns;
struct dns_file {
	const char *path; /* NULL: not wanted */
	enum err (*render)(struct dns *d, struct buf *out);
	struct buf next, written;
	enum err err;
};
struct dns {
	struct io_job job;
	struct io_lane *lane;
	struct admin_options options;
	struct io_timer *timer;
	struct dns_file files[FILES];
	bool writing, again;
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

static enum err put_head(struct dns *d, struct buf *out) {
	return buf_printf(out, "# Written by holdfast in %s; edits are lost.\n",
	                  d->options.config->region);
}

static enum err render_admin_state(struct dns *d, struct buf *out) {
	enum err e = put_head(d, out);
	if (!e) e = put_regions(d, out);
	for (int i = 0; !e && i < d->options.policy->cell_count; i++) e = put_cell(d, i, out);
	return e;
}

static enum err render_extfile(struct dns *d, struct buf *out) {
	const struct node_dns *dns = &d->options.config->dns;
	enum err e = put_head(d, out);
	for (int i = 0; !e && i < dns->address_count; i++) {
		int region = dns->addresses[i].region;
		e = buf_printf(out, "%s => %s # %s\n", dns->addresses[i].address,
		               region_up(d, region) ? "UP" : "DOWN", region_name(d, region));
	}
	return e;
}

/* --- writing --------------------------------------------------------------------------------- */

static bool differs(const struct dns_file *f) {
	return f->path && !slice_eq(buf_slice(&f->next), buf_slice(&f->written));
}

static void on_lane(struct io_job *job) {
	struct dns *d = CONTAINER_OF(job, struct dns, job);
	for (int i = 0; i < FILES; i++) {
		struct dns_file *f = &d->files[i];
		f->err = ERR_OK;
		if (differs(f))
			f->err = files_replace(d->options.files, f->path, buf_slice(&f->next));
	}
}

static void settle(void *arg);

static void take_outcome(struct dns_file *f) {
	if (f->err) {
		LOG(LOG_ERROR, "dns", "the state for DNS cannot be written", {"path", f->path},
		    {"why", err_text(f->err)});
		buf_reset(&f->written); /* the next change tries again */
		return;
	}
	struct buf old = f->written;
	f->written = f->next;
	f->next = old;
}

static void on_written(struct io_job *job) {
	struct dns *d = CONTAINER_OF(job, struct dns, job);
	d->writing = false;
	for (int i = 0; i < FILES; i++)
		if (d->files[i].path) take_outcome(&d->files[i]);
	if (d->again) settle(d);
}

static void settle(void *arg) {
	struct dns *d = arg;
	bool any = false;
	d->again = d->writing;
	if (d->writing) return;
	for (int i = 0; i < FILES; i++) {
		struct dns_file *f = &d->files[i];
		if (!f->path) continue;
		buf_reset(&f->next);
		if (f->render(d, &f->next) != ERR_OK) {
			LOG(LOG_ERROR, "dns", "no memory for the state for DNS");
			return;
		}
		any |= differs(f);
	}
	if (!any) return;
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
	d->files[0] = (struct dns_file){options->dns_state, render_admin_state};
	d->files[1] = (struct dns_file){options->dns_extfile, render_extfile};
	for (int i = 0; i < FILES; i++) {
		buf_init(&d->files[i].next, STATE_MAX);
		buf_init(&d->files[i].written, STATE_MAX);
	}
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
	for (int i = 0; i < FILES; i++) {
		buf_done(&d->files[i].next);
		buf_done(&d->files[i].written);
	}
	free(d);
}
