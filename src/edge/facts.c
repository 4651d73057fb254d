/* What decide() is told of a request beside its tenant: who sent it from where, with which
 * headers. Everything is borrowed from the exchange. */
#include "edge/edge_private.h"
#include "policy/client.h"

/* Rules may ask for any header but the one that is a secret. */
static bool is_fact(const struct http_header *h) {
	return h->id != FIELD_AUTHORIZATION && h->id != FIELD_X_CLIENT_AUTHORIZATION;
}

/* A name in lower case: conditions are written so. */
static struct slice lowered(struct arena *a, const struct http_header *h) {
	if (h->id != FIELD_OTHER) return http_field_name(h->id);
	uint8_t *p = arena_alloc(a, h->name.len);
	for (size_t i = 0; p && i < h->name.len; i++) {
		uint8_t c = h->name.ptr[i];
		p[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	return slice_of(p, p ? h->name.len : 0);
}

static void read_headers(struct http_exchange *x, struct decide_request *ask) {
	const struct http1_head *head = http_exchange_head(x);
	struct arena *a = http_exchange_arena(x);
	struct decide_header *all = arena_alloc(a, (size_t)head->header_count * sizeof(*all));
	if (!all) return;
	int n = 0;
	for (int i = 0; i < head->header_count; i++) {
		const struct http_header *h = &head->headers[i];
		if (is_fact(h)) all[n++] = (struct decide_header){lowered(a, h), h->value};
	}
	ask->headers = all;
	ask->header_count = n;
}

static struct slice header_named(const struct http1_head *head, const char *name) {
	for (int i = 0; i < head->header_count; i++)
		if (slice_eq_nocase(head->headers[i].name, slice_str(name)))
			return head->headers[i].value;
	return slice_of(NULL, 0);
}

/* The lines of X-Forwarded-For are one list: the last line's end is the nearest hop. */
static void walk_back(const struct node_config *c, const struct http1_head *head,
                      struct cel_net *ip) {
	for (int i = head->header_count - 1; i >= 0; i--)
		if (head->headers[i].id == FIELD_X_FORWARDED_FOR &&
		    !client_walk(c, head->headers[i].value, ip))
			return;
}

static void read_client(const struct edge *e, struct http_exchange *x, struct cel_net *ip,
                        struct decide_client *out) {
	const struct node_config *c = e->options.config;
	const struct http1_head *head = http_exchange_head(x);
	if (!client_address(slice_str(http_exchange_peer(x)), ip)) return;
	out->ip = ip;
	if (!client_trusted(c, ip)) return;
	walk_back(c, head, ip);
	if (!*c->country_header) return;
	struct slice country = header_named(head, c->country_header);
	if (client_country(country)) out->country = country;
}

void facts_read(struct edge *e, struct http_exchange *x, struct cel_net *ip,
                struct decide_request *ask) {
	const struct http1_head *head = http_exchange_head(x);
	ask->here = e->here;
	ask->method = head->method_text;
	ask->path = head->path;
	ask->host = head->host;
	ask->body_bytes = http_exchange_body(x).len;
	ask->time_ms = io_wall_ms(e->io);
	read_client(e, x, ip, &ask->client);
	/* Nobody else looks at them, and they are many. */
	if (e->policy->rule_count > 0) read_headers(x, ask);
}
