/*
 * ca/recover_tell: what the operator sees of a recovery. See recover.c.
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
