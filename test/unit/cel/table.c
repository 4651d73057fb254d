/* Calling overloads by id, writing values as text, starving calls. */
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cel/cel_net.h"
#include "cel/cel_number.h"
#include "cel/cel_time.h"
#include "cel/cel_type.h"

enum { PLENTY_BYTES = 1 << 20, PLENTY_COST = 1000000, SHOWN_MAX = 1 << 20 };

const struct cel_zones *row_zones;

const struct cel_overload *overload_of(const char *id) {
	for (int i = 0; i < CEL_LIBRARIES; i++)
		for (int j = 0; j < cel_libraries[i]->count; j++)
			if (strcmp(cel_libraries[i]->overloads[j].id, id) == 0)
				return &cel_libraries[i]->overloads[j];
	fail_msg("there is no overload '%s'", id);
	return NULL;
}

/* --- values as text ------------------------------------------------------------------------------ */

static void add(struct buf *b, const char *s) {
	assert_int_equal(buf_append_str(b, s), ERR_OK);
}

static void add_value(struct buf *b, const struct cel_value *v);

static void add_quoted(struct buf *b, const struct cel_value *v) {
	add(b, v->kind == CEL_BYTES ? "b\"" : "\"");
	for (uint32_t i = 0; i < v->extra; i++) {
		uint8_t c = (uint8_t)v->s[i];
		char text[8];
		bool plain = c >= ' ' && (c < 0x80 || v->kind == CEL_STRING);
		snprintf(text, sizeof text, plain ? "%c" : "\\x%02x", c);
		add(b, text);
	}
	add(b, "\"");
}

static void add_list(struct buf *b, const struct cel_list *l) {
	add(b, "[");
	for (uint32_t i = 0; i < l->count; i++) {
		if (i) add(b, ", ");
		add_value(b, &l->items[i]);
	}
	add(b, "]");
}

static void add_map(struct buf *b, const struct cel_map *m) {
	add(b, "{");
	for (uint32_t i = 0; i < m->count; i++) {
		if (i) add(b, ", ");
		add_value(b, &m->entries[i].key);
		add(b, ": ");
		add_value(b, &m->entries[i].value);
	}
	add(b, "}");
}

static void add_optional(struct buf *b, const struct cel_value *of) {
	add(b, of ? "some(" : "none");
	if (!of) return;
	add_value(b, of);
	add(b, ")");
}

static void add_type(struct buf *b, const struct cel_type *t) {
	assert_int_equal(cel_type_print(t, b), ERR_OK);
}

static void add_value(struct buf *b, const struct cel_value *v) {
	char text[CEL_NUMBER_MAX];
	switch (v->kind) {
	case CEL_ERROR: snprintf(text, sizeof text, "error: %s", cel_fault_text(v->extra)); break;
	case CEL_NULL: snprintf(text, sizeof text, "null"); break;
	case CEL_BOOL: snprintf(text, sizeof text, v->b ? "true" : "false"); break;
	case CEL_INT: snprintf(text, sizeof text, "%" PRId64, v->i); break;
	case CEL_UINT: snprintf(text, sizeof text, "%" PRIu64 "u", v->u); break;
	case CEL_DOUBLE:
		cel_double_print(v->d, text);
		if (strspn(text, "-0123456789") == strlen(text))
			memcpy(text + strlen(text), ".0", 3);
		break;
	case CEL_TIMESTAMP: cel_timestamp_print(v, text); break;
	case CEL_DURATION: cel_duration_print(v, text); break;
	case CEL_IP:
	case CEL_CIDR: cel_net_print(v, text); break;
	case CEL_STRING:
	case CEL_BYTES: add_quoted(b, v); return;
	case CEL_LIST: add_list(b, v->list); return;
	case CEL_MAP: add_map(b, v->map); return;
	case CEL_OPTIONAL: add_optional(b, v->optional); return;
	case CEL_TYPE: add_type(b, v->type); return;
	default: snprintf(text, sizeof text, "kind %d", v->kind); break;
	}
	add(b, text);
}

static char *text_of(const struct cel_value *v) {
	struct buf b;
	const char *text;
	buf_init(&b, SHOWN_MAX);
	add_value(&b, v);
	assert_int_equal(buf_cstr(&b, &text), ERR_OK);
	char *copy = strdup(text);
	buf_done(&b);
	return copy;
}

const char *shown(const struct cel_value *v) {
	static char *last;
	free(last);
	last = text_of(v);
	return last;
}

/* --- calling ------------------------------------------------------------------------------------- */

/* The answer as text, the caller's to free; `bytes` 0: no arena at all. */
static char *answer(const struct cel_overload *o, const struct cel_value *args, bool prepared,
                    int64_t cost, size_t bytes, int64_t *cost_left) {
	struct arena arena;
	arena_init(&arena, bytes);
	struct cel_call c = {.arena = bytes ? &arena : NULL, .cost_left = cost, .zones = row_zones};
	if (prepared && o->prepare) c.data = o->prepare(args);
	struct cel_value out = {.kind = CEL_KIND_COUNT};
	o->call(&c, args, &out);
	char *text = text_of(&out);
	if (c.data) o->release(c.data);
	arena_done(&arena);
	if (cost_left) *cost_left = c.cost_left;
	return text;
}

struct cel_value call(const char *id, const struct cel_value *args) {
	static struct arena arena;
	static bool ready;
	if (ready) arena_done(&arena);
	arena_init(&arena, PLENTY_BYTES);
	ready = true;
	struct cel_call c = {.arena = &arena, .cost_left = PLENTY_COST, .zones = row_zones};
	struct cel_value out;
	overload_of(id)->call(&c, args, &out);
	return out;
}

static void check_answer(const struct row *r, char *got, const char *want, const char *or_else) {
	bool good = strcmp(got, want) == 0 || (or_else && strcmp(got, or_else) == 0);
	if (!good) fail_msg("%s: got %s, expected %s", r->id, got, want);
	free(got);
}

static void starve(const struct row *r, const struct cel_overload *o) {
	static const int64_t costs[] = {0, 1, 2, 3, 5, 8, 20, 100};
	static const size_t sizes[] = {0, 1, 16, 32, 64, 100, 150, 200, 300, 500, 1000};
	for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
		int64_t left;
		char *got = answer(o, r->args, false, costs[i], PLENTY_BYTES, &left);
		check_answer(r, got, left < 0 ? "error: over the cost limit" : r->want, NULL);
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		check_answer(r, answer(o, r->args, false, PLENTY_COST, sizes[i], NULL), r->want,
		             "error: over the memory limit");
}

void check_rows(const struct row *rows, size_t count) {
	for (const struct row *r = rows; r < rows + count; r++) {
		const struct cel_overload *o = overload_of(r->id);
		check_answer(r, answer(o, r->args, false, PLENTY_COST, PLENTY_BYTES, NULL), r->want,
		             NULL);
		check_answer(r, answer(o, r->args, true, PLENTY_COST, PLENTY_BYTES, NULL), r->want,
		             NULL);
		starve(r, o);
	}
}
