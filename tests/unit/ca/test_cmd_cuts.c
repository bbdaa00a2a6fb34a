/* kedge roll approve: the very list of the file goes to kedge-hsmd, here a
 * stand-in, and all of it is shown; what is no list goes nowhere. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ca/cli.h"
#include "tests/unit/ca/remote_rig.h"
#include "tests/unit/ca/suites.h"
#include "wire/hsm.h"

static char dir[64], socket_path[96], list_path[96], seen_path[96];

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/kedge-cuts.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/s", dir);
	snprintf(list_path, sizeof(list_path), "%s/list", dir);
	snprintf(seen_path, sizeof(seen_path), "%s/seen", dir);
}

static void
teardown(void)
{
	unlink(socket_path);
	unlink(list_path);
	unlink(seen_path);
	rmdir(dir);
}

static void
must(enum base_err e)
{
	if (e != BASE_OK)
		base_die("stand-in: %s", base_why());
}

static const char *word = "--yes"; /* what is said of the list */
static bool json; /* --json is said, too */

static void
item_put(struct wire_hsm_item *item, const struct wire_hsm_cuts *cuts)
{
	item->err = BASE_OK;
	base_buf_init(&item->data, 0);
	must(wire_hsm_cuts_compose(cuts, &item->data));
}

/* Keeps the request's item, and says that so many of two have approved it, and
 * what was withdrawn with it; of nobody it says nothing. */

static void
answer_one(int fd, uint32_t have)
{
	const struct wire_hsm_cuts none = { .need = 2 };
	const struct wire_hsm_cuts with[] = { { .need = 2 },
		{ .start = { INT64_C(1893459600000) }, .have = 1, .need = 2 } };
	uint8_t bytes[8192];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
	struct wire_hsm_request r;
	struct wire_hsm_item item[4];
	struct wire_hsm_answer a = { .type = WIRE_HSM_APPROVE,
		.nitems = have == 0		      ? 1
		    : strcmp(word, "--withdraw") == 0 ? 4
						      : 2,
		.items = item };
	struct wire_hsm_cuts cuts;
	struct base_buf msg, frame;
	struct base_span in;
	size_t used;

	must(wire_hsm_frame_get((struct base_span){ bytes,
				    n < 0 ? 0 : (size_t)n },
	    &in, &used));
	must(wire_hsm_request_parse(in, &r));
	must(base_file_write(seen_path, base_buf_span(&r.items[0]), 0600));
	must(wire_hsm_cuts_parse(base_buf_span(&r.items[0]), &cuts));
	if (r.type != WIRE_HSM_APPROVE || r.key.generation != 2 ||
	    r.withdraw != (strcmp(word, "--withdraw") == 0) ||
	    strcmp(r.key.root, "plant") != 0 || strcmp(r.fleet, "demo") != 0)
		_exit(1);
	cuts.have = have;
	cuts.need = 2;
	item_put(&item[0], &none);
	item_put(&item[1], &with[0]);
	item_put(&item[2], &cuts);
	item_put(&item[3], &with[1]);
	if (a.nitems == 2)
		item_put(&item[1], &cuts);
	base_buf_init(&msg, 0);
	base_buf_init(&frame, 0);
	a.id = r.id;
	must(wire_hsm_answer_compose(&a, &msg));
	must(wire_hsm_frame_put(&frame, base_buf_span(&msg)));
	if (send(fd, frame.p, frame.n, 0) != (ssize_t)frame.n)
		_exit(1);
	_exit(0);
}

static void
list_write(const char *text)
{
	must(base_file_write(list_path,
	    (struct base_span){ (const uint8_t *)text, strlen(text) }, 0600));
}

static int
approve(bool yes)
{
	FILE *out = fmemopen(output, sizeof(output), "w");
	FILE *err = fmemopen(errors, sizeof(errors), "w");
	char words[][12] = { "kedge", "roll", "approve", "--hsmd", "",
		"--json" };
	char *argv[9] = { words[0], words[1], words[2], words[3], socket_path,
		list_path };
	int argc = 6, code;

	snprintf(words[4], sizeof(words[4]), "%s", word);
	if (yes)
		argv[argc++] = words[4];
	if (json)
		argv[argc++] = words[5];
	code = cli_main(argc, argv, out, err);

	fclose(out);
	fclose(err);
	return code;
}

static int
approve_at(uint32_t have)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), code, status = 1;
	pid_t pid;

	memcpy(sun.sun_path, socket_path, strlen(socket_path) + 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	if ((pid = fork()) == 0)
		answer_one(accept(fd, NULL, NULL), have);
	close(fd);
	code = approve(true);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	return code;
}

#define LIST                                                           \
	"{\"ok\":true,\"fleet\":\"demo\",\"root\":\"plant\",\"to\":2," \
	"\"start\":\"2030-01-01T00:00:00Z\",\"cuts\":[{\"presenter\":" \
	"\"web1\",\"verifier\":\"app4\"},{\"presenter\":\"app4\","     \
	"\"verifier\":\"web1\"}]}"

#define NOTHING                                                        \
	"{\"ok\":true,\"fleet\":\"demo\",\"root\":\"plant\",\"to\":2," \
	"\"cuts\":[],\"start\":null}"
START_TEST(approved)
{
	struct wire_hsm_cuts c;
	struct base_buf b;

	list_write(LIST);
	ck_assert_int_eq(approve_at((uint32_t)_i),
	    _i == 2 ? CLI_DONE : CLI_WAITING);
	ck_assert_ptr_nonnull(strstr(output, "2030-01-01T00:00:00Z"));
	ck_assert_ptr_nonnull(strstr(output, "web1 refuses app4"));
	ck_assert_ptr_nonnull(strstr(output, "app4 refuses web1"));
	ck_assert_ptr_nonnull(strstr(output,
	    _i == 2 ? "approved by 2 of 2" : "approved by 1 of 2"));
	base_buf_init(&b, 0);
	must(base_file_read(seen_path, 4096, &b));
	must(wire_hsm_cuts_parse(base_buf_span(&b), &c));
	ck_assert_uint_eq(c.n, 2);
	ck_assert_str_eq(c.cut[0].presenter, "app4");
	ck_assert_int_eq(c.start.ms, INT64_C(1893456000000));
	wire_hsm_cuts_clear(&c);
	base_buf_free(&b);
}
END_TEST

static const char *const bad[] = { "", "[]", "{}",
	"{\"fleet\":\"demo\",\"root\":\"plant\",\"to\":2}",
	"{\"fleet\":\"demo\",\"root\":\"plant\",\"to\":2,\"cuts\":{}}",
	"{\"fleet\":\"demo\",\"root\":\"plant\",\"to\":2,\"start\":1,"
	"\"cuts\":[]}",
	"{\"fleet\":\"demo\",\"root\":\"plant\",\"to\":0,\"cuts\":[]}",
	"{\"fleet\":\"demo\",\"root\":\"plant\",\"to\":2,\"start\":\"soon\","
	"\"cuts\":[]}",
	"{\"fleet\":\"demo\",\"root\":\"plant\",\"to\":2,\"cuts\":[{"
	"\"presenter\":\"a\"}]}" };

START_TEST(no_list)
{
	list_write(bad[_i]);
	ck_assert_int_eq(approve(true), CLI_CONFIG);
	ck_assert_ptr_nonnull(strstr(errors, "roll cuts"));
}
END_TEST

/* Without --yes nobody is asked, so it does not matter that nobody is there. */
START_TEST(only_shown)
{
	list_write(LIST);
	ck_assert_int_eq(approve(false), CLI_WAITING);
	ck_assert_ptr_nonnull(strstr(output, "web1 refuses app4"));
	ck_assert_ptr_nonnull(strstr(output, "approve --yes"));
}
END_TEST

START_TEST(answer_about_another_list)
{
	list_write(_i == 0 ? LIST : NOTHING);
	ck_assert_int_eq(approve_at(0), CLI_FAILED);
	ck_assert_ptr_null(strstr(output, "approved by"));
}
END_TEST

START_TEST(way_back)
{
	list_write(NOTHING);
	ck_assert_int_eq(approve_at(2), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "come back"));
	ck_assert_ptr_nonnull(strstr(output, "approved by 2 of 2"));
}
END_TEST

/* Done, however many are left. */
START_TEST(withdrawn)
{
	word = "--withdraw";
	list_write(LIST);
	ck_assert_int_eq(approve_at((uint32_t)_i), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "web1 refuses app4"));
	ck_assert_ptr_nonnull(strstr(output,
	    _i == 1 ? "withdrawn; what was signed stays signed; approved by 1 "
		      "of 2"
		    : "approved by 2 of 2"));
	/* and what went with it, before that and after it */
	ck_assert_ptr_nonnull(strstr(output,
	    "your yes to the list from now on; approved by 0 of 2"));
	ck_assert_ptr_nonnull(strstr(output,
	    "your yes to the list from 2030-01-01T01:00:00Z; approved by 1 of "
	    "2"));
	word = "--yes";
	list_write(LIST);
	unlink(socket_path);
	ck_assert_int_eq(approve_at(2), CLI_DONE);
	ck_assert_ptr_null(strstr(output, "withdrawn"));
}
END_TEST

static const char *const documents[] = {
	"{\"have\":null,\"need\":null,\"with\":[]}",
	"{\"have\":1,\"need\":2,\"with\":[]}",
	"{\"have\":1,\"need\":2,\"with\":[{\"start\":null,\"have\":0,"
	"\"need\":2},{\"start\":\"2030-01-01T01:00:00Z\",\"have\":1,"
	"\"need\":2}]}",
};

/* Shown, approved and withdrawn: one document, with the list. */
START_TEST(in_json)
{
	json_t *d, *list;

	json = true;
	word = _i == 2 ? "--withdraw" : "--yes";
	list_write(LIST);
	ck_assert_int_eq(_i == 0 ? approve(false) : approve_at(1),
	    _i == 2 ? CLI_DONE : CLI_WAITING);
	d = json_loads(output, 0, NULL);
	list = json_loads(LIST, 0, NULL); /* what the file says is all there */
	json_object_update_new(list, json_loads(documents[_i], 0, NULL));
	ck_assert(json_equal(d, list));
	json_decref(d);
	json_decref(list);
}
END_TEST

START_TEST(yes_and_no)
{
	remote_setup();
	ck_assert_int_eq(RUN(NOTHING, "roll", "approve", "--yes", "--withdraw",
			     "/nowhere"),
	    CLI_USAGE);
	remote_teardown();
}
END_TEST

START_TEST(nobody_there)
{
	list_write(LIST);
	ck_assert_int_eq(approve(true), CLI_FAILED);
	ck_assert_ptr_null(strstr(output, "approved"));
}
END_TEST

/* Nobody is excused: that is no way back, unless it was asked for. */
START_TEST(cuts_of_nobody)
{
	remote_setup();
	ck_assert_int_eq(RUN(NOTHING, "roll", "cuts", "plant"), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "nothing is cut"));
	ck_assert_ptr_null(strstr(output, "come back"));
	ck_assert_int_eq(RUN(NOTHING, "roll", "cuts", "--back", "plant"),
	    CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "come back"));
	remote_teardown();
}
END_TEST

TCase *
case_cmd_cuts(void)
{
	TCase *t = tcase_create("cmd_cuts");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, approved, 1, 3);
	tcase_add_loop_test(t, no_list, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(t, only_shown);
	tcase_add_loop_test(t, answer_about_another_list, 0, 2);
	tcase_add_test(t, way_back);
	tcase_add_loop_test(t, withdrawn, 1, 3);
	tcase_add_loop_test(t, in_json, 0, 3);
	tcase_add_test(t, yes_and_no);
	tcase_add_test(t, nobody_there);
	tcase_add_test(t, cuts_of_nobody);
	return t;
}
