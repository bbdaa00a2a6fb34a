/*
 * asked: see asked.h.
 */
#include "tests/unit/ca/asked.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct asked asked;

int
asked_dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path, asked.w.conf.control,
	    strlen(asked.w.conf.control) + 1);
	ck_assert_int_eq(connect(s, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return s;
}

static void
control_up(void)
{
	asked.w.ca.eb = event_base_new();
	ck_assert_int_eq(ca_control_open(&asked.w.ca, &asked.w.ca.control),
	    BASE_OK);
	asked.fd = asked_dial();
}

static void
control_down(void)
{
	close(asked.fd);
	ca_control_close(asked.w.ca.control);
	event_base_free(asked.w.ca.eb);
}

void
asked_open(const char *topology)
{
	world_open(&asked.w, topology, 21);
	asked.w.conf.control = base_asprintf("%s/control", asked.w.dir);
	asked.answer = NULL;
	control_up();
}

void
asked_restart(void)
{
	control_down();
	world_restart(&asked.w);
	control_up();
}

void
asked_restore(const char *name)
{
	control_down();
	world_restore(&asked.w, name);
	control_up();
}

void
asked_close(void)
{
	json_decref(asked.answer);
	control_down();
	free(asked.w.conf.control);
	world_close(&asked.w);
}

static void
asked_turn(void)
{
	event_base_loop(asked.w.ca.eb, EVLOOP_NONBLOCK);
	hsm_fake_turn(asked.w.hsm);
}

/* The next line that comes, NULL when kedged hung up. */
json_t *
asked_line(void)
{
	static char buf[1 << 18];
	size_t n = 0;

	for (int i = 0; i < 10000; i++) {
		ssize_t got = read(asked.fd, buf + n, 1);

		if (got == 0)
			return NULL;
		if (got == -1) {
			ck_assert_int_eq(errno, EAGAIN);
			asked_turn();
		} else if (buf[n++] == '\n') {
			return json_loadb(buf, n, 0, NULL);
		} else {
			i = 0;
		}
	}
	ck_abort_msg("no answer");
}

bool
asked_try(const char *text)
{
	ck_assert_int_eq((int)write(asked.fd, text, strlen(text)),
	    (int)strlen(text));
	ck_assert_int_eq((int)write(asked.fd, "\n", 1), 1);
	json_decref(asked.answer);
	asked.answer = asked_line();
	ck_assert_ptr_nonnull(asked.answer);
	return json_is_true(json_object_get(asked.answer, "ok"));
}

void
asked_ok(const char *text)
{
	ck_assert_msg(asked_try(text), "%s: %s", text,
	    json_string_value(json_object_get(asked.answer, "message")));
}

void
asked_no(const char *text, const char *error)
{
	ck_assert_msg(!asked_try(text), "%s", text);
	ck_assert_str_eq(json_string_value(
			     json_object_get(asked.answer, "error")),
	    error);
	ck_assert_uint_gt(strlen(json_string_value(
			      json_object_get(asked.answer, "message"))),
	    5);
}

size_t
asked_size_of(const char *key)
{
	return json_array_size(json_object_get(asked.answer, key));
}

/* ---- fleets ---- */

static const char two_roots[] =
    "roots = ( { name = \"plant\"; }, { name = \"lab\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"lab1\"; reach = \"direct\"; },\n"
    "  { name = \"lab2\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; },\n"
    "  { client = \"lab1\"; server = \"lab2\"; auth = \"mutual\";\n"
    "  root = \"lab\"; } );\n";

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

void
asked_pair(void)
{
	asked_open(pair);
}

void
asked_two_roots(void)
{
	asked_open(two_roots);
}

void
asked_days(int days)
{
	asked.w.now.ms += days * INT64_C(86400000);
	asked.w.mono.ms += days * INT64_C(86400000);
}

bool
asked_rolls(const char *root)
{
	return ca_roll_of(&asked.w.ca, root) != NULL;
}

bool
asked_web1_trusts(struct world *x)
{
	return pol_engine_step(x->ca.rolls->engine,
		   ca_topo_node(x->ca.topo, "web1"),
		   POL_TRUST) == POL_STEP_DONE;
}

/* ---- the log ---- */

static int log_fd;

void
asked_log(void)
{
	int p[2];

	base_log_open("test", BASE_INFO);
	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
	close(p[1]);
	log_fd = p[0];
	ck_assert_int_eq(fcntl(log_fd, F_SETFL, O_NONBLOCK), 0);
}

const char *
asked_log_new(void)
{
	static char text[16384];
	ssize_t n = read(log_fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

unsigned
asked_log_says(const char *words)
{
	const char *at;
	unsigned n = 0;

	while (*(at = asked_log_new()) != '\0')
		for (; (at = strstr(at, words)) != NULL; at++)
			n++;
	return n;
}
