/* What must hold for any bytes given to frame_decode; shared with the fuzz target. */
#pragma once
#include <stdlib.h>

#include "base/assert.h"
#include "cell/frame.h"

/* What decodes, encodes to the very same bytes; arrival in pieces is not an error; nothing
 * outside the input is read, for it stands in memory of its own size. */
static inline void frame_replay(struct slice in) {
	uint8_t *copy = malloc(in.len ? in.len : 1);
	ASSERT(copy);
	if (in.len) memcpy(copy, in.ptr, in.len);
	struct slice whole = slice_of(copy, in.len);
	struct frame f = {0};
	size_t used = 0;
	enum err err = frame_decode(whole, &f, &used);
	ASSERT(err == ERR_OK || err == ERR_NOT_FOUND || err == ERR_CORRUPT);
	if (err == ERR_OK) {
		ASSERT(used >= FRAME_HEADER_BYTES && used <= in.len);
		struct buf out;
		buf_init(&out, FRAME_MAX_BYTES);
		ASSERT(!frame_encode(&f, &out));
		ASSERT(slice_eq(buf_slice(&out), slice_of(whole.ptr, used)));
		buf_done(&out);
		struct frame part;
		size_t part_used;
		for (size_t len = 0; len < used; len += 1 + used / 16)
			ASSERT(frame_decode(slice_of(whole.ptr, len), &part, &part_used) ==
			       ERR_NOT_FOUND);
	}
	free(copy);
}
