/* What a node may write down of the decisions it makes for others, beside making them: whether at all, and
 * how much of the request. A recording lies on a disk of this region, so the residency class of a tenant
 * decides over it as over the tenant's data. Pure. */
#pragma once
#include "policy/recording.h"

struct recordable {
	const struct policy *policy;
	int here;                    /* region whose disk the recording lies on */
	uint32_t one_of;             /* one of so many requests, by a hash of the request */
	const struct slice *headers; /* names, lower case, of those that are kept; borrowed */
	int header_count;
	bool keyed; /* some rule has weights, or asks for request.key */
};
/* Without headers: set those after it. */
void recordable_init(struct recordable *r, const struct policy *p, int here, uint32_t one_of);
enum recordable_answer {
	RECORDABLE,
	RECORDABLE_SKIPPED,   /* not of the share */
	RECORDABLE_ELSEWHERE, /* the tenant's bytes may not lie here */
};
/* The same request gets the same answer everywhere. */
enum recordable_answer recordable(const struct recordable *r, const struct decide_request *q);

/* A request as it is recorded. */
struct recordable_request {
	struct decide_request request; /* points into this and into what it was made from */
	struct decide_header headers[RECORDED_HEADERS_MAX];
	struct cel_net ip;
};
/* What is of a person is left out or made coarse:
 *   headers   only those named
 *   client.ip the network, /24 or /48
 *   location  in whole degrees
 *   path      of a data call without the key
 *   sticky    only where the policy has weights, which it decides, or asks for it */
void recordable_reduce(const struct recordable *r, const struct decide_request *q,
                       struct recordable_request *out);
