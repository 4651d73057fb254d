/* The bytes of a segment's header and of a batch's head: see log.h. Pure.
 *
 * Header: magic[8], u32 version, u32 crc of [16, LOG_HEADER_BYTES), then at 16: incarnation,
 * nonce, bytes, prev epoch, prev seq, start epoch, start seq (u64 each), prev hash[16],
 * cell[64], node[64], zeros.
 * Head: magic[4], u32 crc of [8, 32), nonce, offset, first seq (u64 each).
 */
#include "base/bytes.h"
#include "base/hash.h"
#include "store/log.h"

static const char header_magic[8] = "HFSEGMNT";
static const char head_magic[4] = "HFB1"; /* as a record's length it would be far too large */
enum { HEADER_VERSION = 1, HEADER_BODY = 16 };

static uint32_t header_crc(const uint8_t *p) {
	return crc32c(0, p + HEADER_BODY, LOG_HEADER_BYTES - HEADER_BODY);
}

void log_header_encode(const struct log_header *h, uint8_t *out) {
	memset(out, 0, LOG_HEADER_BYTES);
	memcpy(out, header_magic, sizeof(header_magic));
	put_u32(out + 8, HEADER_VERSION);
	const uint64_t numbers[] = {h->incarnation, h->nonce,       h->bytes,    h->prev.epoch,
	                            h->prev.seq,    h->start.epoch, h->start.seq};
	struct bytes_writer w = bytes_writer(out + HEADER_BODY, LOG_HEADER_BYTES - HEADER_BODY);
	for (int i = 0; i < 7; i++) bytes_put_u64(&w, numbers[i]);
	bytes_put(&w, slice_of(h->prev.hash, RECORD_HASH_BYTES));
	bytes_put(&w, slice_of(h->cell, LOG_NAME_BYTES));
	bytes_put(&w, slice_of(h->node, LOG_NAME_BYTES));
	put_u32(out + 12, header_crc(out));
}

enum err log_header_decode(const uint8_t *in, struct log_header *h) {
	if (memcmp(in, header_magic, sizeof(header_magic)) != 0) return ERR_CORRUPT;
	if (get_u32(in + 8) > HEADER_VERSION) return ERR_FORMAT;
	if (get_u32(in + 8) != HEADER_VERSION || get_u32(in + 12) != header_crc(in))
		return ERR_CORRUPT;
	struct bytes_reader r =
		bytes_reader(slice_of(in + HEADER_BODY, LOG_HEADER_BYTES - HEADER_BODY));
	h->incarnation = bytes_u64(&r);
	h->nonce = bytes_u64(&r);
	h->bytes = bytes_u64(&r);
	h->prev.epoch = bytes_u64(&r);
	h->prev.seq = bytes_u64(&r);
	h->start.epoch = bytes_u64(&r);
	h->start.seq = bytes_u64(&r);
	memcpy(h->prev.hash, bytes_take(&r, RECORD_HASH_BYTES).ptr, RECORD_HASH_BYTES);
	memcpy(h->cell, bytes_take(&r, LOG_NAME_BYTES).ptr, LOG_NAME_BYTES);
	memcpy(h->node, bytes_take(&r, LOG_NAME_BYTES).ptr, LOG_NAME_BYTES);
	if (h->cell[LOG_NAME_BYTES - 1] || h->node[LOG_NAME_BYTES - 1]) return ERR_CORRUPT;
	return ERR_OK;
}

void batch_head_encode(uint8_t *out, uint64_t nonce, uint64_t offset, uint64_t first_seq) {
	memcpy(out, head_magic, sizeof(head_magic));
	put_u64(out + 8, nonce);
	put_u64(out + 16, offset);
	put_u64(out + 24, first_seq);
	put_u32(out + 4, crc32c(0, out + 8, BATCH_HEAD_BYTES - 8));
}

bool batch_head_like(const uint8_t *in) {
	return memcmp(in, head_magic, sizeof(head_magic)) == 0;
}

bool batch_head_valid(const uint8_t *in, uint64_t nonce, uint64_t offset, uint64_t *first_seq) {
	if (!batch_head_like(in)) return false;
	if (get_u32(in + 4) != crc32c(0, in + 8, BATCH_HEAD_BYTES - 8)) return false;
	if (get_u64(in + 8) != nonce || get_u64(in + 16) != offset) return false;
	*first_seq = get_u64(in + 24);
	return true;
}
