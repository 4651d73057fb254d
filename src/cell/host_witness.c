/* The witness: a node that holds no data and has a voice when coordination is silent. For each
 * cell it knows what coordination last showed it, and promises to that home alone (failsafe.h). */
#include "base/log.h"
#include "cell/host_private.h"

void host_witness_start(struct host *h) {
	uint64_t now = io_now_ns(h->io);
	for (int i = 0; i < h->cell_count; i++)
		if (h->failsafe.length_ns) vouch_start(&h->cells[i].vouch, &h->failsafe, now);
}

/* Who promised another home, maybe in the life before, waits until that is over. */
static bool may_vouch(const struct host_cell *c, int region, const struct frame *f) {
	const struct host_cell_state *s = &c->state;
	const struct host *h = c->host;
	bool known = s->active && s->home == region && s->epoch == f->epoch;
	return known && host_region_up(h, region) &&
	       !vouch_forbids(&c->vouch, f->epoch, io_now_ns(h->io));
}

void host_witness_frame(struct host_cell *c, int region, const struct frame *f) {
	struct host *h = c->host;
	if (f->type != FRAME_VOUCH || !h->failsafe.length_ns || host_replica(c, region) < 0)
		return links_refuse(h->links, region, "it asked a witness for more than its word");
	bool granted = may_vouch(c, region, f);
	if (granted) vouch_give(&c->vouch, &h->failsafe, f->epoch, io_now_ns(h->io));
	links_send(h->links, region,
	           &(struct frame){.type = FRAME_VOUCHED,
	                           .cell = (uint16_t)c->index,
	                           .epoch = f->epoch,
	                           .stamp = f->stamp,
	                           .flag = granted});
}
