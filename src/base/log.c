/* One JSON object a line. The line is built on the stack and written once, so
 * lines of several threads never mix; a line too long loses its last fields and
 * says so. The one place below io/ that reads the clock: a line must carry the
 * time at which it was written, also in a test with a fake clock. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/parse.h"

enum { LOG_LINE_MAX = 4096, LOG_REGION_MAX = 64 };

static _Atomic int log_level = LOG_INFO;
static char log_region[LOG_REGION_MAX];

static const char log_cut_mark[] = ",\"cut\":true}\n";

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
	bool full; /* nothing more is added, so that the line ends at a field */
};

void log_set_level(enum log_level level) {
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

void log_set_region(const char *region) {
	snprintf(log_region, sizeof log_region, "%s", region);
}

static void line_add(struct line *l, const char *text, size_t len) {
	if (l->full || len > sizeof l->text - sizeof log_cut_mark - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

static void PRINTF_LIKE(2, 3) line_printf(struct line *l, const char *format, ...) {
	char text[128];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (len > 0) line_add(l, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

/* How many bytes at p form one valid character; 0: none do. */
static size_t utf8_prefix(const char *p, size_t len) {
	for (size_t n = 1; n <= 4 && n <= len; n++)
		if (utf8_valid(slice_of(p, n))) return n;
	return 0;
}

static void line_add_escaped(struct line *l, const char *text) {
	line_add(l, "\"", 1);
	for (size_t len = strlen(text), n; len; text += n, len -= n) {
		unsigned char c = (unsigned char)*text;
		n = 1;
		if (c == '"' || c == '\\') {
			line_printf(l, "\\%c", c);
		} else if (c == '\n') {
			line_add(l, "\\n", 2);
		} else if (c < 0x20 || c == 0x7f) {
			line_printf(l, "\\u%04x", c);
		} else if ((n = utf8_prefix(text, len)) > 0) {
			line_add(l, text, n);
		} else {
			n = 1;
			line_add(l, "\\ufffd", 6);
		}
	}
	line_add(l, "\"", 1);
}

/* A field goes in whole or not at all. */
static void line_add_field(struct line *l, const char *name, const char *text, int64_t number) {
	if (l->full) return;
	size_t before = l->len;
	line_add(l, before > 1 ? "," : "", before > 1);
	line_add_escaped(l, name);
	line_add(l, ":", 1);
	if (text) {
		line_add_escaped(l, text);
	} else {
		line_printf(l, "%lld", (long long)number);
	}
	if (l->full) l->len = before;
}

static void line_add_time(struct line *l) {
	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	char text[32];
	size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + len, sizeof text - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
	line_add_field(l, "time", text, 0);
}

void log_write(enum log_level level, const char *part, const char *message,
               const struct log_field *fields, int n) {
	static const char *const names[] = {"debug", "info", "warn", "error"};
	if (level >= LOG_OFF || (int)level < atomic_load_explicit(&log_level, memory_order_relaxed))
		return;
	struct line l = {.len = 0};
	line_add(&l, "{", 1);
	line_add_time(&l);
	line_add_field(&l, "level", names[level], 0);
	if (log_region[0]) line_add_field(&l, "region", log_region, 0);
	line_add_field(&l, "part", part, 0);
	line_add_field(&l, "message", message, 0);
	for (int i = 0; i < n; i++)
		line_add_field(&l, fields[i].name, fields[i].text, fields[i].number);
	const char *end = l.full ? log_cut_mark : "}\n";
	memcpy(l.text + l.len, end, strlen(end));
	l.len += strlen(end);
	/* Nobody could be told if this fails: it is the log. */
	while (write(STDERR_FILENO, l.text, l.len) < 0 && errno == EINTR) {}
}
