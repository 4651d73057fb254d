/* `holdfast data`: one key or a scan, through any region that lives. */
#include "app/target.h"
#include "base/bytes.h"
#include "base/parse.h"
#include "io/http_uri.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
	"usage: holdfast data get DOMAIN/KEY\n"
	"       holdfast data put DOMAIN/KEY VALUE|-\n"
	"       holdfast data delete DOMAIN/KEY\n"
	"       holdfast data scan DOMAIN[/PREFIX]\n\n"
	"  VALUE - reads standard input.\n"
	"      --tenant NAME         whose key of the playground to use (default acme)\n"
	"      --key KEY             an API key (or HOLDFAST_KEY)\n" TARGET_HELP
	"      --consistency C       strong, session, bounded=500ms or eventual\n"
	"      --if-match VERSION    put, delete: only over this version\n"
	"      --if-none-match       put: only where there is nothing yet\n"
	"      --ttl DURATION        put: gone after, for example 12h\n"
	"      --limit N             scan: at most N keys (default 100; 0: all)\n"
	"      --json                machine-readable output\n\n"
	"Exit status: 0 done, 1 not found or refused, 2 usage.\n\n"
	"example: holdfast data put billing/invoice-7 paid --ttl 12h --tenant globex\n";

struct data {
	struct target_options where;
	const char *consistency, *if_match, *if_none_match, *ttl, *limit, *json;
	struct target target;
	uint64_t most; /* keys to scan; 0: all */
	struct http_header fields[8];
	int field_count;
	char version[80];
	struct buf path;
};

static void field(struct data *d, const char *name, const char *value) {
	if (value)
		d->fields[d->field_count++] =
			(struct http_header){.name = slice_str(name), .value = slice_str(value)};
}

static int refuse(const char *what, const struct client_answer *a) {
	json_t *problem = json_loadb((const char *)buf_slice(&a->body).ptr, a->body.len, 0, NULL);
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *title = json_string_value(json_object_get(problem, "title"));
	complain("data %s: %s (HTTP %d): %s", what, title ? title : "refused", a->status,
	         detail ? detail : "no detail was given");
	json_decref(problem);
	return EXIT_NO;
}

static bool send_it(struct data *d, const char *method, struct slice body,
                    struct client_answer *a) {
	const char *target;
	struct fault fault;
	if (buf_cstr(&d->path, &target) != ERR_OK) return false;
	struct client_request r = {.method = method,
	                           .target = target,
	                           .fields = d->fields,
	                           .field_count = d->field_count,
	                           .body = body,
	                           .first = d->target.first,
	                           .repeatable = true,
	                           .once = strcmp(method, "GET") != 0};
	if (client_send(d->target.client, &r, a, &fault) == ERR_OK) return true;
	complain("data: %s", fault.text);
	client_answer_done(a);
	return false;
}

/* The version without the quotes that it wears as an ETag. */
static const char *version_of(struct client_answer *a) {
	size_t len = strlen(a->etag);
	if (len < 2 || a->etag[0] != '"' || a->etag[len - 1] != '"') return a->etag;
	a->etag[len - 1] = 0;
	return a->etag + 1;
}

static int data_get(struct data *d) {
	struct client_answer a;
	if (!send_it(d, "GET", slice_of(NULL, 0), &a)) return EXIT_NO;
	int status = EXIT_YES;
	if (a.status != 200) {
		status = refuse("get", &a);
	} else if (d->json) {
		struct slice v = buf_slice(&a.body);
		json_t *text = json_stringn((const char *)v.ptr, v.len);
		char *coded = text ? NULL : malloc(v.len * 4 / 3 + 8);
		if (coded) coded[base64url_encode(v, coded)] = 0;
		json_t *o = json_pack("{s:s,s:s}", "version", version_of(&a), "region", a.region);
		if (text)
			json_object_set_new(o, "value", text);
		else
			json_object_set_new(o, "base64", json_string(coded));
		json_dumpf(o, stdout, 0);
		putchar('\n');
		json_decref(o);
		free(coded);
	} else {
		fwrite(buf_slice(&a.body).ptr, 1, a.body.len, stdout);
		if (isatty(STDOUT_FILENO)) putchar('\n');
	}
	client_answer_done(&a);
	return status;
}

static bool read_stdin(struct buf *in) {
	char chunk[65536];
	size_t n;
	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		if (buf_append(in, chunk, n) != ERR_OK) {
			complain("data put: the value is over 4 MiB: store it in parts");
			return false;
		}
	return true;
}

static int data_put(struct data *d, const char *value) {
	struct client_answer a;
	struct buf in;
	int status = EXIT_NO;
	buf_init(&in, 4 << 20);
	struct slice body = slice_str(value);
	bool read = strcmp(value, "-") != 0 || read_stdin(&in);
	if (strcmp(value, "-") == 0) body = buf_slice(&in);
	field(d, "Holdfast-TTL", d->ttl);
	field(d, "If-Match", d->if_match ? d->version : NULL);
	field(d, "If-None-Match", d->if_none_match ? "*" : NULL);
	if (read && send_it(d, "PUT", body, &a)) {
		status = EXIT_YES;
		if (a.status != 204)
			status = refuse("put", &a);
		else if (d->json)
			printf("{\"version\":\"%s\",\"region\":\"%s\"}\n", version_of(&a),
			       a.region);
		else
			printf("stored as version %s in %s\n", version_of(&a), a.region);
		client_answer_done(&a);
	}
	buf_done(&in);
	return status;
}

static int data_delete(struct data *d) {
	struct client_answer a;
	field(d, "If-Match", d->if_match ? d->version : NULL);
	if (!send_it(d, "DELETE", slice_of(NULL, 0), &a)) return EXIT_NO;
	int status = EXIT_YES;
	if (a.status != 204)
		status = refuse("delete", &a);
	else if (d->json)
		printf("{\"region\":\"%s\"}\n", a.region);
	else
		printf("deleted in %s\n", a.region);
	client_answer_done(&a);
	return status;
}

/* One line of a table: what a tenant stored must not move the cursor of who looks at it. */
static void print_line(const char *value) {
	enum { LINE_MAX_BYTES = 100 };
	size_t n = 0;
	for (; value[n] && n < LINE_MAX_BYTES; n++) {
		unsigned char c = (unsigned char)value[n];
		putchar(c < 0x20 || c == 0x7f ? '.' : c);
	}
	while (((unsigned char)value[n] & 0xc0) == 0x80)
		putchar(value[n++]); /* not within a letter */
	puts(value[n] ? "…" : "");
}

static void print_items(struct data *d, json_t *items) {
	size_t i;
	json_t *item;
	json_array_foreach(items, i, item) {
		if (d->json) {
			json_dumpf(item, stdout, 0);
			putchar('\n');
			continue;
		}
		const char *value = json_string_value(json_object_get(item, "value"));
		printf("%-40s %-12s ", json_string_value(json_object_get(item, "key")),
		       json_string_value(json_object_get(item, "version")));
		print_line(value ? value : "(binary; see --json)");
	}
}

/* Pages until the limit; the prefix and domain are in d->path already. */
static int data_scan(struct data *d) {
	uint64_t left = d->most;
	bool all = left == 0;
	size_t base_len = d->path.len;
	char cursor[1400] = "";
	for (;;) {
		struct client_answer a;
		uint64_t page = all || left > 1000 ? 1000 : left;
		buf_truncate(&d->path, base_len);
		if (buf_printf(&d->path, "&limit=%llu%s%s", (unsigned long long)page,
		               cursor[0] ? "&cursor=" : "", cursor) != ERR_OK ||
		    !send_it(d, "GET", slice_of(NULL, 0), &a))
			return EXIT_NO;
		if (a.status != 200) {
			int status = refuse("scan", &a);
			client_answer_done(&a);
			return status;
		}
		json_t *root =
			json_loadb((const char *)buf_slice(&a.body).ptr, a.body.len, 0, NULL);
		json_t *items = json_object_get(root, "items");
		const char *next = json_string_value(json_object_get(root, "cursor"));
		print_items(d, items);
		uint64_t got = json_array_size(items);
		snprintf(cursor, sizeof(cursor), "%s", next ? next : "");
		json_decref(root);
		client_answer_done(&a);
		if (!cursor[0] || (!all && got >= left)) return EXIT_YES;
		left -= all ? 0 : got;
	}
}

/* "domain/key" → /v1/data/domain/key, or for a scan /v1/data/domain?prefix=… */
static enum err make_path(struct data *d, const char *name, bool scan) {
	struct slice rest = slice_str(name);
	struct slice domain = slice_cut(&rest, '/');
	enum err e = buf_append_str(&d->path, "/v1/data/");
	if (!e) e = http_uri_encode(&d->path, domain, false);
	if (!e) e = buf_append_str(&d->path, scan ? "?prefix=" : "/");
	return e ? e : http_uri_encode(&d->path, rest, !scan);
}

static const char *const verbs[] = {"get", "put", "delete", "scan"};
enum { VERB_GET, VERB_PUT, VERB_DELETE, VERB_SCAN, VERB_COUNT };

/* VERB_COUNT: none of them, or with too few or too many words. */
static int verb_of(char **argv, int words) {
	int verb = 0;
	while (words && verb < VERB_COUNT && strcmp(argv[0], verbs[verb]) != 0) verb++;
	return words == (verb == VERB_PUT ? 3 : 2) ? verb : VERB_COUNT;
}

static int run(struct data *d, int verb, char **argv) {
	switch (verb) {
	case VERB_GET: return data_get(d);
	case VERB_PUT: return data_put(d, argv[2]);
	case VERB_DELETE: return data_delete(d);
	default: return data_scan(d);
	}
}

int command_data(int argc, char **argv) {
	struct data d = {0};
	const struct option_spec specs[] = {
		TARGET_OPTIONS(d.where),         {"tenant", true, &d.where.tenant},
		{"key", true, &d.where.key},     {"consistency", true, &d.consistency},
		{"if-match", true, &d.if_match}, {"if-none-match", false, &d.if_none_match},
		{"ttl", true, &d.ttl},           {"limit", true, &d.limit},
		{"json", false, &d.json},        {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	int verb = verb_of(argv, words);
	if (verb == VERB_COUNT) {
		complain("data: must be get KEY, put KEY VALUE, delete KEY or scan DOMAIN: see "
		         "holdfast data --help");
		return EXIT_USAGE;
	}
	/* An ETag on the wire has quotes; people paste it with or without. */
	if (d.if_match) {
		bool quoted = d.if_match[0] == '"' || strcmp(d.if_match, "*") == 0;
		snprintf(d.version, sizeof(d.version), quoted ? "%s" : "\"%s\"", d.if_match);
	}
	const char *slash = strchr(argv[1], '/');
	if (verb != VERB_SCAN && (!slash || !slash[1])) {
		complain("data: %s: a key is DOMAIN/KEY: see holdfast data --help", argv[1]);
		return EXIT_USAGE;
	}
	d.most = 100;
	if (d.limit && parse_u64(slice_str(d.limit), UINT64_MAX, &d.most) != ERR_OK) {
		complain("data: --limit %s: must be a number; 0 for all", d.limit);
		return EXIT_USAGE;
	}
	buf_init(&d.path, 16384);
	int status = EXIT_NO;
	if (make_path(&d, argv[1], verb == VERB_SCAN) == ERR_OK &&
	    target_open(&d.where, TARGET_HTTP, true, 0, &d.target) == ERR_OK) {
		field(&d, "Holdfast-Consistency", d.consistency);
		status = run(&d, verb, argv);
	}
	target_close(&d.target);
	buf_done(&d.path);
	return status;
}
