/* Embedded driver: one file, used by every process of the machine.
 *  page 0    header: magic, format, cluster name; two words that name the current table
 *  page 1    one slot per node: name, and {generation:32, beat:32} as one 64-bit atomic
 *  then      two areas per node, each with room for the whole table of keys, with its revision
 *            and CRC-32C
 * Renewal and expiry are a compare-and-swap on the node's slot, a put is a table written to an
 * area of its own and then a compare-and-swap on the word: there is no lock, so that a process
 * stopped at any instant blocks nobody. Details: embedded_file.h.
 *
 * Death is proven by an OFD lock (fcntl F_OFD_SETLK) that each node holds on a byte of its own
 * and the kernel releases with its last descriptor: never by a connection that broke.
 *
 * Puts: ERR_NO_SPACE when the table (1 MiB) or the disk is full, nothing changed. After a failed
 * sync ERR_IO to this and every later put and join of this process: start it anew. When the file
 * is removed or replaced, every operation answers ERR_UNAVAILABLE until it is back: another file
 * may have become the truth for others.
 */
#pragma once
#include "coord/coord.h"
#include "io/io.h"

struct coord_embedded_options {
	const char *path;     /* made if absent; its directory must exist */
	const char *cluster;  /* must match what the file was made for */
	const char *node;     /* this node; ERR_EXISTS from open if a live process has that name */
	uint64_t poll_ns;     /* how often changes and deaths are looked for; 0: 10 ms */
};
/* Blocks (start-up). ERR_FORMAT: no coordination file, another cluster's, or newer; ERR_CORRUPT;
 * ERR_EXISTS; ERR_TOO_MANY nodes; ERR_NO_SPACE; ERR_UNAVAILABLE: a stopped process keeps the
 * opening lock; with the reason in fault. */
MUST enum err coord_embedded_open(struct io *io, const struct coord_embedded_options *options,
                                  struct coord **out, struct fault *fault);

/* The same promises in RAM, shared by the nodes of one simulation. A request takes effect after
 * half of delay_ns and is answered after the whole; changes reach the others after delay_ns. */
struct coord_memory;
struct coord_memory *coord_memory_new(void);
void coord_memory_free(struct coord_memory *m); /* all handles closed or crashed */
/* delay_ns: how long each operation takes. */
MUST enum err coord_memory_open(struct coord_memory *m, struct io *io, const char *node,
                                uint64_t delay_ns, struct coord **out);
/* Drops the node's handle and what it asked; proof: the others learn of the death. Call it next to
 * sim_crash. */
void coord_memory_crash(struct coord_memory *m, const char *node, bool proof);
/* Its operations answer ERR_UNAVAILABLE, also those that took effect already; nothing new
 * reaches it. */
void coord_memory_cut(struct coord_memory *m, const char *node, bool cut);
/* Stalled, as by an election: what is asked waits, and takes effect when it is over. */
void coord_memory_stall(struct coord_memory *m, bool stalled);
