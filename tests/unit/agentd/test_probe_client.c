/* The probe of a client: what it really shows and accepts. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/probe_rig.h"
#include "tests/unit/agentd/suites.h"

static void
client(struct app_conf c)
{
	app_stop(app);
	c.client = true;
	c.to = side.canary;
	app = app_start(eb, &c);
	side.connect = app_address(app);
}

static struct app_conf
client_good(void)
{
	return (struct app_conf){ .cert = rig_leaf(2),
		.trust = { rig_root(2), rig_root(1) } };
}

static struct ag_probe_conf
client_want(void)
{
	return (
	    struct ag_probe_conf){ .shown = canary[2], .leaf = rig_leaf(2) };
}

static void
client_side(void)
{
	side.client = true;
	side.canary = app_free_address();
}

START_TEST(client_live)
{
	client_side();
	client(client_good());
	OK(probe(client_want()));
	OK(probe(client_want()));
	ck_assert_uint_eq(app_connections(app), 2);
	free(side.canary);
}
END_TEST

START_TEST(client_stale)
{
	struct app_conf c = client_good();

	client_side();
	c.trust[0] = rig_root(1);
	c.trust[1] = NULL;
	client(c);
	says(probe(client_want()), "refuses the canary");
	c = client_good();
	c.cert = rig_leaf(1);
	client(c);
	says(probe(client_want()), "another certificate");
	c.cert = NULL;
	client(c);
	says(probe(client_want()), "");
	free(side.canary);
}
END_TEST

START_TEST(client_bridges)
{
	struct app_conf c = client_good();
	struct ag_probe_conf want = client_want();

	client_side();
	c.link = want.link = rig_link(1, 2);
	client(c);
	OK(probe(want));
	want.link = NULL;
	says(probe(want), "not in the store any more");
	free(side.canary);
}
END_TEST

START_TEST(client_finished)
{
	struct app_conf c = client_good();
	struct ag_probe_conf want = { .shown = canary[1], .refuse = true };

	client_side();
	client(c);
	says(probe(want), "still accepts");
	c.trust[1] = NULL;
	client(c);
	OK(probe(want));
	/* neither its plaintext port nor our listener hears a refusal */
	c.hangs_up = 1;
	client(c);
	OK(probe(want));
	want.timeout_ms = 300;
	ck_assert_int_ne(probe(want), BASE_OK);
	free(side.canary);
}
END_TEST

START_TEST(client_absent)
{
	struct ag_probe_conf want = client_want();
	char *elsewhere;

	client_side();
	side.connect = app_free_address();
	says(probe(want), "cannot be reached");
	want.refuse = true;
	says(probe(want), "cannot be reached");
	free(side.connect);
	/* it listens, but goes elsewhere */
	client(client_good());
	elsewhere = side.canary;
	side.canary = app_free_address();
	want.timeout_ms = 200;
	says(probe(want), "no connection");
	free(elsewhere);
	free(side.canary);
}
END_TEST

START_TEST(client_run)
{
	char no[] = "/bin/false", yes[] = "/bin/true";
	char *argv[] = { no, NULL };

	client_side();
	side.run = argv;
	says(probe(client_want()), "exit status 1");
	argv[0] = yes;
	says(probe(client_want()), "did not print");
	free(side.canary);
}
END_TEST

TCase *
case_probe_client(void)
{
	TCase *t = tcase_create("probe_client");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, probe_setup, probe_teardown);
	tcase_add_test(t, client_live);
	tcase_add_test(t, client_stale);
	tcase_add_test(t, client_bridges);
	tcase_add_test(t, client_finished);
	tcase_add_test(t, client_absent);
	tcase_add_test(t, client_run);
	return t;
}
