/* JSON from outside, before a parser builds a tree of it. */
#pragma once
#include "base/slice.h"

/* Of what a tree of it would have. A parsed document takes many times the room of its text when it is
 * all structure, and a parser's stack grows with the depth. */
struct json_size {
	size_t parts; /* elements and members, or nearly */
	size_t depth;
};
struct json_size json_measure(struct slice text);
