/* What the parts of the suite share: two handles on one place, a request that is waited for, and
 * a main that runs the part on every driver. */
#pragma once
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
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static int run_on_all(const struct CMUnitTest *tests, size_t count) {
	const struct driver *drivers[] = {&embedded_driver, &memory_driver};
	int failed = 0;
	for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
		driver = drivers[i];
		failed += _cmocka_run_group_tests(driver->name, tests, count, NULL, NULL);
	}
	return failed;
}
