/*
 * The control socket as the CLI sees it: one JSON object per line in either
 * direction, answers in the order of the requests, events between them only
 * after a subscription.
 */
#include "ca/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CTL_LINE_MAX ((size_t)64 << 20)

struct ca_ctl {
	int fd;
	char *path;
	char *line; /* bytes read and not yet handed out */
	size_t n, cap;
};

static enum base_err
ctl_connect_failed(const char *path, int err)
{
	if (err == ENOENT || err == ECONNREFUSED)
		return base_fail(BASE_E_IO,
		    "%s: no kedged answers there; start kedged, or name its "
		    "socket by --socket",
		    path);
	if (err == EACCES || err == EPERM)
		return base_fail(BASE_E_DENIED,
		    "%s: no right to talk to kedged; use a user that its "
		    "configuration allows",
		    path);
	return base_fail(BASE_E_IO, "%s: %s", path, strerror(err));
}

enum base_err
ca_ctl_open(const char *path, struct ca_ctl **out)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct ca_ctl *c;
	int fd;

	*out = NULL;
	if (strlen(path) >= sizeof(sun.sun_path))
		return base_fail(BASE_E_USAGE,
		    "%s: too long for a socket; at most %zu bytes", path,
		    sizeof(sun.sun_path) - 1);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return base_fail(BASE_E_IO, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		enum base_err e = ctl_connect_failed(path, errno);

		close(fd);
		return e;
	}
	c = base_alloc(sizeof(*c));
	c->fd = fd;
	c->path = base_strdup(path);
	*out = c;
	return BASE_OK;
}

static enum base_err
ctl_send(struct ca_ctl *c, const char *text)
{
	size_t n = strlen(text), at = 0;

	while (at < n) {
		ssize_t r = send(c->fd, text + at, n - at, MSG_NOSIGNAL);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1 && (errno == EPIPE || errno == ECONNRESET))
			return BASE_OK; /* why is what can be read */
		if (r == -1)
			return base_fail(BASE_E_IO, "%s: kedged hung up: %s",
			    c->path, strerror(errno));
		at += (size_t)r;
	}
	return BASE_OK;
}

static enum base_err
ctl_wait(struct ca_ctl *c, int wait_ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int r;

	do {
		r = poll(&p, 1, wait_ms);
	} while (r == -1 && errno == EINTR);
	if (r == -1)
		return base_fail(BASE_E_IO, "poll: %s", strerror(errno));
	if (r == 0)
		return base_fail(BASE_E_TIMEOUT, "%s: nothing heard for %d ms",
		    c->path, wait_ms);
	return BASE_OK;
}

static enum base_err
ctl_fill(struct ca_ctl *c)
{
	ssize_t r;

	if (c->n + 65536 > c->cap) {
		c->cap = c->cap == 0 ? 131072 : 2 * c->cap;
		if (c->cap > CTL_LINE_MAX)
			return base_fail(BASE_E_RANGE,
			    "%s: answer larger than %zu bytes", c->path,
			    CTL_LINE_MAX);
		c->line = base_realloc_array(c->line, c->cap, 1);
	}
	do {
		r = read(c->fd, c->line + c->n, c->cap - c->n);
	} while (r == -1 && errno == EINTR);
	if (r == -1)
		return base_fail(BASE_E_IO, "%s: %s", c->path, strerror(errno));
	if (r == 0)
		return base_fail(BASE_E_NOTFOUND,
		    "%s: kedged closed the connection", c->path);
	c->n += (size_t)r;
	return BASE_OK;
}

enum base_err
ca_ctl_event(struct ca_ctl *c, int wait_ms, json_t **event)
{
	json_error_t je;
	size_t len, scanned = 0;
	enum base_err e;
	char *nl = NULL;

	*event = NULL;
	while (c->n == scanned ||
	    (nl = memchr(c->line + scanned, '\n', c->n - scanned)) == NULL) {
		scanned = c->n;
		if ((e = ctl_wait(c, wait_ms)) != BASE_OK ||
		    (e = ctl_fill(c)) != BASE_OK)
			return e;
	}
	len = (size_t)(nl - c->line);
	*event = json_loadb(c->line, len, JSON_REJECT_DUPLICATES, &je);
	c->n -= len + 1;
	memmove(c->line, nl + 1, c->n);
	if (!json_is_object(*event)) {
		json_decref(*event);
		*event = NULL;
		return base_fail(BASE_E_SYNTAX,
		    "%s: kedged answered no JSON object: %s", c->path, je.text);
	}
	return BASE_OK;
}

enum base_err
ca_ctl_call(struct ca_ctl *c, json_t *request, json_t **answer)
{
	char *text = json_dumps(request, JSON_COMPACT);
	const char *name, *message;
	enum base_err e;

	*answer = NULL;
	json_decref(request);
	if (text == NULL)
		base_die("control: request cannot be written as JSON");
	text = base_realloc_array(text, strlen(text) + 2, 1);
	memcpy(text + strlen(text), "\n", 2);
	e = ctl_send(c, text);
	base_wipe(text, strlen(text));
	free(text);
	if (e != BASE_OK || (e = ca_ctl_event(c, -1, answer)) != BASE_OK)
		return e;
	if (json_is_true(json_object_get(*answer, "ok")))
		return BASE_OK;
	name = json_string_value(json_object_get(*answer, "error"));
	message = json_string_value(json_object_get(*answer, "message"));
	return base_fail(base_err_parse(name), "%s",
	    message != NULL ? message : "kedged refused without a reason");
}

void
ca_ctl_close(struct ca_ctl *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	free(c->path);
	free(c->line);
	free(c);
}
