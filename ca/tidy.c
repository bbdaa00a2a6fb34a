/*
 * ca/tidy: after a roll, nodes that presented a new certificate but had no
 * finish still send NewWithOld along with it. Each gets one `tidy` order: a
 * matter of neatness that no rule waits for. What is missing is seen from
 * the store alone, so nothing is lost by a restart.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define LOOK_MS INT64_C(3600000) /* for orders that have expired */

/* ---- who needs one ---------------------------------------------------------- */

struct had {
	uint64_t roll;
	struct base_time now;
	bool done; /* effective, or on its way */
	uint32_t failed;
};

static enum base_err
had_order(void *arg, const struct ca_order *o)
{
	struct had *h = arg;
	bool open = o->state == CA_ORDER_SENT || o->state == CA_ORDER_RECEIVED;

	if (o->roll != h->roll || (o->steps & WIRE_STEP_TIDY) == 0)
		return BASE_OK;
	if (o->state == CA_ORDER_FAILED || o->state == CA_ORDER_REFUSED)
		h->failed++;
	else if (o->state == CA_ORDER_EFFECTIVE ||
	    (open && o->expires.ms > h->now.ms))
		h->done = true;
	return BASE_OK;
}

/* It has not said yet what it holds: see recover.c. */
static bool
is_lost(struct ca *ca, const char *node, const char *root)
{
	struct ca_holding h;

	if (ca_holding_get(ca->store, node, root, &h) == BASE_OK)
		return h.lost;
	base_log(BASE_ERR, "tidy: %s", base_why());
	return true;
}

static bool
needs_tidy(struct ca *ca, const struct ca_roll_row *row, uint32_t root,
    uint32_t node)
{
	uint32_t steps = ca_topo_steps(ca->topo, root, node);
	struct had h = { .roll = row->id, .now = ca_now(ca) };

	if ((steps & POL_CERT) == 0 || (steps & POL_FINISH) != 0)
		return false;
	if (ca_store_orders_of_node(ca->store, ca->topo->nodes[node].name,
		had_order, &h) != BASE_OK) {
		base_log(BASE_ERR, "tidy: %s", base_why());
		return false;
	}
	return !h.done && h.failed < ca->conf->failure_limit &&
	    !ca_rekey_is_out(ca, ca->topo->nodes[node].name, row->root) &&
	    !is_lost(ca, ca->topo->nodes[node].name, row->root) &&
	    !ca_claim_is_open(ca, ca->topo->nodes[node].name, row->root);
}

static void
tidy_fill(struct ca *ca, const struct ca_roll_row *row, uint32_t node,
    struct ca_draft *t)
{
	struct wire_order *o = &t->order;

	memcpy(o->node, ca->topo->nodes[node].name, sizeof(o->node));
	memcpy(o->root, row->root, sizeof(o->root));
	if (ca_epoch_next(ca, o->node, o->root, &o->epoch) != BASE_OK)
		base_die("tidy: %s", base_why());
	o->roll = row->id;
	o->steps = WIRE_STEP_TIDY;
	o->from = row->from;
	o->to = row->to;
	o->verifies =
	    ca_topo_role(ca->topo, ca_topo_root(ca->topo, row->root), node)
		.verifies;
}

/* Drafts for all nodes of a roll that is done and was not followed by
 * another one. */
static void
tidy_roll(struct ca *ca, const struct ca_roll_row *row, struct ca_drafts *d)
{
	uint32_t root = ca_topo_root(ca->topo, row->root);

	if (row->state != CA_ROLL_DONE || root == POL_NONE ||
	    ca->topo->roots[root].current != row->to ||
	    ca_roll_of(ca, row->root) != NULL)
		return;
	for (uint32_t i = 0; i < ca->topo->nnodes; i++)
		if (needs_tidy(ca, row, root, i))
			tidy_fill(ca, row, i, ca_drafts_add(d));
}

/* ---- giving them --------------------------------------------------------------- */

/* A roll that began meanwhile, or a question, has taken the epoch. */
static bool
is_still_needed(struct ca *ca, const struct ca_draft *t)
{
	uint64_t epoch;

	return ca_roll_of(ca, t->row.root) == NULL &&
	    ca_epoch_next(ca, t->row.node, t->row.root, &epoch) == BASE_OK &&
	    epoch == t->row.epoch && !is_lost(ca, t->row.node, t->row.root);
}

static enum base_err
tidy_store(struct ca *ca, struct ca_drafts *d, bool *given)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		given[i] = t->err == BASE_OK && is_still_needed(ca, t);
		if (!given[i])
			continue;
		if ((r = ca_roll_replace(ca, &t->row)) == BASE_OK &&
		    (r = ca_drafts_store(d, i)) == BASE_OK)
			r = ca_audit(ca, CA_NODE_CA, "order",
			    "%s %s epoch "
			    "%llu: tidy",
			    t->row.node, t->row.root,
			    (unsigned long long)t->row.epoch);
	}
	if (r == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

void
ca_tidy_later(struct ca *ca)
{
	ca->tidy_next = ca_after(ca, ca->conf->retry_ms);
	ca->tidy_wanted = true;
}

static void
tidy_done(void *arg, enum base_err e, struct ca_drafts *d)
{
	struct ca *ca = arg;
	bool *given = base_alloc(ca_drafts_count(d) + 1);

	ca->tidying = false;
	/* what they rest on is from an old copy of the store */
	if (e == BASE_OK && ca_recover_is_stale(ca))
		e = base_fail(BASE_E_STATE, "a recovery has begun");
	if (e == BASE_OK)
		e = tidy_store(ca, d, given);
	for (size_t i = 0; e == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		if (t->err != BASE_OK) {
			base_log(BASE_WARNING, "tidy %s: %s", t->order.node,
			    t->why);
			ca_tidy_later(ca);
			continue;
		}
		if (!given[i]) {
			ca_tidy_later(ca);
			continue;
		}
		ca_deliver_settled(ca->deliver, t->row.node, t->row.root,
		    t->row.epoch - 1);
		ca_order_send(ca, &t->row);
		ca_event_order(ca, &t->row, 0);
	}
	if (e != BASE_OK) {
		base_log(BASE_WARNING, "tidy: %s", base_why());
		ca_tidy_later(ca);
	}
	free(given);
	ca_drafts_free(d);
	ca_kick(ca);
}

struct base_mono
ca_tidy_work(struct ca *ca)
{
	struct ca_roll_row *rows = NULL;
	struct ca_drafts *d;
	size_t n = 0;

	if (ca->tidying || ca->renewing || ca_recover_stops_all(ca))
		return CA_NEVER;
	if (!ca->tidy_wanted && ca->tidy_look.ms > ca_mono(ca).ms)
		return ca->tidy_look;
	if (ca->tidy_next.ms > ca_mono(ca).ms)
		return ca->tidy_next;
	ca->tidy_wanted = false;
	ca->tidy_look = ca_after(ca, LOOK_MS);
	if (ca_store_rolls(ca->store, &rows, &n) != BASE_OK) {
		base_log(BASE_ERR, "tidy: %s", base_why());
		return ca->tidy_look;
	}
	d = ca_drafts_new(ca, tidy_done, ca);
	for (size_t i = 0; i < n; i++)
		tidy_roll(ca, &rows[i], d);
	free(rows);
	if (ca_drafts_count(d) == 0) {
		ca_drafts_free(d);
		return ca->tidy_look;
	}
	ca->tidying = true;
	ca_drafts_go(d);
	return ca->tidy_look;
}
