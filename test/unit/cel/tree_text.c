/* Follows the debug text of cel-go, two spaces a level. */
#include "tree_text.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "cel/cel_number.h"

struct writer {
	struct buf *out;
	enum tree_adorn adorn;
	int indent;
	enum err error;
};

static void node(struct writer *w, const struct cel_expr *e);

static void text(struct writer *w, const char *s) {
	if (!w->error) w->error = buf_append_str(w->out, s);
}
static void slice(struct writer *w, struct slice s) {
	if (!w->error) w->error = buf_append_slice(w->out, s);
}
static void line(struct writer *w) {
	text(w, "\n");
	for (int i = 0; i < w->indent; i++) text(w, "  ");
}
static void in(struct writer *w) {
	w->indent++;
	line(w);
}
static void out(struct writer *w) {
	w->indent--;
	line(w);
}

/* --- constants ---------------------------------------------------------------------------- */

/* As Go quotes; code points beyond ASCII are taken as printable but for C1 controls. */
static void quoted(struct writer *w, struct slice s, bool bytes) {
	static const char escapes[] = "\a\b\t\n\v\f\r\"\\";
	static const char letters[] = "abtnvfr\"\\";
	text(w, "\"");
	for (size_t i = 0; i < s.len && !w->error; i++) {
		uint8_t c = s.ptr[i];
		const char *escape = c ? strchr(escapes, c) : NULL;
		if (escape)
			w->error = buf_printf(w->out, "\\%c", letters[escape - escapes]);
		else if (c < 0x20 || c == 0x7f || (bytes && c >= 0x80))
			w->error = buf_printf(w->out, "\\x%02x", c);
		else if (c == 0xc2 && s.ptr[i + 1] < 0xa0)
			w->error = buf_printf(w->out, "\\u%04x", s.ptr[++i]);
		else
			w->error = buf_append(w->out, &c, 1);
	}
	text(w, "\"");
}

static void constant(struct writer *w, const struct cel_value *v) {
	char number[CEL_NUMBER_MAX];
	switch (v->kind) {
	case CEL_NULL: text(w, "null"); break;
	case CEL_BOOL: text(w, v->b ? "true" : "false"); break;
	case CEL_INT: w->error = buf_printf(w->out, "%" PRId64, v->i); break;
	case CEL_UINT: w->error = buf_printf(w->out, "%" PRIu64 "u", v->u); break;
	case CEL_DOUBLE:
		cel_double_print(v->d, number);
		text(w, number);
		break;
	case CEL_BYTES:
		text(w, "b");
		quoted(w, cel_slice(v), true);
		break;
	default: quoted(w, cel_slice(v), false); break;
	}
}

/* --- what comes after a node -------------------------------------------------------------- */

static const char *kind_name(const struct cel_expr *e) {
	static const char *const exprs[] = {
		[CEL_EXPR_IDENT] = "Expr_IdentExpr",        [CEL_EXPR_SELECT] = "Expr_SelectExpr",
		[CEL_EXPR_CALL] = "Expr_CallExpr",          [CEL_EXPR_LIST] = "Expr_ListExpr",
		[CEL_EXPR_MAP] = "Expr_StructExpr",         [CEL_EXPR_STRUCT] = "Expr_StructExpr",
		[CEL_EXPR_FOLD] = "Expr_ComprehensionExpr",
	};
	static const char *const constants[] = {
		[CEL_NULL] = "Constant_NullValue",     [CEL_BOOL] = "Constant_BoolValue",
		[CEL_INT] = "Constant_Int64Value",     [CEL_UINT] = "Constant_Uint64Value",
		[CEL_DOUBLE] = "Constant_DoubleValue", [CEL_STRING] = "Constant_StringValue",
		[CEL_BYTES] = "Constant_BytesValue",
	};
	return e->kind == CEL_EXPR_CONST ? constants[e->constant.kind] : exprs[e->kind];
}

static void kind(struct writer *w, const char *name) {
	if (w->adorn == TREE_KINDS && !w->error) w->error = buf_printf(w->out, "^#*expr.%s#", name);
}

static int id_cmp(const void *a, const void *b) {
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void overloads(struct writer *w, const struct cel_expr *e) {
	const char *ids[64];
	ASSERT(e->overload_count <= sizeof ids / sizeof *ids);
	for (uint32_t i = 0; i < e->overload_count; i++) ids[i] = e->overloads[i]->id;
	qsort(ids, e->overload_count, sizeof *ids, id_cmp);
	for (uint32_t i = 0; i < e->overload_count; i++) {
		text(w, i ? "|" : "^");
		text(w, ids[i]);
	}
}

static void adorn(struct writer *w, const struct cel_expr *e) {
	kind(w, kind_name(e));
	if (w->adorn != TREE_TYPES) return;
	text(w, "~");
	if (!w->error) w->error = cel_type_print(e->type, w->out);
	if (e->reference.len && e->kind != CEL_EXPR_CALL) {
		text(w, "^");
		slice(w, e->reference);
	}
	overloads(w, e);
}

/* --- nodes -------------------------------------------------------------------------------- */

static void call(struct writer *w, const struct cel_expr *e) {
	bool renamed = w->adorn == TREE_TYPES && e->reference.len;
	if (e->call.target && !renamed) {
		node(w, e->call.target);
		text(w, ".");
	}
	slice(w, renamed ? e->reference : e->call.function);
	text(w, "(");
	for (uint32_t i = 0; i < e->call.arg_count; i++) {
		if (i == 0) {
			in(w);
		} else {
			text(w, ",");
			line(w);
		}
		node(w, e->call.args[i]);
	}
	if (e->call.arg_count) out(w);
	text(w, ")");
}

static void item(struct writer *w, const struct cel_item *i) {
	if (i->optional) text(w, "?");
	slice(w, i->field);
	if (i->key) node(w, i->key);
	if (i->key || i->field.len) text(w, ":");
	node(w, i->value);
	if (i->key || i->field.len) kind(w, "Expr_CreateStruct_Entry");
}

static void items(struct writer *w, const struct cel_expr *e) {
	bool list = e->kind == CEL_EXPR_LIST;
	slice(w, e->of.message);
	text(w, list ? "[" : "{");
	for (uint32_t i = 0; i < e->of.count; i++) {
		if (i == 0) {
			in(w);
		} else {
			text(w, ",");
			line(w);
		}
		item(w, &e->of.items[i]);
	}
	if (e->of.count) out(w);
	text(w, list ? "]" : "}");
}

static void titled(struct writer *w, const char *title, const struct cel_expr *e) {
	text(w, ",");
	line(w);
	text(w, title);
	line(w);
	node(w, e);
}

static void fold(struct writer *w, const struct cel_fold *f) {
	text(w, "__comprehension__(");
	in(w);
	text(w, "// Variable");
	line(w);
	slice(w, f->iter);
	titled(w, "// Target", f->range);
	text(w, ",");
	line(w);
	text(w, "// Accumulator");
	line(w);
	slice(w, f->accu);
	titled(w, "// Init", f->init);
	titled(w, "// LoopCondition", f->condition);
	titled(w, "// LoopStep", f->step);
	titled(w, "// Result", f->result);
	text(w, ")");
	w->indent--;
}

static void node(struct writer *w, const struct cel_expr *e) {
	switch (e->kind) {
	case CEL_EXPR_CONST: constant(w, &e->constant); break;
	case CEL_EXPR_IDENT:
		slice(w, w->adorn == TREE_TYPES && e->reference.len ? e->reference : e->ident);
		break;
	case CEL_EXPR_SELECT:
		if (w->adorn == TREE_TYPES && e->reference.len) {
			slice(w, e->reference);
			break;
		}
		node(w, e->select.operand);
		text(w, ".");
		slice(w, e->select.field);
		if (e->select.test) text(w, "~test-only~");
		break;
	case CEL_EXPR_CALL: call(w, e); break;
	case CEL_EXPR_FOLD: fold(w, &e->fold); break;
	default: items(w, e); break;
	}
	adorn(w, e);
}

enum err tree_text(const struct cel_expr *e, enum tree_adorn adorn_with, struct buf *to) {
	struct writer w = {.out = to, .adorn = adorn_with};
	node(&w, e);
	return w.error;
}
