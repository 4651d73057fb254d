/* `holdfast serve`: one region's node, until SIGTERM or SIGINT. */
#include "app/command.h"
#include "app/node.h"
#include "base/log.h"

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
	"opened. With `role: witness` it holds no data and only votes. SIGTERM and SIGINT end it; "
	"its\n"
	"cells are then taken over by other regions.\n\n"
	"  -c, --config FILE   the node file\n"
	"      --log LEVEL     debug, info (default), warn, error, off; JSON lines on standard "
	"error\n\n"
	"example: holdfast serve -c /etc/holdfast/holdfast.yaml\n";

static sigset_t stop_signals;

static void *wait_for_signal(void *arg) {
	int signal_number;
	sigwait(&stop_signals, &signal_number);
	node_stop(arg);
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
	struct node *node = NULL;
	struct fault fault = {0};
	if (node_open(&config, &node, &fault) != ERR_OK) {
		complain("serve: %s", fault.text);
		fflush(stderr);
		_exit(EXIT_NO); /* half-open threads and stores end with the process */
	}
	pthread_t waiter;
	if (pthread_create(&waiter, NULL, wait_for_signal, node) != 0) {
		complain("serve: a thread cannot be started: raise the limit on processes");
		_exit(EXIT_NO);
	}
	pthread_detach(waiter); /* ends with the process */
	LOG(LOG_INFO, "serve", "serving",
	    LOG_NUM("http", config.node->regions[config.node->self].http.port));
	node_run(node);
	LOG(LOG_INFO, "serve", "ending");
	node_close(node);
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
