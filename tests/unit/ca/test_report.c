/* Which reports are believed, and that every other changes nothing. */
#include <check.h>
#include <string.h>

#include "ca/store_sqlite.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static struct world w;
static struct world_node *web1, *app1;
static struct wire_report r;
static struct base_buf cms;

static bool
is_sent(struct world *v)
{
	uint64_t last;

	return ca_store_epoch_last(v->ca.store, "web1", "plant", &last) ==
	    BASE_OK &&
	    last == 2;
}

/* Both nodes have been sent their trust, but do not hear. r is the report
 * that web1 would make. */
static void
setup(void)
{
	struct ca_order o;

	world_open(&w, pair, 11);
	world_join_all(&w);
	web1 = world_node(&w, "web1");
	app1 = world_node(&w, "app1");
	web1->deaf = app1->deaf = true;
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 10, is_sent));
	ck_assert_int_eq(ca_store_order_get(w.ca.store, "web1", "plant", 2, &o),
	    BASE_OK);
	web1->conf = ca_conf_after(web1->conf, &o);
	world_report_fill(&w, web1, &o, &r);
	ca_order_clear(&o);
	base_buf_init(&cms, 0);
}

static void
teardown(void)
{
	base_buf_free(&cms);
	world_close(&w);
}

static enum ca_order_state
state(void)
{
	struct ca_order o;
	enum ca_order_state s;

	ck_assert_int_eq(ca_store_order_get(w.ca.store, "web1", "plant", 2, &o),
	    BASE_OK);
	s = o.state;
	ca_order_clear(&o);
	return s;
}

static uint64_t
reports(void)
{
	sqlite3_stmt *s;
	uint64_t n;

	ck_assert_int_eq(sqlite3_prepare_v2(w.ca.store->db,
			     "SELECT count(*) FROM report", -1, &s, NULL),
	    SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	n = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static void
report_as(struct world_node *n)
{
	base_buf_clear(&cms);
	world_report(&w, n, &r, &cms);
}

static void
is_refused(enum base_err e)
{
	uint64_t before = reports();

	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL), e);
	ck_assert_int_eq(state(), CA_ORDER_SENT);
	ck_assert_uint_eq(reports(), before);
	/* and no acknowledgement */
	ck_assert_int_ge(ca_deliver_due(w.ca.deliver, NULL).ms, w.mono.ms);
}

START_TEST(the_true_one_is_believed)
{
	report_as(web1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_EFFECTIVE);
	ck_assert_uint_eq(ca_deliver_tries(w.ca.deliver, "web1", "plant", 2),
	    0);
	ck_assert_int_eq(pol_engine_step(w.ca.rolls->engine,
			     ca_topo_node(w.ca.topo, "web1"), POL_TRUST),
	    POL_STEP_DONE);
}
END_TEST

START_TEST(again_is_only_acknowledged)
{
	uint64_t n;

	report_as(web1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	n = reports();
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_uint_eq(reports(), n);
	ck_assert_int_eq(state(), CA_ORDER_EFFECTIVE);
	ck_assert_int_eq(ca_deliver_due(w.ca.deliver, "web1").ms, w.mono.ms);
}
END_TEST

/* The number that the next row of the audit, or of the facts, would have. */
static void
row_in_the_way(bool of_audit)
{
	const struct ca_fact f = { .root = "plant",
		.node = "web1",
		.kind = POL_FACT_RECEIVED };
	struct ca_store *st = w.ca.store;

	if (!of_audit) {
		ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
		st->last_fact--;
		return;
	}
	/* a record never finds its number taken: of each constraint it is an
	 * example */
	ck_assert_int_eq(sqlite3_exec(st->db,
			     "CREATE TEMP TRIGGER no BEFORE INSERT ON audit"
			     " BEGIN SELECT RAISE(ABORT, 'no more: audit');"
			     " END",
			     NULL, NULL, NULL),
	    SQLITE_OK);
}

static void
out_of_the_way(bool of_audit)
{
	ck_assert_int_eq(sqlite3_exec(w.ca.store->db,
			     of_audit ? "DROP TRIGGER no" : "SELECT 1", NULL,
			     NULL, NULL),
	    SQLITE_OK);
}

/* A row in the way is no report that is there already: who heard that it is
 * kept would erase his old key and never say it again. */
START_TEST(what_is_not_kept_is_not_acknowledged)
{
	report_as(web1);
	row_in_the_way(_i == 1);
	is_refused(BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "web1"));
	ck_assert_ptr_nonnull(strstr(base_why(),
	    _i == 1 ? "no more: audit" : "UNIQUE constraint failed: fact"));
	ck_assert_int_gt(ca_deliver_due(w.ca.deliver, "web1").ms, w.mono.ms);
	/* it comes again, and is new */
	out_of_the_way(_i == 1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_EFFECTIVE);
	ck_assert_int_eq(ca_deliver_due(w.ca.deliver, "web1").ms, w.mono.ms);
}
END_TEST

START_TEST(received_then_effective)
{
	r.status = WIRE_RECEIVED;
	report_as(web1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_RECEIVED);
	r.status = WIRE_EFFECTIVE;
	report_as(web1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_EFFECTIVE);
	/* late, out of order: nothing is undone */
	r.status = WIRE_RECEIVED;
	r.at.ms += 1000;
	report_as(web1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_EFFECTIVE);
	r.status = WIRE_FAILED;
	snprintf(r.reason, sizeof(r.reason), "late");
	report_as(web1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_EFFECTIVE);
}
END_TEST

START_TEST(of_another_node_is_refused)
{
	report_as(app1); /* web1's report, signed by app1 */
	is_refused(BASE_E_REFUSED);
}
END_TEST

START_TEST(of_another_fleet_is_refused)
{
	snprintf(r.fleet, sizeof(r.fleet), "elsewhere");
	report_as(web1);
	is_refused(BASE_E_REFUSED);
}
END_TEST

START_TEST(of_another_order_is_refused)
{
	r.order_digest[0] ^= 1;
	report_as(web1);
	is_refused(BASE_E_REFUSED);
}
END_TEST

START_TEST(of_another_roll_is_refused)
{
	r.roll++;
	report_as(web1);
	is_refused(BASE_E_REFUSED);
}
END_TEST

START_TEST(of_an_epoch_never_given_is_refused)
{
	uint64_t next;

	r.epoch = 7;
	r.inventory[0].highest = 7;
	report_as(web1);
	is_refused(BASE_E_NOTFOUND);
	/* but the next order goes above it: this may be a restored kedged */
	ck_assert_int_eq(ca_epoch_next(&w.ca, "web1", "plant", &next), BASE_OK);
	ck_assert_uint_eq(next, 8);
	/* an absurd claim is not followed */
	r.inventory[0].highest = UINT64_C(1) << 62;
	report_as(web1);
	is_refused(BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_epoch_next(&w.ca, "web1", "plant", &next), BASE_OK);
	ck_assert_uint_eq(next, 8);
	ck_assert_int_eq(ca_epoch_next(&w.ca, "app1", "plant", &next), BASE_OK);
	ck_assert_uint_eq(next, 3);
}
END_TEST

START_TEST(with_a_changed_byte_is_refused)
{
	report_as(web1);
	cms.p[cms.n - 1] ^= 1;
	is_refused(BASE_E_CRYPTO);
}
END_TEST

START_TEST(under_another_root_is_refused)
{
	X509 *cert = web1->cert;
	EVP_PKEY *key = web1->management;

	/* the CA's own TLS identity is no node */
	web1->cert = w.ca.tls_cert;
	web1->management = w.ca.tls_key;
	report_as(web1);
	web1->cert = cert;
	web1->management = key;
	ck_assert_int_ne(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_SENT);
}
END_TEST

/* The node was lost and has joined again: whoever has its old disk is not
 * believed, though the old certificate is good for long. */
START_TEST(of_an_earlier_join_is_refused)
{
	EVP_PKEY *key = web1->management;
	X509 *cert = web1->cert;

	web1->cert = NULL;
	EVP_PKEY_free(web1->key);
	world_join(&w, "web1");
	EVP_PKEY_free(web1->management);
	X509_free(web1->cert);
	web1->management = key;
	web1->cert = cert;
	report_as(web1);
	is_refused(BASE_E_REFUSED);
}
END_TEST

START_TEST(an_order_is_no_report)
{
	struct ca_order o;

	ck_assert_int_eq(ca_store_order_get(w.ca.store, "web1", "plant", 2, &o),
	    BASE_OK);
	ck_assert_int_ne(ca_report_in(&w.ca, base_buf_span(&o.cms), NULL),
	    BASE_OK);
	ca_order_clear(&o);
	ck_assert_int_eq(state(), CA_ORDER_SENT);
}
END_TEST

/* Says effective, but its own inventory does not have the new root, or has
 * the chain of a bridge that nobody ordered. */
START_TEST(a_contradicting_inventory_is_a_failure)
{
	if (_i == 0)
		r.inventory[0].trust = POL_GEN(1);
	else
		r.inventory[0].bridging = true;
	report_as(web1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_FAILED);
	ck_assert_int_ne(pol_engine_step(w.ca.rolls->engine,
			     ca_topo_node(w.ca.topo, "web1"), POL_TRUST),
	    POL_STEP_DONE);
}
END_TEST

/* A word about another root proves nothing about this one. */
START_TEST(an_inventory_without_the_root_is_a_failure)
{
	snprintf(r.inventory[0].root, sizeof(r.inventory[0].root), "other");
	report_as(web1);
	ck_assert_int_eq(ca_report_in(&w.ca, base_buf_span(&cms), NULL),
	    BASE_OK);
	ck_assert_int_eq(state(), CA_ORDER_FAILED);
}
END_TEST

TCase *
case_report(void)
{
	TCase *t = tcase_create("report");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_true_one_is_believed);
	tcase_add_test(t, again_is_only_acknowledged);
	tcase_add_loop_test(t, what_is_not_kept_is_not_acknowledged, 0, 2);
	tcase_add_test(t, received_then_effective);
	tcase_add_test(t, of_another_node_is_refused);
	tcase_add_test(t, of_another_fleet_is_refused);
	tcase_add_test(t, of_another_order_is_refused);
	tcase_add_test(t, of_another_roll_is_refused);
	tcase_add_test(t, of_an_epoch_never_given_is_refused);
	tcase_add_test(t, with_a_changed_byte_is_refused);
	tcase_add_test(t, under_another_root_is_refused);
	tcase_add_test(t, of_an_earlier_join_is_refused);
	tcase_add_test(t, an_order_is_no_report);
	tcase_add_loop_test(t, a_contradicting_inventory_is_a_failure, 0, 2);
	tcase_add_test(t, an_inventory_without_the_root_is_a_failure);
	return t;
}
