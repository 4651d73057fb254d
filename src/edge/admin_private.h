/* Private to the admin port. */
#pragma once
#include "edge/edge.h"
#include "store/local.h"

struct admin {
	struct io *io;
	struct admin_options options;
	struct http_server *server;
	uint64_t started_ns;
	struct io_lane *lane; /* for what reads disks */
	struct list queries;  /* on the lane */
	struct list moves;    /* admin_move.c */
	struct list accepts;  /* admin_accept.c */
	struct agent *agent;  /* NULL: none */
	struct dns *dns;
};

void admin_problem(struct http_exchange *x, enum err code, const char *detail);
void admin_answer(struct http_exchange *x, int status, const char *type, struct slice body);

/* Answers with everything this node knows of itself and its cells, as JSON. */
void admin_status(struct admin *a, struct http_exchange *x, bool ready);
/* `rest`: what follows /admin/v1/quarantine in the path. */
void admin_quarantine(struct admin *a, struct http_exchange *x, struct slice rest);
/* `id`: what follows /admin/v1/decisions/ in the path. */
void admin_decision(struct admin *a, struct http_exchange *x, struct slice id);
/* `rest`: what follows /admin/v1/cells in the path of a POST: /CELL/move, /CELL/failover. */
void admin_cell(struct admin *a, struct http_exchange *x, struct slice rest);
/* Answer those under way; the loop has stopped. */
void admin_moves_end(struct admin *a);
void admin_accepts_end(struct admin *a);
void admin_queries_end(struct admin *a); /* after the lane has ended: answers those left */
