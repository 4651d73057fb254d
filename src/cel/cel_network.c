/* The network extension: ip(), cidr(), what they are and whether one holds the other. isInRange is
 * ours: the everyday rule, over texts and without allocating. */
#include <stdlib.h>

#include "cel/cel_net.h"
#include "cel/cel_room.h"

static void make(struct cel_call *c, enum cel_kind kind, const struct cel_net *n,
                 struct cel_value *out) {
	struct cel_net *copy = cel_room_bytes(c, sizeof *copy, out);
	if (!copy) return;
	*copy = *n;
	*out = (struct cel_value){.kind = (uint8_t)kind, .net = copy};
}

/* --- texts ---------------------------------------------------------------------------------------- */

static void string_to_ip(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_net n;
	if (cel_ip_parse(cel_slice(&args[0]), false, &n))
		make(c, CEL_IP, &n, out);
	else
		*out = cel_error(CEL_FAULT_CONVERT);
}

static void string_to_cidr(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	struct cel_net n;
	if (cel_cidr_parse(cel_slice(&args[0]), &n))
		make(c, CEL_CIDR, &n, out);
	else
		*out = cel_error(CEL_FAULT_CONVERT);
}

static void is_ip(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_net n;
	*out = cel_bool(cel_ip_parse(cel_slice(&args[0]), false, &n));
}

static void is_cidr(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_net n;
	*out = cel_bool(cel_cidr_parse(cel_slice(&args[0]), &n));
}

static void is_canonical(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_net n;
	if (!cel_ip_parse(cel_slice(&args[0]), false, &n)) {
		*out = cel_error(CEL_FAULT_CONVERT);
		return;
	}
	char text[CEL_NET_MAX];
	struct cel_value v = {.kind = CEL_IP, .net = &n};
	size_t len = cel_net_print(&v, text);
	*out = cel_bool(slice_eq(cel_slice(&args[0]), slice_of(text, len)));
}

static void to_string(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	char text[CEL_NET_MAX];
	size_t len = cel_net_print(&args[0], text);
	*out = cel_make_string(c->arena, slice_of(text, len));
}

/* --- addresses --------------------------------------------------------------------------------------- */

/* Networks that have a name. */
/* clang-format off */
static const struct cel_net
	unspecified_4    = {{0}, 4, 32},
	unspecified_6    = {{0}, 6, 128},
	loopback_4       = {{127}, 4, 8},
	loopback_6       = {{[15] = 1}, 6, 128},
	link_local_4     = {{169, 254}, 4, 16},
	link_local_6     = {{0xfe, 0x80}, 6, 10},
	multicast_4      = {{224}, 4, 4},
	multicast_6      = {{0xff}, 6, 8},
	link_multicast_4 = {{224}, 4, 24},
	broadcast_4      = {{255, 255, 255, 255}, 4, 32};
/* clang-format on */

static bool in_either(const struct cel_net *n, const struct cel_net *a, const struct cel_net *b) {
	return cel_net_contains(a, n) || cel_net_contains(b, n);
}

/* Of IPv6 whatever the flags: ff02::, ff12::, … */
static bool in_link_multicast(const struct cel_net *n) {
	bool v6 = n->family == 6 && n->bytes[0] == 0xff && (n->bytes[1] & 0x0f) == 0x02;
	return v6 || cel_net_contains(&link_multicast_4, n);
}

static bool in_global_unicast(const struct cel_net *n) {
	return !in_either(n, &unspecified_4, &unspecified_6) &&
	       !in_either(n, &loopback_4, &loopback_6) &&
	       !in_either(n, &multicast_4, &multicast_6) &&
	       !in_either(n, &link_local_4, &link_local_6) && !cel_net_contains(&broadcast_4, n);
}

#define OF_NET(name, result)                                                                       \
	static void name(struct cel_call *c, const struct cel_value *args,                         \
	                 struct cel_value *out) {                                                  \
		const struct cel_net *n = args[0].net;                                             \
		*out = result;                                                                     \
	}

OF_NET(family, cel_int(n->family))
OF_NET(is_unspecified, cel_bool(in_either(n, &unspecified_4, &unspecified_6)))
OF_NET(is_loopback, cel_bool(in_either(n, &loopback_4, &loopback_6)))
OF_NET(is_link_local_unicast, cel_bool(in_either(n, &link_local_4, &link_local_6)))
OF_NET(is_link_local_multicast, cel_bool(in_link_multicast(n)))
OF_NET(is_global_unicast, cel_bool(in_global_unicast(n)))
OF_NET(prefix_length, cel_int(n->prefix))

/* --- networks ------------------------------------------------------------------------------------- */

static void cidr_ip(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_net n = *args[0].net;
	n.prefix = n.family == 4 ? 32 : 128;
	make(c, CEL_IP, &n, out);
}

static void masked(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_net n = cel_net_masked(args[0].net);
	make(c, CEL_CIDR, &n, out);
}

static void is_mask(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_net n = cel_net_masked(args[0].net);
	*out = cel_bool(memcmp(n.bytes, args[0].net->bytes, sizeof n.bytes) == 0);
}

static void contains(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_bool(cel_net_contains(args[0].net, args[1].net));
}

static void contains_ip_string(struct cel_call *c, const struct cel_value *args,
                               struct cel_value *out) {
	struct cel_net n;
	if (cel_ip_parse(cel_slice(&args[1]), false, &n))
		*out = cel_bool(cel_net_contains(args[0].net, &n));
	else
		*out = cel_error(CEL_FAULT_CONVERT);
}

static void contains_cidr_string(struct cel_call *c, const struct cel_value *args,
                                 struct cel_value *out) {
	struct cel_net n;
	if (cel_cidr_parse(cel_slice(&args[1]), &n))
		*out = cel_bool(cel_net_contains(args[0].net, &n));
	else
		*out = cel_error(CEL_FAULT_CONVERT);
}

/* --- isInRange -------------------------------------------------------------------------------------- */

/* NULL: no network. A constant one was parsed when the program was made. */
static const struct cel_net *network_of(const struct cel_call *c, const struct cel_value *v,
                                        struct cel_net *room) {
	if (v->kind == CEL_CIDR) return v->net;
	if (c->data) return c->data;
	return cel_cidr_parse(cel_slice(v), room) ? room : NULL;
}

/* Clients on dual-stack sockets come as "::ffff:10.0.0.1" and are who they are without that. */
static void is_in_range(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_net address, room;
	const struct cel_net *ip = args[0].kind == CEL_IP ? args[0].net : &address;
	const struct cel_net *network = network_of(c, &args[1], &room);
	bool known = args[0].kind == CEL_IP || cel_ip_parse(cel_slice(&args[0]), true, &address);
	if (network && known)
		*out = cel_bool(cel_net_contains(network, ip));
	else
		*out = cel_error(CEL_FAULT_CONVERT);
}

static const void *range_prepare(const struct cel_value *args) {
	struct cel_net n;
	if (args[1].kind != CEL_STRING || !cel_cidr_parse(cel_slice(&args[1]), &n)) return NULL;
	struct cel_net *copy = malloc(sizeof *copy);
	if (copy) *copy = n;
	return copy;
}

static void range_release(const void *data) {
	free((void *)data);
}

/* isInRange(a, b) and a.isInRange(b) */
#define RANGE_ROW(id, signature)                                                                   \
	{                                                                                          \
		id, "isInRange", signature, is_in_range, range_prepare, range_release, .cost = 2,  \
			.prepares = 1                                                              \
	}
#define RANGE_ROWS(id, address, network)                                                           \
	RANGE_ROW("is_in_range_" id, "(" address ", " network ") -> bool"),                        \
		RANGE_ROW(id "_is_in_range", address ".(" network ") -> bool")

static const struct cel_overload overloads[] = {
	{"string_to_ip", "ip", "(string) -> net.IP", string_to_ip, .cost = 2},
	{"cidr_ip", "ip", "net.CIDR.() -> net.IP", cidr_ip, .cost = 1},
	{"string_to_cidr", "cidr", "(string) -> net.CIDR", string_to_cidr, .cost = 2},
	{"is_ip", "isIP", "(string) -> bool", is_ip, .cost = 2},
	{"is_cidr", "isCIDR", "(string) -> bool", is_cidr, .cost = 2},
	{"ip_is_canonical", "ip.isCanonical", "(string) -> bool", is_canonical, .cost = 4},
	{"ip_to_string", "string", "(net.IP) -> string", to_string, .cost = 4},
	{"cidr_to_string", "string", "(net.CIDR) -> string", to_string, .cost = 4},
	{"ip_family", "family", "net.IP.() -> int", family, .cost = 1},
	{"ip_is_unspecified", "isUnspecified", "net.IP.() -> bool", is_unspecified, .cost = 1},
	{"ip_is_loopback", "isLoopback", "net.IP.() -> bool", is_loopback, .cost = 1},
	{"ip_is_link_local_unicast", "isLinkLocalUnicast", "net.IP.() -> bool",
         is_link_local_unicast, .cost = 1},
	{"ip_is_link_local_multicast", "isLinkLocalMulticast", "net.IP.() -> bool",
         is_link_local_multicast, .cost = 1},
	{"ip_is_global_unicast", "isGlobalUnicast", "net.IP.() -> bool", is_global_unicast,
         .cost = 1},
	{"cidr_prefix_length", "prefixLength", "net.CIDR.() -> int", prefix_length, .cost = 1},
	{"cidr_masked", "masked", "net.CIDR.() -> net.CIDR", masked, .cost = 1},
	{"cidr_is_mask", "isMask", "net.CIDR.() -> bool", is_mask, .cost = 1},
	{"cidr_contains_ip_ip", "containsIP", "net.CIDR.(net.IP) -> bool", contains, .cost = 1},
	{"cidr_contains_ip_string", "containsIP", "net.CIDR.(string) -> bool", contains_ip_string,
         .cost = 2},
	{"cidr_contains_cidr", "containsCIDR", "net.CIDR.(net.CIDR) -> bool", contains, .cost = 1},
	{"cidr_contains_cidr_string", "containsCIDR", "net.CIDR.(string) -> bool",
         contains_cidr_string, .cost = 2},
	RANGE_ROWS("ip_cidr", "net.IP", "net.CIDR"),
	RANGE_ROWS("string_cidr", "string", "net.CIDR"),
	RANGE_ROWS("ip_string", "net.IP", "string"),
	RANGE_ROWS("string_string", "string", "string"),
};

const struct cel_library cel_library_network = {"network", overloads, CEL_COUNT(overloads)};
