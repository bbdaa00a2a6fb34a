/* Unit tests of agentd/config.c and schema.c: what is good, and what is
 * refused with its line. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

#define TOP                                                      \
	"fleet = \"acme\";\nnode = \"web1\";\nstore = \"/s\";\n" \
	"management = { listen = \"127.0.0.1:0\"; };\n"
#define SERVER                                                       \
	"root = \"plant\"; verify_root = \"plant\"; trust = \"/t\";" \
	"chain = \"/c\"; key = \"/k\"; address = \"127.0.0.1:1\";"
#define CLIENT                                     \
	"verify_root = \"plant\"; trust = \"/t\";" \
	"canary = \"127.0.0.1:1\"; trigger = { run = [ \"/x\" ]; };"
#define APP(s) TOP "applications = ( { name = \"a\"; " s " } );\n"

static struct ag_config *
good(const char *text)
{
	struct ag_config *c = NULL;

	OK(ag_config_parse(text, "t", &c));
	return c;
}

START_TEST(whole)
{
	struct ag_config *c = good(
	    TOP "ca = { address = \"[::1]:7443\"; poll = true; };\n"
		"relay = { listen = \"127.0.0.1:0\"; root = \"b\";"
		" accept = ( \"app1\", \"app2\" ); };\n"
		"neighbours = ( { node = \"app1\"; address = \"h:1\";"
		" role = \"push\"; verify_root = \"c\"; } );\n"
		"wait = 5; retry = 0.25; alg = \"P-384\";\n"
		"applications = ( { name = \"a\"; server = { " SERVER " };"
		" client = { " CLIENT " }; signal = \"USR2\"; pidfile = \"/p\";"
		" settle = 0.3; check = [ \"nginx\", \"-t\" ]; } );\n");
	const struct ag_app *a = &c->apps[0];

	ck_assert_str_eq(c->fleet, "acme");
	ck_assert(c->ca_poll);
	ck_assert_uint_eq(c->wait_ms, 5000);
	ck_assert_uint_eq(c->retry_ms, 250);
	ck_assert_int_eq(c->alg, WIRE_P384);
	ck_assert_int_eq(c->peers[0].push, 1);
	ck_assert_str_eq(c->relay_accept[1], "app2");
	ck_assert_ptr_null(c->relay_accept[2]);
	ck_assert_uint_eq(c->nroots, 3);
	ck_assert_str_eq(c->roots[0], "b");
	ck_assert_str_eq(c->roots[2], "plant");
	ck_assert_int_eq(a->signal, SIGUSR2);
	ck_assert_uint_eq(a->settle_ms, 300);
	ck_assert_uint_eq(a->deadline_ms, 30000);
	ck_assert_str_eq(a->check[1], "-t");
	ck_assert_str_eq(a->side[0].expect, "HTTP/1.1 200");
	ck_assert_str_eq(a->side[0].sni, "web1");
	ck_assert(a->side[1].on && a->side[1].client);
	ck_assert_int_eq(a->proof, WIRE_PROOF_PROBE);
	ck_assert(ag_config_presents(c, "b") && !ag_config_verifies(c, "b"));
	ck_assert(!ag_config_presents(c, "c") && ag_config_verifies(c, "c"));
	ag_config_free(c);
}
END_TEST

START_TEST(least)
{
	struct ag_config *c = good(TOP);

	ck_assert_uint_eq(c->wait_ms, 25000);
	ck_assert_uint_eq(c->later_ms, 1000);
	ck_assert_int_eq(c->alg, WIRE_P256);
	ck_assert_uint_eq(c->nroots, 0);
	ag_config_free(c);
	ag_config_free(good(APP("proof = \"reload\"; server = { root = \"r\";"
				" pem = \"/p\"; };")));
}
END_TEST

/* The default of kick, and when there is none. */
START_TEST(kick)
{
	static const struct {
		const char *text, *word[3];
	} of[] = {
		{ "reload = [ \"systemctl\", \"reload\", \"x.service\" ];",
		    { "systemctl", "restart", "x.service" } },
		{ "reload = [ \"systemctl\", \"reload\", \"x.service\" ];"
		  " kick = [ \"a\", \"b\", \"c\" ];",
		    { "a", "b", "c" } },
		{ "kick = [ \"a\", \"b\", \"c\" ];", { "a", "b", "c" } },
		{ "reload = [ \"systemctl\", \"reload\" ];", { NULL } },
		{ "reload = [ \"systemctl\", \"kill\", \"x\" ];", { NULL } },
		{ "reload = [ \"systemctl\", \"reload\", \"x\", \"y\" ];",
		    { NULL } },
		{ "reload = [ \"nginx\", \"reload\", \"x\" ];", { NULL } },
		{ "", { NULL } },
	};
	char *text =
	    base_asprintf(APP("server = { " SERVER " }; %s"), of[_i].text);
	struct ag_config *c = good(text);

	ck_assert((c->apps[0].kick == NULL) == (of[_i].word[0] == NULL));
	for (int k = 0; k < 3 && c->apps[0].kick != NULL; k++)
		ck_assert_str_eq(c->apps[0].kick[k], of[_i].word[k]);
	if (c->apps[0].kick != NULL)
		ck_assert_ptr_null(c->apps[0].kick[3]);
	ag_config_free(c);
	free(text);
}
END_TEST

static const struct {
	const char *text, *says;
} bad[] = {
	{ "fleet = ;", "t:1: " },
	{ "fleet = \"acme\"; node = \"web1\";", "store is missing" },
	{ TOP "colour = 1;", ":5: colour: unknown" },
	{ TOP "wait = \"5\";", ":5: wait: seconds" },
	{ TOP "wait = -1;", "0 to 86400" },
	{ TOP "wait = 5000000000;", ":5: wait: 5000000000 is too" },
	/* 32 bits of it would be 5 */
	{ TOP "wait = 4294967301;", ":5: wait: 4294967301 is too" },
	{ TOP "alg = \"RSA\";", "\"P-256\"" },
	{ "fleet = \"A\";", "is no name" },
	{ "fleet = 1;", "a string in quotes" },
	{ "fleet = \"a\"; node = \"ca\"; store = \"/s\";", "the CA itself" },
	{ "fleet = \"a\"; node = \"b\"; store = \"s\";", "absolute" },
	{ "fleet = \"a\"; node = \"b\"; store = \"/s\";", "no way for orders" },
	{ "fleet = \"a\"; node = \"b\"; store = \"/s\"; by_file = false;",
	    "no way for orders" },
	{ TOP "ca = { poll = true; };", "address is missing" },
	{ TOP "ca = { address = \"h\"; };", "no address" },
	{ TOP "ca = { address = \"h:99999\"; };", "no address" },
	{ TOP "ca = { address = \"::1:5\"; };", "no address" },
	{ TOP "ca = ( );", "a group is needed" },
	{ TOP "neighbours = { };", "a list of groups" },
	{ TOP "neighbours = ( { node = \"x\"; address = \"h:1\"; "
	      "role = \"pull\"; verify_root = \"c\"; } );",
	    "\"poll\", \"push\"" },
	{ TOP "relay = { listen = \"h:1\"; root = \"management\"; };",
	    "the CA's own channel" },
	{ APP(""), "a server or a client" },
	{ APP("server = { " SERVER " }; port = 1;"), "port: unknown" },
	{ APP("server = { root = \"r\"; pem = \"/p\"; };"), "its address" },
	{ APP("server = { root = \"r\"; pem = \"/p\";"
	      " address = \"h:1\"; };"),
	    "no address by number" },
	{ APP("client = { verify_root = \"r\"; trust = \"/t\";"
	      " canary = \"localhost:1\"; };"),
	    "no address by number" },
	{ APP("server = { root = \"r\"; address = \"[::1]:1\"; };"),
	    "name chain and key" },
	{ APP("server = { root = \"r\"; pem = \"/p\"; trust = \"/t\";"
	      " address = \"127.0.0.1:1\"; };"),
	    "belong together" },
	{ APP("client = { verify_root = \"r\"; trust = \"/t\"; };"),
	    "canary and trigger" },
	{ APP("client = { verify_root = \"r\"; trust = \"/t\";"
	      " canary = \"127.0.0.1:1\"; };"),
	    "belong together" },
	{ APP("client = { " CLIENT " chain = \"/c\"; key = \"/k\"; };"),
	    "name it as root" },
	{ APP("server = { " SERVER " }; reload = [ \"a\" ]; signal = \"HUP\";"),
	    "not both" },
	{ APP("server = { " SERVER " }; signal = \"HUP\";"),
	    "needs a pidfile" },
	{ APP("server = { " SERVER " }; form = \"old+nwo\";"), "depth2" },
	{ APP("server = { " SERVER " }; check = \"nginx -t\";"),
	    "a list of strings" },
	{ APP("server = { " SERVER " }; check = [ ];"), "a list of strings" },
	{ TOP "applications = ( { name = \"a\"; server = { " SERVER " }; },"
	      " { name = \"a\"; server = { " SERVER " }; } );",
	    "twice" },
};

START_TEST(refused)
{
	struct ag_config *c = NULL;

	NO(ag_config_parse(bad[_i].text, "t", &c), BASE_E_CONFIG);
	ck_assert_ptr_null(c);
	ck_assert_msg(strstr(base_why(), bad[_i].says) != NULL,
	    "\"%s\" is not in: %s", bad[_i].says, base_why());
}
END_TEST

START_TEST(no_file)
{
	struct ag_config *c = NULL;

	NO(ag_config_read("/nonexistent/agent.conf", &c), BASE_E_CONFIG);
}
END_TEST

TCase *
case_config(void)
{
	TCase *t = tcase_create("config");

	tcase_add_test(t, whole);
	tcase_add_test(t, least);
	tcase_add_loop_test(t, kick, 0, 8);
	tcase_add_loop_test(t, refused, 0, (int)(sizeof bad / sizeof bad[0]));
	tcase_add_test(t, no_file);
	return t;
}
