/* Keys of holdfast.yaml that say which proxies to believe, who may ask for decisions, and
 * where else they are told and written. */
#include <math.h>

#include "cel/cel_net.h"
#include "policy/key.h"
#include "policy/load.h"
#include "policy/node_private.h"

bool node_header_valid(struct slice name) {
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!word && c != '-' && c != '_') return false;
	}
	return name.len > 0;
}

/* Room for a list's entries; NULL, and noted, when it is too long. */
static void *list_room(struct doc *d, const struct doc_node *list, uint32_t max, size_t size) {
	if (list->count > max) {
		doc_error_key(d, list, "%u entries; expected at most %u", list->count, max);
		return NULL;
	}
	void *room = arena_alloc(d->keep, (list->count + 1) * size);
	if (!room) d->no_memory = true;
	return room;
}

static void read_proxies(struct doc *d, const struct doc_node *list, struct node_config *c) {
	struct cel_net *nets = list_room(d, list, NODE_PROXIES_MAX, sizeof *nets);
	if (!nets) return;
	c->trusted_proxies = nets;
	for (const struct doc_node *n = list->first; n; n = n->next) {
		struct cel_net *net = &nets[c->trusted_proxy_count];
		if (n->kind == DOC_SCALAR &&
		    (cel_cidr_parse(n->text, net) || cel_ip_parse(n->text, true, net)))
			c->trusted_proxy_count++;
		else
			doc_error(d, n,
			          "found %s; expected a network or an address, such as 10.0.0.0/8",
			          doc_found(n).text);
	}
}

static void read_keys(struct doc *d, const struct doc_node *list, struct node_config *c) {
	if (list->kind != DOC_SEQUENCE) {
		doc_error(d, list,
		          "found no list (not shown, it may be a key); expected a list of "
		          "\"sha256:\" and 64 digits 0-9 a-f");
		return;
	}
	uint8_t(*hashes)[32] = list_room(d, list, NODE_DECISION_KEYS_MAX, sizeof *hashes);
	if (!hashes) return;
	c->decision_keys = (const uint8_t(*)[32])hashes;
	for (const struct doc_node *n = list->first; n; n = n->next)
		c->decision_key_count += key_hash_read(d, n, hashes[c->decision_key_count]);
}

/* A port for each region. */
static void read_agent_check(struct doc *d, const struct doc_node *n, struct node_config *c) {
	node_address_read(d, n, &c->agent_check);
	if (c->agent_check.port + c->region_count > 65536)
		doc_error(d, n, "%d regions, one port each, from %u on; expected a lower port",
		          c->region_count, c->agent_check.port);
}

static void read_share(struct doc *d, const struct doc_node *n, struct node_config *c) {
	double share;
	if (load_number(n->text, 0.000001, 1, &share))
		c->recording.one_of = (uint32_t)lround(1 / share);
	else
		doc_error(d, n, "found %s; expected a share from 0.000001 to 1, such as 0.01",
		          doc_found(n).text);
}

static void read_headers(struct doc *d, const struct doc_node *list, struct node_config *c) {
	struct slice *names = list_room(d, list, NODE_RECORDED_HEADERS_MAX, sizeof *names);
	if (!names) return;
	c->recording.headers = names;
	for (const struct doc_node *n = list->first; n; n = n->next) {
		if (n->kind == DOC_SCALAR && node_header_valid(n->text))
			names[c->recording.header_count++] = slice_str(doc_keep(d, n->text));
		else
			doc_error(d, n,
			          "found %s; expected the name of a header in lower case, such as "
			          "x-plan",
			          doc_found(n).text);
	}
}

void node_mouths_read(struct doc *d, const struct node_mouths_source *s, struct node_config *c) {
	if (s->trusted_proxies) read_proxies(d, s->trusted_proxies, c);
	if (s->decision_keys) read_keys(d, s->decision_keys, c);
	if (s->agent_check) read_agent_check(d, s->agent_check, c);
	if (s->recording_share) read_share(d, s->recording_share, c);
	if (s->recording_headers) read_headers(d, s->recording_headers, c);
}
