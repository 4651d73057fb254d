/* Names of the simulated disk. A journalling file system keeps the order of changes in a
 * directory but not their durability: after a power loss a first part of them is there. A move
 * between two directories ties their orders together. */
#include <stdlib.h>
#include <string.h>

#include "io/sim_disk_driver.h"

/* --- paths ------------------------------------------------------------------------------- */

char *sim_path(const char *path) {
	char *out = sim_alloc(strlen(path) + 1);
	size_t len = 0;
	for (const char *p = path; *p; p++)
		if (*p != '/' || len == 0 || out[len - 1] != '/') out[len++] = *p;
	if (len > 1 && out[len - 1] == '/') len--;
	out[len] = 0;
	return out;
}

static size_t parent_len(const char *path) {
	const char *slash = strrchr(path, '/');
	if (!slash) return 0;
	return slash == path ? 1 : (size_t)(slash - path);
}

bool sim_is_inside(const char *path, const char *dir) {
	size_t len = parent_len(path);
	if (len == 0) return strcmp(dir, ".") == 0;
	return strlen(dir) == len && memcmp(path, dir, len) == 0 && path[len] != 0;
}

static char *parent_of(const char *path) {
	char *dir = sim_path(parent_len(path) ? path : ".");
	if (parent_len(path)) dir[parent_len(path)] = 0;
	return dir;
}

static bool is_root(const char *path, size_t len) {
	return len == 0 || (len == 1 && (path[0] == '/' || path[0] == '.'));
}

struct sim_name *sim_name_find(struct list *names, const char *path) {
	LIST_EACH (names, n) {
		struct sim_name *name = CONTAINER_OF(n, struct sim_name, node);
		if (strcmp(name->path, path) == 0) return name;
	}
	return NULL;
}

static bool dir_exists(struct list *names, const char *path, size_t len) {
	if (is_root(path, len)) return true;
	LIST_EACH (names, n) {
		const struct sim_name *name = CONTAINER_OF(n, struct sim_name, node);
		if (strlen(name->path) == len && memcmp(name->path, path, len) == 0)
			return name->inode->is_dir;
	}
	return false;
}

bool sim_dir_exists(struct sim_disk *d, const char *path) {
	return dir_exists(&d->names, path, strlen(path));
}

bool sim_parent_exists(struct sim_disk *d, const char *path) {
	return dir_exists(&d->names, path, parent_len(path));
}

/* --- entries -------------------------------------------------------------------------------- */

static void name_free(struct sim_disk *d, struct list *names, struct sim_name *name) {
	list_remove(names, &name->node);
	sim_inode_drop(d, name->inode);
	free(name->path);
	free(name);
}

static void entry_remove(struct sim_disk *d, struct list *names, const char *path) {
	struct sim_name *name = sim_name_find(names, path);
	if (name) name_free(d, names, name);
}

static void entry_set(struct sim_disk *d, struct list *names, const char *path,
                      struct sim_inode *inode) {
	sim_inode_hold(inode);
	entry_remove(d, names, path);
	struct sim_name *name = sim_alloc(sizeof *name);
	name->path = sim_path(path);
	name->inode = inode;
	list_push_back(names, &name->node);
}

/* A directory takes its content along. */
static void entry_move(struct sim_disk *d, struct list *names, const char *from, const char *to) {
	size_t from_len = strlen(from), to_len = strlen(to);
	if (!sim_name_find(names, from)) return; /* it never became durable */
	if (strcmp(from, to) != 0) entry_remove(d, names, to);
	LIST_EACH (names, n) {
		struct sim_name *name = CONTAINER_OF(n, struct sim_name, node);
		const char *rest = name->path + from_len;
		if (strncmp(name->path, from, from_len) != 0 || (*rest && *rest != '/')) continue;
		char *path = sim_alloc(to_len + strlen(rest) + 1);
		memcpy(path, to, to_len);
		memcpy(path + to_len, rest, strlen(rest) + 1);
		free(name->path);
		name->path = path;
	}
}

static void apply(struct sim_disk *d, struct list *names, const struct sim_name_change *c) {
	if (c->op == SIM_LINK)
		entry_set(d, names, c->path, c->inode);
	else if (c->op == SIM_UNLINK)
		entry_remove(d, names, c->path);
	else
		entry_move(d, names, c->path, c->to);
}

void sim_names_clear(struct sim_disk *d, struct list *names) {
	for (struct list_node *n; (n = list_first(names));)
		name_free(d, names, CONTAINER_OF(n, struct sim_name, node));
}

void sim_names_mkdir(struct sim_disk *d, const char *path) {
	struct sim_inode *inode = sim_inode_new(d, true);
	entry_set(d, &d->names, path, inode);
	entry_set(d, &d->durable_names, path, inode);
}

/* --- changes ----------------------------------------------------------------------------------- */

static void change_free(struct sim_disk *d, struct sim_name_change *c) {
	list_remove(&d->name_changes, &c->node);
	if (c->inode) sim_inode_drop(d, c->inode);
	for (int i = 0; i < 4; i++) free(c->dirs[i]);
	free(c->path);
	free(c->to);
	free(c);
}

void sim_name_changes_clear(struct sim_disk *d) {
	for (struct list_node *n; (n = list_first(&d->name_changes));)
		change_free(d, CONTAINER_OF(n, struct sim_name_change, node));
}

void sim_name_change(struct sim_disk *d, enum sim_name_op op, const char *path, const char *to,
                     struct sim_inode *inode) {
	struct sim_name_change *c = sim_alloc(sizeof *c);
	c->op = op;
	c->path = sim_path(path);
	c->to = to ? sim_path(to) : NULL;
	c->inode = inode;
	if (inode) sim_inode_hold(inode);
	c->dirs[0] = parent_of(path);
	if (to) {
		c->dirs[1] = parent_of(to);
		c->dirs[2] =
			sim_path(path); /* it may be a directory: what was made in it came before */
		c->dirs[3] = sim_path(to);
	}
	list_push_back(&d->name_changes, &c->node);
	apply(d, &d->names, c);
}

static bool touches(const struct sim_name_change *c, const char *dir) {
	for (int i = 0; i < 4; i++)
		if (c->dirs[i] && strcmp(c->dirs[i], dir) == 0) return true;
	return false;
}

/* Do the two belong to one order? */
static bool shares_dir(const struct sim_name_change *a, const struct sim_name_change *b) {
	for (int i = 0; i < 4; i++)
		if (a->dirs[i] && touches(b, a->dirs[i])) return true;
	return false;
}

static void apply_chosen(struct sim_disk *d) {
	LIST_EACH (&d->name_changes, n) {
		struct sim_name_change *c = CONTAINER_OF(n, struct sim_name_change, node);
		if (!c->chosen) continue;
		apply(d, &d->durable_names, c);
		change_free(d, c);
	}
}

/* Those of the directory, and before each all that its order rests on. */
void sim_names_sync(struct sim_disk *d, const char *dir) {
	for (struct list_node *n = d->name_changes.head.prev; n != &d->name_changes.head;
	     n = n->prev) {
		struct sim_name_change *c = CONTAINER_OF(n, struct sim_name_change, node);
		c->chosen = touches(c, dir);
		for (struct list_node *m = n->next; !c->chosen && m != &d->name_changes.head;
		     m = m->next) {
			const struct sim_name_change *later =
				CONTAINER_OF(m, struct sim_name_change, node);
			c->chosen = later->chosen && shares_dir(c, later);
		}
	}
	apply_chosen(d);
}

static bool rests_on_lost(struct sim_disk *d, const struct sim_name_change *c) {
	LIST_EACH (&d->name_changes, n) {
		const struct sim_name_change *earlier =
			CONTAINER_OF(n, struct sim_name_change, node);
		if (earlier == c) return false;
		if (!earlier->chosen && shares_dir(earlier, c)) return true;
	}
	return false;
}

void sim_names_lose(struct sim_disk *d) {
	uint64_t kind = sim_rng_below(&d->rng, 4); /* none, all, twice a first part */
	LIST_EACH (&d->name_changes, n) {
		struct sim_name_change *c = CONTAINER_OF(n, struct sim_name_change, node);
		bool is_kept = kind == 1 || (kind > 1 && sim_rng_below(&d->rng, 4) != 0);
		c->chosen = is_kept && !rests_on_lost(d, c);
	}
	apply_chosen(d);
	sim_name_changes_clear(d);
	sim_names_clear(d, &d->names);
	LIST_EACH (&d->durable_names, n) {
		const struct sim_name *name = CONTAINER_OF(n, struct sim_name, node);
		entry_set(d, &d->names, name->path, name->inode);
	}
}
