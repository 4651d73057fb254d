/* Dmitry Vyukov's intrusive MPSC queue (1024cores.net, "Intrusive MPSC node-based
 * queue") plus one flag. His queue alone cannot say whether the consumer sleeps: a
 * consumer that gave up while a push was half done would wait for a wake-up that
 * nobody owes. Here a producer links, then looks at the flag; the consumer takes the flag
 * down, then looks for links. Both orders are sequentially consistent: a producer that finds
 * the flag up has linked before the consumer looks. */
#include "base/queue.h"

#include <stddef.h>

void queue_init(struct queue *q) {
	atomic_init(&q->stub.next, NULL);
	atomic_init(&q->tail, &q->stub);
	atomic_init(&q->told, false);
	q->head = &q->stub;
}

static void queue_link(struct queue *q, struct queue_node *n) {
	atomic_store_explicit(&n->next, NULL, memory_order_relaxed);
	struct queue_node *prev = atomic_exchange_explicit(&q->tail, n, memory_order_acq_rel);
	atomic_store(&prev->next, n);
}

bool queue_tell(struct queue *q) {
	return !atomic_load(&q->told) && !atomic_exchange(&q->told, true);
}

bool queue_push(struct queue *q, struct queue_node *n) {
	queue_link(q, n);
	return queue_tell(q);
}

void queue_begin(struct queue *q) {
	atomic_exchange(&q->told, false);
}

/* NULL when empty, or when the next node is not linked yet. */
struct queue_node *queue_pop(struct queue *q) {
	struct queue_node *head = q->head;
	struct queue_node *next = atomic_load(&head->next);
	if (head == &q->stub) {
		if (!next) return NULL;
		q->head = head = next;
		next = atomic_load(&head->next);
	}
	if (!next) {
		if (head != atomic_load_explicit(&q->tail, memory_order_acquire)) return NULL;
		queue_link(q, &q->stub); /* the last node may only leave with another behind it */
		next = atomic_load(&head->next);
	}
	if (!next) return NULL;
	q->head = next;
	return head;
}
