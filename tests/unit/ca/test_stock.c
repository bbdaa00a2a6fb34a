/* What nodes say they hold: which inventories are believed, and what those
 * change that contradict the facts. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static const struct pol_conf old = { 1, 1, 0 };

static struct world w;
static struct world_node *web1, *app1;
static struct wire_stock said;
static struct base_buf cms;

static bool
web1_trusts(struct world *v)
{
	return v->ca.rolls != NULL &&
	    pol_engine_step(v->ca.rolls->engine,
		ca_topo_node(v->ca.topo, "web1"), POL_TRUST) == POL_STEP_DONE;
}

/* web1 has its trust; app1 does not hear, so that nothing goes on. */
static void
setup(void)
{
	world_open(&w, pair, 21);
	world_join_all(&w);
	web1 = world_node(&w, "web1");
	app1 = world_node(&w, "app1");
	app1->deaf = true;
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 10, web1_trusts));
	w.now.ms += 10000; /* after its report */
	base_buf_init(&cms, 0);
}

static void
teardown(void)
{
	base_buf_free(&cms);
	world_close(&w);
}

static void
say(struct pol_conf conf, int64_t off_ms)
{
	said = (struct wire_stock){ .fleet = "demo",
		.node = "web1",
		.number = (uint64_t)(w.now.ms + off_ms),
		.ninventory = 1 };
	snprintf(said.inventory[0].root, CA_NAME, "plant");
	said.inventory[0].highest = web1->highest;
	said.inventory[0].trust = conf.trust;
	said.inventory[0].cert = conf.present == 1 ? 1 : 2;
}

static enum base_err
deliver_as(const struct world_node *n)
{
	struct base_buf der;

	base_buf_init(&der, 0);
	base_buf_clear(&cms);
	ck_assert_int_eq(wire_stock_compose(&said, &der), BASE_OK);
	ck_assert_int_eq(wire_cms_sign(WIRE_C_STOCK, base_buf_span(&der),
			     n->cert, n->management, NULL, &cms),
	    BASE_OK);
	base_buf_free(&der);
	return ca_stock_in(&w.ca, base_buf_span(&cms));
}

static bool
is_doubted(void)
{
	struct ca_holding h;

	ck_assert_int_eq(ca_holding_get(w.ca.store, "web1", "plant", &h),
	    BASE_OK);
	ck_assert(h.doubted == !web1_trusts(&w));
	return h.doubted;
}

/* Put back to what it held after its join. */
static void
restore(void)
{
	web1->conf = old;
	web1->highest = 1;
}

START_TEST(one_that_agrees_is_seen)
{
	struct base_time at;

	say(web1->conf, -2000);
	ck_assert_int_eq(deliver_as(web1), BASE_OK);
	ck_assert_int_eq(ca_stock_last(&w.ca, "web1", &at), BASE_OK);
	ck_assert_int_eq(at.ms, w.now.ms - 2000);
	ck_assert(!is_doubted());
	ck_assert_int_eq(ca_stock_last(&w.ca, "app1", &at), BASE_OK);
	ck_assert_int_lt(at.ms, w.now.ms - 2000); /* its join */
}
END_TEST

/* Without the doubt app1 would present what web1 does not trust, and the
 * world would die of it. */
START_TEST(a_restored_node_is_doubted_and_mended)
{
	restore();
	say(old, 0);
	ck_assert_int_eq(deliver_as(web1), BASE_OK);
	ck_assert(is_doubted());
	world_restart(&w);
	ck_assert(is_doubted());
	app1->deaf = false;
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(web1->conf.trust, POL_GEN(2));
	ck_assert_uint_eq(web1->conf.present, POL_GEN(2));
	ck_assert_uint_eq(app1->conf.trust, POL_GEN(2));
}
END_TEST

START_TEST(a_replay_neither_confirms_nor_doubts)
{
	struct base_buf good;

	base_buf_init(&good, 0);
	say(web1->conf, 0);
	ck_assert_int_eq(deliver_as(web1), BASE_OK);
	ck_assert_int_eq(base_buf_put(&good, cms.p, cms.n), BASE_OK);
	/* an older one that was held back on its way */
	say(old, -1000);
	ck_assert_int_eq(deliver_as(web1), BASE_E_EXPIRED);
	ck_assert(!is_doubted());
	say(old, 1);
	ck_assert_int_eq(deliver_as(web1), BASE_OK);
	ck_assert(is_doubted());
	ck_assert_int_eq(ca_stock_in(&w.ca, base_buf_span(&good)),
	    BASE_E_EXPIRED);
	ck_assert(is_doubted());
	base_buf_free(&good);
}
END_TEST

START_TEST(a_wrong_clock_is_not_believed)
{
	const struct ca_node *n =
	    &w.ca.topo->nodes[ca_topo_node(w.ca.topo, "web1")];

	say(old, 301000);
	ck_assert_int_eq(deliver_as(web1), BASE_E_EXPIRED);
	/* but remembered, for the doctor */
	ck_assert_int_eq(n->off_ms, 301000);
	say(old, -301000);
	ck_assert_int_eq(deliver_as(web1), BASE_E_EXPIRED);
	ck_assert_int_eq(n->off_ms, -301000);
	ck_assert(!is_doubted());
	say(old, 299000);
	ck_assert_int_eq(deliver_as(web1), BASE_OK);
	ck_assert(is_doubted());
}
END_TEST

START_TEST(a_forged_one_is_refused)
{
	say(old, 0);
	ck_assert_int_eq(deliver_as(app1), BASE_E_REFUSED);
	snprintf(said.fleet, CA_NAME, "elsewhere");
	ck_assert_int_eq(deliver_as(web1), BASE_E_REFUSED);
	say(old, 0);
	snprintf(said.node, CA_NAME, "nobody");
	ck_assert_int_eq(deliver_as(web1), BASE_E_REFUSED);
	say(web1->conf, 0);
	ck_assert_int_eq(deliver_as(web1), BASE_OK);
	cms.p[cms.n - 1] ^= 1;
	ck_assert_int_eq(ca_stock_in(&w.ca, base_buf_span(&cms)),
	    BASE_E_CRYPTO);
	ck_assert(!is_doubted());
}
END_TEST

TCase *
case_stock(void)
{
	TCase *t = tcase_create("stock");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, one_that_agrees_is_seen);
	tcase_add_test(t, a_restored_node_is_doubted_and_mended);
	tcase_add_test(t, a_replay_neither_confirms_nor_doubts);
	tcase_add_test(t, a_wrong_clock_is_not_believed);
	tcase_add_test(t, a_forged_one_is_refused);
	return t;
}
