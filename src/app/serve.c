/* `holdfast serve`: one region's node, until SIGTERM or SIGINT. */
#include "app/command.h"
#include "app/node.h"
#include "base/log.h"
#include "edge/secondary.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static const char help[] =
	"usage: holdfast serve -c FILE [--log LEVEL]\n\n"
	"Runs the node that FILE (holdfast.yaml) describes. Everything is checked before anything "
	"is\n"
	"opened. SIGTERM and SIGINT end it; its cells are then taken over by other regions.\n"
	"With `role: witness` it holds no data and only votes; with `role: secondary` it is a\n"
	"secondary source, which only serves reads: docs/secondary.md.\n\n"
	"  -c, --config FILE   the node file\n"
	"      --log LEVEL     debug, info (default), warn, error, off; JSON lines on standard "
	"error\n\n"
	"example: holdfast serve -c /etc/holdfast/holdfast.yaml\n";

static sigset_t stop_signals;

/* What a signal ends. */
struct served {
	void (*stop)(void *what);
	void *what;
};

static void *wait_for_signal(void *arg) {
	struct served *served = arg;
	int signal_number;
	sigwait(&stop_signals, &signal_number);
	served->stop(served->what);
	sigwait(&stop_signals, &signal_number); /* somebody does not want to wait for the disk */
	_exit(EXIT_NO);
}

/* A connection is a descriptor: as many as the system lets this user have. */
static void raise_descriptors(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit); /* else fewer fit, and the listener says so */
}

static bool set_level(const char *name) {
	static const char *const names[] = {"debug", "info", "warn", "error", "off"};
	for (int i = 0; i < 5; i++) {
		if (strcmp(name, names[i]) != 0) continue;
		log_set_level((enum log_level)i);
		return true;
	}
	return false;
}

static void stop_node(void *node) {
	node_stop(node);
}

static void stop_secondary(void *secondary) {
	secondary_drain(secondary);
}

/* Half-open threads and stores end with the process. */
static _Noreturn void give_up(const struct fault *fault) {
	complain("serve: %s", fault->text);
	fflush(stderr);
	_exit(EXIT_NO);
}

static void watch_signals(struct served *served) {
	pthread_t waiter;
	if (pthread_create(&waiter, NULL, wait_for_signal, served) != 0) {
		complain("serve: a thread cannot be started: raise the limit on processes");
		_exit(EXIT_NO);
	}
	pthread_detach(waiter); /* ends with the process */
}

static void serve_region(const struct config *config) {
	struct node *node = NULL;
	struct fault fault = {0};
	if (node_open(config, &node, &fault) != ERR_OK) give_up(&fault);
	struct served served = {stop_node, node};
	watch_signals(&served);
	LOG(LOG_INFO, "serve", "serving",
	    LOG_NUM("http", config->node->regions[config->node->self].http.port));
	node_run(node);
	LOG(LOG_INFO, "serve", "ending");
	node_close(node);
}

static void serve_secondary(const struct config *config) {
	struct secondary_options options = {
		.policy = config->policy,
		.config = config->node,
		.data = config->data,
		.secret = slice_of(config->secret, config->secret_len),
		.registry = registry_new(),
		.version = HOLDFAST_VERSION,
	};
	struct secondary *secondary = NULL;
	struct fault fault = {.text = "no memory for a loop"};
	struct io *io = io_uv_new();
	if (!io || !options.registry || secondary_new(io, &options, &secondary, &fault) != ERR_OK)
		give_up(&fault);
	struct served served = {stop_secondary, secondary};
	watch_signals(&served);
	LOG(LOG_INFO, "serve", "serving as a secondary source", {"name", config->node->secondary});
	io_run(io);
	LOG(LOG_INFO, "serve", "ending");
	secondary_free(secondary);
}

static int serve(const char *path) {
	struct config config;
	if (config_load(path, &config) != ERR_OK) {
		config_done(&config);
		return EXIT_NO;
	}
	log_set_region(config.node->region);
	raise_descriptors();
	prctl(PR_SET_NAME, "holdfast"); /* the playground starts us as /proc/self/exe */
	/* Before any thread exists, so that all inherit it. */
	sigemptyset(&stop_signals);
	sigaddset(&stop_signals, SIGTERM);
	sigaddset(&stop_signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
	if (config.node->role == ROLE_SECONDARY)
		serve_secondary(&config);
	else
		serve_region(&config);
	_exit(EXIT_YES);
}

int command_serve(int argc, char **argv) {
	const char *path = NULL, *level = "info";
	const struct option_spec specs[] = {{"config|c", true, &path}, {"log", true, &level}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (!path || words > 0) {
		complain("serve: give the node file with -c FILE: see holdfast serve --help");
		return EXIT_USAGE;
	}
	if (!set_level(level)) {
		complain("serve: --log %s: must be debug, info, warn, error or off", level);
		return EXIT_USAGE;
	}
	return serve(path);
}
