/* The strings extension: positions, parts, case, replacing, splitting, joining. Positions count
 * code points. */
#include "cel/cel_format.h"
#include "cel/cel_room.h"
#include "cel/cel_text.h"

/* Most functions here look at the whole text once. */
static bool pay_for(struct cel_call *c, const struct cel_value *text, struct cel_value *out) {
	return cel_pay(c, text->extra / CEL_TEXT_PER_UNIT, out);
}

static struct slice from(struct slice s, size_t offset) {
	return slice_of(s.ptr + offset, s.len - offset);
}

/* Byte offset of a position 0..length; false, and the error, outside. */
static bool offset_of(struct slice s, const struct cel_value *position, size_t *offset,
                      struct cel_value *out) {
	size_t count = cel_text_count(s);
	if (position->i < 0 || (uint64_t)position->i > count) {
		*out = cel_error(CEL_FAULT_INDEX);
		return false;
	}
	size_t index = (size_t)position->i;
	*offset = count == s.len ? index : cel_text_offset(s, index);
	return true;
}

/* --- positions and parts ----------------------------------------------------------------------- */

static void char_at(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	size_t offset;
	if (!pay_for(c, &args[0], out) || !offset_of(s, &args[1], &offset, out)) return;
	struct slice rest = from(s, offset);
	*out = cel_string(slice_of(rest.ptr, cel_text_offset(rest, 1)));
}

static void index_from(struct slice s, struct slice part, size_t offset, struct cel_value *out) {
	struct slice rest = from(s, offset);
	const uint8_t *at = rest.len ? memmem(rest.ptr, rest.len, part.ptr, part.len) : NULL;
	if (part.len == 0) at = rest.ptr;
	*out = cel_int(at ? (int64_t)cel_text_count(slice_of(s.ptr, (size_t)(at - s.ptr))) : -1);
}

static void index_of(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (pay_for(c, &args[0], out)) index_from(cel_slice(&args[0]), cel_slice(&args[1]), 0, out);
}

static void index_of_from(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	size_t offset;
	if (pay_for(c, &args[0], out) && offset_of(s, &args[2], &offset, out))
		index_from(s, cel_slice(&args[1]), offset, out);
}

/* The last place at or before `offset` where the part begins. */
static void last_index_from(struct cel_call *c, struct slice s, struct slice part, size_t offset,
                            struct cel_value *out) {
	*out = cel_int(-1);
	if (part.len > s.len) return;
	if (offset > s.len - part.len) offset = s.len - part.len;
	uint64_t each = 1 + part.len / CEL_TEXT_PER_UNIT;
	for (size_t ahead = offset + 1; ahead > 0; ahead--) {
		struct slice here = slice_of(s.ptr + ahead - 1, part.len);
		if (part.len && *here.ptr != *part.ptr) continue;
		if (!cel_pay(c, each, out)) return;
		if (!slice_eq(here, part)) continue;
		*out = cel_int((int64_t)cel_text_count(slice_of(s.ptr, ahead - 1)));
		return;
	}
}

static void last_index_of(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	if (pay_for(c, &args[0], out)) last_index_from(c, s, cel_slice(&args[1]), s.len, out);
}

static void last_index_of_from(struct cel_call *c, const struct cel_value *args,
                               struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	size_t offset;
	if (pay_for(c, &args[0], out) && offset_of(s, &args[2], &offset, out))
		last_index_from(c, s, cel_slice(&args[1]), offset, out);
}

static void substring(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	size_t start;
	if (pay_for(c, &args[0], out) && offset_of(s, &args[1], &start, out))
		*out = cel_string(from(s, start));
}

static void substring_to(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	size_t start, end;
	if (!pay_for(c, &args[0], out) || !offset_of(s, &args[1], &start, out) ||
	    !offset_of(s, &args[2], &end, out))
		return;
	*out = start <= end ? cel_string(slice_of(s.ptr + start, end - start))
	                    : cel_error(CEL_FAULT_INDEX);
}

/* --- the same length --------------------------------------------------------------------------- */

static void change_case(struct cel_call *c, const struct cel_value *args, char first,
                        struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	char *text = cel_room_text(c, s.len, out);
	if (!text) return;
	for (size_t i = 0; i < s.len; i++) {
		bool other = (uint8_t)(s.ptr[i] - (uint8_t)first) < 26;
		text[i] = (char)(s.ptr[i] ^ (other ? 0x20 : 0));
	}
}

static void lower_ascii(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	change_case(c, args, 'A', out);
}

static void upper_ascii(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	change_case(c, args, 'a', out);
}

static void reverse(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	char *text = cel_room_text(c, s.len, out);
	if (!text) return;
	for (char *p = text + s.len; s.len;) {
		size_t len = cel_text_offset(s, 1);
		p -= len;
		memcpy(p, s.ptr, len);
		s = from(s, len);
	}
}

/* --- trim ---------------------------------------------------------------------------------------- */

/* Unicode's White_Space. */
static bool is_space(uint32_t code_point) {
	switch (code_point) {
	case '\t' ... '\r':
	case ' ':
	case 0x85:
	case 0xa0:
	case 0x1680:
	case 0x2000 ... 0x200a:
	case 0x2028:
	case 0x2029:
	case 0x202f:
	case 0x205f:
	case 0x3000: return true;
	default: return false;
	}
}

static void trim(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (!pay_for(c, &args[0], out)) return;
	struct slice rest = cel_slice(&args[0]);
	const uint8_t *start = NULL, *end = NULL;
	while (rest.len) {
		const uint8_t *here = rest.ptr;
		if (is_space(cel_text_next(&rest))) continue;
		if (!start) start = here;
		end = rest.ptr;
	}
	*out = cel_string(start ? slice_of(start, (size_t)(end - start)) : SLICE_LIT(""));
}

/* --- replace, split, join ------------------------------------------------------------------------- */

/* How many times at most; negative: always. */
static uint64_t limit_of(const struct cel_value *n) {
	return n->i < 0 ? UINT64_MAX : (uint64_t)n->i;
}

/* Takes what stands before the next `part` off *s, and the part; false: there is none. An empty
 * part stands between any two code points. */
static bool cut(struct slice *s, struct slice part, struct slice *before) {
	const uint8_t *at = s->len ? memmem(s->ptr, s->len, part.ptr, part.len) : NULL;
	if (part.len == 0) at = s->ptr + cel_text_offset(*s, 1);
	if (!at || (part.len == 0 && at == s->ptr + s->len)) return false;
	*before = slice_of(s->ptr, (size_t)(at - s->ptr));
	*s = from(*s, before->len + part.len);
	return true;
}

static void replace_up_to(struct cel_call *c, const struct cel_value *args, uint64_t limit,
                          struct cel_value *out) {
	struct slice s = cel_slice(&args[0]), part = cel_slice(&args[1]), by = cel_slice(&args[2]);
	struct cel_builder b = cel_builder(c);
	struct slice before;
	if (!pay_for(c, &args[0], out)) return;
	uint64_t done = 0;
	if (part.len == 0 && limit > 0) {
		cel_builder_add(&b, by);
		done++;
	}
	for (; done < limit && !b.fault && cut(&s, part, &before); done++) {
		if (!cel_pay(c, 1, out)) return;
		cel_builder_add(&b, before);
		cel_builder_add(&b, by);
	}
	cel_builder_add(&b, s);
	if (part.len == 0 && s.len && done < limit) cel_builder_add(&b, by);
	*out = cel_builder_end(&b);
}

static void replace(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	replace_up_to(c, args, UINT64_MAX, out);
}

static void replace_some(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	replace_up_to(c, args, limit_of(&args[3]), out);
}

static size_t count_parts(struct slice s, struct slice part, uint64_t limit) {
	struct slice before;
	size_t count = 1;
	while (count < limit && cut(&s, part, &before)) count++;
	return part.len == 0 && s.len == 0 ? 0 : count;
}

static void split_up_to(struct cel_call *c, const struct cel_value *args, uint64_t limit,
                        struct cel_value *out) {
	struct slice s = cel_slice(&args[0]), part = cel_slice(&args[1]);
	if (!pay_for(c, &args[0], out)) return;
	size_t count = limit ? count_parts(s, part, limit) : 0;
	struct cel_value *items = cel_room_list(c, count, out);
	if (!items) return;
	for (size_t i = 0; i < count; i++) {
		struct slice before = s;
		if (i + 1 < count) cut(&s, part, &before);
		items[i] = cel_string(before);
	}
}

static void split(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	split_up_to(c, args, UINT64_MAX, out);
}

static void split_some(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	split_up_to(c, args, limit_of(&args[2]), out);
}

static void join_with(struct cel_call *c, const struct cel_list *l, struct slice separator,
                      struct cel_value *out) {
	struct cel_builder b = cel_builder(c);
	for (uint32_t i = 0; i < l->count; i++) {
		if (l->items[i].kind != CEL_STRING) {
			*out = cel_error(CEL_FAULT_NO_OVERLOAD);
			return;
		}
		if (!cel_pay(c, 1, out)) return;
		if (i) cel_builder_add(&b, separator);
		cel_builder_add(&b, cel_slice(&l->items[i]));
	}
	*out = cel_builder_end(&b);
}

static void join(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	join_with(c, args[0].list, SLICE_LIT(""), out);
}

static void join_separated(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	join_with(c, args[0].list, cel_slice(&args[1]), out);
}

static void quote(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	static const char special[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";
	struct slice s = cel_slice(&args[0]);
	struct cel_builder b = cel_builder(c);
	if (!pay_for(c, &args[0], out)) return;
	cel_builder_add_str(&b, "\"");
	size_t start = 0;
	for (size_t i = 0; i < s.len; i++) {
		const char *found = s.ptr[i] ? strchr(special, s.ptr[i]) : NULL;
		if (!found) continue;
		cel_builder_add(&b, slice_of(s.ptr + start, i - start));
		cel_builder_add(&b, slice_of((char[]){'\\', letters[found - special]}, 2));
		start = i + 1;
	}
	cel_builder_add(&b, from(s, start));
	cel_builder_add_str(&b, "\"");
	*out = cel_builder_end(&b);
}

static const struct cel_overload overloads[] = {
	{"string_char_at_int", "charAt", "string.(int) -> string", char_at, .cost = 1},
	{"string_index_of_string", "indexOf", "string.(string) -> int", index_of, .cost = 1},
	{"string_index_of_string_int", "indexOf", "string.(string, int) -> int", index_of_from,
         .cost = 1},
	{"string_last_index_of_string", "lastIndexOf", "string.(string) -> int", last_index_of,
         .cost = 1},
	{"string_last_index_of_string_int", "lastIndexOf", "string.(string, int) -> int",
         last_index_of_from, .cost = 1},
	{"string_lower_ascii", "lowerAscii", "string.() -> string", lower_ascii, .cost = 1},
	{"string_upper_ascii", "upperAscii", "string.() -> string", upper_ascii, .cost = 1},
	{"string_replace_string_string", "replace", "string.(string, string) -> string", replace,
         .cost = 1},
	{"string_replace_string_string_int", "replace", "string.(string, string, int) -> string",
         replace_some, .cost = 1},
	{"string_split_string", "split", "string.(string) -> list(string)", split, .cost = 1},
	{"string_split_string_int", "split", "string.(string, int) -> list(string)", split_some,
         .cost = 1},
	{"string_substring_int", "substring", "string.(int) -> string", substring, .cost = 1},
	{"string_substring_int_int", "substring", "string.(int, int) -> string", substring_to,
         .cost = 1},
	{"string_trim", "trim", "string.() -> string", trim, .cost = 1},
	{"string_reverse", "reverse", "string.() -> string", reverse, .cost = 1},
	{"list_join", "join", "list(string).() -> string", join, .cost = 1},
	{"list_join_string", "join", "list(string).(string) -> string", join_separated, .cost = 1},
	{"strings_quote", "strings.quote", "(string) -> string", quote, .cost = 1},
	{"string_format", "format", "string.(list(dyn)) -> string", cel_format, .cost = 2},
};

const struct cel_library cel_library_strings = {"strings", overloads, CEL_COUNT(overloads)};
