/* One error vocabulary for the whole program.
 *
 * Every fallible function returns `enum err` and is marked MUST: the compiler
 * refuses a caller that ignores it. Each code has one row in ERR_TABLE with
 * its HTTP status, the last segment of its problem type (RFC 9457) and a text
 * that says what happened. Codes describe the world; our own bugs are ASSERTs
 * (base/assert.h). Log an error once, where it is handled, not where it passes.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/*   code             status  slug                     text */
#define ERR_TABLE(X)                                                                          \
	X(OK,              200, "ok",                   "no error")                           \
	X(INVALID,         400, "invalid",              "the request is malformed")           \
	X(UNAUTHENTICATED, 401, "unauthenticated",      "no valid credential was given")      \
	X(FORBIDDEN,       403, "forbidden",            "the credential does not allow this") \
	X(NOT_FOUND,       404, "not-found",            "there is no such thing")             \
	X(METHOD,          405, "method-not-allowed",   "this path does not take that method") \
	X(TIMEOUT,         408, "timeout",              "the peer was too slow")              \
	X(CONFLICT,        409, "conflict",             "another change came first")          \
	X(EXISTS,          409, "exists",               "it exists already")                  \
	X(PRECONDITION,    412, "precondition-failed",  "the condition does not hold")        \
	X(TOO_LARGE,       413, "too-large",            "the content is over the limit")      \
	X(MISDIRECTED,     421, "misdirected",          "this region may not pass the request on") \
	X(IDEMPOTENCY,     422, "idempotency-mismatch", "the idempotency key was used for another request") \
	X(TOO_MANY,        429, "too-many",             "a limit on the number is reached")   \
	X(HEADERS,         431, "headers-too-large",    "the header section is over the limit") \
	X(INTERNAL,        500, "internal",             "a fault of ours")                    \
	X(CORRUPT,         500, "corrupt",              "stored bytes fail their checksum")   \
	X(IO,              500, "io",                   "the operating system reported an error") \
	X(NO_MEMORY,       500, "no-memory",            "memory ran out")                     \
	X(UNSUPPORTED,     501, "unsupported",          "this is not supported")              \
	X(BAD_GATEWAY,     502, "bad-gateway",          "the other region answered nonsense") \
	X(UNAVAILABLE,     503, "unavailable",          "it cannot be served now")            \
	X(NOT_HOME,        503, "not-home",             "this region is not the home of the data") \
	X(FENCED,          503, "fenced",               "the cell fenced itself")             \
	X(LAGGING,         503, "lagging",              "the copies are too far behind")      \
	X(OVERLOADED,      503, "overloaded",           "a queue is full")                    \
	X(CLOSED,          503, "closed",               "the connection or handle is closed") \
	X(OUTCOME_UNKNOWN, 504, "outcome-unknown",      "the write may or may not have happened") \
	X(DEADLINE,        504, "deadline",             "the time allowed ran out")           \
	X(NO_SPACE,        507, "no-space",             "the disk is full")                   \
	X(DIVERGED,        409, "token-diverged",       "the token names a write that is in quarantine") \
	X(FORMAT,          500, "format",               "the file is of another node or a newer format")

enum err {
#define ERR_ENUM(code, status, slug, text) ERR_##code,
	ERR_TABLE(ERR_ENUM)
#undef ERR_ENUM
	ERR_COUNT
};

/* Static strings and numbers of the table; any thread. `e` must be in range. */
const char *err_name(enum err e);   /* "NOT_FOUND" */
const char *err_slug(enum err e);   /* "not-found" */
const char *err_text(enum err e);
int err_http_status(enum err e);

/* A code with the sentence a person needs: what, why, what to do.
 * Caller-owned; text is always NUL-terminated, cut at its size. */
struct fault {
	enum err code;
	char text[400];
};

/* Sets both and returns `code`, so that `return fault_set(f, ERR_X, "…");` reads well.
 * `f` may be NULL: then only the code is returned. */
enum err fault_set(struct fault *f, enum err code, const char *format, ...) PRINTF_LIKE(3, 4);

/* errno → code: ENOSPC/EDQUOT → NO_SPACE, ENOMEM → NO_MEMORY, ENOENT → NOT_FOUND,
 * EEXIST → EXISTS, EACCES/EPERM → FORBIDDEN, ETIMEDOUT → TIMEOUT, anything else → IO. */
enum err err_from_errno(int errnum);

/* For the very few callers that may drop a result; say why beside it. */
#define IGNORE(call) ((void)!(call))
