/* A word about one node of a roll: the audit has who said it and why. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

/* app1 is behind web1; app2 verifies only; web2 verifies
 * nobody. */
static const char fleet[] =
    "roots = ( { name = \"plant\"; }, { name = \"lab\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"direct\"; },\n"
    "  { name = \"app3\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"lab1\"; reach = \"direct\"; },\n"
    "  { name = \"lab2\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; },\n"
    "  { client = \"lab2\"; server = \"lab1\"; auth = \"server\";\n"
    "  root = \"lab\"; },\n"
    "  { client = \"app2\"; server = \"web2\"; auth = \"server\";\n"
    "  root = \"plant\"; } );\n";

static void
setup(void)
{
	base_log_open("test", BASE_ERR);
	asked_open(fleet);
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
}

static void
excuse(const char *node, const char *more)
{
	char *q = base_asprintf("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
				"\"node\":\"%s\",%s}",
	    node, more);

	asked_ok(q);
	free(q);
}

struct record {
	const char *what, *detail;
	bool found;
};

static enum base_err
find(void *arg, const struct ca_audit *a)
{
	struct record *r = arg;

	r->found = r->found ||
	    (strncmp(a->who, "uid ", 4) == 0 && strcmp(a->what, r->what) == 0 &&
		strcmp(a->detail, r->detail) == 0);
	return BASE_OK;
}

static bool
audited(const char *what, const char *detail)
{
	struct record r = { what, detail, false };

	ck_assert_int_eq(ca_store_audit_list(asked.w.ca.store, 1, 1000, find,
			     &r),
	    BASE_OK);
	return r.found;
}

START_TEST(each_word_is_audited)
{
	ck_assert(!audited("excuse", "app1 of root plant: dead disk"));
	excuse("app1", "\"reason\":\"dead disk\"");
	ck_assert(audited("excuse", "app1 of root plant: dead disk"));
	asked_ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	ck_assert(audited("return", "app1 of root plant"));
	asked_ok("{\"cmd\":\"roll-hold\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"busy\"}");
	ck_assert(audited("hold", "app1 of root plant: busy"));
	asked_ok("{\"cmd\":\"roll-abort\",\"root\":\"plant\","
		 "\"reason\":\"no\"}");
	ck_assert(audited("roll",
	    "1 of root plant: abort, back to generation 1: no"));
}
END_TEST

/* A node that returned and is silent must not put the roll off unsaid. */
static const char *
blocked_after(int days)
{
	asked.w.now.ms += days * INT64_C(86400000);
	asked.w.mono.ms += days * INT64_C(86400000);
	(void)ca_schedule_work(&asked.w.ca);
	return ca_schedule_blocked(&asked.w.ca, "plant");
}

START_TEST(one_that_catches_up_is_in_the_way)
{
	const char *why;

	world_node(&asked.w, "app1")->deaf = true;
	world_node(&asked.w, "app1")->excused = true;
	asked_ok("{\"cmd\":\"roll-excuse\",\"root\":\"plant\","
		 "\"node\":\"app1\",\"reason\":\"dead\"}");
	ck_assert(world_run(&asked.w, 100, world_rolled));
	asked_ok("{\"cmd\":\"roll-return\",\"root\":\"plant\","
		 "\"node\":\"app1\"}");
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":3640}");
	ck_assert_ptr_null(blocked_after(8));
	why = blocked_after(3);
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_nonnull(
	    strstr(why, "nodes that catch up with generation 2"));
}
END_TEST

TCase *
case_control_steer(void)
{
	TCase *t = tcase_create("control_steer");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_test(t, each_word_is_audited);
	tcase_add_test(t, one_that_catches_up_is_in_the_way);
	return t;
}
