/* Loading holdfast.yaml. The tables say what may stand in the file, node_defaults what
 * holds where nothing stands. May not know a file or a socket: paths and addresses are
 * texts here, resolved by the caller. */
#include "policy/node.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/parse.h"
#include "policy/doc.h"
#include "policy/node_private.h"

enum { NODE_ARENA_MAX = 16 << 20, PATH_MAX_BYTES = 4096, HOST_MAX = 253 };
#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define SECOND ((uint64_t)1000)
#define HOUR (3600 * SECOND)

/* What is read before it is checked; config first, so that the tables reach both. */
struct node_source {
	struct node_config config;
	uint64_t workers;
	int role; /* index in roles */
	struct node_region *room; /* of config.regions */
	const struct doc_node *regions, *region, *etcd, *witness;
	struct node_mouths_source mouths;
};

#define AT(member) offsetof(struct node_source, member)
#define NUMBER(name, member, low, high)                                                            \
	{ .key = name, .type = FIELD_NUMBER, .offset = AT(config.member), .min = low, .max = high }
#define TIME(name, member, low, high)                                                              \
	{                                                                                          \
		.key = name, .type = FIELD_DURATION, .offset = AT(config.member), .min = low,      \
		.max = high                                                                        \
	}
#define SIZE(name, member, low, high)                                                              \
	{ .key = name, .type = FIELD_SIZE, .offset = AT(config.member), .min = low, .max = high }
#define GROUP(name, table)                                                                         \
	{ .key = name, .type = FIELD_GROUP, .fields = table }
#define PATH(name, member, what)                                                                   \
	{                                                                                          \
		.key = name, .type = FIELD_TEXT, .offset = AT(config.member), .required = true,    \
		.min = 1, .max = PATH_MAX_BYTES, .expected = what                                  \
	}

static const struct field coordination_fields[] = {
	{.key = "file",
         .type = FIELD_TEXT,
         .offset = AT(config.coordination),
         .min = 1,
         .max = PATH_MAX_BYTES,
         .expected = "the path of the coordination file, shared by all regions"},
	{.key = "etcd",
         .type = FIELD_MAPPING,
         .offset = AT(etcd),
         .expected = "a mapping with endpoints, ca, ..."},
	{NULL},
};
static const struct field lease_fields[] = {
	TIME("length", lease_length_ms, 100, HOUR),
	TIME("renew", lease_renew_ms, 5, HOUR),
	{NULL},
};
static const struct field limit_fields[] = {
	NUMBER("connections", connections_max, 1, 1000000),
	SIZE("body", body_max_bytes, KIB, 64 * MIB),
	SIZE("unsent", unsent_max_bytes, MIB, 64 * GIB),
	SIZE("head", head_max_bytes, KIB, MIB),
	TIME("header_time", header_time_ms, 100, HOUR),
	SIZE("body_rate", body_rate_floor_bytes, 0, GIB),
	TIME("idle_time", idle_time_ms, SECOND, 24 * HOUR),
	{NULL},
};
static const struct field hold_fields[] = {
	NUMBER("requests", hold_requests, 0, 1000000),
	SIZE("bytes", hold_bytes, 0, 64 * GIB),
	TIME("time", hold_time_ms, 0, HOUR),
	{NULL},
};
static const struct field storage_fields[] = {
	SIZE("segment", segment_bytes, MIB, GIB),
	SIZE("min_free", min_free_bytes, 0, 1024 * GIB),
	SIZE("retain", retain_bytes, MIB, 1024 * GIB),
	{NULL},
};
static const struct field dns_fields[] = {
	{.key = "admin_state",
         .type = FIELD_TEXT,
         .offset = AT(config.dns_state),
         .required = true,
         .min = 1,
         .max = PATH_MAX_BYTES,
         .expected = "the path of gdnsd's admin_state file"},
	{NULL},
};
#define DATA_EXPECTED "the directory of this node's data"
static const char *const roles[] = {"region", "witness", NULL};
static const struct field node_fields[] = {
	{.key = "cluster", .type = FIELD_NAME, .offset = AT(config.cluster), .required = true},
	{.key = "region",
         .type = FIELD_SCALAR,
         .offset = AT(region),
         .required = true,
         .expected = "one of the regions below: the one this node runs in"},
	{.key = "data",
         .type = FIELD_TEXT,
         .offset = AT(config.data),
         .min = 1,
         .max = PATH_MAX_BYTES,
         .expected = DATA_EXPECTED},
	PATH("policy", policy, "the path of policy.yaml"),
	{.key = "coordination",
         .type = FIELD_GROUP,
         .fields = coordination_fields,
         .required = true,
         .expected = "a mapping such as {file: coordination}"},
	PATH("secret_file", secret_file, "the path of the secret that the regions share"),
	{.key = "regions",
         .type = FIELD_MAPPING,
         .offset = AT(regions),
         .required = true,
         .expected = "every region of the policy with its addresses"},
	{.key = "workers", .type = FIELD_NUMBER, .offset = AT(workers), .min = 0, .max = 256},
	{.key = "role", .type = FIELD_CHOICE, .offset = AT(role), .choices = roles},
	{.key = "witness", .type = FIELD_MAPPING, .offset = AT(witness)},
	GROUP("lease", lease_fields),
	GROUP("limits", limit_fields),
	GROUP("hold", hold_fields),
	GROUP("storage", storage_fields),
	NUMBER("decisions", decisions_kept, 0, 1 << 20),
	{.key = "trusted_proxies",
         .type = FIELD_SEQUENCE,
         .offset = AT(mouths.trusted_proxies),
         .expected = "a list of networks, such as [10.0.0.0/8]"},
	{.key = "country_header",
         .type = FIELD_TEXT,
         .offset = AT(config.country_header),
         .min = 1,
         .max = 64,
         .check = node_header_valid,
         .expected = "the name of a header in lower case, such as cf-ipcountry"},
	{.key = "decision_keys", .type = FIELD_ANY, .offset = AT(mouths.decision_keys)},
	{.key = "agent_check",
         .type = FIELD_SCALAR,
         .offset = AT(mouths.agent_check),
         .expected = "HOST:PORT of the first region, such as \"127.0.0.1:7501\""},
	GROUP("dns", dns_fields),
	{NULL},
};

static void node_defaults(struct node_source *s) {
	struct node_config *c = &s->config;
	s->workers = 1;
	c->lease_length_ms = 600;
	c->lease_renew_ms = 100;
	c->connections_max = 10000;
	c->body_max_bytes = 4 * MIB;
	c->unsent_max_bytes = 256 * MIB;
	c->head_max_bytes = 16 * KIB;
	c->header_time_ms = 10 * SECOND;
	c->body_rate_floor_bytes = KIB;
	c->idle_time_ms = 75 * SECOND;
	c->hold_requests = 1024;
	c->hold_bytes = 64 * MIB;
	c->hold_time_ms = 10 * SECOND;
	c->segment_bytes = 16 * MIB;
	c->min_free_bytes = 64 * MIB;
	c->retain_bytes = 256 * MIB;
	c->decisions_kept = 1024;
	c->country_header = c->dns_state = c->coordination = "";
	c->etcd = (struct node_etcd){.prefix = "",
	                             .ca = "",
	                             .cert = "",
	                             .key = "",
	                             .user = "",
	                             .password_file = ""};
}

/* --- addresses ------------------------------------------------------------------------ */

static bool host_valid(struct slice host) {
	if (host.len == 0 || host.len > HOST_MAX) return false;
	for (size_t i = 0; i < host.len; i++) {
		uint8_t c = host.ptr[i], lower = c | 0x20;
		bool word = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
		if (!word && c != '.' && c != '-' && c != ':') return false;
	}
	return true;
}

/* "127.0.0.1:7101", "[::1]:7101", "edge-1.example:7101" */
bool node_address_parse(struct slice text, struct slice *host, uint64_t *port) {
	struct slice rest = text;
	bool bracket = slice_starts(text, SLICE_LIT("["));
	if (bracket) {
		rest = slice_of(text.ptr + 1, text.len - 1);
		*host = slice_cut(&rest, ']');
		if (!slice_starts(rest, SLICE_LIT(":"))) return false;
		rest = slice_of(rest.ptr + 1, rest.len - 1);
	} else {
		*host = slice_cut(&rest, ':');
	}
	bool colons = host->len && memchr(host->ptr, ':', host->len);
	return host_valid(*host) && colons == bracket && parse_u64(rest, 65535, port) == ERR_OK &&
	       *port > 0;
}

struct region_source {
	const struct doc_node *http, *admin, *replication;
};
#define ADDRESS(name)                                                                              \
	{                                                                                          \
		.key = #name, .type = FIELD_SCALAR,                                                \
		.offset = offsetof(struct region_source, name), .required = true,                  \
		.expected = "HOST:PORT, such as \"127.0.0.1:7101\""                                \
	}
static const struct field region_fields[] = {
	ADDRESS(http),
	ADDRESS(admin),
	ADDRESS(replication),
	{NULL},
};

void node_address_read(struct doc *d, const struct doc_node *n, struct node_address *out) {
	struct slice host;
	uint64_t port;
	out->host = "";
	if (!n) return;
	if (!node_address_parse(n->text, &host, &port)) {
		doc_error(d, n,
		          "found %s; expected HOST:PORT, such as \"127.0.0.1:7101\" or "
		          "\"[::1]:7101\", port 1 to 65535",
		          doc_found(n).text);
		return;
	}
	out->host = doc_keep(d, host);
	out->port = (uint16_t)port;
}

/* Two listeners of one address would fight, or one region would answer for another. */
static void check_addresses(struct doc *d, const struct doc_node *section) {
	struct map seen;
	map_init(&seen, d->seed);
	for (const struct doc_node *r = section->first; r; r = r->next) {
		for (const struct doc_node *a = r->first; a; a = a->next) {
			if (a->kind != DOC_SCALAR || a->text.len == 0) continue;
			const struct doc_node *other = map_get(&seen, a->text);
			if (other)
				doc_error(d, a,
				          "%s is used in line %u already; expected an address of "
				          "its own",
				          show(a->text).text, other->line);
			else if (map_put(&seen, a->text, (void *)(uintptr_t)a))
				d->no_memory = true;
		}
	}
	map_done(&seen);
}

/* --- the file as a whole ---------------------------------------------------------------- */

static void load_node_regions(struct doc *d, struct node_source *s, struct node_private *own) {
	static const struct field entry = {.type = FIELD_MAPPING};
	const struct doc_node *section = s->regions;
	own->section = (struct node_position){section->key_line, section->key_column};
	if (section->count == 0 || section->count > POLICY_REGIONS_MAX) {
		doc_error_key(d, section, "%u regions; expected 1 to %d", section->count,
		              POLICY_REGIONS_MAX);
		return;
	}
	/* One more: the witness. */
	struct node_region *regions =
		arena_alloc(d->keep, (section->count + 1) * sizeof *regions);
	own->regions = arena_alloc(d->keep, section->count * sizeof *own->regions);
	if (!regions || !own->regions) {
		d->no_memory = true;
		return;
	}
	s->config.regions = s->room = regions;
	for (const struct doc_node *c = section->first; c; c = c->next) {
		int index = s->config.region_count++;
		own->regions[index] = (struct node_position){c->key_line, c->key_column};
		doc_check_name(d, c);
		regions[index].name = doc_keep(d, c->key);
		if (s->region && slice_eq(s->region->text, c->key)) s->config.self = index;
		const struct doc_node *map = NULL;
		if (!doc_read_value(d, c, &entry, &map)) continue;
		struct region_source source = {NULL};
		doc_read(d, map, region_fields, &source);
		node_address_read(d, source.http, &regions[index].http);
		node_address_read(d, source.admin, &regions[index].admin);
		node_address_read(d, source.replication, &regions[index].replication);
	}
	check_addresses(d, section);
}

static void load_coordination(struct doc *d, struct node_source *s) {
	const struct doc_node *section = doc_child(d->root, "coordination");
	bool file = *s->config.coordination;
	if (!section || section->kind != DOC_MAPPING) return; /* said already */
	if (file && s->etcd)
		doc_error(d, s->etcd, "there is a file, too; expected one of the two");
	else if (!doc_child(section, "file") && !s->etcd)
		doc_error_key(d, section,
		              "found nothing; expected {file: PATH} for regions on one machine, or "
		              "{etcd: {endpoints: ["
		              "...]}}");
	if (s->etcd && s->config.cluster) node_etcd_read(d, s->etcd, &s->config);
}

static void check_lease(struct doc *d, const struct node_config *c) {
	if (c->lease_renew_ms <= c->lease_length_ms / 3) return;
	const struct doc_node *lease = doc_child(d->root, "lease"), *at = doc_child(lease, "renew");
	doc_error(d, at ? at : lease,
	          "renewed every %llums, a lease of %llums is lost with one or two late renewals; "
	          "expected renew to be at most a third of length",
	          (unsigned long long)c->lease_renew_ms, (unsigned long long)c->lease_length_ms);
}

static void load_node(struct doc *d, struct node_source *s, struct node_private *own) {
	if (!d->root || doc_null(d->root)) {
		mistake_add(&d->mistakes, 1, 1,
		            "the file is empty; expected the configuration of a node");
		return;
	}
	if (d->root->kind != DOC_MAPPING) {
		doc_error(d, d->root,
		          "found %s; expected a mapping with cluster, region, regions ...",
		          doc_found(d->root).text);
		return;
	}
	node_defaults(s);
	doc_read(d, d->root, node_fields, s);
	s->config.workers = (int)s->workers;
	s->config.self = -1;
	if (s->regions) load_node_regions(d, s, own);
	load_coordination(d, s);
	node_mouths_read(d, &s->mouths, &s->config);
	if (s->region) s->config.region = doc_keep(d, s->region->text);
	if (s->room)
		node_witness_read(d, s->witness, s->role, s->region, s->room, &s->config);
	if (!s->config.data && !s->config.is_witness && !doc_child(d->root, "data"))
		doc_error_key(d, d->root,
		              "the key 'data' is missing; expected " DATA_EXPECTED);
	if (!s->config.data) s->config.data = "";
	if (s->region && s->regions && s->config.self < 0)
		doc_error_reference(d, s->region, "region", s->regions);
	check_lease(d, &s->config);
}

enum err node_config_load(struct slice yaml, const char *file,
                          void (*report)(void *arg, const struct policy_error *e), void *arg,
                          struct node_config **out) {
	*out = NULL;
	struct node_source source = {.config = {.region = ""}};
	struct node_private *own = calloc(1, sizeof *own);
	struct node_config *c = calloc(1, sizeof *c);
	struct doc *d = calloc(1, sizeof *d);
	if (!own || !c || !d) {
		free(own);
		free(c);
		free(d);
		return ERR_NO_MEMORY;
	}
	uint8_t hash[SHA256_BYTES];
	uint64_t seed[2];
	sha256(&yaml, 1, hash);
	memcpy(seed, hash, sizeof seed);
	arena_init(&own->arena, NODE_ARENA_MAX);
	doc_init(d, file, &own->arena, seed);
	enum err parsed = doc_parse(d, yaml);
	if (!parsed) load_node(d, &source, own);
	enum err e = doc_finish(d, report, arg);
	if (parsed) e = parsed;
	doc_done(d);
	free(d);
	*c = source.config;
	c->private = own;
	if (e)
		node_config_free(c);
	else
		*out = c;
	return e;
}

void node_config_free(struct node_config *c) {
	if (!c) return;
	arena_done(&c->private->arena);
	free(c->private);
	free(c);
}
