/* kedge plan --compromised: who would be cut at the deadline, and just whose
 * directions. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "ca/cli.h"
#include "tests/unit/ca/plan_rig.h"
#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"poll\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; },\n"
    "  { name = \"app2\"; reach = \"poll\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; auth = \"server\";\n"
    "    root = \"plant\"; } );\n";

static char path[64];

static void
setup(void)
{
	snprintf(path, sizeof(path), "/tmp/kedge-cuts.%d.conf", (int)getpid());
	ck_assert_int_eq(base_file_write(path,
			     (struct base_span){ (const uint8_t *)fleet,
				 sizeof(fleet) - 1 },
			     0600),
	    BASE_OK);
}

static void
teardown(void)
{
	unlink(path);
}

#define CUTS(...)                                                    \
	PLAN("--topology", path, "--root", "plant", "--compromised", \
	    "--start", "2026-01-01T00:00:00Z", __VA_ARGS__)

static bool
says(const char *text)
{
	return strstr(plan_out, text) != NULL;
}

/* One that never comes: its directions, what it did not answer, the command that
 * lists it; the others go on without it. */
START_TEST(who_never_answers)
{
	ck_assert_int_eq(CUTS("--deadline", "12h", "--away", "app1"), CLI_DONE);
	ck_assert(says("deadline 2026-01-01T12:00:00Z: 1 node would"));
	ck_assert(says("app1: trust is never answered\n  web1 refuses app1\n"
		       "  app1 refuses web1\n"));
	ck_assert(!says("app2"));
	ck_assert(says("the orders of the rest take"));
	ck_assert(says("kedge roll start --compromised --deadline "
		       "2026-01-01T12:00:00Z --cut app1 plant"));
	ck_assert_int_eq(CUTS("--deadline", "12h", "--away", "app1",
			     "--exit-code"),
	    CLI_CHANGES);
	/* without a deadline the same: never is later than any */
	ck_assert_int_eq(CUTS("--away", "app1"), CLI_DONE);
	ck_assert(says("no deadline: 1 node would"));
	/* one direction where only the server shows a certificate */
	ck_assert_int_eq(CUTS("--away", "app2"), CLI_DONE);
	ck_assert(says("app2 refuses web1") && !says("web1 refuses app2"));
}
END_TEST

/* One finish at a time, as kedged gives them: trust, cert, and three of these. */
START_TEST(a_finish_at_a_time)
{
	ck_assert_int_eq(CUTS("--deadline", "12h", "--work", "30"), CLI_DONE);
	ck_assert(says("the orders of the rest take 2 min 30 s"));
}
END_TEST

/* One that comes too late, and in time; one whose orders all fail. */
START_TEST(who_is_late)
{
	ck_assert_int_eq(CUTS("--deadline", "1h", "--away", "app1=7200"),
	    CLI_DONE);
	ck_assert(says("app1: trust is answered at 2026-01-01T02:00:0"));
	ck_assert_int_eq(CUTS("--deadline", "3h", "--away", "app1=7200",
			     "--exit-code"),
	    CLI_DONE);
	ck_assert(says("nothing would be cut") && !says("--cut"));
	ck_assert_int_eq(CUTS("--away", "app1=7200"), CLI_DONE);
	ck_assert(says("nothing would be cut"));
	ck_assert_int_eq(CUTS("--deadline", "3h", "--fail", "app2=99"),
	    CLI_DONE);
	ck_assert(says("app2: trust is never answered"));
	ck_assert_int_eq(CUTS("--deadline", "3h", "--fail", "app2=2"),
	    CLI_DONE);
	ck_assert(says("nothing would be cut"));
}
END_TEST

START_TEST(as_json)
{
	json_t *doc, *node;

	ck_assert_int_eq(CUTS("--deadline", "12h", "--away", "app1", "--json"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(doc = json_loads(plan_out, 0, NULL));
	node = json_array_get(json_object_get(doc, "nodes"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(node, "node")),
	    "app1");
	ck_assert(json_is_null(json_object_get(node, "ends")));
	ck_assert_uint_eq(json_array_size(json_object_get(node, "cuts")), 2);
	ck_assert(json_is_true(json_object_get(doc, "done")));
	ck_assert_str_eq(json_string_value(json_object_get(doc, "deadline")),
	    "2026-01-01T12:00:00Z");
	json_decref(doc);
}
END_TEST

/* Under management each node's two directions with the CA, which itself is
 * never cut. */
START_TEST(of_the_management_root)
{
	ck_assert_int_eq(PLAN("--topology", path, "--root", "management",
			     "--compromised", "--start", "2026-01-01T00:00:00Z",
			     "--away", "app2", "--away", "ca"),
	    CLI_WAITING);
	ck_assert(says("ca refuses app2") && says("app2 refuses ca"));
	ck_assert(!says("ca: ") && !says("--cut app2,ca"));
	ck_assert(says("the rest does not come to its end"));
}
END_TEST

START_TEST(what_is_refused)
{
	ck_assert_int_eq(CUTS("--deadline", "2020-01-01T00:00:00Z"), CLI_USAGE);
	ck_assert_int_eq(CUTS("--deadline", "soon"), CLI_FAILED);
	ck_assert_int_eq(CUTS("--compare"), CLI_USAGE);
	ck_assert_int_eq(CUTS("--strategy", "none"), CLI_USAGE);
}
END_TEST

/* Of the fleet that kedged keeps: c was heard of long ago, s just now, n never
 * came. */
#define FLEET(since)                                                           \
	"{\"ok\":true,\"listening_since\":\"" since                            \
	"\",\"roots\":[{\"name\":\"a\"}],\"nodes\":["                          \
	"{\"name\":\"c\",\"reach\":\"direct\",\"via\":[],\"dual\":false,"      \
	"\"address\":\"\",\"names\":[],\"joined\":true,"                       \
	"\"seen\":\"2020-01-01T00:00:00Z\"},{\"name\":\"s\","                  \
	"\"reach\":\"direct\",\"via\":[],\"dual\":false,"                      \
	"\"address\":\"\",\"names\":[],\"joined\":true,"                       \
	"\"seen\":\"2999-01-01T00:00:00Z\"},{\"name\":\"n\","                  \
	"\"reach\":\"direct\",\"via\":[],\"dual\":false,"                      \
	"\"address\":\"\",\"names\":[],\"joined\":false,"                      \
	"\"seen\":null}],"                                                     \
	"\"links\":[" LINK("c") "," LINK(                                      \
	    "n") "],"                                                          \
		 "\"current\":1,\"generations\":["                             \
		 "{\"generation\":1,\"not_after\":\"2999-11-22T12:01:15Z\"}]," \
		 "\"orders\":[],\"unsafe\":[],\"excused\":[]}"
#define LINK(client)                                                       \
	"{\"client\":\"" client "\",\"server\":\"s\",\"auth\":\"mutual\"," \
	"\"client_root\":\"a\",\"server_root\":\"a\"}"
#define SILENT(answer, ...)                                               \
	RUN(answer, "plan", "--root", "a", "--compromised", "--deadline", \
	    "1h", __VA_ARGS__)

/* Who was not heard of for long is not there, unless the operator says when it
 * comes. */
START_TEST(who_is_silent)
{
	static const char answer[] = FLEET("2020-01-01T00:00:00Z");

	ck_assert_int_eq(SILENT(answer, "--exit-code"), CLI_CHANGES);
	ck_assert_ptr_nonnull(strstr(output, "c: trust is never answered"));
	ck_assert_ptr_nonnull(strstr(output, "--cut c,n a"));
	ck_assert_ptr_null(strstr(output, "s: "));
	ck_assert_ptr_null(strstr(output, "not known yet"));
	ck_assert_int_eq(SILENT(answer, "--away", "c=60", "--away", "n=60"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "nothing would be cut"));
}
END_TEST

/* A kedged that has just started cannot have heard of it. */
START_TEST(who_is_not_known_yet)
{
	static const char answer[] = FLEET("2998-12-31T23:59:59Z");
	json_t *doc, *names;

	ck_assert_int_eq(SILENT(answer, "--exit-code"), CLI_CHANGES);
	ck_assert_ptr_null(strstr(output, "c: trust"));
	ck_assert_ptr_nonnull(strstr(output, "--cut n a"));
	ck_assert_ptr_nonnull(strstr(output,
	    "not known yet (listening since 2998-12-31T23:59:59Z)"));
	ck_assert_ptr_nonnull(strstr(output,
	    "ask again at 2999-01-01T00:10:00Z, or say --away NODE: c\n"));
	/* the operator's word counts */
	ck_assert_int_eq(SILENT(answer, "--away", "c"), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "--cut c,n a"));
	ck_assert_ptr_null(strstr(output, "not known yet"));
	ck_assert_int_eq(SILENT(answer, "--json"), CLI_DONE);
	ck_assert_ptr_nonnull(doc = json_loads(output, 0, NULL));
	names = json_object_get(doc, "not_known_yet");
	ck_assert_uint_eq(json_array_size(names), 1);
	ck_assert_str_eq(json_string_value(json_array_get(names, 0)), "c");
	ck_assert_str_eq(json_string_value(
			     json_object_get(doc, "listening_since")),
	    "2998-12-31T23:59:59Z");
	json_decref(doc);
}
END_TEST

TCase *
case_cmd_plan_cuts(void)
{
	TCase *t = tcase_create("cmd_plan_cuts");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_checked_fixture(t, remote_setup, remote_teardown);
	tcase_add_test(t, who_never_answers);
	tcase_add_test(t, a_finish_at_a_time);
	tcase_add_test(t, who_is_late);
	tcase_add_test(t, as_json);
	tcase_add_test(t, of_the_management_root);
	tcase_add_test(t, what_is_refused);
	tcase_add_test(t, who_is_silent);
	tcase_add_test(t, who_is_not_known_yet);
	return t;
}
