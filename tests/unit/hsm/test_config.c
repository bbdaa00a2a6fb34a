/* hsm/config: what is read, what is refused and where. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hsm/config.h"
#include "tests/unit/hsm/softhsm.h"
#include "tests/unit/hsm/suites.h"

static char *dir;

static void
setup(void)
{
	char name[] = "/tmp/kedge-config-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	dir = base_strdup(name);
}

static void
teardown(void)
{
	const char *argv[] = { "rm", "-rf", dir, NULL };

	test_run(argv);
	free(dir);
}

static void
put(const char *name, const char *text)
{
	char *path = base_asprintf("%s/%s", dir, name);

	ck_assert_int_eq(base_file_write(path,
			     (struct base_span){ (const uint8_t *)text,
				 strlen(text) },
			     0600),
	    BASE_OK);
	free(path);
}

#define HEAD "fleet = \"f\";\nsocket = \"/s\";\nstate = \"/t\";\n"
#define TOK(name)                                  \
	"{ name = \"" name "\"; module = \"/m\"; " \
	"uri = \"pkcs11:token=x\"; }"
#define TOKENS "tokens = ( " TOK("a") ", " TOK("b") " );\n"

static enum base_err
conf(const char *text, struct hsm_conf *c)
{
	char *path = base_asprintf("%s/c", dir);
	enum base_err e;

	put("c", text);
	e = hsm_conf_read(path, c);
	free(path);
	return e;
}

START_TEST(config_good)
{
	struct hsm_conf c;

	ck_assert_msg(
	    conf(HEAD TOKENS
		"uids = ( 7, \"root\" );\nnode_days = 30;\n"
		"approvers = [ 8, 9 ];\napprovals = 2;\n"
		"roots = ( { name = \"plant\"; tokens = [ \"b\", \"a\" ]; "
		"algorithm = \"p384\"; root_days = 9; } );\n"
		"names = ( { node = \"n\"; allow = [ \"IP:::1\" ]; } );\n"
		"other_names = \"listed\";\nsign_ms = 77;\n",
		&c) == BASE_OK,
	    "%s", base_why());
	ck_assert_str_eq(c.fleet, "f");
	ck_assert_uint_eq(c.nuids, 2);
	ck_assert_uint_eq(c.uids[0], 7);
	ck_assert_uint_eq(c.uids[1], 0);
	ck_assert_uint_eq(c.napprovers, 2);
	ck_assert_uint_eq(c.approvals, 2);
	ck_assert(hsm_conf_is_approver(&c, 9) && !hsm_conf_is_approver(&c, 7));
	ck_assert(hsm_conf_is_asker(&c, 7) && !hsm_conf_is_asker(&c, 9));
	ck_assert_int_eq(c.sign_ms, 77);
	ck_assert_int_eq(c.other_names, HSM_LISTED);
	ck_assert_uint_eq(hsm_conf_root(&c, "plant")->token[0], 1);
	ck_assert_int_eq(hsm_conf_root(&c, "plant")->alg, WIRE_P384);
	ck_assert_int_eq(hsm_conf_root(&c, "plant")->root_days, 9);
	ck_assert_int_eq(hsm_conf_root(&c, "plant")->node_days, 30);
	ck_assert_int_eq(hsm_conf_root(&c, "other")->node_days, 30);
	ck_assert_int_eq(hsm_conf_root(&c, "other")->alg, 0);
	hsm_conf_clear(&c);
}
END_TEST

START_TEST(one_approval_is_the_least)
{
	struct hsm_conf c;

	ck_assert_int_eq(conf(HEAD TOKENS "approvers = [ 8, 9 ];\n", &c),
	    BASE_OK);
	ck_assert_uint_eq(c.approvals, 1);
	hsm_conf_clear(&c);
}
END_TEST

static const struct {
	const char *text, *says;
} bad_conf[] = {
	{ HEAD, "c:1: tokens is missing" },
	{ HEAD TOKENS "nod_days = 3;\n", "c:5: nod_days: unknown" },
	{ HEAD TOKENS "node_days = 0;\n",
	    "c:5: node_days: a whole number from 1 to 36500" },
	{ HEAD TOKENS "node_days = 4294967297;\n", "c:5: node_days: " },
	{ HEAD TOKENS "node_days = \"1\";\n", "c:5: node_days: a whole" },
	{ HEAD TOKENS "uids = [ -1 ];\n", "c:5: " },
	{ HEAD TOKENS "uids = [ \"no such user\" ];\n", "c:5: " },
	{ HEAD TOKENS "uids = [ 7, 8 ];\napprovers = [ 9, 8 ];\n",
	    "approvers: user 8 may ask" },
	{ HEAD TOKENS "approvers = [ 9, 9 ];\n", "user 9 is there twice" },
	{ HEAD TOKENS "approvers = [ 8, 9 ];\napprovals = 3;\n",
	    "approvals: 3 are wanted of 2" },
	{ HEAD TOKENS "approvals = 2;\n", "without approvers" },
	{ HEAD TOKENS "approvals = 1;\n", "without approvers" },
	{ HEAD TOKENS "approvers = [ 8 ];\napprovals = 0;\n",
	    "c:6: approvals" },
	{ HEAD "tokens = ( " TOK("a") ", " TOK("a") " );\n", "twice" },
	{ HEAD "tokens = ( { name = \"a\"; } );\n", "c:4: module is missing" },
	{ HEAD "tokens = ( { name = \"a\"; module = \"/m\"; uri = "
	       "\"pkcs11:slot-id=1\"; } );\n",
	    "c:4: uri: " },
	{ HEAD "tokens = ( { name = \"a\"; module = \"/m\"; uri = "
	       "\"pkcs11:token=x\"; environment = [ \"=x\" ]; } );\n",
	    "c:4: environment: must be \"NAME=value\"" },
	{ HEAD "tokens = ();\n", "c:4: tokens: a list of" },
	{ HEAD TOKENS "roots = ( { name = \"r\"; tokens = [ \"c\" ]; } );\n",
	    "root \"r\": \"c\" is none of the tokens" },
	{ HEAD TOKENS "roots = ( { name = \"R\"; } );\n", "is no name" },
	{ HEAD TOKENS "roots = ( { name = \"r\"; algorithm = \"dsa\"; } );\n",
	    "c:5: algorithm: one of \"p256\"" },
	{ HEAD TOKENS "fleet = \"g\";\n", "c:5: " },
	{ HEAD TOKENS "x = {\n", "c:" },
};

START_TEST(config_bad)
{
	struct hsm_conf c;

	ck_assert_int_eq(conf(bad_conf[_i].text, &c), BASE_E_CONFIG);
	ck_assert_msg(strstr(base_why(), bad_conf[_i].says) != NULL,
	    "\"%s\" does not say \"%s\"", base_why(), bad_conf[_i].says);
}
END_TEST

START_TEST(config_absent)
{
	struct hsm_conf c;

	ck_assert_int_eq(hsm_conf_read("/nonexistent", &c), BASE_E_CONFIG);
}
END_TEST

TCase *
case_config(void)
{
	TCase *t = tcase_create("config");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, config_good);
	tcase_add_test(t, one_approval_is_the_least);
	tcase_add_loop_test(t, config_bad, 0,
	    sizeof(bad_conf) / sizeof(bad_conf[0]));
	tcase_add_test(t, config_absent);
	return t;
}
