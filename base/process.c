/*
 * process: what a daemon needs from the system around it: secrets handed in
 * by descriptor or systemd credential, sd_notify(3), no core dumps.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"

/* One byte at a time: nothing after the line is taken from a pipe, and no
 * copy is left in a larger buffer. */
static enum base_err
secret_read_line(int fd, size_t max, struct base_buf *b)
{
	enum base_err r = BASE_OK;
	unsigned char c = 0;
	ssize_t n;

	do {
		n = read(fd, &c, 1);
		if (n == 0 || (n == 1 && c == '\n'))
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = base_fail(BASE_E_IO, "secret: cannot read: %m");
		else if (b->n >= max)
			r = base_fail(BASE_E_RANGE,
			    "secret: longer than %zu bytes", max);
		else if (c < 0x20 || c == 0x7f)
			r = base_fail(BASE_E_SYNTAX,
			    "secret: control byte "
			    "in it; give one line of text");
		else
			r = base_buf_put_u8(b, c);
	} while (r == BASE_OK);
	base_wipe(&c, sizeof(c));
	return r;
}

enum base_err
base_secret_read_fd(int fd, size_t max, struct base_buf *b)
{
	enum base_err r;

	base_buf_clear(b);
	r = secret_read_line(fd, max, b);
	if (r == BASE_OK && b->n == 0)
		r = base_fail(BASE_E_SYNTAX, "secret: empty");
	if (r != BASE_OK)
		base_buf_clear(b);
	close(fd);
	return r;
}

enum base_err
base_secret_read_credential(const char *name, size_t max, struct base_buf *b)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path;
	int fd;

	if (dir == NULL)
		return base_fail(BASE_E_NOTFOUND,
		    "secret: no credential %s: CREDENTIALS_DIRECTORY is "
		    "unset; start by systemd with LoadCredential=%s:FILE",
		    name, name);
	if (!base_name_is_valid(name))
		return base_fail(BASE_E_SYNTAX,
		    "secret: \"%.80s\" is no credential name", name);
	path = base_asprintf("%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	free(path);
	if (fd < 0)
		return base_fail(errno == ENOENT ? BASE_E_NOTFOUND : BASE_E_IO,
		    "secret: cannot open credential %s: %m; "
		    "LoadCredential=%s:FILE in the service provides it",
		    name, name);
	return base_secret_read_fd(fd, max, b);
}

void
base_notify(const char *state)
{
	const char *where = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = where != NULL ? strlen(where) : 0;
	socklen_t len;
	int fd;

	if (n == 0)
		return;
	if ((where[0] != '/' && where[0] != '@') || n >= sizeof(sun.sun_path)) {
		base_log(BASE_WARNING, "notify: NOTIFY_SOCKET is no address");
		return;
	}
	memcpy(sun.sun_path, where, n);
	if (where[0] == '@')
		sun.sun_path[0] = '\0'; /* abstract */
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		(const struct sockaddr *)&sun, len) < 0)
		base_log(BASE_WARNING,
		    "notify: cannot tell the supervisor: "
		    "%m");
	if (fd >= 0)
		close(fd);
}

void
base_harden_memory(void)
{
	struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    setrlimit(RLIMIT_CORE, &none) != 0)
		base_die("process: cannot forbid core dumps: %m");
}
