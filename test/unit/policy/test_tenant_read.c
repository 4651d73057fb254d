/* Reading tenants for import: what is read, where each mistake is and how it is worded, and that
 * arrival in pieces makes no difference. */
#include "tenants.h"

#include "policy/tenant_read.h"

#define KEY_1 "sha256:0000000000000000000000000000000000000000000000000000000000000001"
#define KEY_2 "sha256:00000000000000000000000000000000000000000000000000000000000000ff"

static struct policy *policy;

static int set_up(void **state) {
	policy = load_good(tenants_yaml);
	return 0;
}

static int tear_down(void **state) {
	policy_free(policy);
	return 0;
}

/* --- what a file says, as text ------------------------------------------------------------- */

struct told {
	char text[16 << 10];
	size_t len;
};

static void PRINTF_LIKE(2, 3) tell(struct told *t, const char *format, ...) {
	va_list args;
	va_start(args, format);
	t->len += (size_t)vsnprintf(t->text + t->len, sizeof t->text - t->len, format, args);
	va_end(args);
	assert_true(t->len < sizeof t->text);
}

static void tell_row(struct told *t, const struct tenant_row *row) {
	const struct tenant_profile *p = &row->profile;
	tell(t, SLICE_FMT " %s %s", SLICE_ARG(row->name), policy->residencies[p->residency].name,
	     policy->cells[p->cell].name);
	if (p->tier[0]) tell(t, " tier %s", p->tier);
	if (p->country[0]) tell(t, " in %s", p->country);
	tell(t, " %d", p->consistency);
	if (p->bounded_ms) tell(t, "/%u", p->bounded_ms);
	for (int i = 0; i < p->preferred_count; i++)
		tell(t, " >%s", policy->regions[p->preferred[i]].name);
	for (int i = 0; i < row->attribute_count; i++)
		tell(t, " " SLICE_FMT "=" SLICE_FMT, SLICE_ARG(row->attributes[i].name),
		     SLICE_ARG(row->attributes[i].value));
	for (int i = 0; i < row->key_count; i++) tell(t, " #%d", row->keys[i][31]);
	tell(t, "\n");
}

/* The whole file, handed over `step` bytes at a time: rows and mistakes, a line each. */
static void read_all(enum tenant_format format, struct slice file, size_t step, struct told *t) {
	struct tenant_reader *r = tenant_reader_new(format, policy, "t");
	struct tenant_row row;
	struct policy_error error;
	size_t from = 0, to = 0, used = 0;
	enum err e = ERR_OK;
	assert_non_null(r);
	t->len = 0;
	t->text[0] = '\0';
	while (e != ERR_FORMAT && (from < file.len || to == 0)) {
		bool at_end = to == file.len;
		/* In memory of its own size: a sanitizer sees each byte read beyond. */
		uint8_t *piece = malloc(to - from ? to - from : 1);
		memcpy(piece, file.ptr + from, to - from);
		e = tenant_reader_next(r, slice_of(piece, to - from), at_end, &used, &row, &error);
		if (e) tell(t, "%d:%d: %s\n", error.line, error.column, error.text);
		if (!e && row.name.len) tell_row(t, &row);
		assert_true(used <= to - from);
		free(piece);
		from += used;
		if (used == 0 && !e && at_end) break;
		if (used == 0 && !e) to = file.len - to < step ? file.len : to + step;
	}
	tenant_reader_free(r);
}

static void says(enum tenant_format format, const char *file, const char *want) {
	static struct told whole, pieces;
	read_all(format, slice_str(file), SIZE_MAX / 2, &whole);
	assert_string_equal(whole.text, want);
	for (size_t step = 1; step < 40; step += 3) {
		read_all(format, slice_str(file), step, &pieces);
		assert_string_equal(pieces.text, want);
	}
}

/* --- CSV ------------------------------------------------------------------------------------ */

#define HEAD "id,residency,cell\n"

static void csv_rows_are_read(void **state) {
	says(TENANT_CSV,
	     "\xef\xbb\xbfid,residency,cell,tier,country,consistency,preferences,attr.plan,key\r\n"
	     "acme,us,us-1,gold,US,bounded=500ms,us-west us-east,\"a, \"\"b\"\"\"," KEY_1 " " KEY_2
	     "\r\n"
	     "globex,eu,eu-1,,,,,,\n"
	     "\"initech\",us,us-2,,DE,strong,,x y," KEY_2,
	     "acme us us-1 tier gold in US 2/500 >us-west >us-east plan=a, \"b\" #1 #255\n"
	     "globex eu eu-1 1\n"
	     "initech us us-2 in DE 0 plan=x y #255\n");
	says(TENANT_CSV, "cell,id,residency\nus-1,a,us\n", "a us us-1 1\n");
	says(TENANT_CSV, HEAD, "");
	says(TENANT_CSV, "", "");
}

static void csv_mistakes_are_placed_and_reading_goes_on(void **state) {
	static const struct {
		const char *file, *want;
	} rows[] = {
		{HEAD "a,uk,us-1\nb,us,us-1\n",
	         "2:3: no residency class is named 'uk' (did you mean 'us'?); expected one of: us, "
	         "eu\nb us us-1 1\n"},
		{HEAD "a,us,us-9\n",
	         "2:6: no cell is named 'us-9' (did you mean 'us-1'?); expected "
	         "one of: us-1, us-2, eu-1\n"},
		{HEAD "A,us,us-1\n", "2:1: 'A' is no id; expected 1 to 31 of a-z, 0-9 and '-', not "
	                             "beginning with '-'\n"},
		{HEAD ",us,us-1\n", "2:1: '' is no id; expected 1 to 31 of a-z, 0-9 and '-', not "
	                            "beginning with '-'\n"},
		{HEAD "a,us\n\nb,us,us-1\n", "2:1: 2 fields; expected 3, as in the header\n"
	                                     "3:1: 1 fields; expected 3, as in the header\n"
	                                     "b us us-1 1\n"},
		{HEAD "a,us,eu-1\n", "2:1: cell 'eu-1' keeps copies in eu-west, outside residency "
	                             "class 'us' (us-east, us-west); expected a cell within the "
	                             "class\n"},
		{HEAD "a,u\"s,us-1\nb,us,us-1\n", "2:4: found '\"' within a field; expected the "
	                                          "whole field in quotes, and quotes in "
	                                          "it twice\nb us us-1 1\n"},
		{HEAD "\"a\"b,us,us-1\n", "2:4: found text behind a quoted field; expected a comma "
	                                  "or the end of the line\n"},
		{HEAD "a,us,us-1\rb\n",
	         "2:10: found CR without LF; expected a comma or the end of the line\n"},
		{HEAD "\"a,us,us-1", "2:1: the quoted field does not end; expected '\"'\n"},
		{HEAD "\xc3\xa9\xff,us,us-1\n", "2:1: bytes that are no UTF-8; expected UTF-8\n"},
		{"id,residency,cell,attr.n\na,us,us-1,\"x\ny\"\nb,us,us-1,\xc3\xa9\n",
	         "2:11: attribute 'n': found 'x?y'; expected 0 to 256 bytes of text\n"
	         "b us us-1 1 n=\xc3\xa9\n"},
		{"id,residency,cell,key\na,us,us-1," KEY_1 " oops\nb,us,us-1," KEY_1 " " KEY_1 "\n",
	         "2:83: no hash of an API key (4 characters, not shown); expected \"sha256:\" and "
	         "64 digits 0-9 a-f\n"
	         "3:1: keys 1 and 2 are the same; expected each key once\n"},
		{"id,residency,cell,preferences\na,us,us-2,us-east\nb,us,us-1,us-east  us-west\n",
	         "2:1: us-east holds no copy of cell 'us-2'; expected one of: us-west\n"
	         "3:19: no region is named ''; expected one of: us-east, us-west, eu-west\n"},
		{"id,residency,cell,consistency,country\na,us,us-1,bounded=0ms,US\nb,us,us-1,,us\n",
	         "2:11: found 'bounded=0ms'; expected strong, session, eventual, or bounded=500ms "
	         "(1ms to 1d)\n"
	         "3:12: 'us' is no country; expected two capital letters (ISO 3166-1), such as "
	         "US\n"},
		/* Without a header nothing can be read. */
		{"id,residency,cel\na,us,us-1\n",
	         "1:14: no column is named 'cel' (did you mean 'cell'?); expected id, residency, "
	         "cell, tier, country, consistency, preferences, attr.NAME or key\n"},
		{"id,cell,id,residency\n", "1:9: column 'id' stands twice; expected each once\n"},
		{"id,attr.x,attr.x\n", "1:11: column 'attr.x' stands twice; expected each once\n"},
		{"id,residency\n", "1:1: the column 'cell' is missing; expected id, residency and "
	                           "cell at least\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		says(TENANT_CSV, rows[i].file, rows[i].want);
}

/* --- JSON lines ------------------------------------------------------------------------------ */

#define PLACED "\"residency\":\"us\",\"cell\":\"us-1\""

static void json_rows_are_read(void **state) {
	says(TENANT_JSON_LINES,
	     "{\"id\": \"acme\", \"residency\": \"us\", \"cell\": \"us-1\", \"tier\": \"gold\", "
	     "\"country\": \"US\", \"consistency\": \"bounded=500ms\", \"preferences\": "
	     "{\"regions\": [\"us-west\"]}, \"attributes\": {\"plan\": \"x\\u00e9\"}, \"keys\": "
	     "[\"" KEY_1 "\", \"" KEY_2 "\"]}\r\n"
	     "{\"id\":\"b\"," PLACED "}",
	     "acme us us-1 tier gold in US 2/500 >us-west plan=x\xc3\xa9 #1 #255\nb us us-1 1\n");
	says(TENANT_JSON_LINES, "", "");
}

static void json_mistakes_are_placed_and_reading_goes_on(void **state) {
	static const struct {
		const char *file, *want;
	} rows[] = {
		{"{\"id\":\"a\",\"residency\":\"us\",\"cell\":\"us-9\"}\n{\"id\":\"b\"," PLACED
	         "}\n",
	         "1:35: cell: no cell is named 'us-9' (did you mean 'us-1'?); expected one of: "
	         "us-1, "
	         "us-2, eu-1\nb us us-1 1\n"},
		{"{\"id\":\"a\",,}\n", "1:11: malformed: string or '}' expected; expected one JSON "
	                               "object a line\n"},
		{"{\"id\":\"a\",\"id\":\"b\"}\n", "1:14: malformed: duplicate object key; expected "
	                                          "one JSON object a line\n"},
		{"\n[]\n", "1:1: malformed: '[' or '{' expected; expected one JSON object a line\n"
	                   "2:1: found a list; expected an object\n"},
		{"{\"id\":7," PLACED "}\n", "1:7: id: found a number; expected a text\n"},
		{"{\"id\":\"a\",\"residency\":\"us\"}\n",
	         "1:1: the member 'cell' is missing; expected id, residency and cell at least\n"},
		{"{\"id\":\"a\"," PLACED ",\"teir\":\"x\"}\n",
	         "1:49: unknown member 'teir' (did you mean 'tier'?); expected id, residency, "
	         "cell, "
	         "tier, country, consistency, preferences, attributes or keys\n"},
		{"{\"id\":\"a\"," PLACED ",\"keys\":\"secret\"}\n",
	         "1:49: keys: found a text; expected a list of texts\n"},
		{"{\"id\":\"a\"," PLACED ",\"keys\": [\"secret\"]}\n",
	         "1:50: keys: no hash of an API key (6 characters, not shown); expected "
	         "\"sha256:\" "
	         "and 64 digits 0-9 a-f\n"},
		{"{\"id\":\"a\"," PLACED ",\"attributes\":{\"cell\":1}}\n",
	         "1:55: attributes: 'cell': found a number; expected a text\n"},
		{"{\"id\":\"a\"," PLACED ",\"preferences\":[\"us-west\"]}\n",
	         "1:56: preferences: found a list; expected an object\n"},
		{"{\"id\":\"a\",\"residency\":\"us\",\"cell\":\"eu-1\"}\n",
	         "1:1: cell 'eu-1' keeps copies in eu-west, outside residency class 'us' (us-east, "
	         "us-west); expected a cell within the class\n"},
		{"{\"id\":\"\xff\"}\n", "1:1: bytes that are no UTF-8; expected UTF-8\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		says(TENANT_JSON_LINES, rows[i].file, rows[i].want);
}

/* --- bounds ---------------------------------------------------------------------------------- */

static void a_record_without_end_is_skipped(void **state) {
	static struct told t;
	static const char *const heads[] = {HEAD "a,us,", "{\"id\":\"a\",\"x\":\""};
	static const char *const tails[] = {"\nb,us,us-1\n", "\"}\n{\"id\":\"b\"," PLACED "}\n"};
	static const char *const wants[] = {
		"2:1: the record does not end within 65536 bytes; expected a shorter one\n"
		"b us us-1 1\n",
		"1:1: the record does not end within 65536 bytes; expected a shorter one\n"
		"b us us-1 1\n"};
	for (int format = TENANT_CSV; format <= TENANT_JSON_LINES; format++) {
		size_t head = strlen(heads[format]), tail = strlen(tails[format]), fill = 200000;
		char *file = malloc(head + fill + tail);
		memcpy(file, heads[format], head);
		memset(file + head, 'x', fill);
		memcpy(file + head + fill, tails[format], tail);
		for (size_t step = 50000; step < 500000; step += 150000) {
			read_all((enum tenant_format)format, slice_of(file, head + fill + tail),
			         step, &t);
			assert_string_equal(t.text, wants[format]);
		}
		free(file);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_rows_are_read),
		cmocka_unit_test(csv_mistakes_are_placed_and_reading_goes_on),
		cmocka_unit_test(json_rows_are_read),
		cmocka_unit_test(json_mistakes_are_placed_and_reading_goes_on),
		cmocka_unit_test(a_record_without_end_is_skipped),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
