/* One transfer of libcurl: its options, its bytes, what its errors mean. Calls no owner: that is
 * uv_fetch.c's, outside of libcurl's callbacks. */
#include <stdlib.h>

#include "io/uv_fetch.h"

enum { NS_PER_MS = 1000000, FIELD_BYTES_MAX = 16384 };

/* --- bytes ------------------------------------------------------------------------------ */

static bool streams(struct fetch_run *r) {
	return r->call->part && fetch_run_status(r) == 200;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg) {
	struct fetch_run *r = arg;
	size_t len = size * count;
	if (!r->streams && streams(r)) {
		r->streams = true;
		r->body.max = FETCH_TURN_BYTES;
	}
	if (buf_append(&r->body, bytes, len) != ERR_OK) {
		r->too_large = true;
		return 0; /* ends the transfer */
	}
	if (r->streams && !r->fed) {
		r->fed = true;
		list_push_back(&r->fetch->fed, &r->fed_node);
	}
	return len;
}

/* --- options ----------------------------------------------------------------------------- */

static bool add_field(struct fetch_run *r, const struct http_header *h) {
	struct buf line;
	const char *text;
	buf_init(&line, FIELD_BYTES_MAX);
	enum err e = buf_printf(&line, SLICE_FMT ": " SLICE_FMT, SLICE_ARG(h->name),
	                        SLICE_ARG(h->value));
	if (e == ERR_OK) e = buf_cstr(&line, &text);
	struct curl_slist *longer = e == ERR_OK ? curl_slist_append(r->fields, text) : NULL;
	if (longer) r->fields = longer;
	buf_done(&line);
	return longer != NULL;
}

static bool add_fields(struct fetch_run *r) {
	/* Without it a large body waits a second for a "100 Continue" that etcd never sends. */
	static const struct http_header no_expect = {SLICE_LIT("Expect"), {NULL, 0}};
	if (!add_field(r, &no_expect)) return false;
	for (int i = 0; i < r->call->field_count; i++)
		if (!add_field(r, &r->call->fields[i])) return false;
	return true;
}

#define SET(option, value) (curl_easy_setopt(r->easy, option, value) == CURLE_OK)

static bool set_trust(struct fetch_run *r) {
	const struct fetch *f = r->fetch;
	bool ok = SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_PROXY, "") &&
	          SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (f->ca) ok = ok && SET(CURLOPT_CAINFO, f->ca) && SET(CURLOPT_CAPATH, NULL);
	if (f->cert) ok = ok && SET(CURLOPT_SSLCERT, f->cert);
	if (f->key) ok = ok && SET(CURLOPT_SSLKEY, f->key);
	return ok;
}

static bool set_body(struct fetch_run *r) {
	const struct slice body = r->call->body;
	if (!body.ptr) return SET(CURLOPT_HTTPGET, 1L);
	return SET(CURLOPT_POST, 1L) && SET(CURLOPT_POSTFIELDS, (const char *)body.ptr) &&
	       SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
}

static bool set_time(struct fetch_run *r) {
	uint64_t ms = (r->call->timeout_ns + NS_PER_MS - 1) / NS_PER_MS;
	if (ms == 0) return SET(CURLOPT_TCP_KEEPALIVE, 1L);
	long bounded = ms < 3600000 ? (long)ms : 3600000;
	return SET(CURLOPT_TIMEOUT_MS, bounded) && SET(CURLOPT_CONNECTTIMEOUT_MS, bounded);
}

static bool set_all(struct fetch_run *r) {
	return add_fields(r) && SET(CURLOPT_URL, r->call->url) &&
	       SET(CURLOPT_HTTPHEADER, r->fields) && SET(CURLOPT_NOSIGNAL, 1L) &&
	       SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(CURLOPT_WRITEFUNCTION, on_bytes) && SET(CURLOPT_WRITEDATA, r) &&
	       SET(CURLOPT_ERRORBUFFER, r->why) && SET(CURLOPT_PRIVATE, r) && set_trust(r) &&
	       set_body(r) && set_time(r);
}

/* --- life --------------------------------------------------------------------------------- */

struct fetch_run *fetch_run_new(struct fetch *f, struct fetch_call *call) {
	struct fetch_run *r = calloc(1, sizeof *r);
	if (!r) return NULL;
	r->fetch = f;
	r->call = call;
	buf_init(&r->body, f->answer_max_bytes);
	r->easy = curl_easy_init();
	if (!r->easy || !set_all(r)) {
		fetch_run_free(r);
		return NULL;
	}
	return r;
}

void fetch_run_free(struct fetch_run *r) {
	if (!r) return;
	if (r->fed) list_remove(&r->fetch->fed, &r->fed_node);
	if (r->node.next) list_remove(&r->fetch->runs, &r->node);
	if (r->easy) curl_easy_cleanup(r->easy);
	curl_slist_free_all(r->fields);
	buf_done(&r->body);
	free(r);
}

/* --- how it ended ---------------------------------------------------------------------------- */

int fetch_run_status(const struct fetch_run *r) {
	long status = 0;
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

/* The clock that libcurl starts when it is about to send. */
static bool may_have_been_sent(const struct fetch_run *r) {
	curl_off_t since = 0;
	curl_easy_getinfo(r->easy, CURLINFO_PRETRANSFER_TIME_T, &since);
	return since > 0;
}

enum err fetch_run_err(const struct fetch_run *r, CURLcode code) {
	if (code == CURLE_OK) return ERR_OK;
	if (r->too_large || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL)
		return ERR_BAD_GATEWAY;
	if (!may_have_been_sent(r)) return ERR_UNAVAILABLE;
	return code == CURLE_OPERATION_TIMEDOUT ? ERR_DEADLINE : ERR_OUTCOME_UNKNOWN;
}
