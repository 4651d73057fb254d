/* This node's membership: keeps its lease alive while it can prove that it works,
 * and finds out which others are gone. Drives coord.h with lease.h; one loop.
 *
 * A renewal needs proof of work within the last third of D: `prove` was answered with
 * ERR_OK (a write and a sync on the data disk), and this loop turned. Otherwise the lease
 * runs out by itself: there is no flag to forget, only a deadline.
 */
#pragma once
#include "coord/coord.h"
#include "coord/lease.h"
#include "io/io.h"

struct member;
struct member_options {
	struct lease_terms terms;
	uint64_t renew_ns;                 /* 100 ms at D = 600 ms */
	const char *self;
	const char *const *peers;          /* names of all other nodes; copied */
	int peer_count;
	/* Starts one proof on the data disk; the owner calls member_proved with the outcome. At
	 * most one is under way. */
	void (*prove)(void *arg);
	/* The lease's end moved, or it is lost for good (valid_until_ns 0: deposed; a new
	 * generation is joined by itself and then reported here). */
	void (*on_lease)(void *arg, uint32_t generation, uint64_t valid_until_ns);
	/* A peer joined (up) or was expired in coordination (down). Down is said only after the
	 * expiry is decided there: its lease can never be renewed again. `generation` is the life
	 * that began or ended (0: it never had one); each life that was said to be up is said to be
	 * down once. First report of each peer within one poll after start. */
	void (*on_peer)(void *arg, const char *name, uint32_t generation, bool up);
	void *arg;
};
/* NULL: no memory, a name of over 31 bytes, or self among the peers. Takes coord's on_node. */
struct member *member_new(struct io *io, struct coord *coord, const struct member_options *options);
void member_proved(struct member *m, enum err err);
uint64_t member_valid_until_ns(const struct member *m); /* loop thread */
bool member_peer_up(const struct member *m, const char *name);
/* In the turn in which its coord is closed, before or after (that points at the member's
 * requests). NULL is fine; not inside one of its callbacks. */
void member_free(struct member *m);
