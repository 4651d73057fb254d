/* The suite that every driver of coord.h must pass: lives of nodes, and handles. */
#include "suite.h"

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
	if (driver->across_machines)
		assert_true(will_see(b, "a", 4, 0, false)); /* it said so itself */
	else
		assert_true(will_see(b, "a", 3, 1, true));
}

/* --- handles ---------------------------------------------------------------------------------- */

static void a_name_is_held_once(void **state) {
	struct coord *again;
	if (!driver->across_machines)
		assert_int_equal(driver->open(&place, "a", &again), ERR_EXISTS);
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(put(a, "k", 0, "kept"), ERR_OK);
	shut(&a);
	assert_int_equal(driver->open(&place, "a", &a), ERR_OK);
	assert_int_equal(beat(a), ERR_CONFLICT); /* the life before is not this one's */
	assert_int_equal(join(a), ERR_OK);
	assert_int_equal(call.op.revision, driver->across_machines ? 3 : 2);
	assert_int_equal(get(a, "k"), ERR_OK);
	assert_string_equal(call.value, "kept");
}

static struct call second;
static bool second_was_first; /* requests may overtake each other */

static void close_inside(struct coord_op *op, enum err err) {
	on_done(op, err);
	second_was_first = second.done;
	shut(&a);
}

static void may_be_closed_inside_a_callback(void **state) {
	static struct call first;
	begin(&first)->done = close_inside;
	begin(&second);
	a->ops->read(a, "k", &first.op);
	a->ops->read(a, "k", &second.op);
	assert_true(driver->run(&place, is_done, &first));
	assert_int_equal(put(b, "k", 0, "after"), ERR_OK);
	assert_null(a);
	assert_int_equal(second.done, second_was_first);
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

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(generations_and_beats),
		CASE(expiry_compares_the_beat),
		CASE(one_of_two_challengers_wins),
		CASE(changes_of_nodes_are_noticed),
		CASE(a_name_is_held_once),
		CASE(may_be_closed_inside_a_callback),
		CASE(closed_with_requests_under_way),
		CASE(requests_may_go_before_the_close),
	};
	return run_on_all(tests, sizeof tests / sizeof tests[0]);
}
