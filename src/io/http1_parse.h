/* Private to the head parser: what its files share. The parser is one state
 * machine over elements (method, target, name, value, …), each of which can stop at
 * any byte and go on when more has come; http1_head.state and .at are where. */
#pragma once
#include "io/http1.h"
#include "io/http1_chars.h"

enum {
	STATE_START, /* request: one empty line may come first */
	STATE_START_LF,
	STATE_METHOD,
	STATE_TARGET,
	STATE_REQUEST_VERSION,
	STATE_STATUS,
	STATE_REASON,
	STATE_REASON_LF,
	STATE_FIELD, /* the start of a header line, or of the empty line that ends the head */
	STATE_NAME,
	STATE_BLANK, /* between colon and value */
	STATE_VALUE,
	STATE_VALUE_LF,
	STATE_END_LF,
	STATE_DONE,
	STATE_FAILED,
};

/* start is the message's first byte; only bytes before end may be read. */
struct cursor {
	const uint8_t *start, *at, *end;
};

enum step { STEP_ON, STEP_NEED, STEP_FAIL };

/* Marks the head as failed at `where`. */
static inline enum step head_fail(struct http1_head *h, const struct cursor *c,
                                  const uint8_t *where, enum http1_rule rule) {
	h->rule = rule;
	h->fault_offset = (size_t)(where - c->start);
	h->state = STATE_FAILED;
	return STEP_FAIL;
}

static inline uint32_t cursor_offset(const struct cursor *c) {
	return (uint32_t)(c->at - c->start);
}

/* Takes the LF that must follow a CR and goes to the state `next`. */
static inline enum step lf_take(struct http1_head *h, struct cursor *c, uint8_t next) {
	if (c->at == c->end) return STEP_NEED;
	if (*c->at != '\n') return head_fail(h, c, c->at, HTTP1_RULE_BARE_CR);
	c->at++;
	h->state = next;
	return STEP_ON;
}

/* The states up to STATE_FIELD: request line or status line. */
enum step http1_line_parse(struct http1_head *h, struct cursor *c);

/* Gives the newest header its meaning. NONE, or the rule it breaks; *at_name: the fault is
 * in the name rather than in the value. */
enum http1_rule http1_field_accept(struct http1_head *h, int index, bool *at_name);
/* What can be said only when all headers are there. */
enum http1_rule http1_head_finish(struct http1_head *h);
