/* ca/node: each check with what passes and what does not. */
#include <stdlib.h>
#include <string.h>

#include "ca/node.h"
#include "tests/unit/ca/suites.h"
#include "wire/x509.h"

static const struct {
	const char *name;
	bool good;
} node_names[] = {
	{ "web1", true },
	{ "web1.example", true },
	{ "1a", true },
	{ "ca", false },
	{ "order", false },
	{ "Web1", false },
	{ "", false },
	{ "a..b", false },
	{ "a-.b", false },
	{ "a.-b", false },
	{ "n.1", false },
	{ "10", false },
};

START_TEST(names_of_nodes)
{
	for (size_t i = 0; i < sizeof(node_names) / sizeof(*node_names); i++)
		ck_assert_msg((ca_node_name_check(node_names[i].name) ==
				  BASE_OK) == node_names[i].good,
		    "\"%s\"", node_names[i].name);
}
END_TEST

static const struct {
	enum ca_reach reach;
	const char *via[CA_VIA_MAX + 1];
	const char *says; /* NULL: fine */
} ways[] = {
	{ CA_DIRECT, { NULL }, NULL },
	{ CA_DIRECT, { "a" }, "reach is direct" },
	{ CA_POLL, { NULL }, NULL },
	{ CA_POLL, { "a", "b" }, NULL },
	{ CA_POLL, { "a", "b", "a" }, "via names a twice" },
	{ CA_POLL, { "n" }, "via names the node itself" },
	{ CA_POLL, { "A" }, "no name of a node" },
	{ CA_PUSH, { "a" }, NULL },
	{ CA_PUSH, { NULL }, "reach is push, but no via" },
};

START_TEST(reach_and_via)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct ca_way w = { "n", ways[i].reach, ways[i].via, 0 };

		while (w.via[w.nvia] != NULL)
			w.nvia++;
		ck_assert_int_eq(ca_way_check(&w),
		    ways[i].says == NULL ? BASE_OK : BASE_E_REFUSED);
		if (ways[i].says != NULL)
			ck_assert_msg(strstr(base_why(), ways[i].says) != NULL,
			    "%s", base_why());
	}
}
END_TEST

START_TEST(so_many_relays)
{
	char text[CA_VIA_MAX + 1][4];
	const char *via[CA_VIA_MAX + 1];
	struct ca_way w = { "n", CA_POLL, via, CA_VIA_MAX };

	for (int i = 0; i <= CA_VIA_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "r%d", i % 100);
		via[i] = text[i];
	}
	ck_assert_int_eq(ca_way_check(&w), BASE_OK);
	w.nvia++;
	ck_assert_int_eq(ca_way_check(&w), BASE_E_REFUSED);
}
END_TEST

static const struct {
	enum ca_reach reach;
	bool is_client, is_server, good;
} shares[] = {
	{ CA_DIRECT, false, false, true },
	{ CA_POLL, true, false, true },
	{ CA_POLL, true, true, true },
	{ CA_POLL, false, true, false },
	{ CA_POLL, false, false, false },
	{ CA_PUSH, true, false, true },
	{ CA_PUSH, false, true, true },
	{ CA_PUSH, false, false, false },
};

START_TEST(links_to_relays)
{
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		const struct ca_way w = { "n", shares[i].reach, NULL, 0 };

		ck_assert_msg((ca_way_carries(&w, "r", shares[i].is_client,
				   shares[i].is_server) == BASE_OK) ==
			shares[i].good,
		    "share %zu", i);
		if (!shares[i].good)
			ck_assert(strstr(base_why(), "no link n>r") != NULL);
	}
}
END_TEST

static const struct {
	const char *text;
	bool good;
} addresses[] = {
	{ "", true },
	{ "web1.example:7443", true },
	{ "192.0.2.1:1", true },
	{ "[2001:db8::1]:7443", true },
	{ "[fe80::1%eth0]:7443", true },
	{ "here", false },
	{ "here:", false },
	{ ":7443", false },
	{ "here:0", false },
	{ "here:70000", false },
	{ "here:80x", false },
	{ "2001:db8::1:7443", false },
	{ "a b:80", false },
	{ "a\nb:80", false },
	{ "http://a:80", false },
};

START_TEST(addresses_to_call)
{
	char *longest = base_alloc(CA_ADDRESS_MAX + 1);

	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		ck_assert_msg((ca_node_address_check("n", addresses[i].text) ==
				  BASE_OK) == addresses[i].good,
		    "\"%s\"", addresses[i].text);
	memset(longest, 'a', CA_ADDRESS_MAX);
	memcpy(longest + CA_ADDRESS_MAX - 3, ":80", 3);
	ck_assert_int_eq(ca_node_address_check("n", longest), BASE_E_REFUSED);
	ck_assert_int_eq(ca_node_address_check("n", longest + 1), BASE_OK);
	free(longest);
}
END_TEST

static const struct {
	const char *name;
	bool good;
} further[] = {
	{ "DNS:db.example", true },
	{ "IP:192.0.2.1", true },
	{ "IP:2001:db8::1", true },
	{ "db.example", false },
	{ "DNS:", false },
	{ "DNS:Db.example", false },
	{ "DNS:*.example", false },
	{ "DNS:a b", false },
	{ "DNS:a.", false },
	{ "IP:192.0.2", false },
	{ "IP:192.0.2.01", false },
	{ "IP:2001:0db8::1", false },
	{ "email:a@b", false },
};

START_TEST(further_names)
{
	const char *two[] = { "DNS:a.example", "IP:192.0.2.1" };
	const char *many[WIRE_SAN_MAX + 1];
	char out[CA_NAMES_MAX];

	for (size_t i = 0; i < sizeof(further) / sizeof(*further); i++)
		ck_assert_msg((ca_node_names_join("n", &further[i].name, 1,
				   out) == BASE_OK) == further[i].good,
		    "\"%s\"", further[i].name);
	ck_assert_int_eq(ca_node_names_join("n", two, 2, out), BASE_OK);
	ck_assert_str_eq(out, "DNS:a.example IP:192.0.2.1");
	ck_assert_int_eq(ca_node_names_join("n", NULL, 0, out), BASE_OK);
	ck_assert_str_eq(out, "");
	for (int i = 0; i <= WIRE_SAN_MAX; i++)
		many[i] = "DNS:a.example";
	ck_assert_int_eq(ca_node_names_join("n", many, WIRE_SAN_MAX, out),
	    BASE_OK);
	ck_assert_int_eq(ca_node_names_join("n", many, WIRE_SAN_MAX + 1, out),
	    BASE_E_REFUSED);
}
END_TEST

/* Names that one by one would do. */
START_TEST(further_names_together)
{
	char text[253 + 5], out[CA_NAMES_MAX];
	const char *three[] = { text, text, text };

	memset(text, 'a', sizeof(text));
	memcpy(text, "DNS:", 4);
	for (size_t i = 4 + 60; i < sizeof(text); i += 61)
		text[i] = '.';
	text[4 + 245] = '\0';
	ck_assert_int_eq(ca_node_names_join("n", three, 2, out), BASE_OK);
	ck_assert_int_eq(ca_node_names_join("n", three, 3, out),
	    BASE_E_REFUSED);
	ck_assert(strstr(base_why(), "longer than") != NULL);
}
END_TEST

TCase *
case_node(void)
{
	TCase *t = tcase_create("node");

	tcase_add_test(t, names_of_nodes);
	tcase_add_test(t, reach_and_via);
	tcase_add_test(t, so_many_relays);
	tcase_add_test(t, links_to_relays);
	tcase_add_test(t, addresses_to_call);
	tcase_add_test(t, further_names);
	tcase_add_test(t, further_names_together);
	return t;
}
