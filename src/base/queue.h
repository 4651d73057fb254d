/* Multi-producer, single-consumer intrusive queue, lock-free (Vyukov). Producers
 * on any thread; one consumer thread. Nodes belong to the caller; a popped node
 * may be reused at once. queue_push returns true when the consumer saw the queue
 * empty (queue_pop returned NULL, or never ran) and nobody else was told since: the
 * producer then wakes the consumer. queue_pop may return NULL while a push is under
 * way; that push's wake-up brings the consumer back. So a consumer pops until NULL,
 * or calls itself again: only after a NULL is a wake-up owed to it. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

struct queue_node {
	_Atomic(struct queue_node *) next;
};
struct queue {
	_Atomic(struct queue_node *) tail; /* producers */
	_Atomic bool idle;                 /* the consumer is owed a wake-up */
	struct queue_node *head;           /* consumer */
	struct queue_node stub;
};

void queue_init(struct queue *q);
bool queue_push(struct queue *q, struct queue_node *n);
struct queue_node *queue_pop(struct queue *q);
