/* /admin/v1/status: asked of the owner loop, rendered here. The shape is an interface:
 * `holdfast status`, tests and people's scripts read it. */
#include "base/bytes.h"
#include "edge/admin_private.h"
#include "io/http_problem.h"

#include <stdlib.h>

struct status {
	struct host_status_request ask;
	struct admin *admin;
	struct http_exchange *x;
	bool ready;
};

static const char *role_name(enum cell_role role) {
	switch (role) {
	case CELL_WAITING: return "waiting";
	case CELL_FOLLOWER: return "follower";
	case CELL_CLAIMING: return "claiming";
	case CELL_SEALING: return "sealing";
	case CELL_FETCHING: return "fetching";
	case CELL_STARTING: return "starting";
	case CELL_HOME: return "home";
	case CELL_HELD: return "held";
	case CELL_FENCED: return "fenced";
	}
	return "?";
}

static unsigned long long ull(uint64_t v) {
	return v;
}

static enum err render_copies(struct status *s, const struct policy_cell *c,
                              const struct cell_status *k, struct buf *out) {
	const struct policy *p = s->admin->options.policy;
	enum err e = buf_append_str(out, ",\"replicas\":[");
	for (int i = 0; !e && i < c->replica_count; i++) {
		e = buf_printf(out,
		               "%s{\"region\":\"%s\",\"connected\":%s,\"durable\":%llu,"
		               "\"caught_up_ms\":%llu,\"lag_ms\":",
		               i ? "," : "", p->regions[c->replicas[i]].name,
		               k->copy_connected[i] ? "true" : "false", ull(k->copy_seq[i]),
		               ull(k->caught_up_ms[i]));
		if (e) break;
		e = k->lag_ms[i] == UINT32_MAX ? buf_append_str(out, "null}")
		                               : buf_printf(out, "%u}", k->lag_ms[i]);
	}
	return e ? e : buf_append_str(out, "]");
}

static enum err render_store(const struct cell_status *k, const struct store_info *i,
                             struct buf *out) {
	return buf_printf(
		out,
		",\"role\":\"%s\",\"copies\":%d,\"degraded\":%s,\"last\":\"%llu-%llu\","
		"\"applied\":\"%llu-%llu\",\"committed\":%llu,\"promised_epoch\":%llu,"
		"\"state_hash\":\"%016llx\",\"log_bytes\":%llu,\"view_bytes\":%llu,"
		"\"checkpoint_seq\":%llu,\"quarantined\":%llu,\"lost_estimate\":%llu,"
		"\"exposed_ms\":%u,\"possible_loss\":%lld,\"failsafe\":%s",
		role_name(k->role), k->copies, k->degraded ? "true" : "false", ull(k->last.epoch),
		ull(k->last.seq), ull(k->applied.epoch), ull(k->applied.seq), ull(k->committed),
		ull(i->promised_epoch), ull(i->state_hash), ull(i->log_bytes), ull(i->view_bytes),
		ull(i->checkpoint_seq), ull(k->quarantined), ull(k->lost_estimate), k->exposed_ms,
		k->possible_loss > INT64_MAX ? -1 : (long long)k->possible_loss,
		k->failsafe ? "true" : "false");
}

static enum err render_sla(const struct policy_cell *c, const struct cell_status *k,
                           struct buf *out) {
	return buf_printf(out,
	                  ",\"sla\":{\"target_ms\":%llu,\"broken\":%s,\"breaches\":%llu,"
	                  "\"kept_ms\":%llu,\"broken_ms\":%llu,\"budget_left_percent\":%u}",
	                  ull(c->replication_sla_ms), k->sla_broken ? "true" : "false",
	                  ull(k->sla_breaches), ull(k->sla_kept_ms), ull(k->sla_broken_ms),
	                  k->sla_budget_left);
}

static enum err render_cell(struct status *s, int i, struct buf *out) {
	struct admin *a = s->admin;
	const struct policy_cell *c = &a->options.policy->cells[i];
	const struct cell_status *k = &s->ask.cells[i];
	struct host_cell_state h;
	host_cell_state(a->options.host, i, &h);
	uint64_t now = io_now_ns(a->io);
	enum err e = buf_printf(out, "%s\n{\"name\":\"%s\",\"mode\":\"%s\",\"home\":", i ? "," : "",
	                        c->name, c->mode == CELL_SYNC ? "sync" : "async");
	if (!e)
		e = h.home < 0 ? buf_append_str(out, "null")
		               : buf_printf(out, "\"%s\"", a->options.policy->regions[h.home].name);
	if (!e)
		e = buf_printf(
			out, ",\"epoch\":%llu,\"active\":%s,\"lease_ms\":%llu", ull(h.epoch),
			h.active ? "true" : "false",
			ull(h.lease_until_ns > now ? (h.lease_until_ns - now) / 1000000 : 0));
	if (!e && host_store(a->options.host, i)) {
		e = render_store(k, &s->ask.stores[i], out);
		if (!e) e = render_copies(s, c, k, out);
		if (!e) e = render_sla(c, k, out);
		if (!e) e = buf_append_str(out, ",\"held\":");
		if (!e) e = http_json_string(out, slice_str(k->held_reason));
	}
	return e ? e : buf_append_str(out, "}");
}

static enum err render(struct status *s, struct buf *out) {
	struct admin *a = s->admin;
	const struct policy *p = a->options.policy;
	char hash[17] = {0};
	hex_encode(slice_of(p->hash, 8), hash);
	enum err e = buf_printf(out,
	                        "{\"region\":\"%s\",\"version\":\"%s\",\"uptime_ms\":%llu,"
	                        "\"ready\":%s,\"policy\":\"%s\","
	                        "\"regions\":[",
	                        a->options.config->region, a->options.version,
	                        ull((io_now_ns(a->io) - a->started_ns) / 1000000),
	                        s->ready ? "true" : "false", hash);
	for (int i = 0; !e && i < p->region_count; i++) {
		bool up = i == a->options.config->self || host_region_up(a->options.host, i);
		e = buf_printf(out, "%s{\"name\":\"%s\",\"jurisdiction\":\"%s\",\"up\":%s}",
		               i ? "," : "", p->regions[i].name, p->regions[i].jurisdiction,
		               up ? "true" : "false");
	}
	if (!e) e = buf_append_str(out, "],\"cells\":[");
	for (int i = 0; !e && i < p->cell_count; i++) e = render_cell(s, i, out);
	return e ? e : buf_append_str(out, "\n]}\n");
}

static void on_status(struct host_status_request *ask) {
	struct status *s = CONTAINER_OF(ask, struct status, ask);
	struct buf body;
	buf_init(&body, 8 << 20);
	struct http_header type = http_field("Content-Type", SLICE_LIT("application/json"));
	if (render(s, &body) == ERR_OK)
		http_respond(s->x, 200, &type, 1, buf_slice(&body));
	else
		http_respond(s->x, 500, NULL, 0, slice_of(NULL, 0));
	buf_done(&body);
	free(s->ask.cells);
	free(s->ask.stores);
	free(s);
}

void admin_status(struct admin *a, struct http_exchange *x, bool ready) {
	size_t n = (size_t)a->options.policy->cell_count + 1;
	struct status *s = calloc(1, sizeof(*s));
	if (s) {
		s->ask.cells = calloc(n, sizeof(*s->ask.cells));
		s->ask.stores = calloc(n, sizeof(*s->ask.stores));
	}
	if (!s || !s->ask.cells || !s->ask.stores) {
		if (s) {
			free(s->ask.cells);
			free(s->ask.stores);
		}
		free(s);
		http_respond(x, 503, NULL, 0, slice_of(NULL, 0));
		return;
	}
	s->admin = a;
	s->x = x;
	s->ready = ready;
	s->ask.reply_to = a->io;
	s->ask.done = on_status;
	host_status(a->options.host, &s->ask);
}
