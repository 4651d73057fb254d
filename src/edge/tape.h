/* The decisions of one edge on disk, as recordings that `holdfast policy replay` reads. The loop adds and
 * never waits: what the disk does not take in time is dropped, and counted. A lane of the edge's own writes
 * a file after the other, each complete in itself.
 *
 * Bounds: 1 MiB of decisions in memory and as much under way; a file; and all files of this region and
 * worker, the oldest of which are deleted before a new one begins. Files of workers that there are no more
 * belong to worker 0. A crash loses what was not written, about a second; a power loss perhaps what was
 * written since the file began. Loop's thread only. */
#pragma once
#include "base/metric.h"
#include "io/files.h"
#include "io/io.h"
#include "policy/recordable.h"

enum { TAPE_FILE_BYTES_MIN = 4 << 20 };

struct tape;
struct tape_options {
	struct recordable what; /* decided by; its policy outlives the tape */
	const char *region;
	int worker, workers;
	struct files *files;
	const char *dir;         /* made when it is not there; borrowed, as all texts here */
	uint64_t bytes_max;      /* of this region's files, all workers */
	uint64_t file_bytes_max; /* of one; less where a worker's part of bytes_max is less */
	uint64_t free_bytes_min; /* on the disk: below it nothing is written */
	struct registry *registry;
};
/* Blocks: at start-up. ERR_TOO_LARGE: bytes_max leaves a worker less than TAPE_FILE_BYTES_MIN;
 * ERR_NO_MEMORY; what the disk says of the directory. */
MUST enum err tape_new(struct io *io, const struct tape_options *options, struct tape **out,
                       struct fault *fault);
/* A decision was made in this world. t: NULL: none is recorded. */
void tape_add(struct tape *t, const struct world *w, const struct decide_request *q,
              const struct decision *d);
/* Writes what is left, and waits for it. NULL is fine. */
void tape_free(struct tape *t);
