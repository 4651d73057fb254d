/* Finds endpoints and the key for commands that talk to running regions. */
#include "app/target.h"
#include "app/config.h"
#include "app/place.h"
#include "base/parse.h"

#include <stdio.h>
#include <stdlib.h>

struct endpoints {
	char host_mem[CLIENT_ENDPOINTS_MAX][256];
	const char *hosts[CLIENT_ENDPOINTS_MAX];
	uint16_t ports[CLIENT_ENDPOINTS_MAX];
};

static void add(struct target *t, struct endpoints *e, const char *skip, const char *name,
                const char *host, uint16_t port) {
	if (t->count == CLIENT_ENDPOINTS_MAX || (skip && strcmp(skip, name) == 0)) return;
	snprintf(t->names[t->count], 32, "%s", name);
	snprintf(e->host_mem[t->count], 256, "%s", host);
	e->hosts[t->count] = e->host_mem[t->count];
	e->ports[t->count++] = port;
}

static enum err from_endpoint(const char *text, struct target *t, struct endpoints *e) {
	const char *colon = strrchr(text, ':');
	uint64_t port;
	char host[256];
	if (!colon || parse_u64(slice_str(colon + 1), 65535, &port) != ERR_OK || port == 0 ||
	    colon == text || (size_t)(colon - text) >= sizeof(host)) {
		complain("--endpoint %s: must be HOST:PORT", text);
		return ERR_INVALID;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	add(t, e, NULL, "", host, (uint16_t)port);
	return ERR_OK;
}

static enum err from_config(const struct target_options *o, enum target_port port,
                            struct target *t, struct endpoints *e) {
	struct config c;
	enum err err = config_load(o->config, &c);
	for (int i = 0; !err && i < c.node->region_count; i++) {
		const struct node_region *r = &c.node->regions[i];
		const struct node_address *a = port == TARGET_HTTP ? &r->http : &r->admin;
		add(t, e, o->skip, r->name, a->host, a->port);
	}
	config_done(&c);
	return err;
}

static enum err from_place(const struct target_options *o, enum target_port port, struct target *t,
                           struct endpoints *e, char **key) {
	struct place p;
	enum err err = place_open(o->dir ? o->dir : ".playground", &p);
	if (err) return err;
	int offset = port == TARGET_HTTP ? 1 : 101;
	for (int i = 0; i < p.region_count; i++)
		add(t, e, o->skip, p.regions[i], "127.0.0.1",
		    (uint16_t)(p.port_base + offset + i));
	if (key) {
		*key = place_key(&p, o->tenant ? o->tenant : "acme");
		if (!*key) return ERR_NOT_FOUND;
	}
	return ERR_OK;
}

enum err target_open(const struct target_options *o, enum target_port port, bool needs_key,
                     uint64_t timeout_ms, struct target *t) {
	struct endpoints *e = calloc(1, sizeof(*e));
	const char *key = o->key ? o->key : getenv("HOLDFAST_KEY");
	char *owned = NULL;
	memset(t, 0, sizeof(*t));
	t->first = -1;
	if (!e) return ERR_NO_MEMORY;
	enum err err;
	if (o->endpoint)
		err = from_endpoint(o->endpoint, t, e);
	else if (o->config)
		err = from_config(o, port, t, e);
	else
		err = from_place(o, port, t, e, needs_key && !key ? &owned : NULL);
	if (owned) key = owned;
	if (!err && t->count == 0) {
		complain("no region is left to talk to: there must be another one");
		err = ERR_INVALID;
	}
	if (!err && needs_key && !key) {
		complain("no API key: give --key KEY or set HOLDFAST_KEY");
		err = ERR_UNAUTHENTICATED;
	}
	for (int i = 0; !err && o->region && i < t->count; i++)
		if (strcmp(t->names[i], o->region) == 0) t->first = i;
	if (!err && o->region && t->first < 0) {
		complain("--region %s: no such region: see holdfast status", o->region);
		err = ERR_INVALID;
	}
	if (!err) {
		struct client_options c = {.hosts = e->hosts,
		                           .ports = e->ports,
		                           .count = t->count,
		                           .key = needs_key ? key : NULL,
		                           .timeout_ms = timeout_ms};
		t->client = client_new(&c);
		if (!t->client) err = ERR_NO_MEMORY;
	}
	free(owned);
	free(e);
	return err;
}

void target_close(struct target *t) {
	client_free(t->client);
	t->client = NULL;
}
