/* /admin/v1/feed/CELL: what a secondary source lacks of the cell, from this copy of it, whatever the
 * copy is at the moment. It is answered with what is committed, of the tenants and domains that
 * the policy names for it and no others, and is never waited for nor counted: log is not kept for
 * it either, who comes too late fills anew. Each answer is bounded; it is asked one at a time.
 *
 *   GET …?from=7-120&seen=7-120             the log from there on
 *   GET …?from=0-0&seen=7-120&fill=CURSOR   a page of the view behind the cursor (base64url) */
#include "base/bytes.h"
#include "base/hash.h"
#include "base/parse.h"
#include "cell/feed.h"
#include "cell/pull.h"
#include "edge/admin_private.h"
#include "edge/edge_private.h"
#include "io/http_uri.h"

#include <stdlib.h>

enum { FEED_WALK_MAX = 20000 };

/* What is remembered of one. */
struct feed_cell {
	struct store_reader *reader; /* as it is needed */
	uint64_t asked_ns;           /* 0: never */
	struct point from;
};

struct feed {
	struct admin *admin;
	int cell;
	const struct policy_cell *policy;
	struct store *store;
	struct host_cell_state state;
	struct store_info info;
	/* asked */
	struct point from, seen;
	bool fill;
	uint8_t cursor[KEY_MAX_BYTES + 1];
	size_t cursor_len;
	/* answered */
	struct feed_head head;
	struct buf changes, log;
	uint8_t last[KEY_MAX_BYTES + 2];
	size_t last_len, walked;
	bool cut;
	enum err err;
};

/* --- the question ------------------------------------------------------------------------------- */

static enum err read_query(struct feed *f, struct slice query) {
	struct slice name, value;
	enum err err = ERR_OK;
	while (!err && http_query_next(&query, &name, &value)) {
		if (slice_is(name, "from"))
			err = version_parse(value, &f->from.epoch, &f->from.seq);
		else if (slice_is(name, "seen"))
			err = version_parse(value, &f->seen.epoch, &f->seen.seq);
		else if (slice_is(name, "fill"))
			err = base64url_decode(value, f->cursor, sizeof f->cursor, &f->cursor_len);
		else
			err = ERR_INVALID;
		f->fill |= slice_is(name, "fill");
	}
	return err;
}

static bool knows_secret(const struct policy_secondary *s, struct slice authorization) {
	uint8_t digest[SHA256_BYTES];
	if (authorization.len < 7 ||
	    !slice_eq_nocase(slice_of(authorization.ptr, 7), SLICE_LIT("Bearer ")))
		return false;
	struct slice key = slice_of(authorization.ptr + 7, authorization.len - 7);
	sha256(&key, 1, digest);
	return slice_eq_secret(slice_of(digest, sizeof digest),
	                       slice_of(s->key_hash, sizeof s->key_hash));
}

/* --- the log ------------------------------------------------------------------------------------- */

static void add(struct feed *f, const struct feed_change *c) {
	f->err = feed_add(&f->changes, c);
	f->head.change_count++;
}

static void add_record(struct feed *f, const struct record *r) {
	struct record_cursor ops = record_cursor(r);
	struct op op;
	while (!f->err && record_next_op(&ops, &op) == ERR_OK) {
		if (!policy_secondary_has_key(f->admin->options.policy, f->policy, op.key))
			continue;
		struct feed_change c = {.type = op.type, .key = op.key};
		c.entry = (struct entry){op.value, r->at.epoch, r->at.seq, op.expires_ms};
		add(f, &c);
	}
}

static void answer_log(struct feed *f) {
	uint64_t limit = f->state.committed_seq;
	if (limit > f->info.last.seq) limit = f->info.last.seq;
	f->head.kind = FEED_CHANGES;
	f->head.through_epoch = f->from.epoch;
	f->head.through_seq = f->from.seq;
	if (limit < f->from.seq) {
		f->head.kind = FEED_BEHIND;
		return;
	}
	if (limit == f->from.seq) return;
	f->err = f->store->ops->read_log(f->store, f->from.seq + 1, FEED_LOG_BYTES, &f->log);
	if (f->err == ERR_NOT_FOUND) {
		f->err = ERR_OK;
		f->head.kind = FEED_ANEW;
		return;
	}
	struct slice rest = buf_slice(&f->log);
	while (!f->err && rest.len) {
		struct record r;
		f->err = record_decode(rest, &r);
		if (f->err || r.at.seq > limit) break;
		add_record(f, &r);
		f->head.through_epoch = r.at.epoch;
		f->head.through_seq = r.at.seq;
		rest = slice_of(rest.ptr + r.bytes.len, rest.len - r.bytes.len);
	}
	f->head.more = f->head.through_seq < limit;
}

/* --- pages of the view ------------------------------------------------------------------------------ */

static bool each(void *arg, struct slice key, const struct entry *e) {
	struct feed *f = arg;
	if (f->changes.len >= FEED_PAGE_BYTES || ++f->walked > FEED_WALK_MAX) {
		f->cut = true;
		return false;
	}
	memcpy(f->last, key.ptr, key.len);
	f->last_len = key.len;
	if (!policy_secondary_has_key(f->admin->options.policy, f->policy, key)) return true;
	struct feed_change c = {.type = OP_PUT, .key = key, .entry = *e};
	add(f, &c);
	return f->err == ERR_OK;
}

/* Keys of a tenant begin with this; behind all of them is that with a byte no key has. */
static size_t tenant_prefix(const struct feed *f, int index, uint8_t out[POLICY_NAME_MAX + 2]) {
	const struct policy *p = f->admin->options.policy;
	const char *name = p->tenants[f->policy->secondary->tenants[index]].name;
	size_t len = strlen(name) + 1;
	memcpy(out, name, len);
	return len;
}

/* The tenant whose keys come next; tenant_count: none. */
static int tenant_next(const struct feed *f) {
	uint8_t prefix[POLICY_NAME_MAX + 2];
	struct slice cursor = slice_of(f->cursor, f->cursor_len);
	int i = 0;
	for (; i < f->policy->secondary->tenant_count; i++) {
		size_t len = tenant_prefix(f, i, prefix);
		prefix[len] = 0xff;
		if (slice_cmp(cursor, slice_of(prefix, len + 1)) < 0) break;
	}
	return i;
}

static struct store_reader *feed_reader(struct feed *f) {
	struct feed_cell *c = &f->admin->feed_cells[f->cell];
	if (!c->reader) c->reader = f->store->ops->reader_new(f->store);
	return c->reader;
}

void admin_feed_end(struct admin *a) {
	for (int i = 0; a->feed_cells && i < a->options.policy->cell_count; i++)
		if (a->feed_cells[i].reader)
			host_store(a->options.host, i)->ops->reader_free(a->feed_cells[i].reader);
	free(a->feed_cells);
}

/* One tenant a page at most: a page has one snapshot, and so one point. */
static void answer_page(struct feed *f) {
	uint8_t prefix[POLICY_NAME_MAX + 2];
	struct store_reader *reader = feed_reader(f);
	int tenant = tenant_next(f);
	bool nobody = tenant == f->policy->secondary->tenant_count;
	size_t len = nobody ? 0 : tenant_prefix(f, tenant, prefix);
	struct store_scan scan = {.prefix = slice_of(prefix, len), .each = each, .arg = f};
	struct slice cursor = slice_of(f->cursor, f->cursor_len);
	struct position at;
	if (slice_starts(cursor, scan.prefix)) scan.after = cursor;
	if (nobody) {
		/* As a page without keys: at a point of the view all the same. */
		scan.prefix = slice_of("\xff", 1);
		scan.after = slice_of(NULL, 0);
	}
	f->head.kind = FEED_PAGE;
	enum err err = reader ? f->store->ops->scan(reader, &scan, &at) : ERR_NO_MEMORY;
	if (!f->err) f->err = err;
	if (f->err) return;
	if (at.seq > f->state.committed_seq) {
		f->head.kind = FEED_BEHIND; /* it may still come to nothing */
		return;
	}
	f->head.through_epoch = at.epoch;
	f->head.through_seq = at.seq;
	f->head.more = f->cut || tenant + 1 < f->policy->secondary->tenant_count;
	if (!f->cut && !nobody) {
		memcpy(f->last, prefix, len);
		f->last[len] = 0xff;
		f->last_len = len + 1;
	}
	if (f->head.more) f->head.cursor = slice_of(f->last, f->last_len);
}

/* --- the answer ---------------------------------------------------------------------------------------- */

static void take_epochs(struct feed *f) {
	int n = f->info.epoch_count, first = n > FEED_EPOCHS_MAX ? n - FEED_EPOCHS_MAX : 0;
	for (int i = first; i < n; i++) {
		const struct epoch_start *e = &f->info.epochs[i];
		bool wanted = f->fill || e->epoch >= f->from.epoch;
		if (wanted && e->seq <= f->head.through_seq)
			f->head.epochs[f->head.epoch_count++] = *e;
	}
}

/* How long ago what was committed is surely in `through`. */
static uint32_t age_ms(const struct feed *f) {
	uint64_t now = io_now_ns(f->admin->io), then = f->state.fresh_at_ns;
	if (f->head.more || f->head.kind != FEED_CHANGES) return UINT32_MAX;
	if (f->state.is_home) return now < f->state.lease_until_ns ? 0 : UINT32_MAX;
	if (!then) return UINT32_MAX;
	uint64_t ms = now > then ? (now - then) / 1000000 + 1 : 0;
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void look(struct feed *f) {
	struct feed_cell *c = &f->admin->feed_cells[f->cell];
	c->asked_ns = io_now_ns(f->admin->io);
	c->from = f->from;
	f->store->ops->info(f->store, &f->info);
	host_cell_state(f->admin->options.host, f->cell, &f->state);
	f->head.epoch = f->state.epoch;
	if (f->info.last.epoch > f->head.epoch) f->head.epoch = f->info.last.epoch;
	enum err has = f->seen.seq == 0 ? ERR_OK
	                                : history_check(f->info.epochs, f->info.epoch_count,
	                                                &f->info.last, f->seen.epoch, f->seen.seq);
	if (has == ERR_DIVERGED)
		f->head.kind = FEED_ANEW;
	else if (has != ERR_OK || f->seen.seq > f->state.committed_seq)
		f->head.kind = FEED_BEHIND;
	else if (f->fill)
		answer_page(f);
	else
		answer_log(f);
	f->head.age_ms = age_ms(f);
	if (f->head.kind == FEED_ANEW || f->head.kind == FEED_BEHIND)
		f->head.through_epoch = f->head.through_seq = f->head.change_count = 0;
	else
		take_epochs(f);
}

static void answer(struct feed *f, struct http_exchange *x) {
	struct buf out;
	buf_init(&out, FEED_BYTES_MAX);
	buf_init(&f->changes, FEED_BYTES_MAX);
	buf_init(&f->log, FEED_BYTES_MAX);
	look(f);
	bool bare = f->head.change_count == 0;
	if (!f->err) f->err = feed_begin(&out, &f->head);
	if (!f->err && !bare) f->err = buf_append_slice(&out, buf_slice(&f->changes));
	if (f->err) {
		admin_problem(x, f->err, "this copy cannot be read now; ask another region");
	} else {
		feed_end(&out, &f->head);
		admin_answer(x, 200, "application/vnd.holdfast.feed", buf_slice(&out));
	}
	buf_done(&f->log);
	buf_done(&f->changes);
	buf_done(&out);
}

void admin_feed(struct admin *a, struct http_exchange *x, struct slice cell) {
	const struct http1_head *h = http_exchange_head(x);
	const struct policy *p = a->options.policy;
	int index = policy_find_cell(p, cell);
	const struct policy_cell *c = index >= 0 ? &p->cells[index] : NULL;
	if (!c || !c->secondary ||
	    !knows_secret(c->secondary, http1_header(h, FIELD_AUTHORIZATION))) {
		/* The same for both, or names of cells could be tried. */
		admin_problem(
			x, ERR_UNAUTHENTICATED,
			"the cell has no secondary source with this secret: its hash is `key` "
			"of `secondary` in the policy");
		return;
	}
	struct feed *f = calloc(1, sizeof *f);
	if (!a->feed_cells) a->feed_cells = calloc((size_t)p->cell_count, sizeof *a->feed_cells);
	if (!f || !a->feed_cells) {
		free(f);
		admin_problem(x, ERR_NO_MEMORY, "no memory for this answer; try again later");
		return;
	}
	f->admin = a;
	f->cell = index;
	f->policy = c;
	f->store = host_store(a->options.host, index);
	if (!f->store)
		admin_problem(x, ERR_NOT_FOUND, "this region holds no copy of the cell");
	else if (read_query(f, h->query) != ERR_OK)
		admin_problem(x, ERR_INVALID,
		              "expected ?from=EPOCH-SEQ&seen=EPOCH-SEQ[&fill=CURSOR]");
	else
		answer(f, x);
	free(f);
}

/* What it had when it asked: of an image that is being filled, the point its log begins at. */
enum err admin_feed_status(const struct admin *a, int cell, uint64_t committed, struct buf *out) {
	const struct policy *p = a->options.policy;
	const struct policy_secondary *s = p->cells[cell].secondary;
	const struct feed_cell *c = a->feed_cells ? &a->feed_cells[cell] : NULL;
	if (!s) return ERR_OK;
	enum err e = buf_printf(out, ",\"secondary\":{\"name\":\"%s\",\"region\":\"%s\"", s->name,
	                        p->regions[s->region].name);
	if (e || !c || !c->asked_ns) return e ? e : buf_append_str(out, ",\"asked_ms_ago\":null}");
	uint64_t behind = committed > c->from.seq ? committed - c->from.seq : 0;
	return buf_printf(out, ",\"asked_ms_ago\":%llu,\"position\":\"%llu-%llu\",\"behind\":%llu}",
	                  (unsigned long long)((io_now_ns(a->io) - c->asked_ns) / 1000000),
	                  (unsigned long long)c->from.epoch, (unsigned long long)c->from.seq,
	                  (unsigned long long)behind);
}
