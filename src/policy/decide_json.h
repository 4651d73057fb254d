/* Requests and worlds from JSON, decisions to JSON: for whoever asks from outside, over HTTP, on the
 * command line or in a test. Strict: an unknown key is refused, with a guess at what was meant. Pure.
 *
 *   request  {"tenant": "acme", "region": "us-east", "write": false, "forwarded": false,
 *             "consistency": "session", "domain": "billing", "method": "GET", "path": "/v1/x",
 *             "host": "api.example.com", "headers": {"X-Plan": "gold"}, "size": 0,
 *             "time": "2026-03-01T12:00:00Z", "sticky": "session-7", "flags": ["api-version"],
 *             "client": {"ip": "192.0.2.1", "country": "DE", "latitude": 52.5, "longitude": 13.4}}
 *   world    {"version": 7,
 *             "regions": {"eu-west": {"state": "down", "age_ms": 1200, "breaker": true,
 *                         "breaker_age_ms": 0, "over_capacity": false, "capacity_age_ms": 0}},
 *             "cells": {"eu-1": {"home": "eu-central", "epoch": 3, "promoting": false,
 *                       "lag_ms": {"eu-west": 40}, "lag_age_ms": {"eu-west": 0}}}}
 * What is left out keeps its default; where null stands for a number, it is not known.
 */
#pragma once
#include "policy/decide.h"
#include "policy/flags.h"
#include "policy/json_read.h"
#include "policy/whatif.h"

enum {
	INPUT_HEADERS_MAX = 64,
	INPUT_NAMES_BYTES = 4096, /* of all header names together */
	INPUT_TEXT_MAX = 8192,    /* of one text */
	INPUT_FLAGS_MAX = 64,
};
struct decide_input {
	struct decide_request request;
	struct decide_header headers[INPUT_HEADERS_MAX];
	struct cel_net ip;
	char names[INPUT_NAMES_BYTES]; /* lower case */
	int flags[INPUT_FLAGS_MAX];    /* asked for besides: of the policy */
	int flag_count;
};
/* tenant, here: the defaults; -1: the JSON must say. Whose consistency is not said gets the tenant's. */
void decide_input_init(struct decide_input *in, int tenant, int here);
/* Over what `in` holds; whoever set request.who has found the tenant already. Its texts point into `object`, and its request into `in`: neither may go before
 * the decision is made. ERR_INVALID: *m, which begins empty, says where and why. */
MUST enum err decide_input_read(const struct policy *p, const json_t *object,
                                struct decide_input *in, struct json_mistake *m);
/* Over what `w` holds. ERR_INVALID: as above, and w is partly changed. */
MUST enum err decide_world_read(const struct policy *p, const json_t *object, struct whatif *w,
                                struct json_mistake *m);

/* One object on one line, its keys in one order: the same decision gives the same bytes. region,
 * refusal, rule, bucket, hold_ms and deadline_ms only where there are any; reasons only when `told`.
 * ERR_TOO_LARGE, ERR_NO_MEMORY: what was appended is taken back. */
MUST enum err decision_json(const struct policy *p, const struct decision *d, bool told,
                            struct buf *out);
/* `"value":…,"variant":"…","reason":"…"`: an answer's members, as OpenFeature names them. */
MUST enum err flag_json(const struct policy *p, int flag, const struct flag_answer *a, struct buf *out);
/* Evaluates flags of the policy: `{"api-version":{"value":…,…},…}`. */
MUST enum err flags_json(const struct policy *p, const struct world *w, const struct decide_request *r,
                         const int *flags, int count, struct buf *out);

const char *verdict_name(enum verdict v); /* "forward" */
struct consistency_text {
	char text[40]; /* "bounded=500ms", as consistency_parse reads it */
};
struct consistency_text consistency_print(enum consistency c, uint64_t bounded_ms);
