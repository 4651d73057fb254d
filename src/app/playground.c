/* `holdfast playground`: four regions as four processes on loopback. The parent starts
 * them, waits until all serve, starts anew those that `drill restore` asks for, and stops all. */
#include "app/client.h"
#include "app/command.h"
#include "app/playground_files.h"
#include "base/parse.h"
#include "io/files.h"
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
	"usage: holdfast playground [--dir DIR] [--port-base N] [--etcd URL,URL…]\n\n"
	"Starts the regions us-east, us-west, eu-west and eu-central as four processes on "
	"loopback, with the\n"
	"tenants acme (residency us), globex (eu) and initech (global). Prints `ready` when all "
	"four serve.\n"
	"Ctrl-C stops all; the data stays in DIR and is there next time.\n\n"
	"      --dir DIR       where everything is kept (default .playground)\n"
	"      --port-base N   N+1… HTTP, N+101… admin, N+201… replication (default 7100)\n"
	"      --etcd URLS     coordinate through this etcd, as on many machines, and not through "
        "a "
	"file\n\n"
	"example: holdfast playground --dir /tmp/four-regions --port-base 9000\n";

static const char *const regions[] = {"us-east", "us-west", "eu-west", "eu-central"};
#define URL_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/,[]-"
enum { REGION_COUNT = 4, READY_TRIES = 600, STOP_TRIES = 100, STEP_MS = 50 };

/* The signals that the supervisor takes one by one; blocked, so that none is lost. PLACE_RESTORE
 * comes from `drill restore`. */
static void watched_signals(sigset_t *set) {
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, PLACE_RESTORE};
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
}

static bool means_stop(int signal_number) {
	return signal_number == SIGINT || signal_number == SIGTERM || signal_number == SIGHUP;
}

/* A pause, cut short by a signal, which it returns; 0: none came. */
static int pause_ms(int ms) {
	sigset_t watched;
	struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
	watched_signals(&watched);
	int s = sigtimedwait(&watched, NULL, &time);
	return s > 0 ? s : 0;
}

static bool marked_down(const struct place *p, int region) {
	char path[1024];
	place_path(p, path, "%s.down", p->regions[region]);
	return access(path, F_OK) == 0;
}

/* In the child: becomes `holdfast serve`, its log in a file of its own. */
static void become_region(const struct place *p, int region, const sigset_t *mask, pid_t parent) {
	char config[1024], log[1024];
	place_path(p, config, "%s.yaml", p->regions[region]);
	place_path(p, log, "%s.log", p->regions[region]);
	/* A killed playground leaves nothing behind; SIGTERM would wait for a paused one. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) _exit(EXIT_NO);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0) {
		dup2(fd, STDERR_FILENO);
		dup2(fd, STDOUT_FILENO);
	}
	setpgid(0, 0); /* Ctrl-C reaches the parent alone, which stops all in order */
	sigprocmask(SIG_SETMASK, mask, NULL);
	execl("/proc/self/exe", "holdfast", "serve", "-c", config, (char *)NULL);
	complain("playground: %s: the program cannot be run again: %s", p->regions[region],
	         strerror(errno));
	_exit(EXIT_NO);
}

static pid_t start_region(const struct place *p, int region, const sigset_t *mask) {
	char path[1024], text[32];
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) become_region(p, region, mask, parent);
	if (pid < 0) {
		complain(
			"playground: a process cannot be started: %s: raise the limit on processes",
			strerror(errno));
		return 0;
	}
	place_path(p, path, "%s.pid", p->regions[region]);
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	if (place_write(path, text) == ERR_OK) return pid;
	kill(pid, SIGKILL); /* nobody would find it */
	waitpid(pid, NULL, 0);
	return 0;
}

/* Reaps the dead; says so when nobody meant it. False when one died before all were ready. */
static bool reap(const struct place *p, pid_t pids[], bool stopping) {
	int status;
	pid_t pid;
	bool fine = true;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < p->region_count; i++) {
			if (pids[i] != pid) continue;
			pids[i] = 0;
			if (stopping || marked_down(p, i)) continue;
			fine = false;
			complain("playground: region %s ended (%s %d): see %s/%s.log; start it "
			         "with: holdfast drill "
			         "restore %s --dir %s",
			         p->regions[i], WIFSIGNALED(status) ? "signal" : "status",
			         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			         p->dir, p->regions[i], p->regions[i], p->dir);
		}
	return fine;
}

static bool region_says(struct client *c, int region, const char *target, const char *but_not) {
	struct client_request r = {
		.method = "GET", .target = target, .first = region, .only_first = true};
	struct client_answer a;
	struct fault fault;
	bool ready = client_send(c, &r, &a, &fault) == ERR_OK && a.status == 200;
	struct slice body = buf_slice(&a.body);
	if (ready && but_not) ready = memmem(body.ptr, body.len, but_not, strlen(but_not)) == NULL;
	client_answer_done(&a);
	return ready;
}

/* It serves, and no cell still waits for its copies: who kills a region at once sees a failover. */
static bool region_ready(struct client *c, int region) {
	return region_says(c, region, "/readyz", NULL) &&
	       region_says(c, region, "/admin/v1/status", "\"degraded\":true");
}

static bool wait_ready(const struct place *p, pid_t pids[]) {
	const char *hosts[REGION_COUNT];
	uint16_t ports[REGION_COUNT];
	for (int i = 0; i < REGION_COUNT; i++) {
		hosts[i] = "127.0.0.1";
		ports[i] = (uint16_t)(p->port_base + 101 + i);
	}
	struct client_options o = {
		.hosts = hosts, .ports = ports, .count = REGION_COUNT, .timeout_ms = 500};
	struct client *c = client_new(&o);
	bool all = false;
	for (int tries = 0; c && !all && tries < READY_TRIES; tries++) {
		if (!reap(p, pids, false)) break;
		all = true;
		for (int i = 0; all && i < REGION_COUNT; i++) all = region_ready(c, i);
		if (!all && means_stop(pause_ms(STEP_MS))) break;
	}
	client_free(c);
	return all;
}

static void stop_all(const struct place *p, pid_t pids[]) {
	for (int i = 0; i < p->region_count; i++)
		if (pids[i]) {
			kill(pids[i], SIGTERM);
			kill(pids[i], SIGCONT);
		}
	for (int tries = 0; tries < STOP_TRIES; tries++) {
		reap(p, pids, true);
		bool any = false;
		for (int i = 0; i < p->region_count; i++) any |= pids[i] != 0;
		if (!any) return;
		pause_ms(STEP_MS);
	}
	for (int i = 0; i < p->region_count; i++)
		if (pids[i]) kill(pids[i], SIGKILL);
}

static enum err write_place(const struct place *p) {
	char path[1024], text[256];
	place_path(p, path, "playground.json");
	snprintf(text, sizeof(text),
	         "{\"port_base\":%u,\"pid\":%d,\"regions\":[\"%s\",\"%s\",\"%s\",\"%s\"]}\n",
	         p->port_base, (int)getpid(), p->regions[0], p->regions[1], p->regions[2],
	         p->regions[3]);
	return place_write(path, text);
}

static void print_ready(const struct place *p) {
	printf("\n  region       HTTP API                admin\n");
	for (int i = 0; i < p->region_count; i++)
		printf("  %-12s http://127.0.0.1:%-5u   http://127.0.0.1:%u\n", p->regions[i],
		       p->port_base + 1 + i, p->port_base + 101 + i);
	printf("\n  keys: %s/keys.json    logs: %s/REGION.log    Ctrl-C stops all\n"
	       "  try:  holdfast data put notes/hello 'hello world' --dir %s\n"
	       "        holdfast drill kill us-east --dir %s ; holdfast status --dir %s\n\nready\n",
	       p->dir, p->dir, p->dir, p->dir, p->dir);
	fflush(stdout);
}

/* Asked here, too: a strange node on one of these ports would answer our probes. */
static bool ports_free(const struct place *p) {
	struct fault fault;
	for (int i = 0; i < p->region_count; i++)
		for (int range = 0; range < 3; range++) {
			uint16_t port = (uint16_t)(p->port_base + 100 * range + 1 + i);
			if (io_tcp_check("127.0.0.1", port, &fault) == ERR_OK) continue;
			complain("playground: %s (see --port-base)", fault.text);
			return false;
		}
	return true;
}

static bool start_all(const struct place *p, pid_t pids[], const sigset_t *mask) {
	for (int i = 0; i < p->region_count; i++) {
		char path[1024];
		place_path(p, path, "%s.down", p->regions[i]);
		unlink(path); /* a new start begins with all of them */
		if ((pids[i] = start_region(p, i, mask)) == 0) return false;
	}
	return true;
}

static int supervise(struct place *p) {
	sigset_t watched, old;
	pid_t pids[PLACE_REGIONS_MAX] = {0};
	watched_signals(&watched);
	sigprocmask(SIG_BLOCK, &watched, &old);
	bool fine = start_all(p, pids, &old) && wait_ready(p, pids);
	if (fine)
		print_ready(p);
	else
		complain("playground: not all regions came up: see %s/*.log", p->dir);
	while (fine) {
		int s = sigwaitinfo(&watched, NULL);
		if (means_stop(s)) break;
		reap(p, pids, false);
		for (int i = 0; s == PLACE_RESTORE && i < p->region_count; i++)
			if (!pids[i] && !marked_down(p, i)) pids[i] = start_region(p, i, &old);
	}
	stop_all(p, pids);
	return fine ? EXIT_YES : EXIT_NO;
}

int command_playground(int argc, char **argv) {
	const char *dir = ".playground", *base = "7100", *etcd = NULL;
	const struct option_spec specs[] = {
		{"dir", true, &dir}, {"port-base", true, &base}, {"etcd", true, &etcd}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	uint64_t port_base;
	if (words > 0 || parse_u64(slice_str(base), 65000, &port_base) != ERR_OK ||
	    port_base < 1024) {
		complain("playground: --port-base must be 1024 to 65000, and there are no other "
		         "words: see --help");
		return EXIT_USAGE;
	}
	if (etcd && (!*etcd || etcd[strspn(etcd, URL_CHARACTERS)])) {
		complain("playground: --etcd %s: must be URLs with commas between them, such as "
		         "http://127.0.0.1:2379",
		         etcd);
		return EXIT_USAGE;
	}
	struct place p = {.port_base = (uint16_t)port_base, .region_count = REGION_COUNT};
	for (int i = 0; i < REGION_COUNT; i++)
		snprintf(p.regions[i], sizeof(p.regions[i]), "%s", regions[i]);
	if (place_claim(dir, &p) != ERR_OK || !ports_free(&p)) return EXIT_NO;
	if (playground_files(&p, etcd) != ERR_OK || write_place(&p) != ERR_OK) return EXIT_NO;
	return supervise(&p);
}
