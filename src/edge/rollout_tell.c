/* Versions and regions as JSON. The shapes are interfaces: commands, tests and people's scripts read
 * them. */
#include "edge/rollout_private.h"

#include "base/bytes.h"
#include "io/http_problem.h"

static unsigned long long ull(uint64_t v) {
	return v;
}

static enum err put_word(struct buf *out, const char *name, const char *text) {
	enum err e = buf_printf(out, ",\"%s\":", name);
	return e ? e : http_json_string(out, slice_str(text));
}

static enum err put_hash(struct buf *out, const char *name, const uint8_t hash[32]) {
	char text[65] = {0};
	hex_encode(slice_of(hash, 32), text);
	return buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static enum err put_version(const struct policy_version *v, struct buf *out) {
	enum err e = buf_printf(out, "{\"version\":%llu", ull(v->version));
	if (!e) e = put_hash(out, "hash", v->hash);
	if (!e) e = buf_printf(out, ",\"time_ms\":%llu", ull(v->time_ms));
	if (!e) e = put_word(out, "region", v->region);
	if (!e) e = put_word(out, "by", v->by);
	if (!e) e = put_word(out, "note", v->note);
	if (!e && v->override[0]) e = put_word(out, "override", v->override);
	return e ? e : buf_append_str(out, "}");
}

static const char *source_of(const struct rollout *r) {
	return r->version == 0 && !r->versions.count ? "file" : r->heard ? "coordination" : "saved";
}

static uint64_t world_age_ms(const struct rollout *r) {
	uint64_t heard_ns = atomic_load(&r->signals.heard_ns), now = io_now_ns(r->io);
	return heard_ns && now > heard_ns ? (now - heard_ns) / 1000000 : 0;
}

enum err rollout_tell_short(const struct rollout *r, struct buf *out) {
	return buf_printf(out,
	                  "\"policy_version\":%llu,\"policy_source\":\"%s\",\"world_heard\":%s,"
	                  "\"world_age_ms\":%llu",
	                  ull(r->version), source_of(r), r->heard ? "true" : "false",
	                  ull(world_age_ms(r)));
}

static enum err put_node(const struct rollout *r, int i, struct buf *out) {
	const struct node_seen *n = &r->nodes[i];
	enum err e = buf_printf(out, "%s\n{\"region\":\"%s\",\"up\":%s", i ? "," : "",
	                        r->options.boot->regions[i].name,
	                        rollout_region_up(r, i) ? "true" : "false");
	if (!e && n->known) {
		e = buf_printf(out, ",\"version\":%llu", ull(n->says.version));
		if (!e) e = put_hash(out, "hash", n->says.hash);
		if (!e && n->says.why_not[0]) e = put_word(out, "why_not", n->says.why_not);
	}
	return e ? e : buf_append_str(out, "}");
}

enum err rollout_tell(const struct rollout *r, struct buf *out) {
	enum err e = buf_append_str(out, "{");
	if (!e) e = rollout_tell_short(r, out);
	if (!e) e = put_hash(out, "hash", r->policy->hash);
	if (!e) e = buf_append_str(out, ",\"history\":[");
	for (int i = 0; !e && i < r->versions.count; i++) {
		e = buf_append_str(out, i ? ",\n" : "\n");
		if (!e) e = put_version(&r->versions.list[i], out);
	}
	if (!e) e = buf_append_str(out, "]");
	if (!e && r->versions.proposing) {
		e = buf_append_str(out, ",\"proposed\":");
		if (!e) e = put_version(&r->versions.proposed, out);
	}
	if (!e) e = buf_append_str(out, ",\"regions\":[");
	for (int i = 0; !e && i < r->options.boot->region_count; i++) e = put_node(r, i, out);
	return e ? e : buf_append_str(out, "\n]}\n");
}

static enum err put_region(const struct rollout *r, int i, struct buf *out) {
	const char *name = r->options.boot->regions[i].name;
	int at = drains_find(&r->drains, name);
	bool up = rollout_region_up(r, i);
	enum err e = buf_printf(out, "%s\n{\"region\":\"%s\",\"state\":\"%s\"", i ? "," : "", name,
	                        !up       ? "down"
	                        : at >= 0 ? "draining"
	                                  : "active");
	if (!e && at >= 0) {
		const struct region_drain *d = &r->drains.list[at];
		e = buf_printf(out, ",\"drained_ms\":%llu", ull(d->time_ms));
		if (!e) e = put_word(out, "by", d->by);
		if (!e && d->override[0]) e = put_word(out, "override", d->override);
	}
	return e ? e : buf_append_str(out, "}");
}

enum err rollout_tell_regions(const struct rollout *r, struct buf *out) {
	enum err e = buf_append_str(out, "{\"regions\":[");
	for (int i = 0; !e && i < r->options.boot->region_count; i++) e = put_region(r, i, out);
	return e ? e : buf_append_str(out, "\n]}\n");
}
