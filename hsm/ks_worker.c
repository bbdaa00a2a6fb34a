/*
 * ks_worker: the front's keystore for one token: starts the worker, hands it
 * the PIN, and waits for each answer no longer than its deadline. A worker
 * that is late, dead or says that its token fails is killed; the caller gets
 * AGAIN, and the next request starts a fresh one. Requests come one by one,
 * so at most one worker loads or logs in at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hsm/backup.h"
#include "hsm/worker.h"

#define END_MS 2000

extern char **environ;

struct proxy {
	const struct hsm_worker_conf *c;
	pid_t pid; /* 0: none runs */
	int fd;
	char **envp; /* of the worker; owned array, lent strings */
	bool locked; /* PIN refused: until restart of kedge-hsmd */
	uint32_t fails; /* in a row */
	struct base_mono next; /* not started again before */
	char *why; /* of the last failure */
	struct base_buf tx, rx;
	unsigned waiting; /* chunks started and not finished */
};

static void
proxy_kill(struct proxy *p)
{
	if (p->pid == 0)
		return;
	close(p->fd);
	p->fd = -1;
	if (kill(p->pid, SIGKILL) != 0 && errno != ESRCH)
		base_die("worker: kill: %s", strerror(errno));
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
	p->waiting = 0;
}

/* Kills and remembers why; what the caller gets is AGAIN. */
static enum base_err
proxy_down(struct proxy *p)
{
	char *why = base_strdup(base_why());
	uint32_t shift = p->fails < 5 ? p->fails : 5;

	free(p->why);
	p->why = why;
	proxy_kill(p);
	p->fails++;
	p->next.ms = base_mono_now().ms + (p->c->backoff_ms << shift);
	base_log(BASE_WARNING, "token %s: worker stopped: %s", p->c->name, why);
	return base_fail(BASE_E_AGAIN,
	    "token %s: %s; the worker was stopped and is started afresh: try "
	    "again",
	    p->c->name, why);
}

/* What is for the front alone: a module has no business with it. */
static bool
env_is_ours(const char *var)
{
	return strncmp(var, "NOTIFY_SOCKET=", 14) == 0 ||
	    strncmp(var, "CREDENTIALS_DIRECTORY=", 22) == 0;
}

static bool
env_is_set(const struct hsm_worker_conf *c, const char *var)
{
	size_t n = strcspn(var, "=") + 1;

	for (char *const *e = c->env; e != NULL && *e != NULL; e++)
		if (strncmp(*e, var, n) == 0)
			return true;
	return false;
}

static char **
env_make(const struct hsm_worker_conf *c)
{
	size_t n = 0, more = 0, at = 0;
	char **envp;

	while (environ[n] != NULL)
		n++;
	while (c->env != NULL && c->env[more] != NULL)
		more++;
	envp = base_alloc((n + more + 1) * sizeof(char *));
	for (size_t i = 0; i < n; i++)
		if (!env_is_ours(environ[i]) && !env_is_set(c, environ[i]))
			envp[at++] = environ[i];
	for (size_t i = 0; i < more; i++)
		envp[at++] = c->env[i];
	return envp;
}

/* In the child, between fork and exec: only what is async-signal-safe. */
static _Noreturn void
proxy_exec(const struct hsm_worker_conf *c, char **envp, int fd)
{
	static char name[] = "kedge-hsmd", flag[] = "--worker";
	char *argv[] = { name, flag, NULL };
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd != HSM_WORKER_FD) {
		if (dup2(fd, HSM_WORKER_FD) < 0)
			_exit(126);
	} else if (fcntl(fd, F_SETFD, 0) != 0)
		_exit(126);
	if (close_range(HSM_WORKER_FD + 1, ~0U, 0) != 0)
		_exit(126);
	execve(c->program != NULL ? c->program : "/proc/self/exe", argv, envp);
	_exit(127);
}

static enum base_err
proxy_spawn(struct proxy *p)
{
	int sv[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0)
		return base_fail(BASE_E_IO, "socketpair: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		proxy_exec(p->c, p->envp, sv[1]);
	close(sv[1]);
	if (pid < 0) {
		close(sv[0]);
		return base_fail(BASE_E_IO, "fork: %s", strerror(errno));
	}
	p->pid = pid;
	p->fd = sv[0];
	return BASE_OK;
}

static enum base_err
proxy_begin(struct proxy *p, enum hsm_worker_op op)
{
	base_buf_clear(&p->tx);
	return base_buf_put_u8(&p->tx, (uint8_t)op);
}

static enum base_err
proxy_send(struct proxy *p, int64_t ms)
{
	enum base_err e = hsm_frame_send(p->fd, base_buf_span(&p->tx), ms);

	base_buf_clear(&p->tx); /* the PIN was in it */
	return e;
}

/* Reads the answer's head; its fields stay in rx. *said: the error is the
 * worker's own word, not that of a broken connection. */
static enum base_err
proxy_recv(struct proxy *p, enum hsm_worker_op op, int64_t ms, bool *said)
{
	uint8_t got_op = 0, err = 0;
	char *why = NULL;
	enum base_err e;

	*said = false;
	if ((e = hsm_frame_recv(p->fd, &p->rx, ms)) != BASE_OK)
		return e;
	if (base_buf_get_u8(&p->rx, &got_op) != BASE_OK ||
	    base_buf_get_u8(&p->rx, &err) != BASE_OK || got_op != op)
		return base_fail(BASE_E_IO, "the worker speaks nonsense");
	if (err == BASE_OK)
		return BASE_OK;
	if (base_buf_get_str(&p->rx, 1024, &why) != BASE_OK)
		return base_fail(BASE_E_IO, "the worker speaks nonsense");
	*said = true;
	/* the token has a name on this side */
	e = base_fail((enum base_err)err, "%s",
	    strncmp(why, "token: ", 7) == 0 ? why + 7 : why);
	free(why);
	return e;
}

static enum base_err
proxy_find(struct proxy *p)
{
	bool said;
	enum base_err e;

	if ((e = proxy_spawn(p)) != BASE_OK ||
	    (e = proxy_begin(p, HSM_W_OPEN)) != BASE_OK ||
	    (e = base_buf_put_str(&p->tx, p->c->module)) != BASE_OK ||
	    (e = base_buf_put_str(&p->tx, p->c->uri)) != BASE_OK ||
	    (e = proxy_send(p, p->c->open_ms)) != BASE_OK)
		return e;
	return proxy_recv(p, HSM_W_OPEN, p->c->open_ms, &said);
}

/* The token was not found: once more with its files as they were before the
 * last login. */
static enum base_err
proxy_find_restored(struct proxy *p)
{
	size_t n = 0;
	char *why = base_strdup(base_why());
	enum base_err e;

	proxy_kill(p);
	e = hsm_backup_restore(p->c->backup_dir, p->c->backup_of, &n);
	if (e == BASE_OK && n > 0) {
		base_log(BASE_WARNING,
		    "token %s: %s; %zu of its files put back from %s",
		    p->c->name, why, n, p->c->backup_dir);
		e = proxy_find(p);
	} else if (e == BASE_OK)
		e = base_fail(BASE_E_NOTFOUND,
		    "%s; its files are those of the copy in %s", why,
		    p->c->backup_dir);
	else
		e = base_fail(e, "%s; no copy to put back (%s)", why,
		    base_why());
	free(why);
	return e;
}

static enum base_err
proxy_login(struct proxy *p)
{
	bool said = false;
	enum base_err e;

	if ((e = proxy_begin(p, HSM_W_LOGIN)) != BASE_OK ||
	    (e = base_buf_put_blob(&p->tx, hsm_pin_span(p->c->pin))) !=
		BASE_OK ||
	    (e = proxy_send(p, p->c->open_ms)) != BASE_OK)
		return e;
	e = proxy_recv(p, HSM_W_LOGIN, p->c->open_ms, &said);
	if (e != BASE_E_DENIED || !said)
		return e;
	p->locked = true;
	free(p->why);
	p->why = base_strdup(base_why());
	proxy_kill(p);
	base_log(BASE_ERR, "token %s: locked out: %s", p->c->name, p->why);
	return base_fail(e, "token %s: %s", p->c->name, p->why);
}

static enum base_err
proxy_start(struct proxy *p)
{
	enum base_err e = proxy_find(p);

	if (e != BASE_OK && p->c->backup_of != NULL)
		e = proxy_find_restored(p);
	if (e == BASE_OK && p->c->backup_of != NULL)
		e = hsm_backup_take(p->c->backup_of, p->c->backup_dir);
	if (e != BASE_OK)
		return proxy_down(p);
	e = proxy_login(p);
	if (e != BASE_OK)
		return p->locked ? e : proxy_down(p);
	p->fails = 0;
	base_log(BASE_NOTICE, "token %s: down -> up, worker %d", p->c->name,
	    (int)p->pid);
	return BASE_OK;
}

/* One that died while nobody asked anything of it is no reason to fail. */
static void
proxy_reap(struct proxy *p)
{
	if (p->pid == 0 || p->waiting > 0 ||
	    waitpid(p->pid, NULL, WNOHANG) != p->pid)
		return;
	base_log(BASE_WARNING, "token %s: worker %d has died", p->c->name,
	    (int)p->pid);
	close(p->fd);
	p->fd = -1;
	p->pid = 0;
}

static enum base_err
proxy_ready(void *ks)
{
	struct proxy *p = ks;
	int64_t left = p->next.ms - base_mono_now().ms;

	proxy_reap(p);
	if (p->locked)
		return base_fail(BASE_E_DENIED, "token %s: locked out: %s",
		    p->c->name, p->why);
	if (p->pid != 0)
		return BASE_OK;
	if (p->fails > 0 && left > 0)
		return base_fail(BASE_E_AGAIN,
		    "token %s: %s; next attempt in %lld ms", p->c->name, p->why,
		    (long long)left);
	return proxy_start(p);
}

/* What to do about an error in the middle of work. A worker that says no for
 * a reason of its own is sane; one whose token fails is not. */
static enum base_err
proxy_judge(struct proxy *p, enum base_err e, bool said)
{
	if (e == BASE_OK)
		return BASE_OK;
	if (said && (e == BASE_E_REFUSED || e == BASE_E_INTEGRITY))
		return base_fail(e, "token %s: %s", p->c->name, base_why());
	return proxy_down(p);
}

static enum base_err
proxy_generate(void *ks, const uint8_t id[HSM_ID], enum wire_alg alg,
    const char *label, struct base_buf *spki)
{
	struct proxy *p = ks;
	struct hsm_key_ref ref = { .alg = alg };
	struct base_span got;
	bool said = false;
	enum base_err e = proxy_ready(p);

	if (e != BASE_OK)
		return e;
	memcpy(ref.id, id, HSM_ID);
	if ((e = proxy_begin(p, HSM_W_GENERATE)) != BASE_OK ||
	    (e = hsm_ref_put(&p->tx, &ref)) != BASE_OK ||
	    (e = base_buf_put_str(&p->tx, label)) != BASE_OK ||
	    (e = proxy_send(p, p->c->keygen_ms)) != BASE_OK ||
	    (e = proxy_recv(p, HSM_W_GENERATE, p->c->keygen_ms, &said)) !=
		BASE_OK ||
	    (e = base_buf_get_blob(&p->rx, &got)) != BASE_OK)
		return proxy_judge(p, e, said);
	if (p->c->backup_of != NULL &&
	    hsm_backup_take(p->c->backup_of, p->c->backup_dir) != BASE_OK)
		base_log(BASE_WARNING, "token %s: copy not taken: %s",
		    p->c->name, base_why());
	return base_buf_put(spki, got.p, got.n);
}

static enum base_err
proxy_sweep(void *ks, const uint8_t id[HSM_ID])
{
	struct proxy *p = ks;
	struct hsm_key_ref ref = { 0 };
	bool said = false;
	enum base_err e = proxy_ready(p);

	if (e != BASE_OK)
		return e;
	memcpy(ref.id, id, HSM_ID);
	if ((e = proxy_begin(p, HSM_W_SWEEP)) == BASE_OK &&
	    (e = hsm_ref_put(&p->tx, &ref)) == BASE_OK &&
	    (e = proxy_send(p, p->c->sign_ms)) == BASE_OK)
		e = proxy_recv(p, HSM_W_SWEEP, p->c->sign_ms, &said);
	return proxy_judge(p, e, said);
}

static enum base_err
proxy_batch_send(struct proxy *p, enum hsm_worker_op op,
    const struct hsm_key_ref *key, struct base_span cert,
    const struct base_span *msgs, size_t n)
{
	enum base_err e;

	if (n > HSM_CHUNK || p->waiting >= (op == HSM_W_SIGN ? HSM_STARTS : 1))
		base_die("token %s: batch out of turn", p->c->name);
	if ((e = proxy_begin(p, op)) != BASE_OK ||
	    (e = hsm_ref_put(&p->tx, key)) != BASE_OK ||
	    (e = base_buf_put_blob(&p->tx, cert)) != BASE_OK ||
	    (e = hsm_spans_put(&p->tx, msgs, n)) != BASE_OK)
		return e;
	return proxy_send(p, p->c->sign_ms);
}

/* Each frame in its own time; none is empty but that of an empty batch. */
static enum base_err
proxy_batch_recv(struct proxy *p, enum hsm_worker_op op, struct base_buf *out,
    size_t n, bool *said)
{
	struct base_span got[HSM_CHUNK];
	size_t at = 0, ngot = 0;
	enum base_err e;

	do {
		if ((e = proxy_recv(p, op, p->c->sign_ms, said)) != BASE_OK ||
		    (e = hsm_spans_get(&p->rx, got, &ngot)) != BASE_OK)
			return e;
		if (ngot > n - at || (ngot == 0 && n > 0))
			return base_fail(BASE_E_IO,
			    "the worker speaks nonsense");
		for (size_t i = 0; i < ngot && e == BASE_OK; i++)
			e = base_buf_put(&out[at++], got[i].p, got[i].n);
	} while (e == BASE_OK && at < n);
	return e;
}

static enum base_err
proxy_sign_start(void *ks, const struct hsm_key_ref *key,
    const struct base_span *msgs, size_t n)
{
	struct proxy *p = ks;
	enum base_err e = proxy_ready(p);

	if (e != BASE_OK)
		return e;
	e = proxy_batch_send(p, HSM_W_SIGN, key, (struct base_span){ 0 }, msgs,
	    n);
	if (e != BASE_OK)
		return proxy_down(p);
	p->waiting++;
	return BASE_OK;
}

static enum base_err
proxy_sign_finish(void *ks, struct base_buf *sigs, size_t n)
{
	struct proxy *p = ks;
	bool said = false;
	enum base_err e;

	if (p->waiting == 0)
		return base_fail(BASE_E_STATE, "token %s: nothing started",
		    p->c->name);
	p->waiting--;
	e = proxy_batch_recv(p, HSM_W_SIGN, sigs, n, &said);
	return proxy_judge(p, e, said);
}

static enum base_err
proxy_cms(void *ks, const struct hsm_key_ref *key, struct base_span cert,
    const struct base_span *contents, size_t n, struct base_buf *out)
{
	struct proxy *p = ks;
	bool said = false;
	enum base_err e = proxy_ready(p);

	if (e != BASE_OK)
		return e;
	e = proxy_batch_send(p, HSM_W_CMS, key, cert, contents, n);
	if (e == BASE_OK)
		e = proxy_batch_recv(p, HSM_W_CMS, out, n, &said);
	return proxy_judge(p, e, said);
}

/* Lets the worker log out: it ends when its socket does. */
static void
proxy_end(struct proxy *p)
{
	struct pollfd w = { .fd = -1, .events = POLLIN };

	if (p->pid == 0)
		return;
	(void)shutdown(p->fd, SHUT_RDWR);
	w.fd = pidfd_open(p->pid, 0);
	if (w.fd >= 0) {
		(void)poll(&w, 1, END_MS);
		close(w.fd);
	}
	proxy_kill(p);
}

static void
proxy_free(void *ks)
{
	struct proxy *p = ks;

	proxy_end(p);
	free(p->envp);
	base_buf_free(&p->tx);
	base_buf_free(&p->rx);
	free(p->why);
	free(p);
}

static const struct hsm_ks_ops proxy_ops = {
	.generate = proxy_generate,
	.sweep = proxy_sweep,
	.sign_start = proxy_sign_start,
	.sign_finish = proxy_sign_finish,
	.cms = proxy_cms,
	.ready = proxy_ready,
	.free = proxy_free,
};

struct hsm_ks *
hsm_ks_worker_new(const struct hsm_worker_conf *c)
{
	struct hsm_ks *k = base_alloc(sizeof(*k));
	struct proxy *p = base_alloc(sizeof(*p));

	p->c = c;
	p->envp = env_make(c);
	p->fd = -1;
	base_buf_init(&p->tx, HSM_WORKER_FRAME);
	base_buf_init(&p->rx, HSM_WORKER_FRAME);
	k->ops = &proxy_ops;
	k->ks = p;
	return k;
}

const char *
hsm_ks_worker_state(const struct hsm_ks *k, pid_t *pid)
{
	const struct proxy *p = k->ks;

	*pid = p->pid;
	return p->locked ? "locked-out" : p->pid != 0 ? "up" : "down";
}
