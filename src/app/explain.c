/* A decision in words, on standard output. */
#include "app/explain.h"

#include <stdio.h>

enum { SAID_MAX = 256 << 10 };

/* The engine's own words, one line per reason; empty when there is no memory for them. */
struct said {
	struct buf text;
	struct slice rest;
};
static void said_init(struct said *s, const struct policy *p, const struct decision *d) {
	buf_init(&s->text, SAID_MAX);
	if (decision_explain(p, d, &s->text)) buf_reset(&s->text);
	s->rest = buf_slice(&s->text);
}

static bool dead_end(const struct decision *d) {
	return d->verdict == VERDICT_HOLD || d->verdict == VERDICT_REFUSE;
}

static void print_refusal(const struct policy *p, const struct decision *d) {
	bool denied = d->refusal == ERR_FORBIDDEN && d->rule >= 0;
	const struct policy_rule *rule = denied ? &p->rules[d->rule] : NULL;
	printf(" with %d: %s", rule ? rule->status : err_http_status(d->refusal),
	       rule && rule->reason[0] ? rule->reason : err_text(d->refusal));
	if (rule) printf(" (rule '%s', line %d)", rule->name, rule->line);
	if (d->region >= 0) printf("; it belongs to %s", p->regions[d->region].name);
}

void explain_verdict(const struct policy *p, const struct decision *d) {
	printf("%s", verdict_name(d->verdict));
	if (d->verdict == VERDICT_REFUSE)
		print_refusal(p, d);
	else if (!dead_end(d))
		printf(d->verdict == VERDICT_HERE ? " in %s" : " to %s",
		       p->regions[d->region].name);
	for (int i = 0; i < d->fallback_count; i++)
		printf(", then %s", p->regions[d->fallbacks[i]].name);
	putchar('\n');
}

static void print_head(const struct policy *p, const struct world *w,
                       const struct decide_request *r, const struct decision *d) {
	const struct policy_tenant *t = &p->tenants[r->tenant];
	printf("tenant %s (residency %s, cell %s): %s, %s, arrives at %s\n", t->name,
	       p->residencies[t->residency].name, p->cells[t->cell].name,
	       r->write ? "write" : "read", consistency_print(d->consistency, d->bounded_ms).text,
	       p->regions[r->here].name);
	printf("policy %02x%02x%02x%02x, world %llu", p->hash[0], p->hash[1], p->hash[2],
	       p->hash[3], (unsigned long long)w->version);
	if (d->bucket >= 0) printf(", bucket %d of %d", d->bucket, DECISION_BUCKETS);
	puts("\n");
}

static bool has_reason(const struct decision *d, int region) {
	for (int i = 0; i < d->reason_count; i++)
		if (d->reasons[i].region == region) return true;
	return false;
}

/* "chosen", "fallback 2", "dropped"; "-" where it was not asked about. */
struct outcome {
	char text[32];
	bool used;
};
static struct outcome outcome_of(const struct decision *d, int region) {
	struct outcome out = {"-", false};
	if (has_reason(d, region)) snprintf(out.text, sizeof out.text, "dropped");
	if (region == d->region) { /* of a refusal: where the client should have gone */
		out.used = !dead_end(d);
		snprintf(out.text, sizeof out.text, out.used ? "chosen" : "belongs");
	}
	for (int i = 0; i < d->fallback_count; i++) {
		if (d->fallbacks[i] != region) continue;
		snprintf(out.text, sizeof out.text, "fallback %d", i + 1);
		out.used = true;
	}
	return out;
}

/* The reasons about `region`, without its name in front; -1: those about none. */
static int print_reasons(const struct policy *p, const struct decision *d, int region,
                         struct slice said, const char *between) {
	int count = 0;
	for (int i = 0; i < d->reason_count; i++) {
		struct slice line = slice_cut(&said, '\n');
		if (d->reasons[i].region != region) continue;
		size_t skip = region < 0 ? 0 : strlen(p->regions[region].name) + sizeof ": " - 1;
		if (skip > line.len) skip = line.len;
		printf("%s" SLICE_FMT, count++ ? between : "",
		       SLICE_ARG(slice_of(line.ptr + skip, line.len - skip)));
	}
	return count;
}

void explain_table(const struct policy *p, const struct world *w, const struct decide_request *r,
                   const struct decision *d) {
	struct said said;
	said_init(&said, p, d);
	print_head(p, w, r, d);
	printf("%-14s %-11s %s\n", "REGION", "OUTCOME", "WHY");
	for (int i = 0; i < p->region_count; i++) {
		struct outcome outcome = outcome_of(d, i);
		bool told = has_reason(d, i);
		printf("%-14s %s%*s", p->regions[i].name, outcome.text,
		       told || outcome.used ? 12 - (int)strlen(outcome.text) : 0, "");
		if (told)
			print_reasons(p, d, i, said.rest, "; ");
		else if (outcome.used)
			printf("holds a copy");
		putchar('\n');
	}
	putchar('\n');
	if (print_reasons(p, d, -1, said.rest, "\n")) putchar('\n');
	explain_verdict(p, d);
	buf_done(&said.text);
}

void explain_lines(const struct policy *p, const struct decision *d, const char *indent) {
	struct said said;
	said_init(&said, p, d);
	while (said.rest.len) {
		struct slice line = slice_cut(&said.rest, '\n');
		printf("%s" SLICE_FMT "\n", indent, SLICE_ARG(line));
	}
	buf_done(&said.text);
}
