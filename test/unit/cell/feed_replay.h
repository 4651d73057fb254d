/* What must hold for any bytes given to feed_decode and pull_state_decode; shared with the fuzz
 * target. */
#pragma once
#include <stdlib.h>

#include "base/assert.h"
#include "cell/feed.h"
#include "cell/pull.h"

/* What decodes, encodes to the very same bytes; what is judged to be taken, advances a state and
 * never back; nothing outside the input is read, for it stands in memory of its own size. */
static inline void feed_replay(struct slice in) {
	uint8_t *copy = malloc(in.len ? in.len : 1);
	struct feed_head *head = malloc(sizeof *head);
	struct pull_state *s = malloc(sizeof *s);
	struct feed_cursor changes;
	struct feed_change change;
	ASSERT(copy && head && s);
	if (in.len) memcpy(copy, in.ptr, in.len);
	if (feed_decode(slice_of(copy, in.len), head, &changes) == ERR_OK) {
		struct buf out;
		uint32_t count = 0;
		buf_init(&out, FEED_BYTES_MAX);
		ASSERT(!feed_begin(&out, head));
		while (feed_next(&changes, &change)) {
			ASSERT(change.entry.seq <= head->through_seq);
			ASSERT(!feed_add(&out, &change));
			count++;
		}
		ASSERT(count == head->change_count);
		feed_end(&out, head);
		ASSERT(slice_eq(buf_slice(&out), slice_of(copy, in.len)));
		buf_done(&out);
		pull_state_init(s, 1, 2, 0);
		struct point before = s->from;
		if (pull_judge(s, head) == PULL_TAKE) {
			pull_advance(s, head);
			ASSERT(s->from.seq >= before.seq && s->epoch_count <= FEED_EPOCHS_MAX);
		}
	}
	if (pull_state_decode(slice_of(copy, in.len), s) == ERR_OK) {
		struct buf out;
		buf_init(&out, PULL_STATE_MAX);
		ASSERT(!pull_state_encode(s, &out));
		ASSERT(slice_eq(buf_slice(&out), slice_of(copy, in.len)));
		buf_done(&out);
	}
	free(s);
	free(head);
	free(copy);
}
