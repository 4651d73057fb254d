/* Whose directory it is, and the making of a new one. A directory that lost its identity
 * but holds data is refused: a new beginning would forget what was acknowledged.
 */
#include <string.h>

#include "store/local_opening.h"

enum err opening_fault(struct opening *o, enum err err, const char *what) {
	return fault_set(o->fault, err, "%s: %s: %s", o->l->dir, what, err_text(err));
}

static void segment_seen(void *arg, const char *name) {
	if (strstr(name, ".seg")) *(int *)arg += 1;
}

/* A directory without identity is new, or its making was cut short before anything could be
 * written. A promise, a session, a second segment mean that there was more. */
static enum err unused_check(struct opening *o) {
	struct local *l = o->l;
	char dir[PATH_BYTES];
	uint64_t epoch;
	bool used = promise_read(l->files, l->dir, &epoch) != ERR_NOT_FOUND;
	used |= session_read(l->files, l->dir, &o->session) != ERR_NOT_FOUND;
	for (uint64_t generation = 0; generation < 2; generation++) {
		int segments = 0;
		enum err err = generation_dir(l, generation, "log", dir);
		if (!err) err = l->files->ops->list(l->files, dir, segment_seen, &segments);
		if (err && err != ERR_NOT_FOUND) return opening_fault(o, err, "cannot be read");
		used |= segments > (generation == 0 ? 1 : 0);
	}
	if (!used) return ERR_OK;
	return fault_set(
		o->fault, ERR_CORRUPT,
		"%s: holds data but the file `store`, which says whose, is gone: take this "
		"copy out of service and let it copy everything from another region into "
		"an empty directory",
		l->dir);
}

static enum err store_create(struct opening *o) {
	struct local *l = o->l;
	static const struct position start;
	char dir[PATH_BYTES];
	uint64_t random[2];
	enum err err = unused_check(o);
	if (err) return err;
	io_random(l->io, random, sizeof(random));
	l->id.incarnation = random[0];
	l->id.generation = 0;
	err = generation_clear(l, 0);
	if (!err) err = generation_make(l, 0);
	if (!err) err = generation_dir(l, 0, "log", dir);
	if (!err) err = log_init(&l->log, l->files, dir, l->segment_bytes, l->min_free_bytes);
	const struct log_header h = local_log_header(l, &start, (struct epoch_start){0}, random[1]);
	if (!err) err = log_create(&l->log, &h);
	log_done(&l->log); /* opened again like any other */
	if (!err) err = identity_write(l, &l->id);
	return err ? opening_fault(o, err, "cannot be filled; check room and rights") : ERR_OK;
}

enum err opening_identity(struct opening *o) {
	struct local *l = o->l;
	struct identity id = {0};
	enum err err = identity_read(l->files, l->dir, &id);
	if (err == ERR_NOT_FOUND) return store_create(o);
	if (err == ERR_FORMAT)
		return opening_fault(o, err, "written by a newer version: use that one");
	if (err)
		return opening_fault(
			o, err, "the file `store` cannot be read; copy anew from another region");
	if (strcmp(id.cell, l->id.cell) != 0 || strcmp(id.node, l->id.node) != 0)
		return fault_set(o->fault, ERR_FORMAT,
		                 "%s: belongs to cell %s of node %s, not to %s of %s: point to the "
		                 "right directory",
		                 l->dir, id.cell, id.node, l->id.cell, l->id.node);
	l->id = id;
	err = promise_read(l->files, l->dir, &l->promised);
	if (err && err != ERR_NOT_FOUND)
		return opening_fault(
			o, err,
			"the file `promise` cannot be trusted; copy anew from another region");
	IGNORE(generation_clear(l, id.generation +
	                                   1)); /* of an import that a crash ended; only space */
	return ERR_OK;
}
