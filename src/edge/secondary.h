/* A secondary source: a process of its own that follows cells and answers reads of the tenants and
 * domains that the policy gives it, with how old its data is; also alone, with every other process
 * dead, from what is on its disk. It takes no part in agreement of any kind and writes nothing but
 * its own directory. docs/secondary.md.
 *
 * One loop for all of it, and a lane for the disk. It serves /v1/data/… at the address in the
 * policy, and /metrics, /livez, /readyz and /admin/v1/status at its admin port.
 */
#pragma once
#include "base/metric.h"
#include "io/io.h"
#include "policy/node.h"

struct secondary;
struct secondary_options {
	const struct policy *policy; /* outlive it */
	const struct node_config *config; /* of role: secondary, checked against the policy */
	const char *data;    /* directory */
	struct slice secret; /* its own: opens the feeds; borrowed */
	struct registry *registry;
	const char *version;
};
/* ERR_EXISTS: another process has the directory. What is wrong is in `fault`. */
MUST enum err secondary_new(struct io *io, const struct secondary_options *options,
                            struct secondary **out, struct fault *fault);
/* Any thread, once: answers what is under way for a moment, then stops the loop. */
void secondary_drain(struct secondary *s);
/* The loop has stopped. Waits for the disk. */
void secondary_free(struct secondary *s);
