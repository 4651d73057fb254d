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
	struct list texts;    /* likewise */
	struct agent *agent;  /* NULL: none */
	struct dns *dns;
	struct feed_cell *feed_cells; /* per cell, once one was asked for */
};

void admin_problem(struct http_exchange *x, enum err code, const char *detail);
void admin_answer(struct http_exchange *x, int status, const char *type, struct slice body);

/* Answers with everything this node knows of itself and its cells, as JSON. */
void admin_status(struct admin *a, struct http_exchange *x, bool ready);
/* `rest`: what follows /admin/v1/quarantine in the path. */
void admin_quarantine(struct admin *a, struct http_exchange *x, struct slice rest);
/* `id`: what follows /admin/v1/decisions/ in the path. */
void admin_decision(struct admin *a, struct http_exchange *x, struct slice id);
/* `rest`: what follows /admin/v1/tenants in the path. Changes too. */
void admin_tenants(struct admin *a, struct http_exchange *x, struct slice rest);
void admin_tenants_import(struct admin *a, struct http_exchange *x, struct slice rest);
void admin_tenants_image(struct admin *a, struct http_exchange *x, struct slice rest);
/* `cell`: what follows /admin/v1/feed/ in the path: what a secondary source lacks of it. */
#define ADMIN_FEED_PATH "/admin/v1/feed/"
void admin_feed(struct admin *a, struct http_exchange *x, struct slice cell);
void admin_feed_end(struct admin *a);
/* The member `secondary` of a cell's status: who it is and when it last asked here. */
MUST enum err admin_feed_status(const struct admin *a, int cell, uint64_t committed, struct buf *out);
/* `rest`: what follows /admin/v1/cells in the path of a POST: /CELL/move, /CELL/failover. */
void admin_cell(struct admin *a, struct http_exchange *x, struct slice rest);
/* Answer those under way; the loop has stopped. */
void admin_moves_end(struct admin *a);
void admin_accepts_end(struct admin *a);
/* Takes it, if it is about policy versions or regions' states. */
bool admin_control(struct admin *a, struct http_exchange *x);
void admin_texts_end(struct admin *a);
void admin_queries_end(struct admin *a); /* after the lane has ended: answers those left */
