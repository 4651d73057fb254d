/* Writes a playground's sample policy, keys and node files. */
#include "app/playground_files.h"
#include "app/command.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "io/files.h"
#include "io/io.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const tenants[] = {"acme", "globex", "initech"};
enum { TENANT_COUNT = 3, KEY_RANDOM_BYTES = 20 };

static const char policy_text[] =
	"# What runs where. Check an edit with: holdfast check policy.yaml\n"
	"regions:\n"
	"  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
	"  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
	"  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"
	"  eu-central: {jurisdiction: eu, location: [50.1, 8.7]}\n"
	"\n"
	"# Whose disks may hold a tenant's bytes. transit: may other regions' edges pass requests "
	"on?\n"
	"residency:\n"
	"  us: {regions: [us-east, us-west], transit: allow}\n"
	"  eu: {regions: [eu-west, eu-central], transit: allow}\n"
	"  global: {regions: all}\n"
	"\n"
	"# Copies in order of succession: the first is the preferred home.\n"
	"cells:\n"
	"  us-1: {replicas: [us-east, us-west], mode: sync, copies: 2, on_partition: "
	"availability}\n"
	"  eu-1: {replicas: [eu-west, eu-central], mode: sync, copies: 2, on_partition: "
	"availability}\n"
	"  global-1: {replicas: [us-east, eu-west, us-west, eu-central], mode: async}\n"
	"\n"
	"tenants:\n"
	"  acme: {residency: us, cell: us-1, tier: gold, country: US, consistency: session, keys: "
	"[\"sha256:%s\"]}\n"
	"  globex: {residency: eu, cell: eu-1, tier: gold, country: DE, consistency: session, "
	"keys: [\"sha256:%s\"]}\n"
	"  initech: {residency: global, cell: global-1, tier: free, consistency: session, keys: "
	"[\"sha256:%s\"]}\n";

static bool exists(const char *path) {
	struct file *f;
	if (files_posix()->ops->open(files_posix(), path, FILE_READ, &f) != ERR_OK) return false;
	files_posix()->ops->close(f);
	return true;
}

static void random_hex(struct io *io, size_t bytes, char *out) {
	uint8_t raw[64];
	io_random(io, raw, bytes);
	hex_encode(slice_of(raw, bytes), out);
	out[2 * bytes] = 0;
}

static enum err write_secret(const struct place *p, struct io *io) {
	char path[1024], hex[80];
	place_path(p, path, "cluster.secret");
	if (exists(path)) return ERR_OK;
	random_hex(io, 32, hex);
	return place_write(path, hex);
}

/* Keys and the policy that has their hashes belong together: both or none are made, and a policy
 * that somebody may have edited is never written over. */
static enum err write_policy(const struct place *p, struct io *io) {
	char keys_path[1024], policy_path[1024], hashes[TENANT_COUNT][65] = {{0}};
	place_path(p, keys_path, "keys.json");
	place_path(p, policy_path, "policy.yaml");
	if (exists(policy_path)) {
		if (exists(keys_path)) return ERR_OK;
		complain("%s: it is gone, and %s has only hashes of the keys: put it back, or "
		         "remove "
		         "policy.yaml to have both made anew",
		         keys_path, policy_path);
		return ERR_NOT_FOUND;
	}
	json_t *keys = json_object();
	for (int i = 0; i < TENANT_COUNT; i++) {
		char random[2 * KEY_RANDOM_BYTES + 1], key[80];
		uint8_t digest[SHA256_BYTES];
		random_hex(io, KEY_RANDOM_BYTES, random);
		snprintf(key, sizeof(key), "hf_%s_%s", tenants[i], random);
		struct slice part = slice_str(key);
		sha256(&part, 1, digest);
		hex_encode(slice_of(digest, sizeof(digest)), hashes[i]);
		json_object_set_new(keys, tenants[i], json_string(key));
	}
	char policy[sizeof(policy_text) + TENANT_COUNT * 65];
	snprintf(policy, sizeof(policy), policy_text, hashes[0], hashes[1], hashes[2]);
	char *text = json_dumps(keys, JSON_INDENT(2));
	json_decref(keys);
	enum err e = text ? place_write(keys_path, text) : ERR_NO_MEMORY;
	free(text);
	return e ? e : place_write(policy_path, policy);
}

/* Prefixed with the ports, so that playgrounds may share an etcd. */
static enum err put_coordination(struct buf *out, const struct place *p, const char *etcd) {
	if (!etcd) return buf_append_str(out, "coordination: {file: coordination}\n");
	enum err e = buf_printf(out,
	                        "coordination: {etcd: {prefix: /holdfast/playground-%u/, "
	                        "endpoints: [",
	                        p->port_base);
	for (struct slice rest = slice_str(etcd); !e && rest.len;) {
		struct slice url = slice_cut(&rest, ',');
		e = buf_printf(out, "\"" SLICE_FMT "\"%s", SLICE_ARG(url), rest.len ? ", " : "");
	}
	return e ? e : buf_append_str(out, "]}}\n");
}

static enum err write_node(const struct place *p, int region, const char *etcd) {
	char path[1024];
	struct buf text;
	buf_init(&text, 1 << 16);
	place_path(p, path, "%s.yaml", p->regions[region]);
	enum err e = buf_printf(&text,
	                        "cluster: playground\nregion: %s\ndata: %s\npolicy: policy.yaml\n"
	                        "secret_file: cluster.secret\nworkers: 1\n"
	                        "storage: {segment: 4MiB, min_free: 16MiB}\n",
	                        p->regions[region], p->regions[region]);
	if (!e) e = put_coordination(&text, p, etcd);
	if (!e) e = buf_append_str(&text, "regions:\n");
	for (int i = 0; !e && i < p->region_count; i++)
		e = buf_printf(&text,
		               "  %s: {http: \"127.0.0.1:%d\", admin: \"127.0.0.1:%d\", "
		               "replication: \"127.0.0.1:%d\"}\n",
		               p->regions[i], p->port_base + 1 + i, p->port_base + 101 + i,
		               p->port_base + 201 + i);
	const char *s = NULL;
	if (!e) e = buf_cstr(&text, &s);
	if (!e) e = place_write(path, s);
	buf_done(&text);
	return e;
}

enum err playground_files(struct place *p, const char *etcd) {
	struct io *io = io_uv_new();
	if (!io) return ERR_NO_MEMORY;
	enum err e = write_secret(p, io);
	if (!e) e = write_policy(p, io);
	io_free(io);
	/* Written each time: the ports may be others than last time. */
	for (int i = 0; !e && i < p->region_count; i++) e = write_node(p, i, etcd);
	return e;
}
