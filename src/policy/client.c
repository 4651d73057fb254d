/* The client's address behind proxies. */
#include "policy/client.h"

bool client_address(struct slice text, struct cel_net *out) {
	if (cel_ip_parse(text, true, out)) return true;
	struct slice host = text, rest = text;
	if (slice_starts(text, SLICE_LIT("["))) {
		rest = slice_of(text.ptr + 1, text.len - 1);
		host = slice_cut(&rest, ']');
		if (!rest.ptr || (rest.len && rest.ptr[0] != ':')) return false;
	} else {
		host = slice_cut(&rest, ':');
	}
	return cel_ip_parse(host, true, out);
}

void client_print(const struct cel_net *ip, char out[CLIENT_TEXT_MAX]) {
	struct cel_value v = {.kind = CEL_IP, .net = ip};
	cel_net_print(&v, out);
}

bool client_trusted(const struct node_config *c, const struct cel_net *at) {
	for (int i = 0; i < c->trusted_proxy_count; i++)
		if (cel_net_contains(&c->trusted_proxies[i], at)) return true;
	return false;
}

bool client_walk(const struct node_config *c, struct slice list, struct cel_net *at) {
	while (list.len && client_trusted(c, at)) {
		size_t start = list.len;
		while (start > 0 && list.ptr[start - 1] != ',') start--;
		struct slice hop = slice_trim(slice_of(list.ptr + start, list.len - start));
		struct cel_net before;
		if (!client_address(hop, &before)) return false;
		*at = before;
		list.len = start ? start - 1 : 0;
	}
	return client_trusted(c, at);
}

bool client_country(struct slice v) {
	return v.len == 2 && v.ptr[0] >= 'A' && v.ptr[0] <= 'Z' && v.ptr[1] >= 'A' &&
	       v.ptr[1] <= 'Z' && !slice_is(v, "XX");
}
