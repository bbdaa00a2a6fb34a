/* Unit tests of agentd/work.c, job.c, live.c and report.c: an order from its
 * parcel to its report, with a real TLS server that reads its files for each
 * connection; and the same with a death at every write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agentd/work.h"
#include "tests/unit/agentd/app.h"
#include "tests/unit/agentd/crash.h"
#include "tests/unit/agentd/suites.h"

/* Long where it must not matter on a busy machine. */
static const char *deadline = "20";
static char *dir, *trust_file, *chain_file;
static struct event_base *eb;
static struct app *app;
static struct ag_config *conf;
static struct ag_store *store;
static struct ag_holdings held;
static struct ag_work *work;
static struct wire_report last; /* of those sent */
static unsigned nsent, nchanged;

/* ---- the world ------------------------------------------------------------------ */

static void
on_send(void *arg, struct wire_parcel *p)
{
	STACK_OF(X509) *trust = fleet_stack(rig_management(), NULL);
	struct wire_signer s = { 0 };
	struct base_buf der;

	(void)arg;
	base_buf_init(&der, 0);
	ck_assert_int_eq(p->kind, WIRE_P_REPORT);
	ck_assert_str_eq(p->route[0], NODE);
	OK(wire_cms_verify(WIRE_C_REPORT, base_buf_span(&p->content), trust,
	    base_time_now(), &der, &s));
	ck_assert_str_eq(s.node, NODE);
	OK(wire_report_parse(base_buf_span(&der), &last));
	nsent++;
	base_buf_free(&der);
	wire_signer_clear(&s);
	sk_X509_pop_free(trust, X509_free);
}

static void
on_changed(void *arg, const char *root)
{
	(void)arg;
	ck_assert_str_eq(root, "plant");
	nchanged++;
}

static void
read_conf(const char *more)
{
	char *text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"%s/s\";"
	    "management = { listen = \"127.0.0.1:0\"; }; retry = 60;"
	    "applications = ( { name = \"a\"; server = { root = \"plant\";"
	    " verify_root = \"plant\"; trust = \"%s\"; chain = \"%s\";"
	    " key = \"%s/key.pem\"; address = \"%s\"; };"
	    " settle = 0; deadline = %s; %s } );",
	    dir, trust_file, chain_file, dir, app_address(app), deadline, more);

	OK(ag_config_parse(text, "t", &conf));
	free(text);
}

static void
node_up(const char *more)
{
	memset(&last, 0, sizeof last);
	nsent = nchanged = 0;
	eb = event_base_new();
	app = app_start(eb,
	    &(struct app_conf){ .trust_file = trust_file,
		.chain_file = chain_file });
	read_conf(more);
	OK(ag_store_open(conf->store, &store));
	OK(ag_holdings_open(store, conf, &held));
	work = ag_work_new(&(struct ag_work_conf){
	    .eb = eb,
	    .conf = conf,
	    .store = store,
	    .holdings = &held,
	    .send = on_send,
	    .changed = on_changed,
	});
}

static void
node_down(void)
{
	ag_work_free(work);
	ag_holdings_close(&held);
	ag_store_close(store);
	ag_config_free(conf);
	app_stop(app);
	event_base_free(eb);
}

static void
put_key(const char *root, const struct fleet_key *k)
{
	char *path = base_asprintf("%s/s/%s", dir, root);
	struct base_buf b;

	base_buf_init(&b, 0);
	OK(base_dir_make(path, 0700));
	free(path);
	path = base_asprintf("%s/s/%s/key.pem", dir, root);
	OK(wire_key_to_pem(k->key, &b));
	OK(base_file_write(path, base_buf_span(&b), 0600));
	base_buf_free(&b);
	free(path);
}

/* As after a join: generation 1, reported and acknowledged. */
static void
joined(void)
{
	char *path = base_asprintf("%s/s", dir);
	struct ag_bundle *b = rig_bundle(), *m;
	struct ag_state st = { .highest = 1,
		.phase = AG_SETTLED,
		.acked = true,
		.nroute = 1,
		.route = { NODE } };

	put_key("plant", rig_node_key());
	put_key(AG_MANAGEMENT, rig_management_node_key());
	OK(ag_store_open(path, &store));
	OK(ag_store_put(store, b));
	OK(ag_store_swap(store, "plant", 1));
	OK(ag_state_write(store, "plant", &st));
	m = ag_bundle_new(AG_MANAGEMENT, 0);
	m->ntrust = m->trust_gen[0] = m->cert_gen = m->anchor_gen = 1;
	m->trust[0] = rig_ref(rig_management());
	m->anchor = rig_ref(rig_management());
	m->cert = rig_ref(rig_management_leaf());
	OK(ag_store_put(store, m));
	OK(ag_store_swap(store, AG_MANAGEMENT, 0));
	ag_bundle_free(m);
	ag_bundle_free(b);
	ag_store_close(store);
	free(path);
}

static void
setup(void)
{
	/* today is RIG(10), because work.c looks at the clock */
	rig_t0 = base_time_add_s(base_time_now(), -10 * DAY - 60);
	rig_t0.ms -= rig_t0.ms % 1000;
	dir = rig_dir();
	trust_file = base_asprintf("%s/trust.pem", dir);
	chain_file = base_asprintf("%s/chain.pem", dir);
	joined();
}

static void
teardown(void)
{
	free(trust_file);
	free(chain_file);
	rig_dir_remove(dir);
}

/* ---- doing ------------------------------------------------------------------------ */

static struct wire_parcel
order_parcel(uint32_t steps, uint64_t epoch)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 1,
		.route = { NODE } };
	struct wire_order o = rig_order(steps);

	o.epoch = epoch;
	o.canary[0].generation = 2;
	o.canary[0].cert = rig_canary(2);
	o.canary[1].generation = 1;
	o.canary[1].cert = rig_canary(1);
	o.ncanary = 2;
	p.content = rig_sign(&o, false);
	wire_order_clear(&o);
	return p;
}

static void
run_until_idle(void)
{
	int turns = 0;

	while (!ag_work_is_idle(work) && turns++ < 100000)
		event_base_loop(eb, EVLOOP_ONCE);
	ck_assert(ag_work_is_idle(work));
}

static enum wire_status
give(uint32_t steps, uint64_t epoch)
{
	struct wire_parcel p = order_parcel(steps, epoch);

	if (ag_work_order(work, &p, false) == BASE_OK)
		run_until_idle();
	wire_parcel_clear(&p);
	return last.status;
}

static const struct wire_inventory *
inventory(void)
{
	for (size_t i = 0; i < last.ninventory; i++)
		if (strcmp(last.inventory[i].root, "plant") == 0)
			return &last.inventory[i];
	ck_abort_msg("plant is not in the inventory");
	return NULL;
}

static int
count(const char *file)
{
	STACK_OF(X509) *s = NULL;
	struct base_buf b;
	int n;

	base_buf_init(&b, 0);
	OK(base_file_read(file, 1 << 20, &b));
	OK(wire_x509_stack_from_pem(base_buf_span(&b), file, &s));
	n = sk_X509_num(s);
	sk_X509_pop_free(s, X509_free);
	base_buf_free(&b);
	return n;
}

/* ---- tests ------------------------------------------------------------------------- */

START_TEST(roll)
{
	node_up("");
	OK(ag_work_resume(work));
	run_until_idle();
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(nsent, 2); /* received, effective */
	ck_assert_uint_eq(nchanged, 1);
	ck_assert_uint_eq(inventory()->trust, 3);
	ck_assert_uint_eq(inventory()->highest, 2);
	ck_assert_int_eq(count(trust_file), 2);
	ck_assert_int_eq(give(WIRE_STEP_CERT, 3), WIRE_EFFECTIVE);
	ck_assert_uint_eq(inventory()->cert, 2);
	ck_assert_int_eq(count(chain_file), 2);
	ck_assert_int_eq(give(WIRE_STEP_FINISH, 4), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(inventory()->trust, 2);
	ck_assert_int_eq(count(trust_file), 1);
	ck_assert_int_eq(count(chain_file), 1);
	node_down();
}
END_TEST

START_TEST(again)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	uint8_t digest[32];

	node_up("");
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	memcpy(digest, last.order_digest, 32);
	memset(&last, 0, sizeof last);
	OK(ag_work_order(work, &p, false));
	ck_assert(ag_work_is_idle(work));
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_mem_eq(last.order_digest, digest, 32);
	/* also after a restart */
	node_down();
	node_up("");
	OK(ag_work_order(work, &p, false));
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

START_TEST(refused)
{
	struct wire_parcel p;

	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_CERT, 2), WIRE_ORDER_REFUSED);
	ck_assert_ptr_nonnull(strstr(last.reason, "needs trust first"));
	ck_assert_uint_eq(inventory()->highest, 1);
	ck_assert_uint_eq(nchanged, 0);
	/* what nobody of ours signed is not even answered */
	nsent = 0;
	p = order_parcel(WIRE_STEP_TRUST, 2);
	p.content.p[p.content.n - 1] ^= 1;
	ck_assert_int_ne(ag_work_order(work, &p, false), BASE_OK);
	ck_assert_uint_eq(nsent, 0);
	wire_parcel_clear(&p);
	node_down();
}
END_TEST

/* What could not be gone on with at the start, a clock that was wrong, is
 * gone on with when the CA sends it again. */
START_TEST(goes_on_when_sent_again)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);

	node_up("");
	OK(ag_work_order(work, &p, false));
	node_down();
	node_up(""); /* and no ag_work_resume */
	OK(ag_work_order(work, &p, false));
	/* and not twice */
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_uint_eq(nsent, 3);
	ck_assert_int_eq(count(trust_file), 2);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

/* The disk is full when all is done: effective is not said before it is
 * stored, however often the CA asks. */
START_TEST(end_not_stored)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	char *state = base_asprintf("%s/s/plant/state", dir);
	char *away = base_asprintf("%s/away", dir);

	node_up("");
	OK(ag_work_order(work, &p, false));
	ck_assert_int_eq(rename(state, away), 0);
	OK(base_dir_make(state, 0700));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_RECEIVED);
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_RECEIVED);
	ck_assert_uint_eq(nsent, 2);
	ck_assert_int_eq(rmdir(state), 0);
	ck_assert_int_eq(rename(away, state), 0);
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&p);
	free(state);
	free(away);
}
END_TEST

/* Stored, but not made current: a node that starts again takes it up, so it
 * must not be refused. */
START_TEST(not_current)
{
	struct wire_parcel p = order_parcel(WIRE_STEP_TRUST, 2);
	char *current = base_asprintf("%s/s/plant/current", dir);
	char *away = base_asprintf("%s/away", dir);

	node_up("");
	ck_assert_int_eq(rename(current, away), 0);
	OK(base_dir_make(current, 0700));
	ck_assert_int_ne(ag_work_order(work, &p, false), BASE_OK);
	ck_assert_uint_eq(nsent, 0);
	ck_assert_uint_eq(nchanged, 0);
	ck_assert_int_eq(rmdir(current), 0);
	ck_assert_int_eq(rename(away, current), 0);
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_int_eq(count(trust_file), 2);
	node_down();
	wire_parcel_clear(&p);
	free(current);
	free(away);
}
END_TEST

/* The application goes on with its old files: the probe sees that, and the
 * old version comes back. */
START_TEST(stale)
{
	deadline = "0.3";
	node_up("");
	app_stop(app);
	app = app_start(eb,
	    &(struct app_conf){ .cert = rig_leaf(1),
		.trust = { rig_root(1) } });
	free(conf->apps[0].side[0].address);
	conf->apps[0].side[0].address = base_strdup(app_address(app));
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "a: "));
	ck_assert_uint_eq(inventory()->trust, 1);
	ck_assert_uint_eq(inventory()->highest, 2);
	ck_assert_int_eq(count(trust_file), 1);
	ck_assert_uint_eq(nchanged, 2);
	/* failed stays failed; the next epoch is another try */
	nsent = 0;
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_ORDER_REFUSED);
	node_down();
	deadline = "20";
	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 3), WIRE_EFFECTIVE);
	node_down();
}
END_TEST

/* From some connection on it refuses everybody: that its word against the old
 * canary is no proof shows with the next one. */
START_TEST(refuses_everybody)
{
	struct app_conf c = { .trust_file = trust_file,
		.chain_file = chain_file };

	node_up("");
	ck_assert_int_eq(give(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2),
	    WIRE_EFFECTIVE);
	app_stop(app);
	c.distrusts = 1; /* the new canary, once */
	app = app_start(eb, &c);
	free(conf->apps[0].side[0].address);
	conf->apps[0].side[0].address = base_strdup(app_address(app));
	conf->apps[0].deadline_ms = 300;
	ck_assert_int_eq(give(WIRE_STEP_FINISH, 3), WIRE_FAILED);
	ck_assert_ptr_nonnull(
	    strstr(last.reason, "right after it has refused"));
	ck_assert_int_eq(count(trust_file), 2);
	node_down();
}
END_TEST

START_TEST(check_fails)
{
	node_up("check = [ \"sh\", \"-c\", \"echo no such thing; exit 3\" ];");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "status 3: no such thing"));
	ck_assert_int_eq(count(trust_file), 1);
	node_down();
}
END_TEST

START_TEST(reload_hangs)
{
	deadline = "0.3";
	node_up("reload = [ \"sleep\", \"60\" ];");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "no end within"));
	node_down();
}
END_TEST

/* The way back does not stop at an application that cannot be reloaded. */
START_TEST(put_back_all)
{
	char *mark = base_asprintf("%s/mark", dir);
	char *more = base_asprintf(
	    "reload = [ \"false\" ]; }, { name = \"b\"; proof = \"reload\";"
	    " server = { root = \"plant\"; pem = \"%s/b.pem\"; };"
	    " reload = [ \"touch\", \"%s\" ];",
	    dir, mark);

	node_up(more);
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_FAILED);
	ck_assert_ptr_nonnull(strstr(last.reason, "a: reload"));
	ck_assert_int_eq(access(mark, F_OK), 0);
	node_down();
	free(more);
	free(mark);
}
END_TEST

START_TEST(by_reload)
{
	node_up("reload = [ \"true\" ]; proof = \"reload\";");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_RELOAD);
	node_down();
}
END_TEST

/* Without its pidfile nobody can tell who runs with the old files: the change
 * counts, but the report says so. */
START_TEST(no_pidfile)
{
	char pid[32];

	snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	node_up("reload = [ \"true\" ]; pidfile = \"/nowhere\";");
	ck_assert_int_eq(give(WIRE_STEP_TRUST, 2), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_RELOAD);
	free(conf->apps[0].pidfile);
	conf->apps[0].pidfile = base_asprintf("%s/pid", dir);
	OK(base_file_write(conf->apps[0].pidfile,
	    (struct base_span){ (uint8_t *)pid, strlen(pid) }, 0644));
	ck_assert_int_eq(give(WIRE_STEP_CERT, 3), WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	node_down();
}
END_TEST

/* ---- death --------------------------------------------------------------------------- */

static int
die_at(int n)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		node_up("");
		crash_writes = 0;
		crash_before = n;
		crash_torn = true;
		give(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2);
		_exit(last.status == WIRE_EFFECTIVE ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
start_over(void)
{
	rig_dir_remove(dir);
	free(trust_file);
	free(chain_file);
	dir = rig_dir();
	trust_file = base_asprintf("%s/trust.pem", dir);
	chain_file = base_asprintf("%s/chain.pem", dir);
	joined();
}

/* After a death anywhere the node, started again, either goes on by itself or
 * has never heard of the order; then the order, sent again, is done. */
START_TEST(death)
{
	int n = 0, r, resumed = 0;

	for (; (r = die_at(n)) == CRASH_EXIT; n++) {
		node_up("");
		OK(ag_work_resume(work));
		resumed += !ag_work_is_idle(work);
		run_until_idle();
		ck_assert_msg(last.status == 0 || last.status == WIRE_EFFECTIVE,
		    "death at %d: %s", n, last.reason);
		ck_assert_msg(give(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2) ==
			    WIRE_EFFECTIVE ||
			strstr(last.reason, "other content") != NULL,
		    "death at %d: %s", n, last.reason);
		ck_assert_int_eq(count(trust_file), 2);
		ck_assert_int_eq(count(chain_file), 2);
		node_down();
		start_over();
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_ge(n, 10);
	ck_assert_int_ge(resumed, 3);
}
END_TEST

TCase *
case_work(void)
{
	TCase *t = tcase_create("work");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, roll);
	tcase_add_test(t, again);
	tcase_add_test(t, refused);
	tcase_add_test(t, goes_on_when_sent_again);
	tcase_add_test(t, end_not_stored);
	tcase_add_test(t, not_current);
	tcase_add_test(t, stale);
	tcase_add_test(t, refuses_everybody);
	tcase_add_test(t, check_fails);
	tcase_add_test(t, reload_hangs);
	tcase_add_test(t, put_back_all);
	tcase_add_test(t, by_reload);
	tcase_add_test(t, no_pidfile);
	tcase_add_test(t, death);
	return t;
}
