/*
 * asked: see asked.h.
 */
#include "tests/unit/ca/asked.h"

#include <check.h>
#include <errno.h>
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
