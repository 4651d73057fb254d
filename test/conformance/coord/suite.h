/* What the parts of the suite share: two handles on one place, a request that is waited for, and
 * a main that runs the part on every driver. */
#pragma once
#ifdef COORD_ETCD
#include "etcd_driver.h"
#else
#include "drivers.h"
#endif

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

#ifndef COORD_ETCD_FAULTS
static int run_on(const struct driver *d, const struct CMUnitTest *tests, size_t count) {
	driver = d;
	return _cmocka_run_group_tests(d->name, tests, count, NULL, NULL);
}

/* On every driver; with COORD_ETCD on that of etcd, plainly and then with all that keeps others
 * out of it. */
static int run_on_all(const struct CMUnitTest *tests, size_t count) {
#ifdef COORD_ETCD
	int failed = 0;
	for (int tls = 0; tls < 2; tls++) {
		cluster_start(&cluster, tls);
		if (tls) cluster_enable_users(&cluster);
		cluster_has_users = tls;
		failed += run_on(&etcd_driver, tests, count);
		cluster_stop(&cluster);
	}
	return failed;
#else
	return run_on(&embedded_driver, tests, count) + run_on(&memory_driver, tests, count);
#endif
}
#endif
