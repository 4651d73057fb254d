/* contains, startsWith, endsWith, matches. */
#include "cel/cel_regex.h"
#include "cel/cel_room.h"

static void contains(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]), part = cel_slice(&args[1]);
	if (!cel_pay(c, s.len / CEL_TEXT_PER_UNIT, out)) return;
	*out = cel_bool(part.len == 0 || (s.len && memmem(s.ptr, s.len, part.ptr, part.len)));
}

static void starts_with(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (!cel_pay(c, args[1].extra / CEL_TEXT_PER_UNIT, out)) return;
	*out = cel_bool(slice_starts(cel_slice(&args[0]), cel_slice(&args[1])));
}

static void ends_with(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]), end = cel_slice(&args[1]);
	if (!cel_pay(c, end.len / CEL_TEXT_PER_UNIT, out)) return;
	bool fits = end.len <= s.len;
	*out = cel_bool(fits &&
	                slice_eq(slice_of(s.ptr + (fits ? s.len - end.len : 0), end.len), end));
}

/* --- matches --------------------------------------------------------------------------------- */

enum { COMPILE_COST = 200, COMPILE_COST_PER_BYTE = 20 };

/* Where RE2's state cache does not do, each byte walks the program: patterns pay by their size. */
static void match(struct cel_call *c, const struct cel_regex *r, const struct cel_value *text,
                  struct cel_value *out) {
	uint64_t steps = text->extra * (uint64_t)(cel_regex_size(r) + 10) / 100;
	if (cel_pay(c, steps, out)) *out = cel_bool(cel_regex_matches(r, text->s, text->extra));
}

static void match_new(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (!cel_pay(c, COMPILE_COST + args[1].extra * (uint64_t)COMPILE_COST_PER_BYTE, out))
		return;
	struct cel_regex *r = cel_regex_new(args[1].s, args[1].extra);
	*out = cel_error(CEL_FAULT_REGEX);
	if (r) match(c, r, &args[0], out);
	cel_regex_free(r);
}

static void matches(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (c->data)
		match(c, c->data, &args[0], out);
	else
		match_new(c, args, out);
}

static const void *matches_prepare(const struct cel_value *args) {
	return args[1].kind == CEL_STRING ? cel_regex_new(args[1].s, args[1].extra) : NULL;
}

static void matches_release(const void *data) {
	cel_regex_free((struct cel_regex *)data);
}

static const struct cel_overload overloads[] = {
	{"contains_string", "contains", "string.(string) -> bool", contains, .cost = 1},
	{"starts_with_string", "startsWith", "string.(string) -> bool", starts_with, .cost = 1},
	{"ends_with_string", "endsWith", "string.(string) -> bool", ends_with, .cost = 1},
	{"matches_string", "matches", "string.(string) -> bool", matches, matches_prepare,
         matches_release, .cost = 10, .prepares = 1},
	{"matches", "matches", "(string, string) -> bool", matches, matches_prepare,
         matches_release, .cost = 10, .prepares = 1},
};

const struct cel_library cel_library_text = {"text", overloads, CEL_COUNT(overloads)};
