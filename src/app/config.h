/* Both files of a node, loaded, checked and with their paths resolved. Shared by serve,
 * check and whoever needs to know where regions listen. */
#pragma once
#include "policy/node.h"

struct config {
	struct node_config *node;
	struct policy *policy;
	char policy_path[1024];
	char dns_state[1024], dns_extfile[1024]; /* "": none */
	char recordings[1024];               /* "": none */
	/* What a node knows of the whole cluster, policies and tenants, is not among its tenants' data:
	 * beside it, in DATA.state. */
	char data[1024], state[1032], coordination[1024]; /* resolved against the node file's directory */
	char etcd_ca[1024], etcd_cert[1024], etcd_key[1024]; /* likewise; "": none */
	char etcd_password[256];
	uint8_t secret[64];                  /* the cluster's; secret_len bytes */
	size_t secret_len;
};
/* Says every mistake on standard error as file:line:column. ERR_INVALID then; ERR_NOT_FOUND and
 * so on when a file cannot be read. `c` must be freed with config_done either way. */
MUST enum err config_load(const char *path, struct config *c);
void config_done(struct config *c);
/* Reads `path` relative to the directory of `base` unless it is absolute. */
void path_resolve(const char *base, const char *path, char out[1024]);
/* One policy.yaml; as above. policy_free(*out), which is NULL after an error. */
MUST enum err config_load_policy(const char *path, struct policy **out);
/* A whole file of at most 64 MiB, "-": standard input; says what is wrong. buf_done either way. */
struct buf;
MUST enum err config_read_file(const char *path, struct buf *out);
/* Says one mistake on standard error; as `report` of all that loads YAML. arg: int * that counts. */
void config_say(void *arg, const struct policy_error *e);
/* One policy.yaml (has `tenants` or `cells`) or node file by itself; for check. */
MUST enum err config_check_file(const char *path);
