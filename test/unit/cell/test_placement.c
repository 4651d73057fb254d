/* The placement's text: there and back, and everything that it must not accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cell/placement.h"

static struct buf text;

static int setup(void **state) {
	buf_init(&text, 4096);
	return 0;
}

static int teardown(void **state) {
	buf_done(&text);
	return 0;
}

static void comes_back(void **state) {
	const struct placement all[] = {
		{7, PLACEMENT_ACTIVE, "us-east", 3, 2, "us-east"},
		{.epoch = 8,
	         .state = PLACEMENT_PROMOTING,
	         .home = "us-west",
	         .generation = 5,
	         .copies = 2,
	         .from = "us-east",
	         .set_count = 3,
	         .set = {"us-east", "us-west", "b"},
	         .marker_epoch = 7,
	         .marker_seq = 4711,
	         .strikes = {0, 3, 0, 0, 0, 0, 0, 255}},
		{1, PLACEMENT_PROMOTING, "a", 1, 0, ""},
		{UINT64_MAX, PLACEMENT_PROMOTING, "eu-central-with-a-long-name-31c", UINT32_MAX, 8,
	         "b"},
		{9, PLACEMENT_PROMOTING, "us-east", 0, 2, "us-east"},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct placement p;
		buf_reset(&text);
		assert_int_equal(placement_encode(&all[i], &text), ERR_OK);
		assert_int_equal(placement_decode(buf_slice(&text), &p), ERR_OK);
		assert_memory_equal(&p.epoch, &all[i].epoch, sizeof p.epoch);
		assert_int_equal(p.state, all[i].state);
		assert_string_equal(p.home, all[i].home);
		assert_string_equal(p.from, all[i].from);
		assert_int_equal(p.generation, all[i].generation);
		assert_int_equal(p.copies, all[i].copies);
		assert_true(p.marker_epoch == all[i].marker_epoch);
		assert_true(p.marker_seq == all[i].marker_seq);
		assert_memory_equal(p.strikes, all[i].strikes, sizeof p.strikes);
		assert_int_equal(p.set_count, all[i].set_count);
		assert_memory_equal(p.set, all[i].set, sizeof p.set);
	}
}

static void reads_as_an_operator_would(void **state) {
	const struct placement p = {7, PLACEMENT_ACTIVE, "us-east", 3, 2, "us-east"};
	assert_int_equal(placement_encode(&p, &text), ERR_OK);
	assert_true(
		slice_is(buf_slice(&text),
	                 "epoch=7 state=active home=us-east generation=3 copies=2 from=us-east"));
}

static void refuses_everything_else(void **state) {
	static const char *const bad[] = {
		"",
		" ",
		"epoch=7",
		"epoch=7 state=active home=a generation=3",
		"epoch=7 state=active home=a generation=3 copies=2 from=b marker=6-5",
		"epoch=7 state=promoting home=a generation=3 copies=2 marker=6-5",
		"epoch=7 state=promoting home=a generation=3 copies=2 from=b marker=7-5",
		"epoch=7 state=promoting home=a generation=3 copies=2 from=b marker=6-0",
		"epoch=7 state=promoting home=a generation=3 copies=2 from=b marker=6",
		"epoch=7 state=active home=a generation=3 copies=2 from=b set=a,a",
		"epoch=7 state=active home=a generation=3 copies=2 from=b set=a,,b",
		"epoch=7 state=active home=a generation=3 copies=2 from=b set=A",
		"epoch=7 state=active home=a generation=3 copies=2 from=b set=a,b,c,d,e,f,g,h,i",
		"epoch=7 state=active home=a generation=3 copies=2 from=b strikes=0,0,0,0,0,0,0,0",
		"epoch=7 state=active home=a generation=3 copies=2 from=b strikes=1,0,0",
		"epoch=7 state=active home=a generation=3 copies=2 from=b "
	        "strikes=1,0,0,0,0,0,0,256",
		"epoch=7 state=active home=a generation=3 copies=2 strikes=1,0,0,0,0,0,0,0 from=b",
		"epoch=-7 state=active home=a generation=3 copies=2",
		"epoch=07x state=active home=a generation=3 copies=2",
		"epoch=18446744073709551616 state=active home=a generation=3 copies=2",
		"epoch=7 state=asleep home=a generation=3 copies=2",
		"epoch=7 state= home=a generation=3 copies=2",
		"epoch=7 state=active home=A generation=3 copies=2",
		"epoch=7 state=active home= generation=3 copies=2",
		"epoch=7 state=active home=abcdefghijabcdefghijabcdefghijab generation=3 copies=2",
		"epoch=7 state=active home=a generation=4294967296 copies=2",
		"state=active epoch=7 home=a generation=3 copies=2",
		"epoch=7  state=active home=a generation=3 copies=2",
		"epoch=7 state=active home=a generation=3 copies=2 from=",
		"epoch=7 state=active home=a generation=3 copies=2 from=b more=1",
		"epoch=7 state=active home=a generation=3 copies=2 more=1",
	};
	struct placement p = {.epoch = 99};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(placement_decode(slice_str(bad[i]), &p), ERR_INVALID);
	assert_int_equal(
		placement_decode(SLICE_LIT("epoch=7 state=active home=a\0 generation=3 copies=2"),
	                         &p),
		ERR_INVALID);
	assert_int_equal(p.epoch, 99);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_as_an_operator_would, setup, teardown),
		cmocka_unit_test(refuses_everything_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
