/* Multi-producer, single-consumer intrusive queue, lock-free (Vyukov). Producers on any
 * thread; one consumer thread. Nodes belong to the caller; a popped node may be reused at once.
 *
 * At most one wake-up is ever under way: queue_push returns true when the consumer has to be
 * woken, and then not again until the consumer, woken, calls queue_begin. So the wake-up itself
 * may be something that must not be queued twice, such as a post to a loop. The consumer calls
 * queue_begin, then pops until NULL; one that stops before NULL owes itself a wake-up
 * (queue_tell). queue_pop may return NULL while a push is under way: that push wakes. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

struct queue_node {
	_Atomic(struct queue_node *) next;
};
struct queue {
	_Atomic(struct queue_node *) tail; /* producers */
	_Atomic bool told;                 /* a wake-up is under way */
	struct queue_node *head;           /* consumer */
	struct queue_node stub;
};

void queue_init(struct queue *q);
bool queue_push(struct queue *q, struct queue_node *n);
bool queue_tell(struct queue *q); /* any thread: as a push without a node */
void queue_begin(struct queue *q);
struct queue_node *queue_pop(struct queue *q);
