/* Files of one tape: a new one when the last is full, the oldest deleted first. Blocks: on a lane, or when
 * there is no lane any more. Private to tape.c.
 *
 *   DIR/REGION-wWORKER-STAMP.hfr   STAMP: 13 digits, ms since 1970 */
#pragma once
#include "io/files.h"

struct tape_file {
	struct files *fs;
	const char *dir, *region;
	int worker, workers;
	uint64_t all_bytes_max, bytes_max; /* of all files of this worker; of one */
	uint64_t free_bytes_min;
	uint64_t stamp_ms; /* for the name of the next file */
	struct file *file; /* NULL: none is open */
	uint64_t bytes;    /* in it */
};
/* At start-up: makes the directory, and deletes what is too much by now. */
MUST enum err tape_file_open(const struct tape_file *t);
/* Appends to the file, or begins one. last: nothing follows in this file. After an error the next write
 * begins a new file. */
MUST enum err tape_file_write(struct tape_file *t, struct slice bytes, bool last);
void tape_file_end(struct tape_file *t);
/* Whether a file of this name is t's to delete; *stamp is its age then. */
bool tape_file_owns(const struct tape_file *t, struct slice name, uint64_t *stamp);
