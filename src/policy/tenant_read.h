/* Reading tenants for import, one at a time, out of a file of any size: CSV (RFC 4180, a header
 * row names the columns) or JSON lines. What is wrong with one is told with line, column, what
 * was found and what was expected, and reading goes on with the next.
 *
 *   id,residency,cell,tier,country,consistency,preferences,attr.plan,key
 *   acme,us,us-1,gold,US,bounded=500ms,us-west us-east,enterprise,sha256:0c28… sha256:77a1…
 *
 *   {"id": "acme", "residency": "us", "cell": "us-1", "tier": "gold", "country": "US",
 *    "consistency": "session",
 *    "preferences": {"regions": ["us-west"], "explicit_failover": false,
 *                    "maintenance": {"from": "02:00", "to": "04:00", "zone": "+02:00"}},
 *    "attributes": {"plan": "enterprise"}, "keys": ["sha256:0c28…"]}
 *
 * In CSV lists are separated by single spaces and an empty field is one not given. Stricter than
 * either format is often read: UTF-8 only, no stray quotes, no lone CR, no key twice.
 *
 * Pure: whoever reads the file hands in its bytes. One thread.
 */
#pragma once
#include "policy/tenant.h"

enum tenant_format { TENANT_CSV, TENANT_JSON_LINES };
enum { TENANT_RECORD_BYTES_MAX = 64 << 10, TENANT_COLUMNS_MAX = 64 };

struct tenant_reader;
/* Borrows the policy, whose names rows may use, and `file`, for messages. NULL: no memory. */
struct tenant_reader *tenant_reader_new(enum tenant_format format, const struct policy *policy,
                                        const char *file);
void tenant_reader_free(struct tenant_reader *r);
/* The line, from 1, at which what is read next begins. */
uint32_t tenant_reader_line(const struct tenant_reader *r);

/* Reads at most one row from the front of `in`, and sets *used to what the caller must drop before
 * the next call. `at_end`: nothing comes after `in`. Without TENANT_RECORD_BYTES_MAX in `in` a
 * record may be incomplete: then *used is 0, or covers what needs no row, such as the header.
 *
 * ERR_OK: a row when row->name is not empty; none yet, or no more at_end, when it is. The row
 * borrows from `in` and from the reader until the next call.
 * ERR_INVALID: *error says what is wrong; the record is in *used and reading goes on.
 * ERR_FORMAT: the header is wrong, so that nothing can be read. ERR_NO_MEMORY. */
MUST enum err tenant_reader_next(struct tenant_reader *r, struct slice in, bool at_end,
                                 size_t *used, struct tenant_row *row, struct policy_error *error);
