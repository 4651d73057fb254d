/* A quarantine item's manifest.json: for people to read, checked before it is believed.
 * `check` is the CRC-32C of the document without it, dumped compact with sorted keys.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/parse.h"
#include "store/quarantine.h"

enum { MANIFEST_FORMAT = 1 };

static json_t *position_json(const struct position *at) {
	char hash[2 * RECORD_HASH_BYTES + 1] = "";
	hex_encode(slice_of(at->hash, RECORD_HASH_BYTES), hash);
	return json_pack("{s:I,s:I,s:s#}", "epoch", (json_int_t)at->epoch, "seq",
	                 (json_int_t)at->seq, "hash", hash, 2 * RECORD_HASH_BYTES);
}

/* The sum as eight hex digits. */
static enum err check_make(json_t *doc, char out[9]) {
	char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text) return ERR_NO_MEMORY;
	snprintf(out, 9, "%08" PRIx32, crc32c(0, text, strlen(text)));
	free(text);
	return ERR_OK;
}

enum err manifest_encode(const struct quarantine_manifest *m, struct buf *out) {
	char crc[9], check[9];
	struct slice why = slice_str(m->why);
	snprintf(crc, sizeof(crc), "%08" PRIx32, m->crc);
	json_t *doc = json_pack("{s:i,s:s,s:s,s:s,s:s,s:I,s:o,s:o,s:I,s:I,s:I,s:s}", "format",
	                        MANIFEST_FORMAT, "id", m->id, "cell", m->cell, "node", m->node,
	                        "why", utf8_valid(why) ? m->why : "(not text)", "time_ms",
	                        (json_int_t)m->time_ms, "keep", position_json(&m->keep), "last",
	                        position_json(&m->last), "first_seq", (json_int_t)(m->keep.seq + 1),
	                        "count", (json_int_t)m->count, "bytes", (json_int_t)m->bytes,
	                        "crc32c", crc);
	if (!doc) return ERR_NO_MEMORY;
	enum err err = check_make(doc, check);
	char *text = NULL;
	if (!err && json_object_set_new(doc, "check", json_string(check)) != 0) err = ERR_NO_MEMORY;
	if (!err) text = json_dumps(doc, JSON_INDENT(2));
	if (!err) err = text ? buf_append_str(out, text) : ERR_NO_MEMORY;
	if (!err) err = buf_append_str(out, "\n");
	free(text);
	json_decref(doc);
	return err;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum err text_get(json_t *doc, const char *name, char *out, size_t room) {
	const char *text = json_string_value(json_object_get(doc, name));
	if (!text || strlen(text) >= room) return ERR_CORRUPT;
	memcpy(out, text, strlen(text) + 1);
	return ERR_OK;
}

static enum err number_get(json_t *doc, const char *name, uint64_t *out) {
	json_t *number = json_object_get(doc, name);
	if (!json_is_integer(number) || json_integer_value(number) < 0) return ERR_CORRUPT;
	*out = (uint64_t)json_integer_value(number);
	return ERR_OK;
}

static enum err position_get(json_t *doc, const char *name, struct position *out) {
	json_t *at = json_object_get(doc, name);
	enum err err = number_get(at, "epoch", &out->epoch);
	if (!err) err = number_get(at, "seq", &out->seq);
	const char *hash = json_string_value(json_object_get(at, "hash"));
	if (!err && (!hash || hex_decode(slice_str(hash), out->hash, RECORD_HASH_BYTES)))
		err = ERR_CORRUPT;
	return err;
}

static enum err check_verify(json_t *doc) {
	char want[9], is[9];
	enum err err = text_get(doc, "check", is, sizeof(is));
	if (!err && json_object_del(doc, "check") != 0) err = ERR_CORRUPT;
	if (!err) err = check_make(doc, want);
	return !err && memcmp(want, is, sizeof(is)) != 0 ? ERR_CORRUPT : err;
}

static enum err fields_get(json_t *doc, struct quarantine_manifest *m) {
	char crc[9];
	uint8_t crc_bytes[4];
	enum err err = text_get(doc, "id", m->id, sizeof(m->id));
	if (!err) err = text_get(doc, "cell", m->cell, sizeof(m->cell));
	if (!err) err = text_get(doc, "node", m->node, sizeof(m->node));
	if (!err) err = text_get(doc, "why", m->why, sizeof(m->why));
	if (!err) err = text_get(doc, "crc32c", crc, sizeof(crc));
	if (!err) err = number_get(doc, "time_ms", &m->time_ms);
	if (!err) err = number_get(doc, "count", &m->count);
	if (!err) err = number_get(doc, "bytes", &m->bytes);
	if (!err) err = position_get(doc, "keep", &m->keep);
	if (!err) err = position_get(doc, "last", &m->last);
	if (!err && hex_decode(slice_str(crc), crc_bytes, sizeof(crc_bytes))) err = ERR_CORRUPT;
	if (err) return err;
	m->crc = (uint32_t)crc_bytes[0] << 24 | (uint32_t)crc_bytes[1] << 16 |
	         (uint32_t)crc_bytes[2] << 8 | crc_bytes[3];
	return ERR_OK;
}

enum err manifest_decode(struct slice text, struct quarantine_manifest *m) {
	*m = (struct quarantine_manifest){0};
	json_t *doc = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (!doc) return ERR_CORRUPT;
	json_t *format = json_object_get(doc, "format");
	enum err err = json_is_integer(format) ? ERR_OK : ERR_CORRUPT;
	if (!err) err = check_verify(doc);
	if (!err && json_integer_value(format) != MANIFEST_FORMAT) err = ERR_FORMAT;
	if (!err) err = fields_get(doc, m);
	json_decref(doc);
	return err;
}
