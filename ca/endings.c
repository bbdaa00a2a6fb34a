/*
 * ca/endings: once a day, which certificates end within a month. A roll makes
 * new ones of its root; those under the management root need a new join. The
 * CA's own are renewed long before (ca/identity.c).
 */
#include <string.h>

#include "ca/kedged.h"

#define DAY_MS	INT64_C(86400000)
#define MONTH_S INT64_C(2592000)

static enum base_err
ending(void *arg, const struct ca_cert *c)
{
	const struct ca *ca = arg;
	char end[BASE_RFC3339_LEN];
	const char *what;

	if (strcmp(c->node, CA_NODE_CA) == 0)
		what = "kedged has failed to renew it; kedge init says why";
	else if (ca_topo_node(ca->topo, c->node) == POL_NONE)
		return BASE_OK;
	else if (strcmp(c->root, CA_MANAGEMENT) == 0)
		what = "let it join again, kedge node token";
	else
		what = "roll the root, or let it join again";
	base_time_format(c->not_after, end);
	base_log(BASE_WARNING,
	    "node %s: its certificate under root %s ends "
	    "at %s; %s",
	    c->node, c->root, end, what);
	return BASE_OK;
}

struct base_mono
ca_endings_work(struct ca *ca)
{
	if (ca->endings_next.ms > ca_mono(ca).ms)
		return ca->endings_next;
	ca->endings_next = ca_after(ca, DAY_MS);
	if (ca_store_certs_ending(ca->store,
		base_time_add_s(ca_now(ca), MONTH_S), ending, ca) != BASE_OK)
		base_log(BASE_ERR, "certificates: %s", base_why());
	return ca->endings_next;
}
