/* The text of a placement. Pure; strict, because everybody must read the same out of it. */
#include "cell/placement.h"

#include "base/parse.h"

static const char *const state_names[] = {
	[PLACEMENT_PROMOTING] = "promoting",
	[PLACEMENT_ACTIVE] = "active",
};

/* Left out while there are none. */
static enum err strikes_put(const struct placement *p, struct buf *out) {
	int most = 0;
	for (int i = 0; i < PLACEMENT_STRIKES; i++) most |= p->strikes[i];
	enum err err = ERR_OK;
	for (int i = 0; i < PLACEMENT_STRIKES && most && !err; i++)
		err = buf_printf(out, "%s%u", i ? "," : " strikes=", (unsigned)p->strikes[i]);
	return err;
}

enum err placement_encode(const struct placement *p, struct buf *out) {
	enum err err = buf_printf(out, "epoch=%llu state=%s home=%s generation=%u copies=%u",
	                          (unsigned long long)p->epoch, state_names[p->state], p->home,
	                          (unsigned)p->generation, (unsigned)p->copies);
	if (!err && p->from[0]) err = buf_printf(out, " from=%s", p->from);
	for (int i = 0; i < p->set_count && !err; i++)
		err = buf_printf(out, "%s%s", i ? "," : " set=", p->set[i]);
	if (!err && p->marker_seq)
		err = buf_printf(out, " marker=%llu-%llu", (unsigned long long)p->marker_epoch,
		                 (unsigned long long)p->marker_seq);
	return err ? err : strikes_put(p, out);
}

/* Takes `name=value` off the text; the value is empty when it is not that field's turn. */
static struct slice field_take(struct slice *text, const char *name) {
	struct slice rest = *text, none = {0};
	struct slice field = slice_cut(&rest, ' ');
	struct slice value = field, key = slice_cut(&value, '=');
	if (!slice_is(key, name) || value.len == 0) return none;
	*text = rest;
	return value;
}

static enum err name_take(struct slice value, char out[32]) {
	if (!name_valid(value, 31)) return ERR_INVALID;
	memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
	return ERR_OK;
}

static enum err number_take(struct slice *text, const char *name, uint32_t *out) {
	uint64_t n;
	enum err err = parse_u64(field_take(text, name), UINT32_MAX, &n);
	if (!err) *out = (uint32_t)n;
	return err;
}

/* `EPOCH-SEQ`, of a hand-over: only who promotes has one, and it knows from whom. */
static enum err marker_take(struct slice value, struct placement *p) {
	struct slice epoch = slice_cut(&value, '-');
	if (p->state != PLACEMENT_PROMOTING || !p->from[0]) return ERR_INVALID;
	if (parse_u64(epoch, UINT64_MAX, &p->marker_epoch)) return ERR_INVALID;
	if (parse_u64(value, UINT64_MAX, &p->marker_seq)) return ERR_INVALID;
	bool sane = p->marker_seq && p->marker_epoch && p->marker_epoch < p->epoch;
	return sane ? ERR_OK : ERR_INVALID;
}

static enum err set_take(struct slice value, struct placement *p) {
	while (value.len) {
		if (p->set_count == PLACEMENT_SET_MAX) return ERR_INVALID;
		char *name = p->set[p->set_count];
		if (name_take(slice_cut(&value, ','), name)) return ERR_INVALID;
		for (int i = 0; i < p->set_count; i++)
			if (strcmp(p->set[i], name) == 0) return ERR_INVALID;
		p->set_count++;
	}
	return ERR_OK;
}

static enum err strikes_take(struct slice value, struct placement *p) {
	uint64_t n, most = 0;
	for (int i = 0; i < PLACEMENT_STRIKES; i++) {
		if (parse_u64(slice_cut(&value, ','), UINT8_MAX, &n)) return ERR_INVALID;
		p->strikes[i] = (uint8_t)n;
		most |= n;
	}
	return value.len || !most ? ERR_INVALID : ERR_OK;
}

enum err placement_decode(struct slice text, struct placement *out) {
	struct placement p = {0};
	if (parse_u64(field_take(&text, "epoch"), UINT64_MAX, &p.epoch)) return ERR_INVALID;
	struct slice state = field_take(&text, "state");
	if (slice_is(state, state_names[PLACEMENT_ACTIVE]))
		p.state = PLACEMENT_ACTIVE;
	else if (!slice_is(state, state_names[PLACEMENT_PROMOTING]))
		return ERR_INVALID;
	if (name_take(field_take(&text, "home"), p.home)) return ERR_INVALID;
	if (number_take(&text, "generation", &p.generation)) return ERR_INVALID;
	if (number_take(&text, "copies", &p.copies)) return ERR_INVALID;
	struct slice from = field_take(&text, "from");
	if (from.len && name_take(from, p.from)) return ERR_INVALID;
	if (text.len && set_take(field_take(&text, "set"), &p)) return ERR_INVALID;
	struct slice marker = field_take(&text, "marker");
	if (marker.len && marker_take(marker, &p)) return ERR_INVALID;
	if (text.len && strikes_take(field_take(&text, "strikes"), &p)) return ERR_INVALID;
	if (text.len) return ERR_INVALID;
	*out = p;
	return ERR_OK;
}
