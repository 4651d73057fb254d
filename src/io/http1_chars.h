/* Private to the HTTP/1.1 codec: byte classes and the scans over them. One table
 * read a byte; sixteen bytes at a time where SSE2 is there. No scan reads at or
 * beyond `end`. */
#pragma once
#include "base/slice.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	CHAR_TOKEN = 1,  /* RFC 9110 5.6.2 tchar */
	CHAR_TARGET = 2, /* visible ASCII except '#': what may stand in a request target */
	CHAR_VALUE = 4,  /* RFC 9110 5.5: HTAB, SP, VCHAR, obs-text */
	CHAR_HOST = 8,   /* RFC 3986 3.2.2 and 3.2.3: reg-name, IP literal, port */
	CHAR_PLAIN = 16, /* RFC 3986 2.3 unreserved: never needs percent-encoding */
	CHAR_DIGIT = 32,
};
extern const uint8_t http1_char_class[256];

static inline bool char_is(uint8_t c, unsigned class) {
	return http1_char_class[c] & class;
}

static inline int char_hex(uint8_t c) { /* -1 when c is no hexadecimal digit */
	if (c >= '0' && c <= '9') return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline const uint8_t *scan_class(const uint8_t *p, const uint8_t *end, unsigned class) {
	while (p < end && char_is(*p, class)) p++;
	return p;
}

/* First byte that is not CHAR_VALUE, or end. */
static inline const uint8_t *scan_value(const uint8_t *p, const uint8_t *end) {
#ifdef __SSE2__
	const __m128i control = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t');
	const __m128i del = _mm_set1_epi8(0x7f);
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, control), x);
		__m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(x, tab), low),
		                           _mm_cmpeq_epi8(x, del));
		unsigned mask = (unsigned)_mm_movemask_epi8(bad);
		if (mask) return p + __builtin_ctz(mask);
	}
#endif
	return scan_class(p, end, CHAR_VALUE);
}

/* First byte that is not CHAR_TARGET, or end. */
static inline const uint8_t *scan_target(const uint8_t *p, const uint8_t *end) {
#ifdef __SSE2__
	const __m128i space = _mm_set1_epi8(0x20), del = _mm_set1_epi8(0x7f);
	const __m128i hash = _mm_set1_epi8('#');
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* signed: bytes from 0x80 up count as below space */
		__m128i visible = _mm_cmpgt_epi8(x, space);
		__m128i bad = _mm_or_si128(_mm_cmpeq_epi8(x, del), _mm_cmpeq_epi8(x, hash));
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_andnot_si128(bad, visible));
		if (mask != 0xffff) return p + __builtin_ctz(~mask);
	}
#endif
	return scan_class(p, end, CHAR_TARGET);
}
