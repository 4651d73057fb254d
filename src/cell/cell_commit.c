/* What the home learns from its copies: what is durable there, so what is committed, how
 * far they lag, what every one of them has. */
#include "cell/cell_state.h"

/* --- acknowledgements ------------------------------------------------------------------------ */

static void lag_measure(struct cell *c, struct copy *k) {
	if (k->mark_seq && k->durable_seq >= k->mark_seq) {
		k->lag_ms = (uint32_t)((c->now - k->mark_ns) / MS(1));
		k->mark_seq = 0;
	}
	if (k->durable_seq >= c->last.seq) {
		k->mark_seq = 0;
	} else if (!k->mark_seq) {
		k->mark_seq = c->last.seq;
		k->mark_ns = c->now;
	}
}

void commit_durable(struct cell *c, int replica, uint64_t seq) {
	struct copy *k = &c->copy[replica];
	if (seq > k->durable_seq || seq >= c->last.seq) k->progress_ns = c->now;
	if (seq > k->durable_seq) k->durable_seq = seq;
	bool caught_up = k->durable_seq >= c->last.seq;
	if (caught_up && !k->caught_up_ns) k->caught_up_ns = c->now;
	lag_measure(c, k);
}

void commit_ack(struct cell *c, int replica, const struct frame *f) {
	struct copy *k = &c->copy[replica];
	if (k->state != COPY_STREAMING || f->epoch != k->epoch) return;
	if (f->seq >= k->next_seq)
		return cell_refuse(c, replica, "it acknowledged what it was not sent");
	while (k->frame_count && k->frames[k->frame_first].last_seq <= f->seq) {
		k->unacked_bytes -= k->frames[k->frame_first].bytes;
		k->frame_first = (k->frame_first + 1) % STREAM_FRAMES_MAX;
		k->frame_count--;
	}
	k->stamp = f->stamp;
	commit_durable(c, replica, f->seq);
}

/* Who is not there lacks at least what was written since it went. */
static uint64_t lag_ns(const struct cell *c, int replica) {
	const struct copy *k = &c->copy[replica];
	if (replica == c->self) return 0;
	if (k->state != COPY_STREAMING) return k->gone_seq < c->last.seq ? c->now - k->gone_ns : 0;
	if (k->durable_seq >= c->last.seq) return 0;
	uint64_t waiting = k->mark_seq ? c->now - k->mark_ns : 0;
	return waiting > MS(k->lag_ms) ? waiting : MS(k->lag_ms);
}

uint32_t commit_lag_ms(const struct cell *c, int replica) {
	uint64_t ms = lag_ns(c, replica) / MS(1);
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX - 1;
}

void commit_measure(struct cell *c) {
	uint64_t target = c->config.replication_sla_ns, worst = 0;
	if (c->role != CELL_HOME || !target || c->n == 1) return sla_pause(&c->sla);
	for (int r = 0; r < c->n; r++) {
		uint64_t ns = lag_ns(c, r);
		if (ns > worst) worst = ns;
	}
	enum sla_event event = sla_note(&c->sla, worst, c->now);
	if (event == SLA_BREACHED)
		cell_tell(c, LOG_WARN, "a copy is over replication_sla: %llu ms behind",
		          (unsigned long long)(worst / MS(1)));
	if (event == SLA_RECOVERED)
		cell_tell(c, LOG_INFO, "all copies are within replication_sla again, after %llu ms",
		          (unsigned long long)((c->now - c->sla.broken_ns) / MS(1)));
	if (worst && worst <= target) cell_wake_at(c, c->now + target - worst + 1);
}

/* Since it had everything there was, as long as it has not fallen behind by more than is worth a
 * mention. */
uint64_t commit_caught_up_ms(const struct cell *c, int replica) {
	const struct copy *k = &c->copy[replica];
	bool near = k->state == COPY_STREAMING && k->caught_up_ns;
	return near ? (c->now - k->caught_up_ns) / MS(1) + 1 : 0;
}

/* --- commit ------------------------------------------------------------------------------------ */

/* The seq that k copies have durable, this one included. */
uint64_t commit_quorum(const struct cell *c) {
	uint64_t seqs[CELL_REPLICAS_MAX];
	for (int r = 0; r < c->n; r++) {
		const struct copy *k = &c->copy[r];
		bool counts = k->state == COPY_STREAMING && !k->pull;
		uint64_t seq = r == c->self ? c->last.seq : counts ? k->durable_seq : 0;
		int at = r;
		for (; at > 0 && seqs[at - 1] < seq; at--) seqs[at] = seqs[at - 1];
		seqs[at] = seq;
	}
	int k = c->copies < 1 ? 1 : c->copies > c->n ? c->n : c->copies;
	uint64_t seq = seqs[k - 1];
	/* k counts the home, whatever the others have. */
	return seq < c->last.seq ? seq : c->last.seq;
}

/* Records of older epochs commit only together with one of this epoch: counting copies of
 * them alone is not enough (Raft, section 5.4.2). */
void commit_advance(struct cell *c) {
	if (!cell_leading(c) || !c->start_seq) return;
	for (int r = 0; r < c->n; r++) {
		struct copy *k = &c->copy[r];
		if (k->state != COPY_STREAMING || k->durable_seq >= c->last.seq) continue;
		if (!k->mark_seq) lag_measure(c, k);
		if (commit_lag_ms(c, r) > FAR_BEHIND_MS) k->caught_up_ns = 0;
	}
	loss_expose(c);
	uint64_t seq = commit_quorum(c);
	if (seq < c->start_seq && !MUTANT(BARRIER)) return;
	if (seq > c->committed) c->committed = seq;
}

/* --- heartbeats --------------------------------------------------------------------------------- */

static void heartbeat(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	struct frame f = {.type = FRAME_HEARTBEAT,
	                  .epoch = c->epoch,
	                  .seq = c->committed,
	                  .stamp = k->stamp,
	                  .flag = cell_serving(c)};
	f.at.seq = c->released_seq;
	for (int r = 0; r < c->n; r++) f.lag_ms[r] = commit_lag_ms(c, r);
	cell_send(c, replica, &f);
	k->committed_sent = c->committed;
}

/* Log that every copy has is of no use to anybody but this one's own checkpoint. */
static void release(struct cell *c) {
	uint64_t least = c->last.seq;
	for (int r = 0; r < c->n; r++)
		if (r != c->self && c->copy[r].durable_seq < least) least = c->copy[r].durable_seq;
	if (least > c->committed) least = c->committed;
	if (least <= c->released_seq) return;
	c->released_seq = least;
	cell_act(c, CELL_DO_RELEASE)->seq = least;
}

/* A copy that takes a snapshot is told that it goes on, for its turn on the link may be long in
 * coming. */
static bool listens(const struct copy *k) {
	return !k->pull && (k->state == COPY_STREAMING || k->exporting);
}

/* At their time, and at once when more is committed than the last frame said. */
void commit_heartbeats(struct cell *c) {
	if (!cell_leading(c)) return;
	bool due = false;
	for (int r = 0; r < c->n; r++) {
		struct copy *k = &c->copy[r];
		if (!listens(k)) continue;
		bool on_time = c->now >= k->next_heartbeat_ns;
		if (on_time || c->committed > k->committed_sent) heartbeat(c, r);
		if (on_time) k->next_heartbeat_ns = c->now + c->config.heartbeat_ns;
		due |= on_time;
		cell_wake_at(c, k->next_heartbeat_ns);
	}
	if (due) release(c);
}
