/* Issues in the order of the source. Allocates nothing. */
#include "cel/cel_issue.h"

#include <stdio.h>

static void locate(struct cel_issue *issue, struct slice source, uint32_t at) {
	issue->at = at;
	issue->line = issue->column = 1;
	for (uint32_t i = 0; i < at && i < source.len; i++) {
		uint8_t c = source.ptr[i];
		if (c == '\n') {
			issue->line++;
			issue->column = 1;
		} else if ((c & 0xc0) != 0x80) {
			issue->column++;
		}
	}
}

void cel_issue_vadd(struct cel_issues *issues, struct slice source, uint32_t at, const char *format,
                    va_list args) {
	if (!issues) return;
	int place = issues->count;
	while (place > 0 && issues->items[place - 1].at > at) place--;
	if (place == CEL_ISSUES_MAX) return;
	if (issues->count < CEL_ISSUES_MAX) issues->count++;
	struct cel_issue *issue = &issues->items[place];
	memmove(issue + 1, issue, (size_t)(issues->count - 1 - place) * sizeof *issue);
	locate(issue, source, at);
	vsnprintf(issue->text, sizeof issue->text, format, args);
}

void cel_issue_add(struct cel_issues *issues, struct slice source, uint32_t at, const char *format,
                   ...) {
	va_list args;
	va_start(args, format);
	cel_issue_vadd(issues, source, at, format, args);
	va_end(args);
}
