/* ca/show: what kedge-hsmd is told and shown, when, and when again. */
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
	tcase_add_test(t, all_again_when_hsmd_is_not_content);
	tcase_add_test(t, all_again_after_a_start);
	tcase_add_test(t, the_next_epoch_when_one_is_taken);
	tcase_add_test(t, newest_effective_report);
	return t;
}
