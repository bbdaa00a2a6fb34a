/*
 * ca/forget: nodes that left are forgotten by kedge-hsmd, too. While it
 * remembers one, orders of its peers rest on reports that will not come; so
 * it is asked until it has done so, also by a kedged that starts anew. One that
 * it will not forget keeps nobody else from his turn, and is asked about less
 * and less often.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define DOUBLES 5 /* then the pause does not grow any more */

/* What became of a node's last request, until it is forgotten. */
struct ca_kept {
	struct ca_kept *next;
	char node[CA_NAME];
	char *why;
	unsigned times; /* refused, in a row */
	struct base_mono at; /* not before */
};

struct forgetting {
	struct ca *ca;
	char node[CA_NAME];
};

static struct ca_kept **
kept_of(struct ca *ca, const char *node)
{
	struct ca_kept **at = &ca->kept;

	while (*at != NULL && strcmp((*at)->node, node) != 0)
		at = &(*at)->next;
	return at;
}

static void
kept_drop(struct ca_kept **at)
{
	struct ca_kept *k = *at;

	if (k == NULL)
		return;
	*at = k->next;
	free(k->why);
	free(k);
}

/* The same words again are no news for the log. */
static struct ca_kept *
kept_say(struct ca *ca, const char *node, const char *why)
{
	struct ca_kept **at = kept_of(ca, node), *k = *at;

	if (k == NULL) {
		k = *at = base_alloc(sizeof(*k));
		snprintf(k->node, sizeof(k->node), "%s", node);
	}
	if (k->why != NULL && strcmp(k->why, why) == 0)
		return k;
	base_log(BASE_WARNING,
	    "node %s: kedge-hsmd has not forgotten that it was there, it is "
	    "tried again: %s",
	    node, why);
	free(k->why);
	k->why = base_strdup(why);
	return k;
}

void
ca_forget_free(struct ca *ca)
{
	while (ca->kept != NULL)
		kept_drop(&ca->kept);
}

static void
forgotten(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct forgetting *f = arg;
	struct ca *ca = f->ca;
	struct ca_kept *k;
	int64_t pause = 0;

	if ((e = ca_hsm_heard(ca, e, a)) == BASE_OK && a->err != BASE_OK) {
		k = kept_say(ca, f->node, a->why);
		k->at = ca_after(ca, (int64_t)ca->conf->retry_ms << k->times);
		k->times += k->times < DOUBLES;
	} else if (e == BASE_OK &&
	    (e = ca_store_gone_done(ca->store, f->node)) == BASE_OK) {
		kept_drop(kept_of(ca, f->node));
		ca->told = false;
	} else {
		(void)kept_say(ca, f->node, base_why());
		pause = ca->conf->retry_ms;
	}
	ca->forgetting = false;
	ca->forget_next = ca_after(ca, pause);
	ca_kick(ca);
	free(f);
}

void
ca_forget_soon(struct ca *ca)
{
	ca->forget_next = ca_mono(ca);
	ca_kick(ca);
}

static enum base_err
confirm_store(struct ca *ca, const char *node)
{
	bool was;
	enum base_err r = ca_store_gone_confirm(ca->store, node, &was);

	if (r == BASE_OK && !was)
		r = base_fail(BASE_E_NOTFOUND,
		    "node %s: not known; see kedge node list", node);
	return r != BASE_OK
	    ? r
	    : ca_audit(ca, ca_who(ca), "node",
		  "%s: removed, said again after a recovery", node);
}

enum base_err
ca_forget_confirm(struct ca *ca, const char *node)
{
	enum base_err r = ca_store_begin(ca->store);

	if (r != BASE_OK)
		return r;
	if ((r = confirm_store(ca, node)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r == BASE_OK)
		ca_forget_soon(ca);
	return r;
}

/* ---- asked before ------------------------------------------------------------- */

struct would {
	struct ca *ca;
	ca_done_fn *done;
	void *arg;
	char node[CA_NAME];
};

static void
would_asked(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct would *v = arg;

	if ((e = ca_hsm_heard(v->ca, e, a)) == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err,
		    "node %s: kedge-hsmd would not forget it: %s; kedge --json "
		    "roll cuts --node %s ROOT lists its directions, also of "
		    "links that were removed, for kedge roll approve; then "
		    "remove the node, or do it when the roll is over",
		    v->node, a->why, v->node);
	v->done(v->arg, e);
	free(v);
}

void
ca_forget_would(struct ca *ca, const char *node, ca_done_fn *done, void *arg)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_FORGET,
		.only_ask = true };
	struct would *v = base_alloc(sizeof(*v));
	struct wire_hsm_ask w = { &q, would_asked, v };
	enum base_err r;

	*v = (struct would){ .ca = ca, .done = done, .arg = arg };
	snprintf(v->node, sizeof(v->node), "%s", node);
	memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
	memcpy(q.node, v->node, sizeof(q.node));
	if ((r = ca_hsm_ask(ca, &w)) == BASE_OK)
		return;
	done(arg, r);
	free(v);
}

/* ---- until it has ------------------------------------------------------------- */

/* The first whose time it is ("": none); *next: when the first other's is. */
static enum base_err
forget_find(struct ca *ca, char out[CA_NAME], struct base_mono *next)
{
	enum base_err r;

	out[0] = '\0';
	while ((r = ca_store_gone_next(ca->store, out, out)) == BASE_OK &&
	    out[0] != '\0') {
		const struct ca_kept *k = *kept_of(ca, out);

		if (k == NULL || k->at.ms <= ca_mono(ca).ms)
			break;
		*next = ca_sooner(*next, k->at);
	}
	return r;
}

static enum base_err
forget_ask(struct ca *ca, const char *node)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_FORGET };
	struct forgetting *f = base_alloc(sizeof(*f));
	struct wire_hsm_ask w = { &q, forgotten, f };
	enum base_err r;

	f->ca = ca;
	snprintf(f->node, sizeof(f->node), "%s", node);
	memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
	memcpy(q.node, f->node, sizeof(q.node));
	ca->forgetting = true;
	if ((r = ca_hsm_ask(ca, &w)) != BASE_OK) {
		ca->forgetting = false;
		free(f);
	}
	return r;
}

struct base_mono
ca_forget_work(struct ca *ca)
{
	struct base_mono next = CA_NEVER;
	char node[CA_NAME];
	enum base_err r;

	if (ca->forgetting || ca_recover_is_stale(ca))
		return CA_NEVER;
	if (ca->forget_next.ms > ca_mono(ca).ms)
		return ca->forget_next;
	if ((r = forget_find(ca, node, &next)) == BASE_OK && node[0] != '\0')
		r = forget_ask(ca, node);
	if (r != BASE_OK) {
		base_log(BASE_WARNING, "nodes that left: %s", base_why());
		next = ca_after(ca, ca->conf->retry_ms);
	}
	ca->forget_next = next;
	return ca->forgetting ? CA_NEVER : next;
}
