/* Checksums and hashes. Any thread. */
#pragma once
#include "base/slice.h"

/* CRC-32C (Castagnoli, RFC 3720 B.4), hardware where there is any; crc is the running
 * value, 0 to start: crc32c(crc32c(0,a),b) == crc32c(0,ab). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
/* The same without hardware; here so that a test can hold the two to each other. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len);

uint64_t siphash13(const uint64_t seed[2], const void *bytes, size_t len);
uint64_t mix64(uint64_t x); /* splitmix64 finaliser: a bijection */

enum { SHA256_BYTES = 32 };
/* Of the concatenation of n parts. OpenSSL underneath; fast for short inputs (fetched once). */
void sha256(const struct slice *parts, int n, uint8_t out[SHA256_BYTES]);
void hmac_sha256(struct slice key, const struct slice *parts, int n, uint8_t out[SHA256_BYTES]);
