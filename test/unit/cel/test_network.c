/* Addresses and networks. */
#include "table.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cel/cel_net.h"

#define CONVERT "error: the text does not convert"

static struct cel_net net_of(const char *text) {
	struct cel_net n;
	bool good = strchr(text, '/') ? cel_cidr_parse(slice_str(text), &n)
	                              : cel_ip_parse(slice_str(text), true, &n);
	if (!good) fail_msg("%s", text);
	return n;
}

#define IP(text) ((struct cel_value){.kind = CEL_IP, .net = (struct cel_net[]){net_of(text)}})
#define CIDR(text) ((struct cel_value){.kind = CEL_CIDR, .net = (struct cel_net[]){net_of(text)}})

static void addresses_are_read_strictly(void **state) {
	static const char *const good[] = {"0.0.0.0",
	                                   "255.255.255.255",
	                                   "::",
	                                   "::1",
	                                   "1::",
	                                   "2001:db8::68",
	                                   "1:2:3:4:5:6:7:8",
	                                   "1:2:3:4:5:6:7::",
	                                   "::2:3:4:5:6:7:8",
	                                   "::1.2.3.4",
	                                   "1:2:3:4:5:6:1.2.3.4",
	                                   "::ffff:c0a8:1",
	                                   "FE80::ABCD"};
	static const char *const bad[] = {"",
	                                  "1",
	                                  "1.2.3",
	                                  "1.2.3.4.5",
	                                  "1.2.3.256",
	                                  "01.2.3.4",
	                                  "1.2.3.4 ",
	                                  "1..3.4",
	                                  "0x1.2.3.4",
	                                  "1.2.3.1234",
	                                  ":",
	                                  ":::",
	                                  "1:2",
	                                  "1:2:3:4:5:6:7:8:9",
	                                  "1::2::3",
	                                  "12345::",
	                                  "g::",
	                                  "2001:db8:::68",
	                                  "fe80::1%en0",
	                                  "::ffff:192.168.0.1",
	                                  "1:2:3:4:5:6:7:1.2.3.4",
	                                  "::1.2.3.4:5",
	                                  ":1::",
	                                  "1:2:3:4:5:6:7:",
	                                  "1::2:",
	                                  "::1.2.3",
	                                  "1:2:3:4:5:6:7:8::",
	                                  "::1:2:3:4:5:6:7:8"};
	struct cel_net n;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!cel_ip_parse(slice_str(good[i]), false, &n)) fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (cel_ip_parse(slice_str(bad[i]), false, &n)) fail_msg("%s", bad[i]);
	assert_true(cel_ip_parse(SLICE_LIT("::ffff:192.168.0.1"), true, &n));
	assert_int_equal(n.family, 4);
}

/* inet_pton and inet_ntop agree with us on what both accept. */
static void text_agrees_with_the_c_library(void **state) {
	uint64_t bits = 88172645463325252ull;
	for (int i = 0; i < 20000; i++) {
		struct cel_net n = {.family = 6, .prefix = 128}, back;
		for (int b = 0; b < 16; b++) {
			bits ^= bits << 13;
			bits ^= bits >> 7;
			bits ^= bits << 17;
			n.bytes[b] = bits >> 20 & 3 ? 0 : (uint8_t)(bits >> 32);
		}
		n.bytes[0] =
			0x20; /* neither mapped nor compatible, which inet_ntop writes with dots */
		char text[CEL_NET_MAX], theirs[INET6_ADDRSTRLEN];
		struct cel_value v = {.kind = CEL_IP, .net = &n};
		cel_net_print(&v, text);
		assert_non_null(inet_ntop(AF_INET6, n.bytes, theirs, sizeof theirs));
		assert_string_equal(text, theirs);
		assert_true(cel_ip_parse(slice_str(text), false, &back));
		assert_memory_equal(n.bytes, back.bytes, 16);
	}
}

static void addresses_convert(void **state) {
	CHECK({"string_to_ip", {S("192.168.0.1")}, "192.168.0.1"},
	      {"string_to_ip", {S("2001:DB8::68")}, "2001:db8::68"},
	      {"string_to_ip", {S("::ffff:c0a8:1")}, "192.168.0.1"},
	      {"string_to_ip", {S("1:0:0:4:0:0:0:8")}, "1:0:0:4::8"},
	      {"string_to_ip", {S("1:0:3:4:5:6:7:8")}, "1:0:3:4:5:6:7:8"},
	      {"string_to_ip", {S("::")}, "::"}, {"string_to_ip", {S("1::")}, "1::"},
	      {"string_to_ip", {S("192.168.0.1.0")}, CONVERT},
	      {"string_to_ip", {S("::ffff:192.168.0.1")}, CONVERT},
	      {"is_ip", {S("1.2.3.4")}, "true"}, {"is_ip", {S("1.2.3.4\0")}, "false"},
	      {"ip_is_canonical", {S("127.0.0.1")}, "true"},
	      {"ip_is_canonical", {S("2001:DB8::68")}, "false"},
	      {"ip_is_canonical", {S("1:0:0:0:0:0:0:8")}, "false"},
	      {"ip_is_canonical", {S("127.0.0.1.0")}, CONVERT},
	      {"ip_to_string", {IP("10.0.0.1")}, "\"10.0.0.1\""},
	      {"cidr_to_string", {CIDR("2001:db8::/32")}, "\"2001:db8::/32\""},
	      {"equals", {IP("::ffff:c0a8:1"), IP("192.168.0.1")}, "true"},
	      {"equals", {IP("10.0.0.0"), CIDR("10.0.0.0/32")}, "false"});
}

static void networks_convert(void **state) {
	CHECK({"string_to_cidr", {S("192.168.0.1/24")}, "192.168.0.1/24"},
	      {"string_to_cidr", {S("::/0")}, "::/0"},
	      {"string_to_cidr", {S("192.168.0.0/")}, CONVERT},
	      {"string_to_cidr", {S("192.168.0.0")}, CONVERT},
	      {"string_to_cidr", {S("192.168.0.0/33")}, CONVERT},
	      {"string_to_cidr", {S("192.168.0.0/08")}, CONVERT},
	      {"string_to_cidr", {S("192.168.0.0/+8")}, CONVERT},
	      {"string_to_cidr", {S("192.168.0.0/8/8")}, CONVERT},
	      {"string_to_cidr", {S("::/129")}, CONVERT},
	      {"string_to_cidr", {S("fe80::1%en0/24")}, CONVERT},
	      {"string_to_cidr", {S("::ffff:192.168.0.1/24")}, CONVERT},
	      {"string_to_cidr", {S("::ffff:c0a8:1/120")}, CONVERT},
	      {"is_cidr", {S("10.0.0.1/8")}, "true"}, {"is_cidr", {S("10.0.0.1")}, "false"},
	      {"cidr_ip", {CIDR("192.168.1.5/24")}, "192.168.1.5"},
	      {"cidr_masked", {CIDR("192.168.1.5/24")}, "192.168.1.0/24"},
	      {"cidr_masked", {CIDR("2001:db8:ffff::1/35")}, "2001:db8:e000::/35"},
	      {"cidr_is_mask", {CIDR("192.168.1.5/24")}, "false"},
	      {"cidr_is_mask", {CIDR("192.168.1.0/24")}, "true"},
	      {"cidr_prefix_length", {CIDR("192.168.1.0/24")}, "24"});
}

static void addresses_have_kinds(void **state) {
	static const struct {
		const char *address, *id;
		bool is;
	} facts[] = {
		{"0.0.0.0", "ip_is_unspecified", true},
		{"::", "ip_is_unspecified", true},
		{"127.0.0.1", "ip_is_unspecified", false},
		{"127.0.0.1", "ip_is_loopback", true},
		{"127.9.9.9", "ip_is_loopback", true},
		{"::1", "ip_is_loopback", true},
		{"1.2.3.4", "ip_is_loopback", false},
		{"192.168.0.1", "ip_is_global_unicast", true},
		{"255.255.255.255", "ip_is_global_unicast", false},
		{"2001:db8::abcd", "ip_is_global_unicast", true},
		{"ff00::1", "ip_is_global_unicast", false},
		{"fe80::1", "ip_is_global_unicast", false},
		{"224.0.0.1", "ip_is_link_local_multicast", true},
		{"224.0.1.1", "ip_is_link_local_multicast", false},
		{"ff02::1", "ip_is_link_local_multicast", true},
		{"ff12::1", "ip_is_link_local_multicast", true},
		{"fd00::1", "ip_is_link_local_multicast", false},
		{"169.254.169.254", "ip_is_link_local_unicast", true},
		{"fe80::1", "ip_is_link_local_unicast", true},
		{"fd80::1", "ip_is_link_local_unicast", false},
	};
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
		CHECK({facts[i].id, {IP(facts[i].address)}, facts[i].is ? "true" : "false"});
	CHECK({"ip_family", {IP("10.0.0.1")}, "4"}, {"ip_family", {IP("::1")}, "6"});
}

static void networks_hold_what_is_in_them(void **state) {
	struct cel_value lan = CIDR("192.168.0.0/24");
	CHECK({"cidr_contains_ip_ip", {lan, IP("192.168.0.1")}, "true"},
	      {"cidr_contains_ip_ip", {lan, IP("192.168.1.1")}, "false"},
	      {"cidr_contains_ip_ip", {CIDR("0.0.0.0/0"), IP("9.9.9.9")}, "true"},
	      {"cidr_contains_ip_ip", {CIDR("2001:db8::/32"), IP("192.168.1.1")}, "false"},
	      {"cidr_contains_ip_ip", {CIDR("2001:db8::/33"), IP("2001:db8:8000::")}, "false"},
	      {"cidr_contains_ip_string", {lan, S("192.168.0.1")}, "true"},
	      {"cidr_contains_ip_string", {lan, S("x")}, CONVERT},
	      {"cidr_contains_cidr", {lan, CIDR("192.168.0.0/25")}, "true"},
	      {"cidr_contains_cidr", {lan, CIDR("192.168.0.0/23")}, "false"},
	      {"cidr_contains_cidr", {lan, lan}, "true"},
	      {"cidr_contains_cidr_string", {lan, S("192.168.0.0/25")}, "true"},
	      {"cidr_contains_cidr_string", {lan, S("192.168.0.0")}, CONVERT});
}

static void ranges_take_texts_and_values(void **state) {
	CHECK({"is_in_range_string_string", {S("10.1.2.3"), S("10.0.0.0/8")}, "true"},
	      {"is_in_range_string_string", {S("::ffff:10.1.2.3"), S("10.0.0.0/8")}, "true"},
	      {"is_in_range_string_string", {S("11.1.2.3"), S("10.0.0.0/8")}, "false"},
	      {"is_in_range_string_string", {S("::1"), S("10.0.0.0/8")}, "false"},
	      {"is_in_range_string_string", {S("x"), S("10.0.0.0/8")}, CONVERT},
	      {"is_in_range_string_string", {S("10.1.2.3"), S("10.0.0.0")}, CONVERT},
	      {"is_in_range_ip_string", {IP("10.1.2.3"), S("10.0.0.0/8")}, "true"},
	      {"is_in_range_ip_cidr", {IP("10.1.2.3"), CIDR("10.0.0.0/8")}, "true"},
	      {"string_string_is_in_range", {S("10.1.2.3"), S("10.0.0.0/8")}, "true"},
	      {"ip_cidr_is_in_range", {IP("11.1.2.3"), CIDR("10.0.0.0/8")}, "false"},
	      {"is_in_range_string_cidr", {S("10.1.2.3"), CIDR("10.2.0.0/16")}, "false"});
}

static void every_prefix_of_a_text_is_read_within_itself(void **state) {
	static const char whole[] = "1:2:3:4:5:6:123.213.231.255/128";
	for (size_t len = 0; len < sizeof whole; len++) {
		char *exact = malloc(len + 1); /* so that a sanitizer sees a read past the end */
		memcpy(exact, whole, len);
		struct cel_net n;
		IGNORE(cel_ip_parse(slice_of(exact, len), true, &n));
		IGNORE(cel_cidr_parse(slice_of(exact, len), &n));
		free(exact);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_strictly),
		cmocka_unit_test(text_agrees_with_the_c_library),
		cmocka_unit_test(addresses_convert),
		cmocka_unit_test(networks_convert),
		cmocka_unit_test(addresses_have_kinds),
		cmocka_unit_test(networks_hold_what_is_in_them),
		cmocka_unit_test(ranges_take_texts_and_values),
		cmocka_unit_test(every_prefix_of_a_text_is_read_within_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
