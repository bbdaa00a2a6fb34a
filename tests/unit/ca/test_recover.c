/* kedged's store is put back from a backup: no direction ever breaks, and the
 * roll comes to its end; see world.h. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static struct world w;

static bool
recovered(struct world *v)
{
	return !v->ca.unchecked && !world_recovers(v);
}

static bool
no_roll(struct world *v)
{
	world_let_go(v);
	return recovered(v) && v->ca.rolls == NULL;
}

static void
all_hold(uint32_t g)
{
	struct ca_root r;

	for (size_t i = 0; i < w.nnodes; i++) {
		struct pol_conf c = w.nodes[i].conf;

		ck_assert_msg(c.trust == 0 || c.trust == POL_GEN(g),
		    "%s trusts %llx", w.nodes[i].name,
		    (unsigned long long)c.trust);
		ck_assert_msg(c.present == 0 || c.present == POL_GEN(g),
		    "%s shows %llx", w.nodes[i].name,
		    (unsigned long long)c.present);
		ck_assert_uint_eq(c.bridge, 0);
	}
	ck_assert_int_eq(ca_store_root_get(w.ca.store, "plant", &r), BASE_OK);
	ck_assert_uint_eq(r.current, g);
}

static bool
all_trust_new(struct world *v)
{
	for (size_t i = 0; i < v->nnodes; i++)
		if ((v->nodes[i].conf.trust & POL_GEN(2)) == 0)
			return false;
	return true;
}

static bool
one_has_finished(struct world *v)
{
	for (size_t i = 0; i < v->nnodes; i++)
		if (v->nodes[i].conf.trust == POL_GEN(2))
			return true;
	return false;
}

static void
new_with_new(uint32_t gen, struct base_buf *out)
{
	struct ca_gen g;

	ck_assert_int_eq(ca_store_gen_get(w.ca.store, "plant", gen, &g),
	    BASE_OK);
	base_buf_init(out, 0);
	ck_assert_int_eq(base_buf_put(out, g.nwn.p, g.nwn.n), BASE_OK);
	ca_gen_clear(&g);
}

START_TEST(before_the_first_finish)
{
	world_open_joined(&w, world_relayed, 31);
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, all_trust_new));
	world_backup(&w, "b");
	ck_assert(world_run(&w, 60, one_has_finished));
	world_restore(&w, "b");
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* The new root is the one that the nodes have, to the byte. */
START_TEST(before_the_roll)
{
	struct base_buf made, again;
	char text[1024];

	world_open_joined(&w, world_relayed, 32);
	world_backup(&w, "b");
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, one_has_finished));
	new_with_new(2, &made);
	world_restore(&w, "b");
	ck_assert_ptr_null(w.ca.rolls);
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert(world_run(&w, 60, recovered));
	ck_assert(!world_run(&w, 20, world_rolled));
	ck_assert_int_eq(w.ca.rolls->row.state, CA_ROLL_PAUSED);
	ck_assert(ca_recover_made(&w.ca, w.ca.rolls->row.id));
	ck_assert(!ca_recover_made(&w.ca, w.ca.rolls->row.id + 1));
	ca_waits_text(&w.ca, w.ca.rolls, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "kedge roll resume plant"));
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_hold(2);
	new_with_new(2, &again);
	ck_assert_uint_eq(made.n, again.n);
	ck_assert_mem_eq(made.p, again.p, made.n);
	base_buf_free(&made);
	base_buf_free(&again);
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 300, world_settled));
	all_hold(3);
	world_close(&w);
}
END_TEST

START_TEST(before_a_node_joined)
{
	world_open(&w, world_pair, 33);
	world_join(&w, "web1");
	world_backup(&w, "b");
	world_join(&w, "app1");
	ck_assert(world_run(&w, 60, world_rolled));
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, all_trust_new));
	world_restore(&w, "b");
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* No order was signed since: what was told shows the old copy as well. */
START_TEST(a_link_alone_shows_an_old_copy)
{
	const struct ca_link l = { "app1", "web2", "plant", "plant" };

	world_open_joined(&w, world_relayed, 42);
	ck_assert(world_run(&w, 60, world_settled));
	world_backup(&w, "b");
	world_restore(&w, "b");
	ck_assert(!world_run(&w, 5, world_recovers));
	ck_assert_int_eq(ca_store_link_put(w.ca.store, &l), BASE_OK);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	ck_assert(world_run(&w, 60, world_settled));
	world_restore(&w, "b");
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	ck_assert_ptr_nonnull(ca_topo_link(w.ca.topo, "app1", "web2"));
	world_close(&w);
}
END_TEST

static void
token_made(void *arg, enum base_err e, const char *text, struct base_time end)
{
	(void)text, (void)end;
	*(enum base_err *)arg = e;
}

/* Also when nobody looked at the start: what is asked of kedge-hsmd shows it. */
START_TEST(an_old_copy_gets_no_token)
{
	enum base_err e = BASE_OK;

	world_open_joined(&w, world_pair, 43);
	ck_assert(world_run(&w, 60, world_settled));
	ca_token_make(&w.ca, "app1", 60, token_made, &e);
	hsm_fake_turn(w.hsm);
	ck_assert_int_eq(e, BASE_OK);
	world_backup(&w, "b");
	ca_token_make(&w.ca, "app1", 60, token_made, &e);
	hsm_fake_turn(w.hsm);
	ca_token_make(&w.ca, "app1", 60, token_made, &e);
	hsm_fake_turn(w.hsm);
	ck_assert_int_eq(e, BASE_OK);
	world_restore(&w, "b");
	w.ca.unchecked = false;
	ca_token_make(&w.ca, "app1", 60, token_made, &e);
	hsm_fake_turn(w.hsm);
	ck_assert_int_eq(e, BASE_E_AGAIN);
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert(world_run(&w, 60, world_settled));
	ca_token_make(&w.ca, "app1", 60, token_made, &e);
	hsm_fake_turn(w.hsm);
	ck_assert_int_eq(e, BASE_OK);
	world_close(&w);
}
END_TEST

/* Two requests were done, kedge-hsmd died with both answers, and both come to
 * the next one: the first is older than the second then, but no old copy. */
START_TEST(sent_again_is_no_old_copy)
{
	enum base_err first = BASE_OK, second = BASE_E_IO;

	world_open_joined(&w, world_pair, 43);
	ck_assert(world_run(&w, 60, world_settled));
	ca_token_make(&w.ca, "app1", 60, token_made, &first);
	ca_token_make(&w.ca, "web1", 60, token_made, &second);
	hsm_fake_again(w.hsm);
	hsm_fake_turn(w.hsm);
	ck_assert_int_eq(first, BASE_E_AGAIN);
	ck_assert_int_eq(second, BASE_OK);
	ck_assert(w.ca.unchecked);
	ck_assert(world_run(&w, 5, recovered));
	ca_token_make(&w.ca, "app1", 60, token_made, &first);
	hsm_fake_turn(w.hsm);
	ck_assert_int_eq(first, BASE_OK);
	world_close(&w);
}
END_TEST

/* Excused in the copy, back since: it is asked, and judged by. */
START_TEST(a_returned_node_is_not_excused_again)
{
	const struct ca_word sorry = { "plant", "app6", "gone", "uid 0" };
	struct ca_holding h;

	world_open_joined(&w, world_relayed, 41);
	world_roll(&w, "plant");
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &sorry), BASE_OK);
	world_backup(&w, "b");
	ck_assert_int_eq(ca_roll_return(&w.ca, &sorry), BASE_OK);
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	world_restore(&w, "b");
	ck_assert_int_eq(ca_holding_get(w.ca.store, "app6", "plant", &h),
	    BASE_OK);
	ck_assert(h.excused);
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	ck_assert_int_eq(ca_holding_get(w.ca.store, "app6", "plant", &h),
	    BASE_OK);
	ck_assert(!h.excused && h.confirmed);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* Nothing was signed since: it is no old copy. */
START_TEST(the_newest_copy_recovers_nothing)
{
	world_open_joined(&w, world_pair, 34);
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, all_trust_new));
	world_backup(&w, "b");
	world_restore(&w, "b");
	ck_assert(world_run(&w, 5, recovered));
	ck_assert(world_run(&w, 300, world_settled));
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->asks, 0);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* hsmd is away: nothing goes out, not even what was signed before. */
START_TEST(nothing_is_sent_unchecked)
{
	size_t before;

	world_open_joined(&w, world_pair, 35);
	world_node(&w, "web1")->deaf = true;
	world_roll(&w, "plant");
	for (int i = 0; i < 20; i++)
		world_turn(&w);
	before = world_node(&w, "web1")->orders;
	hsm_fake_mood(w.hsm)->down = true;
	world_restart(&w);
	world_node(&w, "web1")->deaf = false;
	for (int i = 0; i < 200; i++)
		world_turn(&w);
	ck_assert(w.ca.unchecked);
	ck_assert_uint_eq(world_node(&w, "web1")->orders, before);
	hsm_fake_mood(w.hsm)->down = false;
	ck_assert(world_run(&w, 300, world_settled));
	all_hold(2);
	world_close(&w);
}
END_TEST

/* hsmd is away for long: that is in the log once, its return, too, and the
 * next time again. */
START_TEST(a_wait_is_logged_once)
{
	world_open_joined(&w, world_pair, 36);
	asked_log();
	for (int i = 0; i < 2; i++) {
		hsm_fake_mood(w.hsm)->down = true;
		world_restart(&w);
		for (int k = 0; k < 300; k++)
			world_turn(&w);
		ck_assert(w.ca.unchecked);
		ck_assert_uint_eq(asked_log_says(
				      "waits for kedge-hsmd before any"),
		    1);
		hsm_fake_mood(w.hsm)->down = false;
		ck_assert(world_run(&w, 60, recovered));
		ck_assert_uint_eq(asked_log_says(
				      "recovery: goes on after: waits"),
		    1);
	}
	for (int k = 0; k < 100; k++)
		world_turn(&w);
	ck_assert_uint_eq(asked_log_says("recovery:"), 0);
	world_close(&w);
}
END_TEST

/* Nothing makes a recovery look again by itself. */
static bool
all_quiet(struct world *v)
{
	return no_roll(v) && !v->ca.recovery.look;
}

/* Excused before the copy was made, it was not asked: its return asks it. */
START_TEST(an_excused_node_is_asked_late)
{
	const struct ca_word sorry = { "plant", "app6", "gone", "uid 0" };

	world_open_joined(&w, world_relayed, 51);
	world_roll(&w, "plant");
	world_node(&w, "app6")->excused = true;
	world_node(&w, "app6")->deaf = true;
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &sorry), BASE_OK);
	world_backup(&w, "b");
	ck_assert(world_run(&w, 120, one_has_finished));
	world_restore(&w, "b");
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert_msg(world_run(&w, 300, all_quiet), "%s", w.waits);
	world_node(&w, "app6")->deaf = false;
	ck_assert_int_eq(ca_roll_return(&w.ca, &sorry), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_settled), "%s", w.waits);
	world_node(&w, "app6")->excused = false;
	world_links_hold(&w);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* Who does not answer is unknown: his peer waits, until he is excused; and
 * when he returns he is asked, too. */
START_TEST(a_silent_node_is_unknown)
{
	const struct ca_word sorry = { "plant", "app6", "gone", "uid 0" };
	struct ca_recovery_count n;
	char text[1024];

	world_open_joined(&w, world_relayed, 36);
	world_backup(&w, "b");
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, all_trust_new));
	world_node(&w, "app6")->deaf = true;
	world_restore(&w, "b");
	ck_assert(!world_run(&w, 60, world_settled));
	ck_assert_int_eq(ca_recover_count(&w.ca, &n), BASE_OK);
	ck_assert_uint_eq(n.nodes, 6);
	ck_assert_uint_eq(n.lost, 1);
	ck_assert_str_eq(n.name[0], "app6");
	ca_recover_text(&w.ca, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "5 of 6 nodes"));
	/* web2 serves app6; web1 has nothing to do with it */
	ck_assert_uint_eq(world_node(&w, "web1")->conf.trust, POL_GEN(2));
	ck_assert_uint_eq(world_node(&w, "web2")->conf.present, POL_GEN(1));
	world_node(&w, "app6")->excused = true;
	ck_assert_int_eq(ca_roll_excuse(&w.ca, &sorry), BASE_OK);
	ck_assert_msg(world_run(&w, 120, no_roll), "%s", w.waits);
	ck_assert_uint_eq(world_node(&w, "web2")->conf.present, POL_GEN(2));
	world_node(&w, "app6")->excused = false;
	world_node(&w, "app6")->deaf = false;
	ck_assert_int_eq(ca_roll_return(&w.ca, &sorry), BASE_OK);
	ck_assert_msg(world_run(&w, 120, world_settled), "%s", w.waits);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* Its clock is wrong: it takes no order, not even one that only asks, and says
 * so. That is no answer; when the clock is right it gives one. */
START_TEST(a_question_that_is_held)
{
	struct ca_recovery_count n;
	struct world_node *web1;

	world_open(&w, world_pair, 47);
	world_join_all(&w);
	world_backup(&w, "b");
	web1 = world_node(&w, "web1");
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 60, world_rolled));
	world_restore(&w, "b");
	web1->holds = "this node's clock is behind";
	ck_assert(!world_run(&w, 120, world_settled));
	ck_assert_int_eq(ca_recover_count(&w.ca, &n), BASE_OK);
	ck_assert_uint_eq(n.lost, 1);
	ck_assert_str_eq(n.name[0], "web1");
	web1->holds = NULL;
	ck_assert_msg(world_run(&w, 300, world_settled), "%s", w.waits);
	all_hold(2);
	world_close(&w);
}
END_TEST

/* An order from before lies in a relay: the question outranks it. */
START_TEST(what_is_under_way_is_outranked)
{
	struct world_node *web1;
	struct wire_parcel p;

	world_open_joined(&w, world_pair, 37);
	world_backup(&w, "b");
	web1 = world_node(&w, "web1");
	w.late = 100;
	world_roll(&w, "plant");
	while (web1->late.nroute == 0)
		world_turn(&w);
	w.late = 0;
	p = web1->late;
	memset(&web1->late, 0, sizeof(p));
	wire_parcel_clear(&world_node(&w, "app1")->late);
	world_restore(&w, "b");
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert(world_run(&w, 120, world_settled));
	world_order(&w, web1, base_buf_span(&p.content));
	ck_assert_uint_eq(web1->conf.trust, POL_GEN(1));
	wire_parcel_clear(&p);
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 120, world_settled));
	all_hold(2);
	world_close(&w);
}
END_TEST

/* One after the other. */
START_TEST(other_signs_of_an_old_copy)
{
	world_open_joined(&w, world_pair, 38);
	ck_assert_int_eq(ca_recover_want(&w.ca, "a sign"), BASE_OK);
	ck_assert(world_run(&w, 5, world_recovers));
	ck_assert_int_eq(ca_recover_want(&w.ca, "another"), BASE_OK);
	ck_assert(!w.ca.recovery.wanted);
	ck_assert(world_run(&w, 60, world_settled));
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->asks, 4);
	world_close(&w);
}
END_TEST

/* ---- at random -------------------------------------------------------------- */

#define COPIES 40

static unsigned ncopies, seen;

static void
turn_and_copy(void)
{
	char name[16];

	world_turn(&w);
	if (w.events == seen || ncopies == COPIES)
		return;
	seen = w.events;
	snprintf(name, sizeof(name), "b%u", ncopies++);
	world_backup(&w, name);
}

static unsigned
dice(unsigned sides)
{
	w.rng = w.rng * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(w.rng >> 33) % sides;
}

/* A copy at every event, and at some moment one of them is put back; twice in
 * a roll, and in the next one, too. */
START_TEST(any_copy_at_any_time)
{
	char name[16];

	world_open(&w, world_relayed, (uint64_t)_i + 1000);
	ncopies = seen = 0;
	w.loss = 10;
	w.late = 10;
	world_join_all(&w);
	for (uint32_t g = 2; g <= 3; g++) {
		unsigned puts = 2;

		world_backup(&w, "b0");
		ncopies = ncopies == 0 ? 1 : ncopies;
		world_roll(&w, "plant");
		for (int i = 0;
		     i < 20 * 600 && !(world_settled(&w) && puts == 0); i++) {
			turn_and_copy();
			if (puts == 0 || (dice(60) != 0 && !world_settled(&w)))
				continue;
			snprintf(name, sizeof(name), "b%u", dice(ncopies));
			world_restore(&w, name);
			puts--;
		}
		ck_assert_msg(world_settled(&w), "seed %d: %s", _i, w.waits);
		/* what it was before any order of the roll was sent, stays */
		if (world_node(&w, "web1")->conf.trust == POL_GEN(g - 1)) {
			all_hold(g - 1);
			break;
		}
		all_hold(g);
	}
	world_close(&w);
}
END_TEST

static void
ready(void)
{
	world_ready_make(world_relayed);
	world_ready_make(world_pair);
}

TCase *
case_recover(void)
{
	TCase *t = tcase_create("recover");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_test(t, before_the_first_finish);
	tcase_add_test(t, before_the_roll);
	tcase_add_test(t, before_a_node_joined);
	tcase_add_test(t, a_link_alone_shows_an_old_copy);
	tcase_add_test(t, an_old_copy_gets_no_token);
	tcase_add_test(t, sent_again_is_no_old_copy);
	tcase_add_test(t, a_returned_node_is_not_excused_again);
	tcase_add_test(t, an_excused_node_is_asked_late);
	tcase_add_test(t, the_newest_copy_recovers_nothing);
	tcase_add_test(t, nothing_is_sent_unchecked);
	tcase_add_test(t, a_wait_is_logged_once);
	tcase_add_test(t, a_silent_node_is_unknown);
	tcase_add_test(t, a_question_that_is_held);
	tcase_add_test(t, what_is_under_way_is_outranked);
	tcase_add_test(t, other_signs_of_an_old_copy);
	tcase_add_loop_test(t, any_copy_at_any_time, 0, 6);
	return t;
}
