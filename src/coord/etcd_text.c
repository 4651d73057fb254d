/* Bodies of requests to etcd, and the inside of our values. Knows no connection. */
#include "coord/etcd_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/parse.h"

/* --- our values ------------------------------------------------------------------------- */

enum { WRITER_DIGITS = 16, NUMBER_DIGITS = 16 };

enum err etcd_store_value(const struct etcd_mark *mark, struct slice value, struct buf *out) {
	enum err e = buf_printf(out, "%016" PRIx64 "/%" PRIx64 "\n", mark->writer, mark->number);
	return e ? e : buf_append_slice(out, value);
}

static bool hex_number(struct slice s, size_t digits_max, uint64_t *out) {
	uint64_t v = 0;
	if (s.len == 0 || s.len > digits_max) return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

void etcd_stored_value(struct slice stored, struct etcd_mark *mark, struct slice *value) {
	struct slice rest = stored, line = slice_cut(&rest, '\n');
	bool has_line = line.len < stored.len;
	struct slice number = line, writer = slice_cut(&number, '/');
	struct etcd_mark m;
	*mark = (struct etcd_mark){0};
	*value = stored;
	if (!has_line || writer.len != WRITER_DIGITS ||
	    !hex_number(writer, WRITER_DIGITS, &m.writer) ||
	    !hex_number(number, NUMBER_DIGITS, &m.number))
		return;
	*mark = m;
	*value = slice_of(stored.ptr + line.len + 1, stored.len - line.len - 1);
}

enum err etcd_life_encode(uint32_t generation, uint32_t beat, struct buf *out) {
	return buf_printf(out, "generation=%" PRIu32 " beat=%" PRIu32, generation, beat);
}

static bool take_number(struct slice *s, const char *name, uint32_t *out) {
	struct slice word = slice_cut(s, ' ');
	uint64_t v;
	if (!slice_starts(word, slice_str(name))) return false;
	size_t skip = strlen(name);
	if (parse_u64(slice_of(word.ptr + skip, word.len - skip), UINT32_MAX, &v)) return false;
	*out = (uint32_t)v;
	return true;
}

enum err etcd_life_decode(struct slice value, uint32_t *generation, uint32_t *beat) {
	uint32_t g, b;
	if (!take_number(&value, "generation=", &g) || !take_number(&value, "beat=", &b) ||
	    value.len || value.ptr)
		return ERR_INVALID;
	*generation = g;
	*beat = b;
	return ERR_OK;
}

/* --- requests ----------------------------------------------------------------------------- */

/* "name":"BASE64" */
static enum err put_bytes(struct buf *out, const char *name, struct slice bytes) {
	uint8_t *room;
	enum err e = buf_printf(out, "\"%s\":\"", name);
	if (!e) e = buf_reserve(out, (bytes.len + 2) / 3 * 4 + 1, &room);
	if (e) return e;
	buf_commit(out, base64_encode(bytes, (char *)room));
	return buf_append_str(out, "\"");
}

/* The first key behind all that begin with the prefix, which has no byte 255 in it. */
static enum err put_range(struct buf *out, struct slice prefix, struct slice from) {
	uint8_t end[ETCD_KEY_MAX];
	if (prefix.len == 0 || prefix.len > sizeof end) return ERR_INVALID;
	memcpy(end, prefix.ptr, prefix.len);
	if (++end[prefix.len - 1] == 0) return ERR_INVALID;
	enum err e = put_bytes(out, "key", from);
	if (!e) e = buf_append_str(out, ",");
	return e ? e : put_bytes(out, "range_end", slice_of(end, prefix.len));
}

enum err etcd_ask_read(struct slice key, struct buf *out) {
	enum err e = buf_append_str(out, "{");
	if (!e) e = put_bytes(out, "key", key);
	return e ? e : buf_append_str(out, "}");
}

enum err etcd_ask_list(struct slice prefix, struct slice from, uint64_t revision, struct buf *out) {
	enum err e = buf_append_str(out, "{");
	if (!e) e = put_range(out, prefix, from);
	return e ? e
	         : buf_printf(out, ",\"limit\":\"%d\",\"revision\":\"%" PRIu64 "\"}", ETCD_PAGE,
	                      revision);
}

enum err etcd_ask_put(struct slice key, uint64_t expected, struct slice stored, struct buf *out) {
	enum err e = buf_append_str(out, "{\"compare\":[{\"target\":\"MOD\",\"result\":\"EQUAL\",");
	if (!e) e = put_bytes(out, "key", key);
	if (!e)
		e = buf_printf(
			out, ",\"mod_revision\":\"%" PRIu64 "\"}],\"success\":[{\"request_put\":{",
			expected);
	if (!e) e = put_bytes(out, "key", key);
	if (!e) e = buf_append_str(out, ",");
	if (!e) e = put_bytes(out, "value", stored);
	if (!e) e = buf_append_str(out, "}}],\"failure\":[{\"request_range\":{");
	if (!e) e = put_bytes(out, "key", key);
	return e ? e : buf_append_str(out, "}}]}");
}

enum err etcd_ask_watch(struct slice prefix, uint64_t from_revision, struct buf *out) {
	enum err e = buf_append_str(out, "{\"create_request\":{");
	if (!e) e = put_range(out, prefix, prefix);
	return e ? e
	         : buf_printf(out,
	                      ",\"start_revision\":\"%" PRIu64
	                      "\",\"progress_notify\":true,\"fragment\":true}}",
	                      from_revision);
}

enum err etcd_ask_login(const char *user, const char *password, struct buf *out) {
	json_t *o = json_pack("{s:s, s:s}", "name", user, "password", password);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	enum err e = text ? buf_append_str(out, text) : ERR_INVALID; /* no UTF-8 */
	free(text);
	json_decref(o);
	return e;
}
