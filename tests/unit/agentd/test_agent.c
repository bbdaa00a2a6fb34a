/* The agent as a whole: one per store, joined or not, requests as files. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agentd/main.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir, *file, *path;

static void
configure(const char *sub)
{
	char *text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"%s/%s\";"
	    "applications = ( { name = \"a\"; proof = \"reload\";"
	    " server = { root = \"plant\"; pem = \"%s/a.pem\"; };"
	    " reload = [ \"true\" ]; } );"
	    "ca = { address = \"127.0.0.1:1\"; poll = true; };",
	    dir, sub, dir);

	OK(base_file_write(file,
	    (struct base_span){ (const uint8_t *)text, strlen(text) }, 0600));
	free(text);
}

static void
setup(void)
{
	dir = rig_dir();
	file = base_asprintf("%s/agentd.conf", dir);
	path = base_asprintf("%s/out", dir);
	configure("s");
}

static void
teardown(void)
{
	free(file);
	free(path);
	rig_dir_remove(dir);
}

START_TEST(one_per_store)
{
	struct ag_agent *a = NULL, *b = NULL;

	OK(ag_agent_open(file, &a));
	NO(ag_agent_open(file, &b), BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "another agent"));
	ck_assert_ptr_null(b);
	ag_agent_close(a);
	OK(ag_agent_open(file, &b));
	ag_agent_close(b);
	ag_agent_close(NULL);
}
END_TEST

START_TEST(no_configuration)
{
	struct ag_agent *a = NULL;

	OK(base_file_write(file, (struct base_span){ (uint8_t[]){ '{' }, 1 },
	    0600));
	NO(ag_agent_open(file, &a), BASE_E_CONFIG);
	ck_assert_ptr_null(a);
}
END_TEST

START_TEST(joined)
{
	struct ag_agent *a = NULL;

	OK(ag_agent_open(file, &a));
	ck_assert(!ag_agent_is_joined(a));
	ag_agent_close(a);
	configure("j/s");
	{
		char *sub = base_asprintf("%s/j", dir);

		OK(base_dir_make(sub, 0700));
		rig_joined(sub);
		free(sub);
	}
	OK(ag_agent_open(file, &a));
	ck_assert(ag_agent_is_joined(a));
	ag_agent_close(a);
}
END_TEST

/* A request holds a secret: the file is private. An answer that is none
 * leaves the node as it is. */
START_TEST(by_files)
{
	struct wire_token t = { .fleet = "acme",
		.node = "web1",
		.end = base_time_add_s(base_time_now(), 3600) };
	struct wire_join_request r;
	struct ag_agent *a = NULL;
	struct base_buf b;
	struct stat st;

	memset(t.secret, 7, sizeof t.secret);
	OK(ag_agent_open(file, &a));
	OK(ag_agent_join_request(a, &t, path));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	base_buf_init(&b, 0);
	OK(base_file_read(path, 1 << 20, &b));
	OK(wire_join_request_parse(base_buf_span(&b), &r));
	ck_assert_str_eq(r.node, "web1");
	ck_assert_mem_eq(r.secret, t.secret, sizeof t.secret);
	ck_assert_uint_eq(r.nroots, 1);
	wire_join_request_clear(&r);
	base_buf_free(&b);
	/* the request is no answer, nor is a file that is not there */
	ck_assert_int_ne(ag_agent_join_answer(a, &t, path), BASE_OK);
	ck_assert(!ag_agent_is_joined(a));
	NO(ag_agent_join_answer(a, &t, "/nosuch/answer"), BASE_E_NOTFOUND);
	ag_agent_close(a);
}
END_TEST

TCase *
case_agent(void)
{
	TCase *t = tcase_create("agent");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, one_per_store);
	tcase_add_test(t, no_configuration);
	tcase_add_test(t, joined);
	tcase_add_test(t, by_files);
	return t;
}
