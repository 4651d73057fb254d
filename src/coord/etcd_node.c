/* What is known of nodes: their entries, as the watch and the answers to our own operations
 * bring them. Old news is told by its revision. */
#include <string.h>

#include "base/log.h"
#include "coord/etcd_private.h"

struct etcd_node *etcd_node_find(struct etcd *c, const char *name) {
	for (int i = 0; i < c->node_count; i++)
		if (strcmp(c->nodes[i].is.name, name) == 0) return &c->nodes[i];
	return NULL;
}

static struct etcd_node *node_add(struct etcd *c, const char *name) {
	if (c->node_count == COORD_NODES_MAX) {
		etcd_complain(c,
		              "coordination: more nodes than are possible: delete entries of those "
		              "that are gone for good",
		              name);
		return NULL;
	}
	struct etcd_node *n = &c->nodes[c->node_count++];
	*n = (struct etcd_node){0};
	memcpy(n->is.name, name, strlen(name));
	return n;
}

void etcd_node_saw(struct etcd *c, struct slice key, const struct etcd_entry *e) {
	char name[sizeof c->self];
	struct etcd_mark mark;
	struct slice value;
	uint32_t generation, beat;
	if (key.len == 0 || key.len >= sizeof name || memchr(key.ptr, 0, key.len)) return;
	memcpy(name, key.ptr, key.len);
	name[key.len] = '\0';
	struct etcd_node *n = etcd_node_find(c, name);
	if (e->deleted || (n && e->revision <= n->revision)) return;
	etcd_stored_value(e->value, &mark, &value);
	if (etcd_life_decode(value, &generation, &beat)) {
		etcd_complain(c, "coordination: cannot read a node's entry: delete it", name);
		return;
	}
	if (!n) n = node_add(c, name);
	if (!n) return;
	bool is_news = n->is.generation != generation;
	n->is.generation = generation;
	n->is.beat = beat;
	n->revision = e->revision;
	n->writer = mark.writer;
	n->changed_ns = io_now_ns(c->io);
	if (strcmp(name, c->self) == 0 && generation > c->newest_generation)
		c->newest_generation = generation;
	if (is_news && c->on_node && !c->closing) c->on_node(c->on_node_arg, n->is.name);
}

bool etcd_node(struct coord *base, const char *name, struct coord_node *out) {
	const struct etcd_node *n = etcd_node_find(etcd_of(base), name);
	if (n) *out = n->is;
	return n != NULL;
}

void etcd_on_node(struct coord *base, void (*changed)(void *arg, const char *name), void *arg) {
	struct etcd *c = etcd_of(base);
	c->on_node = changed;
	c->on_node_arg = arg;
}
