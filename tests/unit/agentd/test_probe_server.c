/* The probe of a server: what it really serves and accepts. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/probe_rig.h"
#include "tests/unit/agentd/suites.h"

static void
server(struct app_conf c)
{
	app_stop(app);
	app = app_start(eb, &c);
	side.address = app_address(app);
}

/* After cert: new leaf with its link, both roots trusted. */
static struct app_conf
server_good(bool like_nginx)
{
	return (struct app_conf){ .cert = rig_leaf(2),
		.link = rig_link(1, 2),
		.trust = { rig_root(2), rig_root(1) },
		.like_nginx = like_nginx };
}

static struct ag_probe_conf
server_want(void)
{
	return (struct ag_probe_conf){ .shown = canary[2],
		.leaf = rig_leaf(2),
		.link = rig_link(1, 2),
		.bytes = true };
}

START_TEST(server_live)
{
	server(server_good(_i == 1));
	OK(probe(server_want()));
}
END_TEST

/* The application still runs with the old files. */
START_TEST(server_stale)
{
	struct app_conf c = server_good(_i == 1);

	c.trust[0] = rig_root(1);
	c.trust[1] = NULL;
	server(c);
	says(probe(server_want()), "");
	c = server_good(_i == 1);
	c.cert = rig_leaf(1);
	c.link = NULL;
	server(c);
	says(probe(server_want()), "another certificate");
}
END_TEST

START_TEST(server_link)
{
	struct app_conf c = server_good(false);
	struct ag_probe_conf want = server_want();

	c.link = NULL;
	server(c);
	says(probe(server_want()), "does not send NewWithOld");
	server(server_good(false));
	want.link = NULL;
	says(probe(want), "not in the store any more");
}
END_TEST

START_TEST(server_finished)
{
	struct app_conf c = server_good(_i == 1);
	struct ag_probe_conf want = { .shown = canary[1], .refuse = true };

	server(c);
	says(probe(want), "still accepts");
	c.trust[1] = NULL;
	server(c);
	OK(probe(want));
	/* nobody there is no refusal */
	app_stop(app);
	app = NULL;
	side.address = app_free_address();
	says(probe(want), "cannot be reached");
	free(side.address);
}
END_TEST

/* Who hangs up, or has trouble of his own, refuses nobody. */
START_TEST(server_trouble)
{
	struct app_conf c = server_good(false);
	struct ag_probe_conf want = { .shown = canary[1], .refuse = true };

	c.trust[1] = NULL;
	c.hangs_up = 1;
	server(c);
	OK(probe(want));
	says(probe(want), "cannot be reached");
	c = server_good(true);
	c.trust[1] = NULL;
	c.no = "503 Service Unavailable";
	server(c);
	says(probe(want), "neither accepts nor refuses");
	c.no = "403 Forbidden";
	server(c);
	OK(probe(want));
}
END_TEST

START_TEST(server_only)
{
	struct app_conf c = server_good(false);
	struct ag_probe_conf want = server_want();

	memset(c.trust, 0, sizeof c.trust);
	server(c);
	want.shown = NULL;
	OK(probe(want));
	/* only the leaf is looked at */
	want.bytes = false;
	server(server_good(false));
	OK(probe(want));
}
END_TEST

START_TEST(server_words)
{
	char other[] = "220 ready";

	server(server_good(false));
	side.expect = other;
	says(probe(server_want()), "220 ready");
}
END_TEST

TCase *
case_probe_server(void)
{
	TCase *t = tcase_create("probe_server");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, probe_setup, probe_teardown);
	tcase_add_loop_test(t, server_live, 0, 2);
	tcase_add_loop_test(t, server_stale, 0, 2);
	tcase_add_test(t, server_link);
	tcase_add_loop_test(t, server_finished, 0, 2);
	tcase_add_test(t, server_trouble);
	tcase_add_test(t, server_only);
	tcase_add_test(t, server_words);
	return t;
}
