/* The etcd of holdfast.yaml: where it is, whom it trusts, and what would make it useless or
 * unsafe. Knows no etcd: addresses and paths are texts. */
#include <stdio.h>

#include "policy/node_private.h"

enum { PREFIX_BYTES_MAX = 128, URL_BYTES_MAX = 300, PATH_BYTES_MAX = 4096, WORD_BYTES_MAX = 128 };

struct etcd_source {
	struct node_etcd etcd;
	const struct doc_node *endpoints;
};
#define AT(member) offsetof(struct etcd_source, member)
#define TEXT(name, member, most, what)                                                             \
	{                                                                                          \
		.key = name, .type = FIELD_TEXT, .offset = AT(etcd.member), .min = 1, .max = most, \
		.expected = what                                                                   \
	}

static bool prefix_valid(struct slice s) {
	if (s.len < 2 || s.ptr[0] != '/' || s.ptr[s.len - 1] != '/') return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i], lower = c | 0x20;
		bool word = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
		if (!word && c != '/' && c != '-' && c != '_' && c != '.') return false;
	}
	return true;
}

static const struct field etcd_fields[] = {
	{.key = "endpoints",
         .type = FIELD_SEQUENCE,
         .offset = AT(endpoints),
         .required = true,
         .expected = "a list such as [\"https://etcd-1:2379\", \"https://etcd-2:2379\"]"},
	{.key = "prefix",
         .type = FIELD_TEXT,
         .offset = AT(etcd.prefix),
         .min = 2,
         .max = PREFIX_BYTES_MAX,
         .check = prefix_valid,
         .expected = "what the keys begin with, from / to /, such as /holdfast/production/"},
	TEXT("ca", ca, PATH_BYTES_MAX, "the path of the certificates that sign etcd's"),
	TEXT("cert", cert, PATH_BYTES_MAX, "the path of this node's certificate"),
	TEXT("key", key, PATH_BYTES_MAX, "the path of its key"),
	TEXT("user", user, WORD_BYTES_MAX, "a user of etcd"),
	TEXT("password_file", password_file, PATH_BYTES_MAX, "the path of the user's password"),
	{.key = "timeout",
         .type = FIELD_DURATION,
         .offset = AT(etcd.timeout_ms),
         .min = 50,
         .max = 60000},
	{NULL},
};

/* --- endpoints --------------------------------------------------------------------------- */

/* http[s]://HOST:PORT and nothing behind it: no user, no path. */
static bool endpoint_valid(struct doc *d, struct slice s, bool *tls) {
	static const struct slice plain = SLICE_LIT("http://"), secure = SLICE_LIT("https://");
	struct slice host;
	uint64_t port;
	*tls = slice_starts(s, secure);
	size_t skip = *tls ? secure.len : plain.len;
	if ((!*tls && !slice_starts(s, plain)) || s.len > URL_BYTES_MAX) return false;
	struct slice rest = slice_of(s.ptr + skip, s.len - skip);
	return node_address_parse(rest, &host, &port);
}

static void read_endpoints(struct doc *d, const struct doc_node *list, struct node_etcd *out,
                           bool *tls) {
	if (list->count < 1 || list->count > NODE_ENDPOINTS_MAX) {
		doc_error_key(d, list, "%u endpoints; expected 1 to %d", list->count,
		              NODE_ENDPOINTS_MAX);
		return;
	}
	const char **urls = arena_alloc(d->keep, list->count * sizeof *urls);
	if (!urls) {
		d->no_memory = true;
		return;
	}
	out->endpoints = urls;
	for (const struct doc_node *n = list->first; n; n = n->next) {
		bool this_tls = false;
		if (n->kind != DOC_SCALAR || !endpoint_valid(d, n->text, &this_tls)) {
			doc_error(d, n, "found %s; expected https://HOST:PORT or http://HOST:PORT",
			          doc_found(n).text);
			continue;
		}
		if (out->endpoint_count && this_tls != *tls)
			doc_error(d, n,
			          "found %s among others; expected all https or all http: the "
			          "weakest is what protects nothing",
			          doc_found(n).text);
		*tls = this_tls;
		urls[out->endpoint_count++] = doc_keep(d, n->text);
	}
}

/* --- what goes together --------------------------------------------------------------------- */

static void check_pair(struct doc *d, const struct doc_node *section, const char *one,
                       const char *other) {
	const struct doc_node *a = doc_child(section, one), *b = doc_child(section, other);
	if (!a == !b) return;
	doc_error(d, a ? a : b, "found %s without %s; expected both or neither", a ? one : other,
	          a ? other : one);
}

static void check_plain(struct doc *d, const struct doc_node *section) {
	static const char *const guarded[] = {"ca", "cert", "key"};
	for (int i = 0; i < 3; i++) {
		const struct doc_node *n = doc_child(section, guarded[i]);
		if (n) doc_error(d, n, "the endpoints are http and use none; expected https");
	}
	const struct doc_node *user = doc_child(section, "user");
	if (user)
		doc_error(d, user,
		          "the endpoints are http: the password would be readable on its way; "
		          "expected https");
}

void node_etcd_read(struct doc *d, const struct doc_node *section, struct node_config *c) {
	bool tls = false;
	struct etcd_source s = {.etcd = c->etcd};
	s.etcd.timeout_ms = c->lease_length_ms;
	doc_read(d, section, etcd_fields, &s);
	if (s.endpoints) read_endpoints(d, s.endpoints, &s.etcd, &tls);
	check_pair(d, section, "cert", "key");
	check_pair(d, section, "user", "password_file");
	if (s.etcd.endpoint_count && !tls) check_plain(d, section);
	if (!*s.etcd.prefix) {
		char prefix[PREFIX_BYTES_MAX];
		int len = snprintf(prefix, sizeof prefix, "/holdfast/%s/", c->cluster);
		s.etcd.prefix = doc_keep(d, slice_of(prefix, (size_t)len));
	}
	c->etcd = s.etcd;
}
