/* Strict HTTP/1.1 on bytes: heads of requests and responses, bodies, and the way
 * back. For a server and a client alike. Pure: no sockets, no clock, no memory of
 * its own; works on slices its caller holds. Any thread, one object one thread.
 *
 * The stance: whatever two parsers could read differently is refused (request
 * smuggling, CWE-444). After any error the framing of the connection is lost: a
 * server answers with the error's status and closes, a client closes.
 *
 * A server uses it so:
 *
 *   http1_head_init(&head, HTTP1_REQUEST, HTTP1_HEAD_BYTES_DEFAULT);
 *   while (!(e = http1_head_parse(&head, received, &used)) && used == 0) read more;
 *   http1_body_init(&body, head.body, head.content_length, max);
 *   while (!body.done && !(e = http1_body_next(&body, rest, &data, &used))) …;
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "io/http_field.h"

enum {
	HTTP1_HEADERS_MAX = 64,
	HTTP1_LINE_BYTES_MAX = 8192, /* first line with its CRLF; RFC 9112 3 asks for ≥ 8000 */
	HTTP1_HEAD_BYTES_DEFAULT = 16384,
	HTTP1_HEAD_BYTES_MAX = 1 << 20,
	HTTP1_EXTENSION_BYTES_MAX = 256, /* of one chunk */
	/* Extensions of a body in all: this much beyond one byte per byte of data. */
	HTTP1_EXTENSION_BYTES_FREE = 8192,
	HTTP1_TRAILER_BYTES_MAX = 4096,
	HTTP1_CHUNK_HEAD_BYTES = 18, /* most that http1_chunk_head writes */
};

/* Why a message is refused: code, text for a person, where the rule comes from
 * (and which products were broken by its absence). A client maps INVALID to
 * BAD_GATEWAY for whoever it asks on behalf of. */
/* clang-format off */
#define HTTP1_RULE_TABLE(X)                                                                        \
	X(NONE, OK, "no error", "")                                                                \
	X(METHOD, INVALID, "the method is empty or not a token", "RFC 9110 9.1")                   \
	X(TARGET_BYTE, INVALID,                                                                    \
	  "the request target is empty or has a blank, control, non-ASCII byte or '#'",            \
	  "RFC 9112 3.2; CVE-2023-45539, CVE-2023-25690")                                          \
	X(TARGET_FORM, INVALID,                                                                    \
	  "the request target must be a path, an absolute http URI, or '*' with OPTIONS",          \
	  "RFC 9112 3.2, RFC 9110 4.2.4 (no user information)")                                    \
	X(VERSION, INVALID, "the version must be exactly HTTP/1.0 or HTTP/1.1",                    \
	  "RFC 9112 2.3")                                                                          \
	X(STATUS, INVALID, "the status line is malformed", "RFC 9112 4")                           \
	X(LINE_BYTES, INVALID, "the first line is longer than 8192 bytes", "RFC 9112 3")           \
	X(BARE_LF, INVALID, "a line ends in LF without CR",                                        \
	  "RFC 9112 2.2 (MAY accept; we do not); CVE-2022-32214, CVE-2025-55315")                  \
	X(BARE_CR, INVALID, "a CR is not followed by LF", "RFC 9112 2.2; CVE-2023-30589")          \
	X(FOLD, INVALID, "a header line starts with a blank (folding is obsolete)",                \
	  "RFC 9112 5.2, 2.2; CVE-2022-32215, CVE-2024-27982")                                     \
	X(NAME_EMPTY, INVALID, "a header has no name", "RFC 9112 5; CVE-2023-25725")               \
	X(NAME_BLANK, INVALID, "a blank stands before the colon of a header",                      \
	  "RFC 9112 5.1; CVE-2019-16869, CVE-2021-22959")                                          \
	X(NAME_BYTE, INVALID, "a header name has a byte that is not allowed, or no colon",         \
	  "RFC 9110 5.1; CVE-2019-20444, CVE-2024-52530")                                          \
	X(VALUE_BYTE, INVALID, "a header value has a control character", "RFC 9110 5.5")           \
	X(HEAD_BYTES, HEADERS, "the head is longer than this server accepts", "RFC 6585 5")        \
	X(HEADER_COUNT, HEADERS, "there are more than 64 headers", "RFC 6585 5")                   \
	X(LENGTH_VALUE, INVALID, "Content-Length is not a plain decimal number below 2^63",        \
	  "RFC 9110 8.6; CVE-2018-7159, CVE-2021-32715, CVE-2023-40225")                           \
	X(LENGTH_AND_CODING, INVALID, "Content-Length and Transfer-Encoding together",             \
	  "RFC 9112 6.1, 6.3; CVE-2019-20445")                                                     \
	X(CODING_VALUE, INVALID, "Transfer-Encoding is not exactly 'chunked'",                     \
	  "RFC 9112 6.1, 7; CVE-2019-18277, CVE-2022-32213")                                       \
	X(CODING_OLD, INVALID, "Transfer-Encoding in HTTP/1.0", "RFC 9112 6.1")                    \
	X(HOST_MISSING, INVALID, "an HTTP/1.1 request needs a Host header", "RFC 9112 3.2")        \
	X(HOST_VALUE, INVALID, "the Host header is not a host and port", "RFC 9112 3.2")           \
	X(REPEATED, INVALID, "a header that may stand only once is repeated",                      \
	  "RFC 9110 5.3, 8.6, RFC 9112 3.2; CVE-2020-8287 (Transfer-Encoding twice)")              \
	X(CONNECTION_VALUE, INVALID, "Connection is not a list of tokens", "RFC 9110 7.6.1")       \
	X(EXPECT_VALUE, INVALID, "only the expectation 100-continue is known", "RFC 9110 10.1.1")  \
	X(CHUNK_SIZE, INVALID, "a chunk size is not plain hexadecimal",                            \
	  "RFC 9112 7.1; CVE-2023-46846 class: signs, 0x, blanks")                                 \
	X(CHUNK_OVERFLOW, INVALID, "a chunk size has more than 16 digits or is 2^63 or more",      \
	  "RFC 9112 7.1; CVE-2013-2028, CVE-2021-32714")                                           \
	X(CHUNK_EXTENSION, INVALID, "a chunk extension has a control character",                   \
	  "RFC 9112 7.1.1; CVE-2021-22960")                                                        \
	X(EXTENSION_BYTES, INVALID, "the chunk extensions are too long",                           \
	  "RFC 9112 7.1.1 (limit them); CVE-2023-39326")                                           \
	X(CHUNK_END, INVALID, "the data of a chunk is not followed by CR LF", "RFC 9112 7.1")      \
	X(TRAILER_BYTES, HEADERS, "the trailers are longer than 4096 bytes", "RFC 9110 6.5")       \
	X(BODY_BYTES, TOO_LARGE, "the body is longer than this server accepts", "RFC 9110 15.5.14")\
	X(BODY_CUT, CLOSED, "the connection ended within the body", "RFC 9112 8")
/* clang-format on */

enum http1_rule {
#define HTTP1_RULE_ENUM(id, code, text, source) HTTP1_RULE_##id,
	HTTP1_RULE_TABLE(HTTP1_RULE_ENUM)
#undef HTTP1_RULE_ENUM
	HTTP1_RULE_COUNT
};
enum err http1_rule_code(enum http1_rule rule);
const char *http1_rule_text(enum http1_rule rule);   /* static; goes into problem documents */
const char *http1_rule_source(enum http1_rule rule); /* static; for tests and documentation */

/* --- heads ------------------------------------------------------------------ */

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

enum http1_body_kind {
	HTTP1_BODY_NONE,   /* no body, and no field that speaks of one */
	HTTP1_BODY_LENGTH, /* content_length bytes */
	HTTP1_BODY_CHUNKED,
	HTTP1_BODY_UNTIL_CLOSE, /* responses only */
};

/* All slices point into the bytes given to http1_head_parse (except a path of "/"
 * or "*" made for an absolute target without one), and live as long as those do. */
struct http1_head {
	/* Request. */
	enum http_method method;
	struct slice method_text;
	struct slice target; /* as sent */
	struct slice path;   /* still percent-encoded: see http_uri.h; starts with '/', or is "*" */
	struct slice query;  /* without '?'; ptr NULL when there is none */
	/* Whom the request addresses: from an absolute target, which wins over the Host
	 * header (RFC 9112 3.2.2), else from Host. May be empty. */
	struct slice host;
	bool expect_continue; /* never for HTTP/1.0 */
	/* Response. */
	int status; /* 100..999 */
	struct slice reason;
	/* Both. */
	int minor;                 /* HTTP/1.minor: 0 or 1 */
	bool keep_alive;           /* what version and Connection say; the caller may know better */
	enum http1_body_kind body; /* of a response: see http1_response_body */
	uint64_t content_length;   /* < 2^63; 0 unless body is LENGTH */
	int header_count;          /* of `headers`, below */

	/* After an error: why, and the offset from the head's first byte. */
	enum http1_rule rule;
	size_t fault_offset;

	/* Private to the parser. */
	enum http1_kind kind;
	uint8_t state;
	bool close_said, keep_alive_said;
	uint32_t limit, at, line_at, mark;
	const uint8_t *base;
	uint8_t first[FIELD_COUNT]; /* 1 + index of a field's first header */

	struct http_header headers[HTTP1_HEADERS_MAX]; /* last: not cleared */
};

/* For each message anew. head_bytes_max: 1..HTTP1_HEAD_BYTES_MAX. Cheap: the headers
 * themselves are not cleared. */
void http1_head_init(struct http1_head *h, enum http1_kind kind, size_t head_bytes_max);

/* `in` starts with the message's first byte. ERR_OK and *used > 0: the head is complete
 * and took *used bytes. ERR_OK and *used 0: call again with the same bytes and more behind
 * them; they may have moved. Bytes once seen are not scanned again. Errors: the code of
 * h->rule; they are found at the first byte that proves them, and they stick. */
MUST enum err http1_head_parse(struct http1_head *h, struct slice in, size_t *used);

/* The value of the first header of that name; ptr NULL when absent. Constant time. */
static inline struct slice http1_header(const struct http1_head *h, enum http_field id) {
	int first = h->first[id];
	return first ? h->headers[first - 1].value : (struct slice){0};
}

/* Of a complete response: the body that follows it, given the method that was asked
 * (RFC 9112 6.3): none after HEAD, 1xx, 204, 304. */
enum http1_body_kind http1_response_body(const struct http1_head *h, enum http_method asked);

/* False for fields that end at this hop: Connection and what it names, its old kin, and
 * framing, which the encoders below write themselves (RFC 9110 7.6.1). Host always goes on. */
bool http1_header_forwards(const struct http1_head *h, const struct http_header *field);

/* --- bodies ----------------------------------------------------------------- */

struct http1_body {
	bool done;           /* the last byte of the body and its framing was taken */
	uint64_t data_bytes; /* of data handed out so far */
	uint64_t taken;      /* bytes taken so far, framing included */
	/* After an error: why, and the offset from the body's first byte. */
	enum http1_rule rule;
	uint64_t fault_offset;

	/* Private. */
	enum http1_body_kind kind;
	uint8_t state, digits;
	uint32_t line_bytes;
	uint64_t left, max_bytes, extension_bytes;
};

/* content_length matters for BODY_LENGTH only. A body over max_bytes fails with
 * ERR_TOO_LARGE as soon as its length or a chunk's size says so. */
void http1_body_init(struct http1_body *b, enum http1_body_kind kind, uint64_t content_length,
                     uint64_t max_bytes);

/* Takes *used bytes from the front of `in`; *data is what of them is content, in place, maybe
 * empty. Give the rest of `in` to the next call. *used is 0 only when `in` is empty or the
 * body is done; it never goes beyond the body. Trailers and extensions are checked and
 * dropped. Errors stick. */
MUST enum err http1_body_next(struct http1_body *b, struct slice in, struct slice *data,
                              size_t *used);

/* The peer closed: ERR_OK and done where that ends the body, else ERR_CLOSED. */
MUST enum err http1_body_eof(struct http1_body *b);

/* --- encoders --------------------------------------------------------------- */

enum http1_connection { HTTP1_DEFAULT, HTTP1_CLOSE, HTTP1_KEEP_ALIVE };

/* Framing is written from here alone. Which kinds a message may have: a request NONE, LENGTH
 * or CHUNKED; an answer to an HTTP/1.0 client not CHUNKED; 1xx, 204 and 304 NONE, except that
 * a 304, like the answer to HEAD, may name the LENGTH it leaves out; an empty 200 LENGTH 0.
 * UNTIL_CLOSE writes "Connection: close". */
struct http1_framing {
	enum http1_body_kind body;
	uint64_t content_length;
	enum http1_connection connection;
};

/* The whole head, appended. ERR_INVALID where a name, value, method or target has a byte that
 * may not stand there (header injection), where a field of `fields` is framing or Connection,
 * for a status outside 100..999 and for UNTIL_CLOSE on a request; ERR_TOO_LARGE and
 * ERR_NO_MEMORY from `out`. `out` is unchanged on error. The ids of fields are not looked at. */
MUST enum err http1_encode_request(struct buf *out, struct slice method, struct slice target,
                                   struct http1_framing framing, const struct http_header *fields,
                                   int count);
MUST enum err http1_encode_response(struct buf *out, int status, struct http1_framing framing,
                                    const struct http_header *fields, int count);

/* Writes the line before a chunk of `bytes` > 0 and returns its length. After the data
 * send HTTP1_CHUNK_END, after the last chunk HTTP1_LAST_CHUNK. For vectored writes. */
size_t http1_chunk_head(uint64_t bytes, char out[HTTP1_CHUNK_HEAD_BYTES]);
#define HTTP1_CHUNK_END SLICE_LIT("\r\n")
#define HTTP1_LAST_CHUNK SLICE_LIT("0\r\n\r\n")
/* A whole chunk, appended; nothing for empty data, which would end the body. Unchanged on error. */
MUST enum err http1_encode_chunk(struct buf *out, struct slice data);
