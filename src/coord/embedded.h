/* Embedded driver: one file, mapped by every process of the machine.
 *  page 0    header: magic, format, cluster name; revision (for cheap watching)
 *  page 1…   one slot per node: name, and {generation:32, beat:32} as one 64-bit atomic.
 *            Renewal and expiry are a compare-and-swap there: no lock, so that a process
 *            stopped at any instant blocks nobody's lease.
 *  then      two slots for all keys, each with revision and CRC-32C; a put takes the file's
 *            write lock, writes the older slot, syncs. A torn slot is ignored: the other holds.
 * Death is proven by an OFD lock (fcntl F_OFD_SETLK) that each node holds on a byte of its own
 * and the kernel releases with its last descriptor: never by a connection that broke.
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
MUST enum err coord_embedded_open(struct io *io, const struct coord_embedded_options *options,
                                  struct coord **out, struct fault *fault);

/* The same promises in RAM, shared by the nodes of one simulation. */
struct coord_memory;
struct coord_memory *coord_memory_new(void);
void coord_memory_free(struct coord_memory *m);
/* delay_ns: how long each operation takes. */
MUST enum err coord_memory_open(struct coord_memory *m, struct io *io, const char *node,
                                uint64_t delay_ns, struct coord **out);
void coord_memory_crash(struct coord_memory *m, const char *node, bool proof); /* drops its handle; proof: others learn of the death */
void coord_memory_cut(struct coord_memory *m, const char *node, bool cut); /* its operations answer ERR_UNAVAILABLE */
