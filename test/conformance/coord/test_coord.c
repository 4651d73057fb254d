/* The suite that every driver of coord.h must pass. */
#include "drivers.h"

static const struct driver *driver;
static struct place place;
static struct coord *a, *b;

static int set_up(void **state) {
	driver->start(&place);
	a = b = NULL;
	assert_int_equal(driver->open(&place, "a", &a), ERR_OK);
	assert_int_equal(driver->open(&place, "b", &b), ERR_OK);
	return 0;
}

static void shut(struct coord **c) {
	if (*c) (*c)->ops->close(*c);
	*c = NULL;
}

static int tear_down(void **state) {
	shut(&a);
	shut(&b);
	driver->stop(&place);
	return 0;
}

/* --- one request, waited for ---------------------------------------------------------- */

struct call {
	struct coord_op op;
	bool done;
	enum err err;
	char value[COORD_VALUE_MAX + 1];
	size_t value_bytes;
};

static void on_done(struct coord_op *op, enum err err) {
	struct call *c = CONTAINER_OF(op, struct call, op);
	assert_false(c->done);
	c->done = true;
	c->err = err;
	c->value_bytes = op->value.len;
	if (op->value.len) memcpy(c->value, op->value.ptr, op->value.len);
	c->value[op->value.len] = '\0';
}

static bool is_done(void *arg) {
	return ((struct call *)arg)->done;
}

static struct coord_op *begin(struct call *c) {
	c->op = (struct coord_op){.done = on_done};
	c->done = false;
	return &c->op;
}

static enum err await(struct call *c) {
	assert_false(c->done); /* never before the call has returned */
	assert_true(driver->run(&place, is_done, c));
	return c->err;
}

static struct call call; /* what the last of these was answered */

static enum err put(struct coord *c, const char *key, uint64_t expected, const char *value) {
	c->ops->put(c, key, expected, slice_str(value), begin(&call));
	return await(&call);
}
static enum err get(struct coord *c, const char *key) {
	c->ops->read(c, key, begin(&call));
	return await(&call);
}
static enum err join(struct coord *c) {
	c->ops->join(c, begin(&call));
	return await(&call);
}
static enum err beat(struct coord *c) {
	c->ops->beat(c, begin(&call));
	return await(&call);
}
static enum err expire(struct coord *c, const struct coord_node *observed) {
	c->ops->expire(c, observed, begin(&call));
	return await(&call);
}

/* --- keys --------------------------------------------------------------------------------- */

static void compares_and_puts(void **state) {
	assert_int_equal(get(a, "cell/x"), ERR_OK);
	assert_int_equal(call.op.revision, 0);
	assert_int_equal(call.value_bytes, 0);
	assert_int_equal(put(a, "cell/x", 7, "too early"), ERR_CONFLICT);
	assert_int_equal(call.op.revision, 0);

	assert_int_equal(put(a, "cell/x", 0, "one"), ERR_OK);
	uint64_t first = call.op.revision;
	assert_true(first > 0);
	assert_int_equal(put(b, "cell/x", 0, "mine"), ERR_CONFLICT);
	assert_int_equal(call.op.revision, first);
	assert_int_equal(put(b, "cell/x", first + 1, "mine"), ERR_CONFLICT);

	assert_int_equal(put(b, "cell/x", first, "two"), ERR_OK);
	uint64_t second = call.op.revision;
	assert_true(second > first);
	assert_int_equal(get(a, "cell/x"), ERR_OK);
	assert_int_equal(call.op.revision, second);
	assert_string_equal(call.value, "two");
	assert_int_equal(put(a, "cell/x", first, "old"), ERR_CONFLICT);
	assert_int_equal(call.op.revision, second);
}

static void keys_have_revisions_of_their_own(void **state) {
	assert_int_equal(put(a, "cell/x", 0, "one"), ERR_OK);
	uint64_t x = call.op.revision;
	assert_int_equal(put(a, "cell/y", 0, ""), ERR_OK);
	assert_int_equal(get(b, "cell/x"), ERR_OK);
	assert_int_equal(call.op.revision, x);
	assert_int_equal(put(b, "cell/x", x, "two"), ERR_OK);
	assert_int_equal(get(b, "cell/y"), ERR_OK);
	assert_true(call.op.revision > 0);
	assert_int_equal(call.value_bytes, 0);
}

static void sizes_are_bounded(void **state) {
	char key[COORD_KEY_MAX + 2] = {0}, value[COORD_VALUE_MAX + 2] = {0};
	memset(key, 'k', COORD_KEY_MAX);
	memset(value, 'v', COORD_VALUE_MAX);
	assert_int_equal(put(a, key, 0, value), ERR_OK);
	assert_int_equal(get(b, key), ERR_OK);
	assert_string_equal(call.value, value);
	value[COORD_VALUE_MAX] = 'v';
	assert_int_equal(put(a, "k", 0, value), ERR_TOO_LARGE);
	key[COORD_KEY_MAX] = 'k';
	assert_int_equal(put(a, key, 0, "v"), ERR_INVALID);
	assert_int_equal(get(a, key), ERR_INVALID);
	assert_int_equal(put(a, "", 0, "v"), ERR_INVALID);
}

static void value_and_key_are_copied(void **state) {
	char key[] = "cell/x", value[] = "one";
	a->ops->put(a, key, 0, slice_str(value), begin(&call));
	memset(key, '?', sizeof key - 1);
	memset(value, '?', sizeof value - 1);
	assert_int_equal(await(&call), ERR_OK);
	assert_int_equal(get(b, "cell/x"), ERR_OK);
	assert_string_equal(call.value, "one");
}

/* Two that add to one number, each with what it read: no addition is lost, none done twice. */
struct adder {
	struct coord *coord;
	struct call call;
	int left, tries;
	bool reading;
};

static void adder_read(struct adder *d);

static void adder_on_done(struct coord_op *op, enum err err) {
	struct adder *d = CONTAINER_OF(op, struct adder, call.op);
	if (!d->reading) {
		assert_true(err == ERR_OK || err == ERR_CONFLICT);
		if (err == ERR_OK) d->left--;
		if (d->left) adder_read(d);
		return;
	}
	assert_int_equal(err, ERR_OK);
	char text[32] = {0};
	memcpy(text, op->value.ptr ? op->value.ptr : (const uint8_t *)"0",
	       op->value.ptr ? op->value.len : 1);
	snprintf(text, sizeof text, "%lu", strtoul(text, NULL, 10) + 1);
	uint64_t revision = op->revision;
	d->reading = false;
	d->tries++;
	*op = (struct coord_op){.done = adder_on_done};
	d->coord->ops->put(d->coord, "sum", revision, slice_str(text), op);
}

static void adder_read(struct adder *d) {
	d->reading = true;
	d->call.op = (struct coord_op){.done = adder_on_done};
	d->coord->ops->read(d->coord, "sum", &d->call.op);
}

static bool adders_are_done(void *arg) {
	struct adder *d = arg;
	return d[0].left == 0 && d[1].left == 0;
}

static void concurrent_puts_lose_nothing(void **state) {
	enum { EACH = 50 };
	static struct adder adders[2];
	adders[0] = (struct adder){.coord = a, .left = EACH};
	adders[1] = (struct adder){.coord = b, .left = EACH};
	adder_read(&adders[0]);
	adder_read(&adders[1]);
	assert_true(driver->run(&place, adders_are_done, adders));
	assert_int_equal(get(a, "sum"), ERR_OK);
	assert_string_equal(call.value, "100");
}

static bool all_done(void *arg) {
	struct call *calls = arg;
	for (int i = 0; i < 64; i++)
		if (!calls[i].done) return false;
	return true;
}

static void many_at_once(void **state) {
	static struct call calls[64];
	for (int i = 0; i < 64; i++) {
		struct coord *c = i % 2 ? a : b;
		char key[16];
		snprintf(key, sizeof key, "cell/%d", i / 4); /* two of each handle want each key */
		c->ops->put(c, key, 0, slice_str(key), begin(&calls[i]));
	}
	assert_true(driver->run(&place, all_done, calls));
	for (int i = 0; i < 64; i += 4) {
		int won = 0;
		uint64_t revision = 0;
		for (int k = i; k < i + 4; k++)
			if (calls[k].err == ERR_OK) won++, revision = calls[k].op.revision;
		assert_int_equal(won, 1);
		for (int k = i; k < i + 4; k++) {
			if (calls[k].err == ERR_OK) continue;
			assert_int_equal(calls[k].err, ERR_CONFLICT);
			assert_int_equal(calls[k].op.revision, revision);
		}
	}
}

static void reads_see_what_was_acknowledged(void **state) {
	uint64_t revision = 0;
	for (int i = 0; i < 40; i++) {
		char value[16];
		snprintf(value, sizeof value, "%d", i);
		assert_int_equal(put(i % 2 ? a : b, "k", revision, value), ERR_OK);
		revision = call.op.revision;
		assert_int_equal(get(i % 3 ? a : b, "k"), ERR_OK);
		assert_string_equal(call.value, value);
		assert_int_equal(call.op.revision, revision);
	}
}

/* --- watches ------------------------------------------------------------------------------ */

struct watcher {
	int calls;
	char key[COORD_KEY_MAX + 1], value[64];
	uint64_t revision;
	const char *wanted;
};

static void on_changed(void *arg, const char *key, struct slice value, uint64_t revision) {
	struct watcher *w = arg;
	w->calls++;
	assert_true(revision > 0);
	snprintf(w->key, sizeof w->key, "%s", key);
	snprintf(w->value, sizeof w->value, SLICE_FMT, SLICE_ARG(value));
	w->revision = revision;
}

static bool saw_wanted(void *arg) {
	struct watcher *w = arg;
	return w->calls > 0 && strcmp(w->value, w->wanted) == 0;
}

static bool saw(struct watcher *w, const char *value) {
	w->wanted = value;
	return driver->run(&place, saw_wanted, w);
}

static void a_watch_tells_what_is_and_what_changes(void **state) {
	struct watcher own = {0}, other = {0}, all = {0};
	assert_int_equal(put(a, "cell/x", 0, "before"), ERR_OK);
	assert_int_equal(a->ops->watch(a, "cell/", on_changed, &own), ERR_OK);
	assert_int_equal(b->ops->watch(b, "cell/", on_changed, &other), ERR_OK);
	assert_int_equal(b->ops->watch(b, "", on_changed, &all), ERR_OK);
	assert_int_equal(own.calls + other.calls + all.calls, 0);
	assert_true(saw(&own, "before") && saw(&other, "before") && saw(&all, "before"));
	assert_int_equal(own.calls, 1);

	assert_int_equal(put(a, "cell/x", own.revision, "after"), ERR_OK);
	uint64_t revision = call.op.revision;
	assert_true(saw(&own, "after") && saw(&other, "after") && saw(&all, "after"));
	assert_int_equal(other.revision, revision);
	assert_int_equal(other.calls, 2);

	assert_int_equal(put(a, "cel", 0, "elsewhere"), ERR_OK);
	assert_true(saw(&all, "elsewhere"));
	assert_int_equal(put(a, "cell/y", 0, "new"), ERR_OK);
	assert_true(saw(&other, "new"));
	assert_string_equal(other.key, "cell/y");
	assert_int_equal(other.calls, 3);
}

static void watches_are_bounded(void **state) {
	struct watcher w = {0};
	for (int i = 0; i < 8; i++) assert_int_equal(a->ops->watch(a, "k", on_changed, &w), ERR_OK);
	assert_int_equal(a->ops->watch(a, "k", on_changed, &w), ERR_TOO_MANY);
}

/* --- nodes ---------------------------------------------------------------------------------- */

struct seen {
	struct coord *coord;
	const char *name;
	uint32_t generation, beat;
	bool dead;
};

static bool sees(void *arg) {
	struct seen *s = arg;
	struct coord_node n;
	if (!s->coord->ops->node(s->coord, s->name, &n)) return false;
	return n.generation == s->generation && n.beat == s->beat && n.proven_dead == s->dead;
}

static bool will_see(struct coord *c, const char *name, uint32_t generation, uint32_t beats,
                     bool dead) {
	struct seen s = {c, name, generation, beats, dead};
	return driver->run(&place, sees, &s);
}

static void generations_and_beats(void **state) {
	struct coord_node n;
	assert_false(a->ops->node(a, "nobody", &n));
	assert_int_equal(beat(a), ERR_CONFLICT); /* not joined */
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(call.op.revision, 1);
	assert_true(will_see(b, "a", 1, 1, false));
	assert_int_equal(beat(a), ERR_OK);
	assert_int_equal(beat(a), ERR_OK);
	assert_true(will_see(b, "a", 1, 3, false));
	assert_true(will_see(a, "a", 1, 3, false));
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(call.op.revision, 2);
	assert_true(will_see(b, "a", 2, 1, false));
}

static void expiry_compares_the_beat(void **state) {
	struct coord_node n = {.name = "a", .generation = 1, .beat = 1};
	struct coord_node nobody = {.name = "nobody", .generation = 1, .beat = 1};
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(beat(a), ERR_OK);
	assert_int_equal(expire(b, &n), ERR_CONFLICT); /* it renewed meanwhile */
	assert_int_equal(expire(b, &nobody), ERR_NOT_FOUND);
	assert_int_equal(beat(a), ERR_OK);
	n.beat = 3;
	assert_int_equal(expire(b, &n), ERR_OK);
	assert_int_equal(expire(b, &n), ERR_CONFLICT);
	assert_true(will_see(b, "a", 2, 0, false));
	n = (struct coord_node){.name = "a", .generation = 2, .beat = 0};
	assert_int_equal(expire(b, &n), ERR_CONFLICT);
	assert_int_equal(beat(a), ERR_CONFLICT);
	assert_int_equal(beat(a), ERR_CONFLICT);
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(call.op.revision, 3);
	assert_int_equal(beat(a), ERR_OK);
}

static bool both_done(void *arg) {
	struct call *calls = arg;
	return calls[0].done && calls[1].done;
}

static void one_of_two_challengers_wins(void **state) {
	struct coord *c;
	static struct call calls[2];
	struct coord_node n = {.name = "c", .generation = 1, .beat = 1};
	assert_int_equal(driver->open(&place, "c", &c), ERR_OK);
	assert_int_equal(join(c), ERR_OK);
	a->ops->expire(a, &n, begin(&calls[0]));
	b->ops->expire(b, &n, begin(&calls[1]));
	assert_true(driver->run(&place, both_done, calls));
	assert_true((calls[0].err == ERR_OK) != (calls[1].err == ERR_OK));
	assert_true((calls[0].err == ERR_CONFLICT) != (calls[1].err == ERR_CONFLICT));
	assert_true(will_see(a, "c", 2, 0, false));
	shut(&c);
}

struct notices {
	int count;
	char last[32];
};

static void on_node(void *arg, const char *name) {
	struct notices *n = arg;
	if (strcmp(name, "a") != 0) return;
	n->count++;
	snprintf(n->last, sizeof n->last, "%s", name);
}

static bool noticed(void *arg) {
	return ((struct notices *)arg)->count > 0;
}

static bool is_noticed(struct notices *n) {
	bool yes = driver->run(&place, noticed, n);
	n->count = 0;
	return yes;
}

static void changes_of_nodes_are_noticed(void **state) {
	struct notices n = {0};
	b->ops->on_node(b, on_node, &n);
	assert_int_equal(n.count, 0);
	assert_int_equal(join(a), ERR_OK);
	assert_true(is_noticed(&n));
	struct coord_node observed = {.name = "a", .generation = 1, .beat = 1};
	assert_int_equal(expire(b, &observed), ERR_OK);
	assert_true(is_noticed(&n));
	assert_int_equal(join(a), ERR_OK);
	assert_true(is_noticed(&n));
	assert_true(will_see(b, "a", 3, 1, false));
	shut(&a);
	assert_true(is_noticed(&n)); /* a handle that is closed cannot renew any more */
	assert_true(will_see(b, "a", 3, 1, true));
}

/* --- handles ---------------------------------------------------------------------------------- */

static void a_name_is_held_once(void **state) {
	struct coord *again;
	assert_int_equal(driver->open(&place, "a", &again), ERR_EXISTS);
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(put(a, "k", 0, "kept"), ERR_OK);
	shut(&a);
	assert_int_equal(driver->open(&place, "a", &a), ERR_OK);
	assert_int_equal(beat(a), ERR_CONFLICT); /* the life before is not this one's */
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(call.op.revision, 2);
	assert_int_equal(get(a, "k"), ERR_OK);
	assert_string_equal(call.value, "kept");
}

static void close_inside(struct coord_op *op, enum err err) {
	on_done(op, err);
	shut(&a);
}

static void may_be_closed_inside_a_callback(void **state) {
	static struct call first, second;
	begin(&first)->done = close_inside;
	begin(&second);
	a->ops->read(a, "k", &first.op);
	a->ops->read(a, "k", &second.op);
	assert_true(driver->run(&place, is_done, &first));
	assert_int_equal(put(b, "k", 0, "after"), ERR_OK);
	assert_null(a);
	assert_false(second.done);
}

static void put_closes_inside(struct coord_op *op, enum err err) {
	assert_int_equal(err, ERR_OK);
	close_inside(op, err);
}

static void closed_with_requests_under_way(void **state) {
	static struct call first;
	struct call *calls[4];
	begin(&first)->done = put_closes_inside;
	a->ops->put(a, "k", 0, SLICE_LIT("v"), &first.op);
	for (int i = 0; i < 4; i++) {
		calls[i] = malloc(sizeof *calls[i]);
		begin(calls[i]);
	}
	a->ops->put(a, "l", 0, SLICE_LIT("v"), &calls[0]->op);
	a->ops->read(a, "l", &calls[1]->op);
	a->ops->join(a, &calls[2]->op);
	a->ops->beat(a, &calls[3]->op);
	assert_true(driver->run(&place, is_done, &first));
	for (int i = 0; i < 4; i++) free(calls[i]);
	assert_int_equal(put(b, "m", 0, "after"), ERR_OK);
}

/* An owner may be freed just before its coord is closed. */
static void requests_may_go_before_the_close(void **state) {
	struct call *gone = malloc(sizeof *gone);
	a->ops->beat(a, begin(gone));
	free(gone);
	shut(&a);
	assert_int_equal(put(b, "k", 0, "after"), ERR_OK);
}

static int run_suite(const struct driver *d) {
	driver = d;
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(compares_and_puts),
		CASE(keys_have_revisions_of_their_own),
		CASE(sizes_are_bounded),
		CASE(value_and_key_are_copied),
		CASE(concurrent_puts_lose_nothing),
		CASE(many_at_once),
		CASE(reads_see_what_was_acknowledged),
		CASE(a_watch_tells_what_is_and_what_changes),
		CASE(watches_are_bounded),
		CASE(generations_and_beats),
		CASE(expiry_compares_the_beat),
		CASE(one_of_two_challengers_wins),
		CASE(changes_of_nodes_are_noticed),
		CASE(a_name_is_held_once),
		CASE(may_be_closed_inside_a_callback),
		CASE(closed_with_requests_under_way),
		CASE(requests_may_go_before_the_close),
	};
	return cmocka_run_group_tests_name(d->name, tests, NULL, NULL);
}

int main(void) {
	int failed = run_suite(&embedded_driver);
	return failed + run_suite(&memory_driver);
}
