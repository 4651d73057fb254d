/* A real etcd of three members on addresses of this process's own, for tests: started, killed,
 * stopped and brought back as wanted; with TLS and users if asked for. The loopback address is
 * made of the process's id, so that tests run side by side. */
#pragma once
#include <sys/types.h>

#include "base/buf.h"
#include "io/fetch.h"

enum { MEMBERS = 3, CLIENT_PORT = 24001, PEER_PORT = 24101 };

struct cluster {
	bool tls;
	char host[32], dir[64], scheme[8];
	char ca[96], other_ca[96], cert[96], key[96]; /* other_ca signs nobody */
	char urls[MEMBERS][64];
	const char *endpoints[MEMBERS];
	pid_t pids[MEMBERS]; /* 0: does not run */
	/* for requests of the test's own */
	struct io *io;
	struct fetch *fetch;
	struct buf said;
	char token[256];
};

/* Three members that serve; fails the test if they do not within 15 s. */
void cluster_start(struct cluster *c, bool tls);
void cluster_stop(struct cluster *c);
void cluster_await(struct cluster *c); /* until each that runs serves */
/* root, and a user `holdfast` that may use the prefix /holdfast/ alone. */
void cluster_enable_users(struct cluster *c);
int cluster_leader(struct cluster *c); /* the member that leads; -1: none */

void member_start(struct cluster *c, int i);
void member_kill(struct cluster *c, int i);
void member_signal(struct cluster *c, int i, int signal_number);

/* A request of the test's own; the answer is in c->said. */
bool cluster_ask(struct cluster *c, int member, const char *path, const char *body);
void cluster_must(struct cluster *c, const char *path, const char *body);
const char *cluster_said(struct cluster *c);
/* The number behind "name":" in what was said last; 0: there is none. */
uint64_t cluster_number(struct cluster *c, const char *name);
