/*
 * ca/forget: nodes that left are forgotten by kedge-hsmd, too. While it
 * remembers one, orders of its peers rest on reports that will not come; so
 * it is asked until it has done so, also by a kedged that starts anew.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

struct forgetting {
	struct ca *ca;
	char node[CA_NAME];
};

static void
forgotten(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct forgetting *f = arg;
	struct ca *ca = f->ca;

	if ((e = ca_hsm_heard(ca, e, a)) == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "%s", a->why);
	if (e == BASE_OK)
		e = ca_store_gone_done(ca->store, f->node);
	if (e == BASE_OK)
		ca->told = false;
	else
		base_log(BASE_WARNING,
		    "node %s: kedge-hsmd was not told that it left, it is "
		    "tried again: %s",
		    f->node, base_why());
	ca->forgetting = false;
	ca->forget_next = ca_after(ca, e == BASE_OK ? 0 : ca->conf->retry_ms);
	ca_kick(ca);
	free(f);
}

void
ca_forget_soon(struct ca *ca)
{
	ca->forget_next = ca_mono(ca);
	ca_kick(ca);
}

struct base_mono
ca_forget_work(struct ca *ca)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_FORGET };
	struct wire_hsm_ask w = { &q, forgotten, NULL };
	struct forgetting *f;
	enum base_err r;

	if (ca->forgetting || ca_recover_is_stale(ca))
		return CA_NEVER;
	if (ca->forget_next.ms > ca_mono(ca).ms)
		return ca->forget_next;
	ca->forget_next = CA_NEVER;
	f = base_alloc(sizeof(*f));
	f->ca = ca;
	w.arg = f;
	if ((r = ca_store_gone_next(ca->store, f->node)) == BASE_OK &&
	    f->node[0] != '\0') {
		memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
		memcpy(q.node, f->node, sizeof(q.node));
		ca->forgetting = true;
		if ((r = ca_hsm_ask(ca, &w)) == BASE_OK)
			return CA_NEVER;
		ca->forgetting = false;
	}
	if (r != BASE_OK) {
		base_log(BASE_WARNING, "node %s: %s", f->node, base_why());
		ca->forget_next = ca_after(ca, ca->conf->retry_ms);
	}
	free(f);
	return ca->forget_next;
}
