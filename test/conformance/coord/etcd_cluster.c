/* See etcd_cluster.h. */
#include "etcd_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_shell(const char *command) {
	if (system(command) != 0) fail_msg("this failed: %s", command);
}

/* A certificate for both ends: the gateway of etcd is a client of its own server. */
static void cluster_make_keys(struct cluster *c) {
	char command[2048];
	snprintf(c->ca, sizeof c->ca, "%s/ca.pem", c->dir);
	snprintf(c->other_ca, sizeof c->other_ca, "%s/other-ca.pem", c->dir);
	snprintf(c->cert, sizeof c->cert, "%s/cert.pem", c->dir);
	snprintf(c->key, sizeof c->key, "%s/key.pem", c->dir);
	snprintf(
		command, sizeof command,
		"cd %s && exec >/dev/null 2>&1 && "
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		"-subj /CN=test-ca -keyout ca-key.pem -out ca.pem && "
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		"-subj /CN=other-ca -keyout other-key.pem -out other-ca.pem && "
		"openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
		"-subj /O=test -keyout key.pem -out csr.pem && "
		"printf 'subjectAltName=IP:%s\\nextendedKeyUsage=serverAuth,clientAuth\\n' >ext && "
		"openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial "
		"-days 2 -extfile ext -out cert.pem",
		c->dir, c->host);
	run_shell(command);
}

static void member_argv(struct cluster *c, int i, char store[][320], char **argv, const char *all) {
	int n = 0, t = 0;
#define ARG(...) (snprintf(store[t], 320, __VA_ARGS__), argv[n++] = store[t++])
	ARG("etcd");
	ARG("--name=m%d", i);
	ARG("--data-dir=%s/m%d", c->dir, i);
	ARG("--listen-client-urls=%s", c->urls[i]);
	ARG("--advertise-client-urls=%s", c->urls[i]);
	ARG("--listen-peer-urls=http://%s:%d", c->host, PEER_PORT + i);
	ARG("--initial-advertise-peer-urls=http://%s:%d", c->host, PEER_PORT + i);
	ARG("--initial-cluster=%s", all);
	ARG("--heartbeat-interval=20");
	ARG("--election-timeout=200");
	ARG("--log-level=error");
	ARG("--auth-token-ttl=2");
	if (c->tls) {
		ARG("--client-cert-auth");
		ARG("--trusted-ca-file=%s", c->ca);
		ARG("--cert-file=%s", c->cert);
		ARG("--key-file=%s", c->key);
	}
#undef ARG
	argv[n] = NULL;
}

void member_start(struct cluster *c, int i) {
	char store[20][320], *argv[20], all[256], log[128];
	snprintf(all, sizeof all, "m0=http://%s:%d,m1=http://%s:%d,m2=http://%s:%d", c->host,
	         PEER_PORT, c->host, PEER_PORT + 1, c->host, PEER_PORT + 2);
	snprintf(log, sizeof log, "%s/m%d.log", c->dir, i);
	member_argv(c, i, store, argv, all);
	pid_t parent = getpid();
	c->pids[i] = fork();
	assert_true(c->pids[i] >= 0);
	if (c->pids[i] > 0) return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) _exit(1);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) _exit(2);
	execvp("etcd", argv);
	_exit(127);
}

void member_signal(struct cluster *c, int i, int signal_number) {
	assert_true(c->pids[i] > 0);
	kill(c->pids[i], signal_number);
}

void member_kill(struct cluster *c, int i) {
	if (!c->pids[i]) return;
	kill(c->pids[i], SIGCONT);
	kill(c->pids[i], SIGKILL);
	waitpid(c->pids[i], NULL, 0);
	c->pids[i] = 0;
}

/* --- requests of the test's own -------------------------------------------------------------- */

struct request {
	struct fetch_call call;
	struct cluster *cluster;
	enum err err;
	int status;
};

static void on_request_done(struct fetch_call *call, enum err err, int status, struct slice body) {
	struct request *r = CONTAINER_OF(call, struct request, call);
	r->err = err;
	r->status = status;
	buf_reset(&r->cluster->said);
	if (!err) assert_int_equal(buf_append_slice(&r->cluster->said, body), ERR_OK);
	io_stop(r->cluster->io);
}

/* The answer is in c->said. */
bool cluster_ask(struct cluster *c, int member, const char *path, const char *body) {
	char url[128];
	struct http_header fields[] = {{SLICE_LIT("Authorization"), slice_str(c->token)}};
	struct request r = {.cluster = c};
	snprintf(url, sizeof url, "%s%s", c->urls[member], path);
	r.call = (struct fetch_call){.url = url,
	                             .fields = fields,
	                             .field_count = *c->token ? 1 : 0,
	                             .body = slice_str(body),
	                             .timeout_ns = 2000000000u,
	                             .done = on_request_done};
	assert_int_equal(fetch_start(c->fetch, &r.call), ERR_OK);
	io_run(c->io);
	return r.err == ERR_OK && r.status == 200;
}

const char *cluster_said(struct cluster *c) {
	const char *text = "";
	enum err e = buf_cstr(&c->said, &text);
	return e ? "" : text;
}

/* The number behind "name":" in what was said last. */
uint64_t cluster_number(struct cluster *c, const char *name) {
	char word[64];
	snprintf(word, sizeof word, "\"%s\":\"", name);
	const char *at = strstr(cluster_said(c), word);
	if (!at) return 0;
	return strtoull(at + strlen(word), NULL, 10);
}

static bool member_serves(struct cluster *c, int i) {
	return cluster_ask(c, i, "/v3/kv/range", "{\"key\":\"AA==\"}") ||
	       strstr(cluster_said(c), "user name is empty");
}

void cluster_await(struct cluster *c) {
	for (int i = 0; i < MEMBERS; i++) {
		int tries = 0;
		while (c->pids[i] && !member_serves(c, i)) {
			if (++tries == 600) fail_msg("etcd did not come up: see %s", c->dir);
			usleep(25000);
		}
	}
}

/* The member that leads; -1: none. */
int cluster_leader(struct cluster *c) {
	for (int i = 0; i < MEMBERS; i++) {
		if (!c->pids[i] || !cluster_ask(c, i, "/v3/maintenance/status", "{}")) continue;
		if (cluster_number(c, "leader") == cluster_number(c, "member_id")) return i;
	}
	return -1;
}

void cluster_must(struct cluster *c, const char *path, const char *body) {
	if (!cluster_ask(c, 0, path, body)) fail_msg("%s: %s", path, cluster_said(c));
}

/* root, and a user `holdfast` that may use the prefix /holdfast/ alone. */
void cluster_enable_users(struct cluster *c) {
	cluster_must(c, "/v3/auth/user/add", "{\"name\":\"root\",\"password\":\"r\"}");
	cluster_must(c, "/v3/auth/role/add", "{\"name\":\"root\"}");
	cluster_must(c, "/v3/auth/user/grant", "{\"user\":\"root\",\"role\":\"root\"}");
	cluster_must(c, "/v3/auth/user/add", "{\"name\":\"holdfast\",\"password\":\"pass word\"}");
	cluster_must(c, "/v3/auth/role/add", "{\"name\":\"holdfast\"}");
	/* key "/holdfast/", range_end "/holdfast0" */
	cluster_must(c, "/v3/auth/role/grant",
	             "{\"name\":\"holdfast\",\"perm\":{\"permType\":\"READWRITE\","
	             "\"key\":\"L2hvbGRmYXN0Lw==\",\"range_end\":\"L2hvbGRmYXN0MA==\"}}");
	cluster_must(c, "/v3/auth/user/grant", "{\"user\":\"holdfast\",\"role\":\"holdfast\"}");
	cluster_must(c, "/v3/auth/enable", "{}");
}

void cluster_start(struct cluster *c, bool tls) {
	*c = (struct cluster){.tls = tls};
	pid_t id = getpid();
	snprintf(c->host, sizeof c->host, "127.%d.%d.%d", 1 + (id >> 16 & 127), id >> 8 & 255,
	         1 + id % 253);
	snprintf(c->dir, sizeof c->dir, "/tmp/holdfast-etcd-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	if (tls) cluster_make_keys(c);
	for (int i = 0; i < MEMBERS; i++) {
		snprintf(c->urls[i], sizeof c->urls[i], "%s://%s:%d", tls ? "https" : "http",
		         c->host, CLIENT_PORT + i);
		c->endpoints[i] = c->urls[i];
	}
	c->io = io_uv_new();
	buf_init(&c->said, 1 << 20);
	struct fault fault = {0};
	struct fetch_options o = {.ca = tls ? c->ca : NULL,
	                          .cert = tls ? c->cert : NULL,
	                          .key = tls ? c->key : NULL,
	                          .connections_max = 8,
	                          .answer_max_bytes = 1 << 20};
	if (fetch_new(c->io, &o, &c->fetch, &fault) != ERR_OK) fail_msg("%s", fault.text);
	for (int i = 0; i < MEMBERS; i++) member_start(c, i);
	cluster_await(c);
}

void cluster_stop(struct cluster *c) {
	char command[128];
	for (int i = 0; i < MEMBERS; i++) member_kill(c, i);
	fetch_free(c->fetch);
	io_free(c->io);
	buf_done(&c->said);
	snprintf(command, sizeof command, "rm -rf %s", c->dir);
	run_shell(command);
}
