/* HTTP/1.1 server on one loop: connections, deadlines, limits, exchanges. What a
 * request means is the handler's; this file's side knows only HTTP. One object per worker
 * loop, all listening on the same port (SO_REUSEPORT).
 *
 * Requests of one connection are handled one after the other, in order; pipelined ones
 * wait. Malformed ones are answered here with a problem document and the connection closed.
 */
#pragma once
#include "base/arena.h"
#include "base/metric.h"
#include "io/http1.h"
#include "io/io.h"

struct http_server;
struct http_exchange;

struct http_limits {
	uint64_t connections_max; /* per loop; further ones are answered 503 and closed */
	uint64_t head_max_bytes, body_max_bytes;
	/* Of answers that clients are slow to take, per loop: while there is more, an answer of over
	 * 64 KiB is a 503 instead. */
	uint64_t unsent_max_bytes;
	uint64_t header_time_ms; /* from the first byte of a head to its last; else 408 */
	uint64_t idle_time_ms;   /* between requests; then closed */
	uint64_t
		body_rate_floor_bytes; /* bytes/s a body must arrive with after 5 s of grace; else 408 */
};
struct http_server_options {
	struct http_limits limits;
	/* A whole request is here. Answer now or later with http_respond…, exactly once. */
	void (*on_request)(void *arg, struct http_exchange *x);
	void *arg;
	const char *name; /* label in metrics: "http", "admin" */
	struct registry *registry;
};
MUST enum err http_server_new(struct io *io, const struct http_server_options *options,
                              const char *host, uint16_t port, struct http_server **out,
                              struct fault *fault);
uint16_t http_server_port(const struct http_server *s);
/* Takes no more: connections close now, or after the answer to what they are at. */
void http_server_drain(struct http_server *s);
size_t http_server_connections(const struct http_server *s);
/* Closes all; exchanges still open stay valid until they are responded to. */
void http_server_free(struct http_server *s);

/* --- an exchange: one request and its response; owner's loop only ------------- */

/* Valid until the exchange is responded to (http_respond or http_respond_end). */
const struct http1_head *http_exchange_head(const struct http_exchange *x);
struct slice http_exchange_body(const struct http_exchange *x);
struct arena *http_exchange_arena(struct http_exchange *x); /* 1 MiB; freed with the exchange */
const char *http_exchange_peer(const struct http_exchange *x);
bool http_exchange_is_here(const struct http_exchange *x); /* see io_conn_is_here */
/* Bytes of memory that its connection keeps for it between requests: a place where a handler may
 * remember what it learned of the credential. Zeroed with the connection. */
enum { HTTP_CONNECTION_MEMO_BYTES = 128 };
void *http_exchange_memo(struct http_exchange *x);
/* The client has gone; the response will go nowhere, but must still be given. */
bool http_exchange_aborted(const struct http_exchange *x);
/* The client has ended its side: it may still wait for the answer, or have gone. */
bool http_exchange_half_closed(const struct http_exchange *x);

/* The whole response, status 200 to 599. Content-Length, Date and Connection are written here. body is copied or sent
 * before the return. For HEAD the body's length is told and the body left out. */
void http_respond(struct http_exchange *x, int status, const struct http_header *fields, int count,
                  struct slice body);
/* A response in pieces (chunked; until close for HTTP/1.0). */
void http_respond_begin(struct http_exchange *x, int status, const struct http_header *fields,
                        int count);
/* ERR_CLOSED: the client is gone; ERR_OVERLOADED: over 1 MiB is waiting, end it. */
MUST enum err http_respond_data(struct http_exchange *x, struct slice data);
void http_respond_end(struct http_exchange *x);
/* Closes the connection after this response. Before http_respond…. */
void http_exchange_close_after(struct http_exchange *x);

/* A field for http_respond: both slices borrowed during the call. */
static inline struct http_header http_field(const char *name, struct slice value) {
	return (struct http_header){.name = slice_str(name), .value = value};
}
