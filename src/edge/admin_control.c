/* The part of the admin port that changes what all regions serve by:
 *
 *   GET  /admin/v1/policy                    versions, history, which region serves which
 *   GET  /admin/v1/policy/text/HASH          the text of one; regions fetch it from each other
 *   POST /admin/v1/policy/activate           body: the policy
 *   POST /admin/v1/policy/rollback?to=7
 *   GET  /admin/v1/regions
 *   POST /admin/v1/regions/REGION/drain      and restore
 *
 * POSTs take ?by=, note= and override= (why the safety rules shall not count). */
#include "base/parse.h"
#include "edge/admin_private.h"
#include "edge/rollout.h"
#include "io/http_problem.h"
#include "io/http_uri.h"

#include <stdlib.h>

enum { TELL_MAX = 256 << 10, WORD_MAX = 1024 };

/* --- telling -------------------------------------------------------------------------------- */

static void tell(struct admin *a, struct http_exchange *x,
                 enum err (*render)(const struct rollout *r, struct buf *out)) {
	struct buf body;
	buf_init(&body, TELL_MAX);
	if (render(a->options.rollout, &body) == ERR_OK)
		admin_answer(x, 200, "application/json", buf_slice(&body));
	else
		admin_problem(x, ERR_NO_MEMORY, "no memory for the answer; try again later");
	buf_done(&body);
}

struct text_job {
	struct io_job job;
	struct list_node node;
	struct admin *admin;
	struct http_exchange *x;
	char path[1200];
	struct buf text;
	enum err err;
};

static void on_text_run(struct io_job *job) {
	struct text_job *t = CONTAINER_OF(job, struct text_job, job);
	t->err = files_read_all(t->admin->options.files, t->path, &t->text);
}

static void text_end(struct text_job *t) {
	list_remove(&t->admin->texts, &t->node);
	buf_done(&t->text);
	free(t);
}

static void on_text_done(struct io_job *job) {
	struct text_job *t = CONTAINER_OF(job, struct text_job, job);
	if (t->err)
		admin_problem(t->x, t->err, "this region does not have the text of that policy");
	else
		admin_answer(t->x, 200, "application/yaml", buf_slice(&t->text));
	text_end(t);
}

static void answer_text(struct admin *a, struct http_exchange *x, struct slice hash) {
	struct text_job *t = calloc(1, sizeof *t);
	if (!t || !rollout_path(a->options.policies, hash, t->path)) {
		free(t);
		admin_problem(x, ERR_INVALID,
		              "the path is /admin/v1/policy/text/HASH, 64 digits of it");
		return;
	}
	t->admin = a;
	t->x = x;
	t->job = (struct io_job){.run = on_text_run, .done = on_text_done};
	buf_init(&t->text, ROLLOUT_TEXT_MAX);
	list_push_back(&a->texts, &t->node);
	io_lane_submit(a->lane, &t->job);
}

void admin_texts_end(struct admin *a) {
	while (!list_empty(&a->texts)) {
		struct text_job *t = CONTAINER_OF(list_first(&a->texts), struct text_job, node);
		admin_problem(t->x, ERR_UNAVAILABLE, "this region is shutting down");
		text_end(t);
	}
}

/* --- changing --------------------------------------------------------------------------------- */

struct wish {
	struct change change;
	struct http_exchange *x;
};

static void on_change_done(struct change *c) {
	struct wish *w = CONTAINER_OF(c, struct wish, change);
	const char *detail = "";
	struct buf body;
	buf_init(&body, TELL_MAX);
	if (buf_cstr(&c->detail, &detail) != ERR_OK) detail = "";
	if (c->err) {
		admin_problem(w->x, c->err, detail);
	} else if (buf_printf(&body,
	                      "{\"version\":%llu,\"detail\":", (unsigned long long)c->version) ||
	           http_json_string(&body, slice_str(detail)) || buf_append_str(&body, "}\n")) {
		admin_problem(w->x, ERR_NO_MEMORY, "done, but there is no memory to say so");
	} else {
		admin_answer(w->x, 200, "application/json", buf_slice(&body));
	}
	buf_done(&body);
	buf_done(&c->detail);
	free(w);
}

/* One word of the query, decoded. */
static enum err take_word(struct slice value, char *out, size_t room) {
	uint8_t text[WORD_MAX];
	size_t len;
	enum err e = http_uri_decode(value, HTTP_URI_QUERY, text, sizeof text, &len);
	if (e || len >= room || !utf8_valid(slice_of(text, len)) ||
	    !text_clean(slice_of(text, len)))
		return ERR_INVALID;
	versions_word(out, room, slice_of(text, len));
	return ERR_OK;
}

static enum err take_words(struct slice query, struct change *c) {
	struct slice name, value;
	enum err e = ERR_OK;
	while (!e && http_query_next(&query, &name, &value)) {
		if (slice_is(name, "by"))
			e = take_word(value, c->by, sizeof c->by);
		else if (slice_is(name, "note"))
			e = take_word(value, c->note, sizeof c->note);
		else if (slice_is(name, "override"))
			e = take_word(value, c->override, sizeof c->override);
		else if (slice_is(name, "to") && c->kind == CHANGE_ROLLBACK)
			c->to_given = true, e = parse_u64(value, UINT64_MAX, &c->to);
		else
			e = ERR_INVALID;
	}
	return e;
}

/* A page of another site that makes a browser here send a POST says where it is from. */
static bool foreign(const struct http1_head *h) {
	struct slice host = http1_header(h, FIELD_HOST);
	for (int i = 0; i < h->header_count; i++) {
		if (!slice_eq_nocase(h->headers[i].name, SLICE_LIT("origin"))) continue;
		struct slice from = h->headers[i].value;
		bool ends = host.len && from.len > host.len + 3 &&
		            memcmp(from.ptr + from.len - host.len, host.ptr, host.len) == 0 &&
		            memcmp(from.ptr + from.len - host.len - 3, "://", 3) == 0;
		if (!ends) return true;
	}
	return false;
}

static void start(struct admin *a, struct http_exchange *x, enum change_kind kind, int region) {
	const struct http1_head *h = http_exchange_head(x);
	struct wish *w = calloc(1, sizeof *w);
	if (!w) {
		admin_problem(x, ERR_NO_MEMORY, "no memory for this; try again later");
		return;
	}
	w->x = x;
	w->change = (struct change){.kind = kind,
	                            .text = http_exchange_body(x),
	                            .region = region,
	                            .done = on_change_done};
	enum err e = take_words(h->query, &w->change);
	const char *why =
		"the query takes by=, note=, override= and for a rollback to=VERSION; a word "
		"has no control characters and at most 63 (by) or 159 bytes";
	if (!e && foreign(h)) {
		e = ERR_FORBIDDEN;
		why = "this comes from a page of another site";
	}
	if (!e) {
		why = "no memory for this; try again later";
		e = rollout_change(a->options.rollout, &w->change);
	}
	if (!e) return;
	free(w);
	admin_problem(x, e, why);
}

/* --- paths --------------------------------------------------------------------------------------- */

static void unknown(struct http_exchange *x) {
	admin_problem(x, ERR_NOT_FOUND,
	              "there is GET /admin/v1/policy and /admin/v1/regions, POST "
	              "/admin/v1/policy/activate and rollback, /admin/v1/regions/REGION/drain and "
	              "restore");
}

static void on_policy(struct admin *a, struct http_exchange *x, struct slice rest, bool post) {
	struct slice part = {0}, hash = {0};
	bool more = http_path_next(&rest, &part);
	if (!more && !post)
		tell(a, x, rollout_tell);
	else if (post && slice_is(part, "activate") && !rest.len)
		start(a, x, CHANGE_ACTIVATE, -1);
	else if (post && slice_is(part, "rollback") && !rest.len)
		start(a, x, CHANGE_ROLLBACK, -1);
	else if (!post && slice_is(part, "text") && http_path_next(&rest, &hash) && !rest.len)
		answer_text(a, x, hash);
	else
		unknown(x);
}

static void on_regions(struct admin *a, struct http_exchange *x, struct slice rest, bool post) {
	struct slice name = {0}, verb = {0};
	bool more = http_path_next(&rest, &name);
	http_path_next(&rest, &verb);
	int region = policy_find_region(a->options.policy, name);
	bool drain = slice_is(verb, "drain"), restore = slice_is(verb, "restore");
	if (!more && !post)
		tell(a, x, rollout_tell_regions);
	else if (!post || rest.len || (!drain && !restore))
		unknown(x);
	else if (region < 0)
		admin_problem(x, ERR_NOT_FOUND,
		              "there is no such region: see holdfast region list");
	else
		start(a, x, drain ? CHANGE_DRAIN : CHANGE_RESTORE, region);
}

bool admin_control(struct admin *a, struct http_exchange *x) {
	const struct http1_head *h = http_exchange_head(x);
	struct slice rest = h->path, part;
	bool post = h->method == METHOD_POST;
	if (!post && h->method != METHOD_GET && h->method != METHOD_HEAD) return false;
	if (!a->options.rollout || !http_path_next(&rest, &part) || !slice_is(part, "admin"))
		return false;
	if (!http_path_next(&rest, &part) || !slice_is(part, "v1")) return false;
	if (!http_path_next(&rest, &part)) return false;
	if (slice_is(part, "policy"))
		on_policy(a, x, rest, post);
	else if (slice_is(part, "regions"))
		on_regions(a, x, rest, post);
	else
		return false;
	return true;
}
