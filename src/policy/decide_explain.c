/* Reason codes into words. The same decision gives the same text, byte for byte. */
#include "base/assert.h"
#include "policy/decide.h"

/* What the observed value is, and so how it is told. */
enum value_kind { VALUE_NONE, VALUE_AGE, VALUE_LAG, VALUE_RULE };

static const struct {
	const char *name, *text;
	enum value_kind value;
} reasons[REASON_COUNT] = {
	[REASON_RESIDENCY] = {"residency", "outside the residency class"},
	[REASON_NOT_REPLICA] = {"not-replica", "holds no copy of the cell"},
	[REASON_PREFERENCE] = {"preference", "preferred by the tenant"},
	[REASON_HOME] = {"home", "home of the cell"},
	[REASON_LOCAL_COPY] = {"local-copy", "the copy here is fresh enough"},
	[REASON_DOWN] = {"down", "down", VALUE_AGE},
	[REASON_DRAINING] = {"draining", "draining", VALUE_AGE},
	[REASON_BREAKER] = {"breaker", "circuit breaker open"},
	[REASON_CAPACITY] = {"capacity", "over capacity"},
	[REASON_STALE] = {"stale", "not fresh enough", VALUE_LAG},
	[REASON_PROMOTING] = {"promoting", "the cell is between homes"},
	[REASON_NO_HOME] = {"no-home", "no home of the cell is known"},
	[REASON_TRANSIT_REFUSED] = {"transit-refused",
                                    "go there: the residency class lets no other region pass "
                                    "requests on"},
	[REASON_FORWARDED_TWICE] = {"forwarded-twice", "another region passed it on already"},
	[REASON_SIGNAL_OLD] = {"signal-old", "a last resort: not heard of", VALUE_AGE},
	[REASON_MAINTENANCE] = {"maintenance",
                                "a last resort: the tenant's maintenance window is open"},
	[REASON_EXPLICIT_FAILOVER] = {"explicit-failover",
                                      "the tenant lets no other region step in by itself"},
	[REASON_SECONDARY] = {"secondary", "no copy could, so the secondary source served it"},
	[REASON_RULE_DENY] = {"rule-deny", "denied", VALUE_RULE},
	[REASON_RULE_ALLOW] = {"rule-allow", "not among the regions allowed", VALUE_RULE},
	[REASON_RULE_EXCLUDE] = {"rule-exclude", "excluded", VALUE_RULE},
	[REASON_RULE_PIN] = {"rule-pin", "another region is pinned", VALUE_RULE},
	[REASON_RULE_PREFER] = {"rule-prefer", "preferred", VALUE_RULE},
	[REASON_RULE_WEIGHT] = {"rule-weight", "chosen by weight", VALUE_RULE},
	[REASON_RULE_CONSISTENCY] = {"rule-consistency", "the consistency is set", VALUE_RULE},
	[REASON_RULE_HOLD] = {"rule-hold", "how long to hold is set", VALUE_RULE},
	[REASON_RULE_DEADLINE] = {"rule-deadline", "the deadline is set", VALUE_RULE},
	[REASON_RULE_ERROR] = {"rule-error", "the condition failed", VALUE_RULE},
	[REASON_RULE_EMPTY] = {"rule-empty", "the last region that could serve it is taken",
                               VALUE_RULE},
};

const char *reason_name(enum reason r) {
	ASSERT((unsigned)r < REASON_COUNT);
	return reasons[r].name;
}

/* "by rule 'eu-only' (line 31)": the file's name is the caller's. */
static enum err explain_rule(const struct policy *p, uint32_t rule, struct buf *out) {
	ASSERT(rule < (uint32_t)p->rule_count);
	return buf_printf(out, " by rule '%s' (line %d)", p->rules[rule].name, p->rules[rule].line);
}

static enum err explain_value(const struct policy *p, enum value_kind kind, uint32_t value,
                              struct buf *out) {
	switch (kind) {
	case VALUE_RULE: return explain_rule(p, value, out);
	case VALUE_AGE: return buf_printf(out, " for %u ms", value);
	case VALUE_LAG:
		if (value == UINT32_MAX) return buf_append_str(out, ": its lag is not known");
		return buf_printf(out, ": %u ms behind", value);
	default: return ERR_OK;
	}
}

enum err decision_explain(const struct policy *p, const struct decision *d, struct buf *out) {
	for (int i = 0; i < d->reason_count; i++) {
		const struct decision_reason *r = &d->reasons[i];
		ASSERT(r->reason < REASON_COUNT && r->region < p->region_count);
		enum err e = ERR_OK;
		if (r->region >= 0) e = buf_printf(out, "%s: ", p->regions[r->region].name);
		if (!e) e = buf_append_str(out, reasons[r->reason].text);
		if (!e) e = explain_value(p, reasons[r->reason].value, r->value, out);
		if (!e) e = buf_append_str(out, "\n");
		if (e) return e;
	}
	return ERR_OK;
}
