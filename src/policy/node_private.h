/* What loading a node's configuration keeps for checking it later. Private to src/policy. */
#pragma once
#include "base/arena.h"
#include "policy/doc.h"
#include "policy/node.h"

struct node_position {
	uint32_t line, column;
};
/* Behind struct node_config: its memory, and where its regions stand in the file. */
struct node_private {
	struct arena arena;
	struct node_position section, *regions; /* keys */
};

/* --- node.c, node_etcd.c, node_mouths.c, node_witness.c: reading ------------------------------------------------------- */

/* "127.0.0.1:7101", "[::1]:7101"; noted when it is none. */
void node_address_read(struct doc *d, const struct doc_node *n, struct node_address *out);
/* The same of a text; borrowed from it. */
bool node_address_parse(struct slice text, struct slice *host, uint64_t *port);
/* The witness behind the regions, which have room for it; `self` if this node is it. */
void node_witness_read(struct doc *d, const struct doc_node *section, int role,
                       const struct doc_node *region, struct node_region *regions,
                       struct node_config *c);
/* coordination.etcd; c has its cluster and lease already. */
void node_etcd_read(struct doc *d, const struct doc_node *section, struct node_config *c);
/* What a node believes of proxies and tells them: further keys of the file. */
struct node_mouths_source {
	const struct doc_node *trusted_proxies, *decision_keys, *agent_check;
};
void node_mouths_read(struct doc *d, const struct node_mouths_source *s, struct node_config *c);
bool node_header_valid(struct slice name); /* a field name in lower case */
