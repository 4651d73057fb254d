/* Times how long records take from durable at their home to durable on a copy. One record a
 * copy is timed at a time, the next one when that is acknowledged: a sample that costs
 * nothing, and one that a slow copy cannot fall out of. Only measures. */
#include "cell/host_private.h"

void host_copies_durable(struct host_cell *c, uint64_t seq) {
	if (!c->state.is_home) return;
	uint64_t now = io_now_ns(c->host->io);
	for (int i = 0; i < c->replica_count; i++) {
		struct host_copy_mark *m = &c->copy_marks[i];
		bool connected = i != c->self && links_up(c->host->links, c->replicas[i]);
		if (m->seq || !connected) continue;
		*m = (struct host_copy_mark){seq, now};
	}
}

void host_copies_frame(struct host_cell *c, int replica, const struct frame *f) {
	struct host_copy_mark *m = &c->copy_marks[replica];
	if (f->type != FRAME_ACK || !m->seq || f->seq < m->seq) return;
	/* A term that ended meanwhile says nothing about copying. */
	if (c->state.is_home && f->epoch == c->state.epoch)
		histogram_record_us(c->metrics.copy_seconds, (io_now_ns(c->host->io) - m->since_ns) / 1000);
	m->seq = 0;
}
