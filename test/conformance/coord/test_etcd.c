/* The etcd driver while its etcd fails: members killed and stopped, all of them gone and back,
 * history compacted away, answers lost on the wire, tokens that expire, a store set back. What
 * must hold: ERR_CONFLICT only where somebody else changed something; ERR_OK only for what
 * happened; watches tell the newest value in the end. */
#include "suite.h"

#include <signal.h>

#include "base/log.h"
#include "coord/etcd_text.h"
#include "etcd_proxy.h"

static const uint64_t SECOND = 1000000000u;
enum { PROXY_PORT = 24201 };

/* --- handles with endpoints of their own ------------------------------------------------------ */

struct wants {
	const char *endpoints[MEMBERS + 1];
	int count;
	const char *user, *password, *ca, *prefix;
	bool no_cert;
	uint64_t timeout_ns;
};

static struct coord *open_with(const char *node, const struct wants *w) {
	struct coord *out = NULL;
	struct coord_etcd_options o = {.endpoints = w->count ? w->endpoints : cluster.endpoints,
	                               .endpoint_count = w->count ? w->count : MEMBERS,
	                               .prefix = w->prefix ? w->prefix : place.path,
	                               .node = node,
	                               .user = w->user,
	                               .password = w->password,
	                               .timeout_ns = w->timeout_ns ? w->timeout_ns : 2 * SECOND};
	if (cluster.tls) {
		o.ca = w->ca ? w->ca : cluster.ca;
		if (!w->no_cert) o.cert = cluster.cert, o.key = cluster.key;
	}
	struct fault fault = {0};
	if (coord_etcd_open(place.io, &o, &out, &fault) != ERR_OK) fail_msg("%s", fault.text);
	return out;
}

static bool never(void *arg) {
	return false;
}
static void pass(uint64_t ns) {
	for (uint64_t left_ms = ns / MS; left_ms > 0; left_ms--) {
		place.until = never;
		place.turns_left = 1;
		io_timer_start(place.timer, MS);
		io_run(place.io);
	}
}

static enum err join(struct coord *c) {
	c->ops->join(c, begin(&call));
	return await(&call);
}
static enum err beat(struct coord *c) {
	c->ops->beat(c, begin(&call));
	return await(&call);
}

/* Puts one after the other; each must be acknowledged. */
static uint64_t count_up(struct coord *c, const char *key, int from, int to) {
	uint64_t revision = 0;
	char text[16];
	assert_int_equal(get(c, key), ERR_OK);
	revision = call.op.revision;
	for (int i = from; i <= to; i++) {
		snprintf(text, sizeof text, "%d", i);
		enum err e = put(c, key, revision, text);
		if (e) print_message("put %d: %s\n", i, err_text(e));
		assert_int_equal(e, ERR_OK);
		revision = call.op.revision;
	}
	return revision;
}

struct watcher {
	int calls, went_back;
	char value[64];
	uint64_t revision;
	const char *wanted;
};
static void on_changed(void *arg, const char *key, struct slice value, uint64_t revision) {
	struct watcher *w = arg;
	w->calls++;
	if (revision <= w->revision) w->went_back++;
	w->revision = revision;
	snprintf(w->value, sizeof w->value, SLICE_FMT, SLICE_ARG(value));
}
static bool saw_wanted(void *arg) {
	struct watcher *w = arg;
	return strcmp(w->value, w->wanted) == 0;
}
static bool saw(struct watcher *w, const char *value) {
	w->wanted = value;
	return driver->run(&place, saw_wanted, w);
}

/* --- members that fail --------------------------------------------------------------------------- */

static void revive(int i) {
	if (!cluster.pids[i]) member_start(&cluster, i);
	cluster_await(&cluster);
}

static void a_member_that_is_killed_costs_nothing(void **state) {
	struct watcher w = {0};
	assert_int_equal(b->ops->watch(b, "n", on_changed, &w), ERR_OK);
	assert_int_equal(join(a), ERR_OK);
	count_up(a, "n", 1, 10);
	assert_true(saw(&w, "10"));
	for (int i = 0; i < MEMBERS; i++) {
		member_kill(&cluster, i);
		count_up(a, "n", 20 * i + 11, 20 * i + 30);
		assert_int_equal(beat(a), ERR_OK);
		char last[16];
		snprintf(last, sizeof last, "%d", 20 * i + 30);
		assert_true(saw(&w, last));
		revive(i);
	}
	assert_int_equal(w.went_back, 0);
}

static void the_leader_may_be_killed(void **state) {
	count_up(a, "n", 1, 5);
	int leader = cluster_leader(&cluster);
	assert_true(leader >= 0);
	member_kill(&cluster, leader);
	count_up(a, "n", 6, 20);
	revive(leader);
	assert_int_equal(get(b, "n"), ERR_OK);
	assert_string_equal(call.value, "20");
}

/* Its sockets still connect and take bytes: only time tells. */
static void a_member_that_stands_still_is_left(void **state) {
	struct watcher w = {0};
	assert_int_equal(a->ops->watch(a, "n", on_changed, &w), ERR_OK);
	assert_int_equal(join(a), ERR_OK);
	count_up(a, "n", 1, 3);
	assert_true(saw(&w, "3"));
	for (int i = 0; i < MEMBERS; i++) {
		member_signal(&cluster, i, SIGSTOP);
		uint64_t since = io_now_ns(place.io);
		char last[16];
		count_up(a, "n", 10 * i + 4, 10 * i + 13);
		assert_int_equal(beat(a), ERR_OK);
		snprintf(last, sizeof last, "%d", 10 * i + 13);
		assert_true(saw(&w, last)); /* the stream stood on it too */
		assert_true(io_now_ns(place.io) - since < 5 * SECOND);
		member_signal(&cluster, i, SIGCONT);
		cluster_await(&cluster);
	}
	assert_int_equal(w.went_back, 0);
}

static void all_may_be_gone_for_a_while(void **state) {
	struct watcher w = {0};
	assert_int_equal(b->ops->watch(b, "n", on_changed, &w), ERR_OK);
	assert_int_equal(join(a), ERR_OK);
	uint64_t revision = count_up(a, "n", 1, 3);
	assert_true(saw(&w, "3"));
	for (int i = 0; i < MEMBERS; i++) member_kill(&cluster, i);
	enum err e = put(a, "n", revision, "lost");
	assert_true(e == ERR_UNAVAILABLE || e == ERR_OUTCOME_UNKNOWN);
	e = beat(a);
	assert_true(e == ERR_UNAVAILABLE || e == ERR_OUTCOME_UNKNOWN);
	assert_int_equal(get(a, "n"), ERR_UNAVAILABLE);
	for (int i = 0; i < MEMBERS; i++) member_start(&cluster, i);
	cluster_await(&cluster);
	assert_int_equal(beat(a), ERR_OK); /* it is still the same life */
	count_up(a, "n", 4, 6);
	assert_true(saw(&w, "6"));
	assert_int_equal(w.went_back, 0);
}

/* --- history that is gone --------------------------------------------------------------------------- */

static void a_watch_outlives_a_compaction(void **state) {
	struct watcher w = {0}, other = {0};
	char body[64];
	struct coord *c =
		open_with("c", &(struct wants){.endpoints = {cluster.urls[0]}, .count = 1});
	assert_int_equal(c->ops->watch(c, "n", on_changed, &w), ERR_OK);
	assert_int_equal(c->ops->watch(c, "other", on_changed, &other), ERR_OK);
	count_up(a, "n", 1, 3);
	assert_int_equal(put(a, "other", 0, "here"), ERR_OK);
	assert_true(saw(&w, "3") && saw(&other, "here"));
	member_kill(&cluster, 0);
	uint64_t revision = count_up(a, "n", 4, 40);
	snprintf(body, sizeof body, "{\"revision\":\"%lu\",\"physical\":true}", revision);
	if (!cluster_ask(&cluster, 1, "/v3/kv/compaction", body))
		fail_msg("%s", cluster_said(&cluster));
	revive(0);
	assert_true(saw(&w, "40"));
	assert_true(w.calls < 30); /* what is gone was not told one by one */
	count_up(a, "n", 41, 42);
	assert_true(saw(&w, "42"));
	assert_int_equal(w.went_back + other.went_back, 0);
	assert_int_equal(other.calls, 1);
	shut(&c);
}

/* More keys than one answer has. */
static void a_list_has_pages(void **state) {
	enum { KEYS = 3 * ETCD_PAGE + 5 };
	static struct call calls[KEYS];
	struct watcher w = {0};
	for (int i = 0; i < KEYS; i++) {
		char key[24];
		snprintf(key, sizeof key, "page/%05d", i);
		a->ops->put(a, key, 0, slice_str(key), begin(&calls[i]));
	}
	for (int i = 0; i < KEYS; i++) {
		assert_true(driver->run(&place, is_done, &calls[i]));
		assert_int_equal(calls[i].err, ERR_OK);
	}
	assert_int_equal(b->ops->watch(b, "page/", on_changed, &w), ERR_OK);
	for (int i = 0; i < 2000 && w.calls < KEYS; i++) pass(MS);
	pass(50 * MS);
	assert_int_equal(w.calls, KEYS);
}

/* --- answers that are lost ---------------------------------------------------------------------------- */

static void a_lost_answer_is_found_again(void **state) {
	struct proxy p;
	char url[64];
	proxy_start(&p, place.io, cluster.host, PROXY_PORT, CLIENT_PORT);
	snprintf(url, sizeof url, "http://%s:%d", cluster.host, PROXY_PORT);
	struct coord *c =
		open_with("c", &(struct wants){.endpoints = {url, cluster.urls[1]}, .count = 2});
	assert_int_equal(put(c, "n", 0, "same"), ERR_OK);
	uint64_t revision = call.op.revision;
	pass(100 * MS); /* the watch stands, so what is lost is the put's */
	p.lose = 1;
	assert_int_equal(put(c, "n", revision, "same"), ERR_OK);
	assert_int_equal(p.lost, 1);
	assert_true(call.op.revision > revision);
	assert_int_equal(get(a, "n"), ERR_OK);
	assert_int_equal(call.op.revision, get(c, "n") ? 0 : call.op.revision);
	shut(&c);
	proxy_stop(&p);
}

static void a_lost_renewal_is_no_death(void **state) {
	struct proxy p;
	char url[64];
	struct coord_node n;
	proxy_start(&p, place.io, cluster.host, PROXY_PORT, CLIENT_PORT);
	snprintf(url, sizeof url, "http://%s:%d", cluster.host, PROXY_PORT);
	/* One endpoint: each operation ends unknown when its time is over. */
	struct wants w = {.endpoints = {url}, .count = 1, .timeout_ns = 300 * MS};
	struct coord *c = open_with("c", &w);
	assert_int_equal(join(c), ERR_OK);
	assert_int_equal(call.op.revision, 1);
	pass(100 * MS);
	p.lose = 1000;
	assert_int_equal(beat(c), ERR_OUTCOME_UNKNOWN);
	assert_true(p.lost > 0);
	p.lose = 0;
	assert_int_equal(beat(c), ERR_OK);
	assert_true(c->ops->node(c, "c", &n));
	assert_int_equal(n.generation, 1);
	assert_int_equal(n.beat, 3); /* the lost one happened, once */
	shut(&c);
	proxy_stop(&p);
}

/* A change by somebody else is a decision also when our own answer was lost. */
static void a_conflict_is_told_after_a_lost_answer(void **state) {
	struct proxy p;
	char url[64];
	proxy_start(&p, place.io, cluster.host, PROXY_PORT, CLIENT_PORT);
	snprintf(url, sizeof url, "http://%s:%d", cluster.host, PROXY_PORT);
	struct coord *c =
		open_with("c", &(struct wants){.endpoints = {url, cluster.urls[1]}, .count = 2});
	assert_int_equal(get(c, "n"), ERR_OK);
	assert_int_equal(put(a, "n", 0, "theirs"), ERR_OK);
	pass(100 * MS);
	p.lose = 1;
	assert_int_equal(put(c, "n", 0, "ours"), ERR_CONFLICT);
	assert_int_equal(p.lost, 1);
	shut(&c);
	proxy_stop(&p);
}

/* --- names ------------------------------------------------------------------------------------------------ */

static void a_name_belongs_to_who_joined_last(void **state) {
	struct coord *twin = open_with("a", &(struct wants){0});
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(beat(a), ERR_OK);
	assert_int_equal(join(twin), ERR_OK);
	assert_int_equal(call.op.revision, 2);
	assert_int_equal(beat(a), ERR_CONFLICT);
	assert_int_equal(join(a), ERR_EXISTS); /* no game of ping-pong */
	assert_int_equal(beat(twin), ERR_OK);
	shut(&twin); /* it says goodbye */
	for (int i = 0; i < 1000 && join(a) != ERR_OK; i++) pass(MS);
	assert_int_equal(beat(a), ERR_OK);
}

/* --- set back ------------------------------------------------------------------------------------------------ */

/* The same addresses with nothing behind them: as a restored backup, it lacks what we acted on. */
static void a_store_that_was_set_back_is_not_believed(void **state) {
	char command[256];
	struct watcher w = {0};
	assert_int_equal(a->ops->watch(a, "n", on_changed, &w), ERR_OK);
	uint64_t revision = count_up(a, "n", 1, 5);
	assert_true(saw(&w, "5"));
	for (int i = 0; i < MEMBERS; i++) member_kill(&cluster, i);
	snprintf(command, sizeof command, "rm -rf %s/m0 %s/m1 %s/m2", cluster.dir, cluster.dir,
	         cluster.dir);
	assert_int_equal(system(command), 0);
	for (int i = 0; i < MEMBERS; i++) member_start(&cluster, i);
	cluster_await(&cluster);
	enum err e = put(a, "n", revision, "6");
	assert_true(e == ERR_UNAVAILABLE || e == ERR_OUTCOME_UNKNOWN);
	assert_int_equal(get(a, "n"), ERR_UNAVAILABLE);
	assert_string_equal(w.value, "5");
	struct coord *c = open_with("c", &(struct wants){0}); /* a process that is started anew */
	assert_int_equal(get(c, "n"), ERR_OK);
	assert_int_equal(call.op.revision, 0);
	shut(&c);
}

/* --- who may --------------------------------------------------------------------------------------------------- */

static const struct wants good_user = {.user = "holdfast", .password = "pass word"};

/* Tokens of this cluster live for 2 s. */
static void a_token_that_expires_is_fetched_anew(void **state) {
	struct watcher w = {0};
	struct coord *c = open_with("c", &good_user);
	assert_int_equal(c->ops->watch(c, "n", on_changed, &w), ERR_OK);
	assert_int_equal(put(c, "n", 0, "1"), ERR_OK);
	uint64_t revision = call.op.revision;
	pass(4 * SECOND);
	assert_int_equal(put(c, "n", revision, "2"), ERR_OK);
	assert_true(saw(&w, "2"));
	shut(&c);
}

/* No member knows a token from before its start. */
static void tokens_end_with_their_server(void **state) {
	struct coord *c = open_with("c", &good_user);
	assert_int_equal(put(c, "n", 0, "1"), ERR_OK);
	uint64_t revision = call.op.revision;
	for (int i = 0; i < MEMBERS; i++) member_kill(&cluster, i);
	for (int i = 0; i < MEMBERS; i++) member_start(&cluster, i);
	cluster_await(&cluster);
	assert_int_equal(put(c, "n", revision, "2"), ERR_OK);
	shut(&c);
}

static void wrong_credentials_are_said(void **state) {
	struct coord *c = open_with("c", &(struct wants){.user = "holdfast", .password = "wrong"});
	assert_int_equal(get(c, "n"), ERR_UNAUTHENTICATED);
	shut(&c);
	c = open_with("c", &(struct wants){0});
	assert_int_equal(get(c, "n"), ERR_UNAUTHENTICATED);
	shut(&c);
	struct wants w = good_user;
	w.prefix = "/elsewhere/";
	c = open_with("c", &w);
	assert_int_equal(get(c, "n"), ERR_FORBIDDEN);
	assert_int_equal(put(c, "n", 0, "1"), ERR_FORBIDDEN);
	shut(&c);
}

static void who_is_not_trusted_is_not_asked(void **state) {
	struct wants w = good_user;
	w.no_cert = true;
	struct coord *c = open_with("c", &w);
	enum err e = get(c, "n"); /* TLS 1.3 tells us only after we have sent */
	assert_true(e == ERR_UNAVAILABLE || e == ERR_OUTCOME_UNKNOWN);
	shut(&c);
	w = good_user;
	w.ca = cluster.other_ca;
	c = open_with("c", &w);
	assert_int_equal(get(c, "n"), ERR_UNAVAILABLE);
	shut(&c);
}

int main(void) {
	const struct CMUnitTest plain[] = {
		CASE(a_member_that_is_killed_costs_nothing),
		CASE(the_leader_may_be_killed),
		CASE(a_member_that_stands_still_is_left),
		CASE(all_may_be_gone_for_a_while),
		CASE(a_watch_outlives_a_compaction),
		CASE(a_list_has_pages),
		CASE(a_lost_answer_is_found_again),
		CASE(a_lost_renewal_is_no_death),
		CASE(a_conflict_is_told_after_a_lost_answer),
		CASE(a_name_belongs_to_who_joined_last),
		CASE(a_store_that_was_set_back_is_not_believed),
	};
	const struct CMUnitTest guarded[] = {
		CASE(a_token_that_expires_is_fetched_anew),
		CASE(tokens_end_with_their_server),
		CASE(wrong_credentials_are_said),
		CASE(who_is_not_trusted_is_not_asked),
	};
	log_set_level(LOG_ERROR);
	driver = &etcd_driver;
	cluster_start(&cluster, false);
	int failed = cmocka_run_group_tests_name("etcd-faults", plain, NULL, NULL);
	cluster_stop(&cluster);
	cluster_start(&cluster, true);
	cluster_enable_users(&cluster);
	cluster_has_users = true;
	failed += cmocka_run_group_tests_name("etcd-guarded", guarded, NULL, NULL);
	cluster_stop(&cluster);
	return failed;
}
