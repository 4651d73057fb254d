/* From bytes to a tree: libyaml's events, under our limits. Events and not libyaml's
 * documents, because a document has forgotten where an alias or a tag stood.
 * May not know what any key means. */
#include <yaml.h>

#include "base/assert.h"
#include "base/map.h"
#include "policy/doc.h"

enum { PAIRWISE_MAX = 12 }; /* keys of a mapping that are compared pair by pair; a map above */
enum { DOC_ARENA_MAX = 1 << 30 };

struct level {
	struct doc_node *node, *last;
	bool has_key; /* a key was read, its value comes next */
	struct slice key;
	uint32_t key_line, key_column;
};
struct builder {
	struct doc *doc;
	yaml_parser_t parser;
	struct level levels[DOC_DEPTH_MAX];
	int depth;
	uint32_t node_count;
};

void doc_init(struct doc *d, const char *file, struct arena *keep, const uint64_t seed[2]) {
	d->root = NULL;
	d->keep = keep;
	d->no_memory = false;
	d->source = (struct slice){0};
	d->seed[0] = seed[0];
	d->seed[1] = seed[1];
	arena_init(&d->arena, DOC_ARENA_MAX);
	mistakes_init(&d->mistakes, file);
}

void doc_done(struct doc *d) {
	if (!d) return;
	arena_done(&d->arena);
	d->root = NULL;
}

enum err doc_finish(struct doc *d, void (*report)(void *arg, const struct policy_error *e),
                    void *arg) {
	enum err e = mistakes_report(&d->mistakes, report, arg);
	return d->no_memory ? ERR_NO_MEMORY : e;
}

static uint32_t mark_line(yaml_mark_t m) {
	return (uint32_t)m.line + 1;
}

static uint32_t mark_column(yaml_mark_t m) {
	return (uint32_t)m.column + 1;
}

/* --- keys that stand twice ------------------------------------------------------ */

static void note_duplicate(struct doc *d, const struct doc_node *first,
                           const struct doc_node *again) {
	doc_error_key(d, again, "is given twice, first in line %u; expected once", first->key_line);
}

/* The earlier child of that key; a map is filled on the way when one is given. */
static struct doc_node *find_earlier(struct map *seen, const struct doc_node *map,
                                     const struct doc_node *child) {
	if (seen) return map_get(seen, child->key);
	for (struct doc_node *c = map->first; c != child; c = c->next)
		if (slice_eq(c->key, child->key)) return c;
	return NULL;
}

static enum err drop_duplicates(struct doc *d, struct doc_node *map) {
	struct map by_key, *seen = map->count > PAIRWISE_MAX ? &by_key : NULL;
	map_init(&by_key, d->seed);
	enum err e = ERR_OK;
	struct doc_node **link = &map->first;
	while (*link && !e) {
		struct doc_node *child = *link, *earlier = find_earlier(seen, map, child);
		if (earlier) {
			note_duplicate(d, earlier, child);
			*link = child->next;
			map->count--;
			continue;
		}
		if (seen) e = map_put(seen, child->key, child);
		link = &child->next;
	}
	map_done(&by_key);
	return e;
}

/* --- building ------------------------------------------------------------------- */

static enum err refuse(struct builder *b, yaml_mark_t at, const char *text) {
	mistake_add(&b->doc->mistakes, mark_line(at), mark_column(at), "%s", text);
	return ERR_INVALID;
}

/* A new node under the current one, or the root. */
static enum err build_node(struct builder *b, const yaml_event_t *e, enum doc_kind kind,
                           struct doc_node **out) {
	if (b->node_count == DOC_NODES_MAX)
		return refuse(b, e->start_mark,
		              "too many values; expected at most 4000000 in a file");
	b->node_count++;
	struct doc_node *n = arena_alloc(&b->doc->arena, sizeof *n);
	if (!n) return ERR_NO_MEMORY;
	n->kind = kind;
	n->line = mark_line(e->start_mark);
	n->column = mark_column(e->start_mark);
	*out = n;
	if (b->depth == 0) {
		b->doc->root = n;
		return ERR_OK;
	}
	struct level *up = &b->levels[b->depth - 1];
	n->parent = up->node;
	n->key = up->key;
	n->key_line = up->key_line;
	n->key_column = up->key_column;
	up->has_key = false;
	if (up->last)
		up->last->next = n;
	else
		up->node->first = n;
	up->last = n;
	up->node->count++;
	return ERR_OK;
}

static bool awaits_key(const struct builder *b) {
	const struct level *top = b->depth ? &b->levels[b->depth - 1] : NULL;
	return top && top->node->kind == DOC_MAPPING && !top->has_key;
}

static enum err build_scalar(struct builder *b, const yaml_event_t *e) {
	struct slice text = slice_of(e->data.scalar.value, e->data.scalar.length);
	struct slice copy = slice_of(arena_strdup(&b->doc->arena, text), text.len);
	if (!copy.ptr) return ERR_NO_MEMORY;
	if (awaits_key(b)) {
		struct level *top = &b->levels[b->depth - 1];
		top->has_key = true;
		top->key = copy;
		top->key_line = mark_line(e->start_mark);
		top->key_column = mark_column(e->start_mark);
		return ERR_OK;
	}
	struct doc_node *n;
	enum err err = build_node(b, e, DOC_SCALAR, &n);
	if (err) return err;
	n->text = copy;
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return ERR_OK;
}

static enum err build_open(struct builder *b, const yaml_event_t *e, enum doc_kind kind) {
	if (awaits_key(b))
		return refuse(b, e->start_mark, "a list or mapping stands as a key; expected text");
	if (b->depth == DOC_DEPTH_MAX)
		return refuse(b, e->start_mark, "nested too deep; expected at most 32 levels");
	struct doc_node *n;
	enum err err = build_node(b, e, kind, &n);
	if (err) return err;
	b->levels[b->depth++] = (struct level){.node = n};
	return ERR_OK;
}

static enum err build_close(struct builder *b) {
	ASSERT(b->depth > 0);
	struct doc_node *n = b->levels[--b->depth].node;
	return n->kind == DOC_MAPPING ? drop_duplicates(b->doc, n) : ERR_OK;
}

static enum err build_event(struct builder *b, const yaml_event_t *e) {
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (e->type) {
	case YAML_SCALAR_EVENT: anchor = e->data.scalar.anchor, tag = e->data.scalar.tag; break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT: anchor = e->data.alias.anchor; break;
	default: break;
	}
	if (anchor)
		return refuse(b, e->start_mark,
		              "anchors (&) and aliases (*) are not taken here; expected the value "
		              "itself, "
		              "or quotes around a text that begins so");
	if (tag)
		return refuse(b, e->start_mark,
		              "tags (!) are not taken here; expected the value itself, "
		              "or quotes around a text that begins so");
	switch (e->type) {
	case YAML_SCALAR_EVENT: return build_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT: return build_open(b, e, DOC_SEQUENCE);
	case YAML_MAPPING_START_EVENT: return build_open(b, e, DOC_MAPPING);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: return build_close(b);
	case YAML_DOCUMENT_START_EVENT:
		if (b->doc->root)
			return refuse(b, e->start_mark,
			              "a second document begins; expected one in a file");
		return ERR_OK;
	default: return ERR_OK;
	}
}

/* --- what libyaml refuses --------------------------------------------------------- */

/* libyaml tells a byte offset, not a mark, when a byte is wrong. */
static void note_bad_byte(struct builder *b, struct slice yaml) {
	size_t offset = b->parser.problem_offset;
	uint32_t line = 1, column = 1;
	for (size_t i = 0; i < offset && i < yaml.len; i++) {
		if (yaml.ptr[i] == '\n')
			line++, column = 1;
		else if ((yaml.ptr[i] & 0xc0) != 0x80)
			column++;
	}
	mistake_add(&b->doc->mistakes, line, column,
	            "the character U+%04X may not stand in YAML; expected printable UTF-8 text",
	            (unsigned)b->parser.problem_value);
}

static enum err note_syntax(struct builder *b, struct slice yaml) {
	const yaml_parser_t *p = &b->parser;
	if (p->error == YAML_MEMORY_ERROR) return ERR_NO_MEMORY;
	if (p->error == YAML_READER_ERROR) {
		note_bad_byte(b, yaml);
		return ERR_INVALID;
	}
	yaml_mark_t at = p->problem_mark;
	const char *problem = p->problem ? p->problem : "not YAML";
	const char *hint = strstr(problem, "cannot start any token")
	                           ? "; quote a text that begins with it; tabs may not indent"
	                           : "";
	if (p->context)
		mistake_add(&b->doc->mistakes, mark_line(at), mark_column(at),
		            "not YAML: %s (%s, line %u)%s", problem, p->context,
		            mark_line(p->context_mark), hint);
	else
		mistake_add(&b->doc->mistakes, mark_line(at), mark_column(at), "not YAML: %s%s",
		            problem, hint);
	return ERR_INVALID;
}

static enum err build_all(struct builder *b, struct slice yaml) {
	bool end = false;
	enum err err = ERR_OK;
	while (!end && !err) {
		yaml_event_t event;
		if (!yaml_parser_parse(&b->parser, &event)) return note_syntax(b, yaml);
		err = build_event(b, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return err;
}

enum err doc_parse(struct doc *d, struct slice yaml) {
	enum err err = doc_check_bytes(d, yaml);
	if (err) return err;
	if (slice_starts(yaml,
	                 SLICE_LIT("\xef\xbb\xbf"))) /* a byte order mark would shift line 1 */
		yaml = slice_of(yaml.ptr + 3, yaml.len - 3);
	d->source = yaml;
	if (yaml.len == 0) return ERR_OK;
	struct builder b = {.doc = d};
	if (!yaml_parser_initialize(&b.parser)) {
		d->no_memory = true;
		return ERR_NO_MEMORY;
	}
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, yaml.ptr, yaml.len);
	err = build_all(&b, yaml);
	yaml_parser_delete(&b.parser);
	if (err) d->root = NULL;
	if (err == ERR_NO_MEMORY) d->no_memory = true;
	return err;
}
