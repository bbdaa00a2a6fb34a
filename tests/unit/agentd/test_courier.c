/* Unit tests of agentd/courier.c: files instead of connections. */
#include <stdlib.h>
#include <string.h>

#include "agentd/courier.h"
#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

static struct ag_courier *courier;
static struct base_buf file;

static void
setup(void)
{
	node_new();
	node_up("");
	courier = ag_courier_new(conf, &held);
	base_buf_init(&file, 0);
}

static void
teardown(void)
{
	base_buf_free(&file);
	ag_courier_free(courier);
	node_down();
	node_remove();
}

/* ---- from the CA ------------------------------------------------------------------ */

static struct wire_exchange
exchange(uint64_t epoch)
{
	struct wire_exchange x = { .from = "ca", .nparcels = 1 };

	x.parcels = base_alloc(sizeof *x.parcels);
	x.parcels[0] = order_parcel(WIRE_STEP_TRUST, epoch);
	x.parcels[0].expires = RIG(11);
	return x;
}

/* x is cleared */
static enum base_err
take(struct wire_exchange *x)
{
	base_buf_clear(&file);
	OK(wire_exchange_compose(x, &file));
	wire_exchange_clear(x);
	return ag_courier_take(courier, work, RIG(10), base_buf_span(&file));
}

START_TEST(an_order_is_carried_out)
{
	struct wire_exchange x = exchange(2);

	/* it has a network, too: reports go on by that way */
	strcpy(held.root[0].state.route[0], "web9");
	OK(take(&x));
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_str_eq(way, "web9");
	ck_assert_int_eq(count(trust_file), 2);
	/* the same file again */
	nsent = 0;
	OK(ag_courier_take(courier, work, RIG(10), base_buf_span(&file)));
	ck_assert_uint_eq(nsent, 1);
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
}
END_TEST

START_TEST(an_older_one_is_refused_and_told)
{
	struct wire_exchange x = exchange(3);

	OK(take(&x));
	run_until_idle();
	x = exchange(2);
	NO(take(&x), BASE_E_REFUSED);
	ck_assert_int_eq(last.status, WIRE_ORDER_REFUSED);
	ck_assert_uint_eq(last.epoch, 2);
}
END_TEST

static const struct {
	const char *from, *end;
	int64_t day;
	enum wire_parcel_kind kind;
	enum base_err e;
} bad[] = {
	{ "ca", NODE, 11, WIRE_P_ORDER, BASE_OK },
	{ "app1", NODE, 11, WIRE_P_ORDER, BASE_E_REFUSED },
	{ "ca", "app1", 11, WIRE_P_ORDER, BASE_E_REFUSED },
	{ "ca", NODE, 10, WIRE_P_ORDER, BASE_E_EXPIRED },
	{ "ca", NODE, 11, WIRE_P_INVITE, BASE_E_REFUSED },
};

/* With a good parcel in front. */
START_TEST(a_wrong_file_is_refused_as_a_whole)
{
	struct wire_exchange x = exchange(2);

	x.parcels = base_realloc_array(x.parcels, 2, sizeof *x.parcels);
	x.parcels[1] = order_parcel(WIRE_STEP_CERT, 3);
	x.nparcels = 2;
	strcpy(x.from, bad[_i].from);
	strcpy(x.parcels[1].route[0], bad[_i].end);
	x.parcels[1].expires = RIG(bad[_i].day);
	x.parcels[1].kind = bad[_i].kind;
	NO(take(&x), bad[_i].e);
	ck_assert_int_eq(nsent > 0, bad[_i].e == BASE_OK);
}
END_TEST

START_TEST(a_damaged_file_is_refused)
{
	struct wire_exchange x = exchange(2);
	static const uint8_t end = 0;

	OK(wire_exchange_compose(&x, &file));
	OK(base_buf_put(&file, &end, 1));
	NO(ag_courier_take(courier, work, RIG(10), base_buf_span(&file)),
	    BASE_E_SYNTAX);
	/* what is signed: dropped, and nobody of ours is told */
	x.parcels[0].content.p[x.parcels[0].content.n - 1] ^= 1;
	ck_assert_int_ne(take(&x), BASE_OK);
	ck_assert_uint_eq(nsent, 0);
	ck_assert(ag_work_is_idle(work));
}
END_TEST

/* ---- to the CA -------------------------------------------------------------------- */

static void
say(enum wire_parcel_kind kind, const char *text)
{
	struct wire_parcel p = { .kind = kind,
		.nroute = 2,
		.route = { "web9", NODE },
		.expires = RIG(11) };

	OK(base_buf_put(&p.content, text, strlen(text)));
	ag_courier_put(courier, &p);
	ck_assert_ptr_null(p.content.p);
}

START_TEST(what_was_said_is_written_once)
{
	static const char *const want[] = { "a", "b", "new" };
	struct wire_exchange x = { 0 };

	say(WIRE_P_STOCK, "old");
	say(WIRE_P_REPORT, "a");
	say(WIRE_P_REPORT, "b");
	say(WIRE_P_REPORT, "b");
	say(WIRE_P_STOCK, "new");
	OK(ag_courier_write(courier, &file));
	OK(wire_exchange_parse(base_buf_span(&file), &x));
	ck_assert_str_eq(x.from, NODE);
	ck_assert_uint_eq(x.nparcels, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(x.parcels[i].nroute, 1);
		ck_assert_str_eq(x.parcels[i].route[0], NODE);
		ck_assert_uint_eq(x.parcels[i].content.n, strlen(want[i]));
		ck_assert_mem_eq(x.parcels[i].content.p, want[i],
		    strlen(want[i]));
	}
	wire_exchange_clear(&x);
}
END_TEST

/* Who never had an order by a network has a way to report by. */
START_TEST(a_way_where_there_was_none)
{
	ag_courier_free(courier);
	for (size_t i = 0; i < held.n; i++)
		held.root[i].state.nroute = 0;
	courier = ag_courier_new(conf, &held);
	for (size_t i = 0; i < held.n; i++) {
		ck_assert_uint_eq(held.root[i].state.nroute, 1);
		ck_assert_str_eq(held.root[i].state.route[0], NODE);
	}
}
END_TEST

TCase *
case_courier(void)
{
	TCase *c = tcase_create("courier");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, an_order_is_carried_out);
	tcase_add_test(c, an_older_one_is_refused_and_told);
	tcase_add_loop_test(c, a_wrong_file_is_refused_as_a_whole, 0,
	    sizeof bad / sizeof *bad);
	tcase_add_test(c, a_damaged_file_is_refused);
	tcase_add_test(c, what_was_said_is_written_once);
	tcase_add_test(c, a_way_where_there_was_none);
	return c;
}
