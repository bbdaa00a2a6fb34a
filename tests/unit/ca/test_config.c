/* kedged.conf: what is read, what is refused and where. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ca/kedged.h"
#include "tests/unit/ca/suites.h"

static enum base_err
parse(const char *text, struct ca_conf *c)
{
	char path[] = "/tmp/kedged-conf.XXXXXX";
	int fd = mkstemp(path);
	enum base_err r;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	r = ca_conf_read(path, c);
	unlink(path);
	return r;
}

START_TEST(defaults_are_there)
{
	struct ca_conf c;

	ck_assert_int_eq(parse("fleet = \"demo\";\n", &c), BASE_OK);
	ck_assert_str_eq(c.fleet, "demo");
	ck_assert_str_eq(c.state_dir, "/var/lib/kedge/ca");
	ck_assert_uint_eq(c.resend_ms, 2000);
	ck_assert_uint_eq(c.canary_s, 600);
	ck_assert_ptr_null(c.address);
	ck_assert_ptr_null(c.metrics);
	ck_assert_uint_eq(c.silent_ms, 900000);
	ca_conf_free(&c);
}
END_TEST

START_TEST(all_is_read)
{
	struct ca_conf c;

	ck_assert_int_eq(
	    parse("fleet = \"demo\";\nresend = 0.25;\n"
		  "poll_wait = 3;\ncontrol_uids = [ 5, 6 ];\n"
		  "names = [ \"DNS:a\", \"IP:192.0.2.1\" ];\n"
		  "address = \"ca.example:7443\";\nfailure_limit = 0;\n"
		  "metrics = \"[::1]:9443\";\n",
		&c),
	    BASE_OK);
	ck_assert_uint_eq(c.resend_ms, 250);
	ck_assert_uint_eq(c.poll_wait_ms, 3000);
	ck_assert_uint_eq(c.nuids, 2);
	ck_assert_uint_eq(c.uids[1], 6);
	ck_assert_str_eq(c.names, "DNS:a IP:192.0.2.1");
	ck_assert_str_eq(c.address, "ca.example:7443");
	ck_assert_uint_eq(c.failure_limit, 0);
	ck_assert_str_eq(c.metrics, "[::1]:9443");
	ca_conf_free(&c);
}
END_TEST

START_TEST(the_shipped_file_is_good)
{
	struct ca_conf c;

	ck_assert_int_eq(ca_conf_read("etc/kedged.conf", &c), BASE_OK);
	ca_conf_free(&c);
}
END_TEST

static const struct {
	const char *text, *word;
} bad[] = {
	{ "", "fleet is missing" },
	{ "fleet = \"Demo\";\n", ":1: fleet" },
	{ "fleet = 5;\n", ":1: fleet" },
	{ "fleet = \"demo\";\nflet = 1;\n", ":2: flet" },
	{ "fleet = \"demo\";\nresend = \"2\";\n", ":2: resend" },
	{ "fleet = \"demo\";\nresend = 0.0;\n", ":2: resend" },
	{ "fleet = \"demo\";\n\ncanary_life = 601;\n", ":3: canary_life" },
	{ "fleet = \"demo\";\n\ncanary_life = 4;\n", ":3: canary_life" },
	{ "fleet = \"demo\";\nmetrics = \"0.0.0.0:9443\";\n",
	    ":2: metrics: \"0.0.0.0:9443\" is no loopback address" },
	{ "fleet = \"demo\";\nmetrics = \"[2001:db8::1]:9443\";\n",
	    ":2: metrics" },
	{ "fleet = \"demo\";\nmetrics = \"localhost:9443\";\n", ":2: metrics" },
	{ "fleet = \"demo\";\nroot_days = 4294967297;\n", ":2: root_days" },
	{ "fleet = \"demo\";\nroot_days = 1.5;\n", ":2: root_days" },
	{ "fleet = \"demo\";\nstate_dir = \"here\";\n", ":2: state_dir" },
	{ "fleet = \"demo\";\nlisten = \"nowhere\";\n", ":2: listen" },
	{ "fleet = \"demo\";\ncontrol_uids = [ -1 ];\n", ":2: control_uids" },
	{ "fleet = \"demo\";\nnames = [ \"a\" ];\n", ":2: names" },
	{ "fleet = \"demo\";\nnames = [ \"DNS:a\", \"IP:1.2\" ];\n",
	    ":2: names" },
	{ "fleet = \"demo\";\nnames = [ \"DNS:a b\" ];\n", ":2: names" },
	{ "fleet = \"demo\";\nresend_max = 1.0;\n", "resend_max" },
	{ "fleet = \"demo\"\nlisten = ;\n", ":2:" },
};

START_TEST(bad_ones_are_refused_with_file_and_line)
{
	struct ca_conf c;

	ck_assert_int_eq(parse(bad[_i].text, &c), BASE_E_CONFIG);
	ck_assert_msg(strstr(base_why(), bad[_i].word) != NULL, "%s",
	    base_why());
}
END_TEST

START_TEST(no_file_is_refused)
{
	struct ca_conf c;

	ck_assert_int_eq(ca_conf_read("/nonexistent/kedged.conf", &c),
	    BASE_E_CONFIG);
}
END_TEST

TCase *
case_config(void)
{
	TCase *t = tcase_create("config");

	tcase_add_test(t, defaults_are_there);
	tcase_add_test(t, all_is_read);
	tcase_add_test(t, the_shipped_file_is_good);
	tcase_add_loop_test(t, bad_ones_are_refused_with_file_and_line, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(t, no_file_is_refused);
	return t;
}
