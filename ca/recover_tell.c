/*
 * ca/recover_tell: what the operator sees of a recovery, and what he says about
 * a node that is waited for. See recover.c; control_recover.c asks, too.
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
	bool lost;
	enum base_err r = ca_part_is_lost(ca, node, root, &lost);

	if (r != BASE_OK)
		return r;
	if (c->last != node)
		n->nodes++;
	c->last = node;
	if (!lost || c->last_lost == node)
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

/* ---- a node that will not answer ------------------------------------------------- */

/* Why nothing was excused. */
static enum base_err
excuse_none(struct ca *ca, const struct ca_word *w, uint32_t node)
{
	const uint32_t own = ca_topo_root(ca->topo, CA_MANAGEMENT);
	bool lost = false;
	enum base_err r;

	if (own != POL_NONE && ca->topo->nodes[node].joined.ms != 0 &&
	    (r = ca_part_is_lost(ca, node, own, &lost)) != BASE_OK)
		return r;
	if (lost)
		return base_fail(BASE_E_STATE,
		    "node %s: it is waited for under the management root only, "
		    "and an excuse from that could not be taken back; a new "
		    "join is an answer (kedge node token %s), and kedge node "
		    "remove %s gives it up",
		    w->node, w->node, w->node);
	return base_fail(BASE_E_STATE,
	    "node %s: no recovery waits for it; see kedge recover status, and "
	    "kedge roll excuse for a roll",
	    w->node);
}

/* Only under the roots of its links: an excuse from the management root could
 * not be taken back; there an answer, a new join or its removal ends it. */
static enum base_err
excuse_store(struct ca *ca, const struct ca_word *w, uint32_t node, size_t *n)
{
	enum base_err r = BASE_OK;

	*n = 0;
	for (uint32_t k = 0; r == BASE_OK && k < ca->topo->nroots; k++) {
		const char *root = ca->topo->roots[k].name;
		bool lost = false;

		if (strcmp(root, CA_MANAGEMENT) == 0 ||
		    ca_topo_steps(ca->topo, k, node) == 0 ||
		    (r = ca_part_is_lost(ca, node, k, &lost)) != BASE_OK ||
		    !lost)
			continue;
		++*n;
		if ((r = ca_part_fact(ca, node, k, POL_FACT_EXCUSED)) ==
		    BASE_OK)
			r = ca_audit(ca, w->who, "excuse",
			    "%s of root %s, which has not said what it holds: "
			    "%s",
			    w->node, root, w->reason);
	}
	return r == BASE_OK && *n == 0 ? excuse_none(ca, w, node) : r;
}

enum base_err
ca_recover_keeps_word(const struct ca *ca, const char *node)
{
	if (!ca_recover_is_stale(ca))
		return BASE_OK;
	return base_fail(BASE_E_STATE,
	    "node %s: kedge-hsmd has not said yet what it has signed and who "
	    "is excused, and that would undo this; see to kedge-hsmd, and say "
	    "it again when kedge recover status says that nodes are asked, or "
	    "that there is no recovery",
	    node);
}

enum base_err
ca_recover_keeps_removal(const struct ca *ca, const char *what,
    const char *name)
{
	if (!ca->unchecked && !ca->recovery.wanted)
		return BASE_OK;
	return base_fail(BASE_E_STATE,
	    "%s %s: kedge-hsmd has not said yet whether this store is the "
	    "newest, and a recovery would doubt what was removed before; see to "
	    "kedge-hsmd, and remove it when kedge recover status says anything "
	    "else",
	    what, name);
}

enum base_err
ca_recover_excuse(struct ca *ca, const struct ca_word *w)
{
	const uint32_t node = ca_topo_node(ca->topo, w->node);
	size_t n;
	enum base_err r;

	if (w->reason[0] == '\0')
		return base_fail(BASE_E_USAGE,
		    "node %s: an excuse needs a reason; it goes into the audit",
		    w->node);
	if (node == POL_NONE || ca_topo_is_ca(ca->topo, node))
		return base_fail(BASE_E_NOTFOUND,
		    "node %s: not known; see kedge node list", w->node);
	if ((r = ca_recover_keeps_word(ca, w->node)) != BASE_OK ||
	    (r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = excuse_store(ca, w, node, &n)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK)
		return r;
	ca_event_node(ca, w->node, "joined", "excused");
	ca_recover_soon(ca);
	/* engines from their facts, and kedge-hsmd hears of it */
	return ca_reload_topo(ca);
}
