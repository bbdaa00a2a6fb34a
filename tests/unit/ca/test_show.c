/* ca/show: what kedge-hsmd is told and shown, when, and when again. */
#include <string.h>

#include "ca/control.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\";\n"
    "  root = \"plant\"; } );\n";

static void
begin(struct world *w, uint64_t seed)
{
	world_open(w, pair, seed);
	world_join_all(w);
	world_roll(w, "plant");
}

START_TEST(each_is_shown_once)
{
	struct world w;
	const struct hsm_fake_mood *m;

	begin(&w, 40);
	m = hsm_fake_mood(w.hsm);
	ck_assert(world_run(&w, 120, world_rolled));
	ck_assert_uint_eq(m->told, 2);
	ck_assert_uint_eq(m->links, 2); /* one is its hello to the relay */
	/* per node: its trust and its cert, before cert and finish */
	ck_assert_uint_ge(m->shown, 3);
	ck_assert_uint_le(m->shown, 5);
	ck_assert_uint_eq(m->proven, 0);
	world_close(&w);
}
END_TEST

/* Whatever it answers: as many answers as items, or nothing counts as shown. */
START_TEST(as_many_answers_as_items)
{
	struct hsm_fake_mood *m;
	struct world w;

	begin(&w, 47);
	m = hsm_fake_mood(w.hsm);
	m->miscounted = 100000;
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_uint_lt(m->miscounted, 100000);
	m->miscounted = 0;
	ck_assert_msg(world_run(&w, 240, world_rolled), "%s", w.waits);
	world_close(&w);
}
END_TEST

START_TEST(all_again_when_hsmd_is_not_content)
{
	struct world w;
	struct hsm_fake_mood *m;

	begin(&w, 41);
	m = hsm_fake_mood(w.hsm);
	m->unjustified = 3;
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(m->unjustified, 0);
	ck_assert_uint_gt(m->proven, 0);
	world_close(&w);
}
END_TEST

/* Before a roll goes back to a stolen key, kedge-hsmd is shown by whose order it
 * was left; once. */
START_TEST(theft_is_shown_on_the_way_back)
{
	const struct ca_roll_row want = { .root = "plant",
		.compromised = _i == 1 };
	const struct ca_roll_abort back = { .root = "plant",
		.reason = "",
		.who = "test",
		.late = true,
		.compromised = true };
	struct world w;
	uint64_t before;

	world_open(&w, pair, 43);
	world_join_all(&w);
	world_node(&w, "app1")->slow = true;
	world_roll_as(&w, &want);
	ck_assert(!world_run(&w, 10, world_rolled));
	world_node(&w, "app1")->slow = false;
	before = hsm_fake_mood(w.hsm)->proven;
	ck_assert_uint_eq(before, 0);
	ck_assert_int_eq(ca_roll_abort(&w.ca, &back), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->proven, _i == 1);
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->accused, _i == 1);
	world_close(&w);
}
END_TEST

START_TEST(all_again_after_a_start)
{
	struct world w;
	const struct hsm_fake_mood *m;

	begin(&w, 42);
	m = hsm_fake_mood(w.hsm);
	while (m->told == 0)
		world_turn(&w);
	ck_assert_uint_eq(m->told, 2);
	world_restart(&w);
	ck_assert(world_run(&w, 120, world_rolled));
	ck_assert_uint_eq(m->told, 4);
	world_close(&w);
}
END_TEST

START_TEST(the_next_epoch_when_one_is_taken)
{
	struct world w;
	uint64_t epoch;

	begin(&w, 43);
	hsm_fake_mood(w.hsm)->older = 4;
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	ck_assert_int_eq(ca_store_epoch_last(w.ca.store, "app1", "plant",
			     &epoch),
	    BASE_OK);
	/* join, trust, cert, finish, and two that were taken */
	ck_assert_uint_eq(epoch, 6);
	world_close(&w);
}
END_TEST

static enum base_err
link_drop(struct ca *ca, void *arg)
{
	return ca_change_link_drop(ca, arg, "", "");
}

/* A removed link is forgotten before the next roll begins, for in a roll it
 * would not be. */
START_TEST(told_when_nothing_rolls)
{
	struct ca_link l = { "app1", "web1", "plant", "plant" };
	const struct hsm_fake_mood *m;
	struct world w;

	world_open(&w, pair, 45);
	m = hsm_fake_mood(w.hsm);
	world_turn(&w); /* is the store the newest? */
	ck_assert_uint_eq(m->told, 0);
	world_turn(&w);
	ck_assert_uint_eq(m->told, 2);
	/* and that web1 verifies app1's hellos */
	ck_assert_uint_eq(m->links, 2);
	world_turn(&w);
	ck_assert_uint_eq(m->told, 2);
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_drop, &l), BASE_OK);
	world_turn(&w);
	ck_assert_uint_eq(m->told, 4);
	ck_assert_uint_eq(m->links, 3);
	world_close(&w);
}
END_TEST

/* The first order makes the root roll: hsmd hears of the links before. */
START_TEST(told_before_the_first_order)
{
	struct world w;
	struct hsm_fake_mood *m;

	begin(&w, 46);
	m = hsm_fake_mood(w.hsm);
	m->down = true;
	w.ca.told = false;
	for (int i = 0; i < 40; i++)
		world_turn(&w);
	ck_assert_ptr_nonnull(strstr(w.waits, "waits for kedge-hsmd"));
	m->down = false;
	m->told = 0;
	while (m->told == 0) {
		ck_assert_uint_eq(world_node(&w, "web1")->orders, 1);
		world_turn(&w);
	}
	ck_assert(world_run(&w, 120, world_rolled));
	world_close(&w);
}
END_TEST

static size_t
problems(struct world *w)
{
	json_t *list = json_array();
	size_t n;

	ck_assert_int_eq(ca_roll_check(&w->ca, "plant", list), BASE_OK);
	n = json_array_size(list);
	json_decref(list);
	return n;
}

/* Reports of the last roll's end justified nothing, so they were not shown:
 * with them hsmd forgets. What it keeps all the same, no roll begins on. */
START_TEST(all_is_shown_when_hsmd_keeps_a_link)
{
	struct hsm_fake_mood *m;
	struct world w;
	uint64_t shown;

	begin(&w, 47);
	m = hsm_fake_mood(w.hsm);
	ck_assert(world_run(&w, 120, world_rolled));
	shown = m->shown;
	m->keeps = 1;
	for (int i = 0; i < 4; i++)
		world_turn(&w);
	ck_assert_uint_eq(m->shown - shown, 2);
	ck_assert_uint_eq(problems(&w), 0);
	m->keeps = 1000;
	w.ca.told = false;
	for (int i = 0; i < 4; i++)
		world_turn(&w);
	ck_assert_uint_eq(problems(&w), 1);
	ck_assert_uint_gt(m->keeps, 990);
	m->keeps = 0;
	for (int i = 0; i < 60 * 20; i++)
		world_turn(&w);
	ck_assert_uint_eq(problems(&w), 0);
	world_close(&w);
}
END_TEST

START_TEST(an_excuse_outlives_its_roll)
{
	const struct ca_word dead = { "plant", "app1", "dead", "test" };
	struct world_node *n;
	struct hsm_fake_mood *m;
	struct world w;

	begin(&w, 48);
	m = hsm_fake_mood(w.hsm);
	n = world_node(&w, "app1");
	n->deaf = n->excused = true;
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &dead), BASE_OK);
	for (int i = 0; i < 4000 && w.ca.rolls != NULL; i++)
		world_turn(&w);
	ck_assert_ptr_null(w.ca.rolls);
	m->excused = 0;
	world_restart(&w);
	world_turn(&w);
	world_turn(&w);
	ck_assert_uint_eq(m->excused, 1);
	ck_assert_int_eq(ca_roll_return(&w.ca, &dead), BASE_OK);
	m->excused = m->told = 0;
	world_turn(&w);
	ck_assert_uint_eq(m->told, 2);
	ck_assert_uint_eq(m->excused, 0);
	world_close(&w);
}
END_TEST

/* It had a part; hsmd may judge by what it holds, whatever kedged has. */
START_TEST(a_node_without_links_is_excused)
{
	const struct ca_word dead = { "plant", "app1", "dead", "test" };
	struct ca_link l = { "app1", "web1", "plant", "plant" };
	struct world w;

	begin(&w, 49);
	ck_assert_int_eq(ca_roll_excuse(&w.ca,
			     &(struct ca_word){ "plant", "lone", "x", "t" }),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_gone_put(w.ca.store, &l, true), BASE_OK);
	ck_assert_int_eq(ca_fleet_change(&w.ca, link_drop, &l), BASE_OK);
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &dead), BASE_OK);
	world_turn(&w);
	ck_assert_uint_gt(hsm_fake_mood(w.hsm)->excused, 0);
	world_close(&w);
}
END_TEST

static const char star[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; } );\n";

/* One order after the other, so that several rest on what web1 has reported. */
static uint64_t
shown_in_a_roll(enum base_err deny)
{
	const struct ca_roll_row want = { .root = "plant", .max_in_flight = 1 };
	struct hsm_fake_mood *m;
	struct world w;
	uint64_t shown;

	world_open(&w, star, 51);
	world_join_all(&w);
	world_roll_as(&w, &want);
	m = hsm_fake_mood(w.hsm);
	m->deny = deny == BASE_OK ? NULL : "web1";
	m->deny_as = deny;
	ck_assert_msg(world_run(&w, 120, world_rolled), "%s", w.waits);
	shown = m->shown;
	world_close(&w);
	return shown;
}

/* What kedge-hsmd does not take was not shown: it sees it again before the next
 * order that rests on it. One that it knows already, or a later one, was. */
START_TEST(a_refused_report_is_shown_again)
{
	const uint64_t plain = shown_in_a_roll(BASE_OK);

	ck_assert_uint_gt(shown_in_a_roll(BASE_E_REFUSED), plain);
	ck_assert_uint_eq(shown_in_a_roll(BASE_E_EXISTS), plain);
}
END_TEST

/* The pause grows, so that neither log nor journal fills. */
START_TEST(a_refused_order_is_not_asked_for_all_the_time)
{
	struct hsm_fake_mood *m;
	struct world w;

	begin(&w, 50);
	m = hsm_fake_mood(w.hsm);
	m->unjustified = 100000;
	for (int i = 0; i < 600 * 20; i++)
		world_turn(&w);
	ck_assert_uint_lt(100000 - m->unjustified, 80);
	ck_assert_ptr_nonnull(
	    w.ca.rolls->refused[ca_topo_node(w.ca.topo, "web1")].why);
	m->unjustified = 0;
	ck_assert(world_run(&w, 120, world_rolled));
	world_close(&w);
}
END_TEST

START_TEST(newest_effective_report)
{
	struct world w;
	struct base_buf cms;
	uint64_t epoch = 0;

	begin(&w, 44);
	base_buf_init(&cms, 0);
	ck_assert_int_eq(ca_store_report_effective(w.ca.store, "web1", "plant",
			     &epoch, &cms),
	    BASE_OK);
	ck_assert_uint_eq(epoch, 1);
	ck_assert_uint_gt(cms.n, 0);
	base_buf_clear(&cms);
	ck_assert(world_run(&w, 120, world_rolled));
	ck_assert_int_eq(ca_store_report_effective(w.ca.store, "web1", "plant",
			     &epoch, &cms),
	    BASE_OK);
	ck_assert_uint_eq(epoch, 4);
	ck_assert_int_eq(ca_store_report_effective(w.ca.store, "web1", "none",
			     &epoch, &cms),
	    BASE_E_NOTFOUND);
	base_buf_free(&cms);
	world_close(&w);
}
END_TEST

TCase *
case_show(void)
{
	TCase *t = tcase_create("show");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, each_is_shown_once);
	tcase_add_test(t, as_many_answers_as_items);
	tcase_add_test(t, all_again_when_hsmd_is_not_content);
	tcase_add_test(t, all_again_after_a_start);
	tcase_add_loop_test(t, theft_is_shown_on_the_way_back, 0, 2);
	tcase_add_test(t, the_next_epoch_when_one_is_taken);
	tcase_add_test(t, told_when_nothing_rolls);
	tcase_add_test(t, told_before_the_first_order);
	tcase_add_test(t, all_is_shown_when_hsmd_keeps_a_link);
	tcase_add_test(t, an_excuse_outlives_its_roll);
	tcase_add_test(t, a_node_without_links_is_excused);
	tcase_add_test(t, a_refused_report_is_shown_again);
	tcase_add_test(t, a_refused_order_is_not_asked_for_all_the_time);
	tcase_add_test(t, newest_effective_report);
	return t;
}
