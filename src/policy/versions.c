/* Writes and reads the texts about policies and drains. */
#include "policy/versions.h"

#include "base/bytes.h"
#include "base/parse.h"

#define POLICY_LINE "holdfast-policy 1"
#define REGIONS_LINE "holdfast-regions 1"
#define NODE_LINE "holdfast-node 1"

void versions_flip(struct policy_versions *v) {
	int keep = v->count < VERSIONS_KEPT ? v->count : VERSIONS_KEPT - 1;
	memmove(&v->list[1], &v->list[0], (size_t)keep * sizeof v->list[0]);
	v->list[0] = v->proposed;
	v->count = keep + 1;
	v->proposing = false;
}

const struct policy_version *versions_find(const struct policy_versions *v, uint64_t version) {
	for (int i = 0; i < v->count; i++)
		if (v->list[i].version == version) return &v->list[i];
	return NULL;
}

int drains_find(const struct region_drains *d, const char *region) {
	for (int i = 0; i < d->count; i++)
		if (strcmp(d->list[i].region, region) == 0) return i;
	return -1;
}

/* Behind a cut there may be half a character: that goes, too. */
void versions_word(char *out, size_t room, struct slice text) {
	size_t n = 0;
	for (size_t i = 0; i < text.len && n + 1 < room; i++)
		if (text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f) out[n++] = (char)text.ptr[i];
	while (n > 0 && !utf8_valid(slice_of(out, n))) n--;
	out[n] = 0;
}

/* --- writing ---------------------------------------------------------------------------- */

struct hash_text {
	char text[65];
};
static struct hash_text hash_text(const uint8_t hash[32]) {
	struct hash_text t = {{0}};
	hex_encode(slice_of(hash, 32), t.text);
	return t;
}

static enum err put_version(const char *what, const struct policy_version *v, struct buf *out) {
	return buf_printf(out, "%s\t%llu\t%s\t%llu\t%s\t%s\t%s\t%s\n", what,
	                  (unsigned long long)v->version, hash_text(v->hash).text,
	                  (unsigned long long)v->time_ms, v->region, v->by, v->note, v->override);
}

enum err versions_write(const struct policy_versions *v, struct buf *out) {
	enum err e = buf_append_str(out, POLICY_LINE "\n");
	for (int i = 0; !e && i < v->count; i++) e = put_version("version", &v->list[i], out);
	return !e && v->proposing ? put_version("proposed", &v->proposed, out) : e;
}

enum err drains_write(const struct region_drains *d, struct buf *out) {
	enum err e = buf_append_str(out, REGIONS_LINE "\n");
	for (int i = 0; !e && i < d->count; i++)
		e = buf_printf(out, "draining\t%s\t%llu\t%s\t%s\n", d->list[i].region,
		               (unsigned long long)d->list[i].time_ms, d->list[i].by,
		               d->list[i].override);
	return e;
}

enum err serving_write(const struct node_serving *n, struct buf *out) {
	return buf_printf(out, NODE_LINE "\nserving\t%llu\t%s\t%s\t%s\n",
	                  (unsigned long long)n->version, hash_text(n->hash).text,
	                  hash_text(n->ready).text, n->why_not);
}

/* --- reading ---------------------------------------------------------------------------- */

/* A line that ends with a newline. */
static bool take_line(struct slice *text, struct slice *line) {
	if (!text->len || !memchr(text->ptr, '\n', text->len)) return false;
	*line = slice_cut(text, '\n');
	return true;
}

static bool take_first_line(struct slice *text, const char *want) {
	struct slice line;
	return text->len <= VERSIONS_TEXT_MAX && take_line(text, &line) && slice_is(line, want);
}

/* Words of one line, in their order; the first thing that is wrong sticks. */
struct words {
	struct slice rest;
	bool failed;
};

static struct slice word(struct words *w) {
	return slice_cut(&w->rest, '\t');
}

static void word_text(struct words *w, char *out, size_t room) {
	struct slice s = word(w);
	if (s.len >= room || !utf8_valid(s) || !text_clean(s))
		w->failed = true;
	else
		memcpy(out, s.len ? (const char *)s.ptr : "", s.len), out[s.len] = 0;
}

static void word_name(struct words *w, char out[POLICY_NAME_MAX + 1]) {
	word_text(w, out, POLICY_NAME_MAX + 1);
	if (!w->failed && !name_valid(slice_str(out), POLICY_NAME_MAX)) w->failed = true;
}

static void word_number(struct words *w, uint64_t *out) {
	if (parse_u64(word(w), UINT64_MAX, out) != ERR_OK) w->failed = true;
}

static void word_hash(struct words *w, uint8_t out[32]) {
	if (hex_decode(word(w), out, 32) != ERR_OK) w->failed = true;
}

/* The last word has no tab behind it, so that there are as many as there should be. */
static bool words_end(struct words *w) {
	return !w->failed && w->rest.len == 0;
}

static int tabs_of(struct slice line) {
	int n = 0;
	for (size_t i = 0; i < line.len; i++) n += line.ptr[i] == '\t';
	return n;
}

static bool read_version(struct words *w, struct policy_version *v) {
	word_number(w, &v->version);
	word_hash(w, v->hash);
	word_number(w, &v->time_ms);
	word_name(w, v->region);
	word_text(w, v->by, sizeof v->by);
	word_text(w, v->note, sizeof v->note);
	word_text(w, v->override, sizeof v->override);
	return words_end(w);
}

/* Newest first, the proposed one at the end. */
static bool read_version_line(struct slice line, struct policy_versions *out) {
	struct words w = {line, tabs_of(line) != 7};
	struct slice what = word(&w);
	if (out->proposing) return false;
	if (slice_is(what, "proposed")) {
		out->proposing = true;
		return read_version(&w, &out->proposed) &&
		       (!out->count || out->proposed.version > out->list[0].version);
	}
	if (!slice_is(what, "version") || out->count == VERSIONS_KEPT) return false;
	struct policy_version *v = &out->list[out->count++];
	return read_version(&w, v) && (v == out->list || v->version < v[-1].version);
}

enum err versions_read(struct slice text, struct policy_versions *out) {
	struct slice line;
	memset(out, 0, sizeof *out);
	if (!take_first_line(&text, POLICY_LINE)) return ERR_FORMAT;
	while (text.len)
		if (!take_line(&text, &line) || !read_version_line(line, out)) return ERR_FORMAT;
	return ERR_OK;
}

static bool read_drain_line(struct slice line, struct region_drains *out) {
	struct words w = {line, tabs_of(line) != 4};
	if (!slice_is(word(&w), "draining") || out->count == POLICY_REGIONS_MAX) return false;
	struct region_drain d = {{0}};
	word_name(&w, d.region);
	word_number(&w, &d.time_ms);
	word_text(&w, d.by, sizeof d.by);
	word_text(&w, d.override, sizeof d.override);
	if (!words_end(&w) || drains_find(out, d.region) >= 0) return false;
	out->list[out->count++] = d;
	return true;
}

enum err drains_read(struct slice text, struct region_drains *out) {
	struct slice line;
	memset(out, 0, sizeof *out);
	if (!take_first_line(&text, REGIONS_LINE)) return ERR_FORMAT;
	while (text.len)
		if (!take_line(&text, &line) || !read_drain_line(line, out)) return ERR_FORMAT;
	return ERR_OK;
}

enum err serving_read(struct slice text, struct node_serving *out) {
	struct slice line;
	memset(out, 0, sizeof *out);
	if (!take_first_line(&text, NODE_LINE) || !take_line(&text, &line) || text.len)
		return ERR_FORMAT;
	struct words w = {line, tabs_of(line) != 4};
	if (!slice_is(word(&w), "serving")) return ERR_FORMAT;
	word_number(&w, &out->version);
	word_hash(&w, out->hash);
	word_hash(&w, out->ready);
	word_text(&w, out->why_not, sizeof out->why_not);
	return words_end(&w) ? ERR_OK : ERR_FORMAT;
}
