/* The memory driver: the same promises as the local one, in RAM, for simulation and
 * tests. "Durable" is what survives store_memory_crash. Faults are set per operation.
 */
#pragma once
#include "io/io.h"
#include "store/store.h"

/* The disk outlives the store opened on it. */
struct memory_disk;
struct memory_disk *memory_disk_new(uint64_t seed);
void memory_disk_free(struct memory_disk *d);

enum memory_fault {
	MEMORY_APPEND,
	MEMORY_APPLY,
	MEMORY_PROMISE,
	MEMORY_QUARANTINE,
	MEMORY_TRUNCATE,
	MEMORY_IMPORT
};
/* The countdown-th such operation from now fails with err (ERR_IO fences, ERR_NO_SPACE does not);
 * sticky: all later ones too; countdown 0 clears. */
void memory_disk_fail(struct memory_disk *d, enum memory_fault op, uint64_t countdown, enum err err,
                      bool sticky);

MUST enum err store_memory_open(struct io *io, struct memory_disk *d, struct store **out);
/* Power loss: appends not yet done are kept, lost or cut at a record by the disk's own random. */
void store_memory_crash(struct store *s);
/* The quarantined records, concatenated, oldest first. */
struct slice memory_disk_quarantine(const struct memory_disk *d);
