/* One proposal: is it admitted, what does it see, what does it write. It sees the view with
 * everything pending laid over it, so that it is judged at its own place in the log. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "cell/cell_state.h"

enum { DIGITS_BYTES = 24, FINGERPRINT_BYTES = 32 };

/* Room for the longest record; made with the first proposal. */
struct scratch {
	struct op ops[RECORD_MAX_OPS];
	char digits[RECORD_MAX_OPS][DIGITS_BYTES];
	uint8_t result[FINGERPRINT_BYTES + 8 * RECORD_MAX_OPS];
};

/* A key as the proposal sees it. */
struct sight {
	bool exists, pending; /* pending: not applied yet, it may still come to nothing */
	uint64_t epoch, seq;
	struct slice value; /* until the next look */
};

/* An expired entry is absent; the wall clock is the proposal's. */
static enum err look(struct cell *c, struct slice key, struct sight *out) {
	const struct pending_op *p = map_get(&c->overlay, key);
	*out = (struct sight){.pending = p != NULL};
	uint64_t expires_ms;
	if (p) {
		out->exists = !p->deleted;
		out->epoch = p->epoch;
		out->seq = p->seq;
		out->value = slice_of(buf_slice(&p->batch->bytes).ptr + p->value_at, p->value_len);
		expires_ms = p->expires_ms;
	} else {
		struct entry e = {0};
		enum err err = c->config.lookup(c->config.arg, key, &e);
		if (err == ERR_NOT_FOUND) return ERR_OK;
		if (err) return err;
		out->exists = true;
		out->epoch = e.epoch;
		out->seq = e.seq;
		out->value = e.value;
		expires_ms = e.expires_ms;
	}
	if (expires_ms && expires_ms <= c->wall_ms) out->exists = false;
	return ERR_OK;
}

/* --- judging ------------------------------------------------------------------------------ */

static enum err admit(const struct cell *c, const struct proposal *p) {
	if (c->role == CELL_FENCED) return ERR_FENCED;
	if (!cell_serving(c) || move_drains(c)) return ERR_NOT_HOME;
	if (p->deadline_ns && c->now >= p->deadline_ns) return ERR_DEADLINE;
	if (c->doomed || c->view_full) return ERR_NO_SPACE;
	if (c->config.throttle && loss_exposed_ns(c) > c->config.max_lag_ns) return ERR_LAGGING;
	size_t gathered = c->gathering ? c->gathering->bytes.len : 0;
	if (c->inflight_bytes + gathered >= c->config.inflight_bytes) return ERR_OVERLOADED;
	int extra = p->idem_key.len ? 1 : 0;
	if (p->op_count < 0 || p->add_count < 0 || p->event_count < 0) return ERR_INVALID;
	if (p->op_count > RECORD_MAX_OPS || p->add_count > RECORD_MAX_OPS) return ERR_TOO_LARGE;
	if (p->op_count + p->add_count + extra > RECORD_MAX_OPS) return ERR_TOO_LARGE;
	return ERR_OK;
}

/* ERR_NOT_FOUND: not seen before. ERR_OK: p is answered as the first was. */
static enum err replay(struct cell *c, struct proposal *p, bool *pending) {
	if (!p->idem_key.len || MUTANT(IDEMPOTENCY)) return ERR_NOT_FOUND;
	struct sight s;
	enum err err = look(c, p->idem_key, &s);
	if (err) return err;
	if (!s.exists) return ERR_NOT_FOUND;
	*pending = s.pending;
	size_t expected = FINGERPRINT_BYTES + 8 * (size_t)p->add_count;
	if (s.value.len != expected || memcmp(s.value.ptr, p->fingerprint, FINGERPRINT_BYTES) != 0)
		return ERR_IDEMPOTENCY;
	for (int i = 0; i < p->add_count; i++)
		p->adds[i].result = (int64_t)get_u64(s.value.ptr + FINGERPRINT_BYTES + 8 * i);
	p->replayed = true;
	p->epoch = s.epoch;
	p->seq = s.seq;
	return ERR_OK;
}

static enum err conditions_check(struct cell *c, struct proposal *p, bool *pending) {
	for (int i = 0; i < p->condition_count; i++) {
		const struct condition *condition = &p->conditions[i];
		struct sight s;
		enum err err = look(c, condition->key, &s);
		if (err) return err;
		bool holds = condition->kind == CONDITION_ABSENT ? !s.exists : s.exists;
		if (condition->kind == CONDITION_VERSION)
			holds = holds && s.epoch == condition->epoch && s.seq == condition->seq;
		*pending = s.pending;
		p->failed_condition = i;
		if (!holds) return ERR_PRECONDITION;
	}
	p->failed_condition = -1;
	return ERR_OK;
}

static enum err adds_evaluate(struct cell *c, struct proposal *p, bool *pending) {
	for (int i = 0; i < p->add_count; i++) {
		struct bounded_add *add = &p->adds[i];
		struct sight s;
		enum err err = look(c, add->key, &s);
		if (err) return err;
		*pending = s.pending;
		int64_t before = 0;
		if (s.exists && parse_i64(s.value, &before)) return ERR_INVALID;
		if (__builtin_add_overflow(before, add->delta, &add->result))
			return ERR_PRECONDITION;
		if (add->result < add->min || add->result > add->max) return ERR_PRECONDITION;
	}
	return ERR_OK;
}

/* --- writing ------------------------------------------------------------------------------- */

static int ops_gather(struct scratch *s, const struct proposal *p) {
	int count = 0;
	for (int i = 0; i < p->op_count; i++) s->ops[count++] = p->ops[i];
	for (int i = 0; i < p->add_count; i++) {
		const struct bounded_add *add = &p->adds[i];
		int len = snprintf(s->digits[i], DIGITS_BYTES, "%" PRId64, add->result);
		s->ops[count++] = (struct op){.type = OP_PUT,
		                              .key = add->key,
		                              .value = slice_of(s->digits[i], (size_t)len),
		                              .expires_ms = add->expires_ms};
		put_u64(s->result + FINGERPRINT_BYTES + 8 * i, (uint64_t)add->result);
	}
	if (!p->idem_key.len) return count;
	memcpy(s->result, p->fingerprint, FINGERPRINT_BYTES);
	size_t len = FINGERPRINT_BYTES + 8 * (size_t)p->add_count;
	s->ops[count++] = (struct op){.type = OP_PUT,
	                              .key = p->idem_key,
	                              .value = slice_of(s->result, len),
	                              .expires_ms = p->idem_expires_ms};
	return count;
}

static enum err gathering_open(struct cell *c) {
	if (c->gathering) return ERR_OK;
	c->gathering = batch_take(c);
	if (!c->gathering) return ERR_NO_MEMORY;
	c->gathering->first_seq = c->tail.seq + 1;
	c->gathering->before = c->tail;
	return ERR_OK;
}

static enum err encode_once(struct cell *c, const struct proposal *p, int op_count) {
	enum err err = gathering_open(c);
	if (err) return err;
	struct batch *b = c->gathering;
	struct position before = c->tail;
	size_t record_at = b->bytes.len;
	err = record_encode(&b->bytes, &c->tail, c->epoch, c->wall_ms, RECORD_DATA, c->scratch->ops,
	                    op_count, p->events, p->event_count);
	if (err) return err;
	struct pending_op *ops_before = b->ops;
	err = overlay_add(c, b, record_at);
	if (!err) return ERR_OK;
	b->ops = ops_before;
	buf_truncate(&b->bytes, record_at);
	c->tail = before;
	overlay_rebuild(c);
	return err;
}

/* A full batch leaves at once; the record then opens the next. */
static enum err encode(struct cell *c, const struct proposal *p) {
	if (!c->scratch && !(c->scratch = malloc(sizeof *c->scratch))) return ERR_NO_MEMORY;
	int op_count = ops_gather(c->scratch, p);
	enum err err = encode_once(c, p, op_count);
	if (err == ERR_TOO_LARGE && c->gathering && c->gathering->bytes.len) {
		cell_flush(c);
		if (c->gathering) return ERR_OVERLOADED;
		err = encode_once(c, p, op_count);
	}
	if (err && c->gathering && !c->gathering->bytes.len) batch_drop_gathering(c);
	return err;
}

/* Judged; ERR_OK and not replayed: it is in the gathering batch. */
static enum err judge(struct cell *c, struct proposal *p, bool *pending) {
	enum err err = replay(c, p, pending);
	if (err != ERR_NOT_FOUND) return err;
	err = conditions_check(c, p, pending);
	if (!err) err = adds_evaluate(c, p, pending);
	if (err) return err;
	*pending = false;
	err = encode(c, p);
	if (err) return err;
	p->epoch = c->epoch;
	p->seq = c->tail.seq;
	*pending = true;
	return ERR_OK;
}

/* What was decided on pending writes, a refusal too, is said only when they are final. */
void cell_propose(struct cell *c, struct proposal *p) {
	p->replayed = false;
	p->failed_condition = -1;
	p->epoch = p->seq = 0;
	bool pending = false;
	enum err err = admit(c, p);
	if (!err) err = judge(c, p, &pending);
	if (!pending) return cell_answer(c, p, err);
	struct ticket *t = ticket_of(p);
	t->verdict = err;
	t->wait_seq = c->tail.seq;
	cell_wait(c, p);
}
