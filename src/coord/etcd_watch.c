/* Learns of every change under the prefix: lists what is there, as of one revision, then watches
 * from the next. A stream that ends is taken up on another endpoint where it stopped; when etcd
 * has compacted that away, everything is listed anew. So nobody is told of a change before an
 * older one of the same key, and of each key's newest value at last. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coord/etcd_private.h"

static struct etcd *etcd_of_stream(struct etcd_stream *s) {
	return CONTAINER_OF(s, struct etcd, stream);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_watches(struct etcd *c, struct slice name, const struct etcd_entry *e) {
	char key[COORD_KEY_MAX + 1];
	struct etcd_mark mark;
	struct slice value;
	if (name.len == 0 || name.len >= sizeof key || memchr(name.ptr, 0, name.len)) return;
	memcpy(key, name.ptr, name.len);
	key[name.len] = '\0';
	etcd_stored_value(e->value, &mark, &value);
	for (int i = 0; i < c->watch_count && !c->closing; i++) {
		const struct etcd_watch *w = &c->watches[i];
		if (e->revision <= w->seen || !slice_starts(name, slice_str(w->prefix))) continue;
		w->changed(w->arg, key, value, e->revision);
	}
}

static void tell(struct etcd *c, const struct etcd_entry *e) {
	static const struct slice keys = SLICE_LIT("key/"), nodes = SLICE_LIT("node/");
	struct slice prefix = slice_str(c->prefix);
	if (!slice_starts(e->key, prefix)) return;
	struct slice rest = slice_of(e->key.ptr + prefix.len, e->key.len - prefix.len);
	if (slice_starts(rest, nodes))
		etcd_node_saw(c, slice_of(rest.ptr + nodes.len, rest.len - nodes.len), e);
	else if (slice_starts(rest, keys) && !e->deleted)
		tell_watches(c, slice_of(rest.ptr + keys.len, rest.len - keys.len), e);
}

/* Everybody has been told of all up to here. */
static void told(struct etcd *c, uint64_t revision) {
	for (int i = 0; i < c->watch_count; i++)
		if (revision > c->watches[i].seen) c->watches[i].seen = revision;
	if (revision > c->newest) c->newest = revision;
	if (c->stream.owed && revision >= c->stream.owed) c->stream.owed = 0;
}

/* --- the stream's life ---------------------------------------------------------------------------- */

static void off(struct etcd *c, uint64_t delay_ns) {
	struct etcd_stream *s = &c->stream;
	if (s->call.run) fetch_cancel(c->fetch, &s->call);
	buf_reset(&s->line);
	s->state = ETCD_STREAM_OFF;
	s->owed = 0;
	s->again_ns = io_now_ns(c->io) + delay_ns;
	etcd_tick_at(c, s->again_ns);
}

/* One that has just begun is not begun again at once, or a broken server would be asked all the
 * time. */
static void broken(struct etcd *c, const char *why) {
	struct etcd_stream *s = &c->stream;
	bool lived = s->state == ETCD_STREAM_OPEN && io_now_ns(c->io) - s->since_ns > ETCD_RETRY_NS;
	if (!lived)
		etcd_complain(c, "coordination: the watch broke; trying the next endpoint", why);
	if (s->endpoint == c->endpoint && c->endpoint_count > 1)
		s->endpoint = (s->endpoint + 1) % c->endpoint_count;
	else
		s->endpoint = c->endpoint;
	off(c, lived ? 0 : ETCD_RETRY_NS);
}

static void list_anew(struct etcd *c, uint64_t delay_ns) {
	c->stream.list_owed = true;
	off(c, delay_ns);
}

void etcd_stream_owes(struct etcd *c, uint64_t revision) {
	struct etcd_stream *s = &c->stream;
	if (s->state != ETCD_STREAM_OPEN || s->owed || revision < s->next) return;
	s->owed = revision;
	s->owed_ns = io_now_ns(c->io);
	etcd_tick_at(c, s->owed_ns + c->timeout_ns);
}

/* --- messages ---------------------------------------------------------------------------------------- */

static void on_events(struct etcd *c, const struct etcd_answer *m) {
	struct etcd_stream *s = &c->stream;
	for (int i = 0; i < m->count; i++) {
		tell(c, &m->entries[i]);
		if (c->closing || !s->call.run) return; /* ended in there: then nothing was told */
		if (m->entries[i].revision > s->next) s->next = m->entries[i].revision;
	}
	/* The rest of a split message may be of the same revision. */
	if (m->count && !m->fragment) told(c, s->next);
	/* A sign of life between changes: everything up to there was told. */
	if (!m->count && !m->created && m->revision > s->next) {
		told(c, m->revision);
		s->next = m->revision;
	}
}

static void on_message(struct etcd *c, const struct etcd_answer *m) {
	struct etcd_stream *s = &c->stream;
	if (m->error == ERR_UNAUTHENTICATED && c->user) {
		etcd_token_bad(c, c->token_turn);
		return off(c, ETCD_RETRY_NS);
	}
	if (m->error) return broken(c, m->text);
	if (m->cluster != c->cluster) return broken(c, "it is another cluster");
	if (m->canceled) {
		/* Compacted, or not allowed (any more): both show in the list. */
		if (*m->text) etcd_complain(c, "coordination: etcd ended the watch", m->text);
		if (*m->text && c->user) etcd_token_bad(c, c->token_turn);
		return list_anew(c, ETCD_RETRY_NS);
	}
	if (m->created) {
		s->state = ETCD_STREAM_OPEN;
		s->since_ns = io_now_ns(c->io);
	}
	on_events(c, m);
}

/* False: the stream is no more. */
static bool on_line(struct etcd *c, struct slice line) {
	struct etcd_answer *said = &c->stream.message;
	enum err e = etcd_answer_read(line, said);
	if (e) {
		broken(c, "what it says is not the version 3 gateway of etcd");
		return false;
	}
	on_message(c, said);
	etcd_answer_done(said);
	return !c->closing && c->stream.call.run;
}

static void on_part(struct fetch_call *call, struct slice bytes) {
	struct etcd_stream *s = CONTAINER_OF(call, struct etcd_stream, call);
	struct etcd *c = etcd_of_stream(s);
	etcd_enter(c);
	if (buf_append_slice(&s->line, bytes) != ERR_OK) {
		broken(c, "a message is over the limit");
		etcd_leave(c);
		return;
	}
	for (;;) {
		struct slice rest = buf_slice(&s->line), line = slice_cut(&rest, '\n');
		if (line.len == s->line.len) break;
		if (!on_line(c, line)) break;
		buf_consume(&s->line, line.len + 1);
	}
	etcd_leave(c);
}

static void on_end(struct fetch_call *call, enum err err, int status, struct slice body) {
	struct etcd_stream *s = CONTAINER_OF(call, struct etcd_stream, call);
	struct etcd *c = etcd_of_stream(s);
	etcd_enter(c);
	if (!err && status != 200)
		on_line(c, body);
	else
		broken(c, err ? call->why : "it ended");
	if (s->state == ETCD_STREAM_OPENING && !c->closing) broken(c, "it was refused");
	etcd_leave(c);
}

static void open_stream(struct etcd *c) {
	struct etcd_stream *s = &c->stream;
	buf_reset(&s->body);
	buf_reset(&s->line);
	s->state = ETCD_STREAM_OPENING;
	s->since_ns = io_now_ns(c->io);
	if (s->endpoint >= c->endpoint_count) s->endpoint = c->endpoint;
	snprintf(s->url, sizeof s->url, "%s%s", c->endpoints[s->endpoint], ETCD_WATCH_PATH);
	enum err e = etcd_ask_watch(slice_str(c->prefix), s->next, &s->body);
	s->call = (struct fetch_call){.url = s->url,
	                              .fields = s->fields,
	                              .field_count = etcd_fields(c, s->fields),
	                              .body = buf_slice(&s->body),
	                              .part = on_part,
	                              .done = on_end};
	if (!e) e = fetch_start(c->fetch, &s->call);
	if (e) return off(c, ETCD_RETRY_NS);
	etcd_tick_at(c, s->since_ns + c->timeout_ns);
}

/* --- the list ------------------------------------------------------------------------------------------ */

static void ask_page(struct etcd *c);

static void list_is_complete(struct etcd *c) {
	struct etcd_stream *s = &c->stream;
	told(c, s->page_revision);
	s->list_owed = false;
	s->next = s->page_revision + 1;
	open_stream(c);
}

static enum err next_page_from(struct etcd_stream *s, struct slice last) {
	buf_reset(&s->page_from);
	enum err e = buf_append_slice(&s->page_from, last);
	return e ? e : buf_append(&s->page_from, "", 1); /* the first key behind it */
}

static void on_page(struct etcd_ask *a, enum err err, const struct etcd_answer *said) {
	struct etcd_stream *s = CONTAINER_OF(a, struct etcd_stream, page);
	struct etcd *c = etcd_of_stream(s);
	/* Compacted between two pages: from the start; otherwise nobody answers. */
	if (err) return list_anew(c, ETCD_RETRY_NS);
	if (!s->page_revision) s->page_revision = said->revision;
	for (int i = 0; i < said->count; i++) {
		tell(c, &said->entries[i]);
		if (c->closing || s->state != ETCD_STREAM_LISTING) return; /* begun anew in there */
	}
	if (!said->more || said->count == 0) return list_is_complete(c);
	if (next_page_from(s, said->entries[said->count - 1].key) != ERR_OK)
		return list_anew(c, ETCD_RETRY_NS);
	ask_page(c);
}

static void ask_page(struct etcd *c) {
	struct etcd_stream *s = &c->stream;
	struct slice prefix = slice_str(c->prefix);
	struct slice from = s->page_from.len ? buf_slice(&s->page_from) : prefix;
	etcd_ask_done(&s->page);
	etcd_ask_init(c, &s->page, ETCD_RANGE_PATH);
	s->page.answered = on_page;
	s->page.urgent = true;
	s->page.timeout_ns = ETCD_LIST_NS;
	s->state = ETCD_STREAM_LISTING;
	if (etcd_ask_list(prefix, from, s->page_revision, &s->page.body) != ERR_OK)
		return list_anew(c, ETCD_RETRY_NS);
	etcd_ask_start(&s->page);
}

static void list_start(struct etcd *c) {
	struct etcd_stream *s = &c->stream;
	s->page_revision = 0;
	buf_reset(&s->page_from);
	ask_page(c);
}

/* --- time ------------------------------------------------------------------------------------------------ */

/* A server that stands still, or that is cut off from the others, keeps the connection and says
 * nothing: what we know to have happened shows it. */
static bool is_dead(const struct etcd *c, uint64_t now) {
	const struct etcd_stream *s = &c->stream;
	if (s->state == ETCD_STREAM_OPENING) return now >= s->since_ns + c->timeout_ns;
	return s->state == ETCD_STREAM_OPEN && s->owed && now >= s->owed_ns + c->timeout_ns;
}

void etcd_stream_tick(struct etcd *c, uint64_t now) {
	struct etcd_stream *s = &c->stream;
	if (is_dead(c, now)) broken(c, "it says nothing");
	if (s->state == ETCD_STREAM_OPENING) etcd_tick_at(c, s->since_ns + c->timeout_ns);
	if (s->owed) etcd_tick_at(c, s->owed_ns + c->timeout_ns);
	if (s->state != ETCD_STREAM_OFF) return;
	if (now < s->again_ns) return etcd_tick_at(c, s->again_ns);
	if (s->list_owed)
		list_start(c);
	else
		open_stream(c);
}

/* --- coord.h ------------------------------------------------------------------------------------------------ */

enum err etcd_watch(struct coord *base, const char *prefix,
                    void (*changed)(void *arg, const char *key, struct slice value,
                                    uint64_t revision),
                    void *arg) {
	struct etcd *c = etcd_of(base);
	if (strlen(prefix) > COORD_KEY_MAX) return ERR_INVALID;
	if (c->watch_count == ETCD_WATCHES_MAX) return ERR_TOO_MANY;
	struct etcd_watch *w = &c->watches[c->watch_count++];
	*w = (struct etcd_watch){.changed = changed, .arg = arg};
	memcpy(w->prefix, prefix, strlen(prefix));
	etcd_ask_done(&c->stream.page);
	list_anew(c, 0); /* it knows nothing yet */
	return ERR_OK;
}

void etcd_stream_init(struct etcd *c) {
	struct etcd_stream *s = &c->stream;
	buf_init(&s->page_from, ETCD_KEY_MAX + 2);
	buf_init(&s->body, ETCD_REQUEST_MAX);
	buf_init(&s->line, ETCD_ANSWER_MAX);
	list_anew(c, 0);
}

void etcd_stream_done(struct etcd *c) {
	struct etcd_stream *s = &c->stream;
	if (s->call.run) fetch_cancel(c->fetch, &s->call);
	etcd_ask_done(&s->page);
	buf_done(&s->page_from);
	buf_done(&s->body);
	buf_done(&s->line);
}
