/* The token of a user: fetched when it is first needed, and anew when etcd says that it is none
 * any more (they expire, and do not outlive their server). At most one login at a time, since
 * each costs the server a slow hash. */
#include <stdlib.h>
#include <string.h>

#include "coord/etcd_private.h"

bool etcd_logged_in(const struct etcd *c) {
	return !c->user || c->token;
}

static void forget(struct etcd *c) {
	if (c->token) explicit_bzero(c->token, strlen(c->token));
	free(c->token);
	c->token = NULL;
}

static void on_answered(struct etcd_ask *a, enum err err, const struct etcd_answer *said) {
	struct etcd *c = a->etcd;
	uint64_t now = io_now_ns(c->io);
	c->logging_in = false;
	c->login_ns = now + (err == ERR_FORBIDDEN ? ETCD_REFUSED_NS : ETCD_LOGIN_NS);
	if (!err && !*said->token) err = ERR_CORRUPT;
	if (!err) c->token = strdup(said->token);
	if (c->token) {
		c->token_turn++;
		c->login_err = ERR_OK;
	} else {
		c->login_err = err == ERR_FORBIDDEN ? ERR_UNAUTHENTICATED : ERR_OK;
		etcd_tick_at(c, c->login_ns);
	}
}

void etcd_login_want(struct etcd *c, uint64_t now) {
	if (etcd_logged_in(c) || c->logging_in) return;
	if (now < c->login_ns) return etcd_tick_at(c, c->login_ns);
	etcd_ask_done(&c->login);
	etcd_ask_init(c, &c->login, ETCD_LOGIN_PATH);
	c->login.login = true;
	c->login.answered = on_answered;
	c->login_ns = now + ETCD_LOGIN_NS;
	if (etcd_ask_login(c->user, c->password, &c->login.body) != ERR_OK) return;
	c->logging_in = true;
	etcd_ask_start(&c->login);
}

/* Of many requests with one token the first brings the next. */
void etcd_token_bad(struct etcd *c, uint32_t turn) {
	if (turn == c->token_turn) forget(c);
}

void etcd_login_done(struct etcd *c) {
	etcd_ask_done(&c->login);
	forget(c);
	if (c->password) explicit_bzero(c->password, strlen(c->password));
	free(c->password);
	free(c->user);
}
