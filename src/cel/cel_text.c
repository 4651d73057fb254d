/* Code points and growing texts. Knows nothing of what texts mean. */
#include "cel/cel_text.h"

static inline bool leads(uint8_t byte) {
	return (byte & 0xc0) != 0x80;
}

size_t cel_text_count(struct slice s) {
	size_t count = 0;
	for (size_t i = 0; i < s.len; i++) count += leads(s.ptr[i]);
	return count;
}

size_t cel_text_offset(struct slice s, size_t index) {
	size_t i = 0;
	for (; i < s.len; i++) {
		if (!leads(s.ptr[i])) continue;
		if (index-- == 0) break;
	}
	return i;
}

uint32_t cel_text_next(struct slice *s) {
	uint8_t lead = *s->ptr++;
	s->len--;
	if (lead < 0x80) return lead;
	uint32_t code_point = lead & (lead < 0xe0 ? 0x1f : lead < 0xf0 ? 0x0f : 0x07);
	while (s->len && !leads(*s->ptr)) {
		code_point = code_point << 6 | (*s->ptr++ & 0x3f);
		s->len--;
	}
	return code_point;
}

size_t cel_text_encode(uint32_t code_point, char out[4]) {
	if (code_point < 0x80) {
		out[0] = (char)code_point;
		return 1;
	}
	size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = len - 1; i > 0; i--, code_point >>= 6)
		out[i] = (char)(0x80 | (code_point & 0x3f));
	out[0] = (char)(marks[len] | code_point);
	return len;
}

enum { BUILDER_MIN = 64 };

/* Old blocks stay in the arena: doubling keeps them below what the last one takes. */
static bool grow(struct cel_builder *b, size_t need) {
	size_t cap = b->cap ? b->cap * 2 : BUILDER_MIN;
	if (cap < need) cap = need;
	char *mem = need <= UINT32_MAX && b->call->arena ? arena_alloc(b->call->arena, cap) : NULL;
	if (!mem) {
		b->fault = CEL_FAULT_MEMORY;
		return false;
	}
	if (b->len) memcpy(mem, b->mem, b->len);
	b->mem = mem;
	b->cap = cap;
	return true;
}

void cel_builder_add(struct cel_builder *b, struct slice s) {
	if (b->fault || s.len == 0) return;
	if (!cel_charge(b->call, s.len / CEL_TEXT_PER_UNIT)) {
		b->fault = CEL_FAULT_COST;
		return;
	}
	if (s.len > b->cap - b->len && !grow(b, b->len + s.len)) return;
	memcpy(b->mem + b->len, s.ptr, s.len);
	b->len += s.len;
}

struct cel_value cel_builder_end(struct cel_builder *b) {
	if (b->fault) return cel_error(b->fault);
	return cel_string(b->len ? slice_of(b->mem, b->len) : SLICE_LIT(""));
}
