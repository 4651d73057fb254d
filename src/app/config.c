/* Loads holdfast.yaml and the policy that it names. */
#include "app/config.h"
#include "app/command.h"
#include "base/buf.h"
#include "io/files.h"

#include <stdio.h>

enum { FILE_MAX = 64 << 20, SECRET_MIN = 16, ZONE_NAME_MAX = 64 };

void config_say(void *arg, const struct policy_error *e) {
	int *count = arg;
	(*count)++;
	fprintf(stderr, "%s:%d:%d: %s\n", e->file, e->line, e->column, e->text);
}

void path_resolve(const char *base, const char *path, char out[1024]) {
	const char *slash = strrchr(base, '/');
	int dir = slash ? (int)(slash - base + 1) : 0;
	if (path[0] == '/') dir = 0;
	if (snprintf(out, 1024, "%.*s%s", dir, base, path) >= 1024) out[0] = 0;
}

static enum err read_stdin(struct buf *out) {
	uint8_t *room;
	size_t got = 1;
	enum err e = ERR_OK;
	while (!e && got > 0) {
		e = buf_reserve(out, 1 << 16, &room);
		got = e ? 0 : fread(room, 1, 1 << 16, stdin);
		if (!e) buf_commit(out, got);
	}
	return e;
}

enum err config_read_file(const char *path, struct buf *out) {
	buf_init(out, FILE_MAX);
	enum err e =
		strcmp(path, "-") == 0 ? read_stdin(out) : files_read_all(files_posix(), path, out);
	if (e)
		complain("%s: %s: check the path and its permissions", path,
		         e == ERR_NOT_FOUND ? "there is no such file" : err_text(e));
	return e;
}

#define ZONES "/usr/share/zoneinfo/"

static enum err read_zone(void *arg, const char *name, struct buf *tzif) {
	char path[sizeof(ZONES) + ZONE_NAME_MAX];
	snprintf(path, sizeof(path), ZONES "%s", name);
	return files_read_all(files_posix(), path, tzif);
}

enum err config_load_policy(const char *path, struct policy **out) {
	struct buf text;
	int mistakes = 0;
	*out = NULL;
	enum err e = config_read_file(path, &text);
	const struct policy_zones zones = {.read = read_zone};
	if (!e) e = policy_load_zoned(buf_slice(&text), path, &zones, config_say, &mistakes, out);
	buf_done(&text);
	return e;
}

static enum err load_node(const char *path, struct node_config **out) {
	struct buf text;
	int mistakes = 0;
	enum err e = config_read_file(path, &text);
	if (!e) e = node_config_load(buf_slice(&text), path, config_say, &mistakes, out);
	buf_done(&text);
	return e;
}

/* A secret in a file of its own, without the newline behind it. */
static enum err load_line(const char *path, const char *what_to_do, size_t min, size_t max,
                          uint8_t *out, size_t *len) {
	struct buf text;
	enum err e = config_read_file(path, &text);
	struct slice s = buf_slice(&text);
	while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r')) s.len--;
	if (!e && (s.len < min || s.len > max)) {
		complain("%s: it must have %zu to %zu bytes: %s", path, min, max, what_to_do);
		e = ERR_INVALID;
	}
	if (!e) memcpy(out, s.ptr, s.len);
	*len = e ? 0 : s.len;
	buf_done(&text);
	return e;
}

static void resolve_optional(const char *base, const char *path, char out[1024]) {
	if (*path) path_resolve(base, path, out);
}

/* What would fail only when etcd is asked is better said now. */
static enum err resolve_pem(const char *base, const char *path, char out[1024]) {
	struct buf text;
	if (!*path) return ERR_OK;
	path_resolve(base, path, out);
	enum err e = config_read_file(out, &text);
	if (!e && !memmem(buf_slice(&text).ptr, text.len, "-----BEGIN ", 11)) {
		complain("%s: it is no PEM file, which has a line that begins with -----BEGIN: "
		         "check the path",
		         out);
		e = ERR_INVALID;
	}
	buf_done(&text);
	return e;
}

static enum err load_etcd(const char *path, struct config *c) {
	const struct node_etcd *etcd = &c->node->etcd;
	char file[1024];
	size_t len;
	enum err e = resolve_pem(path, etcd->ca, c->etcd_ca);
	if (!e) e = resolve_pem(path, etcd->cert, c->etcd_cert);
	if (!e) e = resolve_pem(path, etcd->key, c->etcd_key);
	if (e || !*etcd->password_file) return e;
	path_resolve(path, etcd->password_file, file);
	return load_line(file, "put the password of etcd's user there", 1,
	                 sizeof(c->etcd_password) - 1, (uint8_t *)c->etcd_password, &len);
}

enum err config_load(const char *path, struct config *c) {
	char file[1024];
	int mistakes = 0;
	memset(c, 0, sizeof(*c));
	enum err e = load_node(path, &c->node);
	if (e) return e;
	path_resolve(path, c->node->policy, c->policy_path);
	e = config_load_policy(c->policy_path, &c->policy);
	if (!e) e = node_config_check(c->node, path, c->policy, config_say, &mistakes);
	if (e) return e;
	resolve_optional(path, c->node->data, c->data);
	if (!*c->data) path_resolve(path, c->node->region, file); /* a witness */
	snprintf(c->state, sizeof c->state, "%s.state", *c->data ? c->data : file);
	resolve_optional(path, c->node->coordination, c->coordination);
	resolve_optional(path, c->node->dns.admin_state, c->dns_state);
	resolve_optional(path, c->node->dns.extfile, c->dns_extfile);
	resolve_optional(path, c->node->recording.dir, c->recordings);
	path_resolve(path, c->node->secret_file, file);
	e = load_etcd(path, c);
	return e ? e
	         : load_line(file, "make one with: openssl rand -hex 32", SECRET_MIN,
	                     sizeof(c->secret), c->secret, &c->secret_len);
}

void config_done(struct config *c) {
	node_config_free(c->node);
	policy_free(c->policy);
	memset(c, 0, sizeof(*c));
}

/* A node file has `cluster:` at the start of a line; a policy has not. */
static bool is_node_file(struct slice text) {
	while (text.len) {
		struct slice line = slice_cut(&text, '\n');
		if (slice_starts(line, SLICE_LIT("cluster:"))) return true;
	}
	return false;
}

enum err config_check_file(const char *path) {
	struct buf text;
	enum err e = config_read_file(path, &text);
	bool node = !e && is_node_file(buf_slice(&text));
	buf_done(&text);
	if (e) return e;
	if (node) {
		struct config c;
		e = config_load(path, &c);
		config_done(&c);
		return e;
	}
	struct policy *p = NULL;
	e = config_load_policy(path, &p);
	policy_free(p);
	return e;
}
