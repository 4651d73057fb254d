/* Requests to servers of other people (etcd, webhooks, key sets): HTTPS and HTTP over libcurl,
 * on a libuv loop. Off the hot path: what matters is that certificates, names and broken peers
 * are handled as the world expects. Regions among themselves use http_client.h.
 *
 * Never follows a redirect, never asks a proxy, takes nothing from the environment. One fetch
 * is one set of credentials and one pool of connections, used on its loop's thread. The
 * simulation has none.
 */
#pragma once
#include "base/list.h"
#include "io/http1.h"
#include "io/io.h"

struct fetch;
struct fetch_options {
	/* Paths of PEM files, copied. ca: who signs the servers; NULL: the system's. cert, key: how
	 * we show who we are; NULL: not at all. */
	const char *ca, *cert, *key;
	int connections_max;     /* open at once, idle ones included; further calls wait */
	size_t answer_max_bytes; /* of a body that is gathered */
};
/* ERR_UNSUPPORTED on a loop that is not libuv's; ERR_NOT_FOUND, ERR_INVALID: a PEM file. */
MUST enum err fetch_new(struct io *io, const struct fetch_options *options, struct fetch **out,
                        struct fault *fault);
/* Open calls end without being told. Allowed inside a callback. NULL is fine. Before io_free. */
void fetch_free(struct fetch *f);

/* One request. Caller-owned, with all it points at, until `done` or fetch_cancel. */
struct fetch_call {
	const char *url; /* http:// or https:// */
	const struct http_header *fields;
	int field_count;
	struct slice body;   /* sent with POST; ptr NULL: GET */
	uint64_t timeout_ns; /* for everything, waiting included; 0: none, for streams */
	/* Bytes of the body as they come, borrowed; NULL: they are gathered for `done`. Only of an
	 * answer with status 200; that of any other is gathered. */
	void (*part)(struct fetch_call *call, struct slice bytes);
	/* Called once, never before fetch_start returns. body borrowed, empty on an error:
	 *   ERR_OK              an answer, whatever its status
	 *   ERR_UNAVAILABLE     no connection or no trust: nothing was sent
	 *   ERR_OUTCOME_UNKNOWN sent, maybe twice, then it broke
	 *   ERR_DEADLINE        likewise, by time
	 *   ERR_BAD_GATEWAY     the answer is over the limit or no HTTP */
	void (*done)(struct fetch_call *call, enum err err, int status, struct slice body);
	const char *why; /* out, in done: of an error, for people; borrowed */

	struct fetch_run *run; /* private */
};
/* ERR_NO_MEMORY: there will be no `done`. */
MUST enum err fetch_start(struct fetch *f, struct fetch_call *call);
/* No callback afterwards. Does nothing if the call is not under way (and `run` is NULL). */
void fetch_cancel(struct fetch *f, struct fetch_call *call);
/* Blocks until it is answered; neither `part` nor `done` is called. For the last word of a
 * process that ends. Errors as in `done`; ERR_OK only for status 200. */
MUST enum err fetch_wait(struct fetch *f, const struct fetch_call *call);
