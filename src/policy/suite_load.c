/* Tests of a policy out of YAML. A request and a world are turned into JSON and read by what reads them
 * everywhere else; what is wrong there is told at its place in the file. */
#include <stdlib.h>

#include "base/parse.h"
#include "policy/doc.h"
#include "policy/suite_private.h"

enum { NAME_MAX_BYTES = 200, SUITE_ARENA_MAX = 256 << 20 };

struct suite_source {
	const char *description;
	const struct doc_node *sections;
};
struct section_source {
	const char *name;
	const struct doc_node *tests;
};
struct case_source {
	const char *name;
	const struct doc_node *request, *world, *output;
};

#define ROW(key_, kind, in, member, ...)                                                           \
	{ .key = key_, .type = FIELD_##kind, .offset = offsetof(struct in, member), __VA_ARGS__ }
#define TEXT_ROW(key_, in, member, must)                                                           \
	ROW(key_, TEXT, in, member, .required = must, .min = 1, .max = NAME_MAX_BYTES)

static const struct field suite_fields[] = {
	TEXT_ROW("description", suite_source, description, false),
	ROW("sections", SEQUENCE, suite_source, sections, .required = true),
	{NULL},
};
static const struct field section_fields[] = {
	TEXT_ROW("name", section_source, name, true),
	ROW("tests", SEQUENCE, section_source, tests, .required = true),
	{NULL},
};
static const struct field input_fields[] = {
	ROW("request", MAPPING, case_source, request, .required = true),
	ROW("world", MAPPING, case_source, world),
	{NULL},
};
static const struct field case_fields[] = {
	TEXT_ROW("name", case_source, name, true),
	{.key = "input", .type = FIELD_GROUP, .fields = input_fields, .required = true},
	ROW("output", MAPPING, case_source, output, .required = true),
	{NULL},
};

struct loading {
	struct doc doc;
	const struct policy *policy;
	struct suite *suite;
	struct suite_private *own;
	struct whatif world;       /* scratch: to see whether a world can be read */
	struct decide_input input; /* and a request */
};

/* --- YAML into JSON ------------------------------------------------------------------------ */

static json_t *scalar_json(const struct doc_node *n) {
	struct slice t = n->text;
	int64_t whole;
	if (!n->plain) return json_stringn((const char *)t.ptr, t.len);
	if (doc_null(n)) return json_null();
	if (slice_is(t, "true")) return json_true();
	if (slice_is(t, "false")) return json_false();
	if (parse_i64(t, &whole) == ERR_OK) return json_integer(whole);
	char *end;
	const char *text = (const char *)t.ptr; /* NUL follows */
	bool starts_a_number = (text[0] >= '0' && text[0] <= '9') || text[0] == '-';
	double fraction = starts_a_number ? strtod(text, &end) : 0;
	if (starts_a_number && end == text + t.len) return json_real(fraction);
	return json_stringn(text, t.len);
}

/* NULL: no memory. The tree's depth is bounded by the reader of YAML. */
static json_t *node_json(const struct doc_node *n) {
	if (n->kind == DOC_SCALAR) return scalar_json(n);
	json_t *out = n->kind == DOC_MAPPING ? json_object() : json_array();
	for (const struct doc_node *c = n->first; out && c; c = c->next) {
		json_t *value = node_json(c);
		int failed = n->kind == DOC_MAPPING
		                     ? json_object_set_new(out, (const char *)c->key.ptr, value)
		                     : json_array_append_new(out, value);
		if (!failed) continue;
		json_decref(out);
		return NULL;
	}
	return out;
}

/* The node that a path such as `client.ip` leads to; keys may have dots themselves. */
static const struct doc_node *node_at(const struct doc_node *n, struct slice path) {
	for (const struct doc_node *c = n->kind == DOC_MAPPING ? n->first : NULL; c; c = c->next) {
		if (path.len == 0 || !slice_starts(path, c->key)) continue;
		size_t skip = c->key.len;
		if (skip == path.len) return c;
		if (path.ptr[skip] != '.') continue;
		return node_at(c, slice_of(path.ptr + skip + 1, path.len - skip - 1));
	}
	return n;
}

static void note(struct loading *l, const struct doc_node *root, const struct json_mistake *m) {
	const struct doc_node *at = node_at(root, slice_str(m->path));
	if (strncmp(m->text, "unknown key", 11) == 0)
		doc_error_key(&l->doc, at, "%s", m->text);
	else
		doc_error(&l->doc, at, "%s", m->text);
}

/* --- cases --------------------------------------------------------------------------------- */

static void load_request(struct loading *l, const struct doc_node *n, struct suite_case *c) {
	struct json_mistake m = {{0}};
	c->request = node_json(n);
	decide_input_init(&l->input, -1, -1);
	if (!c->request)
		l->doc.no_memory = true;
	else if (decide_input_read(l->policy, c->request, &l->input, &m))
		note(l, n, &m);
}

static void load_world(struct loading *l, const struct doc_node *n, struct suite_case *c) {
	struct json_mistake m = {{0}};
	if (!n) return;
	c->world = node_json(n);
	whatif_heal(&l->world, l->policy);
	if (!c->world)
		l->doc.no_memory = true;
	else if (decide_world_read(l->policy, c->world, &l->world, &m))
		note(l, n, &m);
}

static void load_case(struct loading *l, const char *section, const struct doc_node *n) {
	struct suite_case *c = &l->suite->cases[l->suite->count];
	struct case_source s = {.name = ""};
	if (n->kind != DOC_MAPPING) {
		doc_error(&l->doc, n, "found %s; expected a test: name, input, output",
		          doc_found(n).text);
		return;
	}
	doc_read(&l->doc, n, case_fields, &s);
	l->suite->count++;
	*c = (struct suite_case){
		.section = section, .name = s.name, .line = (int)n->line, .column = (int)n->column};
	if (s.request) load_request(l, s.request, c);
	load_world(l, s.world, c);
	if (s.output) suite_output_load(&l->doc, l->policy, s.output, &c->output);
}

static void load_section(struct loading *l, const struct doc_node *n) {
	struct section_source s = {.name = ""};
	if (n->kind != DOC_MAPPING) {
		doc_error(&l->doc, n, "found %s; expected a section: name, tests",
		          doc_found(n).text);
		return;
	}
	doc_read(&l->doc, n, section_fields, &s);
	for (const struct doc_node *c = s.tests ? s.tests->first : NULL; c; c = c->next)
		load_case(l, s.name, c);
}

/* Room for all cases that the lists could hold. */
static bool make_room(struct loading *l, const struct doc_node *sections) {
	size_t count = 0;
	for (const struct doc_node *n = sections->first; n; n = n->next) {
		const struct doc_node *tests = doc_child(n, "tests");
		count += tests ? tests->count : 0;
	}
	if (count > SUITE_CASES_MAX) {
		doc_error(&l->doc, sections, "%zu tests; expected at most %d in a file", count,
		          SUITE_CASES_MAX);
		return false;
	}
	l->suite->cases = calloc(count + 1, sizeof *l->suite->cases);
	if (!l->suite->cases) l->doc.no_memory = true;
	return l->suite->cases != NULL;
}

static void load_suite(struct loading *l) {
	const struct doc_node *root = l->doc.root;
	struct suite_source s = {.description = ""};
	if (!root || root->kind != DOC_MAPPING) {
		mistake_add(&l->doc.mistakes, 1, 1, "expected the key sections: a list of tests");
		return;
	}
	doc_read(&l->doc, root, suite_fields, &s);
	l->suite->description = s.description;
	if (!s.sections || !make_room(l, s.sections)) return;
	for (const struct doc_node *n = s.sections->first; n; n = n->next) load_section(l, n);
}

static struct suite *suite_new(const char *file) {
	struct suite *s = calloc(1, sizeof *s);
	struct suite_private *own = calloc(1, sizeof *own);
	if (!s || !own) {
		free(s);
		free(own);
		return NULL;
	}
	s->file = file;
	s->private = own;
	arena_init(&own->arena, SUITE_ARENA_MAX);
	return s;
}

void suite_free(struct suite *s) {
	if (!s) return;
	for (int i = 0; i < s->count; i++) {
		json_decref(s->cases[i].request);
		json_decref(s->cases[i].world);
	}
	free(s->cases);
	arena_done(&s->private->arena);
	free(s->private);
	free(s);
}

enum err suite_load(struct slice yaml, const char *file, const struct policy *p,
                    void (*report)(void *arg, const struct policy_error *e), void *arg,
                    struct suite **out) {
	struct loading *l = calloc(1, sizeof *l);
	struct suite *s = l ? suite_new(file) : NULL;
	uint64_t seed[2];
	*out = NULL;
	if (!s || whatif_init(&l->world, p)) {
		suite_free(s);
		free(l);
		return ERR_NO_MEMORY;
	}
	memcpy(seed, p->hash, sizeof seed);
	l->policy = p;
	l->suite = s;
	l->own = s->private;
	doc_init(&l->doc, file, &l->own->arena, seed);
	enum err parsed = doc_parse(&l->doc, yaml);
	if (!parsed) load_suite(l);
	enum err e = doc_finish(&l->doc, report, arg);
	if (parsed) e = parsed;
	doc_done(&l->doc);
	whatif_done(&l->world);
	free(l);
	if (e)
		suite_free(s);
	else
		*out = s;
	return e;
}
