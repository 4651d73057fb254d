/* Checked parsing of small texts from outside: the whole slice must match. Anything
 * else, also a number over its max, is ERR_INVALID and leaves *out alone. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

MUST enum err parse_u64(struct slice s, uint64_t max, uint64_t *out); /* decimal, no sign, no spaces */
MUST enum err parse_i64(struct slice s, int64_t *out);
/* "250ms", "30s", "5m", "12h", "7d"; a unit is required; at most max_ms. */
MUST enum err parse_duration_ms(struct slice s, uint64_t max_ms, uint64_t *out);
/* "4096", "64KiB", "16MiB", "2GiB". */
MUST enum err parse_bytes(struct slice s, uint64_t max, uint64_t *out);
/* Strict UTF-8 (RFC 3629): no overlong forms, surrogates or > U+10FFFF. */
bool utf8_valid(struct slice s);
bool text_clean(struct slice s); /* no control characters, of which DEL is one */
/* [a-z0-9] first, then [a-z0-9-], 1..max_len: names of regions, tenants, domains, cells. */
bool name_valid(struct slice s, size_t max_len);
