/* See disks.h. Touches the kernel only to make and remove the directory of views. */
#include "disks.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "store/local.h"

void disks_open(struct world *w) {
	if (!w->local) return;
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(w->dir, sizeof w->dir, "%s/holdfast-sim-XXXXXX", tmp);
	ASSERT(mkdtemp(w->dir));
}

static int path_remove(const char *path, const struct stat *st, int type, struct FTW *ftw) {
	return remove(path);
}

void disks_close(struct world *w) {
	for (int i = 0; i < NODES; i++)
		for (int c = 0; c < CELLS; c++) memory_disk_free(w->node[i].disk[c]);
	if (w->local) ASSERT(nftw(w->dir, path_remove, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static struct store *open_memory(struct world *w, int i, int c) {
	struct store *s;
	struct memory_disk **disk = &w->node[i].disk[c];
	if (!*disk)
		*disk = memory_disk_new(w->options.seed * 100 + (uint64_t)(i * 10 + c) +
		                        (uint64_t)w->node[i].disk_number[c] * 7919);
	ASSERT(store_memory_open(w->node[i].io, *disk, &s) == ERR_OK);
	return s;
}

enum { DIR_BYTES = 200 };

static void copy_dir(const struct world *w, int i, int c, char out[DIR_BYTES]) {
	snprintf(out, DIR_BYTES, "%s/%s-%s-%d", w->dir, regions[i], w->cell[c].name,
	         w->node[i].disk_number[c]);
}

void disk_wipe(struct world *w, int i, int c) {
	w->node[i].disk_number[c]++;
	memory_disk_free(w->node[i].disk[c]);
	w->node[i].disk[c] = NULL;
	w->node[i].durable[c] = (struct position){0};
}

void disk_rot(struct world *w, int i, int c, uint64_t number) {
	char dir[DIR_BYTES];
	copy_dir(w, i, c, dir);
	if (w->local) sim_disk_flip(sim_disk(w->sim, regions[i]), dir, number);
}

static struct store *open_local(struct world *w, int i, int c, struct fault *fault) {
	struct store *s;
	char dir[DIR_BYTES], boot[32];
	copy_dir(w, i, c, dir);
	snprintf(boot, sizeof boot, "boot-%d", w->node[i].boots);
	const struct store_local_options o = {.dir = dir,
	                                      .cell = w->cell[c].name,
	                                      .node = regions[i],
	                                      .segment_bytes = 64 << 10,
	                                      .checkpoint_bytes = 128 << 10,
	                                      .min_free_bytes = 1 << 20,
	                                      .map_bytes = 32 << 20,
	                                      .boot_id = boot};
	enum err err = store_local_open(w->node[i].io, sim_disk(w->sim, regions[i]), &o, &s, fault);
	return err == ERR_OK ? s : NULL;
}

struct store *disk_store(struct world *w, int i, int c, struct fault *fault) {
	return w->local ? open_local(w, i, c, fault) : open_memory(w, i, c);
}

void disk_store_crash(struct world *w, struct store *s) {
	if (w->local)
		store_local_crash(s);
	else
		store_memory_crash(s);
}

void disk_power_lost(struct world *w, int i) {
	w->node[i].boots++;
}

void disk_break(struct world *w, int i, int c, uint64_t number, enum err err, bool sticky) {
	static const enum memory_fault ops[] = {MEMORY_APPEND, MEMORY_APPLY,    MEMORY_PROMISE,
	                                        MEMORY_APPEND, MEMORY_TRUNCATE, MEMORY_QUARANTINE};
	static const enum sim_disk_op calls[] = {SIM_WRITE,  SIM_SYNC, SIM_ANY,
	                                         SIM_RENAME, SIM_SYNC, SIM_RESERVE};
	uint64_t countdown = 1 + number / 8 % 8;
	struct memory_disk *d = w->node[i].disk[c];
	if (d) memory_disk_fail(d, ops[number % 6], countdown, err, sticky);
	if (!w->local) return;
	if (err == ERR_NO_SPACE)
		sim_disk_set_free(sim_disk(w->sim, regions[i]), number % 4 ? 0 : 1 << 20);
	else
		sim_disk_fail(sim_disk(w->sim, regions[i]), calls[number % 6], countdown, err,
		              sticky);
}

void disk_mend(struct world *w, int i) {
	for (int c = 0; c < CELLS; c++)
		for (int op = 0; op <= MEMORY_IMPORT && w->node[i].disk[c]; op++)
			memory_disk_fail(w->node[i].disk[c], (enum memory_fault)op, 0, ERR_OK,
			                 false);
	if (!w->local) return;
	struct files *disk = sim_disk(w->sim, regions[i]);
	sim_disk_set_free(disk, UINT64_MAX);
	for (int op = 0; op <= SIM_ANY; op++)
		sim_disk_fail(disk, (enum sim_disk_op)op, 0, ERR_OK, false);
}
