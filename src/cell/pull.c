/* The secondary source's side of the feed; see pull.h. Pure. */
#include "cell/pull.h"

#include "base/assert.h"
#include "base/bytes.h"

enum { STATE_VERSION = 1, STATE_FIXED_BYTES = 4 + 9 * 8 };
static const uint64_t REST_MIN_NS = 100000000u, REST_MAX_NS = 5000000000u;

void pull_state_init(struct pull_state *s, uint64_t generation, uint64_t scope, uint64_t epoch) {
	*s = (struct pull_state){.generation = generation, .scope = scope, .epoch = epoch};
}

/* --- on disk --------------------------------------------------------------------------------- */

enum err pull_state_encode(const struct pull_state *s, struct buf *out) {
	uint8_t *p;
	size_t bytes = STATE_FIXED_BYTES + 4 + 16 * (size_t)s->epoch_count + s->cursor_len;
	enum err err = buf_reserve(out, bytes, &p);
	if (err) return err;
	struct bytes_writer w = bytes_writer(p, bytes);
	bytes_put_u8(&w, STATE_VERSION);
	bytes_put_u8(&w, s->whole);
	bytes_put_u8(&w, s->paged);
	bytes_put_u8(&w, 0);
	const uint64_t words[] = {s->generation, s->from.epoch, s->from.seq,
	                          s->seen.epoch, s->seen.seq,   s->epoch,
	                          s->as_of_ms,   s->stored_ms,  s->scope};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) bytes_put_u64(&w, words[i]);
	bytes_put_u16(&w, (uint16_t)s->epoch_count);
	bytes_put_u16(&w, (uint16_t)s->cursor_len);
	for (int i = 0; i < s->epoch_count; i++) {
		bytes_put_u64(&w, s->epochs[i].epoch);
		bytes_put_u64(&w, s->epochs[i].seq);
	}
	bytes_put(&w, slice_of(s->cursor, s->cursor_len));
	ASSERT(!w.failed && w.len == bytes);
	buf_commit(out, bytes);
	return ERR_OK;
}

enum err pull_state_decode(struct slice in, struct pull_state *s) {
	struct bytes_reader r = bytes_reader(in);
	*s = (struct pull_state){0};
	if (bytes_u8(&r) != STATE_VERSION) return ERR_CORRUPT;
	uint8_t whole = bytes_u8(&r), paged = bytes_u8(&r), zero = bytes_u8(&r);
	uint64_t *const words[] = {&s->generation, &s->from.epoch, &s->from.seq,
	                           &s->seen.epoch, &s->seen.seq,   &s->epoch,
	                           &s->as_of_ms,   &s->stored_ms,  &s->scope};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) *words[i] = bytes_u64(&r);
	uint16_t epochs = bytes_u16(&r), cursor = bytes_u16(&r);
	if (r.failed || whole > 1 || paged > 1 || zero || epochs > FEED_EPOCHS_MAX ||
	    cursor > KEY_MAX_BYTES)
		return ERR_CORRUPT;
	s->whole = whole;
	s->paged = paged;
	for (int i = 0; i < epochs; i++) {
		s->epochs[i].epoch = bytes_u64(&r);
		s->epochs[i].seq = bytes_u64(&r);
	}
	s->epoch_count = epochs;
	struct slice rest = bytes_take(&r, cursor);
	if (!bytes_end(&r)) return ERR_CORRUPT;
	if (cursor) memcpy(s->cursor, rest.ptr, cursor);
	s->cursor_len = cursor;
	return ERR_OK;
}

/* --- an answer ----------------------------------------------------------------------------------- */

static bool beyond(const struct point *a, const struct point *b) {
	return a->epoch != b->epoch ? a->epoch > b->epoch : a->seq > b->seq;
}

enum pull_verdict pull_judge(const struct pull_state *s, const struct feed_head *h) {
	const struct point through = {h->through_epoch, h->through_seq};
	if (h->epoch < s->epoch || h->kind == FEED_BEHIND) return PULL_OTHER;
	if (h->kind == FEED_ANEW) return PULL_ANEW;
	bool pages = !s->whole && !s->paged;
	if ((h->kind == FEED_PAGE) != pages) return PULL_WRONG;
	if (!pages && (through.seq < s->from.seq || through.epoch < s->from.epoch))
		return PULL_WRONG;
	if (!pages) return PULL_TAKE;
	/* An older page may lack what a newer one had, and then the log that is followed later has it:
	 * only the first one's point is where that begins, so none may be before it. */
	if (beyond(&s->from, &through)) return PULL_OTHER;
	bool goes_on = h->more && h->cursor.len &&
	               slice_cmp(slice_of(s->cursor, s->cursor_len), h->cursor) < 0;
	return goes_on || !h->more ? PULL_TAKE : PULL_WRONG;
}

/* The source's table, whose first epochs may have been forgotten there. */
static void take_epochs(struct pull_state *s, const struct feed_head *h) {
	if (!h->epoch_count) return;
	int keep = 0;
	while (keep < s->epoch_count && s->epochs[keep].epoch < h->epochs[0].epoch) keep++;
	int drop = keep + h->epoch_count - FEED_EPOCHS_MAX;
	if (drop < 0) drop = 0;
	memmove(s->epochs, s->epochs + drop, (size_t)(keep - drop) * sizeof *s->epochs);
	keep -= drop;
	memcpy(s->epochs + keep, h->epochs, (size_t)h->epoch_count * sizeof *s->epochs);
	s->epoch_count = keep + h->epoch_count;
}

bool pull_advance(struct pull_state *s, const struct feed_head *h) {
	const struct point through = {h->through_epoch, h->through_seq};
	s->epoch = h->epoch;
	take_epochs(s, h);
	if (h->kind == FEED_PAGE) {
		if (!s->from.seq) s->from = through;
		if (beyond(&through, &s->seen)) s->seen = through;
		s->paged = !h->more;
		s->cursor_len = h->more ? h->cursor.len : 0;
		if (s->cursor_len) memcpy(s->cursor, h->cursor.ptr, s->cursor_len);
	} else {
		s->from = through;
		if (beyond(&through, &s->seen)) s->seen = through;
	}
	if (s->paged && !beyond(&s->seen, &s->from)) s->whole = true;
	return s->whole && !h->more && h->kind == FEED_CHANGES && h->age_ms != UINT32_MAX;
}

/* --- whom to ask ------------------------------------------------------------------------------ */

int pull_choose(struct pull_sources *s, uint64_t now_ns, uint64_t *due_ns) {
	*due_ns = UINT64_MAX;
	for (int i = 0; i < s->count; i++) {
		int at = (s->next + i) % s->count;
		if (s->list[at].rest_until_ns <= now_ns) {
			s->next = (at + 1) % s->count;
			return at;
		}
		if (s->list[at].rest_until_ns < *due_ns) *due_ns = s->list[at].rest_until_ns;
	}
	return -1;
}

void pull_answered(struct pull_sources *s, int source) {
	s->list[source].rest_ns = s->list[source].rest_until_ns = 0;
}

void pull_failed(struct pull_sources *s, int source, uint64_t now_ns) {
	uint64_t rest = 2 * s->list[source].rest_ns;
	if (rest < REST_MIN_NS) rest = REST_MIN_NS;
	if (rest > REST_MAX_NS) rest = REST_MAX_NS;
	s->list[source].rest_ns = rest;
	s->list[source].rest_until_ns = now_ns + rest;
}

/* --- how old ------------------------------------------------------------------------------------- */

struct age pull_age(const struct pull_state *s, uint64_t fresh_ns, uint64_t start_ns,
                    uint64_t now_ns, uint64_t wall_ms) {
	if (fresh_ns)
		return (struct age){AGE_MEASURED,
		                    now_ns > fresh_ns ? (now_ns - fresh_ns) / 1000000 : 0};
	uint64_t running_ms = now_ns > start_ns ? (now_ns - start_ns) / 1000000 : 0;
	uint64_t written_ms = s->stored_ms > s->as_of_ms ? s->stored_ms - s->as_of_ms : 0;
	uint64_t least_ms = written_ms + running_ms;
	if (!s->as_of_ms || wall_ms < s->stored_ms || wall_ms - s->as_of_ms < least_ms)
		return (struct age){AGE_AT_LEAST, least_ms};
	return (struct age){AGE_BY_CLOCK, wall_ms - s->as_of_ms};
}

const char *age_word(enum age_kind kind) {
	static const char *const words[] = {
		[AGE_MEASURED] = "measured", [AGE_BY_CLOCK] = "clock", [AGE_AT_LEAST] = "at-least"};
	return words[kind];
}
