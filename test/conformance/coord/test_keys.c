/* The suite that every driver of coord.h must pass: keys and watches. */
#include "suite.h"

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

int main(void) {
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
	};
	return run_on_all(tests, sizeof tests / sizeof tests[0]);
}
