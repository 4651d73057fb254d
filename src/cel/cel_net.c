/* IP addresses and networks: parsing by hand, because inet_pton takes what must be refused and
 * printing must be canonical. */
#include "cel/cel_net.h"

#include <stdio.h>

enum { V4_BYTES = 4, V6_BYTES = 16, GROUPS = 8 };

/* --- reading ------------------------------------------------------------------------------------ */

/* A decimal number without leading zeros, at most three digits. */
static bool take_decimal(struct slice *s, int max, int *out) {
	int value = 0;
	size_t n = 0;
	for (; n < s->len && n < 4 && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++)
		value = value * 10 + (s->ptr[n] - '0');
	if (n == 0 || n > 3 || value > max || (n > 1 && s->ptr[0] == '0')) return false;
	*s = slice_of(s->ptr + n, s->len - n);
	*out = value;
	return true;
}

static bool take_char(struct slice *s, char c) {
	if (s->len == 0 || *s->ptr != (uint8_t)c) return false;
	*s = slice_of(s->ptr + 1, s->len - 1);
	return true;
}

static bool parse_v4(struct slice s, uint8_t out[V4_BYTES]) {
	for (int i = 0; i < V4_BYTES; i++) {
		int part;
		if (i && !take_char(&s, '.')) return false;
		if (!take_decimal(&s, 255, &part)) return false;
		out[i] = (uint8_t)part;
	}
	return s.len == 0;
}

static int hex_digit(uint8_t c) {
	if (c >= '0' && c <= '9') return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_group(struct slice *s, uint8_t out[2]) {
	unsigned value = 0;
	size_t n = 0;
	for (; n < s->len && n < 4 && hex_digit(s->ptr[n]) >= 0; n++)
		value = value << 4 | (unsigned)hex_digit(s->ptr[n]);
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	*s = slice_of(s->ptr + n, s->len - n);
	return n > 0;
}

static bool has_dot_before_colon(struct slice s) {
	for (size_t i = 0; i < s.len && s.ptr[i] != ':'; i++)
		if (s.ptr[i] == '.') return true;
	return false;
}

/* Groups and at most one "::", which stands for at least one group of zeros. */
struct v6 {
	uint8_t bytes[V6_BYTES];
	int used; /* bytes so far */
	int gap;  /* where "::" stood, or -1 */
	bool dotted;
};

static bool take_tail(struct slice s, struct v6 *v) {
	if (v->used > V6_BYTES - V4_BYTES || !parse_v4(s, v->bytes + v->used)) return false;
	v->used += V4_BYTES;
	v->dotted = true;
	return true;
}

static bool take_groups(struct slice s, struct v6 *v) {
	while (s.len) {
		if (has_dot_before_colon(s)) return take_tail(s, v);
		if (v->used == V6_BYTES || !take_group(&s, v->bytes + v->used)) return false;
		v->used += 2;
		if (s.len == 0) return true;
		if (!take_char(&s, ':') || s.len == 0) return false; /* a lone ':' at the end */
		if (!take_char(&s, ':')) continue;
		if (v->gap >= 0) return false;
		v->gap = v->used;
	}
	return true;
}

static bool parse_v6(struct slice s, struct v6 *v) {
	*v = (struct v6){.gap = -1};
	if (s.len >= 2 && s.ptr[0] == ':' && s.ptr[1] == ':') {
		v->gap = 0;
		s = slice_of(s.ptr + 2, s.len - 2);
	}
	if (!take_groups(s, v)) return false;
	if (v->gap < 0) return v->used == V6_BYTES;
	int after = v->used - v->gap;
	if (v->used == V6_BYTES) return false;
	memmove(v->bytes + V6_BYTES - after, v->bytes + v->gap, (size_t)after);
	memset(v->bytes + v->gap, 0, (size_t)(V6_BYTES - v->used));
	return true;
}

static bool is_mapped(const uint8_t bytes[V6_BYTES]) {
	static const uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return memcmp(bytes, prefix, sizeof prefix) == 0;
}

bool cel_ip_parse(struct slice s, bool mapped, struct cel_net *out) {
	*out = (struct cel_net){.family = 4, .prefix = V4_BYTES * 8};
	struct v6 v;
	if (parse_v4(s, out->bytes)) return true;
	if (!parse_v6(s, &v)) return false;
	bool maps = is_mapped(v.bytes);
	if (maps && v.dotted && !mapped) return false;
	*out = (struct cel_net){.family = maps ? 4 : 6,
	                        .prefix = maps ? V4_BYTES * 8 : V6_BYTES * 8};
	if (maps)
		memcpy(out->bytes, v.bytes + V6_BYTES - V4_BYTES, V4_BYTES);
	else
		memcpy(out->bytes, v.bytes, V6_BYTES);
	return true;
}

bool cel_cidr_parse(struct slice s, struct cel_net *out) {
	const uint8_t *slash = s.len ? memchr(s.ptr, '/', s.len) : NULL;
	if (!slash) return false;
	struct slice address = slice_of(s.ptr, (size_t)(slash - s.ptr));
	struct slice length = slice_of(slash + 1, s.len - address.len - 1);
	struct v6 v;
	int prefix;
	*out = (struct cel_net){.family = 4};
	if (!parse_v4(address, out->bytes)) {
		if (!parse_v6(address, &v) || is_mapped(v.bytes)) return false;
		out->family = 6;
		memcpy(out->bytes, v.bytes, V6_BYTES);
	}
	if (!take_decimal(&length, out->family == 4 ? 32 : 128, &prefix) || length.len)
		return false;
	out->prefix = (uint8_t)prefix;
	return true;
}

/* --- tests --------------------------------------------------------------------------------------- */

static uint8_t mask_of(int prefix, int byte) {
	int bits = prefix - byte * 8;
	return bits >= 8 ? 0xff : bits <= 0 ? 0 : (uint8_t)(0xff << (8 - bits));
}

bool cel_net_contains(const struct cel_net *network, const struct cel_net *n) {
	if (network->family != n->family || network->prefix > n->prefix) return false;
	for (int i = 0; i * 8 < network->prefix; i++)
		if ((network->bytes[i] ^ n->bytes[i]) & mask_of(network->prefix, i)) return false;
	return true;
}

struct cel_net cel_net_masked(const struct cel_net *network) {
	struct cel_net masked = *network;
	for (int i = 0; i < V6_BYTES; i++) masked.bytes[i] &= mask_of(network->prefix, i);
	return masked;
}

/* --- writing -------------------------------------------------------------------------------------- */

static unsigned group(const struct cel_net *n, int i) {
	return (unsigned)n->bytes[i * 2] << 8 | n->bytes[i * 2 + 1];
}

/* The first longest run of at least two zero groups; *count 0: none. */
static int zero_run(const struct cel_net *n, int *count) {
	int best = -1;
	*count = 1;
	for (int start = 0; start < GROUPS; start++) {
		int end = start;
		while (end < GROUPS && group(n, end) == 0) end++;
		if (end - start <= *count) continue;
		best = start;
		*count = end - start;
	}
	return best;
}

static size_t print_v6(const struct cel_net *n, char *out) {
	int count, run = zero_run(n, &count);
	size_t len = 0;
	for (int i = 0; i < GROUPS; i++) {
		if (i == run) {
			len += (size_t)snprintf(out + len, CEL_NET_MAX - len, "::");
			i += count - 1;
			continue;
		}
		const char *colon = i && i != run + count ? ":" : "";
		if (run < 0 && i) colon = ":";
		len += (size_t)snprintf(out + len, CEL_NET_MAX - len, "%s%x", colon, group(n, i));
	}
	return len;
}

size_t cel_net_print(const struct cel_value *v, char *out) {
	const struct cel_net *n = v->net;
	size_t len = n->family == 6 ? print_v6(n, out)
	                            : (size_t)snprintf(out, CEL_NET_MAX, "%u.%u.%u.%u", n->bytes[0],
	                                               n->bytes[1], n->bytes[2], n->bytes[3]);
	if (v->kind == CEL_CIDR)
		len += (size_t)snprintf(out + len, CEL_NET_MAX - len, "/%u", n->prefix);
	return len;
}
