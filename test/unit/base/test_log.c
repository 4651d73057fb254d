/* The log: every line parses as JSON, whatever is in it, from any thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static char captured[1 << 20];

/* Runs fn with standard error going to a file; returns what it wrote. */
static const char *capture(void (*fn)(void)) {
	FILE *file = tmpfile();
	assert_non_null(file);
	int saved = dup(STDERR_FILENO);
	/* O_APPEND, as a log would be: threads share the offset either way. */
	fcntl(fileno(file), F_SETFL, O_APPEND);
	dup2(fileno(file), STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	size_t len = fread(captured, 1, sizeof captured - 1, file);
	captured[len] = '\0';
	fclose(file);
	return captured;
}

static json_t *parse_line(const char *text) {
	json_error_t error;
	json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!line) fail_msg("not JSON: %s: %s", error.text, text);
	return line;
}

static const char *string_of(json_t *line, const char *name) {
	return json_string_value(json_object_get(line, name));
}

static void write_plain(void) {
	LOG(LOG_WARN, "cell", "fenced itself", {"cell", "eu-1"}, LOG_NUM("epoch", -7));
}

static void line_has_all_parts(void **state) {
	json_t *line = parse_line(capture(write_plain));
	const char *time = string_of(line, "time");
	assert_int_equal(strlen(time), strlen("2026-01-02T03:04:05.678Z"));
	assert_int_equal(time[10], 'T');
	assert_int_equal(time[23], 'Z');
	assert_string_equal(string_of(line, "level"), "warn");
	assert_string_equal(string_of(line, "part"), "cell");
	assert_string_equal(string_of(line, "message"), "fenced itself");
	assert_string_equal(string_of(line, "cell"), "eu-1");
	assert_int_equal(json_integer_value(json_object_get(line, "epoch")), -7);
	assert_int_equal(json_object_size(line), 6);
	json_decref(line);
}

static void write_without_fields(void) {
	LOG(LOG_ERROR, "app", "no fields");
}

static void fields_are_optional(void **state) {
	const char *text = capture(write_without_fields);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	json_t *line = parse_line(text);
	assert_int_equal(json_object_size(line), 4);
	json_decref(line);
}

static void write_hostile(void) {
	LOG(LOG_INFO, "x", "q\"b\\n\nt\tnul\x01 del\x7f", {"good", "na\xc3\xafve \xf0\x9f\x8f\xa0"},
	    {"bad", "a\xff\xc0\x80z\xe2\x82"}, {"inject", "\",\"level\":\"none"});
}

static void text_is_escaped(void **state) {
	const char *text = capture(write_hostile);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
	json_t *line = parse_line(text);
	assert_string_equal(string_of(line, "message"), "q\"b\\n\nt\tnul\x01 del\x7f");
	assert_string_equal(string_of(line, "good"), "na\xc3\xafve \xf0\x9f\x8f\xa0");
	assert_string_equal(string_of(line, "inject"), "\",\"level\":\"none");
	assert_string_equal(string_of(line, "level"), "info");
	const char *repaired = "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd";
	assert_string_equal(string_of(line, "bad"), repaired);
	json_decref(line);
}

static char long_text[10000];

static void write_too_long(void) {
	memset(long_text, '"', sizeof long_text - 1);
	LOG(LOG_INFO, "x", "kept", {"also", "kept"}, {"long", long_text}, {"after", "lost"});
	LOG(LOG_INFO, "x", long_text);
}

static void long_lines_stay_json(void **state) {
	char *text = (char *)capture(write_too_long);
	char *second = strchr(text, '\n') + 1;
	second[-1] = '\0';
	json_t *line = parse_line(text);
	assert_string_equal(string_of(line, "also"), "kept");
	assert_null(json_object_get(line, "long"));
	assert_true(json_is_true(json_object_get(line, "cut")));
	json_decref(line);
	line = parse_line(second);
	assert_true(json_is_true(json_object_get(line, "cut")));
	json_decref(line);
}

static void write_all_levels(void) {
	for (int minimum = LOG_DEBUG; minimum <= LOG_OFF; minimum++) {
		log_set_level((enum log_level)minimum);
		for (int level = LOG_DEBUG; level <= LOG_OFF; level++)
			LOG((enum log_level)level, "x", "y", LOG_NUM("minimum", minimum));
	}
	log_set_level(LOG_INFO);
}

static void levels_filter(void **state) {
	const char *text = capture(write_all_levels);
	int lines = 0;
	for (const char *c = text; *c; c++) lines += *c == '\n';
	assert_int_equal(lines, 4 + 3 + 2 + 1 + 0);
}

enum { THREADS = 4, LINES = 500 };

static void *write_many(void *arg) {
	char text[200];
	memset(text, 'a' + *(int *)arg, sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < LINES; i++) LOG(LOG_INFO, "thread", text, LOG_NUM("i", i));
	return NULL;
}

static void write_from_threads(void) {
	pthread_t threads[THREADS];
	int numbers[THREADS] = {0, 1, 2, 3};
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, write_many, &numbers[i]);
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void lines_of_threads_do_not_mix(void **state) {
	char *text = (char *)capture(write_from_threads), *save = NULL;
	int lines = 0;
	for (char *one = strtok_r(text, "\n", &save); one; one = strtok_r(NULL, "\n", &save)) {
		json_t *line = parse_line(one);
		assert_int_equal(strlen(string_of(line, "message")), 199);
		json_decref(line);
		lines++;
	}
	assert_int_equal(lines, THREADS * LINES);
}

static void region_is_in_every_line(void **state) {
	log_set_region("eu-west");
	json_t *line = parse_line(capture(write_plain));
	assert_string_equal(string_of(line, "region"), "eu-west");
	json_decref(line);
	log_set_region("");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_all_parts),
		cmocka_unit_test(fields_are_optional),
		cmocka_unit_test(text_is_escaped),
		cmocka_unit_test(long_lines_stay_json),
		cmocka_unit_test(levels_filter),
		cmocka_unit_test(lines_of_threads_do_not_mix),
		cmocka_unit_test(region_is_in_every_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
