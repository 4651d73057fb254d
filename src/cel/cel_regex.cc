// RE2 behind four C functions. No exception leaves this file.
#include "cel/cel_regex.h"

#include <re2/re2.h>

#include <new>

struct cel_regex {
	RE2 compiled;
	cel_regex(const re2::StringPiece &pattern, const RE2::Options &options)
	    : compiled(pattern, options) {}
};

struct cel_regex *cel_regex_new(const char *pattern, size_t len) try {
	if (len > CEL_REGEX_MAX) return nullptr;
	RE2::Options options;
	options.set_log_errors(false);
	options.set_max_mem(CEL_REGEX_MEMORY_BYTES);
	struct cel_regex *r = new cel_regex(re2::StringPiece(pattern, len), options);
	if (r->compiled.ok()) return r;
	delete r;
	return nullptr;
} catch (const std::exception &) {
	return nullptr;
}

void cel_regex_free(struct cel_regex *r) {
	delete r;
}

bool cel_regex_matches(const struct cel_regex *r, const char *text, size_t len) try {
	return RE2::PartialMatch(re2::StringPiece(text, len), r->compiled);
} catch (const std::exception &) {
	return false;
}

int cel_regex_size(const struct cel_regex *r) {
	return r->compiled.ProgramSize();
}
