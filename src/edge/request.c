/* Reads what a request asks from its head: tenant, path, consistency, token, lifetime.
 * Everything here is hostile; the messages tell the client what to send instead. */
#include "base/parse.h"
#include "edge/edge_private.h"
#include "io/http_uri.h"

#include <stdio.h>

enum err version_parse(struct slice text, uint64_t *epoch, uint64_t *seq) {
	if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
		text = slice_of(text.ptr + 1, text.len - 2);
	struct slice rest = text;
	struct slice first = slice_cut(&rest, '-');
	enum err e = parse_u64(first, UINT64_MAX, epoch);
	return e ? e : parse_u64(rest, UINT64_MAX, seq);
}

enum err request_check_domain(struct slice domain, struct fault *fault) {
	if (name_valid(domain, EDGE_DOMAIN_MAX)) return ERR_OK;
	return fault_set(
		fault, ERR_INVALID,
		"the domain in /v1/data/{domain}/{key} must be 1 to %d of a-z, 0-9 and '-', "
		"and start with a letter or digit",
		EDGE_DOMAIN_MAX);
}

enum err request_full_key(struct request *r, struct slice domain, struct slice key,
                          struct slice *out, struct fault *fault) {
	struct slice tenant = slice_str(r->tenant->name);
	size_t len = tenant.len + domain.len + key.len + 2;
	if (len > KEY_MAX_BYTES)
		return fault_set(fault, ERR_INVALID,
		                 "the key is %zu bytes long; at most %zu fit here", key.len,
		                 (size_t)KEY_MAX_BYTES - tenant.len - domain.len - 2);
	if (!utf8_valid(key) || memchr(key.ptr ? key.ptr : (const uint8_t *)"", 0, key.len))
		return fault_set(fault, ERR_INVALID, "the key must be valid UTF-8 without NUL");
	uint8_t *p = arena_alloc(http_exchange_arena(r->x), len);
	if (!p)
		return fault_set(fault, ERR_NO_MEMORY,
		                 "no memory for this request; try again later");
	*out = slice_of(p, len);
	memcpy(p, tenant.ptr, tenant.len);
	p += tenant.len + 1;
	if (domain.len) memcpy(p, domain.ptr, domain.len);
	p += domain.len + 1;
	if (key.len) memcpy(p, key.ptr, key.len);
	return ERR_OK;
}

static enum err read_consistency(struct request *r, struct fault *fault) {
	struct slice text = http1_header(r->head, FIELD_HOLDFAST_CONSISTENCY);
	const struct policy_tenant *t = r->tenant;
	uint64_t bounded_ms = t->bounded_ms;
	r->consistency = t->consistency;
	if (text.len && consistency_parse(text, &r->consistency, &bounded_ms) != ERR_OK)
		return fault_set(fault, ERR_INVALID,
		                 "Holdfast-Consistency must be strong, session, bounded=DURATION "
		                 "(1ms to 1d, such as bounded=500ms) or eventual");
	r->bounded_ms = (uint32_t)bounded_ms;
	return ERR_OK;
}

static enum err read_token(struct request *r, struct fault *fault) {
	struct slice text = http1_header(r->head, FIELD_HOLDFAST_TOKEN);
	if (text.len == 0) return ERR_OK;
	bool peek = r->edge->options.secret.len == 0; /* a secondary source has not the cluster's */
	enum err err = peek ? token_peek(text, &r->token)
	                    : token_decode(text, r->edge->options.secret, &r->token);
	if (err)
		return fault_set(
			fault, ERR_INVALID,
			"Holdfast-Token is not one that this cluster gave out; drop it and go on");
	if (r->token.cell_hash != r->edge->cells[r->cell].name_hash)
		return fault_set(
			fault, ERR_INVALID,
			"Holdfast-Token belongs to another cell than this tenant's; drop it and "
			"go on");
	r->has_token = true;
	return ERR_OK;
}

static enum err read_ttl(struct request *r, struct fault *fault) {
	struct slice text = http1_header(r->head, FIELD_HOLDFAST_TTL);
	if (text.len == 0) return ERR_OK;
	if (parse_duration_ms(text, REQUEST_TTL_MAX_MS, &r->ttl_ms) != ERR_OK || r->ttl_ms == 0)
		return fault_set(
			fault, ERR_INVALID,
			"Holdfast-TTL must be a duration from 1ms to 3650d, such as 30s or 12h");
	return ERR_OK;
}

/* A path segment, decoded in the arena. */
static enum err decode_part(struct request *r, struct slice in, enum http_uri_part part,
                            struct slice *out, struct fault *fault) {
	*out = in;
	if (!memchr(in.ptr ? in.ptr : (const uint8_t *)"", '%', in.len) &&
	    (part == HTTP_URI_PATH || !memchr(in.ptr ? in.ptr : (const uint8_t *)"", '+', in.len)))
		return ERR_OK;
	uint8_t *p = arena_alloc(http_exchange_arena(r->x), in.len);
	size_t len;
	if (!p)
		return fault_set(fault, ERR_NO_MEMORY,
		                 "no memory for this request; try again later");
	if (http_uri_decode(in, part, p, in.len, &len) != ERR_OK)
		return fault_set(
			fault, ERR_INVALID,
			"a '%%' in the path or query is not followed by two hexadecimal digits");
	*out = slice_of(p, len);
	return ERR_OK;
}

/* Query of a scan. */
static enum err read_query(struct request *r, struct fault *fault) {
	struct slice query = r->head->query, name, value;
	r->limit = 100;
	while (http_query_next(&query, &name, &value)) {
		struct slice v;
		enum err e = decode_part(r, value, HTTP_URI_QUERY, &v, fault);
		if (e) return e;
		if (slice_is(name, "prefix")) {
			r->prefix = v;
		} else if (slice_is(name, "cursor")) {
			r->after = v;
		} else if (slice_is(name, "limit")) {
			if (parse_u64(v, EDGE_SCAN_LIMIT_MAX, &r->limit) != ERR_OK || r->limit == 0)
				return fault_set(fault, ERR_INVALID, "limit must be 1 to %d",
				                 EDGE_SCAN_LIMIT_MAX);
		} else {
			return fault_set(fault, ERR_INVALID,
			                 "unknown query parameter '" SLICE_FMT
			                 "'; a scan takes prefix, limit and cursor",
			                 (int)(name.len > 40 ? 40 : name.len),
			                 (const char *)name.ptr);
		}
	}
	return ERR_OK;
}

static enum err read_data_path(struct request *r, struct slice path, struct fault *fault) {
	struct slice rest = path; /* "/{domain}" or "/{domain}/{key…}" */
	struct slice segment;
	if (!http_path_next(&rest, &segment))
		return fault_set(fault, ERR_NOT_FOUND, "the path is /v1/data/{domain}/{key}");
	enum err e = decode_part(r, segment, HTTP_URI_PATH, &r->domain, fault);
	if (!e) e = request_check_domain(r->domain, fault);
	if (e) return e;
	bool reads = r->head->method == METHOD_GET || r->head->method == METHOD_HEAD;
	if (rest.len <= 1) {
		if (!reads)
			return fault_set(fault, ERR_METHOD,
			                 "a whole domain can only be read; name a key");
		r->serve = scan_serve;
		e = read_query(r, fault);
		return e ? e : scan_read(r, fault);
	}
	struct slice walk = rest;
	while (http_path_next(&walk, &segment))
		if (http_uri_dots(segment))
			return fault_set(fault, ERR_INVALID,
			                 "a key may not have '.' or '..' between slashes: the hops "
			                 "of the way "
			                 "would read the path differently");
	e = decode_part(r, slice_of(rest.ptr + 1, rest.len - 1), HTTP_URI_PATH, &r->key, fault);
	if (!e) e = request_full_key(r, r->domain, r->key, &r->full_key, fault);
	if (e) return e;
	if (reads) {
		r->serve = read_serve;
	} else if (r->head->method == METHOD_PUT || r->head->method == METHOD_DELETE) {
		r->write = true;
		r->serve = write_serve;
	} else {
		return fault_set(fault, ERR_METHOD, "a key takes GET, HEAD, PUT and DELETE");
	}
	return ERR_OK;
}

static enum err read_path(struct request *r, struct fault *fault) {
	struct slice path = r->head->path;
	if (slice_starts(path, SLICE_LIT("/v1/data/")))
		return read_data_path(r, slice_of(path.ptr + 8, path.len - 8), fault);
	if (slice_is(path, "/v1/tx")) {
		if (r->head->method != METHOD_POST)
			return fault_set(fault, ERR_METHOD, "/v1/tx takes POST");
		r->write = true;
		r->serve = tx_serve;
		return tx_read(r, fault);
	}
	return fault_set(fault, ERR_NOT_FOUND,
	                 "there is /v1/data/{domain}/{key}, /v1/data/{domain}?prefix= and /v1/tx");
}

static void read_facts(struct request *r) {
	facts_read(r->edge, r->x, &r->ip, &r->ask);
	r->ask.tenant = r->tenant_index;
	r->ask.who = r->tenant;
	r->ask.write = r->write;
	r->ask.forwarded = r->forwarded;
	r->ask.ruled = r->proven;
	r->ask.consistency = r->consistency;
	r->ask.bounded_ms = r->bounded_ms;
	r->ask.domain = r->domain;
}

_Static_assert(sizeof(struct identity_memo) <= HTTP_CONNECTION_MEMO_BYTES, "a connection has room");

enum err request_read(struct request *r, struct fault *fault) {
	struct edge *e = r->edge;
	const char *detail = NULL;
	struct identity id;
	enum err err = identity_find(&e->options.tenancy, e->policy,
	                             http1_header(r->head, FIELD_AUTHORIZATION),
	                             http_exchange_memo(r->x), http_exchange_arena(r->x), &id,
	                             &detail);
	if (err) return fault_set(fault, err, "%s", detail);
	r->tenant = id.who.tenant;
	r->tenant_index = id.who.index;
	r->cell = r->tenant->cell;
	hop_read(r);
	err = read_path(r, fault);
	if (!err) err = read_consistency(r, fault);
	if (!err) err = read_token(r, fault);
	if (!err) err = read_ttl(r, fault);
	r->repeatable = true; /* as every read is */
	if (!err && r->write) err = write_idempotency(r, fault);
	if (!err) read_facts(r);
	return err;
}
