/* Answers of etcd and the inside of its values, from hostile bytes: never past the end, nothing
 * in a value that was not in the text, and what was read of a value is written back the same. */
#include <stdlib.h>

#include "base/assert.h"
#include "coord/etcd_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(struct slice stored) {
	struct etcd_mark mark;
	struct slice value;
	uint32_t generation, beat;
	etcd_stored_value(stored, &mark, &value);
	ASSERT(value.len <= stored.len);
	struct buf again;
	buf_init(&again, 1 << 20);
	if (etcd_life_decode(value, &generation, &beat) == ERR_OK)
		ASSERT(etcd_life_encode(generation, beat, &again) == ERR_OK);
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = slice_of(data, size);
	struct etcd_answer a;
	check_value(text);
	if (etcd_answer_read(text, &a) != ERR_OK) return 0;
	size_t bytes = 0;
	for (int i = 0; i < a.count; i++) {
		ASSERT(a.entries[i].key.len > 0 && a.entries[i].revision > 0);
		bytes += a.entries[i].key.len + a.entries[i].value.len;
		check_value(a.entries[i].value);
	}
	ASSERT(bytes <= size && (a.error == ERR_OK || a.count == 0));
	etcd_answer_done(&a);
	return 0;
}
