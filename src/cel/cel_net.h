/* IP addresses and networks as values: text, tests, containment. Pure; nothing is looked up. */
#pragma once
#include "cel/cel_value.h"

enum { CEL_NET_MAX = 64 }; /* bytes of a text, with its NUL */

/* Strict: no zone, no leading zeros, no octal. An IPv6 address that maps an IPv4 one becomes that
 * one ("::ffff:c0a8:1" is 192.168.0.1); written with dots ("::ffff:192.168.0.1") it is refused
 * unless `mapped`, as the conformance suite wants it. False: no address. */
bool cel_ip_parse(struct slice s, bool mapped, struct cel_net *out);
/* "10.0.0.0/8"; host bits may be set. No mapped address. */
bool cel_cidr_parse(struct slice s, struct cel_net *out);
/* RFC 5952; NUL-terminated. v is an IP or a CIDR. */
size_t cel_net_print(const struct cel_value *v, char *out);
/* Whether the network holds all of `n`, an address or a network. */
bool cel_net_contains(const struct cel_net *network, const struct cel_net *n);
/* The network's host bits cleared. */
struct cel_net cel_net_masked(const struct cel_net *network);
