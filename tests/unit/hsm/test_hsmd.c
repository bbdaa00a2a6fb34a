/* kedge-hsmd as it is: real process, real socket, real token. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/hsm/softhsm.h"
#include "tests/unit/hsm/suites.h"
#include "wire/hsm.h"
#include "wire/msg.h"

static struct softhsm *soft;
static char *conf_path, *sock_path, *state_dir, *hang_path, *program, *module;
static pid_t hsmd;
static struct wire_hsm_answer answer;

static void
write_file(const char *path, const char *text)
{
	struct base_span s = { (const uint8_t *)text, strlen(text) };

	ck_assert_int_eq(base_file_write(path, s, 0600), BASE_OK);
}

static void
write_conf(const char *more)
{
	char *text = base_asprintf(
	    "fleet = \"test\";\nsocket = \"%s\";\nstate = \"%s\";\n"
	    "tokens = ( { name = \"soft\"; module = \"%s\"; "
	    "uri = \"pkcs11:token=kedge\"; backup_of = \"%s\"; } );\n"
	    "backoff_ms = 0;\n%s\n",
	    sock_path, state_dir, module, soft->tokens, more);

	write_file(conf_path, text);
	free(text);
}

/* What systemd would listen to: tells when the daemon serves. */
static int
notify_open(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char *path = base_asprintf("%s/notify", soft->dir);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)unlink(path);
	strcpy(sa.sun_path, path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
	free(path);
	return fd;
}

/* A descriptor from which the PIN can be read, as text for --pin-fd. */
static int
pin_pipe(const char *pin, char text[16])
{
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(write(fd[1], pin, strlen(pin)), (ssize_t)strlen(pin));
	close(fd[1]);
	snprintf(text, 16, "%d", fd[0]);
	return fd[0];
}

/* Waits for READY; false when the daemon ends before. */
static bool
wait_ready(int notify)
{
	char text[64] = "";

	for (int i = 0; i < 200; i++) {
		struct pollfd p = { notify, POLLIN, 0 };

		if (poll(&p, 1, 100) > 0)
			return recv(notify, text, sizeof(text) - 1, 0) > 0;
		if (waitpid(hsmd, NULL, WNOHANG) == hsmd) {
			hsmd = 0;
			return false;
		}
	}
	return false;
}

/* second: PIN of another token, or NULL */
static bool
start_two(const char *pin, const char *second)
{
	int notify = notify_open(), fd[2] = { -1, -1 };
	char text[2][16] = { "", "" };
	bool ready;

	fd[0] = pin_pipe(pin, text[0]);
	if (second != NULL)
		fd[1] = pin_pipe(second, text[1]);
	hsmd = fork();
	if (hsmd == 0) {
		execl(program, "kedge-hsmd", "--config", conf_path, "--pin-fd",
		    text[0], second != NULL ? "--pin-fd" : (char *)NULL,
		    text[1], (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	ready = wait_ready(notify);
	close(notify);
	return ready;
}

static bool
start(const char *pin)
{
	return start_two(pin, NULL);
}

static int
stop(int sig)
{
	int status = 0;

	if (hsmd == 0)
		return 0;
	ck_assert_int_eq(kill(hsmd, sig), 0);
	ck_assert_int_eq(waitpid(hsmd, &status, 0), hsmd);
	hsmd = 0;
	return status;
}

static void
setup(void)
{
	const char *build = getenv("KEDGE_BUILD");

	if (build == NULL)
		build = "build";
	soft = softhsm_make();
	conf_path = base_asprintf("%s/hsmd.conf", soft->dir);
	sock_path = base_asprintf("%s/sock", soft->dir);
	state_dir = base_asprintf("%s/state", soft->dir);
	hang_path = base_asprintf("%s/hang", soft->dir);
	program = base_asprintf("%s/bin/kedge-hsmd", build);
	module = base_asprintf("%s/test/hang_module.so", build);
	ck_assert_int_eq(setenv("KEDGE_TEST_HANG", hang_path, 1), 0);
	write_conf("");
}

static void
teardown(void)
{
	stop(SIGKILL);
	wire_hsm_answer_clear(&answer);
	softhsm_remove(soft);
	free(conf_path);
	free(sock_path);
	free(state_dir);
	free(hang_path);
	free(program);
	free(module);
}

static enum base_err
ask(struct wire_hsm_request *r)
{
	struct wire_hsm_conf c = { .path = sock_path, .answer_ms = 30000 };
	enum base_err e;

	wire_hsm_answer_clear(&answer);
	if (r->type != WIRE_HSM_INFO && r->type != WIRE_HSM_AUDIT)
		strcpy(r->fleet, "test");
	e = wire_hsm_call(&c, r, &answer);
	return e != BASE_OK ? e : answer.err;
}

static enum base_err
keygen(uint32_t generation, struct base_buf *spki)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_KEYGEN,
		.key = { .root = "plant",
		    .generation = generation,
		    .alg = WIRE_P256 } };
	enum base_err e = ask(&r);

	if (e == BASE_OK && spki != NULL) {
		base_buf_init(spki, 0);
		e = base_buf_put(spki, answer.key.spki.p, answer.key.spki.n);
	}
	return e;
}

/* NewWithNew of plant 1: a signature of the token, all the way. */
static enum base_err
sign_root(const struct base_buf *spki1, const struct base_buf *spki2)
{
	struct wire_tbs t = { .kind = WIRE_NEW_WITH_NEW,
		.issuer_alg = WIRE_P256,
		.fleet = "test",
		.root = "plant",
		.spki = base_buf_span(spki1),
		.has_next = true };
	struct base_buf item;
	struct wire_hsm_request r = { .type = WIRE_HSM_CERTS,
		.nitems = 1,
		.items = &item,
		.key = { .root = "plant", .generation = 1, .alg = WIRE_P256 } };
	enum base_err e;

	base_buf_init(&item, 0);
	wire_serial_make(t.serial);
	t.not_before.ms = base_time_now().ms / 1000 * 1000;
	t.not_after = base_time_add_s(t.not_before, 86400);
	ck_assert_int_eq(wire_spki_id(t.spki, t.ski), BASE_OK);
	memcpy(t.aki, t.ski, sizeof(t.aki));
	wire_digest(base_buf_span(spki2), t.next_hash);
	ck_assert_int_eq(wire_tbs_compose(&t, &item), BASE_OK);
	e = ask(&r);
	base_buf_free(&item);
	return e != BASE_OK ? e : answer.items[0].err;
}

static bool
info_says(const char *what)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_INFO };

	ck_assert_int_eq(ask(&r), BASE_OK);
	for (size_t i = 0; i < answer.nitems; i++)
		if (memmem(answer.items[i].data.p, answer.items[i].data.n, what,
			strlen(what)) != NULL)
			return true;
	return false;
}

/* How many key files SoftHSM has: two per pair. */
static int
key_files(void)
{
	char *cmd =
	    base_asprintf("ls %s/*/*.object | grep -v token.object | wc -l",
		soft->tokens);
	FILE *f = popen(cmd, "r");
	int n = -1;

	ck_assert_int_eq(fscanf(f, "%d", &n), 1);
	pclose(f);
	free(cmd);
	return n;
}

START_TEST(keys_survive_kill)
{
	struct base_buf a, b, again;

	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_eq(keygen(1, &a), BASE_OK);
	ck_assert_int_eq(keygen(2, &b), BASE_OK);
	ck_assert_int_eq(sign_root(&a, &b), BASE_OK);
	stop(SIGKILL);
	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_eq(keygen(1, &again), BASE_OK);
	ck_assert_uint_eq(a.n, again.n);
	ck_assert_mem_eq(a.p, again.p, a.n);
	ck_assert_int_eq(sign_root(&a, &b), BASE_OK);
	ck_assert(info_says("key plant 1 root p256 soft certified"));
	ck_assert_int_eq(key_files(), 4);
	ck_assert_int_eq(WEXITSTATUS(stop(SIGTERM)), 0);
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

	write_file(hang_path, where);
	asker = fork();
	if (asker == 0) {
		(void)keygen(1, NULL);
		_exit(0);
	}
	while (!hangs())
		poll(NULL, 0, 2);
	stop(SIGKILL);
	kill(asker, SIGKILL);
	waitpid(asker, NULL, 0);
	ck_assert_int_eq(unlink(hang_path), 0);
}

START_TEST(kill_between_journal_and_key)
{
	const char *where = _i == 0 ? "generate-before" : "generate-after";

	ck_assert(start(SOFTHSM_PIN));
	kill_in_keygen(where);
	ck_assert_int_eq(key_files(), _i == 0 ? 0 : 2);
	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_eq(key_files(), 0);
	ck_assert_msg(keygen(1, NULL) == BASE_OK, "%s", answer.why);
	ck_assert_int_eq(key_files(), 2);
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

	write_file(conf_path, text);
	free(text);
	ck_assert(start_two(SOFTHSM_PIN, SOFTHSM_PIN));
	ck_assert_int_eq(keygen(1, &a), BASE_OK);
	ck_assert_int_eq(keygen(2, &b), BASE_OK);
	ck_assert(info_says("key plant 1 root p256 one"));
	ck_assert(info_says("key plant 2 root p256 two"));
	ck_assert_int_eq(key_files(), 2);
	softhsm_remove(two);
	stop(SIGTERM);
	ck_assert(start_two(SOFTHSM_PIN, SOFTHSM_PIN));
	ck_assert(info_says("token two down"));
	ck_assert_int_eq(sign_root(&a, &b), BASE_OK);
	base_buf_free(&a);
	base_buf_free(&b);
}
END_TEST

START_TEST(module_that_hangs_or_dies)
{
	static const char *const how[] = { "sign", "sign-crash" };
	struct base_buf a, b;

	write_conf("sign_ms = 300;");
	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_eq(keygen(1, &a), BASE_OK);
	ck_assert_int_eq(keygen(2, &b), BASE_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(sign_root(&a, &b), BASE_OK);
		write_file(hang_path, how[i]);
		ck_assert_int_eq(sign_root(&a, &b), BASE_E_AGAIN);
		write_file(hang_path, how[i]);
		ck_assert_int_eq(sign_root(&a, &b), BASE_E_AGAIN);
		ck_assert_int_eq(unlink(hang_path), 0);
		ck_assert_msg(sign_root(&a, &b) == BASE_OK, "%s", answer.why);
	}
	base_buf_free(&a);
	base_buf_free(&b);
}
END_TEST

START_TEST(module_that_hangs_at_the_start)
{
	write_conf("open_ms = 300;");
	write_file(hang_path, "open");
	ck_assert(start(SOFTHSM_PIN));
	ck_assert(hangs());
	write_file(hang_path, "open");
	ck_assert(info_says("token soft down"));
	write_file(hang_path, "open");
	ck_assert_int_eq(keygen(1, NULL), BASE_E_AGAIN);
	ck_assert_int_eq(unlink(hang_path), 0);
	/* the sanitizers' build needs longer than 300 ms for a good start */
	for (int i = 0; i < 20 && keygen(1, NULL) != BASE_OK; i++)
		ck_assert_int_eq(answer.err, BASE_E_AGAIN);
	ck_assert(info_says("token soft up"));
}
END_TEST

START_TEST(wrong_pin_locks_out)
{
	ck_assert(start("wrong"));
	ck_assert(info_says("token soft locked-out"));
	ck_assert_int_eq(keygen(1, NULL), BASE_E_DENIED);
	ck_assert_ptr_nonnull(strstr(answer.why, "PIN was refused"));
	/* the token remembers: not even the right one is tried on its own */
	stop(SIGTERM);
	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_eq(keygen(1, NULL), BASE_E_DENIED);
	ck_assert_ptr_nonnull(strstr(answer.why, "log in once by hand"));
}
END_TEST

START_TEST(other_users_are_refused)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_INFO };

	write_conf("uids = [ 4242 ];");
	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_ne(ask(&r), BASE_OK);
	stop(SIGTERM);
	{
		char *more = base_asprintf("uids = [ %u ];", geteuid());

		write_conf(more);
		free(more);
	}
	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_eq(ask(&r), BASE_OK);
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

	ck_assert(start(SOFTHSM_PIN));
	ck_assert(closes_on(zero, sizeof(zero)));
	ck_assert(closes_on(huge, sizeof(huge)));
	ck_assert(closes_on(type, sizeof(type)));
	ck_assert(closes_on(version, sizeof(version)));
	ck_assert(closes_on(more, sizeof(more)));
	ck_assert(!closes_on(info, sizeof(info)));
	ck_assert(info_says("refused 5"));
}
END_TEST

START_TEST(one_state_one_process)
{
	pid_t first;

	ck_assert(start(SOFTHSM_PIN));
	first = hsmd;
	ck_assert(!start(SOFTHSM_PIN));
	hsmd = first;
	ck_assert_int_eq(keygen(1, NULL), BASE_OK);
}
END_TEST

START_TEST(changed_journal_is_found)
{
	char *path = base_asprintf("%s/journal", state_dir);
	struct base_buf b;

	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_eq(keygen(1, NULL), BASE_OK);
	stop(SIGTERM);
	base_buf_init(&b, 0);
	ck_assert_int_eq(base_file_read(path, 1 << 20, &b), BASE_OK);
	b.p[30] ^= 1;
	ck_assert_int_eq(base_file_write(path, base_buf_span(&b), 0600),
	    BASE_OK);
	ck_assert(!start(SOFTHSM_PIN));
	b.p[30] ^= 1;
	ck_assert_int_eq(base_file_write(path, base_buf_span(&b), 0600),
	    BASE_OK);
	ck_assert(start(SOFTHSM_PIN));
	base_buf_free(&b);
	free(path);
}
END_TEST

/* The PIN is nowhere where others look: command lines, environment. */
START_TEST(pin_is_not_to_be_seen)
{
	char *path, *cmd;
	const char *argv[] = { "sh", "-c", NULL, NULL };

	ck_assert(start(SOFTHSM_PIN));
	ck_assert_int_eq(keygen(1, NULL), BASE_OK);
	path = base_asprintf("%s/seen", soft->dir);
	cmd =
	    base_asprintf("for p in %d $(pgrep -P %d); do cat /proc/$p/cmdline"
			  " /proc/$p/environ >>%s; done; ! grep -q %s %s "
			  "%s/journal",
		hsmd, hsmd, path, SOFTHSM_PIN, path, state_dir);
	argv[2] = cmd;
	test_run(argv);
	free(cmd);
	free(path);
}
END_TEST

TCase *
case_hsmd(void)
{
	TCase *t = tcase_create("hsmd");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, keys_survive_kill);
	tcase_add_loop_test(t, kill_between_journal_and_key, 0, 2);
	tcase_add_test(t, two_tokens);
	tcase_add_test(t, module_that_hangs_or_dies);
	tcase_add_test(t, module_that_hangs_at_the_start);
	tcase_add_test(t, wrong_pin_locks_out);
	tcase_add_test(t, other_users_are_refused);
	tcase_add_test(t, garbage_closes_the_connection);
	tcase_add_test(t, one_state_one_process);
	tcase_add_test(t, changed_journal_is_found);
	tcase_add_test(t, pin_is_not_to_be_seen);
	return t;
}
