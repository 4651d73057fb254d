/* A playground's directory as other commands find it: regions, ports, keys, processes.
 *   DIR/playground.json  {"port_base":7100,"pid":123,"regions":["us-east",…],"secondary":"spare"}
 *   DIR/keys.json        {"acme":"hf_acme_…",…}
 *   DIR/REGION.yaml, DIR/REGION.pid, DIR/REGION.log, DIR/REGION/ (data)
 *   DIR/playground.lock  locked while the playground runs
 *   DIR/REGION.down      killed on purpose: not started again until `drill restore` */
#pragma once
#include "base/err.h"

#include <signal.h>
#include <sys/types.h>

enum { PLACE_REGIONS_MAX = 64 };
/* Tells a running playground to start what is down and not marked so. */
#define PLACE_RESTORE SIGUSR1
struct place {
	char dir[512]; /* absolute */
	uint16_t port_base;
	pid_t pid; /* of the playground; 0: not running */
	int region_count;
	/* With the secondary source, if there is one: the last, after the regions. Its pid, log and so on
	 * are found by its name, too. */
	int process_count;
	char regions[PLACE_REGIONS_MAX + 1][32];
};
/* Makes dir and holds its lock until this process ends: one playground a directory. */
MUST enum err place_claim(const char *dir, struct place *p);
/* ERR_NOT_FOUND with a complaint when there is no playground in dir. */
MUST enum err place_open(const char *dir, struct place *p);
int place_region(const struct place *p, const char *name); /* of a process; -1 after a complaint */
/* The live process of a region, or 0: the pid file names a process that runs this region's file. */
pid_t place_pid(const struct place *p, int region);
void place_wait_ms(int ms);
/* The key of a tenant in keys.json; free() it. NULL after a complaint. */
char *place_key(const struct place *p, const char *tenant);
void place_path(const struct place *p, char out[1024], const char *format, ...) PRINTF_LIKE(3, 4);
MUST enum err place_write(const char *path, const char *text);
