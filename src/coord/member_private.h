/* The member's own shapes, shared by member.c (this node's lease) and member_peer.c (the
 * others'). One loop. */
#pragma once
#include "coord/member.h"

enum {
	MEMBER_TICKS_A_RENEWAL = 4,
	MEMBER_BACKOFF_MAX_RENEWALS = 16, /* between two tries to join */
};

struct member_peer {
	struct member *member;
	char name[32];
	struct lease_watch watch;
	struct coord_op op;
	bool expiring; /* op is under way, about `observed` */
	struct coord_node observed;
	uint32_t newest; /* generation seen or made: what is older is old news */
	bool told, up;
	uint32_t generation; /* of the life told last */
};

struct member {
	struct io *io;
	struct coord *coord;
	struct lease_terms terms;
	uint64_t renew_ns;
	void (*prove)(void *arg);
	void (*on_lease)(void *arg, uint32_t generation, uint64_t valid_until_ns);
	void (*on_peer)(void *arg, const char *name, uint32_t generation, bool up);
	void *arg;
	struct io_timer *timer;
	uint64_t ticked_ns; /* 0: not yet */

	bool joined;
	uint32_t generation;
	uint64_t valid_until_ns;
	struct coord_op op; /* a join or a renewal */
	bool asking, asking_join;
	uint64_t answered_ns;      /* when coordination answered last; 0: never */
	uint64_t sent_ns, next_ns; /* of the op; not before */
	uint64_t backoff_ns;

	bool proving, proven;
	uint64_t proof_asked_ns, proof_answered_ns;

	struct member_peer *peers;
	int peer_count;
};

/* Did coordination answer us of late? Else nobody is accused of silence. */
bool member_sees(const struct member *m, uint64_t now);
void member_on_node(void *arg, const char *name);
void member_peer_look(struct member_peer *p);
/* All waits start anew: what could not be seen does not count. */
void member_peers_rewait(struct member *m);
/* When this peer has to be looked at again at the latest; UINT64_MAX: whenever. */
uint64_t member_peer_due_ns(const struct member_peer *p);
