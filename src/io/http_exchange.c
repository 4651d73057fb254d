/* Responses of the HTTP/1.1 server. Framing, Date and Connection are decided here and
 * nowhere else. */
#include "base/assert.h"
#include "io/http_problem.h"
#include "io/http_server_private.h"

#include <stdio.h>
#include <time.h>

enum { FIELDS_MAX = HTTP1_HEADERS_MAX + 16, STREAM_PENDING_BYTES = 1 << 20 };

const struct http1_head *http_exchange_head(const struct http_exchange *x) {
	return &x->head;
}
struct slice http_exchange_body(const struct http_exchange *x) {
	return x->body;
}
struct arena *http_exchange_arena(struct http_exchange *x) {
	return &x->arena;
}
void *http_exchange_memo(struct http_exchange *x) {
	return x->conn->memo;
}
void http_exchange_close_after(struct http_exchange *x) {
	x->conn->close_after = true;
}
bool http_exchange_aborted(const struct http_exchange *x) {
	return x->conn->state == CONN_GONE;
}
bool http_exchange_half_closed(const struct http_exchange *x) {
	return x->conn->peer_ended;
}
const char *http_exchange_peer(const struct http_exchange *x) {
	return x->conn->io ? io_conn_peer(x->conn->io) : "";
}

bool http_exchange_is_here(const struct http_exchange *x) {
	return x->conn->io && io_conn_is_here(x->conn->io);
}

/* RFC 9110 5.6.7; made once a second. */
static struct slice server_date(struct http_server *s) {
	uint64_t now_s = io_wall_ms(s->io) / 1000;
	if (now_s != s->date_s) {
		time_t t = (time_t)now_s;
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		s->date_s = now_s;
	}
	return slice_str(s->date);
}

static bool bodiless(int status) {
	return status < 200 || status == 204 || status == 304;
}

/* Encodes the head into the server's scratch buffer. */
static enum err encode_head(struct http_exchange *x, int status, struct http1_framing framing,
                            const struct http_header *fields, int count) {
	struct http_server *s = x->conn->server;
	struct http_header all[FIELDS_MAX];
	ASSERT(count < FIELDS_MAX);
	if (count) memcpy(all, fields, (size_t)count * sizeof(*fields));
	all[count] = http_field("Date", server_date(s));
	if (x->conn->close_after)
		framing.connection = HTTP1_CLOSE;
	else if (x->head.minor == 0)
		framing.connection = HTTP1_KEEP_ALIVE;
	buf_reset(&s->scratch);
	return http1_encode_response(&s->scratch, status, framing, all, count + 1);
}

/* A response that is whole is in memory anyway, and one at a time: whoever made it bounds it. */
static void respond_write(struct http_exchange *x, struct slice body) {
	struct http_conn *c = x->conn;
	struct slice parts[2] = {buf_slice(&c->server->scratch), body};
	io_conn_set_limit(c->io, io_conn_pending(c->io) + parts[0].len + parts[1].len);
	if (io_conn_write(c->io, parts, body.len ? 2 : 1) != ERR_OK) c->close_after = true;
}

/* Clients that ask for much and take nothing share one bound. What answers a write is smaller, and
 * is always said. */
static bool respond_surplus(struct http_exchange *x, struct slice body) {
	struct http_server *s = x->conn->server;
	if (body.len <= HTTP_CHOKED_BYTES) return false;
	if (s->unsent_bytes <= s->options.limits.unsent_max_bytes) return false;
	const struct http_header fields[2] = {
		http_field("Content-Type", slice_str(HTTP_PROBLEM_TYPE)),
		http_field("Retry-After", SLICE_LIT("1")),
	};
	struct buf problem;
	buf_init(&problem, HTTP_CHOKED_BYTES);
	IGNORE(http_problem_render(&problem, ERR_OVERLOADED, /* without memory: no body */
	                           "too many answers wait for slow clients; try again later",
	                           NULL));
	http_respond(x, err_http_status(ERR_OVERLOADED), fields, 2, buf_slice(&problem));
	buf_done(&problem);
	return true;
}

void http_respond(struct http_exchange *x, int status, const struct http_header *fields, int count,
                  struct slice body) {
	if (respond_surplus(x, body)) return;
	struct http_conn *c = x->conn;
	ASSERT(!x->begun && c->state != CONN_IDLE);
	if (c->state != CONN_GONE) {
		struct http1_framing framing = {HTTP1_BODY_LENGTH, body.len, HTTP1_DEFAULT};
		if (bodiless(status)) framing.body = HTTP1_BODY_NONE;
		enum err e = encode_head(x, status, framing, fields, count);
		if (e) {
			/* A field with a byte that may not stand in a head is our bug or a hostile
			 * value passed through: never let it split the response. */
			status = 500;
			body = slice_of(NULL, 0);
			framing.content_length = 0;
			framing.body = HTTP1_BODY_LENGTH;
			e = encode_head(x, status, framing, NULL, 0);
		}
		if (e)
			c->close_after = true;
		else
			respond_write(x, x->head.method == METHOD_HEAD || bodiless(status)
			                         ? slice_of(NULL, 0)
			                         : body);
	}
	conn_finished(c, status);
}

void http_respond_begin(struct http_exchange *x, int status, const struct http_header *fields,
                        int count) {
	struct http_conn *c = x->conn;
	ASSERT(!x->begun && !bodiless(status));
	x->begun = true;
	x->status = status;
	x->chunked = x->head.minor == 1;
	if (!x->chunked) c->close_after = true;
	if (c->state == CONN_GONE) return;
	struct http1_framing framing = {x->chunked ? HTTP1_BODY_CHUNKED : HTTP1_BODY_UNTIL_CLOSE, 0,
	                                HTTP1_DEFAULT};
	if (encode_head(x, status, framing, fields, count) != ERR_OK) {
		conn_close(c, false); /* nothing was sent: the client sees a broken connection */
		return;
	}
	respond_write(x, slice_of(NULL, 0));
	io_conn_set_limit(c->io, STREAM_PENDING_BYTES);
}

enum err http_respond_data(struct http_exchange *x, struct slice data) {
	struct http_conn *c = x->conn;
	ASSERT(x->begun);
	if (c->state == CONN_GONE) return ERR_CLOSED;
	if (data.len == 0 || x->head.method == METHOD_HEAD) return ERR_OK;
	if (!x->chunked) return io_conn_write(c->io, &data, 1);
	char line[HTTP1_CHUNK_HEAD_BYTES];
	struct slice parts[3] = {
		{(uint8_t *)line, http1_chunk_head(data.len, line)}, data, HTTP1_CHUNK_END};
	return io_conn_write(c->io, parts, 3);
}

void http_respond_end(struct http_exchange *x) {
	struct http_conn *c = x->conn;
	ASSERT(x->begun);
	if (c->state != CONN_GONE && x->chunked && x->head.method != METHOD_HEAD) {
		struct slice last = HTTP1_LAST_CHUNK;
		if (io_conn_write(c->io, &last, 1) != ERR_OK) c->close_after = true;
	}
	conn_finished(c, x->status);
}
