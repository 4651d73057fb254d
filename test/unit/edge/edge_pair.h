/* Two regions in the simulation, each a host with one cell of both and an edge, and a client
 * who asks either. What a test needs of a node and no more. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/edge.h"

#define EDGE_KEY "hf_one_0123456789abcdef"
#define EDGE_PROXY_KEY "hf_proxy_0123456789abcdef" /* among decision_keys */

struct region {
	struct pair *world;
	const char *name;
	struct io *io;
	struct registry *registry;
	struct memory_disk *disk;
	struct node_config *config;
	struct host *host;
	struct edge *edge;
};
struct pair {
	struct sim *sim;
	struct policy *policy;
	struct coord_memory *coordination;
	struct region regions[2]; /* aa, bb */
	struct io *client_io;
	struct http_client *client;
};
int pair_open(void **state);
int pair_close(void **state);
/* Runs until the cell has a home that serves at that region. */
void pair_wait_home(struct pair *w, int region);

/* One request and what became of it. Zero it, ask, look. */
struct ask {
	struct http_call call;
	struct http_header fields[8];
	int field_count;
	bool done;
	enum err err;
	int status;
	char body[4096], etag[64], token[80], retry[16], region[32];
	char decision[64], x_region[32], x_why[32], x_deny[8]; /* of Holdfast-Decision, X-… */
	bool anonymous;                                        /* no key is added */
	size_t body_bytes;
};
void ask_field(struct ask *a, const char *name, const char *value);
/* The tenant's key is added. `target` and `body` stay the caller's. */
void ask_start(struct pair *w, struct ask *a, int region, const char *method, const char *target,
               struct slice body);
void ask_wait(struct pair *w, struct ask *a);
/* All in one; asserts the status. */
void ask_expect(struct pair *w, struct ask *a, int region, const char *method, const char *target,
                const char *body, int status);
