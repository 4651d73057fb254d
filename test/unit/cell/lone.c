/* See lone.h. */
#include "lone.h"

#include <stdlib.h>

static enum err lookup(void *arg, struct slice key, struct entry *out) {
	struct lone *l = arg;
	for (int i = 0; i < l->view_count; i++) {
		struct lone_entry *e = &l->view[i];
		if (!slice_eq(key, slice_of(e->key, e->key_len))) continue;
		*out = (struct entry){slice_of(e->value, e->value_len), e->epoch, e->seq,
		                      e->expires_ms};
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}

static void view_put(struct lone *l, const struct op *op, const struct position *at) {
	struct lone_entry *e = NULL;
	for (int i = 0; i < l->view_count && !e; i++)
		if (slice_eq(op->key, slice_of(l->view[i].key, l->view[i].key_len)))
			e = &l->view[i];
	if (op->type == OP_DELETE) {
		if (e) *e = l->view[--l->view_count];
		return;
	}
	if (!e) {
		assert_true(l->view_count < LONE_KEYS && op->key.len <= sizeof e->key);
		e = &l->view[l->view_count++];
	}
	assert_true(op->value.len <= sizeof e->value);
	e->key_len = op->key.len;
	e->value_len = op->value.len;
	memcpy(e->key, op->key.ptr, op->key.len);
	if (op->value.len) memcpy(e->value, op->value.ptr, op->value.len);
	e->epoch = at->epoch;
	e->seq = at->seq;
	e->expires_ms = op->expires_ms;
}

static void apply_upto(struct lone *l, uint64_t seq) {
	struct slice rest = buf_slice(&l->log);
	struct record r;
	while (rest.len && !record_decode(rest, &r) && r.at.seq <= seq) {
		rest = slice_of(rest.ptr + r.bytes.len, rest.len - r.bytes.len);
		if (r.at.seq <= l->info.applied.seq) continue;
		struct record_cursor c = record_cursor(&r);
		struct op op;
		while (!record_next_op(&c, &op)) view_put(l, &op, &r.at);
		l->info.applied = r.at;
	}
}

static void append(struct lone *l, struct slice bytes) {
	assert_int_equal(buf_append_slice(&l->log, bytes), ERR_OK);
	struct record r;
	for (; bytes.len; bytes = slice_of(bytes.ptr + r.bytes.len, bytes.len - r.bytes.len)) {
		assert_int_equal(record_decode(bytes, &r), ERR_OK);
		assert_int_equal(record_follows(&r, &l->info.last), ERR_OK);
		if (r.at.epoch != l->info.last.epoch)
			l->epochs[l->info.epoch_count++] =
				(struct epoch_start){r.at.epoch, r.at.seq};
		l->info.last = r.at;
		if (r.at.epoch > l->info.promised_epoch) l->info.promised_epoch = r.at.epoch;
	}
}

static void act(struct lone *l, const struct cell_action *a) {
	struct lone_op op = {a->type, a->bytes, a->type == CELL_DO_PROMISE ? a->epoch : a->seq};
	switch (a->type) {
	case CELL_DO_APPEND: l->appends++; /* fall through */
	case CELL_DO_PROMISE: l->writes[l->write_count++] = op; break;
	case CELL_DO_APPLY: l->applies[l->apply_count++] = op; break;
	case CELL_DO_REPLY:
		l->reply_count++;
		a->proposal->private[7] = a->proposal;
		break;
	case CELL_DO_TELL: return;
	default: break;
	}
	if (l->said_count < LONE_SAID) l->said[l->said_count++] = *a;
}

void lone_event(struct lone *l, struct cell_event e) {
	static struct cell_actions actions;
	e.wall_ms = l->wall_ms;
	do {
		actions.count = 0;
		actions.again = false;
		cell_step(l->core, &e, l->now_ns, &actions);
		for (int i = 0; i < actions.count; i++) act(l, &actions.list[i]);
		e = (struct cell_event){.type = CELL_EV_TICK};
	} while (actions.again);
	if (!l->hold) lone_store(l);
}

void lone_tick(struct lone *l, uint64_t ns) {
	l->now_ns += ns;
	lone_event(l, (struct cell_event){.type = CELL_EV_TICK});
}

void lone_write(struct lone *l, enum err err) {
	assert_true(l->write_count > 0);
	struct lone_op op = l->writes[0];
	memmove(l->writes, l->writes + 1, sizeof op * (size_t)--l->write_count);
	bool appends = op.type == CELL_DO_APPEND;
	if (!err && appends) append(l, op.bytes);
	if (!err && !appends) l->info.promised_epoch = op.number;
	if (err == ERR_IO) l->info.fenced = true;
	lone_event(l, (struct cell_event){.type = CELL_EV_STORE,
	                                  .op = appends ? CELL_APPEND : CELL_PROMISE,
	                                  .err = err,
	                                  .info = &l->info});
}

void lone_apply(struct lone *l, enum err err) {
	assert_true(l->apply_count > 0);
	struct lone_op op = l->applies[0];
	memmove(l->applies, l->applies + 1, sizeof op * (size_t)--l->apply_count);
	if (!err) apply_upto(l, op.number);
	lone_event(l,
	           (struct cell_event){
			   .type = CELL_EV_STORE, .op = CELL_APPLY, .err = err, .info = &l->info});
}

void lone_store(struct lone *l) {
	while (l->write_count || l->apply_count) {
		if (l->write_count) lone_write(l, ERR_OK);
		if (l->apply_count) lone_apply(l, ERR_OK);
	}
}

void lone_lease(struct lone *l, uint32_t generation, uint64_t for_ns) {
	lone_event(l, (struct cell_event){.type = CELL_EV_LEASE,
	                                  .generation = generation,
	                                  .valid_until_ns = for_ns ? l->now_ns + for_ns : 0});
}

void lone_home(struct lone *l) {
	lone_lease(l, 1, MS(600));
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACEMENT});
	for (int i = 0; i < 2; i++) {
		assert_non_null(lone_said(l, CELL_DO_PLACE));
		l->said_count = 0;
		lone_event(l,
		           (struct cell_event){.type = CELL_EV_PLACED, .revision = ++l->revision});
	}
	assert_int_equal(lone_role(l), CELL_HOME);
	l->said_count = l->appends = 0;
}

void lone_propose(struct lone *l, struct proposal *p) {
	p->private[7] = NULL;
	lone_event(l, (struct cell_event){.type = CELL_EV_PROPOSE, .proposal = p});
}

void lone_flush(struct lone *l) {
	lone_event(l, (struct cell_event){.type = CELL_EV_FLUSH});
}

bool lone_replied(const struct lone *l, const struct proposal *p) {
	return p->private[7] == p;
}

const struct cell_action *lone_said(const struct lone *l, enum cell_action_type type) {
	for (int i = l->said_count - 1; i >= 0; i--)
		if (l->said[i].type == type) return &l->said[i];
	return NULL;
}

const struct frame *lone_sent(const struct lone *l, int replica, enum frame_type type) {
	for (int i = l->said_count - 1; i >= 0; i--) {
		const struct cell_action *a = &l->said[i];
		if (a->type == CELL_DO_SEND && a->replica == replica && a->frame.type == type)
			return &a->frame;
	}
	return NULL;
}

enum cell_role lone_role(const struct lone *l) {
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	return s.role;
}

void lone_open(struct lone *l, int replicas, int self, bool sync, int copies) {
	static const char *const names[] = {"r0", "r1", "r2"};
	if (!l->now_ns) {
		buf_init(&l->log, 64 << 20);
		l->now_ns = MS(1000);
		l->wall_ms = 1700000000000;
		l->info.first_seq = 1;
		l->info.incarnation = 42;
		l->info.epochs = l->epochs;
	}
	const struct cell_config config = {.name = "cell",
	                                   .replicas = names,
	                                   .replica_count = replicas,
	                                   .self = self,
	                                   .sync = sync,
	                                   .copies = copies,
	                                   .max_loss = l->max_loss,
	                                   .max_lag_ns = l->max_lag_ns,
	                                   .throttle = l->throttle,
	                                   .failover_after_ns = l->failover_after_ns,
	                                   .heartbeat_ns = MS(20),
	                                   .seal_wait_ns = MS(200),
	                                   .rank_delay_ns = MS(150),
	                                   .degrade_after_ns = MS(1000),
	                                   .window_bytes = 4 << 20,
	                                   .apply_pause_ns = l->apply_pause_ns,
	                                   .apply_bytes = 4096,
	                                   .inflight_bytes = 1 << 20,
	                                   .failsafe = l->failsafe,
	                                   .witness = l->witness,
	                                   .lookup = lookup,
	                                   .arg = l};
	l->core = cell_new(&config, &l->info);
	assert_non_null(l->core);
}

void lone_close(struct lone *l) {
	cell_free(l->core);
	buf_done(&l->log);
}
