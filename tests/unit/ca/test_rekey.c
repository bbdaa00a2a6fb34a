/* A node makes another key of its own: a fleet in virtual time; see world.h. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "ca/kedged.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ];\n"
    "    dual = true; },\n"
    "  { name = \"app3\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web1\"; auth = \"server\";\n"
    "    root = \"plant\"; } );\n";

static bool
is_asked(struct world *w, const char *node, const char *root, bool *proven)
{
	struct base_buf spki;
	bool asked;

	base_buf_init(&spki, 0);
	ck_assert_int_eq(ca_store_rekey_get(w->ca.store, node, root, &asked,
			     &spki),
	    BASE_OK);
	if (proven != NULL)
		*proven = spki.n > 0;
	base_buf_free(&spki);
	return asked;
}

static bool
is_proven(struct world *w, const char *node, const char *root)
{
	bool proven;

	return is_asked(w, node, root, &proven) && proven;
}

/* The key that the CA knows is the one that the node has. */
static void
keys_agree(struct world *w, const char *node)
{
	const struct world_node *n = world_node(w, node);
	const char *const root[] = { CA_MANAGEMENT, "plant" };
	EVP_PKEY *const key[] = { n->management, n->key };

	for (size_t i = 0; i < 2; i++) {
		struct base_buf knows, has;

		base_buf_init(&knows, 0);
		base_buf_init(&has, 0);
		ck_assert_int_eq(ca_store_key_get(w->ca.store, node, root[i],
				     &knows),
		    BASE_OK);
		ck_assert_int_eq(wire_key_spki(key[i], &has), BASE_OK);
		ck_assert_uint_eq(knows.n, has.n);
		ck_assert_mem_eq(knows.p, has.p, has.n);
		base_buf_free(&knows);
		base_buf_free(&has);
	}
}

static bool
rekeyed(struct world *w)
{
	static const char *const node[] = { "web1", "app1", "app2", "app3" };

	for (size_t i = 0; i < 4; i++)
		if (is_asked(w, node[i], "plant", NULL) ||
		    is_asked(w, node[i], CA_MANAGEMENT, NULL))
			return false;
	return world_rolled(w);
}

START_TEST(every_key_of_a_node)
{
	struct world w;
	size_t shown;

	world_open_joined(&w, fleet, (uint64_t)_i + 1);
	w.loss = w.repeat = 10;
	shown = hsm_fake_mood(w.hsm)->shown;
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", NULL), BASE_OK);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "app3", NULL), BASE_OK);
	ck_assert(world_run(&w, 600, rekeyed));
	ck_assert_uint_eq(world_node(&w, "web1")->rekeys, 2);
	/* presents nothing to its server */
	ck_assert_uint_eq(world_node(&w, "app3")->rekeys, 1);
	ck_assert_uint_eq(world_node(&w, "app1")->rekeys, 0);
	keys_agree(&w, "web1");
	keys_agree(&w, "app1");
	/* that the old ones are gone, kedge-hsmd hears at once */
	ck_assert_uint_ge(hsm_fake_mood(w.hsm)->shown, shown + 6);
	/* and its reports and stocks are believed: a roll */
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 600, world_rolled));
	world_close(&w);
}
END_TEST

static bool
web1_has_proven(struct world *w)
{
	return is_proven(w, "web1", "plant");
}

static bool
web1_has_its_order(struct world *w)
{
	return ca_rekey_is_out(&w->ca, "web1", "plant");
}

static bool
web1_is_rekeyed(struct world *w)
{
	return !is_asked(w, "web1", "plant", NULL);
}

/* kedge-hsmd is away when the report comes that says so, and kedged is killed
 * before it is back: it hears of it all the same, once. */
START_TEST(shown_after_a_restart)
{
	struct world w;
	uint64_t shown;

	world_open_joined(&w, fleet, 1);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	ck_assert(world_run(&w, 60, web1_has_proven));
	world_node(&w, "web1")->deaf = true;
	ck_assert(world_run(&w, 60, web1_has_its_order));
	hsm_fake_mood(w.hsm)->down = true;
	world_node(&w, "web1")->deaf = false;
	shown = hsm_fake_mood(w.hsm)->shown;
	ck_assert(world_run(&w, 60, web1_is_rekeyed));
	for (int i = 0; i < 100; i++)
		world_turn(&w);
	world_restart(&w);
	hsm_fake_mood(w.hsm)->down = false;
	for (int i = 0; i < 100; i++)
		world_turn(&w);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->shown, shown + 1);
	world_restart(&w);
	for (int i = 0; i < 100; i++)
		world_turn(&w);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->shown, shown + 1);
	world_close(&w);
}
END_TEST

/* Whenever it is asked for while a root rolls: both come to their end. */
START_TEST(in_the_middle_of_a_roll)
{
	struct world w;

	world_open_joined(&w, fleet, (uint64_t)_i + 1);
	w.loss = w.repeat = 10;
	world_roll(&w, _i % 2 == 0 ? "plant" : CA_MANAGEMENT);
	for (int i = 0; i < _i; i++)
		world_turn(&w);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", NULL), BASE_OK);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "app2", NULL), BASE_OK);
	for (int i = 0; i < _i; i++)
		world_turn(&w);
	world_restart(&w);
	ck_assert(world_run(&w, 600, rekeyed));
	ck_assert_uint_eq(world_node(&w, "web1")->rekeys, 2);
	ck_assert_uint_eq(world_node(&w, "app2")->rekeys, 2);
	keys_agree(&w, "web1");
	keys_agree(&w, "app2");
	world_close(&w);
}
END_TEST

/* Nobody knows which key it is left with: the roll waits for its answer. */
START_TEST(a_roll_waits_for_the_new_certificate)
{
	struct world w;
	struct world_node *web1;
	size_t orders;

	world_open_joined(&w, fleet, 1);
	web1 = world_node(&w, "web1");
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	while (!is_proven(&w, "web1", "plant"))
		world_turn(&w);
	web1->deaf = true;
	while (!ca_rekey_is_out(&w.ca, "web1", "plant"))
		world_turn(&w);
	orders = web1->orders;
	world_roll(&w, "plant");
	for (int i = 0; i < 200; i++)
		world_turn(&w);
	ck_assert(ca_rekey_is_out(&w.ca, "web1", "plant"));
	web1->deaf = false;
	ck_assert(world_run(&w, 600, rekeyed));
	ck_assert_uint_gt(web1->orders, orders);
	ck_assert_uint_eq(web1->rekeys, 1);
	keys_agree(&w, "web1");
	world_close(&w);
}
END_TEST

START_TEST(who_has_nothing_to_replace)
{
	struct world w;

	world_open(&w, fleet, 1);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "nobody", NULL), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "no"), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", NULL), BASE_E_STATE);
	world_join_all(&w);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "app3", "plant"), BASE_E_STATE);
	ck_assert(!is_asked(&w, "app3", "plant", NULL));
	/* twice is once */
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	ck_assert(world_run(&w, 60, rekeyed));
	ck_assert_uint_eq(world_node(&w, "web1")->rekeys, 1);
	world_close(&w);
}
END_TEST

/* A node that joins again has new keys: nothing is left to ask for. */
START_TEST(a_join_ends_it)
{
	struct world w;

	world_open_joined(&w, fleet, 1);
	world_node(&w, "app1")->deaf = true;
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "app1", NULL), BASE_OK);
	for (int i = 0; i < 20; i++)
		world_turn(&w);
	ck_assert(is_asked(&w, "app1", "plant", NULL));
	world_forget(&w, "app1");
	world_node(&w, "app1")->deaf = false;
	world_join(&w, "app1");
	ck_assert(!is_asked(&w, "app1", "plant", NULL));
	ck_assert(!is_asked(&w, "app1", CA_MANAGEMENT, NULL));
	ck_assert(world_run(&w, 60, world_rolled));
	keys_agree(&w, "app1");
	world_close(&w);
}
END_TEST

/* ---- reports that prove nothing ------------------------------------------------ */

static void
judged(struct world *w, const struct wire_report *r, enum wire_status want)
{
	const struct ca_order o = { .steps = WIRE_STEP_REKEY };
	struct wire_report copy = *r;

	ca_rekey_judge(&w->ca, &copy, &o);
	ck_assert_int_eq(copy.status, want);
	ck_assert_int_eq(copy.reason[0] != '\0', want == WIRE_FAILED);
}

START_TEST(what_is_not_proven)
{
	struct wire_report r = { .fleet = "demo",
		.node = "web1",
		.root = "plant",
		.status = WIRE_EFFECTIVE };
	struct world_node *web1, *app1;
	EVP_PKEY *key = NULL;
	struct world w;

	world_open_joined(&w, fleet, 1);
	web1 = world_node(&w, "web1");
	app1 = world_node(&w, "app1");
	ck_assert_int_eq(wire_key_make(WIRE_P256, &key), BASE_OK);
	/* no key at all */
	judged(&w, &r, WIRE_FAILED);
	ck_assert_int_eq(wire_rekey_make(web1->key, key, "demo", "web1",
			     &r.rekey),
	    BASE_OK);
	judged(&w, &r, WIRE_EFFECTIVE);
	/* not vouched for by the one it has */
	base_buf_clear(&r.rekey);
	ck_assert_int_eq(wire_rekey_make(app1->key, key, "demo", "web1",
			     &r.rekey),
	    BASE_OK);
	judged(&w, &r, WIRE_FAILED);
	/* another node's */
	base_buf_clear(&r.rekey);
	ck_assert_int_eq(wire_rekey_make(web1->key, app1->key, "demo", "web1",
			     &r.rekey),
	    BASE_OK);
	judged(&w, &r, WIRE_FAILED);
	wire_report_clear(&r);
	EVP_PKEY_free(key);
	world_close(&w);
}
END_TEST

/* ---- and what must not come of it --------------------------------------------------- */

static struct ca_order
last_order(struct world *w, const char *node)
{
	struct ca_order o = { .epoch = 0 };
	uint64_t epoch;

	ck_assert_int_eq(ca_store_epoch_last(w->ca.store, node, "plant",
			     &epoch),
	    BASE_OK);
	ck_assert_int_eq(ca_store_order_get(w->ca.store, node, "plant", epoch,
			     &o),
	    BASE_OK);
	return o;
}

static bool
key_is(struct world *w, const struct base_buf *key)
{
	struct base_buf is;
	bool same;

	base_buf_init(&is, 0);
	ck_assert_int_eq(ca_store_key_get(w->ca.store, "web1", "plant", &is),
	    BASE_OK);
	same = is.n == key->n && memcmp(is.p, key->p, is.n) == 0;
	base_buf_free(&is);
	return same;
}

/* The acknowledgement lets the node erase its old key: whatever became of the
 * order here, the key in it is the node's from then on; not when the node has
 * had a later certificate, for then the report is old. */
START_TEST(an_order_that_was_replaced)
{
	struct world w;
	struct world_node *web1;
	struct ca_order o;
	struct ca_leaf l;
	struct base_buf before;

	world_open_joined(&w, fleet, 1);
	web1 = world_node(&w, "web1");
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	while (!is_proven(&w, "web1", "plant"))
		world_turn(&w);
	w.late = 100;
	while (!ca_rekey_is_out(&w.ca, "web1", "plant"))
		world_turn(&w);
	w.late = 0;
	ck_assert_int_eq(ca_store_begin(w.ca.store), BASE_OK);
	ck_assert_int_eq(ca_store_orders_replace(w.ca.store, "web1", "plant",
			     INT64_MAX),
	    BASE_OK);
	ck_assert_int_eq(ca_store_rekey_drop(w.ca.store, "web1", "plant"),
	    BASE_OK);
	ck_assert_int_eq(ca_store_commit(w.ca.store), BASE_OK);
	base_buf_init(&before, 0);
	ck_assert_int_eq(ca_store_key_get(w.ca.store, "web1", "plant", &before),
	    BASE_OK);
	ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "web1", "plant", &l),
	    BASE_OK);
	o = last_order(&w, "web1");
	if (_i == 1) {
		l.epoch = o.epoch + 1;
		ck_assert_int_eq(ca_store_leaf_put(w.ca.store, &l), BASE_OK);
	}
	ca_order_clear(&o);
	for (int i = 0; i < 600 && web1->rekeys == 0; i++)
		world_turn(&w);
	ck_assert_uint_eq(web1->rekeys, 1);
	for (int i = 0; i < 20; i++)
		world_turn(&w);
	o = last_order(&w, "web1");
	ck_assert_int_eq(o.state, CA_ORDER_REPLACED);
	ck_assert(key_is(&w, &before) == (_i == 1));
	if (_i == 0) {
		keys_agree(&w, "web1");
		ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "web1", "plant",
				     &l),
		    BASE_OK);
		ck_assert_uint_eq(l.epoch, o.epoch);
	}
	ca_order_clear(&o);
	base_buf_free(&before);
	world_close(&w);
}
END_TEST

/* What is due goes first after a failure, and is for the present key. */
START_TEST(a_failure_keeps_no_certificate_from_being_renewed)
{
	struct world w;
	struct ca_leaf l;
	struct world_node *web1;
	int64_t end;

	world_open_joined(&w, fleet, 1);
	web1 = world_node(&w, "web1");
	ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "web1", "plant", &l),
	    BASE_OK);
	end = l.not_after.ms;
	web1->no_rekey = true;
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	ck_assert(!world_run(&w, 60, rekeyed));
	ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "web1", "plant", &l),
	    BASE_OK);
	ck_assert_int_eq(l.not_after.ms, end);
	l.due = ca_now(&w.ca);
	ck_assert_int_eq(ca_store_leaf_put(w.ca.store, &l), BASE_OK);
	ca_renew_soon(&w.ca);
	for (int i = 0; i < 20 * 600 && l.not_after.ms == end; i++) {
		world_turn(&w);
		ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "web1", "plant",
				     &l),
		    BASE_OK);
	}
	ck_assert_int_gt(l.not_after.ms, end);
	ck_assert(is_asked(&w, "web1", "plant", NULL));
	/* the operator gives it up */
	ck_assert_int_eq(ca_rekey_cancel(&w.ca, "web1", "plant"), BASE_OK);
	ck_assert(!is_asked(&w, "web1", "plant", NULL));
	ck_assert_int_eq(ca_rekey_cancel(&w.ca, "web1", "plant"), BASE_E_STATE);
	ck_assert_int_eq(ca_rekey_cancel(&w.ca, "no", NULL), BASE_E_NOTFOUND);
	keys_agree(&w, "web1");
	world_close(&w);
}
END_TEST

/* For which key the certificates were, in the order of their epochs. */
struct tries {
	struct world *w;
	size_t n;
	bool new[8];
};

static enum base_err
note_try(void *arg, const struct ca_order *row)
{
	struct tries *t = arg;
	struct ca_order full = { .epoch = 0 };
	struct wire_signer s = { .cert = NULL };
	struct wire_order o;
	struct base_buf der;

	if ((row->steps & WIRE_STEP_CERT) == 0 || t->n == 8)
		return BASE_OK;
	ck_assert_int_eq(ca_store_order_get(t->w->ca.store, row->node,
			     row->root, row->epoch, &full),
	    BASE_OK);
	base_buf_init(&der, 0);
	ck_assert_int_eq(wire_cms_verify(WIRE_C_ORDER, base_buf_span(&full.cms),
			     t->w->ca.management, t->w->now, &der, &s),
	    BASE_OK);
	ck_assert_int_eq(wire_order_parse(base_buf_span(&der), &o), BASE_OK);
	t->new[t->n++] = EVP_PKEY_eq(X509_get0_pubkey(o.cert),
			     world_node(t->w, "web1")->key) != 1;
	wire_order_clear(&o);
	wire_signer_clear(&s);
	ca_order_clear(&full);
	base_buf_free(&der);
	return BASE_OK;
}

/* It may use either of its keys by then: a try for each in turn, the new one
 * first. */
START_TEST(after_a_failure_each_key_has_its_turn)
{
	struct tries t = { .n = 0 };
	struct world_node *web1;
	struct world w;
	struct ca_leaf l;

	world_open_joined(&w, fleet, 1);
	t.w = &w;
	web1 = world_node(&w, "web1");
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	for (int i = 0; i < 400 && !is_proven(&w, "web1", "plant"); i++)
		world_turn(&w);
	ck_assert(is_proven(&w, "web1", "plant"));
	web1->fails = true;
	ck_assert_int_eq(ca_store_leaf_get(w.ca.store, "web1", "plant", &l),
	    BASE_OK);
	l.due = ca_now(&w.ca);
	ck_assert_int_eq(ca_store_leaf_put(w.ca.store, &l), BASE_OK);
	for (int i = 0; i < 2000 && t.n < 4; i++) {
		world_turn(&w);
		w.now.ms += 600000;
		w.mono.ms += 600000;
		t.n = 0;
		ck_assert_int_eq(ca_store_orders_after(w.ca.store, "web1",
				     "plant", l.epoch, note_try, &t),
		    BASE_OK);
	}
	ck_assert_uint_ge(t.n, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(t.new[i], i % 2 == 0);
	EVP_PKEY_free(web1->next);
	world_close(&w);
}
END_TEST

/* kedged's store is put back from before a rekey: kedge-hsmd knows the new
 * key, and may not know yet that it is in use. */
START_TEST(an_old_copy_learns_the_new_key)
{
	struct base_buf spki;
	struct world w;

	world_open_joined(&w, fleet, 1);
	world_backup(&w, "b");
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	ck_assert(world_run(&w, 120, rekeyed));
	base_buf_init(&spki, 0);
	ck_assert_int_eq(wire_key_spki(world_node(&w, "web1")->key, &spki),
	    BASE_OK);
	hsm_fake_next(w.hsm, "web1", "plant", base_buf_span(&spki));
	world_restore(&w, "b");
	for (int i = 0; i < 200; i++)
		world_turn(&w);
	ck_assert_int_eq(w.ca.recovery.stage, CA_RECOVERY_NONE);
	ck_assert(world_run(&w, 120, rekeyed));
	keys_agree(&w, "web1");
	keys_agree(&w, "app1");
	base_buf_free(&spki);
	world_close(&w);
}
END_TEST

START_TEST(what_is_on_its_way_is_not_cancelled)
{
	struct world w;

	world_open_joined(&w, fleet, 1);
	ck_assert_int_eq(ca_rekey_ask(&w.ca, "web1", "plant"), BASE_OK);
	while (!is_proven(&w, "web1", "plant"))
		world_turn(&w);
	world_node(&w, "web1")->deaf = true;
	while (!ca_rekey_is_out(&w.ca, "web1", "plant"))
		world_turn(&w);
	ck_assert_int_eq(ca_rekey_cancel(&w.ca, "web1", NULL), BASE_E_STATE);
	ck_assert(is_asked(&w, "web1", "plant", NULL));
	world_node(&w, "web1")->deaf = false;
	ck_assert(world_run(&w, 120, rekeyed));
	keys_agree(&w, "web1");
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(fleet);
}

TCase *
case_rekey(void)
{
	TCase *tc = tcase_create("rekey");

	tcase_set_timeout(tc, 120);
	tcase_add_unchecked_fixture(tc, ready, world_ready_clear);
	tcase_add_loop_test(tc, every_key_of_a_node, 0, 3);
	tcase_add_loop_test(tc, in_the_middle_of_a_roll, 0, 12);
	tcase_add_test(tc, shown_after_a_restart);
	tcase_add_test(tc, a_roll_waits_for_the_new_certificate);
	tcase_add_test(tc, who_has_nothing_to_replace);
	tcase_add_test(tc, a_join_ends_it);
	tcase_add_test(tc, what_is_not_proven);
	tcase_add_loop_test(tc, an_order_that_was_replaced, 0, 2);
	tcase_add_test(tc, a_failure_keeps_no_certificate_from_being_renewed);
	tcase_add_test(tc, after_a_failure_each_key_has_its_turn);
	tcase_add_test(tc, an_old_copy_learns_the_new_key);
	tcase_add_test(tc, what_is_on_its_way_is_not_cancelled);
	return tc;
}
