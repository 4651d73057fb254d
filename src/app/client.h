/* A blocking client of the HTTP API for the command line and small programs: several
 * endpoints, retries elsewhere when a region is dead or a cell is between homes, carries the
 * session token from answer to request. One thread. */
#pragma once
#include "base/buf.h"
#include "io/http_field.h"

enum { CLIENT_ENDPOINTS_MAX = 64 };
struct client;
struct client_options {
	const char *const *hosts; /* copied */
	const uint16_t *ports;
	int count;
	const char *key;     /* API key; NULL: none (admin) */
	uint64_t timeout_ms; /* for one client_send with all its tries; 0: 15 s */
};
struct client *client_new(const struct client_options *options); /* NULL: no memory */
void client_free(struct client *c);

struct client_request {
	const char *method, *target;
	const struct http_header *fields;
	int field_count;
	struct slice body;
	bool repeatable; /* may be sent again after an unknown outcome: reads, and writes with `once` */
	bool once;       /* a data write: all tries carry one Idempotency-Key */
	int first;       /* endpoint to begin with; -1: where the last answer came from */
	bool only_first; /* no other endpoint will do */
	uint64_t timeout_ms; /* 0: the client's */
};
struct client_answer {
	int status;
	char etag[64], region[32], content_type[64];
	struct buf body; /* client_answer_done frees */
	int tries;
};
/* ERR_OK: there is an answer, of whatever status. Else the last error, with what to do in `fault`. */
MUST enum err client_send(struct client *c, const struct client_request *request,
                          struct client_answer *answer, struct fault *fault);
uint64_t client_now_ms(const struct client *c); /* monotonic */
void client_answer_done(struct client_answer *a);
