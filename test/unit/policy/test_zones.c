/* Time zones that conditions name: brought once each, refused with their place where they cannot be had. */
#include "fixture.h"
#include "policy/whatif.h"

#define HEAD                                                                                       \
	"regions: {aa: {jurisdiction: us, location: [0, 0]}, bb: {jurisdiction: us, location: "    \
	"[1, 1]}}\n"                                                                               \
	"residency: {any: {regions: all}}\n"                                                       \
	"cells: {c: {replicas: [aa, bb]}}\n"                                                       \
	"tenants: {acme: {residency: any, cell: c, attributes: {zone: Europe/Paris}}}\n"

static struct {
	char names[256];
	enum err err;
} asked;

/* What the machine has, as the program reads it. */
static enum err bring(void *arg, const char *name, struct buf *tzif) {
	char path[128];
	static uint8_t content[1 << 16];
	strncat(asked.names, name, sizeof asked.names - strlen(asked.names) - 2);
	strncat(asked.names, " ", 2);
	if (asked.err) return asked.err;
	if (strcmp(name, "Bad/File") == 0) return buf_append_str(tzif, "TZif2 and no more");
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
	FILE *f = fopen(path, "rb");
	if (!f) return ERR_NOT_FOUND;
	size_t len = fread(content, 1, sizeof content, f);
	fclose(f);
	return buf_append(tzif, content, len);
}

static enum err load(const char *rules, struct reported *r, struct policy **out) {
	char yaml[2000];
	const struct policy_zones zones = {.read = bring};
	*r = (struct reported){0};
	asked.names[0] = 0;
	snprintf(yaml, sizeof yaml, "%s%s", HEAD, rules);
	return policy_load_zoned(slice_str(yaml), "p.yaml", &zones, report_keep, r, out);
}

/* Where a read at aa goes then. */
static int region_at(const struct policy *p, uint64_t seconds) {
	static struct decision d;
	struct whatif w;
	const struct decide_request q = {
		.here = 0, .consistency = CONSISTENCY_EVENTUAL, .time_ms = seconds * 1000};
	assert_int_equal(whatif_init(&w, p), ERR_OK);
	whatif_decide(&w, p, &q, &d, NULL);
	whatif_done(&w);
	return d.region;
}

static void a_zone_is_brought_once(void **state) {
	static struct reported r;
	struct policy *p;
	enum err e = load("variables: {hour: \"request.time.getHours('Europe/Paris')\"}\n"
	                  "rules:\n"
	                  "  - {name: night, when: variables.hour >= 22, exclude: [aa]}\n"
	                  "  - {name: more, when: \"request.time.getHours('Europe/Paris') == 3 || "
	                  "request.time.getHours('America/New_York') == 30 || "
	                  "request.time.getHours('+02:00') == 30\", exclude: [bb]}\n",
	                  &r, &p);
	assert_string_equal(r.text, "");
	assert_int_equal(e, ERR_OK);
	assert_string_equal(asked.names, "Europe/Paris America/New_York ");
	/* 20:30 UTC is 21:30 in January and 22:30 in July. */
	assert_int_equal(region_at(p, 1768509000), 0);
	assert_int_equal(region_at(p, 1784147400), 1);
	policy_free(p);
}

static void what_cannot_be_had_is_refused_where_it_stands(void **state) {
	static struct reported r;
	static const struct {
		const char *zone, *asked, *says;
		enum err err;
	} cases[] = {
		{"Europe/Nowhere", "Europe/Nowhere ", "is not known here: check the name"},
		{"Bad/File", "Bad/File ", "has a file that is no TZif"},
		{"Europe/Paris", "Europe/Paris ", "cannot be read", ERR_IO},
		{"../../etc/passwd", "", "is no name of one"},
		{"/etc/passwd", "", "is no name of one"},
		{"Europe/", "", "is no name of one"},
		{"a//b", "", "is no name of one"},
		{"+25:00", "", "is no name of one"},
		{"x123456789012345678901234567890123456789012345678901234567890123456789", "",
	         "is no name of one"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char rules[300];
		struct policy *p;
		asked.err = cases[i].err;
		snprintf(rules, sizeof rules,
		         "rules:\n  - name: r\n    when: request.time.getHours('%s') > 3\n"
		         "    exclude: [bb]\n",
		         cases[i].zone);
		assert_int_equal(load(rules, &r, &p), ERR_INVALID);
		if (r.count != 1 || !strstr(r.text, "7:32: in the condition ") ||
		    !strstr(r.text, cases[i].says) || strcmp(asked.names, cases[i].asked) != 0)
			fail_msg("%s: %s asked %s", cases[i].zone, r.text, asked.names);
	}
	asked.err = ERR_OK;
}

static void without_a_source_there_are_offsets(void **state) {
	static struct reported r;
	struct policy *p;
	assert_int_equal(load_text(HEAD "rules: [{name: r, when: \"request.time.getHours('Europe/"
	                                "Paris') > 3\", exclude: [bb]}]\n",
	                           &r, &p),
	                 ERR_INVALID);
	assert_non_null(strstr(r.text, "'Europe/Paris' is not known: none was brought"));
	p = load_good(HEAD "rules: [{name: r, when: \"request.time.getHours('-05:30') > 3\", "
	                   "exclude: [bb]}]\n");
	policy_free(p);
}

#define RULE(hour)                                                                                 \
	"rules:\n"                                                                                 \
	"  - {name: r, when: \"request.time.getHours(tenant.attributes.zone) == " hour             \
	"\", exclude: [aa]}\n"

/* A zone that is no text in the policy is known only when somebody wrote it down. */
static void a_zone_out_of_an_attribute(void **state) {
	static struct reported r;
	struct policy *p;
	assert_int_equal(load(RULE("22"), &r, &p), ERR_OK);
	assert_int_equal(region_at(p, 1784147400), 0); /* fails: no match */
	policy_free(p);
	assert_int_equal(load(RULE("22 || request.time.getHours('Europe/Paris') == 99"), &r, &p),
	                 ERR_OK);
	assert_int_equal(region_at(p, 1784147400), 1);
	policy_free(p);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zone_is_brought_once),
		cmocka_unit_test(what_cannot_be_had_is_refused_where_it_stands),
		cmocka_unit_test(without_a_source_there_are_offsets),
		cmocka_unit_test(a_zone_out_of_an_attribute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
