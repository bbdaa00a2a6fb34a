/*
 * agentd/agent: puts the parts together: store, work, connections. The loop
 * ends with a signal. Used by agentd_main.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agentd/courier.h"
#include "agentd/join.h"
#include "agentd/main.h"
#include "agentd/net.h"
#include "wire/net.h"

#define FILE_MAX ((size_t)2 << 20)
#define CARRY_S	 600 /* no canary lives longer */

struct ag_agent {
	struct ag_config *conf;
	struct event_base *eb;
	struct ag_store *store;
	struct ag_holdings holdings;
	struct ag_work *work;
	struct ag_net *net;
	struct ag_courier *courier; /* instead of net */
	struct event *term, *intr;
	int lock;
	bool ended; /* by a signal */
};

/* ---- between the parts -------------------------------------------------------------- */

static void
on_send(void *arg, struct wire_parcel *p)
{
	struct ag_agent *a = arg;

	if (a->net != NULL)
		ag_net_send(a->net, p);
	else if (a->courier != NULL)
		ag_courier_put(a->courier, p);
}

static void
on_changed(void *arg, const char *root)
{
	struct ag_agent *a = arg;

	if (a->net != NULL)
		ag_net_refresh(a->net, root);
}

static uint16_t
own_port(void *arg)
{
	const struct ag_agent *a = arg;

	return a->net == NULL ? 0 : ag_net_management_port(a->net);
}

/* Whose parcels go by file cannot call the CA, however long it waits. */
static enum base_err
own_tls(void *arg, SSL_CTX **out)
{
	const struct ag_agent *a = arg;

	*out = NULL;
	if (a->courier != NULL)
		return BASE_OK;
	return a->net == NULL ? base_fail(BASE_E_AGAIN, "not running yet")
			      : ag_net_ca_ctx(a->net, out);
}

static void
on_local(void *arg, const struct wire_parcel *p)
{
	struct ag_agent *a = arg;
	enum base_err e;

	switch (p->kind) {
	case WIRE_P_ORDER:
		e = ag_work_order(a->work, p, false);
		base_log(BASE_DEBUG, "order: %s", base_err_name(e));
		break;
	case WIRE_P_ACK:
		ag_work_ack(a->work, p);
		break;
	case WIRE_P_REPORT:
	case WIRE_P_STOCK:
	case WIRE_P_JOIN:
	case WIRE_P_JOIN_ANSWER:
	case WIRE_P_INVITE:
	case WIRE_P_HANDED:
		base_log(BASE_WARNING, "parcel: nothing for a node");
		break;
	}
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct ag_agent *a = arg;

	(void)what;
	base_log(BASE_NOTICE, "signal %d: end", (int)sig);
	a->ended = true;
	base_notify("STOPPING=1");
	event_base_loopbreak(a->eb);
}

/* ---- begin, end ------------------------------------------------------------------------ */

/* Two agents on one store would overtake each other. */
static enum base_err
lock_store(struct ag_agent *a)
{
	char *path = base_asprintf("%s/lock", a->store->dir);
	enum base_err e = BASE_OK;

	a->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (a->lock < 0 || flock(a->lock, LOCK_EX | LOCK_NB) != 0)
		e = base_fail(BASE_E_STATE, "%s: %s", path,
		    errno == EWOULDBLOCK ? "another agent runs on this store"
					 : strerror(errno));
	free(path);
	return e;
}

static void
set_signals(struct ag_agent *a)
{
	signal(SIGPIPE, SIG_IGN);
	a->term = evsignal_new(a->eb, SIGTERM, on_signal, a);
	a->intr = evsignal_new(a->eb, SIGINT, on_signal, a);
	if (a->term == NULL || a->intr == NULL ||
	    evsignal_add(a->term, NULL) != 0 ||
	    evsignal_add(a->intr, NULL) != 0)
		base_die("agent: out of memory");
}

enum base_err
ag_agent_open(const char *config, struct ag_agent **out)
{
	struct ag_agent *a = base_alloc(sizeof *a);
	enum base_err e;

	a->lock = -1;
	a->eb = event_base_new();
	if (a->eb == NULL)
		base_die("agent: no event loop");
	set_signals(a);
	if ((e = ag_config_read(config, &a->conf)) != BASE_OK ||
	    (e = ag_store_open(a->conf->store, &a->store)) != BASE_OK ||
	    (e = lock_store(a)) != BASE_OK ||
	    (e = ag_holdings_open(a->store, a->conf, &a->holdings)) != BASE_OK)
		goto out;
	a->work = ag_work_new(&(struct ag_work_conf){
	    .eb = a->eb,
	    .conf = a->conf,
	    .store = a->store,
	    .holdings = &a->holdings,
	    .send = on_send,
	    .changed = on_changed,
	    .port = own_port,
	    .tls = own_tls,
	    .arg = a,
	});
	*out = a;
	a = NULL;
out:
	ag_agent_close(a);
	return e;
}

void
ag_agent_close(struct ag_agent *a)
{
	if (a == NULL)
		return;
	ag_work_free(a->work);
	ag_net_close(a->net);
	ag_courier_free(a->courier);
	ag_holdings_close(&a->holdings);
	ag_store_close(a->store);
	ag_config_free(a->conf);
	if (a->lock >= 0)
		close(a->lock);
	event_free(a->term);
	event_free(a->intr);
	wire_loop_free(a->eb);
	free(a);
}

/* ---- join --------------------------------------------------------------------------------- */

bool
ag_agent_is_joined(const struct ag_agent *a)
{
	return ag_join_is_done(&a->holdings);
}

static struct ag_join_conf
join_conf(struct ag_agent *a, const struct wire_token *t)
{
	return (struct ag_join_conf){ a->conf, a->store, &a->holdings, t };
}

static void
on_pause(evutil_socket_t fd, short what, void *arg)
{
	struct ag_agent *a = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(a->eb);
}

/* The CA may start after the node: what is no refusal is tried again. */
static enum base_err
call_until(struct ag_agent *a, const struct ag_join_conf *c,
    struct base_span request, struct base_buf *answer)
{
	uint32_t ms = a->conf->retry_ms;
	enum base_err e;

	while ((e = ag_join_call(c, a->eb, request, answer)) != BASE_OK) {
		struct timeval tv = { ms / 1000,
			(suseconds_t)(ms % 1000) * 1000 };

		if (a->ended || (e != BASE_E_IO && e != BASE_E_TIMEOUT))
			return e;
		base_log(BASE_WARNING, "join: %s", base_why());
		event_base_once(a->eb, -1, EV_TIMEOUT, on_pause, a, &tv);
		event_base_dispatch(a->eb);
		ms = ms * 2 > a->conf->retry_ms * 16 ? ms : ms * 2;
		if (a->ended)
			return base_fail(BASE_E_STATE, "join: interrupted");
	}
	return e;
}

enum base_err
ag_agent_join(struct ag_agent *a, const struct wire_token *t)
{
	struct ag_join_conf c = join_conf(a, t);
	struct base_buf request, answer;
	enum base_err e;

	base_buf_init(&request, FILE_MAX);
	base_buf_init(&answer, FILE_MAX);
	if ((e = ag_join_request(&c, &request)) == BASE_OK &&
	    (e = call_until(a, &c, base_buf_span(&request), &answer)) ==
		BASE_OK)
		e = ag_join_take(&c, a->work, base_buf_span(&answer));
	base_buf_free(&request);
	base_buf_free(&answer);
	return e;
}

enum base_err
ag_agent_join_request(struct ag_agent *a, const struct wire_token *t,
    const char *out)
{
	struct ag_join_conf c = join_conf(a, t);
	struct base_buf request;
	enum base_err e;

	base_buf_init(&request, FILE_MAX);
	if ((e = ag_join_request(&c, &request)) == BASE_OK)
		e = base_file_write(out, base_buf_span(&request), 0600);
	base_buf_free(&request);
	return e;
}

enum base_err
ag_agent_join_answer(struct ag_agent *a, const struct wire_token *t,
    const char *in)
{
	struct ag_join_conf c = join_conf(a, t);
	struct base_buf answer;
	enum base_err e;

	base_buf_init(&answer, FILE_MAX);
	if ((e = base_file_read(in, FILE_MAX, &answer)) == BASE_OK)
		e = ag_join_take(&c, a->work, base_buf_span(&answer));
	base_buf_free(&answer);
	return e;
}

/* ---- parcels as files ----------------------------------------------------------------- */

/* Until nothing is in work, and what was put off for a moment has been said. */
static enum base_err
work_off(struct ag_agent *a)
{
	static const struct timeval patience = { CARRY_S, 0 };
	struct base_mono end = { base_mono_now().ms + CARRY_S * 1000 };

	event_base_once(a->eb, -1, EV_TIMEOUT, on_pause, a, &patience);
	event_base_loop(a->eb, EVLOOP_NONBLOCK);
	while (!a->ended && !ag_work_is_idle(a->work) &&
	    base_mono_now().ms < end.ms)
		event_base_loop(a->eb, EVLOOP_ONCE);
	event_base_loop(a->eb, EVLOOP_NONBLOCK);
	return ag_work_is_idle(a->work)
	    ? BASE_OK
	    : base_fail(BASE_E_TIMEOUT,
		  "an order is in work still; it goes on with the next "
		  "--parcel-export, or when the agent runs");
}

static enum base_err
take_file(struct ag_agent *a, const char *in)
{
	struct base_buf file;
	enum base_err e;

	base_buf_init(&file, AG_COURIER_MAX);
	if ((e = base_file_read(in, AG_COURIER_MAX, &file)) == BASE_OK &&
	    (e = ag_courier_take(a->courier, a->work, base_time_now(),
		 base_buf_span(&file))) != BASE_OK)
		e = base_fail(e, "%s: %s", in, base_why());
	base_buf_free(&file);
	return e;
}

static enum base_err
write_file(struct ag_agent *a, const char *out)
{
	struct base_buf file;
	enum base_err e;

	base_buf_init(&file, 0);
	if ((e = ag_courier_write(a->courier, &file)) == BASE_OK)
		e = base_file_write(out, base_buf_span(&file), 0600);
	base_buf_free(&file);
	return e;
}

/* An order that is refused is answered: the file is written all the same. */
enum base_err
ag_agent_carry(struct ag_agent *a, const char *in, const char *out)
{
	char why[400] = "";
	enum base_err e = BASE_OK, r;

	a->courier = ag_courier_new(a->conf, &a->holdings);
	ag_work_resume(a->work);
	if (in != NULL && (e = take_file(a, in)) != BASE_OK)
		strncpy(why, base_why(), sizeof why - 1);
	if ((r = work_off(a)) != BASE_OK && e == BASE_OK) {
		e = r;
		strncpy(why, base_why(), sizeof why - 1);
	}
	if (out != NULL && (r = write_file(a, out)) != BASE_OK)
		return r;
	return e == BASE_OK ? e : base_fail(e, "%s", why);
}

/* ---- run ---------------------------------------------------------------------------------- */

enum base_err
ag_agent_run(struct ag_agent *a)
{
	struct ag_net_conf c = {
		.eb = a->eb,
		.conf = a->conf,
		.holdings = &a->holdings,
		.local = on_local,
		.arg = a,
	};
	enum base_err e;

	if ((e = ag_net_open(&c, &a->net)) != BASE_OK)
		return e;
	ag_work_resume(a->work);
	base_notify("READY=1");
	base_log(BASE_NOTICE, "node %s of fleet %s: ready", a->conf->node,
	    a->conf->fleet);
	if (event_base_dispatch(a->eb) < 0)
		return base_fail(BASE_E_IO, "agent: event loop: %m");
	return BASE_OK;
}
