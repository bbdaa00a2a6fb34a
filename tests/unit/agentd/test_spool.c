/* Unit tests of agentd/spool.c, and of agentd/relay.c with it: what a restart
 * finds again. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentd/relay.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir, *at;
static struct ag_config *conf;
static struct ag_spool *spool;
static struct ag_relay *relay;

static void
start(struct base_time now)
{
	OK(ag_spool_open(at, &spool));
	relay = ag_relay_new(conf, spool);
	OK(ag_relay_load(relay, now));
}

static void
stop(void)
{
	ag_relay_free(relay);
	ag_spool_close(spool);
}

static void
restart(struct base_time now)
{
	stop();
	start(now);
}

static void
setup(void)
{
	OK(ag_config_parse("fleet = \"acme\"; node = \"web1\"; store = \"/s\";"
			   "management = { listen = \"127.0.0.1:0\"; };"
			   "relay = { listen = \"127.0.0.1:0\";"
			   " root = \"plant\"; accept = ( \"app1\" ); };",
	    "t", &conf));
	dir = rig_dir();
	at = base_asprintf("%s/box", dir);
	start(NOW);
}

static void
teardown(void)
{
	stop();
	ag_config_free(conf);
	free(at);
	rig_dir_remove(dir);
}

static enum base_err
put(const char *from, bool down, const char *content)
{
	struct wire_parcel p = { .kind = down ? WIRE_P_ORDER : WIRE_P_REPORT,
		.down = down,
		.nroute = 2,
		.route = { "web1", "app1" },
		.expires = RIG(11) };
	char next[BASE_NAME_MAX + 1];
	bool local;
	enum base_err e;

	if (strcmp(from, "web1") == 0)
		p.nroute = 1;
	OK(base_buf_put(&p.content, content, strlen(content)));
	e = ag_relay_put(relay, from, &p, NOW, &local, next);
	wire_parcel_clear(&p);
	return e;
}

static size_t
files(void)
{
	DIR *d = opendir(at);
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	for (const struct dirent *f; (f = readdir(d)) != NULL;)
		n += f->d_name[0] != '.' || strlen(f->d_name) > 2;
	closedir(d);
	return n;
}

static size_t
take(const char *peer, bool done)
{
	struct wire_exchange x = { 0 };
	size_t n;

	ag_relay_take(relay, peer, NOW, &x);
	n = x.nparcels;
	if (done)
		ag_relay_done(relay, &x);
	else
		ag_relay_back(relay, peer, &x);
	wire_exchange_clear(&x);
	return n;
}

START_TEST(survives)
{
	OK(put("ca", true, "order"));
	OK(put("ca", true, "order")); /* again: the same */
	OK(put("app1", false, "report"));
	ck_assert_uint_eq(files(), 2);
	restart(NOW);
	ck_assert(ag_relay_has(relay, "app1"));
	ck_assert(ag_relay_has(relay, "ca"));
	/* an exchange that fails hands nothing over */
	ck_assert_uint_eq(take("app1", false), 1);
	restart(NOW);
	ck_assert_uint_eq(take("app1", true), 1);
	ck_assert_uint_eq(files(), 1);
	restart(NOW);
	ck_assert(!ag_relay_has(relay, "app1"));
	ck_assert_uint_eq(take("ca", true), 1);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

/* What is refused, and what is this node's own, is no matter of the spool. */
START_TEST(not_kept)
{
	NO(put("app2", false, "report"), BASE_E_REFUSED);
	OK(put("web1", false, "own report"));
	ck_assert_uint_eq(files(), 0);
	ck_assert_uint_eq(take("ca", true), 1);
}
END_TEST

START_TEST(expires)
{
	OK(put("ca", true, "order"));
	restart(RIG(11));
	ck_assert(!ag_relay_has(relay, "app1"));
	ck_assert_uint_eq(files(), 0);
}
END_TEST

/* Whom the configuration does not name any more gets nothing. */
START_TEST(changed_configuration)
{
	OK(put("ca", true, "order"));
	free(conf->relay_accept[0]);
	conf->relay_accept[0] = base_strdup("app9");
	restart(NOW);
	ck_assert(!ag_relay_has(relay, "app1"));
	ck_assert_uint_eq(files(), 0);
}
END_TEST

START_TEST(damaged)
{
	char *bad = base_asprintf("%s/00", at);
	char *cut = base_asprintf("%s/.00.abc", at);
	struct base_span junk = { (const uint8_t *)"junk", 4 };

	OK(base_file_put(bad, junk, 0600));
	OK(base_file_put(cut, junk, 0600));
	OK(put("ca", true, "order"));
	restart(NOW);
	ck_assert_uint_eq(files(), 1);
	ck_assert_uint_eq(take("app1", true), 1);
	free(bad);
	free(cut);
}
END_TEST

/* The disk is gone: the parcel goes its way all the same. */
START_TEST(only_in_memory)
{
	char *away = base_asprintf("%s/away", dir);

	ck_assert_int_eq(rename(at, away), 0);
	OK(put("ca", true, "order"));
	ck_assert_uint_eq(take("app1", true), 1);
	ck_assert_int_eq(rename(away, at), 0);
	free(away);
}
END_TEST

TCase *
case_spool(void)
{
	TCase *t = tcase_create("spool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, survives);
	tcase_add_test(t, not_kept);
	tcase_add_test(t, expires);
	tcase_add_test(t, changed_configuration);
	tcase_add_test(t, damaged);
	tcase_add_test(t, only_in_memory);
	return t;
}
