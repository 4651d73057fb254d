/* What a node may write down: not of tenants whose bytes may not lie there, and not all of a request. */
#include "cel/cel_net.h"
#include "fixture.h"
#include "policy/recordable.h"

#define HEAD                                                                                       \
	"regions:\n"                                                                               \
	"  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"                                 \
	"  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"                                  \
	"residency: {any: {regions: all}, eu: {regions: [eu-west], transit: allow}}\n"             \
	"cells: {c: {replicas: [us-east]}, d: {replicas: [eu-west]}}\n"                            \
	"tenants: {acme: {residency: any, cell: c}, globex: {residency: eu, cell: d}}\n"
enum { EAST, EUW };
enum { ACME, GLOBEX };

static struct policy *plain, *weighing;

static int set_up(void **state) {
	plain = load_good(HEAD);
	weighing = load_good(HEAD "rules: [{name: w, weights: {us-east: 1, eu-west: 1}}]\n");
	return 0;
}

static int tear_down(void **state) {
	policy_free(plain);
	policy_free(weighing);
	return 0;
}

static void residency_decides(void **state) {
	struct recordable r;
	for (int here = 0; here < 2; here++) {
		recordable_init(&r, plain, here, 1);
		struct decide_request q = {.tenant = ACME};
		assert_int_equal(recordable(&r, &q), RECORDABLE);
		q.tenant = GLOBEX;
		/* Where it is said to arrive does not matter, only whose disk it is. */
		for (q.here = 0; q.here < 2; q.here++)
			assert_int_equal(recordable(&r, &q),
			                 here == EUW ? RECORDABLE : RECORDABLE_ELSEWHERE);
	}
}

static void a_share_is_even_and_stable(void **state) {
	struct recordable r;
	int taken = 0, by_path = 0;
	recordable_init(&r, plain, EAST, 10);
	for (uint64_t i = 0; i < 20000; i++) {
		char path[32];
		snprintf(path, sizeof path, "/%u", (unsigned)i);
		struct decide_request q = {.path = SLICE_LIT("/"), .time_ms = 1000 + i};
		enum recordable_answer first = recordable(&r, &q);
		assert_int_equal(recordable(&r, &q), first);
		taken += first == RECORDABLE;
		q = (struct decide_request){.path = slice_str(path), .time_ms = 1};
		by_path += recordable(&r, &q) == RECORDABLE;
	}
	assert_in_range(taken, 1800, 2200);
	assert_in_range(by_path, 1800, 2200);
}

static void persons_are_left_out(void **state) {
	static const struct decide_header headers[] = {{SLICE_LIT("cookie"), SLICE_LIT("secret")},
	                                               {SLICE_LIT("x-plan"), SLICE_LIT("gold")}};
	const struct slice kept[] = {SLICE_LIT("x-plan")};
	struct cel_net four, six;
	struct recordable r;
	struct recordable_request out;
	assert_true(cel_ip_parse(SLICE_LIT("192.0.2.77"), false, &four));
	assert_true(cel_ip_parse(SLICE_LIT("2001:db8:1:2:3::4"), false, &six));
	struct decide_request q = {.path = SLICE_LIT("/v1/data/billing/anna@example.com/x"),
	                           .sticky = SLICE_LIT("anna"),
	                           .headers = headers,
	                           .header_count = 2,
	                           .client = {.ip = &four,
	                                      .country = SLICE_LIT("DE"),
	                                      .located = true,
	                                      .latitude = 52.52,
	                                      .longitude = 13.405}};
	recordable_init(&r, plain, EAST, 1);
	recordable_reduce(&r, &q, &out);
	assert_int_equal(out.request.header_count, 0);
	assert_true(slice_is(out.request.path, "/v1/data/billing/"));
	assert_int_equal(out.request.sticky.len, 0);
	assert_memory_equal(out.ip.bytes, "\xc0\0\2\0", 4);
	assert_true(out.request.client.latitude == 53 && out.request.client.longitude == 13);
	assert_true(slice_is(out.request.client.country, "DE"));
	r.headers = kept;
	r.header_count = 1;
	q.client.ip = &six;
	q.path = SLICE_LIT("/v1/data/billing");
	recordable_reduce(&r, &q, &out);
	assert_int_equal(out.request.header_count, 1);
	assert_true(slice_is(out.request.headers[0].name, "x-plan"));
	assert_true(slice_is(out.request.path, "/v1/data/billing"));
	assert_memory_equal(out.ip.bytes, "\x20\x01\x0d\xb8\0\1\0\0\0\0\0\0\0\0\0\0", 16);
	recordable_init(&r, weighing, EAST, 1);
	recordable_reduce(&r, &q, &out);
	assert_true(slice_is(out.request.sticky, "anna")); /* else it would go elsewhere */
	q.path = SLICE_LIT("/pay/42");
	q.client = (struct decide_client){0};
	recordable_reduce(&r, &q, &out);
	assert_true(slice_is(out.request.path, "/pay/42") && !out.request.client.ip);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(residency_decides),
		cmocka_unit_test(a_share_is_even_and_stable),
		cmocka_unit_test(persons_are_left_out),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
