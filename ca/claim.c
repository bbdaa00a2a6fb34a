/*
 * ca/claim: a node says, signed, that it has taken an epoch which this store
 * never gave. Either the store is an old copy, or the node lies, or its own
 * store is somebody else's: kedge-hsmd, which signed every order, is asked.
 * When it knows the epoch, the store is old (recover.c). When it does not,
 * only this node is unknown, and is asked what it holds; so one node in wrong
 * hands stops nobody else. A second one that says so while the first has not
 * answered means that kedge-hsmd's journal is an old copy, too; a node that is
 * unknown for another reason is no such witness. Called by core.c, epoch.c
 * and recover.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/recover.h"

#define META_CLAIM "claim"

/* ---- kept in the store --------------------------------------------------- */

enum base_err
ca_claim_put(struct ca *ca, const struct ca_claim *c)
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = base_buf_put_str(&b, c->node)) == BASE_OK &&
	    (r = base_buf_put_str(&b, c->root)) == BASE_OK &&
	    (r = base_buf_put_u64(&b, c->epoch)) == BASE_OK &&
	    (r = base_buf_put_u64(&b, c->given)) == BASE_OK)
		r = ca_store_meta_put(ca->store, META_CLAIM, base_buf_span(&b));
	base_buf_free(&b);
	return r;
}

static enum base_err
claim_get(struct base_buf *b, struct ca_claim *c)
{
	char *node = NULL, *root = NULL;
	enum base_err r;

	memset(c, 0, sizeof(*c));
	if ((r = base_buf_get_str(b, CA_NAME - 1, &node)) == BASE_OK &&
	    (r = base_buf_get_str(b, CA_NAME - 1, &root)) == BASE_OK &&
	    (r = base_buf_get_u64(b, &c->epoch)) == BASE_OK &&
	    (r = base_buf_get_u64(b, &c->given)) == BASE_OK) {
		snprintf(c->node, sizeof(c->node), "%s", node);
		snprintf(c->root, sizeof(c->root), "%s", root);
	}
	free(node);
	free(root);
	return r;
}

/* The node got an order since, which it does not while the claim is open: that
 * kedge-hsmd has signed as much says nothing any more. */
static enum base_err
drop_answered(struct ca *ca, struct ca_claim *c)
{
	uint64_t last;
	enum base_err r =
	    ca_store_epoch_last(ca->store, c->node, c->root, &last);

	if (r == BASE_OK && last > c->given)
		c->node[0] = '\0';
	return r;
}

enum base_err
ca_claim_load(struct ca *ca)
{
	struct ca_claim *c = &ca->recovery.claim;
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = ca_store_meta_get(ca->store, META_CLAIM, &b)) == BASE_OK &&
	    (r = claim_get(&b, c)) == BASE_OK && c->node[0] != '\0')
		r = drop_answered(ca, c);
	base_buf_free(&b);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

static const struct ca_claim none = { .node = "" };

/* In memory in any case; one that stays in the store is asked about once more
 * after a restart, if the node has got no order by then. What came of it is
 * stored with its end. */
static void
claim_end(struct ca *ca)
{
	ca->recovery.claim.node[0] = '\0';
	if (ca_claim_put(ca, &none) != BASE_OK)
		base_log(BASE_ERR, "%s", base_why());
	/* it waited for orders, too */
	ca->tidy_wanted = true;
	ca_renew_soon(ca);
	ca_kick(ca);
}

/* ---- what a node has said -------------------------------------------------- */

bool
ca_claim_note(struct ca *ca, const char *node,
    const struct wire_inventory *said, uint64_t given)
{
	struct ca_recovery *v = &ca->recovery;
	struct ca_claim c = { .epoch = said->highest, .given = given };
	struct ca_holding h;

	if (v->stage != CA_RECOVERY_NONE || v->wanted ||
	    ca_holding_get(ca->store, node, said->root, &h) != BASE_OK ||
	    h.lost)
		return true;
	if (v->claim.node[0] != '\0' || v->claim.asked)
		return false;
	snprintf(c.node, sizeof(c.node), "%s", node);
	snprintf(c.root, sizeof(c.root), "%s", said->root);
	if (ca_claim_put(ca, &c) != BASE_OK) {
		base_log(BASE_ERR, "%s", base_why());
		return false;
	}
	v->claim = c;
	ca_kick(ca);
	return true;
}

bool
ca_claim_is_open(const struct ca *ca, const char *node, const char *root)
{
	const struct ca_claim *c = &ca->recovery.claim;

	return c->node[0] != '\0' && strcmp(c->node, node) == 0 &&
	    strcmp(c->root, root) == 0;
}

void
ca_claim_look(struct ca *ca)
{
	struct ca_claim *c = &ca->recovery.claim;
	const uint32_t node = ca_topo_node(ca->topo, c->node);

	if (c->node[0] != '\0' &&
	    (node == POL_NONE || ca->topo->nodes[node].joined.ms == 0))
		claim_end(ca);
}

/* ---- what comes of it ----------------------------------------------------- */

struct witness {
	const char *than;
	char name[CA_NAME]; /* "" none */
};

/* A node that was excused is no witness: it may be in wrong hands. */
static enum base_err
witness_part(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	struct witness *w = arg;
	struct ca_holding h;
	enum base_err r = ca_part_holds(ca, node, root, &h);

	if (r == BASE_OK && h.claim > 0 && !h.excused &&
	    strcmp(ca->topo->nodes[node].name, w->than) != 0)
		memcpy(w->name, ca->topo->nodes[node].name, sizeof(w->name));
	return r;
}

static enum base_err
lose_store(struct ca *ca, const struct ca_claim *c)
{
	const struct ca_roll *w = ca_roll_of(ca, c->root);
	struct ca_fact f = { .kind = POL_FACT_LOST,
		.roll = w == NULL ? 0 : w->row.id,
		.epoch = c->epoch,
		.at = ca_now(ca) };
	enum base_err r;

	memcpy(f.node, c->node, sizeof(f.node));
	memcpy(f.root, c->root, sizeof(f.root));
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_claim_put(ca, &none)) == BASE_OK &&
	    (r = ca_store_fact_add(ca->store, &f)) == BASE_OK &&
	    (r = ca_store_orders_replace(ca->store, c->node, c->root,
		 INT64_MAX)) == BASE_OK &&
	    (r = ca_audit(ca, c->node, "suspect",
		 "says it has taken epoch %llu of root %s; the last one given "
		 "is %llu, and kedge-hsmd has signed none that high",
		 (unsigned long long)c->epoch, c->root,
		 (unsigned long long)c->given)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static enum base_err
lose(struct ca *ca, const struct ca_claim *c)
{
	enum base_err r = lose_store(ca, c);

	if (r != BASE_OK)
		return r;
	base_log(BASE_WARNING,
	    "node %s: says it has taken epoch %llu of root %s, which neither "
	    "this store nor kedge-hsmd has given; it is unknown until it has "
	    "said what it holds",
	    c->node, (unsigned long long)c->epoch, c->root);
	ca_deliver_settled(ca->deliver, c->node, c->root, UINT64_MAX);
	ca->recovery.look = true;
	return ca_reload_topo(ca);
}

static enum base_err
conclude(struct ca *ca, uint64_t signed_here)
{
	const struct ca_claim c = ca->recovery.claim;
	struct witness peer = { c.node, "" };
	uint64_t given;
	enum base_err r;

	/* an order that was on its way to kedge-hsmd is in the store by now */
	if ((r = ca_store_epoch_last(ca->store, c.node, c.root, &given)) !=
	    BASE_OK)
		return r;
	if (signed_here >= c.epoch && signed_here > given)
		return ca_recover_want(ca,
		    "node %s has taken epoch %llu of root %s, but the last "
		    "one that this store gave is %llu: it is an old copy",
		    c.node, (unsigned long long)c.epoch, c.root,
		    (unsigned long long)c.given);
	if ((r = ca_each_part(ca, witness_part, &peer)) != BASE_OK ||
	    peer.name[0] == '\0')
		return r != BASE_OK ? r : lose(ca, &c);
	return ca_recover_want(ca,
	    "node %s as well as %s has taken epochs that neither this store "
	    "nor kedge-hsmd has given: both may be old copies",
	    c.node, peer.name);
}

/* ---- asking ---------------------------------------------------------------- */

static void claim_page(struct ca *ca, const char *after);

/* *more: not yet, look behind after. Unknown to kedge-hsmd: epoch 0. */
static enum base_err
find(struct ca *ca, const struct wire_hsm_answer *a, char after[CA_NAME],
    bool *more, uint64_t *epoch)
{
	const struct ca_claim *c = &ca->recovery.claim;
	enum base_err r = BASE_OK;

	*more = a->nitems > 0;
	for (size_t i = 0; r == BASE_OK && *more && i < a->nitems; i++) {
		struct wire_hsm_known k;

		if ((r = wire_hsm_known_parse(base_buf_span(&a->items[i].data),
			 &k)) != BASE_OK)
			return r;
		*more = strcmp(k.node.name, c->node) < 0;
		memcpy(after, k.node.name, CA_NAME);
		for (size_t j = 0; j < k.nparts; j++)
			if (strcmp(k.node.name, c->node) == 0 &&
			    strcmp(k.parts[j].root, c->root) == 0)
				*epoch = k.parts[j].epoch;
		wire_hsm_known_clear(&k);
	}
	return r;
}

/* One that can never be answered would be asked for ever, and hold up all
 * else: what nobody knows of it is in the log. */
static void
give_up(struct ca *ca)
{
	struct ca_claim *c = &ca->recovery.claim;

	base_log(BASE_ERR,
	    "node %s: says it has taken epoch %llu of root %s, the last one "
	    "given is %llu; whether kedge-hsmd has signed it cannot be found "
	    "out: %s",
	    c->node, (unsigned long long)c->epoch, c->root,
	    (unsigned long long)c->given, base_why());
	claim_end(ca);
}

static void
claim_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct ca *ca = arg;
	char after[CA_NAME] = "";
	uint64_t epoch = 0;
	bool more = false;

	ca->recovery.busy = ca->recovery.claim.asked = false;
	ca_kick(ca);
	if (ca->recovery.claim.node[0] == '\0')
		return; /* the node left meanwhile */
	if (e == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	if (e == BASE_OK)
		e = find(ca, a, after, &more, &epoch);
	if (e == BASE_OK && more) {
		claim_page(ca, after);
		return;
	}
	if (e == BASE_OK && (e = conclude(ca, epoch)) == BASE_OK) {
		claim_end(ca);
		ca_recover_goes_on(ca);
	} else if (e == BASE_E_AGAIN || e == BASE_E_IO || e == BASE_E_TIMEOUT)
		ca_recover_later(ca, "an epoch that was never given");
	else
		give_up(ca);
}

static void
claim_page(struct ca *ca, const char *after)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_KNOWN };
	struct wire_hsm_ask w = { &q, claim_answered, ca };

	memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
	snprintf(q.after, sizeof(q.after), "%s", after);
	ca->recovery.busy = ca->recovery.claim.asked = true;
	if (ca_hsm_ask(ca, &w) != BASE_OK) {
		ca->recovery.busy = ca->recovery.claim.asked = false;
		ca_recover_later(ca, "asking kedge-hsmd");
	}
}

/* A beginning of a name sorts before it, and not many do so between. */
void
ca_claim_ask(struct ca *ca)
{
	char after[CA_NAME];

	memcpy(after, ca->recovery.claim.node, sizeof(after));
	after[strlen(after) - 1] = '\0';
	if (!base_name_is_valid(after))
		after[0] = '\0';
	claim_page(ca, after);
}
