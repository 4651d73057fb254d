/* One request to etcd, tried on its endpoints in turn until one that may be believed answers or
 * its time is over. Every request may be repeated: reads by nature, puts because they compare. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "coord/etcd_private.h"

int etcd_fields(const struct etcd *c, struct http_header *out) {
	int count = 0;
	out[count++] =
		(struct http_header){SLICE_LIT("Content-Type"), SLICE_LIT("application/json")};
	if (c->token)
		out[count++] =
			(struct http_header){SLICE_LIT("Authorization"), slice_str(c->token)};
	return count;
}

void etcd_ask_init(struct etcd *c, struct etcd_ask *a, const char *path) {
	*a = (struct etcd_ask){.etcd = c, .path = path, .timeout_ns = c->timeout_ns};
	buf_init(&a->body, ETCD_REQUEST_MAX);
}

static void leave_list(struct etcd_ask *a) {
	struct etcd *c = a->etcd;
	if (!a->node.next) return;
	list_remove(a->waiting ? &c->waiting : &c->flying, &a->node);
}

void etcd_ask_done(struct etcd_ask *a) {
	if (!a->etcd) return;
	if (a->call.run) fetch_cancel(a->etcd->fetch, &a->call);
	leave_list(a);
	buf_done(&a->body);
}

static void wait_until(struct etcd_ask *a, uint64_t ns) {
	struct etcd *c = a->etcd;
	leave_list(a);
	a->again_ns = ns;
	a->waiting = true;
	list_push_back(&c->waiting, &a->node);
	etcd_tick_at(c, ns < a->deadline_ns ? ns : a->deadline_ns);
}

static void answer(struct etcd_ask *a, enum err err, const struct etcd_answer *answer) {
	leave_list(a);
	a->answered(a, err, answer);
}

static void give_up(struct etcd_ask *a) {
	enum err err = a->err ? a->err : a->etcd->login_err;
	if (!err) err = ERR_UNAVAILABLE;
	answer(a, a->may_have_happened ? ERR_OUTCOME_UNKNOWN : err, NULL);
}

/* --- what came of an attempt --------------------------------------------------------------- */

/* This endpoint does not answer: the next. Only who asked the present one moves on from it, so
 * that many that fail together skip none. */
static void try_next(struct etcd_ask *a, const char *why) {
	struct etcd *c = a->etcd;
	uint64_t now = io_now_ns(c->io);
	if (a->endpoint == c->endpoint) c->endpoint = (c->endpoint + 1) % c->endpoint_count;
	etcd_complain(c, "coordination: etcd does not answer: check its members and the endpoints",
	              why);
	a->failures++;
	bool all_failed = a->failures % c->endpoint_count == 0;
	wait_until(a, all_failed ? now + ETCD_RETRY_NS : now);
}

/* Another cluster, or this one set back to a backup: neither what it says nor what it lacks is
 * a decision of the cluster whose answers we acted on. */
static bool believed(struct etcd_ask *a, const struct etcd_answer *answer) {
	struct etcd *c = a->etcd;
	if (a->login) return true;
	if (!answer->cluster || !answer->revision) return false;
	if (!c->cluster) c->cluster = answer->cluster;
	if (answer->cluster != c->cluster || answer->revision < a->floor) return false;
	if (answer->revision > c->newest) c->newest = answer->revision;
	return true;
}

static void on_answer(struct etcd_ask *a, const struct etcd_answer *said) {
	struct etcd *c = a->etcd;
	if (said->error == ERR_UNAUTHENTICATED && c->user && !a->login) {
		a->err = said->error;
		etcd_token_bad(c, a->token_turn);
		return wait_until(a, io_now_ns(c->io));
	}
	if (said->error == ERR_UNAVAILABLE) {
		a->may_have_happened = true;
		return try_next(a, said->text);
	}
	if (said->error) {
		etcd_complain(c, "coordination: etcd refuses", said->text);
		return answer(a, a->may_have_happened ? ERR_OUTCOME_UNKNOWN : said->error, NULL);
	}
	if (!believed(a, said))
		return try_next(a, "it is another cluster, or was set back to an older state: "
		                   "start the nodes anew if that was meant");
	if (!c->reached)
		LOG(LOG_INFO, "coord", "etcd answers", {"endpoint", c->endpoints[a->endpoint]});
	c->reached = true;
	a->may_have_happened = false;
	answer(a, ERR_OK, said);
}

static void on_done(struct fetch_call *call, enum err err, int status, struct slice body) {
	struct etcd_ask *a = CONTAINER_OF(call, struct etcd_ask, call);
	struct etcd *c = a->etcd;
	struct etcd_answer *said = err ? NULL : malloc(sizeof *said);
	const char *why = call->why;
	etcd_enter(c);
	if (!err && !said) err = ERR_NO_MEMORY;
	if (!err) {
		err = etcd_answer_read(body, said);
		/* What is no etcd says nothing, whatever it says. */
		if (!err && (status == 200) == (said->error != ERR_OK)) err = ERR_CORRUPT;
		why = "what it says is not the version 3 gateway of etcd";
	}
	if (err && err != ERR_UNAVAILABLE) a->may_have_happened = true;
	if (err)
		try_next(a, why);
	else
		on_answer(a, said);
	if (said) etcd_answer_done(said);
	free(said);
	etcd_asks_tick(c, io_now_ns(c->io));
	etcd_leave(c);
}

/* --- attempts -------------------------------------------------------------------------------- */

/* So short that the others get their turn when this one hangs. */
static uint64_t attempt_ns(const struct etcd_ask *a, uint64_t now) {
	uint64_t part = a->timeout_ns / ETCD_ATTEMPTS, left = a->deadline_ns - now;
	return part < left ? part : left;
}

static void fly(struct etcd_ask *a, uint64_t now) {
	struct etcd *c = a->etcd;
	leave_list(a);
	a->waiting = false;
	list_push_back(&c->flying, &a->node);
	a->endpoint = c->endpoint;
	a->floor = c->newest;
	a->token_turn = c->token_turn;
	snprintf(a->url, sizeof a->url, "%s%s", c->endpoints[a->endpoint], a->path);
	a->call = (struct fetch_call){.url = a->url,
	                              .fields = a->fields,
	                              .field_count = etcd_fields(c, a->fields),
	                              .body = buf_slice(&a->body),
	                              .timeout_ns = attempt_ns(a, now),
	                              .done = on_done};
	if (fetch_start(c->fetch, &a->call) != ERR_OK) wait_until(a, now + ETCD_RETRY_NS);
}

static bool may_fly(const struct etcd_ask *a, uint64_t now) {
	const struct etcd *c = a->etcd;
	if (now < a->again_ns) return false;
	if (a->login) return true;
	return etcd_logged_in(c) && (a->urgent || c->flying.count < ETCD_FLYING_MAX);
}

void etcd_ask_start(struct etcd_ask *a) {
	struct etcd *c = a->etcd;
	uint64_t now = io_now_ns(c->io);
	a->deadline_ns = now + a->timeout_ns;
	a->again_ns = now;
	a->failures = 0;
	a->may_have_happened = false;
	a->err = ERR_OK;
	if (!a->login) etcd_login_want(c, now);
	if (may_fly(a, now))
		fly(a, now);
	else
		wait_until(a, now);
}

/* Over, or able to fly; NULL: none. What is done with it may change the list: look anew then. */
static struct etcd_ask *next_due(struct etcd *c, uint64_t now) {
	LIST_EACH (&c->waiting, n) {
		struct etcd_ask *a = CONTAINER_OF(n, struct etcd_ask, node);
		if (now >= a->deadline_ns || may_fly(a, now)) return a;
		/* Those that only wait for their turn are woken by whose turn it is. */
		uint64_t next = a->again_ns > now ? a->again_ns : a->deadline_ns;
		etcd_tick_at(c, next < a->deadline_ns ? next : a->deadline_ns);
	}
	return NULL;
}

void etcd_asks_tick(struct etcd *c, uint64_t now) {
	if (!c->closing && !list_empty(&c->waiting)) etcd_login_want(c, now);
	for (struct etcd_ask *a; !c->closing && (a = next_due(c, now));) {
		if (now >= a->deadline_ns)
			give_up(a);
		else
			fly(a, now);
	}
}
