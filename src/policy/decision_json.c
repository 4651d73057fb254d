/* Decisions to JSON, written by hand: they are asked for in great numbers. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "policy/decide_json.h"

enum { SAID_MAX = 256 << 10 }; /* all reasons in words */

const char *verdict_name(enum verdict v) {
	static const char *const names[] = {[VERDICT_HERE] = "here",
	                                    [VERDICT_FORWARD] = "forward",
	                                    [VERDICT_HOLD] = "hold",
	                                    [VERDICT_REFUSE] = "refuse"};
	ASSERT((unsigned)v < sizeof names / sizeof *names);
	return names[v];
}

struct consistency_text consistency_print(enum consistency c, uint64_t bounded_ms) {
	static const char *const names[] = {[CONSISTENCY_STRONG] = "strong",
	                                    [CONSISTENCY_SESSION] = "session",
	                                    [CONSISTENCY_BOUNDED] = "bounded",
	                                    [CONSISTENCY_EVENTUAL] = "eventual"};
	struct consistency_text out;
	ASSERT((unsigned)c < sizeof names / sizeof *names);
	if (c == CONSISTENCY_BOUNDED)
		snprintf(out.text, sizeof out.text, "bounded=%llums",
		         (unsigned long long)bounded_ms);
	else
		snprintf(out.text, sizeof out.text, "%s", names[c]);
	return out;
}

/* Appending where the first error sticks, so that a form is written in one go. */
struct writer {
	const struct policy *policy;
	struct buf *out;
	enum err err;
};

static void raw(struct writer *w, const char *text) {
	if (!w->err) w->err = buf_append_str(w->out, text);
}

static void PRINTF_LIKE(2, 3) rawf(struct writer *w, const char *format, ...) {
	va_list args;
	va_start(args, format);
	if (!w->err) w->err = buf_vprintf(w->out, format, args);
	va_end(args);
}

/* The run of bytes that need no escape, then the one that does. */
static void quoted(struct writer *w, struct slice s) {
	size_t start = 0;
	raw(w, "\"");
	for (size_t i = 0; i <= s.len; i++) {
		bool plain = i < s.len && s.ptr[i] >= 0x20 && s.ptr[i] != '"' && s.ptr[i] != '\\';
		if (plain) continue;
		if (!w->err) w->err = buf_append(w->out, s.ptr + start, i - start);
		if (i < s.len) rawf(w, "\\u%04x", s.ptr[i]);
		start = i + 1;
	}
	raw(w, "\"");
}

static void region(struct writer *w, int index) {
	quoted(w, slice_str(w->policy->regions[index].name));
}

static void rule(struct writer *w, uint32_t index) {
	ASSERT(index < (uint32_t)w->policy->rule_count);
	const struct policy_rule *r = &w->policy->rules[index];
	raw(w, ",\"rule\":{\"name\":");
	quoted(w, slice_str(r->name));
	rawf(w, ",\"line\":%d}", r->line);
}

static void regions(struct writer *w, const char *key, const int *list, int count) {
	rawf(w, ",\"%s\":[", key);
	for (int i = 0; i < count; i++) {
		if (i) raw(w, ",");
		region(w, list[i]);
	}
	raw(w, "]");
}

static void allowed(struct writer *w, region_set set) {
	int list[POLICY_REGIONS_MAX], count = 0;
	for (; set; set &= set - 1) list[count++] = __builtin_ctzll(set);
	regions(w, "allowed", list, count);
}

static void refusal(struct writer *w, const struct decision *d) {
	bool denied = d->refusal == ERR_FORBIDDEN && d->rule >= 0;
	const struct policy_rule *r = denied ? &w->policy->rules[d->rule] : NULL;
	rawf(w, ",\"refusal\":{\"status\":%d,\"type\":\"%s\",\"reason\":",
	     r ? r->status : err_http_status(d->refusal), err_slug(d->refusal));
	quoted(w, slice_str(r && r->reason[0] ? r->reason : err_text(d->refusal)));
	raw(w, "}");
	if (denied) rule(w, (uint32_t)d->rule);
}

/* said: one line per reason. */
static void reasons(struct writer *w, const struct decision *d, struct slice said) {
	raw(w, ",\"reasons\":[");
	for (int i = 0; i < d->reason_count; i++) {
		const struct decision_reason *r = &d->reasons[i];
		rawf(w, "%s{\"reason\":\"%s\"", i ? "," : "", reason_name(r->reason));
		if (r->region >= 0) {
			raw(w, ",\"region\":");
			region(w, r->region);
		}
		if (r->reason >= REASON_RULE_DENY)
			rule(w, r->value);
		else if (r->value)
			rawf(w, ",\"value\":%u", r->value);
		raw(w, ",\"text\":");
		quoted(w, slice_cut(&said, '\n'));
		raw(w, "}");
	}
	raw(w, "]");
}

static void decision(struct writer *w, const struct decision *d) {
	rawf(w, "{\"verdict\":\"%s\"", verdict_name(d->verdict));
	if (d->region >= 0) {
		raw(w, ",\"region\":");
		region(w, d->region);
	}
	regions(w, "fallbacks", d->fallbacks, d->fallback_count);
	allowed(w, d->allowed);
	rawf(w, ",\"consistency\":\"%s\"", consistency_print(d->consistency, d->bounded_ms).text);
	if (d->verdict == VERDICT_REFUSE) refusal(w, d);
	if (d->bucket >= 0) rawf(w, ",\"bucket\":%d", d->bucket);
	if (d->hold_ms) rawf(w, ",\"hold_ms\":%u", d->hold_ms);
	if (d->deadline_ms) rawf(w, ",\"deadline_ms\":%u", d->deadline_ms);
}

enum err decision_json(const struct policy *p, const struct decision *d, bool told,
                       struct buf *out) {
	struct writer w = {.policy = p, .out = out};
	size_t before = out->len;
	struct buf said;
	buf_init(&said, SAID_MAX);
	if (told) w.err = decision_explain(p, d, &said);
	decision(&w, d);
	if (told) reasons(&w, d, buf_slice(&said));
	raw(&w, "}");
	buf_done(&said);
	if (w.err) buf_truncate(out, before);
	return w.err;
}

/* --- flags ---------------------------------------------------------------------------------- */

/* The shortest that is read as the same. */
static void number(struct writer *w, double value) {
	char text[32];
	snprintf(text, sizeof text, "%.15g", value);
	if (strtod(text, NULL) == value)
		raw(w, text);
	else
		rawf(w, "%.17g", value);
}

static void flag_value(struct writer *w, const struct policy_flag *f,
                       const struct flag_variant *v) {
	raw(w, "\"value\":");
	switch (f->type) {
	case FLAG_TEXT: quoted(w, slice_str(v->text)); break;
	case FLAG_NUMBER: number(w, v->number); break;
	case FLAG_BOOL: raw(w, v->truth ? "true" : "false"); break;
	}
	rawf(w, ",\"variant\":\"%s\"", v->name);
}

enum err flag_json(const struct policy *p, int flag, const struct flag_answer *a, struct buf *out) {
	struct writer w = {.policy = p, .out = out};
	const struct policy_flag *f = &p->flags[flag];
	flag_value(&w, f, &f->variants[a->variant]);
	rawf(&w, ",\"reason\":\"%s\"", flag_reason_name(a->reason));
	return w.err;
}

enum err flags_json(const struct policy *p, const struct world *world,
                    const struct decide_request *r, const int *flags, int count, struct buf *out) {
	struct writer w = {.policy = p, .out = out};
	struct flag_answer a;
	raw(&w, "{");
	for (int i = 0; !w.err && i < count; i++) {
		flag_evaluate(p, world, r, flags[i], &a);
		rawf(&w, "%s\"%s\":{", i ? "," : "", p->flags[flags[i]].name);
		if (!w.err) w.err = flag_json(p, flags[i], &a, out);
		raw(&w, "}");
	}
	raw(&w, "}");
	return w.err;
}
