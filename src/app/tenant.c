/* `holdfast tenant`: makes, changes, shows and lists tenants, through any region's admin port. */
#include "app/tenant.h"
#include "base/parse.h"
#include "io/http_uri.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: holdfast tenant create NAME residency=CLASS cell=CELL [FIELD=VALUE…]\n"
	"       holdfast tenant set NAME FIELD=VALUE… [--if-match VERSION]\n"
	"       holdfast tenant set NAME --new-key\n"
	"       holdfast tenant show NAME\n"
	"       holdfast tenant list [--limit N] [--cursor C]\n"
	"       holdfast tenant import FILE [--keep-going] [--format csv|json]\n\n"
	"  create   a tenant; its API key is printed once and kept as a hash only\n"
	"  set      changes fields; FIELD= without a value takes one away. A tenant stays in its\n"
	"           residency class and cell: its data is there\n"
	"  list     all tenants, page by page\n"
	"  import   a file of tenants, all or none: CSV or JSON lines, - reads standard input.\n"
	"           Who exists already is changed to what the file says\n\n"
	"  FIELD is residency, cell, tier, country, consistency, regions (preferred ones, by\n"
	"  commas), explicit_failover, maintenance (02:00-04:00+02:00) or attr.NAME.\n\n"
	"      --if-match VERSION    set: only over this version, as show tells it\n"
	"      --keep-going          import: leave out rows that are wrong, and report them\n"
	"      --format FORMAT       import: csv or json; else by the file's name\n"
	"      --limit N             list: at most N (default: all)\n"
	"      --cursor C            list: go on where a limited list ended\n" TARGET_HELP
	"      --json                machine-readable output; a list as JSON lines\n\n"
	"Exit status: 0 done, 1 refused or not there, 2 usage.\n\n"
	"example: holdfast tenant create wayne residency=us cell=us-1 tier=gold attr.plan=pro\n";

enum { PAGE = 500 };

struct tenant {
	struct target_options where;
	const char *if_match, *new_key, *limit, *cursor, *json;
	struct tenant_import_options import;
	struct target target;
};

/* --- answers -------------------------------------------------------------------------------------- */

json_t *tenant_answer_json(const struct client_answer *a) {
	struct slice body = buf_slice(&a->body);
	return json_loadb((const char *)body.ptr, body.len, 0, NULL);
}

int tenant_refused(const char *what, const struct client_answer *a) {
	json_t *problem = tenant_answer_json(a);
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *title = json_string_value(json_object_get(problem, "title"));
	complain("tenant %s: %s (HTTP %d): %s", what, title ? title : "refused", a->status,
	         detail ? detail : "no detail was given");
	json_decref(problem);
	return EXIT_NO;
}

static void print_json(const json_t *o) {
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
}

static const char *text_of(const json_t *o, const char *name) {
	const char *text = json_string_value(json_object_get(o, name));
	return text ? text : "";
}

static void print_list(const char *label, const json_t *list) {
	size_t i;
	json_t *one;
	if (json_array_size(list) == 0) return;
	printf("  %-18s", label);
	json_array_foreach(list, i, one) printf("%s%s", i ? " " : "", json_string_value(one));
	putchar('\n');
}

static void print_row(const json_t *row) {
	static const char *const fields[] = {"residency",   "cell",   "tier",   "country",
	                                     "consistency", "source", "version"};
	json_t *preferences = json_object_get(row, "preferences"), *value;
	json_t *window = json_object_get(preferences, "maintenance");
	const char *name;
	printf("%s\n", text_of(row, "id"));
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (*text_of(row, fields[i]))
			printf("  %-18s%s\n", fields[i], text_of(row, fields[i]));
	print_list("regions", json_object_get(preferences, "regions"));
	if (json_is_true(json_object_get(preferences, "explicit_failover")))
		printf("  %-18s%s\n", "explicit_failover", "true");
	if (window)
		printf("  %-18s%s-%s%s\n", "maintenance", text_of(window, "from"),
		       text_of(window, "to"), text_of(window, "zone"));
	json_object_foreach(json_object_get(row, "attributes"), name, value)
		printf("  attr.%-13s%s\n", name, json_string_value(value));
	print_list("keys", json_object_get(row, "keys"));
}

static void print_changed(const struct tenant *c, const json_t *row, const char *what) {
	const char *key = json_string_value(json_object_get(row, "key"));
	if (c->json) {
		print_json(row);
		return;
	}
	printf("%s: ", what);
	print_row(row);
	if (key) printf("\nAPI key, shown this once: %s\n", key);
}

/* --- fields ---------------------------------------------------------------------------------------- */

/* `name` of `object`, made if it is not there yet. */
static json_t *inner(json_t *object, const char *name) {
	json_t *own = json_object_get(object, name);
	if (own) return own;
	json_object_set_new(object, name, json_object());
	return json_object_get(object, name);
}

static json_t *list_of(struct slice text) {
	json_t *list = json_array();
	while (text.len) {
		struct slice one = slice_cut(&text, ',');
		json_array_append_new(list, json_stringn((const char *)one.ptr, one.len));
	}
	return list;
}

/* "02:00-04:00+02:00"; what it means is checked by the region. */
static json_t *window_of(struct slice text) {
	struct slice from = slice_cut(&text, '-');
	struct slice to = slice_of(text.ptr, text.len < 5 ? text.len : 5);
	struct slice zone = slice_of(text.ptr + to.len, text.len - to.len);
	json_t *o = json_object();
	json_object_set_new(o, "from", json_stringn((const char *)from.ptr, from.len));
	json_object_set_new(o, "to", json_stringn((const char *)to.ptr, to.len));
	if (zone.len)
		json_object_set_new(o, "zone", json_stringn((const char *)zone.ptr, zone.len));
	return o;
}

static json_t *value_of(const char *field, struct slice value) {
	if (value.len == 0) return json_null();
	if (strcmp(field, "regions") == 0) return list_of(value);
	if (strcmp(field, "maintenance") == 0) return window_of(value);
	if (strcmp(field, "explicit_failover") == 0 && slice_is(value, "true")) return json_true();
	if (strcmp(field, "explicit_failover") == 0 && slice_is(value, "false"))
		return json_false();
	return json_stringn((const char *)value.ptr, value.len);
}

/* Adds FIELD=VALUE to the body. */
static bool add_field(json_t *body, const char *word) {
	static const char *const plain[] = {"residency", "cell", "tier", "country", "consistency"};
	static const char *const preferred[] = {"regions", "explicit_failover", "maintenance"};
	const char *equals = strchr(word, '=');
	char field[80];
	if (!equals || equals == word || equals - word >= (ptrdiff_t)sizeof(field)) {
		complain("tenant: %s: must be FIELD=VALUE: see holdfast tenant --help", word);
		return false;
	}
	snprintf(field, sizeof(field), "%.*s", (int)(equals - word), word);
	json_t *value = value_of(field, slice_str(equals + 1));
	if (!value) {
		complain("tenant: %s: must be UTF-8", field);
		return false;
	}
	if (strncmp(field, "attr.", 5) == 0)
		return json_object_set_new(inner(body, "attributes"), field + 5, value) == 0;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (strcmp(field, plain[i]) == 0)
			return json_object_set_new(body, field, value) == 0;
	for (size_t i = 0; i < sizeof(preferred) / sizeof(*preferred); i++)
		if (strcmp(field, preferred[i]) == 0)
			return json_object_set_new(inner(body, "preferences"), field, value) == 0;
	json_decref(value);
	complain("tenant: %s: no such field: must be residency, cell, tier, country, consistency, "
	         "regions, explicit_failover, maintenance or attr.NAME",
	         field);
	return false;
}

/* --- commands ------------------------------------------------------------------------------------- */

static bool send_it(struct tenant *c, const char *method, const char *path, const json_t *body,
                    struct client_answer *a) {
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	char match[100];
	struct http_header fields[1];
	struct client_request r = {.method = method,
	                           .target = path,
	                           .body = slice_str(text ? text : ""),
	                           .first = c->target.first,
	                           .fields = fields,
	                           .repeatable = strcmp(method, "POST") != 0};
	struct fault fault = {0};
	if (c->if_match) {
		snprintf(match, sizeof(match), "\"%s\"", c->if_match);
		fields[r.field_count++] = (struct http_header){.name = SLICE_LIT("If-Match"),
		                                               .value = slice_str(match)};
	}
	enum err e = client_send(c->target.client, &r, a, &fault);
	free(text);
	if (e) {
		complain("tenant: %s", fault.text);
		client_answer_done(a);
	}
	return !e;
}

static int change(struct tenant *c, const char *method, const char *path, const json_t *body,
                  const char *what, const char *done) {
	struct client_answer a;
	if (!send_it(c, method, path, body, &a)) return EXIT_NO;
	json_t *row = a.status < 300 ? tenant_answer_json(&a) : NULL;
	int status = row ? EXIT_YES : tenant_refused(what, &a);
	if (row) print_changed(c, row, done);
	json_decref(row);
	client_answer_done(&a);
	return status;
}

/* `/admin/v1/tenants/NAME…`; a name of ours needs no encoding, and any other is refused here. */
static bool path_of(const char *name, const char *more, char out[160]) {
	if (!name_valid(slice_str(name), 31)) {
		complain("tenant: %s: no id of a tenant: must be 1 to 31 of a-z, 0-9 and '-', not "
		         "beginning with '-'",
		         name);
		return false;
	}
	snprintf(out, 160, "/admin/v1/tenants/%s%s", name, more);
	return true;
}

static int create(struct tenant *c, int words, char **argv) {
	json_t *body = json_pack("{s:s}", "id", argv[1]);
	int status = EXIT_USAGE;
	bool good = body != NULL;
	for (int i = 2; good && i < words; i++) good = add_field(body, argv[i]);
	if (good && (!json_object_get(body, "residency") || !json_object_get(body, "cell"))) {
		complain("tenant create: residency=CLASS and cell=CELL say where the data lives: "
		         "give both; the policy has their names");
		good = false;
	}
	if (good) status = change(c, "POST", "/admin/v1/tenants", body, "create", "made");
	json_decref(body);
	return status;
}

static int set(struct tenant *c, int words, char **argv) {
	char path[160];
	json_t *body = json_object();
	bool good = path_of(argv[1], c->new_key ? "/keys" : "", path);
	int status = EXIT_USAGE;
	for (int i = 2; good && i < words; i++) good = add_field(body, argv[i]);
	if (good && !c->new_key == !(words > 2)) {
		complain("tenant set: give either FIELD=VALUE… or --new-key");
		good = false;
	}
	if (good)
		status = c->new_key ? change(c, "POST", path, NULL, "set", "changed")
		                    : change(c, "PATCH", path, body, "set", "changed");
	json_decref(body);
	return status;
}

static int show(struct tenant *c, const char *name) {
	char path[160];
	struct client_answer a;
	if (!path_of(name, "", path)) return EXIT_USAGE;
	if (!send_it(c, "GET", path, NULL, &a)) return EXIT_NO;
	json_t *row = a.status == 200 ? tenant_answer_json(&a) : NULL;
	int status = row ? EXIT_YES : tenant_refused("show", &a);
	if (row && strlen(a.etag) == 18) /* without its quotes */
		json_object_set_new(row, "version", json_stringn(a.etag + 1, 16));
	if (row && c->json)
		print_json(row);
	else if (row)
		print_row(row);
	json_decref(row);
	client_answer_done(&a);
	return status;
}

static void print_page(const struct tenant *c, const json_t *items) {
	size_t i;
	json_t *row;
	json_array_foreach(items, i, row) {
		if (c->json)
			print_json(row);
		else
			printf("%-32s %-14s %-14s %-10s %-16s %s\n", text_of(row, "id"),
			       text_of(row, "residency"), text_of(row, "cell"),
			       text_of(row, "tier"), text_of(row, "consistency"),
			       text_of(row, "source"));
	}
}

static int list(struct tenant *c) {
	uint64_t most = UINT64_MAX, shown = 0;
	char cursor[80] = "";
	int status = EXIT_YES;
	if (c->limit &&
	    (parse_u64(slice_str(c->limit), UINT64_MAX, &most) != ERR_OK || most == 0)) {
		complain("tenant list: --limit %s: must be a number from 1 on", c->limit);
		return EXIT_USAGE;
	}
	if (c->cursor) snprintf(cursor, sizeof(cursor), "%s", c->cursor);
	if (!c->json)
		printf("%-32s %-14s %-14s %-10s %-16s %s\n", "ID", "RESIDENCY", "CELL", "TIER",
		       "CONSISTENCY", "SOURCE");
	do {
		char path[200];
		struct client_answer a;
		uint64_t left = most - shown;
		snprintf(path, sizeof(path), "/admin/v1/tenants?limit=%d&cursor=%.78s",
		         left < PAGE ? (int)left : PAGE, cursor);
		if (!send_it(c, "GET", path, NULL, &a)) return EXIT_NO;
		json_t *page = a.status == 200 ? tenant_answer_json(&a) : NULL;
		if (!page) status = tenant_refused("list", &a);
		print_page(c, json_object_get(page, "items"));
		shown += json_array_size(json_object_get(page, "items"));
		snprintf(cursor, sizeof(cursor), "%s", text_of(page, "cursor"));
		json_decref(page);
		client_answer_done(&a);
	} while (status == EXIT_YES && *cursor && shown < most);
	if (*cursor) fprintf(stderr, "more: holdfast tenant list --cursor %s\n", cursor);
	return status;
}

static int run(struct tenant *c, int words, char **argv) {
	if (strcmp(argv[0], "create") == 0 && words >= 2) return create(c, words, argv);
	if (strcmp(argv[0], "set") == 0 && words >= 2) return set(c, words, argv);
	if (strcmp(argv[0], "show") == 0 && words == 2) return show(c, argv[1]);
	if (strcmp(argv[0], "list") == 0 && words == 1) return list(c);
	if (strcmp(argv[0], "import") == 0 && words == 2) {
		c->import.file = argv[1];
		c->import.json = c->json;
		return tenant_import(&c->target, &c->import);
	}
	complain("tenant: must be create, set or show with a NAME, list, or import FILE: see "
	         "holdfast tenant --help");
	return EXIT_USAGE;
}

int command_tenant(int argc, char **argv) {
	struct tenant c = {0};
	const struct option_spec specs[] = {TARGET_OPTIONS(c.where),
	                                    {"if-match", true, &c.if_match},
	                                    {"new-key", false, &c.new_key},
	                                    {"limit", true, &c.limit},
	                                    {"cursor", true, &c.cursor},
	                                    {"keep-going", false, &c.import.keep_going},
	                                    {"format", true, &c.import.format},
	                                    {"json", false, &c.json},
	                                    {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	static const char *const known[] = {"create", "set", "show", "list", "import"};
	bool is_known = false;
	for (size_t i = 0; words > 0 && i < sizeof(known) / sizeof(*known); i++)
		is_known |= strcmp(argv[0], known[i]) == 0;
	if (!is_known || (words < 2 && strcmp(argv[0], "list") != 0)) {
		complain("tenant: must be create, set or show with a NAME, list, or import FILE: "
		         "see "
		         "holdfast tenant --help");
		return EXIT_USAGE;
	}
	int status = EXIT_NO;
	if (target_open(&c.where, TARGET_ADMIN, false, 15000, &c.target) == ERR_OK)
		status = run(&c, words, argv);
	target_close(&c.target);
	return status;
}
