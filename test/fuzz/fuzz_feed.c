/* Fuzzes feed_decode and what is made of its answers, and pull_state_decode. Input: bytes as a
 * source sends them, tried as they are and, because no mutation finds a checksum, once more with it
 * made right. What must hold is in feed_replay.h. */
#include <stdint.h>

#include "../unit/cell/feed_replay.h"
#include "base/bytes.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	feed_replay(slice_of(bytes, len));
	if (len < FEED_HEAD_BYTES || len > 1 << 20) return 0;
	uint8_t *fixed = malloc(len);
	ASSERT(fixed);
	memcpy(fixed, bytes, len);
	put_u32(fixed, 0x31466648);
	put_u32(fixed + 4, crc32c(0, fixed + 8, len - 8));
	feed_replay(slice_of(fixed, len));
	free(fixed);
	return 0;
}
