/*
 * agentd/porch: where a node that joins through this relay calls, and waits
 * for the CA's answer, which comes back as a parcel. It is nobody yet: what it
 * may do is in guests.c, and what it says is sealed. Used by net.c and
 * listen.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agentd/guests.h"
#include "agentd/net_impl.h"

/* Then it is told to ask again: its connection has a time-out of its own. */
#define WAIT_MS 25000u

struct visit {
	LIST_ENTRY(visit) entry;
	struct ag_porch *porch;
	struct wire_request *request;
	struct event *timer;
	char node[BASE_NAME_MAX + 1];
};

struct ag_porch {
	struct ag_net *net;
	struct ag_guests *guests;
	LIST_HEAD(, visit) visits; /* one of each guest at most */
};

struct ag_porch *
ag_porch_new(struct ag_net *n)
{
	struct ag_porch *p = base_alloc(sizeof *p);

	p->net = n;
	p->guests = ag_guests_new(n->c.conf);
	LIST_INIT(&p->visits);
	return p;
}

/* ---- answers --------------------------------------------------------------------- */

static void
visit_free(struct visit *v)
{
	LIST_REMOVE(v, entry);
	event_free(v->timer);
	free(v);
}

static void
say(struct wire_request *r, int status)
{
	const char *why = base_why();

	wire_request_answer(r, status,
	    (struct base_span){ (const uint8_t *)why, strlen(why) });
}

static void
visit_over(struct visit *v)
{
	struct wire_request *r = v->request;

	(void)base_fail(BASE_E_TIMEOUT, "join: no answer of the CA yet");
	visit_free(v);
	say(r, 503);
}

static void
on_wait_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	visit_over(arg);
}

static struct visit *
visit_find(const struct ag_porch *p, const char *node)
{
	struct visit *v;

	LIST_FOREACH(v, &p->visits, entry)
		if (strcmp(v->node, node) == 0)
			return v;
	return NULL;
}

static void
hold(struct ag_porch *p, struct wire_request *r, const char *node)
{
	struct timeval tv = { WAIT_MS / 1000, 0 };
	struct visit *v = visit_find(p, node);

	/* an earlier call is stale */
	if (v != NULL)
		visit_over(v);
	v = base_alloc(sizeof *v);
	v->porch = p;
	v->request = r;
	strcpy(v->node, node);
	v->timer = evtimer_new(p->net->c.eb, on_wait_over, v);
	if (v->timer == NULL || evtimer_add(v->timer, &tv) != 0)
		base_die("porch: out of memory");
	LIST_INSERT_HEAD(&p->visits, v, entry);
	wire_request_set_data(r, v);
	/* one call of each: while they wait they keep nobody else out */
	wire_request_vouch_once(r);
}

/* ---- calls -------------------------------------------------------------------------- */

/* Why not: 503 is "ask again", of which there is no end before the token's. A
 * relay cannot say no for good, only the CA can. */
static int
status_of(enum base_err e)
{
	if (e == BASE_E_DENIED)
		return 403;
	return e == BASE_E_SYNTAX ? 400 : 503;
}

static enum base_err
call(struct ag_porch *p, struct wire_request *r, const struct wire_join_call *c)
{
	struct wire_parcel up;
	struct base_buf answer;
	enum base_err e;

	if ((e = ag_guests_call(p->guests, c, base_time_now(), &up)) != BASE_OK)
		return e;
	if (c->sealed.n == 0) {
		wire_request_answer(r, 200,
		    ag_guests_invitation(p->guests, c->node));
		return BASE_OK;
	}
	if (ag_guests_answer(p->guests, c->node, &answer)) {
		wire_request_answer(r, 200, base_buf_span(&answer));
		base_buf_free(&answer);
		wire_parcel_clear(&up);
		return BASE_OK;
	}
	if ((e = ag_net_forward(p->net, c->node, &up)) == BASE_OK)
		hold(p, r, c->node);
	wire_parcel_clear(&up);
	return e;
}

void
ag_porch_request(struct ag_porch *p, struct wire_request *r,
    struct base_span body)
{
	struct wire_join_call c;
	enum base_err e = wire_join_call_parse(body, &c);

	if (e == BASE_OK)
		e = call(p, r, &c);
	if (e != BASE_OK) {
		base_log(BASE_WARNING, "%s", base_why());
		say(r, status_of(e));
	}
	wire_join_call_clear(&c);
}

bool
ag_porch_gone(struct ag_porch *p, struct wire_request *r)
{
	const void *data = wire_request_data(r);
	struct visit *v;

	LIST_FOREACH(v, &p->visits, entry)
		if (v == data) {
			visit_free(v);
			return true;
		}
	return false;
}

void
ag_porch_clear(struct ag_porch *p)
{
	while (!LIST_EMPTY(&p->visits))
		visit_over(LIST_FIRST(&p->visits));
}

/* ---- what the CA sends ------------------------------------------------------------------ */

static enum base_err
take_answer(struct ag_porch *p, const struct wire_parcel *a)
{
	const char *node = a->route[a->nroute - 1];
	struct visit *v = visit_find(p, node);
	struct wire_request *r;

	if (v == NULL)
		return ag_guests_keep(p->guests, node,
		    base_buf_span(&a->content), base_time_now());
	r = v->request;
	ag_guests_answered(p->guests, node);
	visit_free(v);
	wire_request_set_data(r, NULL);
	wire_request_answer(r, 200, base_buf_span(&a->content));
	return BASE_OK;
}

void
ag_porch_take(struct ag_porch *p, const struct wire_parcel *a)
{
	const struct ag_root *m =
	    ag_holdings_find(p->net->c.holdings, AG_MANAGEMENT);
	STACK_OF(X509) *trust = ag_bundle_stack(m->bundle);
	enum base_err e;

	e = a->kind == WIRE_P_INVITE
	    ? ag_guests_invite(p->guests, a, trust, base_time_now())
	    : take_answer(p, a);
	if (e != BASE_OK)
		base_log(BASE_WARNING, "%s", base_why());
	sk_X509_pop_free(trust, X509_free);
}

void
ag_porch_free(struct ag_porch *p)
{
	if (p == NULL)
		return;
	while (!LIST_EMPTY(&p->visits))
		visit_free(LIST_FIRST(&p->visits));
	ag_guests_free(p->guests);
	free(p);
}
