/*
 * ca/refused: orders that kedge-hsmd did not sign, or that failed: tried
 * again later, and later still. Called by roll.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define DOUBLES 6 /* then the pause does not grow any more */
#define LOOK_MS 5000

void
ca_retry_later(const struct ca *ca, struct ca_roll *w, uint32_t node,
    unsigned doubled)
{
	w->nretries += w->retries[node].ms == 0;
	w->retries[node] = ca_after(ca, (int64_t)ca->conf->retry_ms << doubled);
}

/* The second of two failures in a row doubles it, and so on; a node that is
 * held needs no pause. */
void
ca_retry_failed(const struct ca *ca, struct ca_roll *w, uint32_t node)
{
	uint32_t n = pol_engine_failures(w->engine, node);

	ca_retry_later(ca, w, node,
	    n == 0		  ? 0
		: n > DOUBLES + 1 ? DOUBLES
				  : n - 1);
}

/* Of a stolen key: a node that is silent, and should have answered its finish,
 * does not keep others from ending their sessions. One that is heard of again
 * does. */
static struct base_mono
forget_overdue(struct ca *ca, struct ca_roll *w)
{
	if (!w->row.compromised)
		return CA_NEVER;
	if (w->overdue_next.ms > ca_mono(ca).ms)
		return w->overdue_next;
	w->overdue_next = ca_after(ca, LOOK_MS);
	for (uint32_t i = 0; i < w->nnodes; i++)
		pol_engine_overdue(w->engine, i,
		    ca_is_silent(ca, i) && ca_is_unanswered(ca, w, i));
	return w->overdue_next;
}

struct base_mono
ca_retry_put_off(struct ca *ca, struct ca_roll *w)
{
	struct base_mono now = ca_mono(ca), next = CA_NEVER;
	size_t n = 0;

	for (uint32_t i = 0; w->nretries > 0 && i < w->nnodes; i++) {
		const bool off = w->retries[i].ms > now.ms;

		pol_engine_put_off(w->engine, i, off);
		n += off;
		if (off)
			next = ca_sooner(next, w->retries[i]);
		else
			w->retries[i].ms = 0;
	}
	w->nretries = n;
	return ca_sooner(next, forget_overdue(ca, w));
}

static void
refused_set(struct ca_refused *f, const char *why)
{
	free(f->why);
	f->why = why == NULL ? NULL : base_strdup(why);
	f->times = why == NULL ? 0 : f->times + (f->times < DOUBLES);
}

/* The same words again are no news for the log. */
void
ca_refused_draft(struct ca *ca, struct ca_roll *w, uint32_t node,
    const struct ca_draft *t)
{
	struct ca_refused *f = &w->refused[node];

	if (f->why == NULL || strcmp(f->why, t->why) != 0)
		base_log(BASE_WARNING, "roll %s: order for %s: %s", w->row.root,
		    t->order.node, t->why);
	ca_retry_later(ca, w, node, f->times);
	refused_set(f, t->why);
	(void)base_fail(t->err, "order for %s: %s", t->order.node, t->why);
	snprintf(w->why, sizeof(w->why), "%s", base_why());
}

void
ca_refused_no_more(struct ca *ca, const struct ca_order *o)
{
	struct ca_roll *w = ca_roll_of(ca, o->root);
	uint32_t node = ca_topo_node(ca->topo, o->node);

	if (w != NULL && node != POL_NONE)
		refused_set(&w->refused[node], NULL);
}
