/* Request paths and queries, strict: splitting, percent-decoding and -encoding.
 * Split first, decode after: a decoded '/' or '&' is data, not structure. Knows
 * nothing of what a path means. Pure, any thread.
 *
 * What decoded bytes may be (NUL, invalid UTF-8, "..") is the caller's policy:
 * utf8_valid of base/parse.h and http_uri_dots help. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Takes "/segment" from the front of *path; the segment is still encoded and may be empty:
 * "/a//b/" gives a, "", b, "". False when *path does not start with '/'. */
bool http_path_next(struct slice *path, struct slice *segment);

/* Takes one "name=value" from the front of *query, skipping empty ones; both still encoded;
 * without '=' the value has ptr NULL. False at the end. */
bool http_query_next(struct slice *query, struct slice *name, struct slice *value);

enum http_uri_part {
	HTTP_URI_PATH,  /* '+' is itself */
	HTTP_URI_QUERY, /* '+' is a space, as forms and every client library write it */
};

/* Into out[0..cap), which may be the memory of `in`: the result is never longer. ERR_INVALID
 * for a '%' without two hexadecimal digits, ERR_TOO_LARGE over cap. *len only on success. */
MUST enum err http_uri_decode(struct slice in, enum http_uri_part part, uint8_t *out, size_t cap,
                              size_t *len);

/* Appends `in` with all but unreserved bytes (RFC 3986 2.3) encoded; with keep_slash also '/'
 * stays. Good for a path segment and for a query name or value. Unchanged on error. */
MUST enum err http_uri_encode(struct buf *out, struct slice in, bool keep_slash);

/* The encoded segment is "." or "..", in any spelling: RFC 3986 5.2.4 removes such segments,
 * so whoever passes paths on must refuse them or two hops see different paths. */
bool http_uri_dots(struct slice segment);
