/* Addresses: as text, as who is held answerable, as this host only. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/addr.h"

static struct sockaddr_storage
addr(const char *text, socklen_t *len)
{
	struct sockaddr_storage ss;

	OK(wire_addr_parse(text, &ss, len));
	return ss;
}

START_TEST(text)
{
	static const char *const good[] = { "192.0.2.1:7443", "0.0.0.0:0",
		"[2001:db8::1]:65535", "[::]:1" };
	static const char *const bad[] = { "localhost:7443", "192.0.2.1",
		"192.0.2.1:", "192.0.2.256:1", "2001:db8::1:7443",
		"[2001:db8::1]", "[192.0.2.1]:", "" };
	struct sockaddr_storage ss;
	socklen_t len;
	char out[64];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ss = addr(good[i], &len);
		wire_addr_format((struct sockaddr *)&ss, len, out);
		ck_assert_str_eq(out, good[i]);
		ck_assert_uint_eq(wire_addr_port((struct sockaddr *)&ss),
		    strtoul(strrchr(good[i], ':') + 1, NULL, 10));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(wire_addr_parse(bad[i], &ss, &len) ==
			BASE_E_CONFIG,
		    "%s", bad[i]);
	ss.ss_family = AF_UNSPEC;
	ck_assert_uint_eq(wire_addr_port((struct sockaddr *)&ss), 0);
	wire_addr_format((struct sockaddr *)&ss, 2, out);
	ck_assert_str_eq(out, "unknown address");
}
END_TEST

START_TEST(split)
{
	static const char *const bad[] = { "", "host", ":1",
		"host:", "host:65536", "host:1x", "host: 1", "a:b:1", "[]:1",
		"[::1:1", "::1]:1", "[::1]1:1" };
	char *host = NULL, *port = NULL;

	OK(wire_addr_split("ca.example:0", &host, &port));
	ck_assert_str_eq(host, "ca.example");
	ck_assert_str_eq(port, "0");
	free(host);
	free(port);
	OK(wire_addr_split("[2001:db8::1]:65535", &host, &port));
	ck_assert_str_eq(host, "2001:db8::1");
	ck_assert_str_eq(port, "65535");
	free(host);
	free(port);
	host = port = NULL;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(wire_addr_split(bad[i], &host, &port) ==
			    BASE_E_CONFIG &&
			host == NULL && port == NULL,
		    "%s", bad[i]);
}
END_TEST

/* One IPv4 address is one peer, whichever way it is written; one IPv6 /64 is,
 * too, since a host has all of it. */
START_TEST(net)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = { { "192.0.2.1:1", "192.0.2.1:2", true },
		{ "192.0.2.1:1", "192.0.2.2:1", false },
		{ "192.0.2.1:1", "[::ffff:192.0.2.1]:1", true },
		{ "[2001:db8::1]:1", "[2001:db8::ffff:ffff:ffff:ffff]:9",
		    true },
		{ "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false },
		{ "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		socklen_t n;
		struct sockaddr_storage a = addr(rows[i].a, &n);
		struct sockaddr_storage b = addr(rows[i].b, &n);
		uint8_t x[WIRE_ADDR_NET], y[WIRE_ADDR_NET];

		wire_addr_net((struct sockaddr *)&a, x);
		wire_addr_net((struct sockaddr *)&b, y);
		ck_assert_msg((memcmp(x, y, sizeof(x)) == 0) == rows[i].same,
		    "%s, %s", rows[i].a, rows[i].b);
	}
}
END_TEST

START_TEST(loopback)
{
	static const struct {
		const char *text;
		bool is;
	} rows[] = { { "127.0.0.1:1", true }, { "127.255.0.9:1", true },
		{ "[::1]:1", true }, { "128.0.0.1:1", false },
		{ "0.0.0.0:1", false }, { "[::]:1", false },
		{ "[2001:db8::1]:1", false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		socklen_t n;
		struct sockaddr_storage ss = addr(rows[i].text, &n);

		ck_assert_msg(wire_addr_is_loopback((struct sockaddr *)&ss) ==
			rows[i].is,
		    "%s", rows[i].text);
	}
}
END_TEST

TCase *
case_addr(void)
{
	TCase *c = tcase_create("addr");

	tcase_add_test(c, text);
	tcase_add_test(c, split);
	tcase_add_test(c, net);
	tcase_add_test(c, loopback);
	return c;
}
