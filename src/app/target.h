/* Which regions a command talks to, from the options that all such commands share:
 * --dir DIR (a playground), or -c FILE (a node file: its `regions`), or --endpoint HOST:PORT. */
#pragma once
#include "app/client.h"
#include "app/command.h"

enum target_port { TARGET_HTTP, TARGET_ADMIN };
struct target_options {
	const char *dir, *config, *endpoint, *region, *tenant, *key;
	const char *skip; /* a region that is left out; NULL: none */
};
/* Rows for an option_spec table. */
#define TARGET_OPTIONS(t)                                                                          \
	{"dir", true, &(t).dir}, {"config|c", true, &(t).config},                                  \
		{"endpoint", true, &(t).endpoint}, {                                               \
		"region", true, &(t).region                                                        \
	}
#define TARGET_HELP                                                                                \
	"      --dir DIR             a playground's directory (default .playground)\n"             \
	"  -c, --config FILE         or a node file: its regions are the endpoints\n"              \
	"      --endpoint HOST:PORT  or one address\n"                                             \
	"      --region REGION       begin with this region (others are tried when it is dead)\n"

struct target {
	struct client *client;
	int count;
	char names[CLIENT_ENDPOINTS_MAX][32]; /* "" for --endpoint */
	int first;                            /* --region, or -1 */
};
/* Complains and gives ERR_INVALID or so; target_close is fine either way. */
MUST enum err target_open(const struct target_options *o, enum target_port port, bool needs_key,
                          uint64_t timeout_ms, struct target *t);
void target_close(struct target *t);
