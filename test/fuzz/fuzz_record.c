/* Records from outside: the wire, a log, a quarantine. Whatever decodes must walk to its end
 * without reading beyond it, and encode to the same bytes again. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct record *r) {
	static struct op ops[RECORD_MAX_OPS];
	static struct event events[RECORD_MAX_EVENTS];
	struct record_cursor c = record_cursor(r);
	int op_count = 0, event_count = 0;
	while (!record_next_op(&c, &ops[op_count])) op_count++;
	while (!record_next_event(&c, &events[event_count])) event_count++;
	ASSERT(op_count == r->op_count && event_count == r->event_count);
	ASSERT(c.rest.len == 0);

	struct buf again;
	struct position at = {.epoch = r->at.epoch, .seq = r->at.seq - 1};
	buf_init(&again, RECORD_MAX_BYTES);
	ASSERT(record_encode(&again, &at, r->at.epoch, r->time_ms, r->kind, ops, op_count, events,
	                     event_count) == ERR_OK);
	struct slice bytes = buf_slice(&again);
	ASSERT(bytes.len == r->bytes.len);
	/* All but checksum and chain, which say what came before. */
	ASSERT(memcmp(bytes.ptr + 8, r->bytes.ptr + 8, 24) == 0);
	ASSERT(memcmp(bytes.ptr + 48, r->bytes.ptr + 48, bytes.len - 48) == 0);
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct record r;
	if (record_decode(slice_of(data, size), &r) == ERR_OK) walk(&r);
	/* A fuzzer finds no checksum: give it the right one, and the right length. */
	if (size < RECORD_HEADER_BYTES) return 0;
	uint8_t *copy = malloc(size);
	if (!copy) return 0;
	memcpy(copy, data, size);
	put_u32(copy, (uint32_t)size);
	put_u32(copy + 4, crc32c(0, copy + 8, size - 8));
	if (record_decode(slice_of(copy, size), &r) == ERR_OK) walk(&r);
	free(copy);
	return 0;
}
