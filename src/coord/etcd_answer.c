/* What etcd answers, read strictly: names and kinds as its version 3 gateway writes them, numbers
 * of 64 bits as decimal texts, bytes as canonical base64. A field that is absent has its zero, for
 * so they are written; one of another kind makes the whole answer corrupt. */
#include <jansson.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "coord/etcd_text.h"

/* Decoded bytes of one answer: never more than its text. */
struct reader {
	uint8_t *room;
	size_t used, cap;
	struct etcd_answer *out;
	bool bad;
};

/* --- fields ------------------------------------------------------------------------------- */

/* NULL also when it is absent. */
static const json_t *take(struct reader *r, const json_t *in, const char *name, json_type type) {
	const json_t *v = json_object_get(in, name);
	if (v && json_typeof(v) != type) r->bad = true;
	return v && json_typeof(v) == type ? v : NULL;
}

static bool take_flag(struct reader *r, const json_t *in, const char *name) {
	const json_t *v = json_object_get(in, name);
	if (v && !json_is_boolean(v)) r->bad = true;
	return json_is_true(v);
}

static uint64_t take_number(struct reader *r, const json_t *in, const char *name) {
	const json_t *v = take(r, in, name, JSON_STRING);
	uint64_t number = 0;
	if (v &&
	    parse_u64(slice_of(json_string_value(v), json_string_length(v)), UINT64_MAX, &number))
		r->bad = true;
	return number;
}

static struct slice take_bytes(struct reader *r, const json_t *in, const char *name) {
	const json_t *v = take(r, in, name, JSON_STRING);
	size_t len = 0;
	uint8_t *at = r->room + r->used;
	if (!v) return slice_of(NULL, 0);
	if (base64_decode(slice_of(json_string_value(v), json_string_length(v)), at,
	                  r->cap - r->used, &len))
		r->bad = true;
	r->used += len;
	return slice_of(at, len);
}

/* --- entries -------------------------------------------------------------------------------- */

static void add_entry(struct reader *r, const json_t *kv, bool deleted) {
	struct etcd_entry *e = &r->out->entries[r->out->count++];
	e->key = take_bytes(r, kv, "key");
	e->value = take_bytes(r, kv, "value");
	e->revision = take_number(r, kv, "mod_revision");
	e->deleted = deleted;
	if (!json_is_object(kv) || e->key.len == 0 || e->revision == 0) r->bad = true;
}

static bool room_for(struct reader *r, const json_t *list) {
	size_t count = json_array_size(list);
	if (count > ETCD_ENTRIES_MAX || r->out->entries) {
		r->bad = true;
		return false;
	}
	r->out->entries = count ? calloc(count, sizeof *r->out->entries) : NULL;
	return r->out->entries != NULL;
}

static void read_range(struct reader *r, const json_t *range) {
	const json_t *list = take(r, range, "kvs", JSON_ARRAY), *kv;
	size_t i;
	r->out->more = take_flag(r, range, "more");
	if (!list || !room_for(r, list)) return;
	json_array_foreach(list, i, kv) add_entry(r, kv, false);
}

static void read_events(struct reader *r, const json_t *result) {
	const json_t *list = take(r, result, "events", JSON_ARRAY), *event;
	size_t i;
	if (!list || !room_for(r, list)) return;
	json_array_foreach(list, i, event) {
		const json_t *type = take(r, event, "type", JSON_STRING);
		const char *word = type ? json_string_value(type) : "PUT";
		bool deleted = strcmp(word, "DELETE") == 0;
		if (!deleted && strcmp(word, "PUT") != 0) r->bad = true;
		add_entry(r, json_object_get(event, "kv"), deleted);
	}
}

/* --- answers ---------------------------------------------------------------------------------- */

static void read_header(struct reader *r, const json_t *in) {
	const json_t *header = take(r, in, "header", JSON_OBJECT);
	r->out->cluster = take_number(r, header, "cluster_id");
	r->out->revision = take_number(r, header, "revision");
}

/* Of a transaction that failed: the read of its key. */
static void read_txn(struct reader *r, const json_t *in) {
	const json_t *responses = take(r, in, "responses", JSON_ARRAY);
	r->out->succeeded = take_flag(r, in, "succeeded");
	if (!responses || r->out->succeeded) return;
	if (json_array_size(responses) != 1) r->bad = true;
	const json_t *range = take(r, json_array_get(responses, 0), "response_range", JSON_OBJECT);
	if (!range) r->bad = true;
	read_range(r, range);
}

static void read_token(struct reader *r, const json_t *in) {
	const json_t *token = take(r, in, "token", JSON_STRING);
	if (!token) return;
	struct slice s = slice_of(json_string_value(token), json_string_length(token));
	if (s.len == 0 || s.len > ETCD_TOKEN_MAX || !text_clean(s)) {
		r->bad = true;
		return;
	}
	memcpy(r->out->token, s.ptr, s.len);
}

static void read_watch(struct reader *r, const json_t *result) {
	read_header(r, result);
	r->out->created = take_flag(r, result, "created");
	r->out->canceled = take_flag(r, result, "canceled");
	r->out->fragment = take_flag(r, result, "fragment");
	const json_t *why = take(r, result, "cancel_reason", JSON_STRING);
	if (why) snprintf(r->out->text, sizeof r->out->text, "%s", json_string_value(why));
	read_events(r, result);
}

/* --- errors ----------------------------------------------------------------------------------- */

/* Codes of gRPC; where one code has several meanings, the words that etcd 3.4 and 3.5 use. */
static enum err error_of(json_int_t code, const char *text) {
	switch (code) {
	case 3:
		if (strstr(text, "user name is empty") || strstr(text, "auth store is old") ||
		    strstr(text, "invalid auth token"))
			return ERR_UNAUTHENTICATED;
		return strstr(text, "authentication failed") ? ERR_FORBIDDEN : ERR_INVALID;
	case 7: return ERR_FORBIDDEN;
	case 8: return strstr(text, "database space exceeded") ? ERR_NO_SPACE : ERR_UNAVAILABLE;
	case 9: return strstr(text, "not enabled") ? ERR_FORBIDDEN : ERR_UNAVAILABLE;
	case 11: return strstr(text, "compacted") ? ERR_NOT_FOUND : ERR_UNAVAILABLE;
	case 16: return ERR_UNAUTHENTICATED;
	default: return ERR_UNAVAILABLE;
	}
}

static bool read_error(struct reader *r, const json_t *in) {
	const json_t *error = json_object_get(in, "error"), *text = error, *code;
	if (!error) return false;
	if (json_is_object(error)) { /* inside a stream */
		text = json_object_get(error, "message");
		code = json_object_get(error, "grpc_code");
	} else {
		code = json_object_get(in, "code");
	}
	const char *words = json_is_string(text) ? json_string_value(text) : "";
	snprintf(r->out->text, sizeof r->out->text, "%s", words);
	r->out->error = error_of(json_is_integer(code) ? json_integer_value(code) : 0, words);
	return true;
}

enum err etcd_answer_read(struct slice text, struct etcd_answer *out) {
	*out = (struct etcd_answer){0};
	if (text.len > ETCD_ANSWER_MAX) return ERR_TOO_LARGE;
	json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	struct reader r = {.room = malloc(text.len + 1), .cap = text.len, .out = out, .bad = false};
	out->memory = r.room;
	if (!r.room || !json_is_object(root)) {
		json_decref(root);
		etcd_answer_done(out);
		return r.room ? ERR_CORRUPT : ERR_NO_MEMORY;
	}
	if (!read_error(&r, root)) {
		const json_t *result = take(&r, root, "result", JSON_OBJECT);
		if (result) {
			read_watch(&r, result);
		} else {
			read_header(&r, root);
			read_range(&r, root);
			read_txn(&r, root);
			read_token(&r, root);
		}
	}
	json_decref(root);
	if (!r.bad) return ERR_OK;
	etcd_answer_done(out);
	return ERR_CORRUPT;
}

void etcd_answer_done(struct etcd_answer *a) {
	free(a->memory);
	free(a->entries);
	a->memory = a->entries = NULL;
	a->count = 0;
}
