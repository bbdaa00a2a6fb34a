/* kedge-hsmd as it is: real process, real socket, real token. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/hsm/daemon.h"
#include "tests/unit/hsm/suites.h"

START_TEST(keys_survive_kill)
{
	struct base_buf a, b, again;

	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_keygen(1, &a), BASE_OK);
	ck_assert_int_eq(daemon_keygen(2, &b), BASE_OK);
	ck_assert_int_eq(daemon_sign_root(&a, &b), BASE_OK);
	daemon_stop(SIGKILL);
	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_keygen(1, &again), BASE_OK);
	ck_assert_uint_eq(a.n, again.n);
	ck_assert_mem_eq(a.p, again.p, a.n);
	ck_assert_int_eq(daemon_sign_root(&a, &b), BASE_OK);
	ck_assert(daemon_info_says("key plant 1 root p256 soft certified"));
	ck_assert_int_eq(daemon_key_files(), 4);
	ck_assert_int_eq(WEXITSTATUS(daemon_stop(SIGTERM)), 0);
	base_buf_free(&a);
	base_buf_free(&b);
	base_buf_free(&again);
}
END_TEST

/* The module hangs where it was told to. */
static bool
hangs(void)
{
	struct stat st;

	ck_assert_int_eq(stat(hang_path, &st), 0);
	return st.st_size == 0;
}

/* Asks for a key without waiting, kills kedge-hsmd in the middle. */
static void
kill_in_keygen(const char *where)
{
	pid_t asker;

	daemon_write(hang_path, where);
	asker = fork();
	if (asker == 0) {
		(void)daemon_keygen(1, NULL);
		_exit(0);
	}
	while (!hangs())
		poll(NULL, 0, 2);
	daemon_stop(SIGKILL);
	kill(asker, SIGKILL);
	waitpid(asker, NULL, 0);
	ck_assert_int_eq(unlink(hang_path), 0);
}

START_TEST(kill_between_journal_and_key)
{
	const char *where = _i == 0 ? "generate-before" : "generate-after";

	ck_assert(daemon_start(SOFTHSM_PIN));
	kill_in_keygen(where);
	ck_assert_int_eq(daemon_key_files(), _i == 0 ? 0 : 2);
	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_key_files(), 0);
	ck_assert_msg(daemon_keygen(1, NULL) == BASE_OK, "%s",
	    daemon_answer.why);
	ck_assert_int_eq(daemon_key_files(), 2);
}
END_TEST

/* Generations of a root in turn in two tokens; one that is gone does not
 * hold up the other. */
START_TEST(two_tokens)
{
	struct softhsm *one = soft, *two = softhsm_make();
	struct base_buf a, b;
	char *text = base_asprintf(
	    "fleet = \"test\";\nsocket = \"%s\";\nstate = \"%s\";\n"
	    "tokens = ( { name = \"one\"; module = \"%s\"; "
	    "uri = \"pkcs11:token=kedge\"; "
	    "environment = [ \"SOFTHSM2_CONF=%s/softhsm2.conf\" ]; },\n"
	    "{ name = \"two\"; module = \"%s\"; "
	    "uri = \"pkcs11:token=kedge\"; "
	    "environment = [ \"SOFTHSM2_CONF=%s/softhsm2.conf\" ]; } );\n"
	    "roots = ( { name = \"plant\"; tokens = [ \"one\", \"two\" ]; "
	    "} );\nbackoff_ms = 0;\n",
	    sock_path, state_dir, SOFTHSM_MODULE, one->dir, SOFTHSM_MODULE,
	    two->dir);

	daemon_write(conf_path, text);
	free(text);
	ck_assert(daemon_start_two(SOFTHSM_PIN, SOFTHSM_PIN));
	ck_assert_int_eq(daemon_keygen(1, &a), BASE_OK);
	ck_assert_int_eq(daemon_keygen(2, &b), BASE_OK);
	ck_assert(daemon_info_says("key plant 1 root p256 one"));
	ck_assert(daemon_info_says("key plant 2 root p256 two"));
	ck_assert_int_eq(daemon_key_files(), 2);
	softhsm_remove(two);
	daemon_stop(SIGTERM);
	ck_assert(daemon_start_two(SOFTHSM_PIN, SOFTHSM_PIN));
	ck_assert(daemon_info_says("token two down"));
	ck_assert_int_eq(daemon_sign_root(&a, &b), BASE_OK);
	base_buf_free(&a);
	base_buf_free(&b);
}
END_TEST

START_TEST(module_that_hangs_or_dies)
{
	static const char *const how[] = { "sign", "sign-crash" };
	struct base_buf a, b;

	daemon_conf("sign_ms = 300;");
	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_keygen(1, &a), BASE_OK);
	ck_assert_int_eq(daemon_keygen(2, &b), BASE_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(daemon_sign_root(&a, &b), BASE_OK);
		daemon_write(hang_path, how[i]);
		ck_assert_int_eq(daemon_sign_root(&a, &b), BASE_E_AGAIN);
		daemon_write(hang_path, how[i]);
		ck_assert_int_eq(daemon_sign_root(&a, &b), BASE_E_AGAIN);
		ck_assert_int_eq(unlink(hang_path), 0);
		ck_assert_msg(daemon_sign_root(&a, &b) == BASE_OK, "%s",
		    daemon_answer.why);
	}
	base_buf_free(&a);
	base_buf_free(&b);
}
END_TEST

START_TEST(module_that_hangs_at_the_start)
{
	daemon_conf("open_ms = 300;");
	daemon_write(hang_path, "open");
	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert(hangs());
	daemon_write(hang_path, "open");
	ck_assert(daemon_info_says("token soft down"));
	daemon_write(hang_path, "open");
	ck_assert_int_eq(daemon_keygen(1, NULL), BASE_E_AGAIN);
	ck_assert_int_eq(unlink(hang_path), 0);
	/* the sanitizers' build needs longer than 300 ms for a good start */
	for (int i = 0; i < 20 && daemon_keygen(1, NULL) != BASE_OK; i++)
		ck_assert_int_eq(daemon_answer.err, BASE_E_AGAIN);
	ck_assert(daemon_info_says("token soft up"));
}
END_TEST

START_TEST(other_users_are_refused)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_INFO };

	daemon_conf("uids = [ 4242 ];");
	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_ne(daemon_ask(&r), BASE_OK);
	daemon_stop(SIGTERM);
	{
		char *more = base_asprintf("uids = [ %u ];", geteuid());

		daemon_conf(more);
		free(more);
	}
	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_ask(&r), BASE_OK);
}
END_TEST

static int
server_connect(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, sock_path);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)),
	    0);
	return fd;
}

static bool
is_hung_up_on(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char c;

	return poll(&p, 1, 30000) > 0 && recv(fd, &c, 1, 0) <= 0;
}

/* A few connections of approvers, and never all; one that ends makes room. */
START_TEST(approvers_leave_room)
{
	static const uint8_t zero[4];
	struct wire_hsm_request r = { .type = WIRE_HSM_INFO };
	char *more =
	    base_asprintf("uids = [ 4242 ];\napprovers = [ %u ];", geteuid());
	int fd[9];

	daemon_conf(more);
	free(more);
	ck_assert(daemon_start(SOFTHSM_PIN));
	for (int i = 0; i < 9; i++)
		fd[i] = server_connect();
	ck_assert(is_hung_up_on(fd[8]));
	ck_assert_int_ne(daemon_ask(&r), BASE_OK);
	ck_assert_int_eq(send(fd[0], zero, sizeof(zero), MSG_NOSIGNAL), 4);
	ck_assert(is_hung_up_on(fd[0]));
	ck_assert_int_eq(daemon_ask(&r), BASE_OK);
	for (int i = 0; i < 9; i++)
		close(fd[i]);
}
END_TEST

/* Sends these bytes; true when the connection is then closed. */
static bool
closes_on(const void *p, size_t n)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd w = { fd, POLLIN, 0 };
	char c;
	bool closed;

	strcpy(sa.sun_path, sock_path);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)),
	    0);
	ck_assert_int_eq(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
	closed = poll(&w, 1, 5000) > 0 && recv(fd, &c, 1, 0) <= 0;
	close(fd);
	return closed;
}

START_TEST(garbage_closes_the_connection)
{
	static const uint8_t zero[4], huge[4] = { 0xff, 0xff, 0xff, 0xff };
	static const uint8_t type[] = { 0, 0, 0, 6, 1, 99, 0, 0, 0, 1 };
	static const uint8_t version[] = { 0, 0, 0, 6, 2, 1, 0, 0, 0, 1 };
	static const uint8_t info[] = { 0, 0, 0, 6, 1, 1, 0, 0, 0, 1 };
	static const uint8_t more[] = { 0, 0, 0, 7, 1, 1, 0, 0, 0, 1, 0 };

	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert(closes_on(zero, sizeof(zero)));
	ck_assert(closes_on(huge, sizeof(huge)));
	ck_assert(closes_on(type, sizeof(type)));
	ck_assert(closes_on(version, sizeof(version)));
	ck_assert(closes_on(more, sizeof(more)));
	ck_assert(!closes_on(info, sizeof(info)));
	ck_assert(daemon_info_says("refused 5"));
}
END_TEST

START_TEST(half_a_message_holds_up_nobody)
{
	static const uint8_t half[] = { 0, 0, 0, 6, 1, 1 };
	static const uint8_t rest[] = { 0, 0, 0, 1 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { fd, POLLIN, 0 };

	ck_assert(daemon_start(SOFTHSM_PIN));
	strcpy(sa.sun_path, sock_path);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)),
	    0);
	ck_assert_int_eq(send(fd, half, sizeof(half), MSG_NOSIGNAL), 6);
	ck_assert(daemon_info_says("fleet test"));
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(send(fd, rest, sizeof(rest), MSG_NOSIGNAL), 4);
	ck_assert_int_eq(poll(&p, 1, 30000), 1);
	close(fd);
}
END_TEST

/* Half a request is hung up on in time, a connection at rest is not. */
START_TEST(half_a_message_has_its_time)
{
	static const uint8_t half[] = { 0, 0, 0, 6, 1, 1 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct pollfd p[2];
	char c;

	daemon_conf("client_ms = 100;");
	ck_assert(daemon_start(SOFTHSM_PIN));
	strcpy(sa.sun_path, sock_path);
	for (int i = 0; i < 2; i++) {
		p[i] = (struct pollfd){ socket(AF_UNIX,
					    SOCK_STREAM | SOCK_CLOEXEC, 0),
			POLLIN, 0 };
		ck_assert_int_eq(connect(p[i].fd, (const struct sockaddr *)&sa,
				     sizeof(sa)),
		    0);
	}
	ck_assert_int_eq(send(p[0].fd, half, sizeof(half), MSG_NOSIGNAL), 6);
	ck_assert_int_eq(poll(p, 1, 30000), 1);
	ck_assert_int_eq(recv(p[0].fd, &c, 1, 0), 0);
	ck_assert_int_eq(poll(&p[1], 1, 0), 0);
	close(p[0].fd);
	close(p[1].fd);
}
END_TEST

START_TEST(one_state_one_process)
{
	pid_t first;

	ck_assert(daemon_start(SOFTHSM_PIN));
	first = daemon_pid;
	ck_assert(!daemon_start(SOFTHSM_PIN));
	daemon_pid = first;
	ck_assert_int_eq(daemon_keygen(1, NULL), BASE_OK);
}
END_TEST

START_TEST(changed_journal_is_found)
{
	char *path = base_asprintf("%s/journal", state_dir);
	struct base_buf b;

	ck_assert(daemon_start(SOFTHSM_PIN));
	ck_assert_int_eq(daemon_keygen(1, NULL), BASE_OK);
	daemon_stop(SIGTERM);
	base_buf_init(&b, 0);
	ck_assert_int_eq(base_file_read(path, 1 << 20, &b), BASE_OK);
	b.p[30] ^= 1;
	ck_assert_int_eq(base_file_write(path, base_buf_span(&b), 0600),
	    BASE_OK);
	ck_assert(!daemon_start(SOFTHSM_PIN));
	b.p[30] ^= 1;
	ck_assert_int_eq(base_file_write(path, base_buf_span(&b), 0600),
	    BASE_OK);
	ck_assert(daemon_start(SOFTHSM_PIN));
	base_buf_free(&b);
	free(path);
}
END_TEST

TCase *
case_server(void)
{
	TCase *t = tcase_create("server");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, daemon_setup, daemon_teardown);
	tcase_add_test(t, keys_survive_kill);
	tcase_add_loop_test(t, kill_between_journal_and_key, 0, 2);
	tcase_add_test(t, two_tokens);
	tcase_add_test(t, module_that_hangs_or_dies);
	tcase_add_test(t, module_that_hangs_at_the_start);
	tcase_add_test(t, other_users_are_refused);
	tcase_add_test(t, approvers_leave_room);
	tcase_add_test(t, garbage_closes_the_connection);
	tcase_add_test(t, half_a_message_holds_up_nobody);
	tcase_add_test(t, half_a_message_has_its_time);
	tcase_add_test(t, one_state_one_process);
	tcase_add_test(t, changed_journal_is_found);
	return t;
}
