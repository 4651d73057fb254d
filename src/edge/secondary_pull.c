/* Asks the copies of a cell, each in turn, for what is lacking here, and writes it down on the
 * lane; one question at a time, one answer in memory. What an answer means is pull.h's. */
#include "base/bytes.h"
#include "base/log.h"
#include "edge/admin_private.h"
#include "edge/secondary_private.h"

#include <stdio.h>

static const uint64_t PULL_EVERY_NS = 100000000u; /* nothing new: ask again */
static const uint64_t PULL_OTHER_NS = 20000000u;  /* ask another */
static const uint64_t PULL_TIMEOUT_NS = 2000000000u;
static const uint64_t DISK_RETRY_NS = 1000000000u;
static const uint64_t STORE_EVERY_NS = 1000000000u; /* how old it is, where nothing else changed */
static const uint64_t COMPLAIN_NS = 60000000000u;

static void complain(struct secondary_cell *c, const char *why, const char *region) {
	uint64_t now = io_now_ns(c->owner->io);
	metric_inc(c->failures);
	if (c->complained_ns && now - c->complained_ns < COMPLAIN_NS) return;
	c->complained_ns = now;
	LOG(LOG_WARN, "secondary", why, {"cell", c->policy->name}, {"region", region});
}

static const char *region_of(const struct secondary_cell *c) {
	return c->owner->options.policy->regions[c->regions[c->asked]].name;
}

static void again(struct secondary_cell *c, uint64_t delay_ns) {
	if (!c->owner->draining) io_timer_start(c->timer, delay_ns);
}

/* --- on the lane: an answer becomes durable ------------------------------------------------------ */

static enum err write_changes(struct secondary_cell *c, struct feed_cursor *changes) {
	const struct policy *p = c->owner->options.policy;
	struct feed_change change;
	while (feed_next(changes, &change)) {
		/* Others' bytes may not be on this disk, whatever a source sends. */
		if (!policy_secondary_has_key(p, c->policy, change.key)) return ERR_FORBIDDEN;
		enum err err = mirror_set(c->image->mirror, change.key,
		                          change.type == OP_PUT ? &change.entry : NULL);
		if (err) return err;
	}
	return ERR_OK;
}

static enum err write_down(struct secondary_cell *c, struct feed_cursor *changes) {
	struct buf row;
	buf_init(&row, MIRROR_ROW_MAX);
	c->next.stored_ms = io_wall_ms(c->owner->io);
	enum err err = mirror_begin(c->image->mirror);
	if (err) return err;
	err = write_changes(c, changes);
	if (!err) err = pull_state_encode(&c->next, &row);
	if (err)
		mirror_abort(c->image->mirror);
	else
		err = mirror_commit(c->image->mirror, buf_slice(&row));
	buf_done(&row);
	return err;
}

static void on_lane(struct io_job *job) {
	struct secondary_cell *c = CONTAINER_OF(job, struct secondary_cell, job);
	struct feed_cursor changes;
	c->err = ERR_OK;
	c->proved = false;
	c->verdict = PULL_WRONG;
	if (feed_decode(buf_slice(&c->answer), &c->head, &changes) != ERR_OK) return;
	c->verdict = pull_judge(&c->next, &c->head);
	if (c->verdict != PULL_TAKE) return;
	bool was_whole = c->next.whole;
	c->proved = pull_advance(&c->next, &c->head);
	if (c->proved) c->next.as_of_ms = c->sent_ms - c->head.age_ms;
	uint64_t now = io_now_ns(c->owner->io);
	bool due = now - c->stored_ns >= STORE_EVERY_NS;
	if (was_whole && !c->head.change_count && !due) return;
	c->err = write_down(c, &changes);
	if (!c->err) c->stored_ns = now;
}

/* --- back on the loop ------------------------------------------------------------------------------- */

static void taken(struct secondary_cell *c) {
	bool filled = c->image == &c->fill && c->next.whole;
	c->image->state = c->next;
	c->image->keys = mirror_keys(c->image->mirror);
	if (filled) {
		secondary_fill_done(c);
		c->fresh_ns = 0;
		metric_inc(c->fills);
		LOG(LOG_INFO, "secondary", "an image is whole and serves",
		    {"cell", c->policy->name}, LOG_NUM("keys", c->serving.keys));
	}
	uint64_t fresh_ns = c->sent_ns - c->head.age_ms * 1000000ull;
	if (c->proved && c->head.age_ms * 1000000ull < c->sent_ns && fresh_ns > c->fresh_ns)
		c->fresh_ns = fresh_ns;
	if (c->serving.mirror) metric_set(c->applied, (int64_t)c->serving.state.from.seq);
	again(c, c->head.more || filled || !c->next.whole ? 0 : PULL_EVERY_NS);
}

static void anew(struct secondary_cell *c) {
	LOG(LOG_INFO, "secondary", "its history is not the cell's (any more): fills an image anew",
	    {"cell", c->policy->name}, {"region", region_of(c)});
	if (secondary_fill_begin(c) != ERR_OK)
		complain(c, "an image cannot be made: is the disk full?", region_of(c));
	again(c, PULL_EVERY_NS);
}

static void on_written(struct io_job *job) {
	struct secondary_cell *c = CONTAINER_OF(job, struct secondary_cell, job);
	buf_reset(&c->answer);
	if (c->err && c->err != ERR_FORBIDDEN) {
		complain(c,
		         c->err == ERR_NO_SPACE ? "the disk is full: it does not follow"
		                                : "the image cannot be written: it does not follow",
		         region_of(c));
		return again(c, DISK_RETRY_NS);
	}
	if (c->err || c->verdict == PULL_WRONG) {
		complain(c, "an answer of a source is not what was asked", region_of(c));
		pull_failed(&c->sources, c->asked, io_now_ns(c->owner->io));
		return again(c, PULL_OTHER_NS);
	}
	pull_answered(&c->sources, c->asked);
	if (c->verdict == PULL_ANEW) return anew(c);
	if (c->verdict == PULL_OTHER) return again(c, PULL_OTHER_NS);
	taken(c);
}

/* --- asking ------------------------------------------------------------------------------------------- */

static void on_answer(struct http_call *call, enum err err, const struct http1_head *head,
                      struct slice body) {
	struct secondary_cell *c = CONTAINER_OF(call, struct secondary_cell, call);
	c->calling = false;
	if (err == ERR_CLOSED) return; /* the end */
	bool good = !err && head->status == 200;
	if (good) err = buf_append_slice(&c->answer, body);
	if (!good || err) {
		complain(c,
		         !err && head->status == 401
		                 ? "a source refuses: its policy has another key for this one"
		                 : "a source does not answer",
		         region_of(c));
		pull_failed(&c->sources, c->asked, io_now_ns(c->owner->io));
		return again(c, PULL_OTHER_NS);
	}
	metric_inc(c->answers);
	c->next = c->image->state;
	io_lane_submit(c->owner->lane, &c->job);
}

static struct slice target(struct secondary_cell *c) {
	const struct pull_state *s = &c->image->state;
	char cursor[2 * KEY_MAX_BYTES] = "";
	bool fill = !s->whole && !s->paged;
	if (fill) base64url_encode(slice_of(s->cursor, s->cursor_len), cursor);
	int n = snprintf(c->target, sizeof c->target,
	                 ADMIN_FEED_PATH "%s?from=%llu-%llu&seen=%llu-%llu%s%s", c->policy->name,
	                 (unsigned long long)s->from.epoch, (unsigned long long)s->from.seq,
	                 (unsigned long long)s->seen.epoch, (unsigned long long)s->seen.seq,
	                 fill ? "&fill=" : "", cursor);
	return slice_of(c->target, (size_t)n);
}

static void ask(void *arg) {
	struct secondary_cell *c = arg;
	struct secondary *s = c->owner;
	if (!c->serving.mirror && !c->fill.mirror && secondary_fill_begin(c) != ERR_OK) {
		complain(c, "an image cannot be made: is the disk full?", "");
		return again(c, DISK_RETRY_NS);
	}
	uint64_t now = io_now_ns(s->io), due_ns;
	int source = pull_choose(&c->sources, now, &due_ns);
	if (source < 0) return again(c, due_ns > now ? due_ns - now : 0);
	c->asked = source;
	c->image = c->fill.mirror ? &c->fill : &c->serving;
	const struct node_address *at = &s->options.config->regions[c->regions[source]].admin;
	c->call = (struct http_call){
		.host = at->host,
		.port = at->port,
		.method = SLICE_LIT("GET"),
		.target = target(c),
		.fields = &c->field,
		.field_count = 1,
		.timeout_ns = PULL_TIMEOUT_NS,
		.done = on_answer,
		.repeatable = true,
	};
	c->sent_ns =
		now; /* before it leaves: what was committed later is not in the answer's age */
	c->sent_ms = io_wall_ms(s->io);
	c->calling = true;
	http_call_start(s->client, &c->call);
}

enum err secondary_pull_start(struct secondary_cell *c) {
	c->job.run = on_lane;
	c->job.done = on_written;
	c->field = http_field("Authorization", slice_str(c->owner->authorization));
	buf_init(&c->answer, FEED_BYTES_MAX);
	c->sources.count = c->policy->replica_count;
	for (int i = 0; i < c->policy->replica_count; i++) c->regions[i] = c->policy->replicas[i];
	c->timer = io_timer_new(c->owner->io, ask, c);
	if (!c->timer) return ERR_NO_MEMORY;
	io_timer_start(c->timer, 0);
	return ERR_OK;
}

void secondary_pull_stop(struct secondary_cell *c) {
	io_timer_free(c->timer);
	c->timer = NULL;
	if (c->calling) http_call_cancel(c->owner->client, &c->call);
	c->calling = false;
}
