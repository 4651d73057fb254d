/* One question or wish to the admin port. */
#include "app/control.h"
#include "io/http_uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TARGET_MAX = 4096 };

const char *control_text(const json_t *o, const char *name, const char *otherwise) {
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : otherwise;
}

struct control_time control_time(const json_t *o, const char *name) {
	struct control_time out = {"-"};
	time_t seconds = (time_t)(json_integer_value(json_object_get(o, name)) / 1000);
	struct tm tm;
	if (seconds > 0 && gmtime_r(&seconds, &tm))
		strftime(out.text, sizeof out.text, "%Y-%m-%d %H:%M:%SZ", &tm);
	return out;
}

/* Its problem document says why. */
static void complain_answer(const char *what, const struct client_answer *a) {
	struct slice body = buf_slice(&a->body);
	json_t *problem = json_loadb((const char *)body.ptr, body.len, 0, NULL);
	complain("%s: %s", what,
	         control_text(problem, "detail", control_text(problem, "title", "refused")));
	json_decref(problem);
}

static json_t *ask(struct target *t, const char *what, const struct client_request *r) {
	struct client_answer a;
	struct fault fault = {0};
	json_t *answer = NULL;
	if (client_send(t->client, r, &a, &fault) != ERR_OK) {
		complain("%s: %s", what, fault.text);
	} else if (a.status != 200) {
		complain_answer(what, &a);
	} else {
		struct slice body = buf_slice(&a.body);
		answer = json_loadb((const char *)body.ptr, body.len, 0, NULL);
		if (!answer) complain("%s: the region's answer cannot be read", what);
	}
	client_answer_done(&a);
	return answer;
}

json_t *control_get(struct target *t, const char *what, const char *path) {
	struct client_request r = {
		.method = "GET", .target = path, .repeatable = true, .first = t->first};
	return ask(t, what, &r);
}

static enum err add(struct buf *out, char *before, const char *name, const char *value) {
	if (!value || !*value) return ERR_OK;
	enum err e = buf_printf(out, "%c%s=", *before, name);
	*before = '&';
	return e ? e : http_uri_encode(out, slice_str(value), false);
}

json_t *control_post(struct target *t, const char *what, const char *path,
                     const struct control_words *w, struct slice body) {
	struct buf target;
	const char *text = NULL, *by = w->by ? w->by : getenv("USER");
	char before = '?';
	json_t *answer = NULL;
	buf_init(&target, TARGET_MAX);
	enum err e = buf_append_str(&target, path);
	if (!e) e = add(&target, &before, "by", by);
	if (!e) e = add(&target, &before, "note", w->note);
	if (!e) e = add(&target, &before, "override", w->override);
	if (!e) e = add(&target, &before, "to", w->to);
	if (!e) e = buf_cstr(&target, &text);
	if (e) {
		complain("%s: the words given are too long: shorten them", what);
	} else {
		struct client_request r = {
			.method = "POST", .target = text, .body = body, .first = t->first};
		answer = ask(t, what, &r);
	}
	buf_done(&target);
	return answer;
}
