/* Fuzzes frame_decode. Input: bytes as they arrive. They are tried as they are and, because
 * no mutation finds a checksum, once more with length and checksum made right. What must
 * hold is in frame_replay.h. */
#include <stdint.h>

#include "../unit/cell/frame_replay.h"
#include "base/bytes.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	frame_replay(slice_of(bytes, len));
	if (len < FRAME_HEADER_BYTES || len > 1 << 20) return 0;
	uint8_t *fixed = malloc(len);
	ASSERT(fixed);
	memcpy(fixed, bytes, len);
	put_u32(fixed, (uint32_t)len);
	put_u32(fixed + 4, crc32c(0, fixed + 8, len - 8));
	frame_replay(slice_of(fixed, len));
	free(fixed);
	return 0;
}
