/* Hashes against published vectors and against OpenSSL's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

/* RFC 3720, B.4, and the check value of the CRC catalogue. */
static void crc32c_vectors(void **state) {
	uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
	memset(ones, 0xff, 32);
	for (int i = 0; i < 32; i++) {
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
	}
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, down, 32), 0x113fdb5c);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_portable(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, NULL, 0), 0);
	assert_int_equal(crc32c(0x1234, NULL, 0), 0x1234);
}

static void crc32c_any_alignment_any_split(void **state) {
	uint8_t mem[300];
	for (size_t i = 0; i < sizeof mem; i++) mem[i] = (uint8_t)(i * 131 + 7);
	for (size_t start = 0; start < 9; start++)
		for (size_t len = 0; len < 280; len += 7) {
			uint32_t whole = crc32c(0, mem + start, len);
			assert_int_equal(whole, crc32c_portable(0, mem + start, len));
			size_t cut = len / 3;
			uint32_t split =
				crc32c(crc32c(0, mem + start, cut), mem + start + cut, len - cut);
			assert_int_equal(whole, split);
		}
}

static void crc32c_sees_every_bit(void **state) {
	uint8_t mem[64];
	for (size_t i = 0; i < sizeof mem; i++) mem[i] = (uint8_t)i;
	uint32_t good = crc32c(0, mem, sizeof mem);
	for (size_t bit = 0; bit < sizeof mem * 8; bit++) {
		mem[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(crc32c(0, mem, sizeof mem), good);
		mem[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static uint64_t openssl_siphash13(const uint64_t seed[2], const uint8_t *bytes, size_t len) {
	unsigned c_rounds = 1, d_rounds = 3;
	size_t size = 8, got = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c_rounds),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d_rounds),
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	uint8_t key[16], out[8];
	put_u64(key, seed[0]);
	put_u64(key + 8, seed[1]);
	assert_true(EVP_MAC_init(ctx, key, sizeof key, params));
	assert_true(EVP_MAC_update(ctx, bytes, len));
	assert_true(EVP_MAC_final(ctx, out, &got, sizeof out) && got == 8);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return get_u64(out);
}

static void siphash13_matches_openssl(void **state) {
	const uint64_t seed[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	uint8_t mem[64];
	for (int i = 0; i < 64; i++) mem[i] = (uint8_t)i;
	assert_true(siphash13(seed, NULL, 0) == 0xabac0158050fc4dc);
	for (size_t len = 0; len <= sizeof mem; len++)
		assert_true(siphash13(seed, mem, len) == openssl_siphash13(seed, mem, len));
}

static void siphash_needs_its_seed(void **state) {
	const uint64_t a[2] = {1, 2}, b[2] = {1, 3}, c[2] = {2, 2};
	assert_true(siphash13(a, "key", 3) != siphash13(b, "key", 3));
	assert_true(siphash13(a, "key", 3) != siphash13(c, "key", 3));
}

static void mix64_vectors(void **state) {
	/* splitmix64 with seed 1234567: its first two outputs. */
	const uint64_t gamma = 0x9e3779b97f4a7c15;
	assert_true(mix64(1234567 + gamma) == 6457827717110365317u);
	assert_true(mix64(1234567 + 2 * gamma) == 3203168211198807973u);
	assert_true(mix64(0) == 0);
}

static void expect_hex(const uint8_t *bytes, const char *hex) {
	char text[2 * SHA256_BYTES + 1];
	hex_encode(slice_of(bytes, SHA256_BYTES), text);
	assert_string_equal(text, hex);
}

/* FIPS 180-4 examples. */
static void sha256_vectors(void **state) {
	uint8_t out[SHA256_BYTES];
	sha256(NULL, 0, out);
	expect_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	struct slice abc[] = {slice_str("a"), slice_of(NULL, 0), slice_str("bc")};
	sha256(abc, 3, out);
	expect_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	struct slice two = slice_str("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
	sha256(&two, 1, out);
	expect_hex(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231, cases 1, 2, 3 and 6 (a key longer than a block). */
static void hmac_vectors(void **state) {
	uint8_t key[131], data[50], out[SHA256_BYTES];
	memset(key, 0x0b, 20);
	struct slice hi[] = {slice_str("Hi "), slice_str("There")};
	hmac_sha256(slice_of(key, 20), hi, 2, out);
	expect_hex(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	struct slice what = slice_str("what do ya want for nothing?");
	hmac_sha256(slice_str("Jefe"), &what, 1, out);
	expect_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof key);
	memset(data, 0xdd, sizeof data);
	struct slice dd = slice_of(data, sizeof data);
	hmac_sha256(slice_of(key, 20), &dd, 1, out);
	expect_hex(out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	struct slice big = slice_str("Test Using Larger Than Block-Size Key - Hash Key First");
	hmac_sha256(slice_of(key, 131), &big, 1, out);
	expect_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_key_lengths_match_openssl(void **state) {
	uint8_t key[200], ours[SHA256_BYTES], theirs[SHA256_BYTES];
	for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)(i * 7);
	struct slice text = slice_str("text");
	for (size_t len = 0; len < sizeof key; len++) {
		hmac_sha256(slice_of(len ? key : NULL, len), &text, 1, ours);
		assert_non_null(
			HMAC(EVP_sha256(), key, (int)len, text.ptr, text.len, theirs, NULL));
		assert_memory_equal(ours, theirs, SHA256_BYTES);
	}
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *hash_in_thread(void *arg) {
	uint8_t first[SHA256_BYTES], again[SHA256_BYTES];
	struct slice text = slice_of(arg, strlen(arg));
	sha256(&text, 1, first);
	for (int i = 0; i < ROUNDS; i++) {
		sha256(&text, 1, again);
		if (memcmp(first, again, SHA256_BYTES) != 0) return NULL;
		hmac_sha256(text, &text, 1, again);
	}
	return arg;
}

static void threads_do_not_share_state(void **state) {
	static char texts[THREADS][8] = {"one", "two", "three", "four"};
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_in_thread, texts[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, texts[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_vectors),
		cmocka_unit_test(crc32c_any_alignment_any_split),
		cmocka_unit_test(crc32c_sees_every_bit),
		cmocka_unit_test(siphash13_matches_openssl),
		cmocka_unit_test(siphash_needs_its_seed),
		cmocka_unit_test(mix64_vectors),
		cmocka_unit_test(sha256_vectors),
		cmocka_unit_test(hmac_vectors),
		cmocka_unit_test(hmac_key_lengths_match_openssl),
		cmocka_unit_test(threads_do_not_share_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
