/* This node's own lease: proves that it works, renews, joins anew when it was expired. */
#include "coord/member.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "coord/member_private.h"

static uint64_t third_of_lease(const struct member *m) {
	return m->terms.length_ns / 3;
}

/* --- proof of work ------------------------------------------------------------------ */

static void ask_proof(struct member *m, uint64_t now) {
	if (m->proving || (m->proof_asked_ns && now - m->proof_asked_ns < m->renew_ns)) return;
	m->proving = true;
	m->proof_asked_ns = now;
	m->prove(m->arg); /* may answer before it returns */
}

/* A disk that took as long as a lease for one sync has proven the opposite. */
static bool proof_is_fresh(const struct member *m, uint64_t now) {
	return m->proven && now - m->proof_answered_ns <= third_of_lease(m);
}

/* --- lease ---------------------------------------------------------------------------- */

static void set_lease(struct member *m, uint64_t valid_until_ns) {
	m->valid_until_ns = valid_until_ns;
	m->on_lease(m->arg, m->generation, valid_until_ns);
}

/* The first try after a life that was renewed comes at once. */
static void back_off(struct member *m, uint64_t now) {
	uint64_t max_ns = MEMBER_BACKOFF_MAX_RENEWALS * m->renew_ns;
	m->next_ns = now + m->backoff_ns;
	m->backoff_ns = m->backoff_ns ? 2 * m->backoff_ns : m->renew_ns;
	if (m->backoff_ns > max_ns) m->backoff_ns = max_ns;
}

static void on_joined(struct member *m, enum err err) {
	if (err) {
		back_off(m, io_now_ns(m->io));
		return;
	}
	m->joined = true;
	m->generation = (uint32_t)m->op.revision;
	set_lease(m, lease_valid_until(&m->terms, m->sent_ns));
}

static void on_renewed(struct member *m, enum err err) {
	uint64_t now = io_now_ns(m->io);
	if (err == ERR_OK) {
		m->backoff_ns = 0;
		set_lease(m, lease_valid_until(&m->terms, m->sent_ns));
	} else if (err == ERR_CONFLICT) {
		m->joined = false;
		back_off(m, now);
		set_lease(m, 0);
	} else {
		m->next_ns = now + m->renew_ns / MEMBER_TICKS_A_RENEWAL;
	}
}

/* Half a lease without an answer: too long to tell who is silent. An election may hold a request
 * back as long as it likes without an error, so it is the answers that count. */
bool member_sees(const struct member *m, uint64_t now) {
	return m->answered_ns && now - m->answered_ns <= m->terms.length_ns / 2;
}

/* When coordination comes back after an outage, everybody's renewals were missed, not only
 * those of the dead: nobody is expired for that. */
static void note_sight(struct member *m, enum err err) {
	uint64_t now = io_now_ns(m->io);
	if (err != ERR_OK && err != ERR_CONFLICT) return;
	if (!member_sees(m, now)) member_peers_rewait(m);
	m->answered_ns = now;
}

static void on_answer(struct coord_op *op, enum err err) {
	struct member *m = CONTAINER_OF(op, struct member, op);
	m->asking = false;
	note_sight(m, err);
	if (m->asking_join)
		on_joined(m, err);
	else
		on_renewed(m, err);
}

/* sent_ns is taken before the request leaves: the lease counts from there. */
static void renew(struct member *m) {
	uint64_t now = io_now_ns(m->io);
	if (m->asking || now < m->next_ns || !proof_is_fresh(m, now)) return;
	m->asking = true;
	m->asking_join = !m->joined;
	m->sent_ns = now;
	m->next_ns = now + m->renew_ns;
	m->op = (struct coord_op){.done = on_answer};
	if (m->asking_join)
		m->coord->ops->join(m->coord, &m->op);
	else
		m->coord->ops->beat(m->coord, &m->op);
}

void member_proved(struct member *m, enum err err) {
	uint64_t now = io_now_ns(m->io);
	if (!m->proving) return;
	m->proving = false;
	if (err || now - m->proof_asked_ns > m->terms.length_ns) return;
	m->proven = true;
	m->proof_answered_ns = now;
	renew(m);
}

/* --- time -------------------------------------------------------------------------------- */

/* Often enough for renewals and for seeing others', and exactly when a lease is over. */
static void plan_tick(struct member *m) {
	uint64_t now = io_now_ns(m->io);
	uint64_t delay_ns = m->renew_ns / MEMBER_TICKS_A_RENEWAL;
	if (m->next_ns > now && m->next_ns - now < delay_ns) delay_ns = m->next_ns - now;
	for (int i = 0; i < m->peer_count; i++) {
		uint64_t due_ns = member_peer_due_ns(&m->peers[i]);
		if (due_ns > now && due_ns - now < delay_ns) delay_ns = due_ns - now;
	}
	io_timer_start(m->timer, delay_ns);
}

/* A loop that stood still proves itself with its next tick before it renews. */
static void on_tick(void *arg) {
	struct member *m = arg;
	uint64_t now = io_now_ns(m->io);
	bool stalled = m->ticked_ns && now - m->ticked_ns > third_of_lease(m);
	m->ticked_ns = now;
	ask_proof(m, now);
	if (!stalled) renew(m);
	for (int i = 0; i < m->peer_count; i++) member_peer_look(&m->peers[i]);
	plan_tick(m);
}

/* --- life ---------------------------------------------------------------------------------- */

static bool copy_name(char out[32], const char *name) {
	size_t len = strlen(name);
	if (len == 0 || len >= 32) return false;
	memcpy(out, name, len + 1);
	return true;
}

static bool copy_peers(struct member *m, const struct member_options *o) {
	if (o->peer_count < 0 || o->peer_count >= COORD_NODES_MAX) return false;
	m->peers = calloc((size_t)o->peer_count + 1, sizeof *m->peers);
	if (!m->peers) return false;
	m->peer_count = o->peer_count;
	for (int i = 0; i < o->peer_count; i++) {
		m->peers[i].member = m;
		if (strcmp(o->peers[i], o->self) == 0) return false; /* it would expire itself */
		if (!copy_name(m->peers[i].name, o->peers[i])) return false;
	}
	return true;
}

struct member *member_new(struct io *io, struct coord *coord, const struct member_options *o) {
	struct member *m = calloc(1, sizeof *m);
	if (!m) return NULL;
	m->io = io;
	m->coord = coord;
	m->terms = o->terms;
	m->renew_ns = o->renew_ns;
	m->prove = o->prove;
	m->on_lease = o->on_lease;
	m->on_peer = o->on_peer;
	m->arg = o->arg;
	m->timer = io_timer_new(io, on_tick, m);
	if (!m->timer || !copy_peers(m, o)) {
		member_free(m);
		return NULL;
	}
	coord->ops->on_node(coord, member_on_node, m);
	io_timer_start(m->timer, 0);
	return m;
}

uint64_t member_valid_until_ns(const struct member *m) {
	return m->valid_until_ns;
}

bool member_peer_up(const struct member *m, const char *name) {
	for (int i = 0; i < m->peer_count; i++)
		if (strcmp(m->peers[i].name, name) == 0) return m->peers[i].up;
	return false;
}

void member_free(struct member *m) {
	if (!m) return;
	io_timer_free(m->timer);
	free(m->peers);
	free(m);
}
