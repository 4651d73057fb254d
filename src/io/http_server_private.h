/* Private to http_server.c (connections, reading) and http_exchange.c (responses). */
#pragma once
#include "io/http_server.h"

enum { HTTP_CHOKED_BYTES = 65536 }; /* answered but not taken by the client: no further request */

enum conn_state {
	CONN_IDLE, /* between requests */
	CONN_HEAD, /* part of a head is here */
	CONN_BODY,
	CONN_BUSY, /* the handler has the request */
	CONN_GONE, /* closed; waits for its exchange to end */
};

struct http_server {
	struct io *io;
	struct http_server_options options;
	struct io_listener *listener;
	struct io_timer *sweep;
	struct list conns;
	struct http_exchange *spare; /* a few kept, so that a request costs no malloc of its head */
	int spare_count;
	struct buf scratch; /* one response head at a time */
	uint64_t date_s;
	char date[32];
	bool freed;
	size_t live;         /* conns allocated, gone ones included */
	size_t body_bytes;   /* memory of all bodies that did not fit beside their head */
	size_t unsent_bytes; /* of all choked connections */
	struct metric *unsent, *connections, *requests, *rejected, *by_class[6];
	struct histogram *duration;
};

struct http_conn {
	struct list_node node;
	struct http_server *server;
	struct io_conn *io;
	enum conn_state state;
	bool dispatching, close_after, peer_ended, paused;
	bool owned;    /* the handler has the request: not freed before it has answered */
	bool choked;   /* the client does not take its answers: no further request until it does */
	size_t unsent; /* while choked, when last looked at: does it take any? */
	struct buf in; /* bytes of the current request, then of pipelined ones */
	struct buf more; /* what arrived while `in` must not move */
	size_t used;     /* of `in` by the current request, once it is whole */
	uint64_t since_ns, body_received;
	struct http_exchange *x;
	uint64_t memo[HTTP_CONNECTION_MEMO_BYTES / 8];
};

struct http_exchange {
	struct http_exchange *next_spare;
	struct http_conn *conn;
	struct http1_head head;
	struct http1_body decoder;
	struct buf body_mem; /* unless the body lies whole in conn->in */
	struct slice body;
	struct arena arena;
	uint64_t started_ns;
	bool begun, chunked;
	int status; /* of a response in pieces */
};

void conn_close(struct http_conn *c, bool flush);
/* The exchange's response is out: on to the next request, or close. */
void conn_finished(struct http_conn *c, int status);
void conn_reject(struct http_conn *c, enum err code, const char *detail);
