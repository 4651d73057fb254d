/* The admin port of a secondary source. */
#include "base/bytes.h"
#include "edge/admin_private.h"
#include "edge/secondary_private.h"

#include <stdio.h>

static unsigned long long ull(uint64_t v) {
	return v;
}

/* Ready: there is something to answer with for each cell, however old. */
static bool ready(const struct secondary *s) {
	for (int i = 0; i < s->options.policy->cell_count; i++)
		if (s->cells[i] && !s->cells[i]->serving.mirror) return false;
	return true;
}

static enum err render_cell(const struct secondary_cell *c, struct buf *out) {
	const struct policy *p = c->owner->options.policy;
	const struct policy_secondary *own = c->policy->secondary;
	const struct pull_state *s = &c->serving.state;
	enum err e =
		buf_printf(out, "{\"name\":\"%s\",\"serves\":%s,\"filling\":%s", c->policy->name,
	                   c->serving.mirror ? "true" : "false", c->fill.mirror ? "true" : "false");
	if (!e && c->serving.mirror) {
		struct age age = secondary_age(c);
		e = buf_printf(out,
		               ",\"position\":\"%llu-%llu\",\"keys\":%llu,\"bytes\":%llu,"
		               "\"staleness_ms\":%llu,\"staleness_by\":\"%s\"",
		               ull(s->from.epoch), ull(s->from.seq), ull(c->serving.keys),
		               ull(mirror_bytes(c->serving.mirror)), ull(age.ms),
		               age_word(age.kind));
	}
	if (!e) e = buf_append_str(out, ",\"tenants\":[");
	for (int i = 0; !e && i < own->tenant_count; i++)
		e = buf_printf(out, "%s\"%s\"", i ? "," : "", p->tenants[own->tenants[i]].name);
	return e ? e : buf_append_str(out, "]}");
}

static enum err render(const struct secondary *s, struct buf *out) {
	const struct policy *p = s->options.policy;
	char hash[17] = {0};
	hex_encode(slice_of(p->hash, 8), hash);
	enum err e = buf_printf(out,
	                        "{\"secondary\":\"%s\",\"region\":\"%s\",\"version\":\"%s\","
	                        "\"uptime_ms\":%llu,\"ready\":%s,\"policy\":\"%s\",\"cells\":[",
	                        s->options.config->secondary, s->options.config->region,
	                        s->options.version, ull((io_now_ns(s->io) - s->start_ns) / 1000000),
	                        ready(s) ? "true" : "false", hash);
	bool first = true;
	for (int i = 0; !e && i < p->cell_count; i++) {
		if (!s->cells[i]) continue;
		e = buf_append_str(out, first ? "\n" : ",\n");
		if (!e) e = render_cell(s->cells[i], out);
		first = false;
	}
	return e ? e : buf_append_str(out, "\n]}\n");
}

static void refresh_metrics(struct secondary *s) {
	for (int i = 0; i < s->options.policy->cell_count; i++) {
		struct secondary_cell *c = s->cells[i];
		if (c && c->serving.mirror) metric_set(c->staleness, (int64_t)secondary_age(c).ms);
	}
}

static void answer(struct http_exchange *x, const char *type, enum err err, struct buf *body) {
	if (err)
		admin_problem(x, ERR_NO_MEMORY, "no memory for the answer; try again later");
	else
		admin_answer(x, 200, type, buf_slice(body));
	buf_done(body);
}

void secondary_admin_request(void *arg, struct http_exchange *x) {
	struct secondary *s = arg;
	const struct http1_head *h = http_exchange_head(x);
	struct buf body;
	buf_init(&body, 16 << 20);
	if (h->method != METHOD_GET && h->method != METHOD_HEAD) {
		admin_problem(x, ERR_METHOD, "the admin port takes GET");
	} else if (slice_is(h->path, "/livez")) {
		admin_answer(x, 200, "text/plain", SLICE_LIT("ok\n"));
	} else if (slice_is(h->path, "/readyz")) {
		bool is = ready(s);
		admin_answer(x, is ? 200 : 503, "text/plain",
		             is ? SLICE_LIT("ready\n") : SLICE_LIT("not ready: still filling\n"));
	} else if (slice_is(h->path, "/metrics")) {
		refresh_metrics(s);
		answer(x, "text/plain; version=0.0.4; charset=utf-8",
		       registry_render(s->options.registry, &body), &body);
	} else if (slice_is(h->path, "/admin/v1/status")) {
		answer(x, "application/json", render(s, &body), &body);
	} else {
		admin_problem(x, ERR_NOT_FOUND,
		              "a secondary source has /metrics, /livez, /readyz and "
		              "/admin/v1/status");
	}
}
