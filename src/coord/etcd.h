/* etcd driver: coord.h over an etcd cluster (3.4 and later, its JSON gateway), for regions on
 * many machines. Keys of ours, under one prefix:
 *   PREFIX key/KEY    a value (what coord.h calls KEY)
 *   PREFIX node/NAME  "generation=G beat=B" of a node
 * No leases of etcd's: every change, a renewal too, is a transaction that compares the key's
 * mod_revision, so each is a decision of etcd's majority and D may be under a second
 * (docs/decisions/0011-etcd.md).
 *
 * ERR_OK and ERR_CONFLICT are decisions. A put whose answer was lost is looked for by its mark
 * until `timeout`; then ERR_OUTCOME_UNKNOWN. ERR_UNAVAILABLE: nothing was sent, or no etcd that may be
 * believed answered: none is reached, there is no majority, it is another cluster, or one that was
 * set back to an older state while this process ran (start the nodes anew then). ERR_FORBIDDEN,
 * ERR_UNAUTHENTICATED, ERR_NO_SPACE: what it said.
 *
 * Deaths are not proven: who is gone shows when its lease runs out. A name that two processes use
 * belongs to the one that joined last; the other's joins answer ERR_EXISTS while that one renews.
 */
#pragma once
#include "coord/coord.h"
#include "io/io.h"

enum { ETCD_ENDPOINTS_MAX = 9, ETCD_URL_MAX = 300 };

struct coord_etcd_options {
	const char *const
		*endpoints; /* "https://etcd-1:2379"; asked in this order, from one that works */
	int endpoint_count;
	const char *prefix;          /* ends with '/'; "/holdfast/CLUSTER/" */
	const char *node;            /* this node */
	const char *ca, *cert, *key; /* paths, see fetch.h; NULL */
	const char *user, *password; /* NULL: etcd asks for none */
	uint64_t timeout_ns;         /* of an operation, over all endpoints that it is tried on */
};
/* All is copied. Does not wait for etcd: operations do. ERR_INVALID; ERR_NOT_FOUND: a PEM file. */
MUST enum err coord_etcd_open(struct io *io, const struct coord_etcd_options *options,
                              struct coord **out, struct fault *fault);
