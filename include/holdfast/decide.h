/* Holdfast's decision in your own program: which region serves a request, and why.
 *
 *   struct holdfast_policy *policy = holdfast_policy_load(text, len, "policy.yaml", say, NULL);
 *   struct holdfast_world *world = holdfast_world_new(policy);
 *   struct holdfast_request request = {.tenant = "acme", .here = "eu-west", .method = "PUT"};
 *   struct holdfast_decision decision;
 *   if (!holdfast_decide(policy, world, &request, &decision)) …
 *   printf("%s\n", decision.region);
 *
 * It is the code that the server runs: the same policy, world and request give the same answer.
 * Pure: no thread, clock, file, socket or log. Deciding allocates nothing, unless a condition of the
 * policy builds texts or lists: those are made in memory that the world keeps. A policy is read-only
 * and may be shared by all threads; a world belongs to one thread at a time.
 *
 * Link with libholdfast-decide, libyaml, libcrypto, libre2 and the C++ runtime; see examples/embed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HOLDFAST_FALLBACKS_MAX = 8, HOLDFAST_DECISION_BYTES = 2048 };

/* --- policy ------------------------------------------------------------------------------- */

struct holdfast_policy;
/* yaml: borrowed during the call. file: a name for messages. say (may be NULL) is given each mistake as
 * "file:line:column: what". NULL when there was any, or no memory. */
struct holdfast_policy *holdfast_policy_load(const char *yaml, size_t bytes, const char *file,
                                             void (*say)(void *arg, const char *mistake),
                                             void *arg);
/* The same for a policy whose conditions name time zones, as in request.time.getHours('Europe/Paris').
 * The library reads no file: `zone` brings each, once, as the content of its TZif file (such as
 * /usr/share/zoneinfo/Europe/Paris, at most 64 KiB), borrowed until it is called again or this returns;
 * NULL: there is none of that name, which is a mistake in the policy. Names are letters, digits, '_', '+'
 * and '-' with slashes between, so they may be made a part of a path. Without it, only UTC and offsets such
 * as '+02:00' are known. */
struct holdfast_policy *
holdfast_policy_load_zoned(const char *yaml, size_t bytes, const char *file,
                           const void *(*zone)(void *arg, const char *name, size_t *bytes),
                           void (*say)(void *arg, const char *mistake), void *arg);
void holdfast_policy_free(struct holdfast_policy *p); /* NULL is fine */
/* 64 digits: the version that people see; valid as long as the policy. */
const char *holdfast_policy_hash(const struct holdfast_policy *p);

/* --- world ---------------------------------------------------------------------------------- */

enum holdfast_state { HOLDFAST_ACTIVE, HOLDFAST_DRAINING, HOLDFAST_DOWN };

/* What you know of regions and cells. A new one: all regions active, each cell at its preferred
 * home, no copy's lag known. The policy must outlive it. NULL: no memory. */
struct holdfast_world;
struct holdfast_world *holdfast_world_new(const struct holdfast_policy *p);
void holdfast_world_free(struct holdfast_world *w);
/* These return false for a name that the policy has not. age_ms: how old the news is. */
bool holdfast_world_region(struct holdfast_world *w, const char *region, enum holdfast_state state,
                           uint32_t age_ms);
bool holdfast_world_breaker(struct holdfast_world *w, const char *region, bool open,
                            uint32_t age_ms);
bool holdfast_world_capacity(struct holdfast_world *w, const char *region, bool over,
                             uint32_t age_ms);
/* home NULL: none is known. promoting: a failover is under way. */
bool holdfast_world_home(struct holdfast_world *w, const char *cell, const char *home,
                         uint64_t epoch, bool promoting);
/* How far the copy in that region is behind. */
bool holdfast_world_lag(struct holdfast_world *w, const char *cell, const char *region,
                        uint32_t lag_ms, uint32_t age_ms);

/* --- deciding --------------------------------------------------------------------------------- */

struct holdfast_header {
	const char *name; /* lower case */
	const char *value;
};
/* Texts end with NUL and are borrowed during the call; NULL is as good as "". */
struct holdfast_request {
	const char *tenant; /* required */
	const char *here;   /* required: the region where the question is asked */
	const char *method; /* "GET" when NULL; GET, HEAD, OPTIONS and TRACE read, others write */
	const char *path, *host, *domain;
	const char *consistency; /* as in Holdfast-Consistency; NULL: the tenant's */
	const char *client_ip, *country;
	const char *sticky; /* what weights hash; NULL: the tenant's name */
	const struct holdfast_header *headers;
	int header_count;
	uint64_t body_bytes;
	uint64_t time_ms; /* wall clock, since 1970; 0: not known */
};

enum holdfast_verdict {
	HOLDFAST_HERE,    /* serve it in this region */
	HOLDFAST_FORWARD, /* pass it on to `region` */
	HOLDFAST_HOLD,    /* its cell is between homes: wait a moment, decide again */
	HOLDFAST_REFUSE,  /* answer `status` */
};
struct holdfast_decision {
	enum holdfast_verdict verdict;
	const char *
		region; /* for HERE and FORWARD; with status 421: whom the client must ask; else NULL */
	const char *fallbacks[HOLDFAST_FALLBACKS_MAX]; /* in order */
	int fallback_count;
	int status;                    /* HTTP, for HOLD and REFUSE; else 200 */
	const char *rule;              /* that denied; NULL */
	const char *reason;            /* its text for the client; "" */
	uint32_t hold_ms, deadline_ms; /* that rules set; 0: none */
	/* Names are valid as long as the policy. What follows is for holdfast_explain: */
	union {
		uint64_t align;
		unsigned char bytes[HOLDFAST_DECISION_BYTES];
	} opaque;
};

enum holdfast_error {
	HOLDFAST_OK,
	HOLDFAST_UNKNOWN_TENANT,
	HOLDFAST_UNKNOWN_REGION, /* `here` */
	HOLDFAST_BAD_REQUEST,    /* consistency or client_ip cannot be read */
	HOLDFAST_UNKNOWN_FLAG,
};
enum holdfast_error holdfast_decide(const struct holdfast_policy *p, struct holdfast_world *w,
                                    const struct holdfast_request *r,
                                    struct holdfast_decision *out);

/* --- flags ------------------------------------------------------------------------------------ */

enum holdfast_flag_type { HOLDFAST_TEXT, HOLDFAST_NUMBER, HOLDFAST_BOOL };
struct holdfast_flag {
	enum holdfast_flag_type type;
	const char *text; /* as written in the policy; valid as long as the policy */
	double number;    /* NUMBER */
	bool truth;       /* BOOL */
	const char *variant;
	const char *reason; /* "STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT" */
};
/* A flag of the policy for this request, whoever serves it. Allocates as deciding does. */
enum holdfast_error holdfast_evaluate(const struct holdfast_policy *p, struct holdfast_world *w,
                                      const struct holdfast_request *r, const char *flag,
                                      struct holdfast_flag *out);

/* --- explaining ------------------------------------------------------------------------------- */

/* Why, one line a reason. Writes at most `cap` bytes with the NUL and returns how long the text is
 * without; 0: no memory. The same decision gives the same bytes. */
size_t holdfast_explain(const struct holdfast_policy *p, const struct holdfast_decision *d,
                        char *out, size_t cap);

#ifdef __cplusplus
}
#endif
