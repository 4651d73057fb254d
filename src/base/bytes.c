/* Little-endian encoding, hex and base64. What is decoded here comes from
 * disks and peers: every read is checked, every spelling but one is refused. */
#include "base/bytes.h"

#include "base/assert.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "files and frames are little-endian and read with memcpy");

struct slice bytes_take(struct bytes_reader *r, size_t len) {
	if (r->failed || len > r->rest.len) {
		r->failed = true;
		return slice_of(NULL, 0);
	}
	struct slice taken = slice_of(r->rest.ptr, len);
	if (len) r->rest.ptr += len;
	r->rest.len -= len;
	return taken;
}

uint8_t bytes_u8(struct bytes_reader *r) {
	struct slice s = bytes_take(r, 1);
	return s.len ? s.ptr[0] : 0;
}

uint16_t bytes_u16(struct bytes_reader *r) {
	struct slice s = bytes_take(r, 2);
	return s.len ? get_u16(s.ptr) : 0;
}

uint32_t bytes_u32(struct bytes_reader *r) {
	struct slice s = bytes_take(r, 4);
	return s.len ? get_u32(s.ptr) : 0;
}

uint64_t bytes_u64(struct bytes_reader *r) {
	struct slice s = bytes_take(r, 8);
	return s.len ? get_u64(s.ptr) : 0;
}

void bytes_put(struct bytes_writer *w, struct slice s) {
	if (w->failed || s.len > w->cap - w->len) {
		w->failed = true;
		return;
	}
	if (s.len) memcpy(w->ptr + w->len, s.ptr, s.len);
	w->len += s.len;
}

void bytes_put_u8(struct bytes_writer *w, uint8_t v) {
	bytes_put(w, slice_of(&v, 1));
}

void bytes_put_u16(struct bytes_writer *w, uint16_t v) {
	bytes_put(w, slice_of(&v, 2));
}

void bytes_put_u32(struct bytes_writer *w, uint32_t v) {
	bytes_put(w, slice_of(&v, 4));
}

void bytes_put_u64(struct bytes_writer *w, uint64_t v) {
	bytes_put(w, slice_of(&v, 8));
}

void hex_encode(struct slice in, char *out) {
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < in.len; i++) {
		*out++ = digits[in.ptr[i] >> 4];
		*out++ = digits[in.ptr[i] & 15];
	}
	*out = '\0';
}

static int hex_value(uint8_t c) {
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	return -1;
}

enum err hex_decode(struct slice in, uint8_t *out, size_t out_len) {
	if (in.len % 2 || in.len / 2 != out_len) return ERR_INVALID;
	for (size_t i = 0; i < out_len; i++) {
		int high = hex_value(in.ptr[2 * i]), low = hex_value(in.ptr[2 * i + 1]);
		if (high < 0 || low < 0) return ERR_INVALID;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return ERR_OK;
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode_digits(struct slice in, const char *digits, char *out) {
	size_t len = 0;
	uint32_t bits = 0;
	int held = 0; /* bits not yet written */
	for (size_t i = 0; i < in.len; i++) {
		bits = bits << 8 | in.ptr[i];
		for (held += 8; held >= 6; held -= 6) out[len++] = digits[bits >> (held - 6) & 63];
	}
	if (held) out[len++] = digits[bits << (6 - held) & 63];
	return len;
}

static int digit_value(uint8_t c, const char *digits) {
	if (c >= 'A' && c <= 'Z') return c - 'A';
	if (c >= 'a' && c <= 'z') return c - 'a' + 26;
	if (c >= '0' && c <= '9') return c - '0' + 52;
	if (c == (uint8_t)digits[62]) return 62;
	return c == (uint8_t)digits[63] ? 63 : -1;
}

static enum err decode_digits(struct slice in, const char *digits, uint8_t *out, size_t out_cap,
                              size_t *out_len) {
	if (in.len % 4 == 1) return ERR_INVALID;
	if (in.len / 4 * 3 + in.len % 4 * 3 / 4 > out_cap) return ERR_TOO_LARGE;
	size_t len = 0;
	uint32_t bits = 0;
	int held = 0;
	for (size_t i = 0; i < in.len; i++) {
		int value = digit_value(in.ptr[i], digits);
		if (value < 0) return ERR_INVALID;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held < 8) continue;
		held -= 8;
		out[len++] = (uint8_t)(bits >> held);
	}
	/* Left-over bits must be zero, or two texts would decode to the same bytes. */
	if (bits & ((1u << held) - 1)) return ERR_INVALID;
	ASSERT(len <= out_cap);
	*out_len = len;
	return ERR_OK;
}

size_t base64url_encode(struct slice in, char *out) {
	size_t len = encode_digits(in, base64url_digits, out);
	out[len] = '\0';
	return len;
}

enum err base64url_decode(struct slice in, uint8_t *out, size_t out_cap, size_t *out_len) {
	return decode_digits(in, base64url_digits, out, out_cap, out_len);
}

size_t base64_encode(struct slice in, char *out) {
	size_t len = encode_digits(in, base64_digits, out);
	while (len % 4) out[len++] = '=';
	out[len] = '\0';
	return len;
}

enum err base64_decode(struct slice in, uint8_t *out, size_t out_cap, size_t *out_len) {
	if (in.len % 4) return ERR_INVALID;
	for (int i = 0; i < 2 && in.len && in.ptr[in.len - 1] == '='; i++) in.len--;
	return decode_digits(in, base64_digits, out, out_cap, out_len);
}
