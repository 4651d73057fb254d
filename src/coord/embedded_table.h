/* The table of all keys as bytes: what one area of the coordination file holds. Pure:
 * knows neither files nor locks. Bytes come from a disk and may be anything.
 *
 *   header  magic u32, crc-32c u32 of all that follows, revision u64, area u32, count u32,
 *           bytes u32 (header included), zero u32
 *   entry   key bytes u16, zero u16, value bytes u32, revision u64, key, value
 * Little-endian; keys ascend. The area's own number is inside, so that bytes which were
 * written to the wrong place are not taken for what belongs there.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum { TABLE_HEADER_BYTES = 32, TABLE_ENTRY_BYTES = 16 };

struct table_entry {
	struct slice key, value; /* borrowed from the table's bytes, or from whoever set them */
	uint64_t revision;
};
struct table {
	uint64_t revision; /* 0: nothing was ever put */
	struct table_entry *entries;
	int count, cap;
	uint8_t *bytes; /* what was decoded; owned */
};

void table_done(struct table *t); /* leaves an empty one */
/* How many bytes the table takes that starts with this header; ERR_CORRUPT unless within
 * [TABLE_HEADER_BYTES, max]. */
MUST enum err table_header_bytes(const uint8_t header[TABLE_HEADER_BYTES], size_t max, size_t *out);
/* Fills an empty table; takes over `bytes` (malloc) also when it fails: ERR_CORRUPT for
 * anything that table_encode did not write for this area and revision, ERR_NO_MEMORY. */
MUST enum err table_decode(struct table *t, uint8_t *bytes, size_t len, uint32_t area,
                           uint64_t revision);
/* NULL when absent; valid until the table changes. */
const struct table_entry *table_find(const struct table *t, struct slice key);
/* Sets one key; key and value must outlive the table. ERR_NO_MEMORY: unchanged. */
MUST enum err table_set(struct table *t, struct slice key, struct slice value, uint64_t revision);
size_t table_bytes(const struct table *t); /* when encoded */
/* `out` has room for table_bytes. */
void table_encode(const struct table *t, uint32_t area, uint8_t *out);
