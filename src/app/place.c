/* Reads and writes a playground's directory. */
#include "app/place.h"
#include "app/command.h"
#include "base/buf.h"
#include "base/parse.h"
#include "io/files.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Absolute, so that whoever looks at a process's command line can tell two playgrounds apart. */
static enum err set_dir(struct place *p, const char *dir) {
	char *whole = realpath(dir, NULL);
	bool fits = whole && strlen(whole) < sizeof(p->dir);
	if (fits) memcpy(p->dir, whole, strlen(whole) + 1);
	free(whole);
	if (fits) return ERR_OK;
	complain("%s: %s: choose another --dir", dir,
	         whole ? "the path is too long" : strerror(errno));
	return ERR_INVALID;
}

/* --- the lock ----------------------------------------------------------------------- */

/* The kernel's: it goes with the process, however that ends. */
static int lock_file(const struct place *p, int flags) {
	char path[1024];
	place_path(p, path, "playground.lock");
	return open(path, flags | O_RDWR | O_CLOEXEC, 0600);
}

static bool is_running(const struct place *p) {
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = lock_file(p, 0);
	if (fd < 0) return false;
	bool held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

enum err place_claim(const char *dir, struct place *p) {
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	enum err e = files_posix()->ops->mkdir(files_posix(), dir);
	if (e) complain("%s: %s: choose another --dir", dir, err_text(e));
	if (!e) e = set_dir(p, dir);
	if (e) return e;
	int fd = lock_file(p, O_CREAT);
	if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return ERR_OK; /* until the process ends */
	bool taken = fd >= 0 && (errno == EAGAIN || errno == EACCES);
	complain("%s: %s", p->dir,
	         taken ? "a playground is running here: end it with Ctrl-C, or choose another --dir"
	               : "cannot be locked: choose another --dir");
	if (fd >= 0) close(fd);
	return ERR_EXISTS;
}

/* --- files ---------------------------------------------------------------------------- */

void place_path(const struct place *p, char out[1024], const char *format, ...) {
	va_list args;
	va_start(args, format);
	int n = snprintf(out, 1024, "%s/", p->dir);
	vsnprintf(out + n, 1024 - (size_t)n, format, args);
	va_end(args);
}

enum err place_write(const char *path, const char *text) {
	enum err e = files_replace(files_posix(), path, slice_str(text));
	if (e) complain("%s: %s: check the directory", path, err_text(e));
	return e;
}

/* NULL without complaint when it cannot be read. */
static json_t *read_json(const char *path) {
	struct buf text;
	buf_init(&text, 1 << 20);
	json_t *root = NULL;
	if (files_read_all(files_posix(), path, &text) == ERR_OK)
		root = json_loadb((const char *)buf_slice(&text).ptr, text.len, 0, NULL);
	buf_done(&text);
	return root;
}

void place_wait_ms(int ms) {
	sigset_t none;
	struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
	sigemptyset(&none);
	sigtimedwait(&none, NULL, &time);
}

/* --- processes ------------------------------------------------------------------------- */

/* Is pid a live process whose command line has this word? A pid file outlives its process, and
 * the number may be somebody else's by then. */
static bool process_runs(pid_t pid, const char *word) {
	char path[64];
	uint8_t text[4096]; /* a file of /proc has no size: read what one call gives */
	size_t got = 0;
	struct file *f;
	struct files *fs = files_posix();
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (pid <= 0 || fs->ops->open(fs, path, FILE_READ, &f) != ERR_OK) return false;
	bool found = fs->ops->read(f, 0, text, sizeof(text), &got) == ERR_OK &&
	             memmem(text, got, word, strlen(word)) != NULL;
	fs->ops->close(f);
	return found;
}

enum err place_open(const char *dir, struct place *p) {
	char path[1024];
	memset(p, 0, sizeof(*p));
	if (access(dir, F_OK) == 0 && set_dir(p, dir) != ERR_OK) return ERR_INVALID;
	place_path(p, path, "playground.json");
	json_t *root = read_json(path);
	if (!root) {
		complain("%s: there is no playground here: start one with: holdfast playground "
		         "--dir %s",
		         dir, dir);
		return ERR_NOT_FOUND;
	}
	p->port_base = (uint16_t)json_integer_value(json_object_get(root, "port_base"));
	p->pid = (pid_t)json_integer_value(json_object_get(root, "pid"));
	if (!is_running(p)) p->pid = 0;
	size_t i;
	json_t *name;
	json_array_foreach(json_object_get(root, "regions"), i, name) {
		if (p->region_count == PLACE_REGIONS_MAX || !json_is_string(name)) break;
		snprintf(p->regions[p->region_count++], 32, "%s", json_string_value(name));
	}
	p->process_count = p->region_count;
	const char *secondary = json_string_value(json_object_get(root, "secondary"));
	if (secondary) snprintf(p->regions[p->process_count++], 32, "%s", secondary);
	json_decref(root);
	return ERR_OK;
}

int place_region(const struct place *p, const char *name) {
	for (int i = 0; i < p->process_count; i++)
		if (strcmp(p->regions[i], name) == 0) return i;
	complain("%s: no such region in %s: see holdfast status --dir %s", name, p->dir, p->dir);
	return -1;
}

pid_t place_pid(const struct place *p, int region) {
	char path[1024], file[1024];
	struct buf text;
	uint64_t pid = 0;
	place_path(p, path, "%s.pid", p->regions[region]);
	buf_init(&text, 64);
	if (files_read_all(files_posix(), path, &text) == ERR_OK) {
		struct slice lines = buf_slice(&text);
		IGNORE(parse_u64(slice_cut(&lines, '\n'), INT32_MAX, &pid)); /* then it stays 0 */
	}
	buf_done(&text);
	place_path(p, file, "%s.yaml", p->regions[region]);
	return process_runs((pid_t)pid, file) ? (pid_t)pid : 0;
}

char *place_key(const struct place *p, const char *tenant) {
	char path[1024];
	place_path(p, path, "keys.json");
	json_t *root = read_json(path);
	const char *key = json_string_value(json_object_get(root, tenant));
	char *copy = key ? strdup(key) : NULL;
	if (!copy)
		complain("%s: no key of tenant %s in it: choose one with --tenant", path, tenant);
	json_decref(root);
	return copy;
}
