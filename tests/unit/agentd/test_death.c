/* Unit tests of agentd/work.c and job.c: a death at every write, and a
 * disk that is full from every write on. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agentd/work_impl.h"
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

/* The node as it would start now: nothing that was stored is damaged, and it
 * holds the old version or the new one. */
static uint64_t
on_disk(void)
{
	struct ag_holdings h;
	const struct ag_root *r;
	uint64_t epoch;

	OK(ag_holdings_open(store, conf, &h));
	r = ag_holdings_find(&h, "plant");
	ck_assert(!r->regressed);
	ck_assert_ptr_nonnull(r->bundle);
	epoch = r->bundle->epoch;
	ck_assert(epoch == 1 || epoch == 2);
	ck_assert_uint_eq(ag_bundle_generations(r->bundle), epoch == 1 ? 1 : 3);
	ck_assert_uint_eq(r->bundle->cert_gen, epoch == 1 ? 1 : 2);
	ag_holdings_close(&h);
	return epoch;
}

/* The order, while there is no room for some writes from the n-th on; false:
 * it never came so far. */
static bool
give_full(const struct wire_parcel *p, int n, uint32_t mask)
{
	crash_writes = 0;
	crash_full_from = n;
	crash_full_mask = mask;
	if (ag_work_order(work, p, false) != BASE_OK)
		ck_assert_int_eq(last.status, WIRE_HELD);
	while (!ag_work_is_idle(work) && last.status != WIRE_HELD)
		event_base_loop(eb, EVLOOP_ONCE);
	crash_full_from = -1;
	return crash_writes > n;
}

/* No room from any write on: the order is held, never failed, and the node
 * says why; when there is room it is done, also after a restart. */
START_TEST(full_from)
{
	bool was_full = true;
	int n = 0;

	for (; was_full; n++) {
		struct wire_parcel p =
		    order_parcel(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2);

		node_up("");
		ag_work_resume(work);
		run_until_idle();
		was_full = give_full(&p, n, CRASH_FULL);
		ck_assert_int_eq(last.status,
		    was_full ? WIRE_HELD : WIRE_EFFECTIVE);
		if (was_full)
			ck_assert_msg(strstr(last.reason, "No space") != NULL,
			    "%d: %s", n, last.reason);
		(void)on_disk();
		/* full again, when it is taken up again */
		if (was_full && give_full(&p, 0, 1))
			ck_assert_int_eq(last.status, WIRE_HELD);
		if (n % 2 == 1) {
			node_down();
			node_up("");
			ag_work_resume(work);
			run_until_idle();
		}
		OK(ag_work_order(work, &p, false));
		run_until_idle();
		ck_assert_msg(last.status == WIRE_EFFECTIVE, "%d: %s", n,
		    last.reason);
		ck_assert_uint_eq(on_disk(), 2);
		ck_assert_int_eq(count(trust_file), 2);
		ck_assert_int_eq(count(chain_file), 2);
		node_down();
		wire_parcel_clear(&p);
		start_over();
	}
	ck_assert_int_ge(n, 10);
}
END_TEST

/* No room for some writes only: the order is held, and done when it comes
 * again. */
static const uint32_t some[] = { 1, 13 };

START_TEST(full_for_some)
{
	bool was_full = true;
	int n = 0;

	for (; was_full; n++) {
		struct wire_parcel p =
		    order_parcel(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2);

		node_up("");
		ag_work_resume(work);
		run_until_idle();
		was_full = give_full(&p, n, some[_i]);
		ck_assert_int_ne(last.status, WIRE_FAILED);
		OK(ag_work_order(work, &p, false));
		run_until_idle();
		ck_assert_msg(last.status == WIRE_EFFECTIVE, "%d: %s", n,
		    last.reason);
		node_down();
		node_up("");
		ck_assert(!ag_holdings_find(&held, "plant")->regressed);
		ck_assert_uint_eq(ag_holdings_find(&held, "plant")
				      ->bundle->epoch,
		    2);
		node_down();
		wire_parcel_clear(&p);
		start_over();
	}
	ck_assert_int_ge(n, 10);
}
END_TEST

/* The application refuses, and there is no room for what the way back writes,
 * all of it or some (13: it is made current in one copy only): nothing is
 * damaged, and with room the next order is done. */
static const uint32_t on_way_back[] = { 1, 13, CRASH_FULL };

START_TEST(full_on_the_way_back)
{
	bool was_full = true;
	int n = 0, failed = 0;

	for (; was_full; n++) {
		struct wire_parcel p =
		    order_parcel(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2);
		char *yes = base_asprintf("%s/yes", dir);
		char *more =
		    base_asprintf("check = [ \"test\", \"-e\", \"%s\" ];", yes);

		node_up(more);
		was_full = give_full(&p, n, on_way_back[_i]);
		failed += was_full && last.status == WIRE_FAILED;
		wire_parcel_clear(&p);
		run_until_idle();
		OK(base_file_put(yes, (struct base_span){ NULL, 0 }, 0600));
		ck_assert_int_eq(give(WIRE_STEP_TRUST | WIRE_STEP_CERT, 3),
		    WIRE_EFFECTIVE);
		ck_assert_int_eq(count(trust_file), 2);
		node_down();
		node_up(more);
		ck_assert(!ag_holdings_find(&held, "plant")->regressed);
		node_down();
		free(yes);
		free(more);
		start_over();
	}
	ck_assert_int_ge(n, 10);
	/* with no room at all the result cannot be stored either */
	ck_assert_int_eq(failed > 0, _i < 2);
}
END_TEST

static void
fill_from(int n)
{
	crash_writes = 0;
	crash_full_from = n;
	crash_full_mask = CRASH_FULL;
}

static void
wait_for_a_try(void)
{
	for (int n = crash_writes; crash_writes == n;)
		event_base_loop(eb, EVLOOP_ONCE);
}

/* The store has room, the application's files have none: its words are said
 * once and again when the CA asks, nothing is told to the application, and the
 * order goes on by itself. */
START_TEST(no_room_for_the_files)
{
	struct wire_parcel p =
	    order_parcel(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2);
	char *mark = base_asprintf("%s/mark", dir);
	int fd;
	char *fifo = base_asprintf("%s/fifo", dir);
	char *more =
	    base_asprintf("reload = [ \"sh\", \"-c\", \"touch %s; cat %s\" ];",
		mark, fifo);

	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	node_up(more);
	/* the first write to a file of the application */
	OK(ag_work_order(work, &p, false));
	ck_assert_int_eq(last.status, WIRE_RECEIVED);
	fill_from(0);
	while (last.status == WIRE_RECEIVED)
		event_base_loop(eb, EVLOOP_ONCE);
	ck_assert_int_eq(last.status, WIRE_HELD);
	ck_assert_ptr_nonnull(strstr(last.reason, "trust.pem: No space"));
	ck_assert_int_eq(access(mark, F_OK), -1);
	ck_assert_uint_eq(nsent, 2);
	OK(ag_work_order(work, &p, false));
	ck_assert_uint_eq(nsent, 3);
	ck_assert_int_eq(last.status, WIRE_HELD);
	/* tried again, and not said again */
	wait_for_a_try();
	ck_assert_uint_eq(nsent, 3);
	crash_full_from = -1;
	while (access(mark, F_OK) != 0)
		event_base_loop(eb, EVLOOP_NONBLOCK);
	/* it is under way, and no longer held */
	OK(ag_work_order(work, &p, false));
	ck_assert_uint_eq(nsent, 4);
	ck_assert_int_eq(last.status, WIRE_RECEIVED);
	fd = open(fifo, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_uint_eq(nsent, 5);
	node_down();
	wire_parcel_clear(&p);
	free(mark);
	free(fifo);
	free(more);
}
END_TEST

static int
bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int)st.st_size : 0;
}

/* There is room for the three files of one application and none for the other
 * one's: neither is told anything, however often it is tried, at longer and
 * longer pauses; then each is told once. */
START_TEST(no_room_for_another)
{
	struct wire_parcel p =
	    order_parcel(WIRE_STEP_TRUST | WIRE_STEP_CERT, 2);
	char *told = base_asprintf("%s/told", dir);
	char *more =
	    base_asprintf("reload = [ \"sh\", \"-c\", \"printf a >>%s\" ]; }, {"
			  " name = \"b\"; proof = \"reload\"; settle = 0;"
			  " server = { root = \"plant\"; pem = \"%s/b.pem\"; };"
			  " reload = [ \"sh\", \"-c\", \"printf b >>%s\" ];",
		told, dir, told);
	struct base_mono then;

	node_up(more);
	OK(ag_work_order(work, &p, false));
	for (int i = 0; i < 3; i++) {
		then = base_mono_now();
		fill_from(3);
		if (i == 0)
			while (last.status == WIRE_RECEIVED)
				event_base_loop(eb, EVLOOP_ONCE);
		else
			wait_for_a_try();
		ck_assert_int_eq(last.status, WIRE_HELD);
		ck_assert_int_eq(bytes(told), 0);
		ck_assert_int_eq(access(trust_file, F_OK), -1);
	}
	ck_assert_int_ge(base_mono_now().ms - then.ms, 15);
	crash_full_from = -1;
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	ck_assert_int_eq(bytes(told), 2);
	node_down();
	wire_parcel_clear(&p);
	free(told);
	free(more);
}
END_TEST

/* The same at the start: files that are not what the store says are put right
 * when there is room. */
START_TEST(no_room_at_the_start)
{
	ck_assert_int_eq(access(trust_file, F_OK), -1);
	node_up("");
	crash_writes = 0;
	crash_full_from = 0;
	crash_full_mask = CRASH_FULL;
	ag_work_resume(work);
	ck_assert(!ag_work_is_idle(work));
	crash_full_from = -1;
	run_until_idle();
	ck_assert_int_eq(count(trust_file), 1);
	node_down();
}
END_TEST

/* The next try is due. */
static void
try_now(void)
{
	work->queue->not_before.ms = 0;
	event_active(work->wake, EV_TIMEOUT, 0);
	wait_for_a_try();
	while (work->live != NULL)
		event_base_loop(eb, EVLOOP_ONCE);
}

/* Of three applications one has a file that cannot be written, and another no
 * room: the third is told once, not at every try. Another time when its files
 * are others again. */
START_TEST(told_once_beside_two_faults)
{
	char *told = base_asprintf("%s/told", dir);
	char *more =
	    base_asprintf("}, { name = \"b\"; proof = \"reload\";"
			  " server = { root = \"plant\"; pem = \"%s/b.pem\"; };"
			  " reload = [ \"sh\", \"-c\", \"printf b >>%s\" ]; },"
			  " { name = \"c\"; proof = \"reload\";"
			  " server = { root = \"plant\"; pem = \"%s/c.pem\"; };"
			  " reload = [ \"sh\", \"-c\", \"printf c >>%s\" ];",
		dir, told, dir, told);
	char *pem = base_asprintf("%s/c.pem", dir);
	char *file = base_asprintf("%s/file", dir);

	free(trust_file);
	trust_file = base_asprintf("%s/trust.pem", file); /* no directory */
	OK(base_file_put(file, (struct base_span){ NULL, 0 }, 0600));
	node_up(more);
	ag_job_tidy_later(work, ag_holdings_find(&held, "plant"));
	for (int i = 0; i < 4; i++) {
		/* that of b, and of c's when it is written anew */
		crash_full_from = crash_writes;
		crash_full_mask = 1;
		if (i == 3)
			ck_assert_int_eq(unlink(pem), 0);
		try_now();
		ck_assert(!ag_work_is_idle(work));
		ck_assert_int_eq(bytes(told), i == 3 ? 2 : 1);
	}
	crash_full_from = -1;
	try_now();
	ck_assert(ag_work_is_idle(work));
	ck_assert_int_eq(bytes(told), 3);
	node_down();
	free(told);
	free(more);
	free(pem);
	free(file);
}
END_TEST

/* A first installation. */
static struct wire_parcel
join_parcel(uint64_t epoch)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 1,
		.route = { NODE } };
	struct wire_order o =
	    rig_order(WIRE_STEP_JOIN | WIRE_STEP_TRUST | WIRE_STEP_CERT);

	X509_free(o.new_with_old);
	o.new_with_old = NULL;
	o.epoch = epoch;
	o.from = 0;
	o.issued = RIG(9);
	o.canary[0].generation = 2;
	o.canary[0].cert = rig_canary(2);
	o.ncanary = 1;
	p.content = rig_sign(&o, false);
	wire_order_clear(&o);
	return p;
}

/* Who joins says so, too: its applications have no room yet. */
START_TEST(no_room_when_it_joins)
{
	struct wire_parcel p = join_parcel(2);

	node_up("");
	OK(ag_work_order(work, &p, true));
	ck_assert_int_eq(last.status, WIRE_RECEIVED);
	fill_from(0);
	wait_for_a_try();
	while (work->live != NULL)
		event_base_loop(eb, EVLOOP_ONCE);
	ck_assert_int_eq(last.status, WIRE_HELD);
	ck_assert_ptr_nonnull(strstr(last.reason, "No space"));
	crash_full_from = -1;
	try_now();
	run_until_idle();
	ck_assert_int_eq(last.status, WIRE_EFFECTIVE);
	node_down();
	wire_parcel_clear(&p);
}
END_TEST

TCase *
case_death(void)
{
	TCase *t = tcase_create("death");

	tcase_set_timeout(t, 240);
	tcase_add_checked_fixture(t, node_new, node_remove);
	tcase_add_test(t, death);
	tcase_add_test(t, full_from);
	tcase_add_loop_test(t, full_for_some, 0, 2);
	tcase_add_loop_test(t, full_on_the_way_back, 0, 3);
	tcase_add_test(t, no_room_for_the_files);
	tcase_add_test(t, no_room_for_another);
	tcase_add_test(t, no_room_at_the_start);
	tcase_add_test(t, told_once_beside_two_faults);
	tcase_add_test(t, no_room_when_it_joins);
	return t;
}
