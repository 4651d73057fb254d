/* Little-endian encoding into a caller's memory and out of a slice. Errors stick:
 * write or read on, then ask `ok` once. A reader never goes past its end and
 * returns 0 or an empty slice after the first failure. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

static inline void put_u16(uint8_t *p, uint16_t v) { memcpy(p, &v, 2); }
static inline void put_u32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void put_u64(uint8_t *p, uint64_t v) { memcpy(p, &v, 8); }
static inline uint16_t get_u16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static inline uint32_t get_u32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t get_u64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }

struct bytes_reader {
	struct slice rest;
	bool failed;
};
static inline struct bytes_reader bytes_reader(struct slice s) {
	return (struct bytes_reader){s, false};
}
uint8_t bytes_u8(struct bytes_reader *r);
uint16_t bytes_u16(struct bytes_reader *r);
uint32_t bytes_u32(struct bytes_reader *r);
uint64_t bytes_u64(struct bytes_reader *r);
struct slice bytes_take(struct bytes_reader *r, size_t len);
static inline bool bytes_end(const struct bytes_reader *r) { return !r->failed && r->rest.len == 0; }

struct bytes_writer {
	uint8_t *ptr;
	size_t len, cap;
	bool failed;
};
static inline struct bytes_writer bytes_writer(void *ptr, size_t cap) {
	return (struct bytes_writer){ptr, 0, cap, false};
}
void bytes_put_u8(struct bytes_writer *w, uint8_t v);
void bytes_put_u16(struct bytes_writer *w, uint16_t v);
void bytes_put_u32(struct bytes_writer *w, uint32_t v);
void bytes_put_u64(struct bytes_writer *w, uint64_t v);
void bytes_put(struct bytes_writer *w, struct slice s);

/* Lower-case hex, the only spelling that is read; out has room for 2*len+1 / len bytes.
 * What is not an encoding is ERR_INVALID; out may then be half written. */
void hex_encode(struct slice in, char *out);
MUST enum err hex_decode(struct slice in, uint8_t *out, size_t out_len); /* in.len must be 2*out_len */
/* base64url without padding (RFC 4648 section 5). out of size (len*4+2)/3+1, NUL-terminated.
 * Decoding: ERR_TOO_LARGE over out_cap, ERR_INVALID for any but the canonical text. */
size_t base64url_encode(struct slice in, char *out);
MUST enum err base64url_decode(struct slice in, uint8_t *out, size_t out_cap, size_t *out_len);
/* Base64 with padding (RFC 4648 section 4), likewise; out of size (len+2)/3*4+1. */
size_t base64_encode(struct slice in, char *out);
MUST enum err base64_decode(struct slice in, uint8_t *out, size_t out_cap, size_t *out_len);
