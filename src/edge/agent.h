/* Private to edge/: tells HAProxy and gdnsd of the regions, as this node believes them to be. */
#pragma once
#include "edge/edge.h"

/* HAProxy's agent-check: a port for each region, whose state is the line that whoever connects is
 * given. On the owner loop. */
struct agent;
MUST enum err agent_new(struct io *io, const struct admin_options *options, struct agent **out, struct fault *fault);
void agent_free(struct agent *a);

/* gdnsd's admin_state and extfile: each rewritten whole, on the lane, when it would say something else. */
struct dns;
MUST enum err dns_new(struct io *io, struct io_lane *lane, const struct admin_options *options,
                      struct dns **out);
void dns_changed(struct dns *d); /* the owner loop; NULL is fine */
void dns_free(struct dns *d);    /* after its lane */
