/* Where a request came from, as far as that can be believed: the peer's address; behind proxies
 * that the node trusts, what they say of the hop before them. Pure. */
#pragma once
#include "cel/cel_net.h"
#include "policy/node.h"

/* "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]:443". */
bool client_address(struct slice text, struct cel_net *out);
enum { CLIENT_TEXT_MAX = CEL_NET_MAX };
void client_print(const struct cel_net *ip, char out[CLIENT_TEXT_MAX]); /* RFC 5952 */
bool client_trusted(const struct node_config *c, const struct cel_net *at);
/* Goes back from `at`, the nearest hop known, along one X-Forwarded-For from its right, as long as
 * each hop is trusted. False: this is the client, or nothing further back can be believed; true: the
 * list is used up and all hops of it are trusted (go on with the line above it). */
bool client_walk(const struct node_config *c, struct slice list, struct cel_net *at);
/* Two capital letters. Anycast networks say XX where they do not know: that is not known either. */
bool client_country(struct slice value);
