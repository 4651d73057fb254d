/* The cell's core: birth, what each event means, the end of a step, what can be asked. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "cell/cell_state.h"

#ifdef CELL_MUTANTS
unsigned cell_mutants;
#endif

/* --- birth --------------------------------------------------------------------------------------------------- */

static void names_copy(struct cell *c, const struct cell_config *config) {
	snprintf(c->name, sizeof c->name, "%s", config->name);
	for (int r = 0; r < c->n; r++)
		snprintf(c->names[r], sizeof c->names[r], "%s", config->replicas[r]);
	c->config.name = c->name;
	c->config.replicas = NULL;
}

struct cell *cell_new(const struct cell_config *config, const struct store_info *info) {
	ASSERT(config->replica_count >= 1 && config->replica_count <= CELL_REPLICAS_MAX);
	ASSERT(config->self >= 0 && config->self < config->replica_count);
	ASSERT(config->lookup && config->heartbeat_ns && config->window_bytes &&
	       config->inflight_bytes);
	struct cell *c = calloc(1, sizeof *c);
	if (!c) return NULL;
	c->config = *config;
	c->n = config->replica_count;
	c->self = config->self;
	c->overdue_ns = UINT64_MAX;
	sla_init(&c->sla, config->replication_sla_ns);
	names_copy(c, config);
	list_init(&c->appends);
	list_init(&c->kept);
	list_init(&c->idle);
	/* The incarnation is random and nobody outside knows it. */
	c->overlay_seed[0] = info->incarnation;
	c->overlay_seed[1] = mix64(info->incarnation);
	map_init(&c->overlay, c->overlay_seed);
	c->home = c->hint = c->follow.leader = -1;
	c->wake_ns = UINT64_MAX;
	cell_take_info(c, info);
	c->committed = c->apply_sent = c->applied.seq;
	c->released_seq = 0;
	if (info->fenced) {
		c->role = CELL_FENCED;
		snprintf(c->held_reason, sizeof c->held_reason,
		         "the store was fenced when it was opened");
	}
	return c;
}

void cell_free(struct cell *c) {
	if (!c) return;
	batch_free_all(c);
	map_done(&c->overlay);
	for (int i = 0; i < CHUNK_WINDOW; i++) buf_done(&c->follow.chunks[i]);
	free(c->scratch);
	free(c);
}

/* --- the store's state ------------------------------------------------------------------------------------------ */

static void epochs_take(struct cell *c, const struct store_info *info) {
	const struct epoch_start *from = info->epochs;
	int count = info->epoch_count;
	if (count > EPOCHS_MAX) {
		from += count - EPOCHS_MAX;
		count = EPOCHS_MAX;
	}
	if (count) memcpy(c->epochs, from, (size_t)count * sizeof *from);
	c->epoch_count = count;
}

void cell_take_info(struct cell *c, const struct store_info *info) {
	c->last = info->last;
	c->applied = info->applied;
	c->first_seq = info->first_seq ? info->first_seq : 1;
	c->promised = info->promised_epoch;
	epochs_take(c, info);
	if (c->promised > c->heard) c->heard = c->promised;
	if (list_empty(&c->appends) && !c->gathering) c->tail = c->last;
}

uint64_t cell_epoch_of(const struct cell *c, uint64_t seq) {
	for (int i = c->epoch_count - 1; i >= 0; i--)
		if (c->epochs[i].seq <= seq) return c->epochs[i].epoch;
	return 0;
}

bool cell_epoch_end(const struct cell *c, uint64_t epoch, struct epoch_start *out) {
	for (int i = c->epoch_count - 1; i >= 0; i--) {
		if (c->epochs[i].epoch > epoch) continue;
		out->epoch = c->epochs[i].epoch;
		out->seq = i + 1 < c->epoch_count ? c->epochs[i + 1].seq - 1 : c->last.seq;
		return true;
	}
	return false;
}

/* --- events -------------------------------------------------------------------------------------------------------- */

/* What only a home or candidate says, to who has promised to listen to no older one. */
static bool is_from_above(enum frame_type type) {
	switch (type) {
	case FRAME_ASK:
	case FRAME_ACK:
	case FRAME_SEALED:
	case FRAME_VOUCHED:
	case FRAME_SNAPSHOT_ACK:
	case FRAME_REFUSED: return false;
	default: return true;
	}
}

static void on_refused(struct cell *c, int replica, const struct frame *f) {
	if (f->epoch > c->heard) c->heard = f->epoch;
	bool sealing = c->role == CELL_SEALING || (c->role == CELL_HELD && c->claimed);
	if (sealing && f->seq == 0 && f->epoch > c->epoch)
		return cell_resign(c, "a copy has promised a higher epoch");
	follow_frame(c, replica, f);
}

static void on_frame(struct cell *c, int replica, const struct frame *f) {
	ASSERT(replica >= 0 && replica < failsafe_voters(c));
	if (replica == c->n && f->type != FRAME_VOUCHED)
		return cell_refuse(c, replica, "a witness has nothing to say but what it promises");
	if (replica == c->self) return;
	/* One frame must not use up the epochs. */
	if (f->epoch > c->heard + EPOCH_LEAP_MAX)
		return cell_refuse(c, replica, "its epoch is absurd");
	if (is_from_above(f->type) && f->epoch < c->promised && !MUTANT(EPOCH)) {
		/* A SEAL is a question: its candidate must learn how high to go. */
		if (f->type == FRAME_SEAL) return seal_asked(c, replica, f);
		return cell_refuse(c, replica,
		                   "it sent a frame of an older epoch than was promised");
	}
	switch (f->type) {
	case FRAME_ASK:
	case FRAME_PULL: serve_ask(c, replica, f); break;
	case FRAME_ACK: commit_ack(c, replica, f); break;
	case FRAME_SNAPSHOT_ACK: export_taken(c, replica, f); break;
	case FRAME_SEAL: seal_asked(c, replica, f); break;
	case FRAME_SEALED: seal_answered(c, replica, f); break;
	case FRAME_VOUCH: failsafe_asked(c, replica, f); break;
	case FRAME_VOUCHED: failsafe_answered(c, replica, f); break;
	case FRAME_REFUSED: on_refused(c, replica, f); break;
	case FRAME_HELLO: cell_refuse(c, replica, "it greets twice"); break;
	default: follow_frame(c, replica, f); break;
	}
}

static void on_store(struct cell *c, enum cell_store_op op, enum err err) {
	switch (op) {
	case CELL_APPEND: cell_append_done(c, err); break;
	case CELL_APPLY: cell_apply_done(c, err); break;
	case CELL_PROMISE: seal_promised(c, err); break;
	case CELL_QUARANTINE:
	case CELL_TRUNCATE: reconcile_done(c, op, err); break;
	case CELL_IMPORT: import_done(c, err); break;
	}
}

static void on_link(struct cell *c, int replica, bool up) {
	c->links[replica] = up;
	if (replica == c->n) return;
	serve_stop(c, replica);
	if (replica == c->follow.leader) {
		c->follow.unanswered = 0;
		follow_reset(c, 0);
	}
	if (up) seal_ask(c, replica);
}

static void dispatch(struct cell *c, const struct cell_event *e) {
	switch (e->type) {
	case CELL_EV_TICK: break;
	case CELL_EV_PROPOSE: cell_propose(c, e->proposal); break;
	case CELL_EV_FLUSH: cell_flush(c); break;
	case CELL_EV_STORE:
		cell_take_info(c, e->info);
		on_store(c, e->op, e->err);
		if (e->info->fenced) cell_fence(c, "write or sync", ERR_IO);
		break;
	case CELL_EV_LOG:
		if (e->replica == c->self)
			reconcile_log(c, e->err, e->bytes);
		else
			serve_log(c, e->replica, e->err, e->bytes);
		break;
	case CELL_EV_EXPORT: export_answer(c, e->replica, e->err, &e->at, e->bytes); break;
	case CELL_EV_FRAME: on_frame(c, e->replica, e->frame); break;
	case CELL_EV_LINK: on_link(c, e->replica, e->up); break;
	case CELL_EV_PEER: c->peers[e->replica] = (struct peer){true, e->up, e->generation}; break;
	case CELL_EV_LEASE: place_lease(c, e->generation, e->valid_until_ns); break;
	case CELL_EV_PLACEMENT: place_event(c, e->placement, e->revision); break;
	case CELL_EV_WANTED:
		if (e->seq > c->apply_wanted) c->apply_wanted = e->seq;
		break;
	case CELL_EV_PLACED: place_done(c, e->err, e->revision); break;
	case CELL_EV_MOVE: move_asked(c, e); break;
	case CELL_EV_ACCEPT:
		c->loss.accepted_epoch = e->seq;
		c->loss.accepted_until_ns = e->valid_until_ns;
		break;
	}
}

/* A fenced copy only answers, and tells coordination that it is out. */
static void dispatch_fenced(struct cell *c, const struct cell_event *e) {
	switch (e->type) {
	case CELL_EV_PROPOSE: cell_answer(c, e->proposal, ERR_FENCED); break;
	case CELL_EV_LINK: c->links[e->replica] = e->up; break;
	case CELL_EV_PEER: c->peers[e->replica] = (struct peer){true, e->up, e->generation}; break;
	case CELL_EV_LEASE: place_lease(c, e->generation, e->valid_until_ns); break;
	case CELL_EV_PLACEMENT: place_event(c, e->placement, e->revision); break;
	case CELL_EV_PLACED: place_done(c, e->err, e->revision); break;
	case CELL_EV_MOVE: move_asked(c, e); break;
	default: break;
	}
}

/* --- the end of a step ------------------------------------------------------------------------------------------------ */

static void settle(struct cell *c) {
	c->wake_ns = UINT64_MAX;
	if (c->role == CELL_FENCED) {
		place_give_up(c);
		return;
	}
	if (c->flush_owed) cell_flush(c);
	promote_consider(c);
	promote_go_on(c);
	commit_advance(c);
	copies_check(c);
	commit_advance(c);
	failsafe_go_on(c);
	serve_more(c);
	commit_heartbeats(c);
	commit_measure(c);
	follow_go_on(c);
	cell_apply_more(c);
	cell_answer_committed(c);
	cell_answer_overdue(c);
	move_go_on(c);
}

void cell_step(struct cell *c, const struct cell_event *event, uint64_t now_ns,
               struct cell_actions *out) {
	c->out = out;
	c->again = false;
	if (now_ns > c->now) c->now = now_ns;
	if (event->wall_ms) c->wall_ms = event->wall_ms;
	failsafe_begin(c);
	batch_reap(c);
	if (c->role == CELL_FENCED)
		dispatch_fenced(c, event);
	else
		dispatch(c, event);
	if (event->type != CELL_EV_PROPOSE) settle(c);
	cell_outbox_drain(c);
	if (c->again) out->again = true;
	c->out = NULL;
}

/* --- what can be asked -------------------------------------------------------------------------------------------------- */

uint64_t cell_deadline_ns(const struct cell *c) {
	return c->wake_ns;
}

static int status_home(const struct cell *c) {
	if (cell_acting(c)) return c->self;
	if (c->hint_epoch > c->placement.epoch && c->now < c->hint_until_ns) return c->hint;
	return c->revision ? c->home : -1;
}

void cell_status(const struct cell *c, uint64_t now_ns, struct cell_status *out) {
	*out = (struct cell_status){
		.role = c->role,
		.active = c->revision && c->placement.state == PLACEMENT_ACTIVE,
		.home = status_home(c),
		.epoch = cell_acting(c) ? c->epoch : c->placement.epoch,
		.revision = c->revision,
		.copies = cell_leading(c) ? c->copies : (int)c->placement.copies,
		.last = c->last,
		.applied = c->applied,
		.committed = c->committed,
		.fresh_at_ns = c->follow.fresh_ns,
		.quarantined = c->quarantined,
		.refused_frames = c->refused_frames,
		.lost_estimate = c->lost_estimate,
		.moving_to = c->move.stage ? c->move.to : -1,
		.draining = move_drains(c),
		.possible_loss = loss_possible(c),
		.sla_broken = c->sla.broken,
		.sla_kept_ms = c->sla.kept_total_ns / MS(1),
		.sla_broken_ms = c->sla.broken_total_ns / MS(1),
		.sla_breaches = c->sla.breaches,
		.sla_budget_left = sla_budget_left(&c->sla),
		.exposed_ms = (uint32_t)(loss_exposed_ns(c) / MS(1)),
	};
	/* Who drains serves no strong reads: another may be active before it has heard how the
	 * hand-over ended. */
	bool serving = c->role == CELL_HOME && c->generation == c->acting_generation &&
	               now_ns < cell_lease_end(c) && !move_drains(c);
	if (serving) {
		out->lease_until_ns = cell_lease_end(c);
		out->failsafe = now_ns >= c->lease_until_ns;
		out->fresh_at_ns = now_ns;
	}
	out->degraded = c->config.sync && out->copies && out->copies < c->config.copies;
	for (int r = 0; r < c->n; r++) {
		const struct copy *k = &c->copy[r];
		out->strikes[r] = damp_holds_down(c, r) ? c->placement.strikes[r] : 0;
		out->copy_connected[r] = r == c->self || k->state == COPY_STREAMING;
		out->copy_seq[r] = r == c->self ? c->last.seq : k->durable_seq;
		out->caught_up_ms[r] = cell_leading(c) ? commit_caught_up_ms(c, r) : 0;
		out->lag_ms[r] = cell_leading(c) ? commit_lag_ms(c, r) : c->follow.lag_ms[r];
	}
	memcpy(out->held_reason, c->held_reason, sizeof out->held_reason);
}

const struct epoch_start *cell_epochs(const struct cell *c, int *count) {
	*count = c->epoch_count;
	return c->epochs;
}

enum err history_check(const struct epoch_start *epochs, int count, const struct position *last,
                       uint64_t epoch, uint64_t seq) {
	if (epoch > last->epoch) return ERR_TIMEOUT;
	if (epoch == last->epoch && seq > last->seq) return ERR_TIMEOUT;
	if (MUTANT(TOKEN)) return ERR_OK;
	for (int i = count - 1; i >= 0; i--) {
		if (epochs[i].epoch > epoch) continue;
		uint64_t end = i + 1 < count ? epochs[i + 1].seq : UINT64_MAX;
		bool inside = epochs[i].epoch == epoch && seq >= epochs[i].seq && seq < end;
		return inside ? ERR_OK : ERR_DIVERGED;
	}
	return count == 0 || seq < epochs[0].seq ? ERR_OK : ERR_DIVERGED;
}

enum err cell_history_check(const struct cell *c, uint64_t epoch, uint64_t seq) {
	return history_check(c->epochs, c->epoch_count, &c->last, epoch, seq);
}

bool cell_history_has(const struct cell *c, uint64_t epoch, uint64_t seq) {
	return cell_history_check(c, epoch, seq) == ERR_OK;
}
