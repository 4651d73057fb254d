/* Formatting: a loop over the clauses of the text, a table of clauses, and writing values as
 * people read them. Which kinds a clause takes is the clause's own rule. */
#include "cel/cel_format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/parse.h"
#include "cel/cel_net.h"
#include "cel/cel_number.h"
#include "cel/cel_room.h"
#include "cel/cel_sort.h"
#include "cel/cel_text.h"
#include "cel/cel_time.h"
#include "cel/cel_type.h"

/* --- %s: any value ------------------------------------------------------------------------------ */

static void write_value(struct cel_builder *b, const struct cel_value *v, int depth);

static void write_list(struct cel_builder *b, const struct cel_list *l, int depth) {
	cel_builder_add_str(b, "[");
	for (uint32_t i = 0; i < l->count && !b->fault; i++) {
		if (i) cel_builder_add_str(b, ", ");
		write_value(b, &l->items[i], depth);
	}
	cel_builder_add_str(b, "]");
}

/* Entries are written sorted by the text of their keys, so that the result does not depend on
 * the order in which a map was made. */
struct written {
	struct slice key, value;
};

static bool key_precedes(const void *entries, uint32_t a, uint32_t b) {
	const struct written *w = entries;
	return slice_cmp(w[a].key, w[b].key) < 0;
}

static struct slice write_apart(struct cel_builder *b, const struct cel_value *v, int depth) {
	struct cel_builder apart = cel_builder(b->call);
	if (!b->fault) write_value(&apart, v, depth);
	if (apart.fault) b->fault = apart.fault;
	return slice_of(apart.mem, apart.len);
}

static void write_entries(struct cel_builder *b, const struct written *entries,
                          const uint32_t *order, uint32_t count) {
	cel_builder_add_str(b, "{");
	for (uint32_t i = 0; i < count; i++) {
		if (i) cel_builder_add_str(b, ", ");
		cel_builder_add(b, entries[order[i]].key);
		cel_builder_add_str(b, ": ");
		cel_builder_add(b, entries[order[i]].value);
	}
	cel_builder_add_str(b, "}");
}

static void write_map(struct cel_builder *b, const struct cel_map *m, int depth) {
	struct cel_value error = cel_error(CEL_FAULT_ARGUMENT); /* of a map that cannot be walked */
	struct written *entries = NULL;
	if (m->entries || m->count == 0)
		entries = cel_room_bytes(b->call, m->count * sizeof *entries, &error);
	for (uint32_t i = 0; entries && i < m->count && !b->fault; i++) {
		entries[i].key = write_apart(b, &m->entries[i].key, depth);
		entries[i].value = write_apart(b, &m->entries[i].value, depth);
	}
	if (b->fault) return;
	uint32_t *order =
		entries ? cel_sort(b->call, m->count, key_precedes, entries, &error) : NULL;
	if (order)
		write_entries(b, entries, order, m->count);
	else
		b->fault = error.extra;
}

/* Without parameters: at run time a list is a list. */
static const char *type_name(const struct cel_type *t) {
	static const char *const names[] = {
		[CEL_TYPE_DYN] = "dyn",
		[CEL_TYPE_NULL] = "null_type",
		[CEL_TYPE_BOOL] = "bool",
		[CEL_TYPE_INT] = "int",
		[CEL_TYPE_UINT] = "uint",
		[CEL_TYPE_DOUBLE] = "double",
		[CEL_TYPE_STRING] = "string",
		[CEL_TYPE_BYTES] = "bytes",
		[CEL_TYPE_TIMESTAMP] = "google.protobuf.Timestamp",
		[CEL_TYPE_DURATION] = "google.protobuf.Duration",
		[CEL_TYPE_LIST] = "list",
		[CEL_TYPE_MAP] = "map",
		[CEL_TYPE_TYPE] = "type",
	};
	bool named = t->kind == CEL_TYPE_OPAQUE || t->kind >= CEL_COUNT(names);
	return named ? t->name : names[t->kind];
}

/* Bytes are shown as the text they hold; a CEL string cannot carry anything else. */
static void write_bytes(struct cel_builder *b, struct slice s) {
	if (utf8_valid(s))
		cel_builder_add(b, s);
	else
		b->fault = CEL_FAULT_CONVERT;
}

static void write_value(struct cel_builder *b, const struct cel_value *v, int depth) {
	char text[CEL_NUMBER_MAX];
	if (!cel_charge(b->call, 1)) b->fault = CEL_FAULT_COST;
	if (depth > CEL_FORMAT_DEPTH_MAX) b->fault = CEL_FAULT_ARGUMENT;
	if (b->fault) return;
	switch (v->kind) {
	case CEL_NULL: cel_builder_add_str(b, "null"); return;
	case CEL_BOOL: cel_builder_add_str(b, v->b ? "true" : "false"); return;
	case CEL_STRING: cel_builder_add(b, cel_slice(v)); return;
	case CEL_BYTES: write_bytes(b, cel_slice(v)); return;
	case CEL_TYPE: cel_builder_add_str(b, type_name(v->type)); return;
	case CEL_LIST: write_list(b, v->list, depth + 1); return;
	case CEL_MAP: write_map(b, v->map, depth + 1); return;
	case CEL_INT: snprintf(text, sizeof text, "%" PRId64, v->i); break;
	case CEL_UINT: snprintf(text, sizeof text, "%" PRIu64, v->u); break;
	case CEL_DOUBLE: cel_double_print_plain(v->d, text); break;
	case CEL_TIMESTAMP: cel_timestamp_print(v, text); break;
	case CEL_DURATION: cel_duration_print(v, text); break;
	case CEL_IP:
	case CEL_CIDR: cel_net_print(v, text); break;
	default: b->fault = CEL_FAULT_ARGUMENT; return;
	}
	cel_builder_add_str(b, text);
}

/* --- the other clauses ---------------------------------------------------------------------------- */

struct clause {
	char letter;
	int precision;
};

static void write_string(struct cel_builder *b, const struct clause *c, const struct cel_value *v) {
	write_value(b, v, 0);
}

static bool is_number(const struct cel_value *v) {
	return v->kind == CEL_INT || v->kind == CEL_UINT || v->kind == CEL_DOUBLE;
}

static void write_decimal(struct cel_builder *b, const struct clause *c,
                          const struct cel_value *v) {
	if (is_number(v))
		write_value(b, v, 0);
	else
		b->fault = CEL_FAULT_ARGUMENT;
}

/* f and e */
static void write_real(struct cel_builder *b, const struct clause *c, const struct cel_value *v) {
	char text[CEL_NUMBER_MAX + CEL_FORMAT_PRECISION_MAX];
	if (!is_number(v)) {
		b->fault = CEL_FAULT_ARGUMENT;
		return;
	}
	double d = v->kind == CEL_INT ? (double)v->i : v->kind == CEL_UINT ? (double)v->u : v->d;
	if (!isfinite(d))
		cel_double_print_plain(d, text);
	else if (c->letter == 'f')
		snprintf(text, sizeof text, "%.*f", c->precision, d);
	else
		snprintf(text, sizeof text, "%.*e", c->precision, d);
	cel_builder_add_str(b, text);
}

static const char lower_digits[] = "0123456789abcdef", upper_digits[] = "0123456789ABCDEF";

/* The digits of a number in base 2, 8 or 16: `bits` is 1, 3 or 4. */
static void write_based(struct cel_builder *b, const struct cel_value *v, int bits,
                        const char *digits) {
	char text[66];
	char *p = text + sizeof text;
	bool negative = v->kind == CEL_INT && v->i < 0;
	uint64_t rest = negative ? 0 - v->u : v->kind == CEL_BOOL ? v->b : v->u;
	do *--p = digits[rest & ((1u << bits) - 1)];
	while (rest >>= bits);
	if (negative) *--p = '-';
	cel_builder_add(b, slice_of(p, (size_t)(text + sizeof text - p)));
}

static void write_binary(struct cel_builder *b, const struct clause *c, const struct cel_value *v) {
	if (v->kind == CEL_BOOL || v->kind == CEL_INT || v->kind == CEL_UINT)
		write_based(b, v, 1, lower_digits);
	else
		b->fault = CEL_FAULT_ARGUMENT;
}

static void write_octal(struct cel_builder *b, const struct clause *c, const struct cel_value *v) {
	if (v->kind == CEL_INT || v->kind == CEL_UINT)
		write_based(b, v, 3, lower_digits);
	else
		b->fault = CEL_FAULT_ARGUMENT;
}

static void write_hex(struct cel_builder *b, const struct clause *c, const struct cel_value *v) {
	const char *digits = c->letter == 'x' ? lower_digits : upper_digits;
	if (v->kind == CEL_INT || v->kind == CEL_UINT) {
		write_based(b, v, 4, digits);
	} else if (v->kind == CEL_STRING || v->kind == CEL_BYTES) {
		struct slice s = cel_slice(v);
		for (size_t i = 0; i < s.len && !b->fault; i++) {
			if (i % CEL_TEXT_PER_UNIT == 0 && !cel_charge(b->call, 1))
				b->fault = CEL_FAULT_COST;
			char pair[2] = {digits[s.ptr[i] >> 4], digits[s.ptr[i] & 15]};
			cel_builder_add(b, slice_of(pair, 2));
		}
	} else {
		b->fault = CEL_FAULT_ARGUMENT;
	}
}

static const struct {
	char letter;
	void (*write)(struct cel_builder *b, const struct clause *c, const struct cel_value *v);
} clauses[] = {
	{'s', write_string}, {'d', write_decimal}, {'f', write_real}, {'e', write_real},
	{'b', write_binary}, {'o', write_octal},   {'x', write_hex},  {'X', write_hex},
};

static void write_clause(struct cel_builder *b, const struct clause *c, const struct cel_value *v) {
	for (int i = 0; i < CEL_COUNT(clauses); i++)
		if (clauses[i].letter == c->letter) {
			clauses[i].write(b, c, v);
			return;
		}
	b->fault = CEL_FAULT_ARGUMENT;
}

/* --- the text -------------------------------------------------------------------------------------- */

static bool take_percent(struct slice *s) {
	if (s->len == 0 || *s->ptr != '%') return false;
	*s = slice_of(s->ptr + 1, s->len - 1);
	return true;
}

/* Reads what follows a '%'. */
static bool take_clause(struct slice *s, struct clause *c) {
	*c = (struct clause){.precision = 6};
	if (s->len && *s->ptr == '.') {
		size_t n = 1;
		while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9') n++;
		uint64_t precision;
		if (parse_u64(slice_of(s->ptr + 1, n - 1), CEL_FORMAT_PRECISION_MAX, &precision))
			return false;
		c->precision = (int)precision;
		*s = slice_of(s->ptr + n, s->len - n);
	}
	if (s->len == 0) return false;
	c->letter = (char)*s->ptr;
	*s = slice_of(s->ptr + 1, s->len - 1);
	return true;
}

/* Arguments that no clause asks for are ignored, as cel-go ignores them at run time. */
void cel_format(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	const struct cel_list *values = args[1].list;
	struct cel_builder b = cel_builder(c);
	uint32_t next = 0;
	if (!cel_pay(c, s.len / CEL_TEXT_PER_UNIT, out)) return;
	while (s.len && !b.fault) {
		const uint8_t *percent = memchr(s.ptr, '%', s.len);
		size_t before = percent ? (size_t)(percent - s.ptr) : s.len;
		cel_builder_add(&b, slice_of(s.ptr, before));
		if (!percent) break;
		s = slice_of(percent + 1, s.len - before - 1);
		struct clause clause;
		if (take_percent(&s))
			cel_builder_add_str(&b, "%");
		else if (!take_clause(&s, &clause))
			b.fault = CEL_FAULT_ARGUMENT;
		else if (next == values->count)
			b.fault = CEL_FAULT_INDEX;
		else
			write_clause(&b, &clause, &values->items[next++]);
	}
	*out = cel_builder_end(&b);
}
