/* Preloaded into a region by `make torture`: a disk that fails and clocks that lie, as the file
 * named by FAULTS says, read anew when it changes. Words: `sync-fails-once=PART` (of a
 * file whose path has PART), `wall=SECONDS` (offset
 * of the wall clock), `rate=FACTOR` (speed of the clocks that leases are measured by). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool read_faults(char text[256]) {
	const char *path = getenv("FAULTS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t got = fd >= 0 ? read(fd, text, 255) : -1;
	if (fd >= 0) close(fd);
	text[got > 0 ? got : 0] = 0;
	return got > 0;
}

static double word(const char *text, const char *name, double otherwise) {
	const char *at = strstr(text, name);
	return at ? strtod(at + strlen(name), NULL) : otherwise;
}

/* Does the path of fd have the word that follows `name` in the text? */
static bool is_meant(int fd, const char *text, const char *name) {
	char link[64], path[1024], part[128];
	const char *at = strstr(text, name);
	if (!at || sscanf(at + strlen(name), "%127s", part) != 1) return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	path[len > 0 ? len : 0] = 0;
	return strstr(path, part) != NULL;
}

int fdatasync(int fd) {
	static atomic_bool has_failed;
	char text[256];
	if (read_faults(text) && is_meant(fd, text, "sync-fails-once=") &&
	    !atomic_exchange(&has_failed, true)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* The faults of clocks are those of the start: a clock that jumps while it runs would be another. */
int clock_gettime(clockid_t id, struct timespec *out) {
	static _Atomic int known; /* 0: not read yet */
	static double wall, rate;
	static struct timespec start[16];
	int result = (int)syscall(SYS_clock_gettime, id, out);
	if (result != 0 || id < 0 || id > 15) return result;
	if (!known) {
		char text[256];
		read_faults(text);
		wall = word(text, "wall=", 0);
		rate = word(text, "rate=", 1);
		for (clockid_t c = 0; c < 16; c++) syscall(SYS_clock_gettime, c, &start[c]);
		known = 1;
	}
	if (id == CLOCK_REALTIME) {
		out->tv_sec += (time_t)wall;
	} else if (id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME) {
		long long gone = (out->tv_sec - start[id].tv_sec) * 1000000000LL + out->tv_nsec - start[id].tv_nsec;
		long long now = start[id].tv_sec * 1000000000LL + start[id].tv_nsec + (long long)((double)gone * rate);
		out->tv_sec = now / 1000000000LL;
		out->tv_nsec = now % 1000000000LL;
	}
	return 0;
}
