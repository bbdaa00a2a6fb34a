/* Unit tests of agentd/work.c and job.c: a death at every write. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/agentd/crash.h"
#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/suites.h"

static int
die_at(int n)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		node_up("");
		crash_writes = 0;
		crash_before = n;
		crash_torn = true;
		give(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2);
		_exit(last.status == WIRE_EFFECTIVE ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
start_over(void)
{
	node_remove();
	node_new();
}

/* After a death anywhere the node, started again, either goes on by itself or
 * has never heard of the order; then the order, sent again, is done. */
START_TEST(death)
{
	int n = 0, r, resumed = 0;

	for (; (r = die_at(n)) == CRASH_EXIT; n++) {
		node_up("");
		ag_work_resume(work);
		resumed += !ag_work_is_idle(work);
		run_until_idle();
		ck_assert_msg(last.status == 0 || last.status == WIRE_EFFECTIVE,
		    "death at %d: %s", n, last.reason);
		ck_assert_msg(give(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2) ==
			    WIRE_EFFECTIVE ||
			strstr(last.reason, "other content") != NULL,
		    "death at %d: %s", n, last.reason);
		ck_assert_int_eq(count(trust_file), 2);
		ck_assert_int_eq(count(chain_file), 2);
		node_down();
		start_over();
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_ge(n, 10);
	ck_assert_int_ge(resumed, 3);
}
END_TEST

TCase *
case_death(void)
{
	TCase *t = tcase_create("death");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, node_new, node_remove);
	tcase_add_test(t, death);
	return t;
}
