/* Text as CEL counts it, in code points, and building it in the arena of a call. Strings are valid
 * UTF-8 by contract (cel_value.h). */
#pragma once
#include "cel/cel_function.h"

/* Code points of a text; bytes before code point `index`, which is at most their number. */
size_t cel_text_count(struct slice s);
size_t cel_text_offset(struct slice s, size_t index);
/* Takes the first code point off *s, which is not empty. */
uint32_t cel_text_next(struct slice *s);
/* Bytes written: 1 to 4. */
size_t cel_text_encode(uint32_t code_point, char out[4]);

/* A text that grows. Pays for what is added; the first failure sticks. */
struct cel_builder {
	struct cel_call *call;
	char *mem;
	size_t len, cap;
	enum cel_fault fault;
};
static inline struct cel_builder cel_builder(struct cel_call *c) {
	return (struct cel_builder){.call = c};
}
void cel_builder_add(struct cel_builder *b, struct slice s);
static inline void cel_builder_add_str(struct cel_builder *b, const char *s) {
	cel_builder_add(b, slice_str(s));
}
/* The text, or the error; the builder is done with. */
struct cel_value cel_builder_end(struct cel_builder *b);
