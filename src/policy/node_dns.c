/* Keys of holdfast.yaml for gdnsd: files, and the addresses that stand in one of them. */
#include "cel/cel_net.h"
#include "policy/node_private.h"

enum { NAME_MAX_BYTES = 253 };

/* An address, or a name in DNS: it becomes a key of gdnsd's own notation. */
static bool address_valid(struct slice s) {
	struct cel_net ip;
	if (cel_ip_parse(s, false, &ip)) return true;
	if (s.len == 0 || s.len > NAME_MAX_BYTES || s.ptr[0] == '.' || s.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i], lower = c | 0x20;
		bool word = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
		if (!word && c != '.' && c != '-' && c != '_') return false;
	}
	return true;
}

static bool known(const struct node_config *c, struct slice address) {
	for (int i = 0; i < c->dns.address_count; i++)
		if (slice_is(address, c->dns.addresses[i].address)) return true;
	return false;
}

static void read_address(struct doc *d, const struct doc_node *n, int region,
                         struct node_dns_address *all, struct node_config *c) {
	if (n->kind != DOC_SCALAR || !address_valid(n->text))
		doc_error(d, n, "found %s; expected an address or a name, such as 192.0.2.1",
		          doc_found(n).text);
	else if (known(c, n->text))
		doc_error(d, n, "%s stands twice; expected each address once", show(n->text).text);
	else if (c->dns.address_count == NODE_DNS_ADDRESSES_MAX)
		doc_error(d, n, "expected at most %d addresses in all", NODE_DNS_ADDRESSES_MAX);
	else
		all[c->dns.address_count++] =
			(struct node_dns_address){doc_keep(d, n->text), region};
}

static int region_named(const struct node_config *c, struct slice name) {
	for (int i = 0; i < c->region_count; i++)
		if (slice_is(name, c->regions[i].name)) return i;
	return -1;
}

static void read_addresses(struct doc *d, const struct doc_node *map, struct node_config *c) {
	static const struct field list = {.type = FIELD_SEQUENCE,
	                                  .expected = "a list of addresses"};
	struct node_dns_address *all = arena_alloc(d->keep, NODE_DNS_ADDRESSES_MAX * sizeof *all);
	if (!all) {
		d->no_memory = true;
		return;
	}
	c->dns.addresses = all;
	for (const struct doc_node *n = map->first; n; n = n->next) {
		const struct doc_node *addresses = NULL;
		int region = region_named(c, n->key);
		if (region < 0)
			doc_error_key(d, n, "%s is no region; expected regions of this file",
			              show(n->key).text);
		if (!doc_read_value(d, n, &list, &addresses)) continue;
		for (const struct doc_node *a = addresses->first; a; a = a->next)
			read_address(d, a, region, all, c);
	}
}

void node_dns_read(struct doc *d, const struct node_mouths_source *s, struct node_config *c) {
	const struct doc_node *dns = doc_child(d->root, "dns");
	if (s->dns_addresses) read_addresses(d, s->dns_addresses, c);
	if (!dns) return;
	if (!*c->dns.admin_state && !*c->dns.extfile)
		doc_error_key(d, dns, "names no file; expected admin_state, extfile, or both");
	if (!*c->dns.extfile != !s->dns_addresses)
		doc_error_key(d, dns, "expected extfile and addresses together, or neither");
}
