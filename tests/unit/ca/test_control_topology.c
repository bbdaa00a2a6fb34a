/* The command `topology-apply`: the difference, what is skipped, and what is
 * done when. What changes do to each row is in test_change.c. */
#include <check.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static const char same[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\";\n"
    "  root = \"plant\"; } );\n";
static const char grown[] =
    "roots = ( { name = \"plant\"; }, { name = \"lab\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; shallow = true; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"db1\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"server\";\n"
    "  root = \"plant\"; },\n"
    "  { client = \"web1\"; server = \"db1\"; root = \"lab\"; } );\n";
static const char nodes_only[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; } );\n";

/* more: further fields, "" or ",…". */
static char *
apply(const char *topology, const char *more)
{
	json_t *text = json_string(topology);
	char *quoted = json_dumps(text, JSON_ENCODE_ANY), *q;

	q = base_asprintf("{\"cmd\":\"topology-apply\",\"text\":%s,"
			  "\"file\":\"f.conf\"%s}",
	    quoted, more);
	free(quoted);
	json_decref(text);
	return q;
}

static void
applied(const char *topology, const char *more)
{
	char *q = apply(topology, more);

	asked_ok(q);
	free(q);
}

static void
refused(const char *topology, const char *more, const char *error,
    const char *says)
{
	char *q = apply(topology, more);

	asked_no(q, error);
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(asked.answer, "message")),
		says));
	free(q);
}

static const char *
word(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* "+ node db1" and so on; NULL when the answer has it not. */
static const json_t *
change(const char *op, const char *kind, const char *name)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(asked.answer, "changes"), i,
	    o) if (strcmp(word(o, "op"), op) == 0 &&
	    strcmp(word(o, "kind"), kind) == 0 &&
	    strcmp(word(o, "name"), name) == 0) return o;
	return NULL;
}

static json_int_t
skipped(void)
{
	return json_integer_value(json_object_get(asked.answer, "skipped"));
}

START_TEST(nothing_differs)
{
	const uint64_t asked_hsm = hsm_fake_mood(asked.w.hsm)->asked;

	applied(same, "");
	ck_assert_uint_eq(asked_size_of("changes"), 0);
	ck_assert(json_is_true(json_object_get(asked.answer, "applied")));
	ck_assert_int_eq(skipped(), 0);
	ck_assert_uint_eq(hsm_fake_mood(asked.w.hsm)->asked, asked_hsm);
}
END_TEST

/* A dry run says the same and does nothing. */
START_TEST(what_differs)
{
	const uint64_t made = hsm_fake_mood(asked.w.hsm)->made;
	const json_t *o;

	for (int wet = 0; wet < 2; wet++) {
		applied(grown, wet ? "" : ",\"dry_run\":true");
		ck_assert_int_eq(json_is_true(
				     json_object_get(asked.answer, "applied")),
		    wet);
		ck_assert_uint_eq(asked_size_of("changes"), 5);
		ck_assert_ptr_nonnull(change("+", "root", "lab"));
		ck_assert_ptr_nonnull(change("+", "node", "db1"));
		ck_assert_ptr_nonnull(change("+", "link", "web1>db1"));
		o = change("~", "node", "web1");
		ck_assert_ptr_nonnull(o);
		ck_assert_str_eq(word(o, "detail"), "shallow: false -> true");
		ck_assert_uint_eq(json_array_size(json_object_get(o, "fields")),
		    1);
		ck_assert_ptr_nonnull(change("~", "link", "app1>web1"));
		if (wet == 0) {
			ck_assert_uint_eq(hsm_fake_mood(asked.w.hsm)->made,
			    made);
			ck_assert_uint_eq(asked.w.ca.topo->nnodes, 2);
		}
	}
	ck_assert_uint_gt(hsm_fake_mood(asked.w.hsm)->made, made);
	ck_assert_ptr_nonnull(ca_topo_link(asked.w.ca.topo, "web1", "db1"));
	ck_assert_uint_ne(ca_topo_root(asked.w.ca.topo, "lab"), POL_NONE);
}
END_TEST

/* Only when told so. */
START_TEST(what_is_not_in_the_file)
{
	asked.w.ca.unchecked = false;
	applied(grown, "");
	applied(same, "");
	ck_assert_ptr_nonnull(change("-", "node", "db1"));
	ck_assert_ptr_nonnull(change("-", "link", "web1>db1"));
	ck_assert_ptr_nonnull(change("-", "root", "lab"));
	ck_assert_int_eq(skipped(), 3);
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 3);
	applied(same, ",\"allow_remove\":true");
	ck_assert_int_eq(skipped(), 0);
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 2);
	ck_assert_uint_eq(ca_topo_root(asked.w.ca.topo, "lab"), POL_NONE);
	/* the management root is in no file */
	ck_assert_uint_ne(ca_topo_root(asked.w.ca.topo, CA_MANAGEMENT),
	    POL_NONE);
}
END_TEST

/* What the file does not give stays as node set has said. */
START_TEST(addresses_stay)
{
	const uint32_t web1 = ca_topo_node(asked.w.ca.topo, "web1");

	asked_ok("{\"cmd\":\"node-set\",\"node\":\"web1\","
		 "\"address\":\"web1.example:7443\"}");
	applied(same, "");
	ck_assert_uint_eq(asked_size_of("changes"), 0);
	ck_assert_str_eq(asked.w.ca.topo->nodes[web1].address,
	    "web1.example:7443");
}
END_TEST

/* The roll is judged by the link: it goes with a reason only. */
START_TEST(a_link_goes_with_a_reason)
{
	struct ca_link l = { "app1", "web1", "plant", "plant" };
	bool said;

	world_join_all(&asked.w);
	world_roll(&asked.w, "plant");
	refused(nodes_only, ",\"allow_remove\":true", "OUTAGE", "--reason");
	ck_assert_uint_eq(asked.w.ca.topo->nlinks, 1);
	applied(nodes_only, ",\"allow_remove\":true,\"reason\":\"sold\"");
	ck_assert_uint_eq(asked.w.ca.topo->nlinks, 0);
	ck_assert_int_eq(ca_store_gone_has(asked.w.ca.store, &l, &said),
	    BASE_OK);
	ck_assert(said);
}
END_TEST

static const char web1_only[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; } );\n";
#define REMOVE ",\"allow_remove\":true,\"reason\":\"sold\""

/* Its link is gone, on record, and the root rolls. */
static void
app1_is_alone(void)
{
	world_join_all(&asked.w);
	world_roll(&asked.w, "plant");
	/* with its links it goes only after them */
	refused(web1_only, REMOVE, "OUTAGE", "kedge link remove --reason");
	ck_assert_uint_eq(asked.w.ca.topo->nlinks, 1);
	applied(nodes_only, REMOVE);
}

/* While a root rolls kedge-hsmd is asked first; when it would not forget a
 * node, or does not answer, nothing is done. */
START_TEST(a_node_goes_when_kedge_hsmd_lets_it)
{
	struct hsm_fake_mood *m = hsm_fake_mood(asked.w.hsm);

	app1_is_alone();
	m->stays = "app1";
	refused(web1_only, REMOVE, "OUTAGE", "would not forget it");
	refused(web1_only, REMOVE, "OUTAGE", "roll cuts --node app1 ROOT");
	m->down = true;
	refused(web1_only, REMOVE, "AGAIN", "kedge-hsmd");
	m->down = false;
	/* not asked about what is not done */
	applied(web1_only, REMOVE ",\"dry_run\":true");
	applied(web1_only, "");
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 2);
	m->stays = NULL;
	applied(web1_only, REMOVE);
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 1);
}
END_TEST

/* At rest it is not asked. */
START_TEST(a_node_goes_at_rest)
{
	world_join_all(&asked.w);
	hsm_fake_mood(asked.w.hsm)->stays = "app1";
	applied(web1_only, REMOVE);
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 1);
}
END_TEST

static enum base_err
db1_comes(struct ca *ca, void *arg)
{
	struct ca_node n = { .name = "db1", .reach = CA_DIRECT };

	(void)arg;
	return ca_change_node(ca, &n, "");
}

/* Before kedge-hsmd answers a node comes of which it was not asked. */
START_TEST(who_comes_meanwhile_does_not_go)
{
	const struct hsm_fake_mood *m = hsm_fake_mood(asked.w.hsm);
	char *q = apply(web1_only, REMOVE);
	json_t *answer;
	uint64_t before;

	app1_is_alone();
	while (hsm_fake_turn(asked.w.hsm) > 0)
		;
	before = m->asked;
	ck_assert_int_eq((int)write(asked.fd, q, strlen(q)), (int)strlen(q));
	ck_assert_int_eq((int)write(asked.fd, "\n", 1), 1);
	while (m->asked == before)
		event_base_loop(asked.w.ca.eb, EVLOOP_NONBLOCK);
	ck_assert_int_eq(ca_fleet_change(&asked.w.ca, db1_comes, NULL),
	    BASE_OK);
	ck_assert_ptr_nonnull(answer = asked_line());
	ck_assert_str_eq(json_string_value(json_object_get(answer, "error")),
	    "AGAIN");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(answer, "message")),
		"node db1: kedge-hsmd was not asked"));
	json_decref(answer);
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 3);
	asked_ok(q);
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 1);
	free(q);
}
END_TEST

/* Who joined without a key for it must join again, and is named. */
START_TEST(what_is_left_to_do)
{
	world_join_all(&asked.w);
	applied(same, "");
	ck_assert_uint_eq(asked_size_of("notes"), 0);
	applied(grown, ",\"dry_run\":true");
	ck_assert_uint_eq(asked_size_of("notes"), 1);
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(
		       json_array_get(json_object_get(asked.answer, "notes"),
			   0)),
		"web1"));
}
END_TEST

START_TEST(kedge_hsmd_makes_no_root)
{
	hsm_fake_mood(asked.w.hsm)->down = true;
	refused(grown, "", "AGAIN", "kedge-hsmd");
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 2);
	hsm_fake_mood(asked.w.hsm)->down = false;
	applied(grown, "");
	ck_assert_uint_eq(asked.w.ca.topo->nnodes, 3);
}
END_TEST

START_TEST(not_at_all)
{
	refused("roots = ( { name = \"plant\" ;", "", "CONFIG", "f.conf:");
	asked.w.ca.ready = false;
	refused(same, "", "STATE", "kedge init");
	asked.w.ca.ready = true;
	applied(same, "");
}
END_TEST

TCase *
case_control_topology(void)
{
	TCase *t = tcase_create("control_topology");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, asked_pair, asked_close);
	tcase_add_test(t, nothing_differs);
	tcase_add_test(t, what_differs);
	tcase_add_test(t, what_is_not_in_the_file);
	tcase_add_test(t, addresses_stay);
	tcase_add_test(t, a_link_goes_with_a_reason);
	tcase_add_test(t, a_node_goes_when_kedge_hsmd_lets_it);
	tcase_add_test(t, a_node_goes_at_rest);
	tcase_add_test(t, who_comes_meanwhile_does_not_go);
	tcase_add_test(t, what_is_left_to_do);
	tcase_add_test(t, kedge_hsmd_makes_no_root);
	tcase_add_test(t, not_at_all);
	return t;
}
