/* Reading one key at this region, at the consistency asked.
 *   strong    home only; the lease is looked at after the snapshot was opened
 * At the home a write is acknowledged before the view has it, so every read there but an
 * eventual one waits for the view to have what was committed when the read came.
 *   session   any copy at or beyond the token; waits for it, then goes home
 *   bounded   any copy proven that fresh (decide() looked)
 *   eventual  any copy */
#include "edge/edge_private.h"

static const uint64_t TOKEN_WAIT_NS = 250000000; /* then the home is asked */
enum { FLOOR_WAITS = 4 };

static uint64_t wall_ms(const struct request *r) {
	return io_wall_ms(r->edge->io);
}

static bool follows_token(const struct request *r) {
	return r->has_token && r->consistency != CONSISTENCY_EVENTUAL;
}

bool entry_live(const struct request *r, const struct entry *e) {
	return e->expires_ms == 0 || e->expires_ms > wall_ms(r);
}

/* The epoch too: between the snapshot and now another home may have come and gone. */
static bool still_home(const struct request *r, const struct host_cell_state *s,
                       const struct position *at) {
	return s->is_home && s->epoch == at->epoch && io_now_ns(r->edge->io) < s->lease_until_ns;
}

static void on_reached(struct io_post *post) {
	struct request *r =
		CONTAINER_OF(CONTAINER_OF(post, struct host_wait, post), struct request, wait);
	if (atomic_load(&r->edge->closing)) {
		respond_problem(r, ERR_UNAVAILABLE,
		                "this region is shutting down; try another one");
		return;
	}
	r->attempts++;
	route(r);
}

static void wait_applied(struct request *r, uint64_t seq, uint64_t deadline_ns) {
	r->wait.post.fn = on_reached;
	r->wait.reply_to = r->edge->io;
	r->wait.seq = seq;
	r->wait.deadline_ns = deadline_ns;
	host_wait_applied(r->edge->options.host, r->cell, &r->wait);
}

/* Kept over the tries of one epoch, or a steady stream of writes would move it for ever. */
static void take_floor(struct request *r) {
	const struct edge_cell *c = &r->edge->cells[r->cell];
	if (r->consistency == CONSISTENCY_EVENTUAL) return;
	if (r->floor_seq && r->floor_epoch == c->floor_epoch) return;
	r->floor_epoch = c->floor_epoch;
	r->floor_seq = c->floor_seq;
}

/* Mostly the view is a fraction of a millisecond behind; where it is stuck (a full disk), or
 * too many wait already, the request is held like others. */
static void wait_floor(struct request *r) {
	bool again = r->attempts < FLOOR_WAITS && io_now_ns(r->edge->io) < r->deadline_ns;
	if (again)
		wait_applied(r, r->floor_seq, r->deadline_ns);
	else
		route_again(r, ERR_UNAVAILABLE, "this region's view is behind its log");
}

bool read_holds(struct request *r, const struct position *at) {
	struct host_cell_state s;
	host_cell_state(r->edge->options.host, r->cell, &s);
	if (at->seq < r->floor_seq) {
		wait_floor(r);
		return false;
	}
	/* Who is about to be home applies what it recovered before that is committed, for an empty
	 * copy's sake: should it not become home after all, that may come to nothing. */
	if (at->seq > s.committed_seq) {
		forward_home(r);
		return false;
	}
	if (r->consistency == CONSISTENCY_STRONG && !still_home(r, &s, at)) {
		route_again(r, ERR_NOT_HOME,
		            "this region lost its lease on the cell while it read");
		return false;
	}
	/* What read_ready saw applied may be younger than a snapshot that was open already. */
	if (follows_token(r) && at->seq < r->token.seq) {
		route_again(r, ERR_UNAVAILABLE, "this region's copy is behind the session's token");
		return false;
	}
	return true;
}

bool read_ready(struct request *r) {
	struct edge *e = r->edge;
	take_floor(r);
	if (!follows_token(r)) return true;
	switch (host_history_check(e->options.host, r->cell, r->token.epoch, r->token.seq)) {
	case ERR_OK: return true;
	case ERR_DIVERGED:
		respond_problem(
			r, ERR_DIVERGED,
			"the write that this token stands for was made at a home that died before "
			"another region had it; it is in quarantine. Drop the token and read anew");
		return false;
	default: break;
	}
	/* Acknowledged here, not yet in the view: the floor says how far to wait. */
	if (r->floor_seq >= r->token.seq && r->floor_epoch == r->token.epoch) return true;
	if (r->forwarded || r->attempts > 0 || e->world_cells[r->cell].home == e->here) {
		forward_home(r);
		return false;
	}
	wait_applied(r, r->token.seq, io_now_ns(e->io) + TOKEN_WAIT_NS);
	return false;
}

static bool etag_matches(struct slice list, const struct entry *e) {
	while (list.len) {
		struct slice one = slice_trim(slice_cut(&list, ','));
		uint64_t epoch, seq;
		if (slice_is(one, "*")) return true;
		if (version_parse(one, &epoch, &seq) == ERR_OK && epoch == e->epoch &&
		    seq == e->seq)
			return true;
	}
	return false;
}

void read_answer(struct request *r, const struct entry *e, const struct position *at) {
	if (!e || !entry_live(r, e)) {
		respond_absent(r, at);
		return;
	}
	struct slice condition = http1_header(r->head, FIELD_IF_NONE_MATCH);
	if (condition.len && etag_matches(condition, e)) {
		respond(r, 304, at, e, NULL, slice_of(NULL, 0));
		return;
	}
	condition = http1_header(r->head, FIELD_IF_MATCH);
	if (condition.len && !etag_matches(condition, e)) {
		respond_problem(r, ERR_PRECONDITION, "the key has another version by now");
		return;
	}
	respond(r, 200, at, e, "application/octet-stream", e->value);
}

static void on_entry(void *arg, enum err err, const struct entry *e, const struct position *at) {
	struct request *r = arg;
	if (err == ERR_UNAVAILABLE) { /* this copy is being rebuilt */
		forward_home(r);
		return;
	}
	if (err && err != ERR_NOT_FOUND) {
		respond_problem(r, err,
		                err == ERR_CORRUPT
		                        ? "the stored value fails its checksum here and is not "
		                          "served; another region's copy may be whole: "
		                          "Holdfast-Consistency chooses the region"
		                        : NULL);
		return;
	}
	if (read_holds(r, at)) read_answer(r, err ? NULL : e, at);
}

void read_serve(struct request *r) {
	struct edge *e = r->edge;
	struct store_reader *reader = e->cells[r->cell].reader;
	if (!read_ready(r)) return;
	metric_inc(e->reads);
	host_store(e->options.host, r->cell)->ops->get(reader, r->full_key, on_entry, r);
}
