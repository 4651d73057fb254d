/* Operations of the memory driver. One is asked, takes effect after half its delay and is
 * answered after the whole, so that a cut, a pause or a crash may fall before or after the
 * effect. The timer is the node's own: a paused node's requests arrive late, as they would
 * from its socket. */
#include <stdlib.h>
#include <string.h>

#include "coord/memory_private.h"

static void op_free(struct memory_op *p) {
	free(p->text);
	if ((void *)p != (void *)p->op->driver) free(p);
}

static enum err apply(struct memory_handle *h, struct memory_op *p) {
	struct memory_state *s = &h->memory->state;
	uint32_t generation = (uint32_t)(p->expected >> 32), beat = (uint32_t)p->expected;
	enum err e;
	if (p->kind == MEMORY_REFUSED) return p->err;
	if (h->cut) return ERR_UNAVAILABLE;
	switch (p->kind) {
	case MEMORY_PUT: e = memory_put(s, p->text, p->expected, p->value, &p->revision); break;
	case MEMORY_JOIN:
		e = memory_join(s, h->name, &h->generation);
		p->revision = h->generation;
		break;
	case MEMORY_BEAT:
		e = memory_beat(s, h->name, generation);
		p->revision = generation;
		break;
	case MEMORY_EXPIRE: e = memory_expire(s, p->text, generation, beat); break;
	default: return ERR_OK;
	}
	if (!e) memory_news_for_all(h->memory);
	return e;
}

/* Read when it is answered: still between the call and its answer, so linearizable. */
static void answer(struct memory_handle *h, struct memory_op *p) {
	struct coord_op *op = p->op;
	enum err e = h->cut && p->kind != MEMORY_REFUSED ? ERR_UNAVAILABLE : p->err;
	if (!e && p->kind == MEMORY_READ) {
		struct memory_key *k = memory_key_find(&h->memory->state, p->text);
		p->revision = k ? k->revision : 0;
		op->value = k ? slice_of(k->value, k->value_bytes) : slice_of(NULL, 0);
	}
	op->revision = p->revision;
	op_free(p);
	h->calling++;
	op->done(op, e);
	h->calling--;
}

static struct memory_op *first_of(struct list *l) {
	struct list_node *n = list_first(l);
	return n ? CONTAINER_OF(n, struct memory_op, node) : NULL;
}

static void plan_step(struct memory_handle *h) {
	struct memory_op *asked = first_of(&h->asked), *applied = first_of(&h->applied);
	uint64_t due = UINT64_MAX, now = io_now_ns(h->io);
	if (asked) due = asked->due_ns;
	if (applied && applied->due_ns < due) due = applied->due_ns;
	if (due == UINT64_MAX) return;
	io_timer_start(h->step, due > now ? due - now : 0);
}

void memory_op_step(void *arg) {
	struct memory_handle *h = arg;
	uint64_t now = io_now_ns(h->io);
	if (h->memory->stalled) return;
	for (struct memory_op *p; (p = first_of(&h->asked)) && p->due_ns <= now;) {
		list_remove(&h->asked, &p->node);
		p->err = apply(h, p);
		p->due_ns += h->delay_ns - h->delay_ns / 2;
		list_push_back(&h->applied, &p->node);
	}
	for (struct memory_op *p; !h->closing && (p = first_of(&h->applied)) && p->due_ns <= now;) {
		list_remove(&h->applied, &p->node);
		answer(h, p);
	}
	if (h->closing)
		memory_handle_release(h);
	else
		plan_step(h);
}

static enum err copy_text(struct memory_op *p, const char *text, size_t max, struct slice value) {
	size_t len = strlen(text);
	if (len < 1 || len > max) return ERR_INVALID;
	if (value.len > COORD_VALUE_MAX) return ERR_TOO_LARGE;
	p->text = malloc(len + 1 + value.len);
	if (!p->text) return ERR_NO_MEMORY;
	memcpy(p->text, text, len + 1);
	if (value.len) memcpy(p->text + len + 1, value.ptr, value.len);
	p->value = slice_of(p->text + len + 1, value.len);
	return ERR_OK;
}

static void ask(struct coord *c, struct coord_op *op, enum memory_kind kind, const char *text,
                struct slice value, uint64_t expected) {
	struct memory_handle *h = memory_handle_of(c);
	struct memory_op *p = malloc(sizeof *p);
	if (!p) p = (struct memory_op *)(void *)op->driver;
	*p = (struct memory_op){.op = op, .kind = kind, .expected = expected};
	op->revision = 0;
	op->value = slice_of(NULL, 0);
	p->err = text ? copy_text(p, text, COORD_KEY_MAX, value) : ERR_OK;
	if (p->err) p->kind = MEMORY_REFUSED;
	p->due_ns = io_now_ns(h->io) + h->delay_ns / 2;
	list_push_back(&h->asked, &p->node);
	plan_step(h);
}

void memory_op_put(struct coord *c, const char *key, uint64_t expected, struct slice value,
                   struct coord_op *op) {
	ask(c, op, MEMORY_PUT, key, value, expected);
}

void memory_op_read(struct coord *c, const char *key, struct coord_op *op) {
	ask(c, op, MEMORY_READ, key, slice_of(NULL, 0), 0);
}

void memory_op_join(struct coord *c, struct coord_op *op) {
	ask(c, op, MEMORY_JOIN, NULL, slice_of(NULL, 0), 0);
}

void memory_op_beat(struct coord *c, struct coord_op *op) {
	uint64_t life = (uint64_t)memory_handle_of(c)->generation << 32;
	ask(c, op, MEMORY_BEAT, NULL, slice_of(NULL, 0), life);
}

void memory_op_expire(struct coord *c, const struct coord_node *observed, struct coord_op *op) {
	uint64_t life = (uint64_t)observed->generation << 32 | observed->beat;
	ask(c, op, MEMORY_EXPIRE, observed->name, slice_of(NULL, 0), life);
}

void memory_op_drop(struct list *ops) {
	for (struct list_node *n; (n = list_pop_front(ops));)
		op_free(CONTAINER_OF(n, struct memory_op, node));
}
