/* The disk images of a cell: at most one that serves and one that is being filled, as files whose
 * rows say which is which, so that a crash at any point leaves one of the two states. */
#include <stdio.h>

#include "base/log.h"
#include "edge/secondary_private.h"
#include "io/files.h"

static const char *const names[] = {"a.mirror", "b.mirror"};

void secondary_image_close(struct secondary_image *i) {
	mirror_close(i->mirror);
	*i = (struct secondary_image){.mirror = NULL};
}

/* LMDB has a file of locks beside its own. */
static void remove_files(const char *path) {
	char lock[SECONDARY_PATH_MAX + 8];
	struct files *fs = files_posix();
	snprintf(lock, sizeof lock, "%s-lock", path);
	IGNORE(fs->ops->unlink(fs, lock));
	IGNORE(fs->ops->unlink(fs, path));
}

static void image_drop(struct secondary_image *i) {
	char path[SECONDARY_PATH_MAX];
	if (!i->mirror) return;
	memcpy(path, i->path, sizeof path);
	secondary_image_close(i);
	remove_files(path);
}

static bool exists(const char *path) {
	struct file *f;
	if (files_posix()->ops->open(files_posix(), path, FILE_READ, &f) != ERR_OK) return false;
	files_posix()->ops->close(f);
	return true;
}

static enum err image_read(struct secondary_image *i, uint64_t scope) {
	struct buf row;
	buf_init(&row, MIRROR_ROW_MAX);
	enum err err = mirror_open(i->path, &i->mirror);
	if (!err) err = mirror_row(i->mirror, &row);
	if (!err) err = pull_state_decode(buf_slice(&row), &i->state);
	if (!err && i->state.scope != scope)
		err = ERR_FORBIDDEN; /* may have what is not its business now */
	if (!err) i->keys = mirror_keys(i->mirror);
	buf_done(&row);
	return err;
}

/* What cannot be read is of no use, and the next fill makes it anew. */
static void image_take(struct secondary_cell *c, const char *name) {
	struct secondary_image i = {.mirror = NULL};
	snprintf(i.path, sizeof i.path, "%s/%s", c->dir, name);
	if (!exists(i.path)) return;
	enum err err = image_read(&i, c->scope);
	if (err) {
		LOG(LOG_WARN, "secondary", "an image is of no use and is filled anew",
		    {"path", i.path},
		    {"why",
		     err == ERR_FORBIDDEN ? "it is of other tenants or domains" : err_text(err)});
		secondary_image_close(&i);
		snprintf(i.path, sizeof i.path, "%s/%s", c->dir, name);
		remove_files(i.path);
		return;
	}
	struct secondary_image *place = i.state.whole ? &c->serving : &c->fill;
	bool older = place->mirror && place->state.generation > i.state.generation;
	image_drop(older ? &i : place);
	if (!older) *place = i;
}

enum err secondary_images_open(struct secondary_cell *c, struct fault *fault) {
	struct files *fs = files_posix();
	enum err err = fs->ops->mkdir(fs, c->dir);
	if (err)
		return fault_set(fault, err, "%s: %s: make the directory or change `data`", c->dir,
		                 err_text(err));
	for (int i = 0; i < 2; i++) image_take(c, names[i]);
	/* The crash came between the two: the new one is whole, and nobody needs what came before. */
	if (c->serving.mirror && c->fill.state.generation < c->serving.state.generation)
		image_drop(&c->fill);
	return ERR_OK;
}

enum err secondary_fill_begin(struct secondary_cell *c) {
	struct secondary_image *f = &c->fill;
	uint64_t epoch = c->serving.mirror ? c->serving.state.epoch : 0;
	uint64_t generation = c->serving.state.generation + 1;
	struct buf row;
	image_drop(f);
	snprintf(f->path, sizeof f->path, "%s/%s", c->dir, names[generation % 2]);
	remove_files(f->path);
	pull_state_init(&f->state, generation, c->scope, epoch);
	buf_init(&row, MIRROR_ROW_MAX);
	enum err err = mirror_open(f->path, &f->mirror);
	if (!err) err = pull_state_encode(&f->state, &row);
	if (!err) err = mirror_begin(f->mirror);
	if (!err) err = mirror_commit(f->mirror, buf_slice(&row));
	if (!err) err = files_posix()->ops->sync_dir(files_posix(), c->dir);
	buf_done(&row);
	if (err) image_drop(f);
	return err;
}

void secondary_fill_done(struct secondary_cell *c) {
	struct secondary_image old = c->serving;
	c->serving = c->fill;
	c->fill = (struct secondary_image){.mirror = NULL};
	image_drop(&old);
}
