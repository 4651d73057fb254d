/* Tests of a policy from an enemy, and with them requests and worlds in the words of JSON: they are read or
 * refused with a place, and what is read can be decided and told. */
#include <stdlib.h>

#include "policy/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char yaml[] =
	"regions: {a: {jurisdiction: us, location: [0, 0]}, b: {jurisdiction: eu, location: [1, "
        "1]}}\n"
	"residency: {any: {regions: all}, one: {regions: [b], transit: refuse}}\n"
	"cells: {c: {replicas: [a, b]}, d: {replicas: [b]}}\n"
	"tenants: {t: {residency: any, cell: c}, u: {residency: one, cell: d}}\n"
	"rules:\n"
	"  - {name: r, when: \"client.ip.isInRange('10.0.0.0/8')\", deny: {status: 451, reason: "
        "x}}\n"
	"  - {name: s, when: \"request.headers['x'].contains(request.path)\", prefer: [nearest]}\n";

static void check_report(void *arg, const struct policy_error *e) {
	int *count = arg;
	++*count;
	if (e->line < 1 || e->column < 1 || !e->text[0] || *count > 50) abort();
}

static void run(const struct policy *p, const struct suite *s) {
	static struct suite_result result;
	struct whatif w;
	struct buf told;
	if (whatif_init(&w, p)) return;
	buf_init(&told, 1 << 20);
	for (int i = 0; i < s->count && i < 100; i++) {
		uint64_t hits[1] = {0};
		suite_run(p, &s->cases[i], &w, hits, &result);
		buf_reset(&told);
		if (decision_json(p, &result.decision, true, &told)) continue;
		struct slice text = buf_slice(&told);
		json_t *back = json_loadb((const char *)text.ptr, text.len, 0, NULL);
		if (!back) abort();
		json_decref(back);
	}
	buf_done(&told);
	whatif_done(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	static struct policy *p;
	struct suite *s;
	int mistakes = 0;
	if (!p && policy_load(SLICE_LIT(yaml), "policy", NULL, NULL, &p)) abort();
	enum err e = suite_load(slice_of(bytes, len), "fuzz", p, check_report, &mistakes, &s);
	if ((e == ERR_OK) != (s != NULL) || (e == ERR_OK) != (mistakes == 0)) abort();
	if (s) run(p, s);
	suite_free(s);
	return 0;
}
