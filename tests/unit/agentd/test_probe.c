/* Unit tests of agentd/probe*.c: what the application really does, told apart
 * from what its files say. */
#include <stdlib.h>
#include <string.h>

#include "agentd/probe.h"
#include "tests/unit/agentd/app.h"
#include "tests/unit/agentd/suites.h"

static struct event_base *eb;
static struct app *app;
static struct ag_side side;
static X509 *canary[3];
static char expect[] = "HTTP/1.1 200", request[] = "GET / HTTP/1.0\r\n\r\n",
	    sni[] = NODE;
static enum base_err result;
static bool is_done;

static void
setup(void)
{
	eb = event_base_new();
	canary[1] = rig_canary(1);
	canary[2] = rig_canary(2);
	side = (struct ag_side){ .on = true,
		.expect = expect,
		.request = request,
		.sni = sni };
}

static void
teardown(void)
{
	app_stop(app);
	app = NULL;
	X509_free(canary[1]);
	X509_free(canary[2]);
	event_base_free(eb);
}

static void
on_done(void *arg, enum base_err e)
{
	(void)arg;
	result = e;
	is_done = true;
	event_base_loopbreak(eb);
}

static enum base_err
probe(struct ag_probe_conf c)
{
	c.eb = eb;
	c.side = &side;
	c.key = rig_node_key()->key;
	c.timeout_ms = c.timeout_ms != 0 ? c.timeout_ms : 5000;
	c.done = on_done;
	is_done = false;
	ck_assert_ptr_nonnull(ag_probe_start(&c));
	ck_assert(!is_done);
	event_base_dispatch(eb);
	ck_assert(is_done);
	return result;
}

static void
says(enum base_err e, const char *word)
{
	ck_assert_int_ne(e, BASE_OK);
	ck_assert_msg(strstr(base_why(), word) != NULL, "\"%s\" is not in: %s",
	    word, base_why());
}

/* ---- server ------------------------------------------------------------------- */

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

/* ---- client --------------------------------------------------------------------- */

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
case_probe(void)
{
	TCase *t = tcase_create("probe");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, server_live, 0, 2);
	tcase_add_loop_test(t, server_stale, 0, 2);
	tcase_add_test(t, server_link);
	tcase_add_loop_test(t, server_finished, 0, 2);
	tcase_add_test(t, server_trouble);
	tcase_add_test(t, server_only);
	tcase_add_test(t, server_words);
	tcase_add_test(t, client_live);
	tcase_add_test(t, client_stale);
	tcase_add_test(t, client_bridges);
	tcase_add_test(t, client_finished);
	tcase_add_test(t, client_absent);
	tcase_add_test(t, client_run);
	return t;
}
