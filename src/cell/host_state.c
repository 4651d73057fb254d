/* What other threads see of a cell: a consistent copy of its state and of its history, read
 * without a lock as often as there are requests, written by the owner when something moved. */
#include <stdio.h>

#include "base/assert.h"
#include "cell/host_private.h"

/* --- the state ------------------------------------------------------------------------ */

static void share(struct host_shared_state *s, const struct host_cell_state *state) {
	uint64_t words[sizeof *state / 8];
	memcpy(words, state, sizeof words);
	uint64_t turn = atomic_load_explicit(&s->turn, memory_order_relaxed);
	atomic_store_explicit(&s->turn, turn + 1, memory_order_relaxed);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		atomic_store_explicit(&s->words[i], words[i], memory_order_release);
	atomic_store_explicit(&s->turn, turn + 2, memory_order_release);
}

void host_cell_state(const struct host *h, int cell, struct host_cell_state *out) {
	ASSERT(cell >= 0 && cell < h->cell_count);
	struct host_shared_state *s = &h->cells[cell].shared;
	uint64_t words[sizeof *out / 8], turn;
	do {
		turn = atomic_load_explicit(&s->turn, memory_order_acquire);
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			words[i] = atomic_load_explicit(&s->words[i], memory_order_acquire);
	} while ((turn & 1) || turn != atomic_load_explicit(&s->turn, memory_order_relaxed));
	memcpy(out, words, sizeof words);
}

/* What makes it worth to look again at requests that are held. */
static bool moved(const struct host_cell_state *a, const struct host_cell_state *b) {
	return a->home != b->home || a->epoch != b->epoch || a->active != b->active ||
	       a->is_home != b->is_home || a->promoting != b->promoting || a->fenced != b->fenced ||
	       (a->lease_until_ns != 0) != (b->lease_until_ns != 0);
}

static void set_state(struct host_cell *c, const struct host_cell_state *next) {
	struct host *h = c->host;
	if (moved(&c->state, next)) h->changed = true;
	if (next->is_home && next->epoch != c->state.epoch) metric_inc(c->metrics.failovers);
	c->state = *next;
	share(&c->shared, next);
	host_waits_check(c);
}

static void count(struct host_cell *c, const struct cell_status *s) {
	const struct host_cell_metrics *m = &c->metrics;
	metric_set(m->role, s->role);
	metric_set(m->failsafe, s->failsafe);
	metric_set(m->epoch, (int64_t)s->epoch);
	metric_set(m->committed, (int64_t)s->committed);
	metric_set(m->applied, (int64_t)s->applied.seq);
	metric_set(m->quarantined, (int64_t)s->quarantined);
	metric_set(m->refused, (int64_t)s->refused_frames);
	metric_set(m->degraded, s->degraded);
	metric_set(m->exposed, s->exposed_ms);
	metric_set(m->sla_broken, s->sla_broken);
	metric_set(m->sla_kept_ms, (int64_t)s->sla_kept_ms);
	metric_set(m->sla_broken_ms, (int64_t)s->sla_broken_ms);
	metric_set(m->sla_breaches, (int64_t)s->sla_breaches);
	metric_set(m->sla_budget, s->sla_budget_left);
	metric_set(m->possible_loss, s->possible_loss > INT64_MAX ? -1 : (int64_t)s->possible_loss);
	for (int i = 0; i < c->replica_count; i++) metric_set(m->lag[i], s->lag_ms[i]);
}

void host_state_publish(struct host_cell *c) {
	struct cell_status s = {0};
	cell_status(c->core, io_now_ns(c->host->io), &s);
	bool claiming = s.role >= CELL_CLAIMING && s.role <= CELL_STARTING;
	struct host_cell_state next = {
		.home = s.home < 0 ? -1 : c->replicas[s.home],
		.active = s.active,
		.is_home = s.role == CELL_HOME && s.active,
		.promoting = claiming || (s.home >= 0 && !s.active) || s.draining,
		.degraded = s.degraded,
		.fenced = s.role == CELL_FENCED,
		.epoch = s.epoch,
		.lease_until_ns = s.role == CELL_HOME && s.active ? s.lease_until_ns : 0,
		.fresh_at_ns = s.fresh_at_ns,
		.applied_epoch = s.applied.epoch,
		.applied_seq = s.applied.seq,
		.committed_seq = s.committed,
	};
	memcpy(next.lag_ms, s.lag_ms, sizeof next.lag_ms);
	count(c, &s);
	set_state(c, &next);
	host_move_check(c, s.draining);
}

void host_state_place(struct host_cell *c, const struct placement *p) {
	struct host_cell_state next = {.home = -1, .epoch = p->epoch};
	for (int i = 0; i < c->replica_count; i++)
		if (strcmp(c->host->regions[c->replicas[i]], p->home) == 0)
			next.home = c->replicas[i];
	next.active = p->state == PLACEMENT_ACTIVE;
	next.promoting = !next.active;
	set_state(c, &next);
}

/* --- the history ------------------------------------------------------------------------ */

void host_history_publish(struct host_cell *c, const struct store_info *info) {
	struct host_shared_history *s = &c->history;
	int n = info->epoch_count < HOST_EPOCHS_MAX ? info->epoch_count : HOST_EPOCHS_MAX;
	const struct epoch_start *starts = info->epochs + (info->epoch_count - n);
	struct epoch_start newest = n ? starts[n - 1] : (struct epoch_start){0};
	/* Epochs come at the end and go at either; a new one has a number never used before, so
	 * that equal counts and ends mean equal tables. */
	bool same = n == c->epoch_count && newest.epoch == c->newest.epoch &&
	            newest.seq == c->newest.seq;
	uint64_t turn = atomic_load_explicit(&s->turn, memory_order_relaxed);
	atomic_store_explicit(&s->turn, turn + 1, memory_order_relaxed);
	atomic_store_explicit(&s->applied_seq, info->applied.seq, memory_order_release);
	atomic_store_explicit(&s->count, (uint64_t)n, memory_order_release);
	for (int i = 0; i < n && !same; i++) {
		atomic_store_explicit(&s->starts[i].epoch, starts[i].epoch, memory_order_release);
		atomic_store_explicit(&s->starts[i].seq, starts[i].seq, memory_order_release);
	}
	atomic_store_explicit(&s->turn, turn + 2, memory_order_release);
	c->epoch_count = n;
	c->newest = newest;
}

static struct epoch_start start_at(struct host_shared_history *s, uint64_t i) {
	return (struct epoch_start){
		.epoch = atomic_load_explicit(&s->starts[i].epoch, memory_order_acquire),
		.seq = atomic_load_explicit(&s->starts[i].seq, memory_order_acquire),
	};
}

/* One look, which may be torn: then it is thrown away. Most ask for the newest epoch, and are
 * answered without the table. */
static enum err look(struct host_shared_history *s, uint64_t epoch, uint64_t seq) {
	uint64_t applied = atomic_load_explicit(&s->applied_seq, memory_order_acquire);
	uint64_t count = atomic_load_explicit(&s->count, memory_order_acquire);
	struct epoch_start newest = count ? start_at(s, count - 1) : (struct epoch_start){0};
	enum err err = ERR_OK;
	if (epoch != newest.epoch || seq < newest.seq) {
		struct epoch_start starts[HOST_EPOCHS_MAX];
		for (uint64_t i = 0; i < count; i++) starts[i] = start_at(s, i);
		const struct position last = {.epoch = newest.epoch, .seq = UINT64_MAX};
		err = history_check(starts, (int)count, &last, epoch, seq);
	}
	return err == ERR_OK && applied < seq ? ERR_TIMEOUT : err;
}

enum err host_history_check(const struct host *h, int cell, uint64_t epoch, uint64_t seq) {
	ASSERT(cell >= 0 && cell < h->cell_count);
	struct host_shared_history *s = &h->cells[cell].history;
	if (!h->cells[cell].store) return ERR_TIMEOUT;
	if (seq == 0) return ERR_OK; /* has seen nothing yet */
	uint64_t turn;
	enum err err;
	do {
		turn = atomic_load_explicit(&s->turn, memory_order_acquire);
		err = look(s, epoch, seq);
	} while ((turn & 1) || turn != atomic_load_explicit(&s->turn, memory_order_relaxed));
	return err;
}

/* --- metrics ------------------------------------------------------------------------------ */

static void register_sla(struct host_cell *c, const char *l) {
	struct registry *r = c->host->registry;
	struct host_cell_metrics *m = &c->metrics;
	m->sla_broken = metric_gauge(r, "holdfast_cell_sla_broken",
	                             "1: at this home a copy is over replication_sla now.", l);
	m->sla_kept_ms = metric_counter(r, "holdfast_cell_sla_kept_ms_total",
	                                "As home: time in which all copies were within it.", l);
	m->sla_broken_ms = metric_counter(r, "holdfast_cell_sla_broken_ms_total",
	                                  "As home: time in which one was not.", l);
	m->sla_breaches = metric_counter(r, "holdfast_cell_sla_breaches_total",
	                                 "As home: times that it came to that.", l);
	m->sla_budget = metric_gauge(r, "holdfast_cell_sla_budget_left_percent",
	                             "Of the time that it may be broken in a day (0.1 %).", l);
}

static void register_metrics(struct host_cell *c) {
	struct registry *r = c->host->registry;
	struct host_cell_metrics *m = &c->metrics;
	char l[400];
	snprintf(l, sizeof l, "cell=\"%s\"", c->name);
	m->role =
		metric_gauge(r, "holdfast_cell_role",
	                     "What this region is for the cell: 0 waiting, 1 follower, 2 claiming, "
	                     "3 sealing, 4 fetching, 5 starting, 6 home, 7 held, 8 fenced.",
	                     l);
	m->epoch = metric_gauge(r, "holdfast_cell_epoch", "Epoch of the cell as known here.", l);
	m->failsafe = metric_gauge(r, "holdfast_cell_failsafe",
	                           "1 while this home goes on by its copies' promises, for "
	                           "coordination does not answer.",
	                           l);
	m->committed = metric_gauge(r, "holdfast_cell_committed_seq", "Last committed record.", l);
	m->applied = metric_gauge(r, "holdfast_cell_applied_seq", "Last record in the view.", l);
	m->quarantined = metric_counter(r, "holdfast_cell_quarantined_records_total",
	                                "Records put into quarantine here since start.", l);
	m->refused = metric_counter(r, "holdfast_cell_refused_frames_total",
	                            "Replication frames refused for their epoch or content.", l);
	m->failovers = metric_counter(r, "holdfast_cell_failovers_total",
	                              "Times this region became the home.", l);
	m->appends = metric_counter(r, "holdfast_cell_appends_total", "Batches made durable.", l);
	m->degraded = metric_gauge(r, "holdfast_cell_degraded",
	                           "1: fewer copies acknowledge than configured, and none of the "
	                           "others takes over by itself.",
	                           l);
	m->possible_loss =
		metric_gauge(r, "holdfast_cell_possible_loss_records",
	                     "Async, at a copy: records that may be lost if the home were "
	                     "gone now; -1: not known.",
	                     l);
	m->exposed =
		metric_gauge(r, "holdfast_cell_exposed_ms",
	                     "Async, at the home: the oldest write that no copy has is at most "
	                     "so old.",
	                     l);
	m->moves = metric_counter(r, "holdfast_cell_moves_total",
	                          "Planned moves away from this region that were made.", l);
	m->moves_failed = metric_counter(r, "holdfast_cell_moves_failed_total",
	                                 "Planned moves that were not: this region stayed home, or "
	                                 "the target did not become active.",
	                                 l);
	m->move_seconds = metric_histogram(r, "holdfast_cell_move_pause_seconds",
	                                   "Of planned moves: from taking no writes to the target "
	                                   "being active.",
	                                   l);
	m->append_seconds = metric_histogram(r, "holdfast_cell_append_seconds",
	                                     "From handing a batch to the store to durable.", l);
	m->propose_seconds = metric_histogram(r, "holdfast_cell_propose_seconds",
	                                      "From proposing a write to its outcome.", l);
	m->copy_seconds =
		metric_histogram(r, "holdfast_cell_copy_seconds",
	                         "At its home: from durable here to durable on a copy.", l);
	register_sla(c, l);
	for (int i = 0; i < c->replica_count; i++) {
		snprintf(l, sizeof l, "cell=\"%s\",copy=\"%s\"", c->name,
		         c->host->regions[c->replicas[i]]);
		m->lag[i] = metric_gauge(r, "holdfast_cell_lag_ms",
		                         "How far the copy is behind its home.", l);
	}
}

void host_state_init(struct host_cell *c) {
	c->state = (struct host_cell_state){.home = -1};
	share(&c->shared, &c->state);
	if (c->store) register_metrics(c);
}
