/*
 * server: see the header. Called by hsmd_main.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hsm/server.h"

#define CONNS	  64
#define APPROVERS 8 /* of these */
#define READ_SIZE ((size_t)1 << 16)

struct conn {
	int fd; /* -1: free */
	uint32_t uid;
	struct base_buf in, out;
	size_t sent; /* of out */
	struct base_mono since; /* half a request, or an answer not taken */
	bool closing; /* after out is sent */
};

struct hsm_server {
	struct hsm_core *core;
	char *path;
	int fd;
	struct base_mono strangers; /* none is recorded before */
	struct conn conn[CONNS];
};

static void
conn_close(struct conn *k)
{
	close(k->fd);
	k->fd = -1;
	base_buf_free(&k->in);
	base_buf_free(&k->out);
	k->sent = 0;
	k->closing = false;
}

/* A record a minute says enough, and does not let strangers fill the disk. */
static void
server_stranger(struct hsm_server *s, uint32_t uid)
{
	struct base_mono now = base_mono_now();

	if (now.ms < s->strangers.ms)
		return;
	s->strangers.ms = now.ms + 60000;
	hsm_core_garbage(s->core, uid,
	    "connection: this user is not in uids or approvers");
}

/* Approvers leave room for kedged. */
static bool
server_is_crowded(const struct hsm_server *s, uint32_t uid)
{
	const struct hsm_conf *conf = s->core->conf;
	int n = 0;

	for (size_t i = 0; i < CONNS; i++)
		n += s->conn[i].fd >= 0 &&
		    hsm_conf_is_approver(conf, s->conn[i].uid);
	return hsm_conf_is_approver(conf, uid) && n >= APPROVERS;
}

static void
server_accept(struct hsm_server *s)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 ||
	    !(hsm_conf_is_asker(s->core->conf, cred.uid) ||
		hsm_conf_is_approver(s->core->conf, cred.uid))) {
		server_stranger(s, cred.uid);
		close(fd);
		return;
	}
	if (server_is_crowded(s, cred.uid)) {
		hsm_core_garbage(s->core, cred.uid,
		    "connection: approvers have too many open");
		close(fd);
		return;
	}
	for (size_t i = 0; i < CONNS; i++) {
		struct conn *k = &s->conn[i];

		if (k->fd >= 0)
			continue;
		k->fd = fd;
		k->uid = cred.uid;
		k->since.ms = 0;
		base_buf_init(&k->in, WIRE_HSM_FRAME + 4 + READ_SIZE);
		base_buf_init(&k->out, 2 * (WIRE_HSM_FRAME + 4));
		return;
	}
	base_log(BASE_WARNING, "connection: refused, %d are open", CONNS);
	close(fd);
}

static enum base_err
conn_answer(struct conn *k, const struct wire_hsm_answer *a)
{
	struct base_buf msg;
	enum base_err e;

	base_buf_init(&msg, WIRE_HSM_FRAME);
	if ((e = wire_hsm_answer_compose(a, &msg)) == BASE_OK)
		e = wire_hsm_frame_put(&k->out, base_buf_span(&msg));
	base_buf_free(&msg);
	return e;
}

static void
conn_handle(struct hsm_server *s, struct conn *k, struct base_span msg)
{
	struct wire_hsm_request r;
	struct wire_hsm_answer a;

	if (wire_hsm_request_parse(msg, &r) != BASE_OK) {
		hsm_core_garbage(s->core, k->uid, base_why());
		k->closing = true;
		return;
	}
	hsm_core_handle(s->core, k->uid, &r, &a);
	if (conn_answer(k, &a) != BASE_OK) {
		/* too large for a frame: the batch must be smaller */
		wire_hsm_answer_clear(&a);
		a.type = r.type;
		a.id = r.id;
		a.err = BASE_E_RANGE;
		strcpy(a.why, "answer: too large; ask for a smaller batch");
		if (conn_answer(k, &a) != BASE_OK)
			k->closing = true;
	}
	wire_hsm_answer_clear(&a);
	wire_hsm_request_clear(&r);
}

/* Takes whole messages out of in, as long as answers are taken too. */
static void
conn_work(struct hsm_server *s, struct conn *k)
{
	while (!k->closing && k->out.n == 0 && k->in.n > 0) {
		struct base_span msg, rest;
		size_t used = 0;
		enum base_err e =
		    wire_hsm_frame_get(base_buf_span(&k->in), &msg, &used);

		if (e == BASE_E_AGAIN)
			return;
		if (e != BASE_OK) {
			hsm_core_garbage(s->core, k->uid, base_why());
			k->closing = true;
			return;
		}
		conn_handle(s, k, msg);
		k->since.ms = 0;
		rest = (struct base_span){ k->in.p + used, k->in.n - used };
		if (rest.n > 0)
			memmove(k->in.p, rest.p, rest.n);
		base_wipe(k->in.p + rest.n, used);
		k->in.n = rest.n;
	}
}

static void
conn_read(struct hsm_server *s, struct conn *k)
{
	static uint8_t part[READ_SIZE];
	ssize_t n = recv(k->fd, part, sizeof(part), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || base_buf_put(&k->in, part, (size_t)n) != BASE_OK) {
		conn_close(k);
		return;
	}
	base_wipe(part, (size_t)n);
	conn_work(s, k);
}

static void
conn_write(struct hsm_server *s, struct conn *k)
{
	ssize_t n =
	    send(k->fd, k->out.p + k->sent, k->out.n - k->sent, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		conn_close(k);
		return;
	}
	k->sent += (size_t)n;
	if (k->sent < k->out.n)
		return;
	base_buf_clear(&k->out);
	k->sent = 0;
	conn_work(s, k);
}

/* Every caller is to be done with its message in time: there is room for a
 * few only. */
static void
conn_age(struct hsm_server *s, struct conn *k, struct base_mono now)
{
	if (k->fd < 0 || (k->in.n == 0 && k->out.n == 0)) {
		k->since.ms = 0;
	} else if (k->since.ms == 0) {
		k->since = now;
	} else if (now.ms - k->since.ms >= s->core->conf->client_ms) {
		base_log(BASE_WARNING, "uid %u: hung up on: %s in time", k->uid,
		    k->out.n > 0 ? "its answer was not taken"
				 : "its request did not end");
		conn_close(k);
	}
}

/* How long to sleep at most: a tenth of the deadline is exact enough. */
static const struct timespec *
server_age(struct hsm_server *s, struct timespec *ts)
{
	const struct base_mono now = base_mono_now();
	const uint32_t ms = s->core->conf->client_ms / 10;
	bool busy = false;

	for (size_t i = 0; i < CONNS; i++) {
		conn_age(s, &s->conn[i], now);
		busy = busy || s->conn[i].since.ms != 0;
	}
	*ts = (struct timespec){ ms / 1000, (ms % 1000) * 1000000L };
	return busy ? ts : NULL;
}

static void
server_serve(struct hsm_server *s, const struct pollfd *p)
{
	if (p[0].revents != 0)
		server_accept(s);
	for (size_t i = 0; i < CONNS; i++) {
		struct conn *k = &s->conn[i];
		short re = p[i + 1].revents;

		if (k->fd < 0 || p[i + 1].fd != k->fd || re == 0)
			continue;
		if (re & POLLOUT)
			conn_write(s, k);
		else if (re & (POLLIN | POLLHUP | POLLERR))
			conn_read(s, k);
		if (k->fd >= 0 && k->closing && k->out.n == 0)
			conn_close(k);
	}
}

enum base_err
hsm_server_run(struct hsm_server *s, const volatile bool *stop)
{
	struct pollfd p[CONNS + 1];
	struct timespec ts;
	sigset_t none;

	sigemptyset(&none);
	while (!*stop) {
		const struct timespec *wait = server_age(s, &ts);
		int n;

		p[0] = (struct pollfd){ s->fd, POLLIN, 0 };
		for (size_t i = 0; i < CONNS; i++) {
			const struct conn *k = &s->conn[i];

			/* an answer that is not taken stops the reading */
			p[i + 1] = (struct pollfd){ k->fd,
				k->out.n > 0 ? POLLOUT : POLLIN, 0 };
		}
		/* signals come in only here: stop is never missed */
		n = ppoll(p, CONNS + 1, wait, &none);
		if (n > 0)
			server_serve(s, p);
		else if (n < 0 && errno != EINTR)
			return base_fail(BASE_E_IO, "poll: %s",
			    strerror(errno));
	}
	return BASE_OK;
}

/* A socket without a listener is a leftover; one with a listener is not
 * ours to take. */
static enum base_err
server_clear_path(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd;
	bool alive;

	if (lstat(sa->sun_path, &st) != 0)
		return BASE_OK;
	if (!S_ISSOCK(st.st_mode))
		return base_fail(BASE_E_CONFIG, "%s: exists and is no socket",
		    sa->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	alive = fd >= 0 &&
	    connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;
	if (fd >= 0)
		close(fd);
	if (alive)
		return base_fail(BASE_E_STATE,
		    "%s: somebody listens there already", sa->sun_path);
	if (unlink(sa->sun_path) != 0)
		return base_fail(BASE_E_IO, "%s: %s", sa->sun_path,
		    strerror(errno));
	return BASE_OK;
}

static enum base_err
server_listen(struct hsm_server *s)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	/* SO_PEERCRED decides, not the mode; alone we need no other user */
	mode_t mode =
	    s->core->conf->nuids + s->core->conf->napprovers == 0 ? 0600 : 0666;
	enum base_err e;

	if (strlen(s->path) >= sizeof(sa.sun_path))
		return base_fail(BASE_E_CONFIG,
		    "%s: path too long for a socket", s->path);
	strcpy(sa.sun_path, s->path);
	if ((e = server_clear_path(&sa)) != BASE_OK)
		return e;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 ||
	    bind(s->fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    chmod(s->path, mode) != 0 || listen(s->fd, 16) != 0)
		return base_fail(BASE_E_IO, "%s: %s", s->path, strerror(errno));
	return BASE_OK;
}

enum base_err
hsm_server_open(struct hsm_core *core, const char *path,
    struct hsm_server **out)
{
	struct hsm_server *s = base_alloc(sizeof(*s));
	enum base_err e;

	s->core = core;
	s->path = base_strdup(path);
	s->fd = -1;
	for (size_t i = 0; i < CONNS; i++)
		s->conn[i].fd = -1;
	if ((e = server_listen(s)) != BASE_OK) {
		hsm_server_close(s);
		return e;
	}
	*out = s;
	return BASE_OK;
}

void
hsm_server_close(struct hsm_server *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < CONNS; i++)
		if (s->conn[i].fd >= 0)
			conn_close(&s->conn[i]);
	if (s->fd >= 0) {
		(void)unlink(s->path);
		close(s->fd);
	}
	free(s->path);
	free(s);
}
