/*
 * ca/control: the control socket (docs/control.md): JSON lines over a unix
 * socket, who may is decided by SO_PEERCRED. Requests of one connection are
 * answered one after the other; a subscriber gets events until it hangs up.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ca/control.h"

#define LINE_MAX_BYTES ((size_t)4 << 20)
#define BACKLOG_MAX    ((size_t)16 << 20)

struct ca_session {
	struct ca_session *next;
	struct ca_control *control;
	struct bufferevent *bev; /* NULL: hung up, kept for an answer */
	unsigned holds, replies;
	bool busy, subscribed;
	char who[32];
};

struct ca_control {
	struct ca *ca;
	struct evconnlistener *listener;
	struct ca_session *sessions;
};

struct ca *
ca_session_ca(const struct ca_session *s)
{
	return s->control->ca;
}

const char *
ca_session_who(const struct ca_session *s)
{
	return s->who;
}

/* ---- sessions ---------------------------------- */

static void
session_free(struct ca_session *s)
{
	struct ca_session **at;

	if (s->bev != NULL)
		bufferevent_free(s->bev);
	s->bev = NULL;
	if (s->holds > 0)
		return;
	if (s->control != NULL) {
		for (at = &s->control->sessions; *at != s; at = &(*at)->next)
			;
		*at = s->next;
	}
	free(s);
}

static void
session_send(struct ca_session *s, json_t *j)
{
	struct evbuffer *out;
	char *text;

	if (s->bev == NULL)
		return;
	out = bufferevent_get_output(s->bev);
	if (evbuffer_get_length(out) > BACKLOG_MAX) {
		base_log(BASE_WARNING, "control: %s does not read; dropped",
		    s->who);
		session_free(s);
		return;
	}
	if ((text = json_dumps(j, JSON_COMPACT)) == NULL)
		base_die("control: answer cannot be written as JSON");
	if (evbuffer_add_printf(out, "%s\n", text) == -1)
		base_die("out of memory");
	free(text);
}

static void session_next(struct ca_session *s);

static void
session_reply(struct ca_session *s, enum base_err e, json_t *answer)
{
	s->replies++;
	if (answer == NULL)
		answer = json_object();
	json_object_set_new(answer, "ok", json_boolean(e == BASE_OK));
	if (e != BASE_OK) {
		json_t *why = json_string(base_why());

		json_object_set_new(answer, "error",
		    json_string(base_err_name(e)));
		json_object_set_new(answer, "message",
		    why != NULL ? why : json_string("(not UTF-8)"));
	}
	session_send(s, answer);
	json_decref(answer);
}

void
ca_session_hold(struct ca_session *s)
{
	s->holds++;
	s->busy = true;
}

void
ca_session_answer(struct ca_session *s, enum base_err e, json_t *answer)
{
	session_reply(s, e, answer);
	s->busy = false;
	s->holds--;
	if (s->bev == NULL)
		session_free(s);
	else
		session_next(s);
}

void
ca_session_subscribe(struct ca_session *s)
{
	s->subscribed = true;
}

void
ca_control_event(struct ca_control *c, json_t *event)
{
	struct ca_session *next;

	for (struct ca_session *s = c->sessions; s != NULL; s = next) {
		next = s->next;
		if (s->subscribed)
			session_send(s, event);
	}
}

/* ---- requests ---------------------------------- */

enum base_err
ca_unpack(json_t *q, const char *fmt, ...)
{
	json_error_t err;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = json_vunpack_ex(q, &err, JSON_STRICT, fmt, ap);
	va_end(ap);
	if (rc != 0)
		return base_fail(BASE_E_USAGE, "control: %s: %s",
		    json_string_value(json_object_get(q, "cmd")) == NULL
			? "request"
			: json_string_value(json_object_get(q, "cmd")),
		    err.text);
	return BASE_OK;
}

static ca_handler *
find_command(const struct ca_command *list, const char *name)
{
	for (; list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return list->run;
	return NULL;
}

static void
session_request(struct ca_session *s, const char *line, size_t n)
{
	json_error_t err;
	json_t *q = json_loadb(line, n, JSON_REJECT_DUPLICATES, &err);
	json_t *answer = NULL;
	const char *cmd = json_string_value(json_object_get(q, "cmd"));
	const unsigned before = s->replies;
	ca_handler *run = NULL;
	enum base_err e;

	if (cmd != NULL &&
	    (run = find_command(ca_commands_fleet, cmd)) == NULL &&
	    (run = find_command(ca_commands_roll, cmd)) == NULL)
		run = find_command(ca_commands_parcel, cmd);
	if (q == NULL)
		e = base_fail(BASE_E_SYNTAX, "control: %s", err.text);
	else if (run == NULL)
		e = base_fail(BASE_E_USAGE, "control: command %s is not known",
		    cmd == NULL ? "(none)" : cmd);
	else {
		s->control->ca->who = s->who;
		e = run(s, q, &answer);
		s->control->ca->who = NULL;
	}
	/* jansson makes nothing of a text that is no UTF-8 */
	if (e == BASE_OK && answer == NULL && !s->busy && s->replies == before)
		e = base_fail(BASE_E_INTEGRITY,
		    "control: %s: what was done cannot be told, some text in "
		    "the answer is not UTF-8",
		    cmd);
	if (e != BASE_OK || answer != NULL)
		session_reply(s, e, answer);
	json_decref(q);
}

static void
session_next(struct ca_session *s)
{
	struct evbuffer *in;
	size_t n;
	char *line;

	while (s->bev != NULL && !s->busy) {
		in = bufferevent_get_input(s->bev);
		line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF);
		if (line == NULL) {
			if (evbuffer_get_length(in) > LINE_MAX_BYTES)
				session_free(s);
			return;
		}
		/* may free s only by hanging up, which keeps a held one */
		s->holds++;
		session_request(s, line, n);
		free(line);
		s->holds--;
		if (s->bev == NULL && s->holds == 0) {
			session_free(s);
			return;
		}
	}
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	session_next(arg);
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	session_free(arg);
}

/* ---- listening ---------------------------------- */

static bool
may(const struct ca_conf *c, uid_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	for (size_t i = 0; i < c->nuids; i++)
		if (c->uids[i] == uid)
			return true;
	return false;
}

/* Says why, in one write that the socket's buffer holds, and hangs up. */
static void
turn_away(evutil_socket_t fd, uid_t uid)
{
	char line[256];
	int n = snprintf(line, sizeof(line),
	    "{\"ok\":false,\"error\":\"%s\",\"message\":\"control: uid %u "
	    "is not in control_uids of kedged.conf\"}\n",
	    base_err_name(BASE_E_DENIED), (unsigned)uid);

	(void)send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct ca_control *c = arg;
	struct ucred cred;
	socklen_t n = sizeof(cred);
	struct ca_session *s;

	(void)l;
	(void)sa;
	(void)len;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == -1 ||
	    !may(c->ca->conf, cred.uid)) {
		base_log(BASE_WARNING,
		    "control: uid %u refused; it is not in "
		    "control_uids",
		    (unsigned)cred.uid);
		turn_away(fd, cred.uid);
		return;
	}
	s = base_alloc(sizeof(*s));
	s->control = c;
	snprintf(s->who, sizeof(s->who), "uid %u", (unsigned)cred.uid);
	s->bev = bufferevent_socket_new(c->ca->eb, fd, BEV_OPT_CLOSE_ON_FREE);
	if (s->bev == NULL)
		base_die("out of memory");
	s->next = c->sessions;
	c->sessions = s;
	bufferevent_setcb(s->bev, on_read, NULL, on_end, s);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
}

static enum base_err
listen_at(struct ca_control *c, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		return base_fail(BASE_E_CONFIG,
		    "control: %s is too long for "
		    "a socket",
		    path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (unlink(path) == -1 && errno != ENOENT)
		return base_fail(BASE_E_IO, "control: %s: %s", path,
		    strerror(errno));
	c->listener = evconnlistener_new_bind(c->ca->eb, on_accept, c,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
	    (struct sockaddr *)&sun, sizeof(sun));
	/* who may is asked of the kernel, not of the file's mode */
	if (c->listener == NULL || chmod(path, 0666) == -1)
		return base_fail(BASE_E_IO, "control: %s: %s", path,
		    strerror(errno));
	return BASE_OK;
}

enum base_err
ca_control_open(struct ca *ca, struct ca_control **out)
{
	struct ca_control *c = base_alloc(sizeof(*c));
	enum base_err r;

	c->ca = ca;
	*out = NULL;
	if ((r = listen_at(c, ca->conf->control)) != BASE_OK)
		goto out;
	*out = c;
	c = NULL;
out:
	ca_control_close(c);
	return r;
}

void
ca_control_close(struct ca_control *c)
{
	struct ca_session *next;

	if (c == NULL)
		return;
	for (struct ca_session *s = c->sessions; s != NULL; s = next) {
		next = s->next;
		s->control = NULL;
		s->holds = 0;
		session_free(s);
	}
	if (c->listener != NULL) {
		evconnlistener_free(c->listener);
		unlink(c->ca->conf->control);
	}
	free(c);
}
