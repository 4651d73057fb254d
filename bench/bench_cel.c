/* Nanoseconds per evaluation of the conditions of cel_cases.json, each over all of its inputs in
 * turn, so that no branch is learnt by heart. Prints `NAME NANOSECONDS` a condition.
 *
 * usage: bench_cel CASES [NAME TIMES]: one condition only, so often, for callgrind. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "cel/cel.h"

enum { INPUTS_MAX = 16, WARM = 20000, ARENA_BYTES = 1 << 20 };
static const double SECONDS = 0.3;

struct bench {
	json_t *cases;
	struct arena arena;
	struct cel_env *env;
	struct cel_value inputs[INPUTS_MAX][CEL_SLOTS_MAX];
	int input_count;
};

static double now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct cel_value text_of(const json_t *json) {
	return cel_string(slice_of(json_string_value(json), json_string_length(json)));
}

static struct cel_value list_of(struct arena *a, const json_t *json) {
	struct cel_value items[16];
	uint32_t count = (uint32_t)json_array_size(json);
	for (uint32_t i = 0; i < count; i++) items[i] = text_of(json_array_get(json, i));
	return cel_make_list(a, items, count);
}

static struct cel_value map_of(struct arena *a, json_t *json) {
	struct cel_entry entries[16];
	uint32_t count = 0;
	const char *key;
	json_t *value;
	json_object_foreach(json, key, value) {
		entries[count++] = (struct cel_entry){cel_string(slice_str(key)), text_of(value)};
	}
	return cel_make_map(a, entries, count);
}

static struct cel_value value_of(struct arena *a, json_t *json) {
	if (json_is_integer(json)) return cel_int(json_integer_value(json));
	if (json_is_array(json)) return list_of(a, json);
	return json_is_object(json) ? map_of(a, json) : text_of(json);
}

static void load(struct bench *b, const char *path) {
	b->cases = json_load_file(path, 0, NULL);
	b->env = cel_env_new();
	if (!b->cases || !b->env) abort();
	arena_init(&b->arena, ARENA_BYTES);
	json_t *inputs = json_object_get(b->cases, "inputs");
	b->input_count = (int)json_array_size(inputs);
	const char *name;
	json_t *type;
	json_object_foreach(json_object_get(b->cases, "variables"), name, type) {
		int slot;
		if (cel_env_variable_text(b->env, name, json_string_value(type), &slot)) abort();
		for (int i = 0; i < b->input_count; i++) {
			json_t *input = json_array_get(inputs, (size_t)i);
			b->inputs[i][slot] = value_of(&b->arena, json_object_get(input, name));
		}
	}
}

static struct cel_program *compile(const struct bench *b, const char *expression) {
	struct cel_program *p;
	struct cel_issues issues = {0};
	struct cel_options options = {.expected = &cel_type_bool};
	if (cel_compile(b->env, slice_str(expression), &options, &issues, &p)) {
		fprintf(stderr, "%s: %s\n", expression, issues.items[0].text);
		exit(1);
	}
	return p;
}

/* No arena: these conditions allocate nothing. */
static void run(const struct bench *b, const struct cel_program *p, long times) {
	long truths = 0;
	for (long n = 0, i = 0; n < times; n++) {
		struct cel_frame f = {.slots = b->inputs[i]};
		truths += cel_test(p, &f, NULL) == 1;
		if (++i == b->input_count) i = 0;
	}
	if (truths != times) abort();
}

static double measure(const struct bench *b, const struct cel_program *p, long times) {
	double start = now_ns();
	run(b, p, times);
	return (now_ns() - start) / (double)times;
}

int main(int argc, char **argv) {
	if (argc != 2 && argc != 4) return 2;
	static struct bench b;
	load(&b, argv[1]);
	const char *name;
	json_t *expression;
	json_object_foreach(json_object_get(b.cases, "expressions"), name, expression) {
		struct cel_program *p = compile(&b, json_string_value(expression));
		if (argc == 4 && strcmp(name, argv[2]) == 0) run(&b, p, strtol(argv[3], NULL, 10));
		if (argc == 2) {
			double warm = measure(&b, p, WARM);
			printf("%s %.2f\n", name, measure(&b, p, (long)(SECONDS * 1e9 / warm)));
		}
		cel_program_free(p);
	}
	cel_env_free(b.env);
	arena_done(&b.arena);
	json_decref(b.cases);
	return 0;
}
