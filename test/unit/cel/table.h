/* Overloads called straight from the tables: one row is a call and what it gives, as text. Each
 * row is run as it is, with its constants prepared, and then starved of cost and of memory: that
 * may only change the answer into the one error that says so. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cel/cel_function.h"
#include "cel/cel_zone.h"

#define I(x) ((struct cel_value){.kind = CEL_INT, .i = (x)})
#define U(x) ((struct cel_value){.kind = CEL_UINT, .u = (x)})
#define D(x) ((struct cel_value){.kind = CEL_DOUBLE, .d = (x)})
#define T(x) ((struct cel_value){.kind = CEL_BOOL, .u = (x)})
#define S(x) ((struct cel_value){.kind = CEL_STRING, .extra = sizeof(x) - 1, .s = (x)})
#define B(x) ((struct cel_value){.kind = CEL_BYTES, .extra = sizeof(x) - 1, .s = (x)})
#define NIL ((struct cel_value){.kind = CEL_NULL})
#define DUR(ns) ((struct cel_value){.kind = CEL_DURATION, .i = (ns)})
#define TIME(seconds, nanos)                                                                       \
	((struct cel_value){.kind = CEL_TIMESTAMP, .extra = (nanos), .i = (seconds)})
#define LIST(...)                                                                                  \
	((struct cel_value){.kind = CEL_LIST,                                                      \
	                    .list = &(struct cel_list){sizeof((struct cel_value[]){__VA_ARGS__}) / \
	                                                       sizeof(struct cel_value),           \
	                                               (struct cel_value[]){__VA_ARGS__}}})
#define EMPTY_LIST ((struct cel_value){.kind = CEL_LIST, .list = &(struct cel_list){0, NULL}})
#define MAP(...)                                                                                   \
	((struct cel_value){.kind = CEL_MAP,                                                       \
	                    .map = &(struct cel_map){sizeof((struct cel_entry[]){__VA_ARGS__}) /   \
	                                                     sizeof(struct cel_entry),             \
	                                             (struct cel_entry[]){__VA_ARGS__}, NULL}})
#define EMPTY_MAP ((struct cel_value){.kind = CEL_MAP, .map = &(struct cel_map){0, NULL, NULL}})
#define SOME(...)                                                                                  \
	((struct cel_value){.kind = CEL_OPTIONAL, .optional = (struct cel_value[]){__VA_ARGS__}})
#define NONE ((struct cel_value){.kind = CEL_OPTIONAL})

struct row {
	const char *id;
	struct cel_value args[4];
	const char *want; /* "1", "1u", "1.5", "\"text\"", "[1, 2]", "error: no such key" */
};
#define CHECK(...)                                                                                 \
	check_rows((struct row[]){__VA_ARGS__},                                                    \
	           sizeof((struct row[]){__VA_ARGS__}) / sizeof(struct row))
void check_rows(const struct row *rows, size_t count);

const struct cel_overload *overload_of(const char *id);
/* With plenty of cost and memory; what it points at lives until the next call. */
struct cel_value call(const char *id, const struct cel_value *args);
/* As text, valid until the next call. */
const char *shown(const struct cel_value *v);

/* What rows see as time zones; NULL at first. */
extern const struct cel_zones *row_zones;
