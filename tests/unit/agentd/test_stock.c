/* Unit tests of agentd/stock.c: when the CA is told what the node holds, and
 * what. The node has no application, so that an order is live at once. */
#include <stdlib.h>
#include <string.h>

#include "agentd/work.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir;
static struct event_base *eb;
static struct ag_config *conf;
static struct ag_store *store;
static struct ag_holdings held;
static struct ag_work *work;
static struct wire_stock last;
static uint64_t highest_number;
static unsigned nstocks, nreports;

static void
take_number(uint64_t n)
{
	ck_assert_uint_gt(n, highest_number);
	highest_number = n;
}

static void
on_send(void *arg, struct wire_parcel *p)
{
	STACK_OF(X509) *trust = fleet_stack(rig_management(), NULL);
	bool stock = p->kind == WIRE_P_STOCK;
	struct wire_report *r = base_alloc(sizeof *r);
	struct wire_signer s = { 0 };
	struct base_buf der;

	(void)arg;
	base_buf_init(&der, 0);
	ck_assert(!p->down);
	ck_assert_str_eq(p->route[p->nroute - 1], NODE);
	OK(wire_cms_verify(stock ? WIRE_C_STOCK : WIRE_C_REPORT,
	    base_buf_span(&p->content), trust, base_time_now(), &der, &s));
	ck_assert_str_eq(s.node, NODE);
	if (stock) {
		OK(wire_stock_parse(base_buf_span(&der), &last));
		take_number(last.number);
		nstocks++;
	} else {
		OK(wire_report_parse(base_buf_span(&der), r));
		take_number(r->number);
		nreports++;
	}
	free(r);
	base_buf_free(&der);
	wire_signer_clear(&s);
	sk_X509_pop_free(trust, X509_free);
}

static void
on_changed(void *arg, const char *root)
{
	(void)arg;
	(void)root;
}

static void
node_up(const char *way, const char *every)
{
	char *text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"%s/s\"; %s"
	    "relay = { listen = \"127.0.0.1:0\"; root = \"plant\";"
	    " verify_root = \"plant\"; }; retry = 60; inventory = %s;",
	    dir, way, every);

	nstocks = nreports = 0;
	eb = event_base_new();
	OK(ag_config_parse(text, "t", &conf));
	OK(ag_store_open(conf->store, &store));
	OK(ag_holdings_open(store, conf, &held));
	work = ag_work_new(&(struct ag_work_conf){ .eb = eb,
	    .conf = conf,
	    .store = store,
	    .holdings = &held,
	    .send = on_send,
	    .changed = on_changed });
	free(text);
}

static void
node_down(void)
{
	ag_work_free(work);
	ag_holdings_close(&held);
	ag_store_close(store);
	ag_config_free(conf);
	event_base_free(eb);
}

static void
setup(void)
{
	/* today is RIG(10), because work.c looks at the clock */
	rig_t0 = base_time_add_s(base_time_now(), -10 * DAY - 60);
	rig_t0.ms -= rig_t0.ms % 1000;
	dir = rig_dir();
	rig_joined(dir);
	highest_number = 0;
}

static void
teardown(void)
{
	rig_dir_remove(dir);
}

static void
run_until(unsigned stocks)
{
	while (nstocks < stocks)
		ck_assert_int_eq(event_base_loop(eb, EVLOOP_ONCE), 0);
}

static const struct wire_inventory *
under(const char *root)
{
	for (size_t i = 0; i < last.ninventory; i++)
		if (strcmp(last.inventory[i].root, root) == 0)
			return &last.inventory[i];
	ck_abort_msg("%s is not in the inventory", root);
	return NULL;
}

static void
give_trust(void)
{
	struct wire_order o = rig_order(WIRE_STEP_TRUST);
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 2,
		.route = { "app1", NODE },
		.content = rig_sign(&o, false) };

	OK(ag_work_order(work, &p, false));
	wire_order_clear(&o);
	wire_parcel_clear(&p);
}

START_TEST(at_start)
{
	uint8_t id[16], boot[16];

	node_up("", "3600");
	ag_work_resume(work);
	run_until(1);
	ck_assert_uint_eq(last.ninventory, 2);
	ck_assert_uint_eq(under("plant")->trust, 1);
	ck_assert_uint_eq(under("plant")->cert, 1);
	ck_assert_uint_eq(under("plant")->highest, 1);
	ck_assert_uint_eq(under("management")->highest, 1);
	memcpy(id, under("plant")->store_id, 16);
	memcpy(boot, under("plant")->boot_id, 16);
	node_down();
	/* the same store, another start, a later number */
	node_up("", "3600");
	ag_work_resume(work);
	run_until(1);
	ck_assert_mem_eq(under("plant")->store_id, id, 16);
	ck_assert_mem_ne(under("plant")->boot_id, boot, 16);
	node_down();
}
END_TEST

START_TEST(after_a_change)
{
	node_up("", "3600");
	ag_work_resume(work);
	run_until(1);
	give_trust();
	while (!ag_work_is_idle(work))
		ck_assert_int_eq(event_base_loop(eb, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(nreports, 2);
	run_until(2);
	ck_assert_uint_eq(under("plant")->trust, 3);
	ck_assert_uint_eq(under("plant")->highest, 2);
	node_down();
}
END_TEST

START_TEST(regularly)
{
	node_up("", "0.1");
	ag_work_resume(work);
	run_until(4);
	ck_assert_uint_eq(nreports, 0);
	node_down();
}
END_TEST

/* Nobody has said yet by which relay it goes: then it does not go. */
START_TEST(without_a_way)
{
	static const char *const roots[] = { "plant", "management" };
	struct ag_state st;

	node_up("neighbours = ( { node = \"app1\"; address = \"h:1\";"
		" role = \"poll\"; verify_root = \"plant\"; } );",
	    "0.1");
	for (int i = 0; i < 2; i++) {
		OK(ag_state_read(store, roots[i], &st));
		st.nroute = 0;
		OK(ag_state_write(store, roots[i], &st));
		ag_state_clear(&st);
	}
	node_down();
	node_up("", "0.1");
	ag_work_resume(work);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(event_base_loop(eb, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(nstocks, 0);
	/* an order shows the way */
	give_trust();
	run_until(1);
	ck_assert_uint_eq(under("plant")->trust, 3);
	node_down();
	/* the CA itself is the neighbour */
	rig_dir_remove(dir);
	dir = rig_dir();
	rig_joined(dir);
	node_up("ca = { address = \"h:1\"; poll = true; };", "0.1");
	held.root[1].state.nroute = held.root[0].state.nroute = 0;
	ag_work_resume(work);
	run_until(1);
	node_down();
}
END_TEST

/* The number after one that lies so far ahead of the clock. */
static uint64_t
number_after(int64_t ahead_ms)
{
	const struct ag_work_conf c = { .conf = conf,
		.store = store,
		.holdings = &held };
	STACK_OF(X509) *trust = fleet_stack(rig_management(), NULL);
	struct ag_boot boot = { .number =
				    (uint64_t)(base_time_now().ms + ahead_ms) };
	struct wire_signer s = { 0 };
	struct base_buf cms, der;

	base_buf_init(&cms, 0);
	base_buf_init(&der, 0);
	OK(ag_stock_make(&c, &boot, &cms));
	OK(wire_cms_verify(WIRE_C_STOCK, base_buf_span(&cms), trust,
	    base_time_now(), &der, &s));
	OK(wire_stock_parse(base_buf_span(&der), &last));
	base_buf_free(&cms);
	base_buf_free(&der);
	wire_signer_clear(&s);
	sk_X509_pop_free(trust, X509_free);
	return last.number;
}

/* The CA believes nothing from far ahead; a clock that was there once must
 * not silence the node until that time comes. */
START_TEST(a_clock_was_ahead)
{
	uint64_t now;

	node_up("", "1000");
	now = (uint64_t)base_time_now().ms;
	ck_assert_uint_gt(number_after(200000), now + 190000);
	ck_assert_uint_lt(number_after(INT64_C(86400000)), now + 60000);
	ck_assert_uint_ge(last.number, now);
	node_down();
}
END_TEST

TCase *
case_stock(void)
{
	TCase *t = tcase_create("stock");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, at_start);
	tcase_add_test(t, after_a_change);
	tcase_add_test(t, regularly);
	tcase_add_test(t, without_a_way);
	tcase_add_test(t, a_clock_was_ahead);
	return t;
}
