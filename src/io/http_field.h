/* The vocabulary that HTTP/1.1 and HTTP/2 share: methods, well-known field
 * names, status texts, and one header as a pair of borrowed slices. Knows
 * nothing of sockets, of wire syntax, or of what a field means to a handler.
 * All functions are pure: any thread. */
#pragma once
#include "base/slice.h"

#define HTTP_METHOD_TABLE(X)                                                                       \
	X(GET)                                                                                     \
	X(HEAD)                                                                                    \
	X(PUT)                                                                                     \
	X(POST)                                                                                    \
	X(PATCH)                                                                                   \
	X(DELETE)                                                                                  \
	X(OPTIONS)                                                                                 \
	X(CONNECT)                                                                                 \
	X(TRACE)

enum http_method {
	METHOD_OTHER, /* a valid token that is none of these; methods are case-sensitive */
#define HTTP_METHOD_ENUM(id) METHOD_##id,
	HTTP_METHOD_TABLE(HTTP_METHOD_ENUM)
#undef HTTP_METHOD_ENUM
};

/* clang-format off */
/* id, lower-case name, its first letter, and whether a request may carry it only
 * once: where a second copy would leave two parsers free to believe different
 * ones (RFC 9110 5.3). Length and first letter must be unique together: the
 * look-up table is indexed by them, and a clash does not compile. */
#define HTTP_FIELD_TABLE(X)                                                                        \
	X(HOST,                "host",                'h', true)                                   \
	X(CONTENT_LENGTH,      "content-length",      'c', true)                                   \
	X(TRANSFER_ENCODING,   "transfer-encoding",   't', true)                                   \
	X(CONNECTION,          "connection",          'c', false)                                  \
	X(EXPECT,              "expect",              'e', false)                                  \
	X(AUTHORIZATION,       "authorization",       'a', true)                                   \
	X(CONTENT_TYPE,        "content-type",        'c', true)                                   \
	X(CONTENT_ENCODING,    "content-encoding",    'c', false)                                  \
	X(IF_MATCH,            "if-match",            'i', false)                                  \
	X(IF_NONE_MATCH,       "if-none-match",       'i', false)                                  \
	X(IDEMPOTENCY_KEY,     "idempotency-key",     'i', true)                                   \
	X(TRACEPARENT,         "traceparent",         't', false)                                  \
	X(TRACESTATE,          "tracestate",          't', false)                                  \
	X(DATE,                "date",                'd', false)                                  \
	X(ETAG,                "etag",                'e', false)                                  \
	X(ACCEPT,              "accept",              'a', false)                                  \
	X(ACCEPT_ENCODING,     "accept-encoding",     'a', false)                                  \
	X(USER_AGENT,          "user-agent",          'u', false)                                  \
	X(COOKIE,              "cookie",              'c', false)                                  \
	X(ORIGIN,              "origin",              'o', false)                                  \
	X(LOCATION,            "location",            'l', false)                                  \
	X(RETRY_AFTER,         "retry-after",         'r', false)                                  \
	X(CACHE_CONTROL,       "cache-control",       'c', false)                                  \
	X(LAST_EVENT_ID,       "last-event-id",       'l', false)                                  \
	X(WWW_AUTHENTICATE,    "www-authenticate",    'w', false)                                  \
	X(X_FORWARDED_FOR,     "x-forwarded-for",     'x', false)                                  \
	X(X_REQUEST_ID,        "x-request-id",        'x', false)                                  \
	X(X_ORIGINAL_URI,      "x-original-uri",      'x', true)                                   \
	X(X_ORIGINAL_METHOD,   "x-original-method",   'x', true)                                   \
	X(X_TENANT,            "x-tenant",            'x', true)                                   \
	X(X_CLIENT_AUTHORIZATION, "x-client-authorization", 'x', true)                             \
	X(KEEP_ALIVE,          "keep-alive",          'k', false)                                  \
	X(PROXY_CONNECTION,    "proxy-connection",    'p', false)                                  \
	X(TE,                  "te",                  't', false)                                  \
	X(TRAILER,             "trailer",             't', false)                                  \
	X(UPGRADE,             "upgrade",             'u', false)                                  \
	X(HOLDFAST_CONSISTENCY, "holdfast-consistency", 'h', true)                                 \
	X(HOLDFAST_TOKEN,      "holdfast-token",      'h', true)                                   \
	X(HOLDFAST_TTL,        "holdfast-ttl",        'h', true)                                   \
	X(HOLDFAST_FORWARDED,  "holdfast-forwarded",  'h', true)                                   \
	X(HOLDFAST_REGION,     "holdfast-region",     'h', true)                                   \
	X(HOLDFAST_STALENESS_MS, "holdfast-staleness-ms", 'h', true)                               \
	X(HOLDFAST_DECISION,   "holdfast-decision",   'h', true)
/* clang-format on */

enum http_field {
	FIELD_OTHER,
#define HTTP_FIELD_ENUM(id, name, first, once) FIELD_##id,
	HTTP_FIELD_TABLE(HTTP_FIELD_ENUM)
#undef HTTP_FIELD_ENUM
	FIELD_COUNT
};

struct http_header {
	struct slice name, value; /* as sent; the value without surrounding blanks */
	enum http_field id;
};

/* Only for names that are valid tokens (RFC 9110 5.6.2); any case. */
enum http_field http_field_find(struct slice name);
struct slice http_field_name(enum http_field id); /* lower case; empty for FIELD_OTHER */
bool http_field_once(enum http_field id);

enum http_method http_method_find(struct slice method);
const char *http_method_name(enum http_method method); /* "GET"; "" for METHOD_OTHER */
const char *http_status_text(int status);              /* "Not Found"; "" when unknown */
