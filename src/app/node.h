/* One node: everything wired together. Threads: the owner loop (the thread that calls
 * node_run) has cells, links, coordination and the admin port; each worker has a loop with an edge,
 * on a thread of its own where there are several, else on the owner's. */
#pragma once
#include "app/config.h"

struct node;
/* Opens stores, coordination and ports. `config` must outlive the node. */
MUST enum err node_open(const struct config *config, struct node **out, struct fault *fault);
/* Serves until node_stop. */
void node_run(struct node *n);
/* A thread of its own, once: lets requests under way end, for a second at most. */
void node_stop(struct node *n);
/* Closes the stores and lets go of coordination, so that another region takes over at once. The
 * process should end then: worker threads' memory is not taken apart. */
void node_close(struct node *n);
