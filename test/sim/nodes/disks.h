/* What copies stand on: the memory driver's disks or, in some seeds, the local driver on the
 * simulated disk of its node (its view is LMDB's, and so a real file, thrown away afterwards).
 */
#pragma once
#include "world.h"

void disks_open(struct world *w);
void disks_close(struct world *w);
/* NULL: it cannot be opened, and fault says why. */
struct store *disk_store(struct world *w, int node, int cell, struct fault *fault);
void disk_store_crash(struct world *w, struct store *s);
void disk_power_lost(struct world *w, int node);
/* While the node is down: another, empty disk. */
void disk_wipe(struct world *w, int node, int cell);
/* While the node is down: a bit of what the copy's log, promise or checkpoints are in. The local
 * driver's only. */
void disk_rot(struct world *w, int node, int cell, uint64_t number);
/* The next such operation of some kind fails; sticky: until disk_mend. */
void disk_break(struct world *w, int node, int cell, uint64_t number, enum err err, bool sticky);
void disk_mend(struct world *w, int node);
