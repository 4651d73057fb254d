/* The local driver: segments and checkpoints and an LMDB view under DIR/a or DIR/b (an
 * import fills the other one and then switches), DIR/promise, DIR/quarantine. See
 * docs/decisions/0005-store-layout.md for the layout and the measurements.
 *
 * The log, the promise, the quarantine and all small files go through `files`; the view
 * and the copies in checkpoints are LMDB's and are real files, whatever drives `files`.
 */
#pragma once
#include "io/files.h"
#include "io/io.h"
#include "store/store.h"

struct store_local_options {
	const char *dir;           /* made if absent */
	const char *cell;          /* must match what the directory was made for */
	const char *node;          /* likewise */
	uint64_t segment_bytes;    /* 0: 16 MiB; each preallocated and zeroed ahead of need; the
	                             * first is 1 MiB, each next twice as large, up to this */
	uint64_t checkpoint_bytes; /* 0: max(64 MiB, view / 4) of log since the last one */
	uint64_t retain_bytes;     /* 0: 256 MiB of log kept at most for replicas that lag */
	uint64_t min_free_bytes;   /* 0: 64 MiB: below this, appends answer ERR_NO_SPACE */
	uint64_t map_bytes;        /* 0: 64 GiB of address space for the view */
	const char *boot_id;       /* NULL: the machine's; another one than last time means that
	                             * the view may have lost writes and is rebuilt */
};
/* Recovers: cuts a torn tail, checks every record since the checkpoint and every entry of the
 * view, rebuilds the view where it is suspect. ERR_FORMAT: another node's or cell's directory or
 * a newer format. ERR_CORRUPT: damage that is not a torn tail; `fault` says which file, where
 * and what to do. ERR_EXISTS: another process (or store) has the directory open. Blocking.
 *
 * Opening applies nothing: a rebuilt view stands at its checkpoint, so apply up to what is
 * committed. Readers and exports must be gone before close. */
MUST enum err store_local_open(struct io *io, struct files *files,
                               const struct store_local_options *options, struct store **out,
                               struct fault *fault);

/* After sim_crash: releases memory, the view and the directory's lock without calling into the
 * io, which is gone. What was promised durable is what the disk kept. */
void store_local_crash(struct store *s);

/* What is in quarantine under a store's directory, oldest first; works without an open store. */
struct quarantine_item {
	char id[96]; /* names the item: e<epoch>-s<first>-s<last> */
	uint64_t epoch, first_seq, last_seq, count, bytes, time_ms;
	char why[160];
};
MUST enum err quarantine_list(struct files *files, const char *dir,
                              void (*each)(void *arg, const struct quarantine_item *item),
                              void *arg);
/* The saved records, verified; ERR_CORRUPT when the manifest's hash does not match. */
MUST enum err quarantine_read(struct files *files, const char *dir, const char *id,
                              struct buf *records);
