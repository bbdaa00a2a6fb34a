/*
 * ca/renew: node certificates live on. Each is renewed when two thirds of its
 * life are over, under the generation that the node presents just then: an
 * order of its own, outside of any roll, which changes nothing that the
 * engine counts on (wire_step_renews). Whose turn it is follows from the
 * store, so nothing is lost by a restart.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define BATCH	INT64_C(64)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS	(24 * HOUR_MS)
#define LOOK_MS INT64_C(60000)

/* ---- when ------------------------------------------------------------------- */

/* FNV-1a: nodes that joined on one day come due on different ones, always
 * the same. */
static uint32_t
name_hash(const char *node, const char *root)
{
	uint32_t h = UINT32_C(2166136261);

	for (const char *p = node; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * UINT32_C(16777619);
	for (const char *p = root; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * UINT32_C(16777619);
	return h;
}

void
ca_renew_date(struct ca_leaf *l)
{
	const int64_t life = l->not_after.ms - l->not_before.ms;
	const int64_t part = name_hash(l->node, l->root) >> 22; /* of 1024 */

	l->due.ms = l->not_before.ms + life / 3 * 2 - life / 12 / 1024 * part;
}

/* Grows with each failure, but stays small beside what is left. */
static int64_t
pause_ms(const struct ca *ca, const struct ca_leaf *l, uint32_t failures)
{
	const int64_t life = l->not_after.ms - l->not_before.ms;
	int64_t max = life / 24 < DAY_MS ? life / 24 : DAY_MS;
	int64_t ms = ca->conf->retry_ms;

	for (uint32_t i = 1; i < failures && ms < max; i++)
		ms *= 2;
	return ms > max && max > ca->conf->retry_ms ? max : ms;
}

/* ---- how far is it? ------------------------------------------------------------ */

static bool
has_part(const struct ca *ca, const struct ca_leaf *l, uint32_t *node)
{
	uint32_t root = ca_topo_root(ca->topo, l->root);

	*node = ca_topo_node(ca->topo, l->node);
	if (*node == POL_NONE || root == POL_NONE ||
	    ca->topo->nodes[*node].joined.ms == 0)
		return false;
	return ca_topo_role(ca->topo, root, *node).presents;
}

/* The operator's word counts for the roll in which it was said; an excuse
 * until the node returns. What is not believed any more, until the node says
 * it anew. */
struct said {
	uint64_t roll;
	bool held, excused, lost;
};

static enum base_err
said_fact(void *arg, const struct ca_fact *f)
{
	struct said *s = arg;

	if (f->kind == POL_FACT_HELD || f->kind == POL_FACT_FREED)
		s->held = f->kind == POL_FACT_HELD && f->roll == s->roll;
	if (f->kind == POL_FACT_EXCUSED || f->kind == POL_FACT_RETURNED)
		s->excused = f->kind == POL_FACT_EXCUSED;
	if (f->kind == POL_FACT_LOST)
		s->lost = true;
	if (f->kind == POL_FACT_HOLDS || f->kind == POL_FACT_EFFECTIVE)
		s->lost = false;
	return BASE_OK;
}

struct history {
	struct base_time now;
	struct ca_renewal *out;
};

static enum base_err
past_order(void *arg, const struct ca_order *o)
{
	struct history *h = arg;
	struct ca_renewal *out = h->out;
	bool renews = wire_step_renews(o->steps, o->from, o->to);

	switch (o->state) {
	case CA_ORDER_SENT:
	case CA_ORDER_RECEIVED:
		/* what has expired will not be answered any more */
		if (renews && o->expires.ms <= h->now.ms)
			break;
		out->state = renews ? CA_RENEW_SENT : CA_RENEW_BUSY;
		out->since = o->issued;
		break;
	case CA_ORDER_FAILED:
	case CA_ORDER_REFUSED:
		if (!renews)
			break;
		out->state = CA_RENEW_FAILED;
		out->failures++;
		out->since = o->settled;
		snprintf(out->why, sizeof(out->why), "%s", o->reason);
		break;
	case CA_ORDER_EFFECTIVE:
		/* there is a key; its certificate is another matter */
		if ((o->steps & WIRE_STEP_REKEY) != 0)
			*out = (struct ca_renewal){ .state = CA_RENEW_DUE,
				.rekey = out->rekey };
		break;
	case CA_ORDER_REPLACED:
		break;
	}
	return BASE_OK;
}

static enum base_err
root_is_over(struct ca *ca, const struct ca_leaf *l, bool *out)
{
	struct base_time end;
	enum base_err r = ca_issue_end(ca, l->root, l->gen, &end);

	*out = end.ms <= l->not_after.ms;
	return r;
}

/* What stands in the way, the strongest last. */
static enum base_err
obstacles(struct ca *ca, const struct ca_leaf *l, uint32_t node,
    struct ca_renewal *out)
{
	const struct ca_roll *w = ca_roll_of(ca, l->root);
	struct said said = { .roll = w == NULL ? 0 : w->row.id };
	bool over = false;
	enum base_err r;

	if ((r = ca_store_facts_of_node(ca->store, l->node, l->root, said_fact,
		 &said)) != BASE_OK ||
	    (r = root_is_over(ca, l, &over)) != BASE_OK)
		return r;
	/* the roll's own orders come first: an epoch is given once */
	if (w != NULL && out->state != CA_RENEW_SENT &&
	    (w->busy || ca_roll_is_out(w, node)))
		out->state = CA_RENEW_BUSY;
	/* another key is worth it all the same */
	if (over && !out->rekey)
		out->state = CA_RENEW_ROOT;
	if (said.lost || ca_claim_is_open(ca, l->node, l->root))
		out->state = CA_RENEW_UNKNOWN;
	if (said.held)
		out->state = CA_RENEW_HELD;
	if (said.excused)
		out->state = CA_RENEW_EXCUSED;
	return BASE_OK;
}

static struct ca_unsigned *
unsigned_of(const struct ca *ca, const struct ca_leaf *l)
{
	struct ca_unsigned *u;

	for (u = ca->renewals_unsigned; u != NULL; u = u->next)
		if (strcmp(u->node, l->node) == 0 &&
		    strcmp(u->root, l->root) == 0)
			return u;
	return NULL;
}

enum base_err
ca_renewal_get(struct ca *ca, const struct ca_leaf *l, struct ca_renewal *out)
{
	struct history h = { ca_now(ca), out };
	const struct ca_unsigned *u = unsigned_of(ca, l);
	uint32_t node;
	enum base_err r;

	memset(out, 0, sizeof(*out));
	if ((r = ca_rekey_asked(ca, l, &out->rekey)) != BASE_OK)
		return r;
	if ((l->due.ms > h.now.ms && !out->rekey) || !has_part(ca, l, &node))
		return BASE_OK;
	out->state = CA_RENEW_DUE;
	if ((r = ca_store_orders_after(ca->store, l->node, l->root, l->epoch,
		 past_order, &h)) != BASE_OK)
		return r;
	if (u != NULL && out->state != CA_RENEW_SENT) {
		out->state = CA_RENEW_UNSIGNED;
		out->failures = u->failures;
		out->since = u->since;
		snprintf(out->why, sizeof(out->why), "%s", u->why);
	}
	return obstacles(ca, l, node, out);
}

/* ---- orders ----------------------------------------------------------------------- */

struct choice {
	struct ca *ca;
	struct ca_drafts *d;
	int64_t next; /* ms from now, to look again */
};

/* A rekey that has failed must not keep the present certificate from being
 * renewed: that goes first, when it is due. When the node has shown its new
 * key, it may use it already: then each of the two is tried in turn. */
static void
renew_fill(struct ca *ca, const struct ca_leaf *l, const struct ca_renewal *w,
    struct ca_draft *t)
{
	struct wire_order *o = &t->order;
	bool rekey;

	memcpy(o->node, l->node, sizeof(o->node));
	memcpy(o->root, l->root, sizeof(o->root));
	if (ca_epoch_next(ca, o->node, o->root, &o->epoch) != BASE_OK)
		base_die("renew: %s", base_why());
	if (ca_store_rekey_get(ca->store, o->node, o->root, &rekey,
		&t->new_key) != BASE_OK)
		base_die("renew: %s", base_why());
	if (w->failures > 0 && l->due.ms <= ca_now(ca).ms &&
	    (t->new_key.n == 0 || w->failures % 2 == 1)) {
		rekey = false;
		base_buf_clear(&t->new_key);
	}
	o->steps =
	    rekey && t->new_key.n == 0 ? WIRE_STEP_REKEY : WIRE_STEP_CERT;
	o->from = o->to = l->gen;
	o->verifies = ca_topo_role(ca->topo, ca_topo_root(ca->topo, l->root),
	    ca_topo_node(ca->topo, l->node))
			  .verifies;
}

static void
look_in(struct choice *c, int64_t ms)
{
	c->next = ms < c->next ? ms : c->next;
}

static enum base_err
choose(void *arg, const struct ca_leaf *l)
{
	struct choice *c = arg;
	struct base_time now = ca_now(c->ca);
	struct ca_renewal w;
	int64_t wait = 0;
	enum base_err r = ca_renewal_get(c->ca, l, &w);

	if (r != BASE_OK || w.state == CA_RENEW_NONE)
		return r;
	if (w.state == CA_RENEW_FAILED || w.state == CA_RENEW_UNSIGNED)
		wait = w.since.ms + pause_ms(c->ca, l, w.failures) - now.ms;
	else if (w.state != CA_RENEW_DUE && w.rekey)
		wait =
		    w.state == CA_RENEW_BUSY ? c->ca->conf->retry_ms : LOOK_MS;
	else if (w.state != CA_RENEW_DUE)
		wait = pause_ms(c->ca, l, UINT32_MAX) / 4;
	if (wait > 0 || ca_drafts_count(c->d) == BATCH)
		look_in(c, wait > 0 ? wait : 0);
	else
		renew_fill(c->ca, l, &w, ca_drafts_add(c->d));
	return BASE_OK;
}

/* Nothing else was given meanwhile, and nothing else is presented. */
static bool
is_still_due(struct ca *ca, const struct ca_draft *t)
{
	struct ca_renewal w;
	struct ca_leaf l;
	uint64_t epoch;

	return ca_store_leaf_get(ca->store, t->row.node, t->row.root, &l) ==
	    BASE_OK &&
	    l.gen == t->row.to &&
	    ca_epoch_next(ca, t->row.node, t->row.root, &epoch) == BASE_OK &&
	    epoch == t->row.epoch && ca_renewal_get(ca, &l, &w) == BASE_OK &&
	    (w.state == CA_RENEW_DUE || w.state == CA_RENEW_FAILED ||
		w.state == CA_RENEW_UNSIGNED);
}

static enum base_err
renew_store(struct ca *ca, struct ca_drafts *d, bool *due)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	for (size_t i = 0; r == BASE_OK && i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		due[i] = t->err == BASE_OK && is_still_due(ca, t);
		if (due[i] && (r = ca_roll_replace(ca, &t->row)) == BASE_OK &&
		    (r = ca_drafts_store(d, i)) == BASE_OK)
			r = ca_audit(ca, CA_NODE_CA, "order",
			    "%s %s epoch %llu: %s", t->row.node, t->row.root,
			    (unsigned long long)t->row.epoch,
			    t->new_key.n > 0 ||
				    (t->row.steps & WIRE_STEP_REKEY) != 0
				? "rekey"
				: "renew");
	}
	if (r == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

/* kedge-hsmd refused this one; until it signs it, that is the reason. */
static void
remember(struct ca *ca, const struct ca_draft *t)
{
	struct ca_leaf l = { .epoch = 0 };
	struct ca_unsigned *u;

	memcpy(l.node, t->order.node, sizeof(l.node));
	memcpy(l.root, t->order.root, sizeof(l.root));
	if ((u = unsigned_of(ca, &l)) == NULL) {
		u = base_alloc(sizeof(*u));
		memcpy(u->node, l.node, sizeof(u->node));
		memcpy(u->root, l.root, sizeof(u->root));
		u->next = ca->renewals_unsigned;
		ca->renewals_unsigned = u;
	}
	u->failures++;
	u->since = ca_now(ca);
	snprintf(u->why, sizeof(u->why), "%s", t->why);
	base_log(BASE_WARNING, "renewal for %s, root %s: %s", u->node, u->root,
	    u->why);
}

static void
forget(struct ca *ca, const char *node, const char *root)
{
	struct ca_unsigned **at = &ca->renewals_unsigned, *u;

	while ((u = *at) != NULL) {
		if (node != NULL &&
		    (strcmp(u->node, node) != 0 ||
			strcmp(u->root, root) != 0)) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		free(u);
	}
}

void
ca_renew_free(struct ca *ca)
{
	forget(ca, NULL, NULL);
}

static void
renew_sent(struct ca *ca, struct ca_drafts *d, const bool *due)
{
	for (size_t i = 0; i < ca_drafts_count(d); i++) {
		const struct ca_draft *t = ca_drafts_get(d, i);

		if (t->err != BASE_OK)
			remember(ca, t);
		if (t->err != BASE_OK && t->new_key.n > 0)
			ca_rekey_anew(ca, t->order.node, t->order.root);
		if (!due[i])
			continue;
		forget(ca, t->row.node, t->row.root);
		ca_deliver_settled(ca->deliver, t->row.node, t->row.root,
		    t->row.epoch - 1);
		ca_order_send(ca, &t->row);
		ca_event_order(ca, &t->row, 0);
	}
}

static void
renew_done(void *arg, enum base_err e, struct ca_drafts *d)
{
	struct ca *ca = arg;
	bool *due = base_alloc(ca_drafts_count(d) + 1);

	ca->renewing = false;
	/* what they rest on is from an old copy of the store */
	if (e == BASE_OK && ca_recover_is_stale(ca))
		e = base_fail(BASE_E_STATE, "a recovery has begun");
	if (e == BASE_OK)
		e = renew_store(ca, d, due);
	if (e == BASE_OK)
		renew_sent(ca, d, due);
	else
		base_log(BASE_WARNING, "renewals: %s", base_why());
	ca_renew_soon(ca);
	free(due);
	ca_drafts_free(d);
	ca_kick(ca);
}

void
ca_renew_soon(struct ca *ca)
{
	ca->renew_next =
	    ca_sooner(ca->renew_next, ca_after(ca, ca->conf->retry_ms));
}

/* The next look: what was found, or when the next one is due by the clock,
 * which may be set. */
static void
set_next(struct ca *ca, const struct choice *c)
{
	struct base_time now = ca_now(ca), at;
	int64_t ms = c->next;

	if (ca_store_leaf_next(ca->store, now, &at) != BASE_OK)
		base_log(BASE_ERR, "renewals: %s", base_why());
	else if (at.ms != 0 && at.ms - now.ms < ms)
		ms = at.ms - now.ms;
	if (ms < ca->conf->retry_ms)
		ms = ca->conf->retry_ms;
	ca->renew_next = ca_after(ca, ms);
}

struct base_mono
ca_renew_work(struct ca *ca)
{
	struct choice c = { .ca = ca, .next = HOUR_MS };

	if (ca->renewing || ca->tidying || ca_recover_stops_all(ca))
		return CA_NEVER;
	if (ca->renew_next.ms > ca_mono(ca).ms)
		return ca->renew_next;
	c.d = ca_drafts_new(ca, renew_done, ca);
	if (ca_store_leaves_due(ca->store, ca_now(ca), choose, &c) != BASE_OK)
		base_log(BASE_ERR, "renewals: %s", base_why());
	set_next(ca, &c);
	if (ca_drafts_count(c.d) == 0) {
		ca_drafts_free(c.d);
		return ca->renew_next;
	}
	ca->renewing = true;
	ca_drafts_go(c.d);
	return ca->renew_next;
}

/* ---- what became of it --------------------------------------------------------------- */

/* It may be due before the next look. */
static enum base_err
leaf_new(struct ca *ca, struct ca_leaf *l)
{
	int64_t ms;

	ca_renew_date(l);
	ms = l->due.ms - ca_now(ca).ms;
	if (ms < ca->conf->retry_ms)
		ca_renew_soon(ca);
	else
		ca->renew_next = ca_sooner(ca->renew_next, ca_after(ca, ms));
	return ca_store_leaf_put(ca->store, l);
}

enum base_err
ca_renew_took(struct ca *ca, const struct ca_order *o)
{
	struct ca_leaf l = { .gen = o->to,
		.epoch = o->epoch,
		.not_before = o->leaf_from,
		.not_after = o->leaf_to };

	/* the CA's own is renewed by ca/identity */
	if (o->leaf_to.ms == 0 || strcmp(o->node, CA_NODE_CA) == 0)
		return BASE_OK;
	memcpy(l.node, o->node, sizeof(l.node));
	memcpy(l.root, o->root, sizeof(l.root));
	return leaf_new(ca, &l);
}

enum base_err
ca_renew_heard(struct ca *ca, const char *node, const struct wire_inventory *v)
{
	struct ca_leaf l;
	enum base_err r;

	r = ca_store_leaf_get(ca->store, node, v->root, &l);
	if (r == BASE_E_NOTFOUND)
		return BASE_OK;
	if (r != BASE_OK || v->highest >= l.epoch || l.due.ms <= ca_now(ca).ms)
		return r;
	base_log(BASE_WARNING,
	    "node %s: it has lost its certificate under root %s, which is "
	    "made anew; was it restored from a snapshot?",
	    node, v->root);
	l.due = ca_now(ca);
	ca_renew_soon(ca);
	return ca_store_leaf_put(ca->store, &l);
}
