/* The text of an acceptance: there and back, strictly. */
#include "cell/acceptance.h"

#include "base/parse.h"

static bool is_by(struct slice by) {
	if (by.len == 0 || by.len > ACCEPTANCE_BY_MAX) return false;
	for (size_t i = 0; i < by.len; i++) {
		uint8_t c = by.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool other = (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '@';
		if (!letter && !other) return false;
	}
	return true;
}

static bool is_reason(struct slice reason) {
	if (reason.len == 0 || reason.len > ACCEPTANCE_REASON_MAX || !utf8_valid(reason))
		return false;
	for (size_t i = 0; i < reason.len; i++)
		if (reason.ptr[i] < 0x20 || reason.ptr[i] == 0x7f) return false;
	return slice_trim(reason).len > 0;
}

enum err acceptance_check(struct slice by, struct slice reason) {
	return is_by(by) && is_reason(reason) ? ERR_OK : ERR_INVALID;
}

enum err acceptance_encode(const struct acceptance *a, struct buf *out) {
	return buf_printf(out, "epoch=%llu for_ms=%llu at_ms=%llu region=%s by=%s reason=%s",
	                  (unsigned long long)a->epoch, (unsigned long long)a->for_ms,
	                  (unsigned long long)a->at_ms, a->region, a->by, a->reason);
}

/* Takes `name=value` and the space behind it; empty when it is not that field's turn. */
static struct slice take(struct slice *text, const char *name) {
	struct slice rest = *text, value = slice_cut(&rest, ' ');
	struct slice key = slice_cut(&value, '=');
	if (!slice_is(key, name)) return (struct slice){0};
	*text = rest;
	return value;
}

static void copy(char *out, struct slice text) {
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
}

enum err acceptance_decode(struct slice text, struct acceptance *out) {
	struct acceptance a = {0};
	if (parse_u64(take(&text, "epoch"), UINT64_MAX, &a.epoch)) return ERR_INVALID;
	if (parse_u64(take(&text, "for_ms"), ACCEPTANCE_FOR_MAX_MS, &a.for_ms)) return ERR_INVALID;
	if (parse_u64(take(&text, "at_ms"), UINT64_MAX, &a.at_ms)) return ERR_INVALID;
	struct slice region = take(&text, "region"), by = take(&text, "by");
	if (!name_valid(region, sizeof a.region - 1) || !slice_starts(text, SLICE_LIT("reason=")))
		return ERR_INVALID;
	struct slice reason = slice_of(text.ptr + 7, text.len - 7);
	if (acceptance_check(by, reason)) return ERR_INVALID;
	copy(a.region, region);
	copy(a.by, by);
	copy(a.reason, reason);
	*out = a;
	return ERR_OK;
}
