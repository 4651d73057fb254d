/* Intrusive doubly linked list: embed struct list_node, recover with CONTAINER_OF. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

struct list_node {
	struct list_node *prev, *next;
};
struct list {
	struct list_node head;
	size_t count;
};

static inline void list_init(struct list *l) {
	l->head.prev = l->head.next = &l->head;
	l->count = 0;
}
static inline bool list_empty(const struct list *l) { return l->head.next == &l->head; }
static inline struct list_node *list_first(const struct list *l) {
	return list_empty(l) ? NULL : l->head.next;
}
static inline void list_push_back(struct list *l, struct list_node *n) {
	n->prev = l->head.prev;
	n->next = &l->head;
	l->head.prev->next = n;
	l->head.prev = n;
	l->count++;
}
static inline void list_push_front(struct list *l, struct list_node *n) {
	n->next = l->head.next;
	n->prev = &l->head;
	l->head.next->prev = n;
	l->head.next = n;
	l->count++;
}
static inline void list_remove(struct list *l, struct list_node *n) {
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = NULL;
	l->count--;
}
static inline struct list_node *list_pop_front(struct list *l) {
	struct list_node *n = list_first(l);
	if (n) list_remove(l, n);
	return n;
}
/* Safe against removal of the current node. */
#define LIST_EACH(l, n)                                                                            \
	for (struct list_node *n = (l)->head.next, *n##_next = n->next; n != &(l)->head;           \
	     n = n##_next, n##_next = n->next)
