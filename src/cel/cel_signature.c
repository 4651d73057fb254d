/* Splits a signature at its parentheses and commas; the parts are read as types. */
#include "cel/cel_signature.h"

/* The comma or ')' that ends the first type of `s`, which may have both within. */
static size_t type_end(struct slice s) {
	int open = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = (char)s.ptr[i];
		if (open == 0 && (c == ',' || c == ')')) return i;
		open += c == '(';
		open -= c == ')';
	}
	return s.len;
}

static enum err add_param(struct arena *a, struct slice text, struct cel_signature *s) {
	if (s->param_count == CEL_SIGNATURE_PARAMS_MAX) return ERR_INVALID;
	return cel_type_parse(a, text, &s->params[s->param_count++]);
}

/* "int, A) -> bool": what follows the '('. */
static enum err parse_params(struct arena *a, struct slice rest, struct cel_signature *s) {
	const struct slice arrow = SLICE_LIT(") -> ");
	size_t end = type_end(rest);
	bool more = slice_trim(slice_of(rest.ptr, end)).len > 0;
	while (more) {
		enum err e = add_param(a, slice_of(rest.ptr, end), s);
		if (e) return e;
		more = end < rest.len && rest.ptr[end] == ',';
		size_t taken = end + more;
		rest = slice_of(rest.ptr + taken, rest.len - taken);
		end = type_end(rest);
	}
	rest = slice_of(rest.ptr + end, rest.len - end);
	if (!slice_starts(rest, arrow)) return ERR_INVALID;
	return cel_type_parse(a, slice_of(rest.ptr + arrow.len, rest.len - arrow.len), &s->result);
}

enum err cel_signature_parse(struct arena *a, const char *text, struct cel_signature *out) {
	*out = (struct cel_signature){0};
	struct slice all = slice_str(text);
	if (all.len && all.ptr[0] == '(')
		return parse_params(a, slice_of(text + 1, all.len - 1), out);
	const char *dot = strstr(text, ".(");
	if (!dot) return ERR_INVALID;
	out->receiver = true;
	enum err e = add_param(a, slice_of(text, (size_t)(dot - text)), out);
	return e ? e : parse_params(a, slice_str(dot + 2), out);
}
