/* Structured log: one JSON object a line on standard error, written with one
 * write(2). Any thread. Time and level are set here; text is escaped here.
 *
 *   LOG(LOG_WARN, "cell", "fenced itself", {"cell", name}, {"why", fault.text});
 *   {"time":"2026-01-02T03:04:05.678Z","level":"warn","part":"cell","message":"fenced itself","cell":"eu-1",…}
 *
 * Log once, where an error is handled. Secrets and values of tenants never go here. */
#pragma once
#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
struct log_field {
	const char *name;
	const char *text; /* NULL: use number */
	int64_t number;
};

void log_set_level(enum log_level level);
void log_set_region(const char *region); /* goes into every line; copied; before other threads log */
void log_write(enum log_level level, const char *part, const char *message,
               const struct log_field *fields, int n);
#define LOG(level, part, message, ...)                                                             \
	log_write(level, part, message, (const struct log_field[]){{0}, ##__VA_ARGS__} + 1,        \
	          (int)(sizeof((const struct log_field[]){{0}, ##__VA_ARGS__}) /                   \
	                sizeof(struct log_field)) - 1)
#define LOG_NUM(name, value) {(name), NULL, (int64_t)(value)}
