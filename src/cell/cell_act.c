/* What a step says: actions, trace lines, role moves, answers to proposals. May not know
 * why. */
#include <stdarg.h>
#include <stdio.h>

#include "cell/cell_state.h"

struct cell_action *cell_act(struct cell *c, enum cell_action_type type) {
	ASSERT(c->out->count < CELL_ACTIONS_MAX);
	struct cell_action *a = &c->out->list[c->out->count++];
	memset(a, 0, sizeof *a);
	a->type = type;
	return a;
}

void cell_send(struct cell *c, int replica, const struct frame *f) {
	struct cell_action *a = cell_act(c, CELL_DO_SEND);
	a->replica = replica;
	a->frame = *f;
}

void cell_tell(struct cell *c, enum log_level level, const char *format, ...) {
	struct cell_action *a = cell_act(c, CELL_DO_TELL);
	a->seq = level;
	va_list args;
	va_start(args, format);
	vsnprintf(a->text, sizeof a->text, format, args);
	va_end(args);
}

void cell_refuse(struct cell *c, int replica, const char *why) {
	c->refused_frames++;
	struct cell_action *a = cell_act(c, CELL_DO_REFUSE);
	a->replica = replica;
	snprintf(a->text, sizeof a->text, "%s", why);
}

/* --- roles --------------------------------------------------------------------------- */

#define BIT(role) (1u << CELL_##role)
static const struct {
	const char *name;
	unsigned next; /* what it may become */
} roles[] = {
	[CELL_WAITING] = {"waiting", BIT(FOLLOWER) | BIT(FENCED)},
	[CELL_FOLLOWER] = {"follower", BIT(CLAIMING) | BIT(SEALING) | BIT(HELD) | BIT(FENCED)},
	[CELL_CLAIMING] = {"claiming", BIT(SEALING) | BIT(FOLLOWER) | BIT(FENCED)},
	[CELL_SEALING] = {"sealing",
                          BIT(FETCHING) | BIT(STARTING) | BIT(HELD) | BIT(FOLLOWER) | BIT(FENCED)},
	[CELL_FETCHING] = {"fetching", BIT(SEALING) | BIT(STARTING) | BIT(FOLLOWER) | BIT(FENCED)},
	[CELL_STARTING] = {"starting", BIT(HOME) | BIT(FOLLOWER) | BIT(FENCED)},
	[CELL_HOME] = {"home", BIT(FOLLOWER) | BIT(FENCED)},
	[CELL_HELD] = {"held", BIT(FOLLOWER) | BIT(CLAIMING) | BIT(SEALING) | BIT(FENCED)},
	[CELL_FENCED] = {"fenced", 0},
};
#undef BIT

void cell_move(struct cell *c, enum cell_role role, const char *format, ...) {
	ASSERT(roles[c->role].next & 1u << role);
	char why[sizeof c->held_reason];
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	bool bad = role == CELL_HELD || role == CELL_FENCED;
	cell_tell(c, bad ? LOG_WARN : LOG_INFO, "%s -> %s: %s", roles[c->role].name,
	          roles[role].name, why);
	c->role = role;
	if (role == CELL_HELD || role == CELL_FENCED)
		snprintf(c->held_reason, sizeof c->held_reason, "%s", why);
	else
		c->held_reason[0] = '\0';
}

/* Forgets everything that only one who acts has. */
static void acting_end(struct cell *c) {
	cell_answer_all(c, 0, ERR_OUTCOME_UNKNOWN);
	overlay_clear(c);
	c->claimed = c->fresh = c->handed = false;
	/* Once the target may be named, coordination has the word. */
	move_end(c, c->move.handed ? ERR_OUTCOME_UNKNOWN : ERR_NOT_HOME,
	         "this region stopped being the home");
	c->start_seq = c->raise_seq = c->apply_floor = 0;
	serve_stop_all(c);
	follow_reset(c, 0);
}

void cell_resign(struct cell *c, const char *why) {
	if (!cell_acting(c)) return;
	/* What gathers was not submitted: it did not happen. */
	if (c->gathering) {
		cell_answer_all(c, c->gathering->first_seq - 1, ERR_NOT_HOME);
		batch_drop_gathering(c);
	}
	acting_end(c);
	cell_move(c, CELL_FOLLOWER, "%s", why);
}

void cell_fence(struct cell *c, const char *what, enum err err) {
	if (c->role == CELL_FENCED) return;
	c->giving_up = cell_acting(c);
	batch_drop_gathering(c);
	acting_end(c);
	cell_move(c, CELL_FENCED, "the store failed to %s: %s", what, err_text(err));
}

/* --- answers --------------------------------------------------------------------------- */

void proposals_push(struct proposals *list, struct proposal *p) {
	ticket_of(p)->next = NULL;
	if (list->tail)
		ticket_of(list->tail)->next = p;
	else
		list->head = p;
	list->tail = p;
}

struct proposal *proposals_pop(struct proposals *list) {
	struct proposal *p = list->head;
	if (!p) return NULL;
	list->head = ticket_of(p)->next;
	if (!list->head) list->tail = NULL;
	return p;
}

void cell_answer(struct cell *c, struct proposal *p, enum err err) {
	p->err = err;
	proposals_push(&c->outbox, p);
}

void cell_wait(struct cell *c, struct proposal *p) {
	if (p->deadline_ns && p->deadline_ns < c->overdue_ns) c->overdue_ns = p->deadline_ns;
	proposals_push(&c->pending, p);
}

/* A refusal that only waited to be sure of what it had seen did nothing: it may be tried again. */
static void answer_waiting(struct cell *c, struct proposal *p, enum err write_err) {
	bool wrote = ticket_of(p)->verdict == ERR_OK && !p->replayed;
	cell_answer(c, p, wrote || write_err != ERR_OUTCOME_UNKNOWN ? write_err : ERR_NOT_HOME);
}

/* Nobody waits for copies beyond the deadline: the write may still come to be. Deadlines that
 * come one by one are kept a little late, together: each look goes over all that wait. */
void cell_answer_overdue(struct cell *c) {
	if (!c->pending.head) c->overdue_ns = UINT64_MAX;
	cell_wake_at(c, c->overdue_ns);
	if (c->now < c->overdue_ns) return;
	struct proposals all = c->pending;
	c->pending = (struct proposals){0};
	c->overdue_ns = UINT64_MAX;
	for (struct proposal *p; (p = proposals_pop(&all));) {
		if (p->deadline_ns && c->now >= p->deadline_ns)
			answer_waiting(c, p, ERR_OUTCOME_UNKNOWN);
		else
			cell_wait(c, p);
	}
	if (c->overdue_ns < c->now + OVERDUE_PAUSE_NS) c->overdue_ns = c->now + OVERDUE_PAUSE_NS;
	cell_wake_at(c, c->overdue_ns);
}

/* All that wait for a seq beyond after_seq. */
void cell_answer_all(struct cell *c, uint64_t after_seq, enum err write_err) {
	struct proposals all = c->pending;
	c->pending = (struct proposals){0};
	for (struct proposal *p; (p = proposals_pop(&all));) {
		if (ticket_of(p)->wait_seq <= after_seq)
			cell_wait(c, p);
		else
			answer_waiting(c, p, write_err);
	}
}

void cell_outbox_drain(struct cell *c) {
	while (c->outbox.head && c->out->count < CELL_ACTIONS_MAX - ACTIONS_RESERVED)
		cell_act(c, CELL_DO_REPLY)->proposal = proposals_pop(&c->outbox);
	if (c->outbox.head) c->again = true;
}
