/*
 * agentd/guests: see guests.h. An invitation is taken as the CA gives it; it
 * is not kept on disk, for the CA gives it again.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agentd/guests.h"

#define WINDOW_MS 60000

struct guest {
	LIST_ENTRY(guest) entry;
	struct wire_invite invite;
	struct base_buf cms; /* of the invitation */
	struct base_buf answer; /* nobody waited for it */
	uint8_t nroute; /* its way from the CA, this node before the last */
	char route[WIRE_ROUTE_MAX][BASE_NAME_MAX + 1];
	bool answered; /* its place is free when another needs one */
	struct base_time window; /* of the count */
	unsigned calls;
};

struct ag_guests {
	const struct ag_config *conf;
	LIST_HEAD(, guest) list;
	size_t n;
};

struct ag_guests *
ag_guests_new(const struct ag_config *conf)
{
	struct ag_guests *g = base_alloc(sizeof *g);

	g->conf = conf;
	LIST_INIT(&g->list);
	return g;
}

static void
guest_free(struct ag_guests *g, struct guest *t)
{
	LIST_REMOVE(t, entry);
	g->n--;
	wire_invite_clear(&t->invite);
	base_buf_free(&t->cms);
	base_buf_free(&t->answer);
	free(t);
}

static struct guest *
find(const struct ag_guests *g, const char *node)
{
	struct guest *t;

	LIST_FOREACH(t, &g->list, entry)
		if (strcmp(t->invite.node, node) == 0)
			return t;
	return NULL;
}

static void
drop_ended(struct ag_guests *g, struct base_time now)
{
	struct guest *t = LIST_FIRST(&g->list), *after;

	for (; t != NULL; t = after) {
		after = LIST_NEXT(t, entry);
		if (t->invite.expires.ms <= now.ms)
			guest_free(g, t);
	}
}

/* ---- invitations ---------------------------------------------------------------- */

static enum base_err
invite_check(const struct ag_guests *g, const struct wire_parcel *p,
    const struct wire_invite *v, struct base_time now)
{
	const char *node = g->conf->node;

	if (strcmp(v->fleet, g->conf->fleet) != 0 ||
	    strcmp(v->relay, node) != 0 || strcmp(v->node, node) == 0)
		return base_fail(BASE_E_DENIED,
		    "invitation: for relay %s of fleet %s, this is %s of %s",
		    v->relay, v->fleet, node, g->conf->fleet);
	if (v->expires.ms <= now.ms)
		return base_fail(BASE_E_EXPIRED, "invitation of %s: is over",
		    v->node);
	if (!ag_config_accepts(g->conf, v->node))
		return base_fail(BASE_E_REFUSED,
		    "invitation: %s is not in relay.accept of %s; add it "
		    "there if it is to join through this relay",
		    v->node, node);
	if (p->nroute + 1 > WIRE_ROUTE_MAX)
		return base_fail(BASE_E_RANGE, "invitation of %s: too far",
		    v->node);
	return BASE_OK;
}

/* Of those who have their answer, who came first. One whose answer was lost on
 * the last step has to ask for another token. */
static void
drop_answered(struct ag_guests *g)
{
	struct guest *t, *first = NULL;

	LIST_FOREACH(t, &g->list, entry)
		if (t->answered)
			first = t;
	if (first != NULL)
		guest_free(g, first);
}

static enum base_err
guest_for(struct ag_guests *g, const char *node, struct base_time now,
    struct guest **out)
{
	*out = find(g, node);
	if (*out != NULL)
		return BASE_OK;
	drop_ended(g, now);
	if (g->n == AG_GUESTS_MAX)
		drop_answered(g);
	if (g->n == AG_GUESTS_MAX)
		return base_fail(BASE_E_RANGE,
		    "invitation of %s: %d nodes are expected already", node,
		    AG_GUESTS_MAX);
	*out = base_alloc(sizeof **out);
	base_buf_init(&(*out)->cms, 0);
	base_buf_init(&(*out)->answer, 0);
	LIST_INSERT_HEAD(&g->list, *out, entry);
	g->n++;
	return BASE_OK;
}

/* v moves into it. */
static enum base_err
guest_set(struct ag_guests *g, const struct wire_parcel *p,
    struct wire_invite *v, struct base_time now)
{
	struct guest *t;
	enum base_err e;

	if ((e = guest_for(g, v->node, now, &t)) != BASE_OK)
		return e;
	if (t->cms.n != 0 && v->issued.ms < t->invite.issued.ms)
		return base_fail(BASE_E_REFUSED,
		    "invitation of %s: a newer one is here", v->node);
	if (t->cms.n == 0)
		base_log(BASE_NOTICE, "join: node %s is expected", v->node);
	if (memcmp(t->invite.admit, v->admit, sizeof v->admit) != 0) {
		base_buf_clear(&t->answer);
		t->answered = false;
	}
	wire_invite_clear(&t->invite);
	t->invite = *v;
	memset(v, 0, sizeof *v);
	base_buf_clear(&t->cms);
	t->nroute = (uint8_t)(p->nroute + 1);
	memcpy(t->route, p->route, sizeof t->route);
	strcpy(t->route[p->nroute], t->invite.node);
	return base_buf_put(&t->cms, p->content.p, p->content.n);
}

enum base_err
ag_guests_invite(struct ag_guests *g, const struct wire_parcel *p,
    STACK_OF(X509) *trust, struct base_time now)
{
	struct wire_invite v = { .nroots = 0 };
	struct wire_signer s = { .cert = NULL };
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	if ((e = wire_cms_verify(WIRE_C_INVITE, base_buf_span(&p->content),
		 trust, now, &der, &s)) == BASE_OK &&
	    (e = wire_invite_parse(base_buf_span(&der), &v)) == BASE_OK &&
	    (e = invite_check(g, p, &v, now)) == BASE_OK)
		e = guest_set(g, p, &v, now);
	wire_invite_clear(&v);
	wire_signer_clear(&s);
	base_buf_free(&der);
	return e;
}

/* ---- calls ------------------------------------------------------------------------ */

static enum base_err
guest_count(struct guest *t, struct base_time now)
{
	if (now.ms - t->window.ms >= WINDOW_MS || now.ms < t->window.ms) {
		t->window = now;
		t->calls = 0;
	}
	if (t->calls++ < AG_GUEST_CALLS)
		return BASE_OK;
	return base_fail(BASE_E_RANGE,
	    "join: node %s asks more than %d times in a minute", t->invite.node,
	    AG_GUEST_CALLS);
}

static enum base_err
let_in(const struct guest *t, const struct wire_join_call *c)
{
	uint8_t admit[32];

	wire_digest((struct base_span){ c->word, sizeof c->word }, admit);
	return base_equal_ct(admit, t->invite.admit, sizeof admit)
	    ? BASE_OK
	    : base_fail(BASE_E_DENIED,
		  "join: who calls itself %s does not know the word", c->node);
}

enum base_err
ag_guests_call(struct ag_guests *g, const struct wire_join_call *c,
    struct base_time now, struct wire_parcel *up)
{
	struct guest *t;
	enum base_err e;

	memset(up, 0, sizeof *up);
	drop_ended(g, now);
	t = strcmp(c->fleet, g->conf->fleet) == 0 ? find(g, c->node) : NULL;
	if (t == NULL)
		return base_fail(BASE_E_NOTFOUND,
		    "join: %s was not told by the CA to expect this node; is "
		    "it in the topology with via = %s, and its token good "
		    "still?",
		    g->conf->node, g->conf->node);
	if ((e = let_in(t, c)) != BASE_OK ||
	    (e = guest_count(t, now)) != BASE_OK || c->sealed.n == 0)
		return e;
	up->kind = WIRE_P_JOIN;
	up->nroute = t->nroute;
	memcpy(up->route, t->route, sizeof up->route);
	up->expires = t->invite.expires;
	base_buf_init(&up->content, 0);
	return base_buf_put(&up->content, c->sealed.p, c->sealed.n);
}

struct base_span
ag_guests_invitation(const struct ag_guests *g, const char *node)
{
	const struct guest *t = find(g, node);

	return t == NULL ? (struct base_span){ NULL, 0 }
			 : base_buf_span(&t->cms);
}

/* ---- answers ------------------------------------------------------------------------ */

enum base_err
ag_guests_keep(struct ag_guests *g, const char *node, struct base_span answer,
    struct base_time now)
{
	struct guest *t;

	drop_ended(g, now);
	if ((t = find(g, node)) == NULL)
		return base_fail(BASE_E_NOTFOUND,
		    "join: an answer for %s, who is not expected", node);
	t->answered = false; /* not of this one */
	base_buf_clear(&t->answer);
	return base_buf_put(&t->answer, answer.p, answer.n);
}

void
ag_guests_answered(struct ag_guests *g, const char *node)
{
	struct guest *t = find(g, node);

	if (t != NULL)
		t->answered = true;
}

bool
ag_guests_answer(struct ag_guests *g, const char *node, struct base_buf *out)
{
	struct guest *t = find(g, node);

	if (t == NULL || t->answer.n == 0)
		return false;
	*out = t->answer;
	base_buf_init(&t->answer, 0);
	t->answered = true;
	return true;
}

void
ag_guests_free(struct ag_guests *g)
{
	if (g == NULL)
		return;
	while (!LIST_EMPTY(&g->list))
		guest_free(g, LIST_FIRST(&g->list));
	free(g);
}
