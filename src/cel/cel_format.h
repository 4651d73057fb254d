/* "%s and %.2f".format([…]), as cel-go's fourth version of it: clauses s d f e b o x X. */
#pragma once
#include "cel/cel_function.h"

enum {
	CEL_FORMAT_PRECISION_MAX = 100,
	CEL_FORMAT_DEPTH_MAX = 64, /* lists and maps within lists and maps */
};

void cel_format(struct cel_call *c, const struct cel_value *args, struct cel_value *out);
