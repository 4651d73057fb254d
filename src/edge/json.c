/* Measuring JSON without parsing it. */
#include "edge/json.h"

struct json_size json_measure(struct slice text) {
	struct json_size size = {0};
	size_t depth = 0;
	bool inside = false; /* a string */
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if (c == '"') {
			inside = !inside;
		} else if (inside) {
			i += c == '\\';
		} else if (c == '[' || c == '{') {
			size.parts++;
			if (++depth > size.depth) size.depth = depth;
		} else if (c == ']' || c == '}') {
			depth -= depth > 0;
		} else if (c == ',') {
			size.parts++;
		}
	}
	return size;
}
