/* Unit tests of ca/parcels.c: what a node gets by file, and what is taken from
 * one. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ca/parcels.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"poll\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static struct world w;
static struct world_node *app1;
static struct base_buf file;
static struct ca_parcels_out out;
static struct ca_parcels_in in;
static struct wire_exchange x;

static bool
is_sent(struct world *v)
{
	uint64_t last;

	return ca_store_epoch_last(v->ca.store, "app1", "plant", &last) ==
	    BASE_OK &&
	    last == 2;
}

/* app1 has been sent its trust, and does not hear. */
static void
setup(void)
{
	world_open(&w, pair, 17);
	world_join_all(&w);
	app1 = world_node(&w, "app1");
	app1->deaf = world_node(&w, "web1")->deaf = true;
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 10, is_sent));
	base_buf_init(&file, 0);
	memset(&x, 0, sizeof(x));
}

static void
teardown(void)
{
	wire_exchange_clear(&x);
	base_buf_free(&file);
	world_close(&w);
}

static struct ca_order
order(uint64_t epoch)
{
	struct ca_order o;

	ck_assert_int_eq(ca_store_order_get(w.ca.store, "app1", "plant", epoch,
			     &o),
	    BASE_OK);
	return o;
}

static enum ca_order_state
state(uint64_t epoch)
{
	struct ca_order o = order(epoch);

	ca_order_clear(&o);
	return o.state;
}

/* ---- out ------------------------------------------------------------------------ */

static struct ca_parcels_for to = { .who = "uid 7" };

static enum base_err export(const char *node) {
	base_buf_clear(&file); wire_exchange_clear(&x);
	    memset(&x, 0, sizeof(x)); to.node = node;
	    return ca_parcels_export(&w.ca, &to, &file, &out);
}

/* The same bytes as on the wire, as often as it is asked for. */
START_TEST(an_order_is_carried)
{
	struct ca_order o = order(2);

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(export("app1"), BASE_OK);
		ck_assert_uint_eq(out.orders, 1);
		/* then its canaries are dead, and the node holds it */
		ck_assert_int_eq(out.until.ms,
		    o.issued.ms + w.conf.canary_s * INT64_C(1000));
		ck_assert_int_eq(wire_exchange_parse(base_buf_span(&file), &x),
		    BASE_OK);
		ck_assert_str_eq(x.from, "ca");
		ck_assert_uint_eq(x.nparcels, 1);
		ck_assert_uint_eq(x.parcels[0].nroute, 1);
		ck_assert_str_eq(x.parcels[0].route[0], "app1");
		ck_assert_uint_eq(x.parcels[0].content.n, o.cms.n);
		ck_assert_mem_eq(x.parcels[0].content.p, o.cms.p, o.cms.n);
	}
	ca_order_clear(&o);
}
END_TEST

/* kedged was killed and starts again. */
static void
restart(void)
{
	world_down(&w);
	world_up(&w);
	while (w.ca.unchecked || !w.ca.ready)
		world_turn(&w);
}

static void
after_s(int seconds)
{
	w.now.ms += seconds * INT64_C(1000);
}

static void
is_made_again(void)
{
	ck_assert_int_eq(export("app1"), BASE_E_AGAIN);
	ck_assert_int_eq(state(2), CA_ORDER_REPLACED);
	to.again = false;
	for (int i = 0; i < 100 && export("app1") != BASE_OK; i++)
		world_turn(&w);
	ck_assert_uint_eq(out.orders, 1);
	ck_assert_int_eq(state(3), CA_ORDER_SENT);
}

/* Whoever carries it would come too late: another one is made, once. */
START_TEST(what_is_too_old_is_made_again)
{
	after_s(309);
	is_made_again();
}
END_TEST

/* What was in a file may have been carried, also when kedged was killed
 * meanwhile: the same is given again, until the node would not take it. */
START_TEST(an_answer_may_be_on_its_way)
{
	struct ca_order o = order(2);

	ck_assert_int_eq(export("app1"), BASE_OK);
	if (_i == 1)
		restart();
	after_s(309);
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_int_eq(wire_exchange_parse(base_buf_span(&file), &x),
	    BASE_OK);
	ck_assert_mem_eq(x.parcels[0].content.p, o.cms.p, o.cms.n);
	after_s(309);
	ck_assert_int_eq(export("app1"), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "--again"));
	ck_assert_int_eq(state(2), CA_ORDER_SENT);
	ca_order_clear(&o);
	/* the file was lost */
	to.again = true;
	is_made_again();
	/* and the next one is a file like any other */
	ck_assert_int_eq(export("app1"), BASE_OK);
}
END_TEST

/* Another order for app1, made just now. */
static void
another(const char *root, size_t size)
{
	uint8_t *cms = base_alloc(size);
	struct ca_order o = { .node = "app1",
		.epoch = 7,
		.steps = WIRE_STEP_TRUST,
		.issued = w.now,
		.expires = { w.now.ms + INT64_C(86400000) },
		.state = CA_ORDER_SENT };

	strcpy(o.root, root);
	ck_assert_int_eq(base_buf_put(&o.cms, cms, size), BASE_OK);
	ck_assert_int_eq(ca_store_order_add(w.ca.store, &o), BASE_OK);
	ca_order_clear(&o);
	free(cms);
}

/* One that the node would not take any more does not keep the others back. */
START_TEST(what_is_awaited_is_left_out)
{
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.awaited, 0);
	after_s(618);
	ck_assert_int_eq(export("app1"), BASE_E_STATE);
	another("other", 6);
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.orders, 1);
	ck_assert_uint_eq(out.awaited, 1);
	ck_assert_int_eq(wire_exchange_parse(base_buf_span(&file), &x),
	    BASE_OK);
	ck_assert_uint_eq(x.nparcels, 1);
	ck_assert_uint_eq(x.parcels[0].content.n, 6);
	ck_assert_int_eq(state(2), CA_ORDER_SENT);
	/* it is awaited still */
	after_s(1);
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.awaited, 1);
	ck_assert_int_eq(state(2), CA_ORDER_SENT);
}
END_TEST

/* The clock was put back after a file was made: an order of now is in none,
 * though it says that it is older. */
START_TEST(what_was_made_before_by_the_clock_was_not_carried)
{
	ck_assert_int_eq(export("app1"), BASE_OK);
	after_s(-400);
	another("plant", 6);
	after_s(309);
	ck_assert_int_eq(export("app1"), BASE_E_AGAIN);
	ck_assert_int_eq(state(7), CA_ORDER_REPLACED);
	ck_assert_int_eq(state(2), CA_ORDER_SENT);
}
END_TEST

/* Orders of roots that come before plant: a file that holds them is full. */
#define FILL 16

static void
fill(void)
{
	char root[] = "a";

	for (int i = 0; i < FILL; i++, root[0]++)
		another(root, ((size_t)1 << 20) / FILL - 1024);
}

/* Nor is one that did not fit into the file. */
START_TEST(what_did_not_fit_was_not_carried)
{
	fill();
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.orders, FILL);
	after_s(309);
	ck_assert_int_eq(export("app1"), BASE_E_AGAIN);
	ck_assert_int_eq(state(2), CA_ORDER_REPLACED);
	/* those that were in it are given again */
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.orders, FILL);
	ck_assert_uint_eq(out.awaited, 0);
}
END_TEST

/* What was in the first file is carried still when the second had no room. */
START_TEST(what_does_not_fit_again_stays_carried)
{
	ck_assert_int_eq(export("app1"), BASE_OK);
	fill();
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.orders, FILL);
	after_s(309);
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_int_eq(state(2), CA_ORDER_SENT);
}
END_TEST

START_TEST(who_gets_nothing)
{
	ck_assert_int_eq(export("nosuch"), BASE_E_NOTFOUND);
	ck_assert_int_eq(export("ca"), BASE_E_USAGE);
	w.ca.topo->nodes[ca_topo_node(w.ca.topo, "app1")].joined.ms = 0;
	ck_assert_int_eq(export("app1"), BASE_E_STATE);
	w.ca.topo->nodes[ca_topo_node(w.ca.topo, "app1")].joined.ms = 1;
	ck_assert_int_eq(export("app1"), BASE_OK);
	w.ca.unchecked = true;
	ck_assert_int_eq(export("app1"), BASE_E_AGAIN);
	w.ca.unchecked = false;
	w.now.ms += INT64_C(86401) * 1000;
	ck_assert_int_eq(export("app1"), BASE_E_STATE);
}
END_TEST

/* ---- in ------------------------------------------------------------------------- */

/* What app1 would write; the test spoils it before it is imported. */
static void
report_file(void)
{
	struct ca_order o = order(2);
	struct wire_report r;

	app1->conf = ca_conf_after(app1->conf, &o);
	world_report_fill(&w, app1, &o, &r);
	ca_order_clear(&o);
	strcpy(x.from, "app1");
	x.parcels = base_alloc(sizeof(*x.parcels));
	x.nparcels = 1;
	x.parcels[0] = (struct wire_parcel){ .kind = WIRE_P_REPORT,
		.nroute = 1,
		.route = { "app1" },
		.expires = { w.now.ms + 1000 } };
	world_report(&w, app1, &r, &x.parcels[0].content);
}

static enum base_err
import(void)
{
	base_buf_clear(&file);
	ck_assert_int_eq(wire_exchange_compose(&x, &file), BASE_OK);
	return ca_parcels_import(&w.ca, base_buf_span(&file), "uid 7", &in);
}

START_TEST(a_report_is_taken_once)
{
	report_file();
	ck_assert_int_eq(import(), BASE_OK);
	ck_assert_str_eq(in.node, "app1");
	ck_assert_uint_eq(in.reports, 1);
	ck_assert_uint_eq(in.refused, 0);
	ck_assert_int_eq(state(2), CA_ORDER_EFFECTIVE);
	/* its acknowledgement goes the same way, whatever its route */
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.acks, 1);
	report_file();
	ck_assert_int_eq(import(), BASE_E_EXISTS);
	ck_assert_uint_eq(in.known, 1);
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.acks, 1);
}
END_TEST

/* However late it comes, and however often another file was asked for. */
START_TEST(a_late_answer_counts)
{
	ck_assert_int_eq(export("app1"), BASE_OK);
	report_file();
	x.parcels[0].expires.ms += INT64_C(86400000);
	after_s(309);
	to.node = "app1";
	ck_assert_int_eq(ca_parcels_export(&w.ca, &to, &file, &out), BASE_OK);
	after_s(309);
	ck_assert_int_eq(ca_parcels_export(&w.ca, &to, &file, &out),
	    BASE_E_STATE);
	ck_assert_int_eq(import(), BASE_OK);
	ck_assert_uint_eq(in.reports, 1);
	ck_assert_int_eq(state(2), CA_ORDER_EFFECTIVE);
	/* nothing is awaited any more */
	ck_assert_int_eq(export("app1"), BASE_OK);
	ck_assert_uint_eq(out.acks, 1);
}
END_TEST

/* Who gave it up has another order out: that one's answer counts. */
START_TEST(an_answer_that_was_given_up_counts_no_more)
{
	struct wire_exchange late;

	ck_assert_int_eq(export("app1"), BASE_OK);
	report_file();
	late = x;
	memset(&x, 0, sizeof(x));
	late.parcels[0].expires.ms += INT64_C(86400000);
	after_s(309);
	to.again = true;
	is_made_again();
	wire_exchange_clear(&x);
	x = late;
	ck_assert_int_eq(import(), BASE_OK);
	ck_assert_int_eq(state(2), CA_ORDER_REPLACED);
	ck_assert_int_eq(state(3), CA_ORDER_SENT);
}
END_TEST

/* What lies beside them stays good for days: only the inventory is too old. */
START_TEST(an_old_inventory_takes_no_report_along)
{
	struct wire_stock s = { .fleet = "demo",
		.node = "app1",
		.number = (uint64_t)w.now.ms - 301000 };
	struct wire_parcel *p;
	struct base_buf der;

	report_file();
	base_buf_init(&der, 0);
	x.parcels = base_realloc_array(x.parcels, 2, sizeof(*x.parcels));
	x.nparcels = 2;
	p = &x.parcels[1];
	*p = x.parcels[0];
	p->kind = WIRE_P_STOCK;
	p->expires.ms = w.now.ms - 1;
	base_buf_init(&p->content, 0);
	ck_assert_int_eq(wire_stock_compose(&s, &der), BASE_OK);
	ck_assert_int_eq(wire_cms_sign(WIRE_C_STOCK, base_buf_span(&der),
			     app1->cert, app1->management, NULL, &p->content),
	    BASE_OK);
	ck_assert_int_eq(import(), BASE_OK);
	ck_assert_uint_eq(in.reports, 1);
	ck_assert_uint_eq(in.refused, 0);
	ck_assert(!in.stock);
	ck_assert_ptr_nonnull(strstr(in.why, "301 s before"));
	ck_assert_int_eq(state(2), CA_ORDER_EFFECTIVE);
	base_buf_free(&der);
}
END_TEST

static const struct {
	const char *from, *route;
	int64_t expires_ms;
	enum wire_parcel_kind kind;
	enum base_err e;
} bad[] = {
	{ "app1", "app1", 1, WIRE_P_REPORT, BASE_OK },
	{ "nosuch", "nosuch", 1, WIRE_P_REPORT, BASE_E_NOTFOUND },
	{ "ca", "app1", 1, WIRE_P_REPORT, BASE_E_REFUSED },
	{ "app1", "web1", 1, WIRE_P_REPORT, BASE_E_REFUSED },
	{ "app1", "app1", 0, WIRE_P_REPORT, BASE_E_EXPIRED },
	{ "app1", "app1", 1, WIRE_P_JOIN, BASE_E_REFUSED },
	{ "app1", "app1", 1, WIRE_P_ORDER, BASE_E_REFUSED },
};

START_TEST(a_wrong_file_changes_nothing)
{
	report_file();
	strcpy(x.from, bad[_i].from);
	strcpy(x.parcels[0].route[0], bad[_i].route);
	x.parcels[0].expires.ms = w.now.ms + bad[_i].expires_ms * 1000;
	x.parcels[0].kind = bad[_i].kind;
	x.parcels[0].down = wire_parcel_is_down(bad[_i].kind);
	ck_assert_int_eq(import(), bad[_i].e);
	ck_assert_int_eq(state(2),
	    bad[_i].e == BASE_OK ? CA_ORDER_EFFECTIVE : CA_ORDER_SENT);
}
END_TEST

START_TEST(a_damaged_file_is_refused)
{
	report_file();
	base_buf_clear(&file);
	ck_assert_int_eq(wire_exchange_compose(&x, &file), BASE_OK);
	file.n--;
	ck_assert_int_eq(ca_parcels_import(&w.ca, base_buf_span(&file), "uid 7",
			     &in),
	    BASE_E_SYNTAX);
	/* a bit of what is signed */
	x.parcels[0].content.p[x.parcels[0].content.n - 1] ^= 1;
	ck_assert_int_ne(import(), BASE_OK);
	ck_assert_uint_eq(in.refused, 1);
	ck_assert_int_eq(state(2), CA_ORDER_SENT);
}
END_TEST

TCase *
case_parcels(void)
{
	TCase *c = tcase_create("parcels");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, an_order_is_carried);
	tcase_add_test(c, what_is_too_old_is_made_again);
	tcase_add_loop_test(c, an_answer_may_be_on_its_way, 0, 2);
	tcase_add_test(c, what_is_awaited_is_left_out);
	tcase_add_test(c, what_was_made_before_by_the_clock_was_not_carried);
	tcase_add_test(c, what_did_not_fit_was_not_carried);
	tcase_add_test(c, what_does_not_fit_again_stays_carried);
	tcase_add_test(c, who_gets_nothing);
	tcase_add_test(c, a_report_is_taken_once);
	tcase_add_test(c, a_late_answer_counts);
	tcase_add_test(c, an_answer_that_was_given_up_counts_no_more);
	tcase_add_test(c, an_old_inventory_takes_no_report_along);
	tcase_add_loop_test(c, a_wrong_file_changes_nothing, 0,
	    sizeof(bad) / sizeof(*bad));
	tcase_add_test(c, a_damaged_file_is_refused);
	return c;
}
