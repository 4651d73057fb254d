/* CRC-32C, SipHash-1-3, SHA-256. Knows nothing of files or keys. */
#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "base/assert.h"

enum { SHA256_BLOCK_BYTES = 64 };

/* crc_table[k][b]: byte b followed by k zero bytes ("slicing-by-4"). */
static uint32_t crc_table[4][256];

__attribute__((constructor)) static void crc_table_fill(void) {
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;
		for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
		crc_table[0][b] = crc;
	}
	for (int k = 1; k < 4; k++)
		for (int b = 0; b < 256; b++) {
			uint32_t prev = crc_table[k - 1][b];
			crc_table[k][b] = prev >> 8 ^ crc_table[0][prev & 255];
		}
}

uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len) {
	const uint8_t *p = bytes;
	crc = ~crc;
	for (; len >= 4; p += 4, len -= 4) {
		uint32_t word;
		memcpy(&word, p, 4);
		crc ^= word;
		crc = crc_table[3][crc & 255] ^ crc_table[2][crc >> 8 & 255] ^
		      crc_table[1][crc >> 16 & 255] ^ crc_table[0][crc >> 24];
	}
	for (; len; len--) crc = crc >> 8 ^ crc_table[0][(crc ^ *p++) & 255];
	return ~crc;
}

#ifdef __x86_64__
/* One stream: 8 bytes per 3 cycles. Three interleaved streams would be faster only
 * where a record is many KiB, and need a second set of tables. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *p,
                                                               size_t len) {
	uint64_t state = ~crc;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		state = _mm_crc32_u64(state, word);
	}
	for (; len; len--) state = _mm_crc32_u8((uint32_t)state, *p++);
	return ~(uint32_t)state;
}
#endif

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len) {
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42(crc, bytes, len);
#endif
	return crc32c_portable(crc, bytes, len);
}

uint64_t mix64(uint64_t x) {
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static inline uint64_t rotate_left(uint64_t x, int bits) {
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4]) {
	v[0] += v[1];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[3];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[2] = rotate_left(v[2], 32);
}

uint64_t siphash13(const uint64_t seed[2], const void *bytes, size_t len) {
	const uint8_t *p = bytes;
	uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
	                 seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
	uint64_t word;
	size_t left = len;
	for (; left >= 8; p += 8, left -= 8) {
		memcpy(&word, p, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)len << 56;
	for (size_t i = 0; i < left; i++) word |= (uint64_t)p[i] << (8 * i);
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++) sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Fetching a digest and making a context cost more than hashing a short input:
 * the digest is fetched once a process, a context made once a thread. */
static EVP_MD *sha256_md;
static pthread_key_t sha256_key;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static _Thread_local EVP_MD_CTX *sha256_ctx;

static void sha256_ctx_free(void *ctx) {
	EVP_MD_CTX_free(ctx);
}

static void sha256_set_up(void) {
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
	ASSERT(sha256_md);
	ASSERT(pthread_key_create(&sha256_key, sha256_ctx_free) == 0);
}

static EVP_MD_CTX *sha256_begin(void) {
	if (sha256_ctx) {
		ASSERT(EVP_DigestInit_ex2(sha256_ctx, NULL, NULL));
		return sha256_ctx;
	}
	ASSERT(pthread_once(&sha256_once, sha256_set_up) == 0);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ASSERT(ctx && EVP_DigestInit_ex2(ctx, sha256_md, NULL));
	ASSERT(pthread_setspecific(sha256_key, ctx) == 0); /* freed when the thread ends */
	sha256_ctx = ctx;
	return ctx;
}

static void sha256_add(EVP_MD_CTX *ctx, const void *bytes, size_t len) {
	if (len) ASSERT(EVP_DigestUpdate(ctx, bytes, len));
}

static void sha256_finish(EVP_MD_CTX *ctx, const struct slice *parts, int n,
                          uint8_t out[SHA256_BYTES]) {
	for (int i = 0; i < n; i++) sha256_add(ctx, parts[i].ptr, parts[i].len);
	ASSERT(EVP_DigestFinal_ex(ctx, out, NULL));
}

void sha256(const struct slice *parts, int n, uint8_t out[SHA256_BYTES]) {
	sha256_finish(sha256_begin(), parts, n, out);
}

/* RFC 2104 by hand over the kept context: EVP_MAC makes and fetches anew each time. */
void hmac_sha256(struct slice key, const struct slice *parts, int n, uint8_t out[SHA256_BYTES]) {
	uint8_t pad[SHA256_BLOCK_BYTES] = {0}, inner[SHA256_BYTES];
	if (key.len > sizeof pad) {
		sha256(&key, 1, pad);
	} else if (key.len) {
		memcpy(pad, key.ptr, key.len);
	}
	for (size_t i = 0; i < sizeof pad; i++) pad[i] ^= 0x36;
	EVP_MD_CTX *ctx = sha256_begin();
	sha256_add(ctx, pad, sizeof pad);
	sha256_finish(ctx, parts, n, inner);
	for (size_t i = 0; i < sizeof pad; i++) pad[i] ^= 0x36 ^ 0x5c;
	ctx = sha256_begin();
	sha256_add(ctx, pad, sizeof pad);
	sha256_finish(ctx, &(struct slice){inner, sizeof inner}, 1, out);
	OPENSSL_cleanse(pad, sizeof pad);
	OPENSSL_cleanse(inner, sizeof inner);
}
