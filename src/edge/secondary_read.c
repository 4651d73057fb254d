/* Answers clients of a secondary source: reads of the tenants and domains it is for, with how old
 * they are; and says of all else where to go. Nothing but this disk is needed. */
#include "edge/secondary_private.h"

#include <stdio.h>

static const struct position nowhere; /* no token: this process has not the secret to sign one */

struct age secondary_age(const struct secondary_cell *c) {
	struct secondary *s = c->owner;
	return pull_age(&c->serving.state, c->fresh_ns, s->start_ns, io_now_ns(s->io),
	                io_wall_ms(s->io));
}

static void refuse(struct request *r, struct secondary *s, enum err code, const char *why) {
	metric_inc(s->refused);
	respond_problem(r, code, why);
}

/* --- may it answer? ---------------------------------------------------------------------------------- */

static bool fresh_enough(struct request *r, struct secondary_cell *c) {
	const struct age *a = r->age;
	uint64_t most = c->policy->secondary->max_staleness_ms;
	char text[200];
	if (most && (a->kind == AGE_AT_LEAST || a->ms > most)) {
		snprintf(text, sizeof text,
		         "this secondary source's data is %s%llu ms old, and the policy lets it "
		         "answer up to %llu ms",
		         a->kind == AGE_AT_LEAST ? "at least " : "", (unsigned long long)a->ms,
		         (unsigned long long)most);
		refuse(r, c->owner, ERR_UNAVAILABLE, text);
		return false;
	}
	if (r->consistency != CONSISTENCY_BOUNDED) return true;
	/* A wall clock proves nothing. */
	if (a->kind == AGE_MEASURED && a->ms <= r->bounded_ms) return true;
	snprintf(text, sizeof text,
	         "this secondary source's data is %llu ms old (%s), not proved to be within %u ms; "
	         "eventual takes it as it is",
	         (unsigned long long)a->ms, age_word(a->kind), r->bounded_ms);
	refuse(r, c->owner, ERR_UNAVAILABLE, text);
	return false;
}

static bool has_token(struct request *r, struct secondary_cell *c) {
	const struct pull_state *s = &c->serving.state;
	if (!r->has_token || r->consistency == CONSISTENCY_EVENTUAL || !r->token.seq) return true;
	const struct position last = {.epoch = s->from.epoch, .seq = s->from.seq};
	enum err err =
		history_check(s->epochs, s->epoch_count, &last, r->token.epoch, r->token.seq);
	if (!err && r->token.seq <= last.seq) return true;
	if (err == ERR_DIVERGED)
		refuse(r, c->owner, ERR_DIVERGED,
		       "the write that this token stands for was made at a home that died before "
		       "another region had it; drop the token and read anew");
	else
		refuse(r, c->owner, ERR_UNAVAILABLE,
		       "this secondary source is behind the session's token; eventual takes it as "
		       "it is");
	return false;
}

static bool may_answer(struct request *r, struct secondary *s) {
	struct secondary_cell *c = s->cells[r->cell];
	if (r->write) {
		refuse(r, s, ERR_UNAVAILABLE,
		       "this is a secondary source and takes no writes, whatever happens: nothing "
		       "happened; send it to a region");
		return false;
	}
	if (!c || !policy_secondary_has(c->policy, r->tenant_index, r->domain)) {
		refuse(r, s, ERR_MISDIRECTED,
		       "this secondary source is not for this tenant and domain; ask a region");
		return false;
	}
	if (r->consistency == CONSISTENCY_STRONG) {
		refuse(r, s, ERR_UNAVAILABLE,
		       "a secondary source never answers strong; ask a region, or take session, "
		       "bounded or eventual");
		return false;
	}
	if (!c->serving.mirror) {
		refuse(r, s, ERR_UNAVAILABLE,
		       "this secondary source has not got its first whole copy yet; try again "
		       "later");
		return false;
	}
	return fresh_enough(r, c) && has_token(r, c);
}

/* --- reading ---------------------------------------------------------------------------------------- */

static void on_found(void *arg, const struct entry *e) {
	read_answer(arg, e, &nowhere);
}

static void get(struct request *r, struct secondary_cell *c) {
	enum err err = mirror_get(c->serving.mirror, r->full_key, on_found, r);
	if (err == ERR_NOT_FOUND)
		read_answer(r, NULL, &nowhere);
	else if (err)
		respond_problem(r, err, "the stored value cannot be read here; ask a region");
}

static enum err walk(void *arg, const struct store_scan *scan) {
	struct secondary_cell *c = arg;
	return mirror_scan(c->serving.mirror, scan);
}

static void scan(struct request *r, struct secondary_cell *c) {
	struct buf body;
	buf_init(&body, 0);
	enum err err = scan_page(r, walk, c, &body);
	if (err)
		respond_problem(r, err,
		                "the scan could not be finished; ask for fewer keys with limit=");
	else
		respond(r, 200, &nowhere, NULL, "application/json", buf_slice(&body));
	buf_done(&body);
}

void secondary_request(void *arg, struct http_exchange *x) {
	struct secondary *s = arg;
	struct request *r = arena_alloc(http_exchange_arena(x), sizeof *r);
	struct age *age = arena_alloc(http_exchange_arena(x), sizeof *age);
	struct fault fault = {0};
	if (!r || !age) {
		http_respond(x, 503, NULL, 0, slice_of(NULL, 0));
		return;
	}
	r->edge = &s->front;
	r->x = x;
	r->head = http_exchange_head(x);
	list_push_back(&s->front.requests, &r->node);
	enum err err = request_read(r, &fault);
	if (err) return respond_problem(r, err, fault.text);
	struct secondary_cell *c = s->cells[r->cell];
	if (c && c->serving.mirror) {
		*age = secondary_age(c);
		r->age = age;
	}
	if (!may_answer(r, s)) return;
	metric_inc(s->reads);
	if (r->serve == scan_serve)
		scan(r, c);
	else
		get(r, c);
}
