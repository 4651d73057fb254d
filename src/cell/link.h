/* The stream between this region and each other one: connects, proves identity,
 * frames. One TCP connection per pair of regions: the region earlier in the order of the
 * configuration connects, the other listens. Knows nothing of what frames mean.
 *
 * Handshake (both sides, FRAME_HELLO): cluster, region, format version, the names of the cells in
 * index order, a nonce; then HMAC-SHA256(secret, "link" ‖ both nonces ‖ both names). Until it
 * is right nothing else is read; a peer that speaks garbage, has another secret or cluster, or
 * takes longer than 2 s is closed, counted and logged once a minute at most.
 */
#pragma once
#include "base/metric.h"
#include "cell/frame.h"
#include "io/io.h"

enum { LINK_BACKLOG_BYTES = 64 << 20 }; /* unsent to one peer: then the link is closed */

struct links;
struct links_options {
	const char *cluster;
	const char *const *regions; /* all, in order; everything here is copied */
	int region_count, self;
	const char *const *cells;   /* names in index order: must agree on both sides */
	int cell_count;
	struct slice secret;        /* copied */
	const char *listen_host;
	uint16_t listen_port;
	const char *const *hosts;   /* per region, where its replication port is */
	const uint16_t *ports;
	struct registry *registry;  /* frames and bytes in and out, refused, reconnects */
	/* Never inside a call of the owner's, but for links_flush. */
	void (*on_link)(void *arg, int region, bool up);
	/* All that was sent has left, after some of it had to wait. Never inside a call of the owner's. */
	void (*on_room)(void *arg, int region);
	/* frame borrows; during the call only */
	void (*on_frame)(void *arg, int region, const struct frame *frame);
	void *arg;
};
MUST enum err links_new(struct io *io, const struct links_options *options, struct links **out,
                        struct fault *fault);
/* Queues; what one loop turn sends leaves in one write. Dropped when the link is down, and the
 * link is closed when the peer lets more than 64 MiB pile up. Also from inside on_link and
 * on_frame. */
void links_send(struct links *l, int region, const struct frame *frame);
/* Writes what was queued, and closes the links that were given up, telling on_link. The owner
 * calls it at the end of each turn of the loop. */
void links_flush(struct links *l);
bool links_up(const struct links *l, int region);
size_t links_pending(const struct links *l, int region); /* bytes queued and unsent */
void links_refuse(struct links *l, int region, const char *why); /* closes; counted, logged */
void links_free(struct links *l);
