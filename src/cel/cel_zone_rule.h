/* The rule that governs a zone after its last listed change: a POSIX TZ string as RFC 9636 allows
 * it in a footer, "CET-1CEST,M3.5.0,M10.5.0/3". */
#pragma once
#include "base/slice.h"

struct cel_zone_change {
	char form; /* 'M': month.week.day; 'J': day 1..365, no leap day; '0': day 0..365 */
	int month, week, day; /* M; J and 0: day alone */
	int32_t second;       /* of local time, -167 h to 167 h */
};
struct cel_zone_rule {
	int32_t standard, saving; /* seconds east of UTC */
	bool saves;               /* otherwise it is always `standard` */
	struct cel_zone_change start, end;
};

bool cel_zone_rule_parse(struct slice text, struct cel_zone_rule *out);
int32_t cel_zone_rule_offset(const struct cel_zone_rule *r, int64_t at);
