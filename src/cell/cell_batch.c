/* Appends and applies: what was submitted, what came of it. A batch is one append: the
 * home's proposals of a turn, or records that a copy received. May not know what is in it. */
#include <stdlib.h>

#include "cell/cell_state.h"

enum { ARENA_MAX_BYTES = 64 << 20 };

/* --- memory ---------------------------------------------------------------------------- */

struct batch *batch_take(struct cell *c) {
	struct list_node *node = list_pop_front(&c->idle);
	struct batch *b = node ? CONTAINER_OF(node, struct batch, node) : calloc(1, sizeof *b);
	if (!b || node) return b;
	buf_init(&b->bytes, BATCH_BYTES_MAX);
	arena_init(&b->arena, ARENA_MAX_BYTES);
	return b;
}

static void batch_free(struct batch *b) {
	buf_done(&b->bytes);
	arena_done(&b->arena);
	free(b);
}

/* Of a batch in no list. */
void batch_drop(struct cell *c, struct batch *b) {
	overlay_remove(c, b);
	if (c->idle.count >= BATCHES_KEPT || b->bytes.cap > BATCH_KEEP_BYTES) {
		batch_free(b);
		return;
	}
	buf_reset(&b->bytes);
	arena_reset(&b->arena);
	b->doomed = false;
	list_push_back(&c->idle, &b->node);
}

void batch_drop_gathering(struct cell *c) {
	struct batch *b = c->gathering;
	if (!b) return;
	c->gathering = NULL;
	c->tail = b->before;
	batch_drop(c, b);
}

static void batch_forget(struct cell *c, struct list *from, struct batch *b) {
	list_remove(from, &b->node);
	c->inflight_bytes -= b->bytes.len;
	batch_drop(c, b);
}

/* Durable batches wait for the view (their keys are in the overlay) and for the end of the
 * step in which they are sent. */
void batch_reap(struct cell *c) {
	LIST_EACH (&c->kept, node) {
		struct batch *b = CONTAINER_OF(node, struct batch, node);
		if (b->ops && b->last_seq > c->applied.seq) return;
		batch_forget(c, &c->kept, b);
	}
}

static void list_free(struct list *l) {
	for (struct list_node *node; (node = list_pop_front(l));)
		batch_free(CONTAINER_OF(node, struct batch, node));
}

void batch_free_all(struct cell *c) {
	if (c->gathering) batch_free(c->gathering);
	list_free(&c->appends);
	list_free(&c->kept);
	list_free(&c->idle);
}

/* --- appends ---------------------------------------------------------------------------- */

void batch_submit(struct cell *c, struct batch *b, uint64_t epoch) {
	b->last_seq = c->tail.seq;
	b->doomed = false;
	c->inflight_bytes += b->bytes.len;
	list_push_back(&c->appends, &b->node);
	struct cell_action *a = cell_act(c, CELL_DO_APPEND);
	a->bytes = buf_slice(&b->bytes);
	a->epoch = cell_acting(c) ? c->epoch : c->follow.epoch;
}

void cell_flush(struct cell *c) {
	struct batch *b = c->gathering;
	c->flush_owed = b && c->appends.count >= APPENDS_MAX;
	if (!b || c->flush_owed) return;
	c->gathering = NULL;
	batch_submit(c, b, c->epoch);
}

const struct batch *batch_with(const struct cell *c, uint64_t first_seq) {
	LIST_EACH (&c->kept, node) {
		const struct batch *b = CONTAINER_OF(node, struct batch, node);
		if (b->first_seq == first_seq && b->last_seq <= c->last.seq) return b;
	}
	return NULL;
}

/* Nothing of this batch happened, nor will anything of those behind it: they do not follow
 * the log's end any more. */
static void doom(struct cell *c, enum err err) {
	LIST_EACH (&c->appends, node) {
		CONTAINER_OF(node, struct batch, node)->doomed = true;
		c->doomed = true;
	}
	bool space = err == ERR_NO_SPACE;
	cell_answer_all(c, c->last.seq, space ? ERR_NO_SPACE : ERR_NOT_HOME);
	batch_drop_gathering(c);
	c->tail = c->last;
	overlay_rebuild(c);
	if (c->start_seq > c->last.seq) {
		c->start_seq = 0;
		c->start_retry_ns = c->now + SPACE_RETRY_NS;
	}
	cell_tell(c, LOG_WARN, "append after seq %llu: %s", (unsigned long long)c->last.seq,
	          err_text(err));
	if (!cell_leading(c)) follow_reset(c, c->now + SPACE_RETRY_NS);
}

void cell_append_done(struct cell *c, enum err err) {
	ASSERT(!list_empty(&c->appends));
	struct batch *b = CONTAINER_OF(list_first(&c->appends), struct batch, node);
	bool was_doomed = b->doomed;
	if (!err) {
		ASSERT(!was_doomed && b->last_seq <= c->last.seq);
		list_remove(&c->appends, &b->node);
		list_push_back(&c->kept, &b->node);
		return;
	}
	batch_forget(c, &c->appends, b);
	if (list_empty(&c->appends)) c->doomed = false;
	bool nothing_happened = err == ERR_NO_SPACE || err == ERR_CONFLICT;
	if (!nothing_happened) return cell_fence(c, "append", err);
	if (was_doomed) return;
	doom(c, err);
	/* A higher epoch was promised here: somebody else is about to be home. */
	if (err == ERR_CONFLICT) cell_resign(c, "a higher epoch was promised");
}

/* --- applies ----------------------------------------------------------------------------- */

static bool apply_may(const struct cell *c) {
	enum follow_state f = c->follow.state;
	bool going_back = f == FOLLOW_MATCHED || f == FOLLOW_QUARANTINE || f == FOLLOW_TRUNCATE ||
	                  f == FOLLOW_OFFERED || f == FOLLOW_IMPORTING || f == FOLLOW_COMMITTING;
	return !going_back && c->misc == MISC_NONE && c->applies < APPLIES_MAX;
}

/* Neighbours in the view share its pages: one large step costs far less than many small ones, so
 * under load there is a pause between them. Nobody waits for that: who needs the view to have a
 * record says so (CELL_EV_WANTED), and only a cell in its steady state puts anything off. */
static bool apply_is_due(struct cell *c) {
	bool steady = c->role == CELL_HOME || c->follow.state == FOLLOW_STREAMING;
	uint64_t wanted = c->apply_wanted > c->apply_floor ? c->apply_wanted : c->apply_floor;
	if (!steady || wanted > c->apply_sent) return true;
	if (c->inflight_bytes >= c->config.apply_bytes) return true;
	cell_wake_at(c, c->apply_pause_ns);
	return c->now >= c->apply_pause_ns;
}

void cell_apply_more(struct cell *c) {
	uint64_t target = c->committed > c->apply_floor ? c->committed : c->apply_floor;
	if (target > c->last.seq) target = c->last.seq;
	if (target <= c->apply_sent || !apply_may(c)) return;
	if (c->now < c->apply_retry_ns) return cell_wake_at(c, c->apply_retry_ns);
	if (!apply_is_due(c)) return;
	c->apply_pause_ns = c->now + c->config.apply_pause_ns;
	c->applies++;
	c->apply_sent = target;
	cell_act(c, CELL_DO_APPLY)->seq = target;
}

void cell_apply_done(struct cell *c, enum err err) {
	ASSERT(c->applies > 0);
	c->applies--;
	c->view_full = err == ERR_NO_SPACE;
	if (err == ERR_NO_SPACE) {
		c->apply_retry_ns = c->now + SPACE_RETRY_NS;
		cell_tell(c, LOG_WARN, "apply after seq %llu: %s",
		          (unsigned long long)c->applied.seq, err_text(err));
	} else if (err) {
		return cell_fence(c, "apply", err);
	}
	if (!c->applies) c->apply_sent = c->applied.seq;
}

/* A committed write is final: it is said before the view has it, and who reads at the home
 * waits for the view to have what was committed when it came (cell_status.committed). */
void cell_answer_committed(struct cell *c) {
	for (struct proposal *p; (p = c->pending.head);) {
		struct ticket *t = ticket_of(p);
		if (t->wait_seq > c->committed) return;
		enum err verdict = t->verdict;
		bool wrote = verdict == ERR_OK;
		proposals_pop(&c->pending);
		if (!cell_serving(c) && !MUTANT(SECOND_CHECK))
			verdict = wrote ? ERR_OUTCOME_UNKNOWN : ERR_NOT_HOME;
		cell_answer(c, p, verdict);
	}
}
