/* Writing the tail that no survivor had, before it is cut off. Reading it is in local.h. */
#pragma once
#include "store/log.h"

struct quarantine_tail {
	const char *cell, *node, *why;
	uint64_t time_ms;
	struct position keep, last; /* records after keep up to last are saved */
};
/* DIR/quarantine/ID/records, then manifest.json: synced with their directories; an item
 * counts from the moment its manifest is in place. Saving the same tail twice is one item. */
MUST enum err quarantine_write(struct files *files, const char *dir,
                               const struct quarantine_tail *tail, struct log_reader *reader);

enum { QUARANTINE_ID_BYTES = 96, QUARANTINE_WHY_BYTES = 160 };
struct quarantine_manifest {
	char id[QUARANTINE_ID_BYTES], cell[LOG_NAME_BYTES], node[LOG_NAME_BYTES];
	char why[QUARANTINE_WHY_BYTES];
	uint64_t time_ms, count, bytes;
	uint32_t crc;
	struct position keep, last;
};
/* A JSON document with a checksum over itself; out is appended to. */
MUST enum err manifest_encode(const struct quarantine_manifest *m, struct buf *out);
MUST enum err manifest_decode(struct slice text, struct quarantine_manifest *m);
MUST enum err quarantine_path(const char *dir, const char *id, const char *name,
                              char out[PATH_BYTES]);
/* ERR_NOT_FOUND; ERR_CORRUPT. */
MUST enum err manifest_read(struct files *files, const char *dir, const char *id,
                            struct quarantine_manifest *m);
