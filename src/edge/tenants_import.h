/* Imports of tenants: a file is sent in pieces, every row is checked, and all of them are made at
 * once, in every region, by a new image; or none is.
 *
 * A row of a tenant that exists already changes it: keys and preferences that the row does not give
 * stay. Residency class and cell may not differ, and tenants of the policy are refused.
 *
 * One at a time and node; who sends nothing for TENANTS_IMPORT_IDLE_MS loses it. The owner loop. */
#pragma once
#include "edge/tenants.h"

enum {
	TENANTS_IMPORT_IDLE_MS = 60000,
	TENANTS_IMPORT_PIECE_BYTES = 1 << 20,
	TENANTS_IMPORT_ERRORS_MAX = 200, /* told in full; the rest are counted */
};
#define TENANTS_IMPORT_BYTES_MAX (4ull << 30)

/* Begins one; *id is never 0. `csv`: else JSON lines. keep_going: leaves wrong rows out, else one is
 * enough to refuse all. ERR_TOO_LARGE, ERR_CONFLICT: another is under way. */
MUST enum err tenants_import_begin(struct tenants *t, bool csv, bool keep_going, uint64_t bytes,
                                   uint64_t *id, struct fault *f);
/* The next piece; `done` is called when it is on the disk, unless this returns an error:
 * ERR_NOT_FOUND: no such import. ERR_CONFLICT: not the offset that comes next, or one piece is being
 * written. The bytes are copied. After the last one it is checked and published. */
MUST enum err tenants_import_piece(struct tenants *t, uint64_t id, uint64_t offset,
                                   struct slice bytes, void (*done)(void *arg, enum err err),
                                   void *arg, struct fault *f);
/* How far it is, as JSON; NULL: no such import. Kept until the next one begins.
 *   {"state": "receiving|checking|building|done|failed", "done": 1, "total": 9, "rows": 7, "created": 5,
 *    "changed": 1, "rejected": 1, "errors": [{"line": 3, "column": 1, "text": "…"}], "error": "…"} */
json_t *tenants_import_status(struct tenants *t, uint64_t id);
void tenants_import_end(struct tenants *t); /* with tenants_free */
