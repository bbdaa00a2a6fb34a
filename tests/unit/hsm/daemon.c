/* daemon: see the header. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/hsm/daemon.h"
#include "wire/msg.h"

struct softhsm *soft;
char *conf_path, *sock_path, *state_dir, *hang_path;
static char *program, *module;
pid_t daemon_pid;
struct wire_hsm_answer daemon_answer;

void
daemon_write(const char *path, const char *text)
{
	struct base_span s = { (const uint8_t *)text, strlen(text) };

	ck_assert_int_eq(base_file_write(path, s, 0600), BASE_OK);
}

void
daemon_conf(const char *more)
{
	char *text = base_asprintf(
	    "fleet = \"test\";\nsocket = \"%s\";\nstate = \"%s\";\n"
	    "tokens = ( { name = \"soft\"; module = \"%s\"; "
	    "uri = \"pkcs11:token=kedge\"; backup_of = \"%s\"; } );\n"
	    "backoff_ms = 0;\n%s\n",
	    sock_path, state_dir, module, soft->tokens, more);

	daemon_write(conf_path, text);
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
		if (waitpid(daemon_pid, NULL, WNOHANG) == daemon_pid) {
			daemon_pid = 0;
			return false;
		}
	}
	return false;
}

/* second: PIN of another token, or NULL */
bool
daemon_start_two(const char *pin, const char *second)
{
	int notify = notify_open(), fd[2] = { -1, -1 };
	char text[2][16] = { "", "" };
	bool ready;

	fd[0] = pin_pipe(pin, text[0]);
	if (second != NULL)
		fd[1] = pin_pipe(second, text[1]);
	daemon_pid = fork();
	if (daemon_pid == 0) {
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

bool
daemon_start(const char *pin)
{
	return daemon_start_two(pin, NULL);
}

int
daemon_stop(int sig)
{
	int status = 0;

	if (daemon_pid == 0)
		return 0;
	ck_assert_int_eq(kill(daemon_pid, sig), 0);
	ck_assert_int_eq(waitpid(daemon_pid, &status, 0), daemon_pid);
	daemon_pid = 0;
	return status;
}

void
daemon_setup(void)
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
	daemon_conf("");
}

void
daemon_teardown(void)
{
	daemon_stop(SIGKILL);
	wire_hsm_answer_clear(&daemon_answer);
	softhsm_remove(soft);
	free(conf_path);
	free(sock_path);
	free(state_dir);
	free(hang_path);
	free(program);
	free(module);
}

enum base_err
daemon_ask(struct wire_hsm_request *r)
{
	struct wire_hsm_conf c = { .path = sock_path, .answer_ms = 30000 };
	enum base_err e;

	wire_hsm_answer_clear(&daemon_answer);
	if (r->type != WIRE_HSM_INFO && r->type != WIRE_HSM_AUDIT)
		strcpy(r->fleet, "test");
	e = wire_hsm_call(&c, r, &daemon_answer);
	return e != BASE_OK ? e : daemon_answer.err;
}

enum base_err
daemon_keygen(uint32_t generation, struct base_buf *spki)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_KEYGEN,
		.key = { .root = "plant",
		    .generation = generation,
		    .alg = WIRE_P256 } };
	enum base_err e = daemon_ask(&r);

	if (e == BASE_OK && spki != NULL) {
		base_buf_init(spki, 0);
		e = base_buf_put(spki, daemon_answer.key.spki.p,
		    daemon_answer.key.spki.n);
	}
	return e;
}

/* NewWithNew of plant 1: a signature of the token, all the way. */
enum base_err
daemon_sign_root(const struct base_buf *spki1, const struct base_buf *spki2)
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
	e = daemon_ask(&r);
	base_buf_free(&item);
	return e != BASE_OK ? e : daemon_answer.items[0].err;
}

bool
daemon_info_says(const char *what)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_INFO };

	ck_assert_int_eq(daemon_ask(&r), BASE_OK);
	for (size_t i = 0; i < daemon_answer.nitems; i++)
		if (memmem(daemon_answer.items[i].data.p,
			daemon_answer.items[i].data.n, what,
			strlen(what)) != NULL)
			return true;
	return false;
}

/* How many key files SoftHSM has: two per pair. */
int
daemon_key_files(void)
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
