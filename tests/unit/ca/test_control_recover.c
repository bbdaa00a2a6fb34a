/* Tests of ca/control_recover.c: a recovery that the operator looks at, begins,
 * and ends for a node that does not answer; see asked.h. */
#include <check.h>
#include <string.h>

#include "ca/recover.h"
#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; } );\n";

#define STATUS "{\"cmd\":\"recover-status\"}"
#define START  "{\"cmd\":\"recover-start\",\"reason\":\"put back\"}"

static void
setup(void)
{
	asked_open(fleet);
	world_join_all(&asked.w);
	for (int i = 0; i < 100; i++)
		world_turn(&asked.w);
}

static bool
over(struct world *w)
{
	return w->ca.recovery.stage == CA_RECOVERY_NONE &&
	    !w->ca.recovery.wanted;
}

/* A question that is not answered stays out. */
static bool
no_roll(struct world *w)
{
	return over(w) && w->ca.rolls == NULL;
}

static void
stage_is(const char *word)
{
	asked_ok(STATUS);
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "stage")),
	    word);
}

static enum base_err
look(void *arg, const struct ca_audit *a)
{
	const char **want = arg;

	if (*want != NULL &&
	    (strcmp(a->what, "excuse") == 0 ||
		strcmp(a->what, "recovery") == 0) &&
	    strstr(a->detail, *want) != NULL)
		*want = NULL;
	return BASE_OK;
}

static bool
is_audited(const char *detail)
{
	ck_assert_int_eq(ca_store_audit_list(asked.w.ca.store, 1, 10000, look,
			     &detail),
	    BASE_OK);
	return detail == NULL;
}

START_TEST(begun_by_hand)
{
	stage_is("none");
	ck_assert_uint_eq(asked_size_of("missing"), 0);
	asked_no("{\"cmd\":\"recover-start\",\"reason\":\"\"}", "USAGE");
	asked_ok(START);
	asked_no(START, "STATE");
	world_turn(&asked.w);
	stage_is("recall");
	ck_assert_uint_eq(asked_size_of("missing"), 6);
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "why")),
		"put back"));
	ck_assert(world_run(&asked.w, 60, over));
	stage_is("none");
	ck_assert(json_is_null(json_object_get(asked.answer, "since")));
	/* each node under each of its two roots */
	ck_assert_uint_eq(hsm_fake_mood(asked.w.hsm)->asks, 6);
}
END_TEST

/* No root rolls: it is excused all the same, with the reason on record. */
START_TEST(who_does_not_answer_is_given_up)
{
	struct world_node *app2 = world_node(&asked.w, "app2");
	struct ca_holding h;

	app2->deaf = true;
	asked_ok(START);
	ck_assert(!world_run(&asked.w, 60, over));
	stage_is("ask");
	ck_assert_uint_eq(asked_size_of("missing"), 2);
	ck_assert_str_eq(json_string_value(json_object_get(
			     json_array_get(json_object_get(asked.answer,
						"missing"),
				 0),
			     "node")),
	    "app2");
	asked_no("{\"cmd\":\"recover-excuse\",\"node\":\"app1\","
		 "\"reason\":\"x\"}",
	    "STATE");
	asked_no("{\"cmd\":\"recover-excuse\",\"node\":\"ca\","
		 "\"reason\":\"x\"}",
	    "NOTFOUND");
	asked_no("{\"cmd\":\"recover-excuse\",\"node\":\"app2\","
		 "\"reason\":\"\"}",
	    "USAGE");
	app2->excused = true;
	asked_ok("{\"cmd\":\"recover-excuse\",\"node\":\"app2\","
		 "\"reason\":\"in the sea\"}");
	ck_assert_uint_eq(asked_size_of("missing"), 0);
	ck_assert(is_audited("in the sea"));
	ck_assert(world_run(&asked.w, 10, over));
	/* the others roll without it; when it returns it is asked */
	world_roll(&asked.w, "plant");
	ck_assert_msg(world_run(&asked.w, 120, no_roll), "%s", asked.w.waits);
	ck_assert_uint_eq(world_node(&asked.w, "web1")->conf.trust, POL_GEN(2));
	app2->deaf = false;
	asked_ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"app2\"}");
	ck_assert_msg(world_run(&asked.w, 120, no_roll), "%s", asked.w.waits);
	ck_assert_int_eq(ca_holding_get(asked.w.ca.store, "app2", "plant", &h),
	    BASE_OK);
	ck_assert(h.confirmed && !h.lost && !h.excused);
	ck_assert_uint_eq(app2->conf.trust, POL_GEN(2));
}
END_TEST

/* Given up in the middle of a roll, as an excuse does it. */
START_TEST(a_roll_goes_on_without_who_is_given_up)
{
	struct world_node *app2 = world_node(&asked.w, "app2");

	world_roll(&asked.w, "plant");
	app2->deaf = true;
	for (int i = 0; i < 40; i++)
		world_turn(&asked.w);
	asked_ok(START);
	ck_assert(!world_run(&asked.w, 60, no_roll));
	app2->excused = true;
	asked_ok("{\"cmd\":\"recover-excuse\",\"node\":\"app2\","
		 "\"reason\":\"gone\"}");
	ck_assert_msg(world_run(&asked.w, 120, no_roll), "%s", asked.w.waits);
	ck_assert_uint_eq(world_node(&asked.w, "web1")->conf.trust, POL_GEN(2));
}
END_TEST

static bool
says(const char *part)
{
	return strstr(json_string_value(
			  json_object_get(asked.answer, "message")),
		   part) != NULL;
}

static bool
recovers(struct world *w)
{
	return !over(w);
}

#define ROLL_EXCUSE_APP2                               \
	"{\"cmd\":\"roll-excuse\",\"root\":\"plant\"," \
	"\"node\":\"app2\",\"reason\":\"in the sea\"}"

/* ---- while kedge-hsmd is away -------------------------------------------------- */

/* The recovery cannot ask it what it remembers. */
static void
waits_for_hsmd(void)
{
	hsm_fake_mood(asked.w.hsm)->down = true;
	asked_ok(START);
	ck_assert(!world_run(&asked.w, 5, over));
	stage_is("recall");
}

static void
hsmd_is_back(void)
{
	hsm_fake_mood(asked.w.hsm)->down = false;
	ck_assert_msg(world_run(&asked.w, 120, over), "%s", asked.w.waits);
}

/* Nor does it come back by its key or its links. */
START_TEST(who_was_removed_meanwhile_stays_away)
{
	struct ca_node n;

	world_node(&asked.w, "app2")->excused = true;
	waits_for_hsmd();
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app2\","
		 "\"server\":\"web1\"}");
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"app2\"}");
	hsmd_is_back();
	ck_assert_int_eq(ca_store_node_get(asked.w.ca.store, "app2", &n),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_node_get(asked.w.ca.store, "app1", &n),
	    BASE_OK);
	ck_assert_str_eq(hsm_fake_mood(asked.w.hsm)->forgotten, "app2");
}
END_TEST

#define DROP_LINK_APP2                                  \
	"{\"cmd\":\"link-remove\",\"client\":\"app2\"," \
	"\"server\":\"web1\"}"
#define DROP_APP2 "{\"cmd\":\"node-remove\",\"node\":\"app2\"}"

static bool
removed_is_app2(void)
{
	const json_t *list;

	asked_ok(STATUS);
	list = json_object_get(asked.answer, "removed");
	return json_array_size(list) == 1 &&
	    strcmp(json_string_value(json_array_get(list, 0)), "app2") == 0;
}

/* It would be taken for what the copy says, and doubted. */
START_TEST(nothing_is_removed_before_hsmd_was_heard)
{
	hsm_fake_mood(asked.w.hsm)->down = true;
	asked_restart();
	stage_is("unchecked");
	asked_no(DROP_LINK_APP2, "STATE");
	ck_assert(says("kedge recover status"));
	ck_assert_ptr_nonnull(ca_topo_link(asked.w.ca.topo, "app2", "web1"));
	hsm_fake_mood(asked.w.hsm)->down = false;
	for (int i = 0; i < 20; i++)
		world_turn(&asked.w);
	stage_is("none");
	asked_ok(DROP_LINK_APP2);
	hsm_fake_mood(asked.w.hsm)->down = true;
	asked_restart();
	asked_no(DROP_APP2, "STATE");
	asked.w.ca.unchecked = false;
	asked_ok(DROP_APP2);
	/* one that begins at the next turn */
	asked_ok(START);
	asked_no("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web1\"}",
	    "STATE");
}
END_TEST

/* kedge-hsmd was not told yet: what was removed does not come back, nor is it
 * forgotten, until it is said once more. */
START_TEST(who_was_removed_before_it_stays_away)
{
	struct hsm_fake_mood *m = hsm_fake_mood(asked.w.hsm);
	struct ca_node n;

	world_node(&asked.w, "app2")->excused = true;
	m->down = true;
	asked_ok(DROP_LINK_APP2);
	asked_ok(DROP_APP2);
	waits_for_hsmd();
	hsmd_is_back();
	ck_assert_int_eq(ca_store_node_get(asked.w.ca.store, "app2", &n),
	    BASE_E_NOTFOUND);
	ck_assert(removed_is_app2());
	for (int i = 0; i < 50; i++)
		world_turn(&asked.w);
	ck_assert_str_eq(m->forgotten, "");
	asked_ok(DROP_APP2);
	ck_assert(!removed_is_app2());
	asked_no(DROP_APP2, "NOTFOUND");
	for (int i = 0; i < 50; i++)
		world_turn(&asked.w);
	ck_assert_str_eq(m->forgotten, "app2");
}
END_TEST

/* Added again: the one before it is forgotten, and it has no key. */
START_TEST(who_was_put_back_joins_anew)
{
	struct hsm_fake_mood *m = hsm_fake_mood(asked.w.hsm);
	struct ca_node n;

	world_node(&asked.w, "app2")->excused = true;
	m->down = true;
	asked_ok(DROP_LINK_APP2);
	asked_ok(DROP_APP2);
	waits_for_hsmd();
	hsmd_is_back();
	ck_assert(removed_is_app2());
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"app2\","
		 "\"reach\":\"poll\",\"via\":[\"web1\"]}");
	ck_assert(!removed_is_app2());
	for (int i = 0; i < 50; i++)
		world_turn(&asked.w);
	ck_assert_str_eq(m->forgotten, "app2");
	ck_assert_int_eq(ca_store_node_get(asked.w.ca.store, "app2", &n),
	    BASE_OK);
	ck_assert_int_eq(n.joined.ms, 0);
}
END_TEST

/* The name is given again at once: what the first one had is not the second
 * one's. */
START_TEST(a_name_given_again_takes_nothing_over)
{
	struct base_buf key;

	world_node(&asked.w, "app2")->excused = true;
	waits_for_hsmd();
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app2\","
		 "\"server\":\"web1\"}");
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"app2\"}");
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"app2\","
		 "\"reach\":\"poll\",\"via\":[\"web1\"]}");
	hsmd_is_back();
	base_buf_init(&key, 0);
	ck_assert_int_eq(ca_store_key_get(asked.w.ca.store, "app2",
			     CA_MANAGEMENT, &key),
	    BASE_E_NOTFOUND);
	base_buf_free(&key);
	ck_assert_ptr_null(ca_topo_link(asked.w.ca.topo, "app2", "web1"));
	ck_assert_ptr_nonnull(ca_topo_link(asked.w.ca.topo, "app1", "web1"));
}
END_TEST

/* In the middle of a roll, with a reason. */
START_TEST(a_link_taken_away_meanwhile_stays_away)
{
	world_roll(&asked.w, "plant");
	world_node(&asked.w, "app2")->deaf = true;
	world_node(&asked.w, "app2")->excused = true;
	ck_assert(!world_run(&asked.w, 10, no_roll));
	waits_for_hsmd();
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app2\","
		 "\"server\":\"web1\",\"reason\":\"sold\"}");
	world_node(&asked.w, "app2")->deaf = false;
	hsmd_is_back();
	ck_assert_ptr_null(ca_topo_link(asked.w.ca.topo, "app2", "web1"));
	ck_assert_ptr_nonnull(ca_topo_link(asked.w.ca.topo, "app1", "web1"));
}
END_TEST

/* Nothing rolls, so no reason is asked for. */
START_TEST(a_link_taken_away_in_peace_stays_away)
{
	world_node(&asked.w, "app2")->excused = true;
	waits_for_hsmd();
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app2\","
		 "\"server\":\"web1\"}");
	hsmd_is_back();
	ck_assert_ptr_null(ca_topo_link(asked.w.ca.topo, "app2", "web1"));
	ck_assert_ptr_nonnull(ca_topo_link(asked.w.ca.topo, "app1", "web1"));
	/* kedge-hsmd has heard it by now */
	for (int i = 0; i < 20; i++)
		world_turn(&asked.w);
	asked_ok(START);
	ck_assert(world_run(&asked.w, 60, over));
	ck_assert_ptr_null(ca_topo_link(asked.w.ca.topo, "app2", "web1"));
}
END_TEST

/* Kept, and lost with nothing: the answer says that it is to come. */
START_TEST(what_was_begun_by_hand_outlives_a_restart)
{
	asked_ok(START);
	asked_restart();
	stage_is("unchecked");
	ck_assert(!world_run(&asked.w, 1, over));
	ck_assert_ptr_nonnull(strstr(asked.w.ca.recovery.why, "put back"));
	ck_assert(world_run(&asked.w, 60, over));
	ck_assert_uint_eq(hsm_fake_mood(asked.w.hsm)->asks, 6);
	/* once */
	asked_restart();
	ck_assert(!world_run(&asked.w, 10, recovers));
	ck_assert_uint_eq(hsm_fake_mood(asked.w.hsm)->asks, 6);
}
END_TEST

/* Killed before it began, and then the count shows an old copy as well. */
START_TEST(its_reason_is_on_record_in_any_case)
{
	asked_ok(START);
	ck_assert_int_eq(ca_meta_put_u64(&asked.w.ca, "hsm.mark", 0), BASE_OK);
	asked_restart();
	ck_assert(!world_run(&asked.w, 1, over));
	ck_assert_ptr_nonnull(strstr(asked.w.ca.recovery.why, "old copy"));
	ck_assert(is_audited("put back"));
	ck_assert(world_run(&asked.w, 60, over));
}
END_TEST

/* Nor is a roll's excuse, or its end, kept then. */
START_TEST(no_word_to_a_roll_before_hsmd_was_heard)
{
	world_roll(&asked.w, "plant");
	waits_for_hsmd();
	asked_no(ROLL_EXCUSE_APP2, "STATE");
	ck_assert(says("kedge recover status"));
	asked_no("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"app2\"}",
	    "STATE");
	ck_assert(says("kedge recover status"));
	world_node(&asked.w, "app2")->deaf = true;
	hsm_fake_mood(asked.w.hsm)->down = false;
	ck_assert(!world_run(&asked.w, 60, over));
	world_node(&asked.w, "app2")->excused = true;
	asked_ok(ROLL_EXCUSE_APP2);
	ck_assert_msg(world_run(&asked.w, 120, no_roll), "%s", asked.w.waits);
}
END_TEST

#define EXCUSE_APP2                                      \
	"{\"cmd\":\"recover-excuse\",\"node\":\"app2\"," \
	"\"reason\":\"in the sea\"}"

/* What kedge-hsmd remembers would undo it without a word. */
START_TEST(nobody_is_given_up_before_hsmd_was_heard)
{
	struct ca_holding h;

	world_node(&asked.w, "app2")->deaf = true;
	hsm_fake_mood(asked.w.hsm)->down = true;
	asked_ok(START);
	asked_no(EXCUSE_APP2, "STATE");
	ck_assert(!world_run(&asked.w, 5, over));
	stage_is("recall");
	asked_no(EXCUSE_APP2, "STATE");
	ck_assert(says("kedge-hsmd"));
	ck_assert(says("kedge recover status"));
	hsm_fake_mood(asked.w.hsm)->down = false;
	ck_assert(!world_run(&asked.w, 60, over));
	stage_is("ask");
	world_node(&asked.w, "app2")->excused = true;
	asked_ok(EXCUSE_APP2);
	ck_assert(world_run(&asked.w, 60, over));
	ck_assert_int_eq(ca_holding_get(asked.w.ca.store, "app2", "plant", &h),
	    BASE_OK);
	ck_assert(h.excused);
}
END_TEST

/* ---- who cannot be excused ------------------------------------------------------ */

/* It has no links, so only the CA itself waits for it. */
START_TEST(who_is_lost_towards_the_ca_only_is_removed)
{
	world_node(&asked.w, "app2")->deaf = true;
	world_node(&asked.w, "app2")->excused = true;
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app2\","
		 "\"server\":\"web1\"}");
	/* kedge-hsmd is told first */
	for (int i = 0; i < 20; i++)
		world_turn(&asked.w);
	asked_ok(START);
	ck_assert(!world_run(&asked.w, 60, over));
	stage_is("ask");
	ck_assert_uint_eq(asked_size_of("missing"), 1);
	asked_no(EXCUSE_APP2, "STATE");
	ck_assert(says("management"));
	ck_assert(says("kedge node remove app2"));
	ck_assert(!says("no recovery waits"));
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"app2\"}");
	ck_assert(world_run(&asked.w, 60, over));
	asked_no("{\"cmd\":\"recover-excuse\",\"node\":\"app1\","
		 "\"reason\":\"x\"}",
	    "STATE");
	ck_assert(says("no recovery waits"));
}
END_TEST

/* ---- words that are too long ------------------------------------------------------ */

#define A10 "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4" /* bytes */
#define A50 A10 A10 A10 A10 A10

/* It is not cut in the middle of a character; both lengths, for one of them
 * would cut there. */
START_TEST(a_reason_has_its_length)
{
	asked_no("{\"cmd\":\"recover-start\",\"reason\":\"" A50 A50 A50 A50 A50
		 "\"}",
	    "USAGE");
	ck_assert(says("longer"));
	asked_no("{\"cmd\":\"recover-start\",\"reason\":\"x" A50 A50 A50 A50 A50
		 "\"}",
	    "USAGE");
	stage_is("none");
	asked_ok(
	    "{\"cmd\":\"recover-start\",\"reason\":\"" A50 A50 A50 A50 "\"}");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "why")),
		A50 A50 A50 A50));
}
END_TEST

/* Whatever it is that cannot be told: the caller does not wait for ever. */
START_TEST(an_answer_that_is_no_utf8_is_an_error)
{
	asked_ok(START);
	snprintf(asked.w.ca.recovery.why, sizeof(asked.w.ca.recovery.why),
	    "cut \xc3");
	asked_no(STATUS, "INTEGRITY");
	ck_assert(says("UTF-8"));
	snprintf(asked.w.ca.recovery.why, sizeof(asked.w.ca.recovery.why),
	    "whole \xc3\xa4");
	asked_ok(STATUS);
}
END_TEST

TCase *
case_control_recover(void)
{
	TCase *t = tcase_create("control_recover");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_test(t, begun_by_hand);
	tcase_add_test(t, who_does_not_answer_is_given_up);
	tcase_add_test(t, a_roll_goes_on_without_who_is_given_up);
	tcase_add_test(t, who_was_removed_meanwhile_stays_away);
	tcase_add_test(t, nothing_is_removed_before_hsmd_was_heard);
	tcase_add_test(t, who_was_removed_before_it_stays_away);
	tcase_add_test(t, who_was_put_back_joins_anew);
	tcase_add_test(t, a_name_given_again_takes_nothing_over);
	tcase_add_test(t, a_link_taken_away_meanwhile_stays_away);
	tcase_add_test(t, a_link_taken_away_in_peace_stays_away);
	tcase_add_test(t, what_was_begun_by_hand_outlives_a_restart);
	tcase_add_test(t, its_reason_is_on_record_in_any_case);
	tcase_add_test(t, no_word_to_a_roll_before_hsmd_was_heard);
	tcase_add_test(t, nobody_is_given_up_before_hsmd_was_heard);
	tcase_add_test(t, who_is_lost_towards_the_ca_only_is_removed);
	tcase_add_test(t, a_reason_has_its_length);
	tcase_add_test(t, an_answer_that_is_no_utf8_is_an_error);
	return t;
}
