/* HTTP/1.1 client on one loop: pooled keep-alive connections, bounded in number, queue,
 * size and time. Used between regions and by the command line. No redirects, no cookies.
 */
#pragma once
#include "base/list.h"
#include "io/http1.h"
#include "io/io.h"

struct http_client;
struct http_client_options {
	int connections_per_host;    /* 0: 64 */
	int queue_per_host;          /* 0: 4096 waiting for a connection; then ERR_OVERLOADED */
	uint64_t connect_timeout_ns; /* 0: 2 s */
	uint64_t idle_ns;            /* 0: 30 s; kept-alive connections are closed after */
	uint64_t response_max_bytes; /* 0: 16 MiB, head and body each */
};
struct http_client *http_client_new(struct io *io, const struct http_client_options *options);
void http_client_free(struct http_client *c); /* open calls end with ERR_CLOSED before it returns */

/* One request. Caller-owned, with all it points at, until `done`. */
struct http_call {
	const char *host;
	uint16_t port;
	struct slice method, target;
	const struct http_header *fields; /* Host and framing are written here */
	int field_count;                  /* at most HTTP1_HEADERS_MAX */
	struct slice body;
	uint64_t timeout_ns; /* for everything, waiting included; 0: 30 s */
	/* Called once, never before http_call_start returns. head and body borrowed, NULL/empty on
	 * error:
	 *   ERR_UNAVAILABLE      nothing was sent: safe to try elsewhere
	 *   ERR_OUTCOME_UNKNOWN  sent, then the connection broke before an answer
	 *   ERR_DEADLINE         the same by time
	 *   ERR_BAD_GATEWAY      the answer is not HTTP or over the limit
	 *   ERR_OVERLOADED       the queue is full; nothing was sent
	 *   ERR_CLOSED           cancelled by http_client_free */
	void (*done)(struct http_call *call, enum err err, const struct http1_head *head,
	             struct slice body);
	/* A pooled connection may have been closed by the peer just when we sent: with `repeatable` the
	 * request is sent once more on a fresh connection if not one byte of an answer came. */
	bool repeatable;

	/* private */
	struct list_node node, wait;
	struct http_client_conn *conn;
	struct http_client_host *to;
	uint64_t deadline_ns;
	enum err err;
	bool repeated, waiting;
};
void http_call_start(struct http_client *c, struct http_call *call);
/* No `done` afterwards. */
void http_call_cancel(struct http_client *c, struct http_call *call);
