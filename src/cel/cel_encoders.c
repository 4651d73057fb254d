/* Base64, the standard alphabet (RFC 4648 section 4): written with padding, read with or without. */
#include "cel/cel_room.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One to three bytes as four characters. */
static void encode_group(const uint8_t *in, size_t len, char *out) {
	uint32_t bits = (uint32_t)in[0] << 16;
	if (len > 1) bits |= (uint32_t)in[1] << 8;
	if (len > 2) bits |= in[2];
	for (size_t i = 0; i < 4; i++)
		out[i] = i <= len ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
}

static void encode(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	char *text = cel_room_text(c, (s.len + 2) / 3 * 4, out);
	for (size_t i = 0; text && i < s.len; i += 3)
		encode_group(s.ptr + i, s.len - i < 3 ? s.len - i : 3, text + i / 3 * 4);
}

/* 64: no such character. */
static uint32_t digit(uint8_t c) {
	if (c >= 'A' && c <= 'Z') return c - 'A' + 0u;
	if (c >= 'a' && c <= 'z') return c - 'a' + 26u;
	if (c >= '0' && c <= '9') return c - '0' + 52u;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Padding, where there is any, must fill up the last group of four. */
static bool strip_padding(struct slice *s) {
	size_t len = s->len;
	while (s->len && len - s->len < 2 && s->ptr[s->len - 1] == '=') s->len--;
	return (len == s->len || len % 4 == 0) && s->len % 4 != 1;
}

static bool decode_into(struct slice s, char *out) {
	uint32_t bits = 0;
	for (size_t i = 0; i < s.len; i++) {
		uint32_t value = digit(s.ptr[i]);
		if (value == 64) return false;
		bits = bits << 6 | value;
		if (i % 4) *out++ = (char)(bits >> (6 - 2 * (i % 4)));
	}
	return true;
}

static void decode(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	if (!strip_padding(&s)) {
		*out = cel_error(CEL_FAULT_CONVERT);
		return;
	}
	char *bytes = cel_room_text(c, s.len * 3 / 4, out);
	if (!bytes) return;
	out->kind = CEL_BYTES;
	if (!decode_into(s, bytes)) *out = cel_error(CEL_FAULT_CONVERT);
}

static const struct cel_overload overloads[] = {
	{"base64_encode_bytes", "base64.encode", "(bytes) -> string", encode, .cost = 1},
	{"base64_decode_string", "base64.decode", "(string) -> bytes", decode, .cost = 1},
};

const struct cel_library cel_library_encoders = {"encoders", overloads, CEL_COUNT(overloads)};
