/* RFC 9457 problem documents, from the one error table:
 * {"type":"https://holdfast.dev/problems/not-found","title":…,"status":404,"detail":…}
 */
#pragma once
#include "base/buf.h"

#define HTTP_PROBLEM_TYPE "application/problem+json"
/* detail: text for a person, escaped here; NULL leaves it out. extra: further members, already
 * JSON (`"region":"eu-west"`), or NULL. */
MUST enum err http_problem_render(struct buf *out, enum err code, const char *detail,
                                  const char *extra);
/* The same with a status of its own: a rule may deny with any. */
MUST enum err http_problem_render_as(struct buf *out, enum err code, int status,
                                     const char *detail, const char *extra);
/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
MUST enum err http_json_string(struct buf *out, struct slice text);
