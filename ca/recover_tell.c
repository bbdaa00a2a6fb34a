/*
 * ca/recover_tell: what the operator sees of a recovery, and the excuse of a
 * node that will not answer. See recover.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/recover.h"

/* ---- what is seen of it -------------------------------------------------------------------- */

struct count {
	struct ca_recovery_count *out;
	uint32_t last, last_lost;
};

static enum base_err
count_part(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	struct count *c = arg;
	struct ca_recovery_count *n = c->out;
	struct ca_holding h;
	enum base_err r = ca_part_holds(ca, node, root, &h);

	if (r != BASE_OK)
		return r;
	if (c->last != node)
		n->nodes++;
	c->last = node;
	if (!h.lost || h.excused || c->last_lost == node)
		return BASE_OK;
	c->last_lost = node;
	n->lost++;
	if (n->lost <= CA_RECOVERY_NAMES)
		memcpy(n->name[n->lost - 1], ca->topo->nodes[node].name,
		    CA_NAME);
	return BASE_OK;
}

enum base_err
ca_recover_count(struct ca *ca, struct ca_recovery_count *out)
{
	struct count c = { out, POL_NONE, POL_NONE };

	memset(out, 0, sizeof(*out));
	return ca_each_part(ca, count_part, &c);
}

void
ca_recover_text(struct ca *ca, char *out, size_t max)
{
	struct ca_recovery_count n;
	size_t at;

	if (ca->unchecked) {
		snprintf(out, max,
		    "waits for kedge-hsmd to say whether this store is the "
		    "newest");
		return;
	}
	if (ca->recovery.stage == CA_RECOVERY_NONE) {
		out[0] = '\0';
		return;
	}
	if (ca->recovery.stage == CA_RECOVERY_RECALL ||
	    ca_recover_count(ca, &n) != BASE_OK) {
		snprintf(out, max,
		    "recovery: asks kedge-hsmd what it has signed");
		return;
	}
	snprintf(out, max,
	    "recovery: %zu of %zu nodes have said what they hold",
	    n.nodes - n.lost, n.nodes);
	for (size_t i = 0; i < n.lost && i < CA_RECOVERY_NAMES; i++) {
		at = strlen(out);
		snprintf(out + at, max - at, "%s%s",
		    i == 0 ? "; nothing that touches the others starts: "
			   : ", ",
		    n.name[i]);
	}
	at = strlen(out);
	if (n.lost > CA_RECOVERY_NAMES)
		snprintf(out + at, max - at, " and %zu more",
		    n.lost - CA_RECOVERY_NAMES);
	at = strlen(out);
	if (ca->recovery.trouble[0] != '\0')
		snprintf(out + at, max - at, " (%s)", ca->recovery.trouble);
}

/* ---- a node that is gone --------------------------------------------------------------------- */

struct excusing {
	const struct ca_word *w;
	size_t n;
};

static enum base_err
excuse_part(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	struct excusing *x = arg;
	struct ca_holding h;
	enum base_err r;

	if (strcmp(ca->topo->nodes[node].name, x->w->node) != 0 ||
	    (r = ca_part_holds(ca, node, root, &h)) != BASE_OK || !h.lost ||
	    h.excused)
		return BASE_OK;
	x->n++;
	if ((r = ca_part_fact(ca, node, root, POL_FACT_EXCUSED)) != BASE_OK)
		return r;
	return ca_audit(ca, x->w->who, "excuse", "%s of root %s: %s",
	    x->w->node, ca->topo->roots[root].name, x->w->reason);
}

enum base_err
ca_recover_excuse(struct ca *ca, const struct ca_word *w)
{
	struct excusing x = { w, 0 };
	enum base_err r;

	if (w->reason[0] == '\0')
		return base_fail(BASE_E_USAGE,
		    "node %s: an excuse needs a reason; it goes into the audit",
		    w->node);
	if (ca_topo_node(ca->topo, w->node) == POL_NONE)
		return base_fail(BASE_E_NOTFOUND, "node %s: not known",
		    w->node);
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_each_part(ca, excuse_part, &x)) == BASE_OK && x.n == 0)
		r = base_fail(BASE_E_STATE, "node %s: nothing of it is unknown",
		    w->node);
	if (r == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK)
		return r;
	ca_event_node(ca, w->node, "joined", "excused");
	ca->told = false;
	ca->recovery.look = true;
	r = ca_roll_reopen(ca);
	ca_kick(ca);
	return r;
}
