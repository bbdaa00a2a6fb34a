/*
 * ca/recover: the store is an old copy, put back from a backup. What it says
 * of the nodes is not believed any more; its open orders are dropped. What
 * kedge-hsmd has signed since is taken up (recall.c). Then each node gets an
 * order without steps, above the highest epoch: it changes nothing, it
 * outranks what is still on its way from before, and the signed report on it
 * is what the node holds from here on. Whoever has not answered is unknown,
 * and nothing that touches him starts.
 *
 * An old copy shows itself: kedged counts in the store, before it asks, the
 * requests by which kedge-hsmd gets to know something, and kedge-hsmd has the
 * highest of them on record; or a node has taken an epoch that kedge-hsmd
 * signed and the store does not know of (claim.c).
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ca/recover.h"

#define META_RECOVERY "recovery"
#define META_MARK     "hsm.mark"
#define LOOK_MS	      1000 /* answers of that time are looked at together */

enum base_err
ca_meta_get_u64(struct ca *ca, const char *key, uint64_t *out)
{
	struct base_buf b;
	enum base_err r;

	*out = 0;
	base_buf_init(&b, 0);
	if ((r = ca_store_meta_get(ca->store, key, &b)) == BASE_OK)
		r = base_buf_get_u64(&b, out);
	else if (r == BASE_E_NOTFOUND)
		r = BASE_OK;
	base_buf_free(&b);
	return r;
}

enum base_err
ca_meta_put_u64(struct ca *ca, const char *key, uint64_t v)
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = base_buf_put_u64(&b, v)) == BASE_OK)
		r = ca_store_meta_put(ca->store, key, base_buf_span(&b));
	base_buf_free(&b);
	return r;
}

/* ---- kept in the store ------------------------------------------------------- */

enum base_err
ca_recovery_put(struct ca *ca, const struct ca_recovery *v)
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = base_buf_put_u8(&b, (uint8_t)v->stage)) == BASE_OK &&
	    (r = base_buf_put_u8(&b, v->wanted)) == BASE_OK &&
	    (r = base_buf_put_u64(&b, (uint64_t)v->since.ms)) == BASE_OK &&
	    (r = base_buf_put_str(&b, v->why)) == BASE_OK)
		r = ca_store_meta_put(ca->store, META_RECOVERY,
		    base_buf_span(&b));
	base_buf_free(&b);
	return r;
}

enum base_err
ca_recover_load(struct ca *ca)
{
	struct ca_recovery *v = &ca->recovery;
	char *why = NULL;
	struct base_buf b;
	uint64_t since;
	uint8_t stage, wanted;
	enum base_err r;

	v->look = v->answers = true;
	v->next.ms = 0;
	base_buf_init(&b, 0);
	if ((r = ca_store_meta_get(ca->store, META_RECOVERY, &b)) == BASE_OK &&
	    (r = base_buf_get_u8(&b, &stage)) == BASE_OK &&
	    (r = base_buf_get_u8(&b, &wanted)) == BASE_OK &&
	    (r = base_buf_get_u64(&b, &since)) == BASE_OK &&
	    (r = base_buf_get_str(&b, sizeof(v->why) - 1, &why)) == BASE_OK) {
		v->stage = (enum ca_recovery_stage)stage;
		v->wanted = wanted != 0;
		v->since.ms = (int64_t)since;
		snprintf(v->why, sizeof(v->why), "%s", why);
	}
	free(why);
	base_buf_free(&b);
	if (r == BASE_OK || r == BASE_E_NOTFOUND)
		r = ca_claim_load(ca);
	return r;
}

static enum base_err
next_mark(struct ca *ca, uint64_t *out)
{
	enum base_err r = ca_meta_get_u64(ca, META_MARK, out);

	if (r != BASE_OK)
		return r;
	++*out;
	if ((r = ca_store_begin(ca->store)) == BASE_OK &&
	    (r = ca_meta_put_u64(ca, META_MARK, *out)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

enum base_err
ca_hsm_ask(struct ca *ca, const struct wire_hsm_ask *w)
{
	enum base_err r = BASE_OK;

	if (wire_hsm_is_marked(w->request->type))
		r = next_mark(ca, &w->request->mark);
	return r != BASE_OK ? r : ca->hsm.ask(ca->hsm.self, w);
}

enum base_err
ca_hsm_heard(struct ca *ca, enum base_err e, const struct wire_hsm_answer *a)
{
	if (e != BASE_OK)
		return base_fail(BASE_E_AGAIN, "waits for kedge-hsmd: %s",
		    base_why());
	if (!wire_hsm_is_marked(a->type) || a->err != BASE_E_EXISTS)
		return BASE_OK;
	ca->unchecked = true;
	ca_kick(ca);
	return base_fail(BASE_E_AGAIN,
	    "waits for kedge-hsmd: it has answered later requests than this "
	    "one, which was sent again after a restart, or this store is an "
	    "old copy; kedged looks which it is, then try again");
}

bool
ca_recover_was_before(struct ca *ca, uint64_t roll)
{
	uint64_t last;

	return ca_meta_get_u64(ca, CA_META_RECOVERED, &last) != BASE_OK ||
	    roll <= last;
}

bool
ca_recover_made(struct ca *ca, uint64_t roll)
{
	char key[sizeof(CA_META_MADE) + 24];
	uint64_t made;

	snprintf(key, sizeof(key), CA_META_MADE "/%llu",
	    (unsigned long long)roll);
	return ca_meta_get_u64(ca, key, &made) == BASE_OK && made != 0;
}

/* ---- each part: a node under a root ------------------------------------------- */

enum base_err
ca_each_part(struct ca *ca, ca_part_fn *fn, void *arg)
{
	const struct ca_topo *t = ca->topo;
	enum base_err r = BASE_OK;

	for (uint32_t i = 0; r == BASE_OK && i < t->nnodes; i++)
		for (uint32_t k = 0; r == BASE_OK && k < t->nroots; k++)
			if (t->nodes[i].joined.ms != 0 &&
			    ca_topo_steps(t, k, i) != 0)
				r = fn(ca, i, k, arg);
	return r;
}

enum base_err
ca_part_holds(struct ca *ca, uint32_t node, uint32_t root, struct ca_holding *h)
{
	return ca_holding_get(ca->store, ca->topo->nodes[node].name,
	    ca->topo->roots[root].name, h);
}

static enum base_err
is_excused_elsewhere(struct ca *ca, uint32_t node, uint32_t root, bool *yes)
{
	enum base_err r = BASE_OK;

	*yes = false;
	for (uint32_t k = 0; r == BASE_OK && k < ca->topo->nroots; k++) {
		struct ca_holding h;

		if (k == root || ca_topo_steps(ca->topo, k, node) == 0)
			continue;
		r = ca_part_holds(ca, node, k, &h);
		*yes = h.excused;
		if (!h.excused)
			break;
	}
	return r;
}

enum base_err
ca_part_is_lost(struct ca *ca, uint32_t node, uint32_t root, bool *yes)
{
	struct ca_holding h;
	enum base_err r = ca_part_holds(ca, node, root, &h);

	*yes = r == BASE_OK && h.lost && !h.excused;
	if (!*yes || strcmp(ca->topo->roots[root].name, CA_MANAGEMENT) != 0)
		return r;
	r = is_excused_elsewhere(ca, node, root, yes);
	*yes = !*yes;
	return r;
}

enum base_err
ca_part_fact(struct ca *ca, uint32_t node, uint32_t root,
    enum pol_fact_kind kind)
{
	const char *name = ca->topo->roots[root].name;
	const struct ca_roll *w = ca_roll_of(ca, name);
	struct ca_fact f = { .kind = kind,
		.roll = w == NULL ? 0 : w->row.id,
		.at = ca_now(ca) };

	memcpy(f.root, name, sizeof(f.root));
	memcpy(f.node, ca->topo->nodes[node].name, sizeof(f.node));
	return ca_store_fact_add(ca->store, &f);
}

/* ---- begin ---------------------------------------------------------------------- */

static enum base_err
lose_part(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	enum base_err r = ca_part_fact(ca, node, root, POL_FACT_LOST);

	(void)arg;
	if (r == BASE_OK)
		r = ca_store_orders_replace(ca->store,
		    ca->topo->nodes[node].name, ca->topo->roots[root].name,
		    INT64_MAX);
	if (r == BASE_OK)
		r = ca_store_orders_replace(ca->store,
		    ca->topo->nodes[node].name, CA_MANAGEMENT, INT64_MAX);
	return r;
}

static enum base_err
settle_part(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	(void)arg;
	ca_deliver_settled(ca->deliver, ca->topo->nodes[node].name,
	    ca->topo->roots[root].name, UINT64_MAX);
	ca_deliver_settled(ca->deliver, ca->topo->nodes[node].name,
	    CA_MANAGEMENT, UINT64_MAX);
	return BASE_OK;
}

static enum base_err
void_deadlines(struct ca *ca)
{
	enum base_err r = BASE_OK;

	for (const struct ca_roll *w = ca->rolls; r == BASE_OK && w != NULL;
	     w = w->next)
		if (w->row.compromised && w->row.from < w->row.to)
			r = ca_deadline_void(ca, &w->row);
	return r;
}

static enum base_err
begin_store(struct ca *ca, const struct ca_recovery *v, uint64_t mark)
{
	uint64_t own;
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_meta_get_u64(ca, META_MARK, &own)) == BASE_OK &&
	    (r = ca_meta_put_u64(ca, META_MARK, mark > own ? mark : own)) ==
		BASE_OK &&
	    (r = ca_recovery_put(ca, v)) == BASE_OK &&
	    (r = ca_claim_put(ca, &v->claim)) == BASE_OK &&
	    (r = ca_store_gone_hold(ca->store)) == BASE_OK &&
	    (r = void_deadlines(ca)) == BASE_OK &&
	    (r = ca_each_part(ca, lose_part, NULL)) == BASE_OK &&
	    (r = ca_audit(ca, CA_NODE_CA, "recovery", "begins: %s", v->why)) ==
		BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static enum base_err
begin(struct ca *ca, uint64_t mark, const char *why)
{
	struct ca_recovery v = ca->recovery;
	enum base_err r;

	v.stage = CA_RECOVERY_RECALL;
	v.since = ca_now(ca);
	v.wanted = v.left = false;
	memset(&v.claim, 0, sizeof(v.claim));
	v.look = true;
	v.next.ms = 0;
	snprintf(v.why, sizeof(v.why), "%s", why);
	if ((r = begin_store(ca, &v, mark)) != BASE_OK)
		return r;
	ca->recovery = v;
	base_log(BASE_WARNING,
	    "recovery: %s; no order is sent but such that ask each node what "
	    "it holds",
	    v.why);
	if ((r = ca_each_part(ca, settle_part, NULL)) == BASE_OK)
		r = ca_reload_topo(ca);
	ca_kick(ca);
	return r;
}

/* All are asked soon, also who has said something that nobody can explain. */
static enum base_err
want_store(struct ca *ca, const struct ca_recovery *v)
{
	static const struct ca_claim none = { .node = "" };
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_recovery_put(ca, v)) == BASE_OK &&
	    (r = ca_claim_put(ca, &none)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

enum base_err
ca_recover_want(struct ca *ca, const char *fmt, ...)
{
	struct ca_recovery v = ca->recovery;
	enum base_err r;
	va_list ap;

	if (v.stage != CA_RECOVERY_NONE || v.wanted)
		return BASE_OK;
	v.wanted = true;
	va_start(ap, fmt);
	vsnprintf(v.why, sizeof(v.why), fmt, ap);
	va_end(ap);
	if ((r = want_store(ca, &v)) != BASE_OK)
		return r;
	ca->recovery = v;
	ca_kick(ca);
	return BASE_OK;
}

bool
ca_recover_is_stale(const struct ca *ca)
{
	return ca->unchecked || ca->recovery.wanted ||
	    ca->recovery.stage == CA_RECOVERY_RECALL;
}

bool
ca_recover_is_unsure(const struct ca *ca)
{
	return ca->recovery.stage == CA_RECOVERY_RECALL ||
	    (ca->recovery.stage == CA_RECOVERY_ASK && ca->recovery.answers);
}

bool
ca_recover_stops_all(const struct ca *ca)
{
	return ca_recover_is_stale(ca) || ca_recover_is_unsure(ca);
}

/* ---- is this the newest store? ---------------------------------------------------- */

void
ca_recover_later(struct ca *ca, const char *what)
{
	struct ca_recovery *v = &ca->recovery;
	char text[sizeof(v->said)];

	snprintf(text, sizeof(text), "%s: %s", what, base_why());
	if (strcmp(text, v->said) != 0)
		base_log(BASE_WARNING, "recovery: %s", text);
	memcpy(v->said, text, sizeof(text));
	v->next = ca_after(ca, ca->conf->retry_ms);
	ca_kick(ca);
}

void
ca_recover_goes_on(struct ca *ca)
{
	if (ca->recovery.said[0] != '\0')
		base_log(BASE_NOTICE, "recovery: goes on after: %s",
		    ca->recovery.said);
	ca->recovery.said[0] = '\0';
}

void
ca_recover_soon(struct ca *ca)
{
	const struct base_mono soon = ca_after(ca, LOOK_MS);

	ca->recovery.look = true;
	ca->recovery.next = ca_sooner(ca->recovery.next, soon);
}

static void
check_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct ca *ca = arg;
	char why[CA_RECOVERY_WHY];
	uint64_t own;

	ca->recovery.busy = false;
	if (e == BASE_OK && a->err != BASE_OK)
		e = base_fail(a->err, "kedge-hsmd: %s", a->why);
	if (e == BASE_OK)
		e = ca_meta_get_u64(ca, META_MARK, &own);
	if (e == BASE_OK && a->mark > own) {
		snprintf(why, sizeof(why),
		    "kedge-hsmd has answered request %llu, this store knows "
		    "of %llu: it is an old copy",
		    (unsigned long long)a->mark, (unsigned long long)own);
		/* for another reason: that one is not lost with it */
		if (ca->recovery.wanted)
			e = ca_audit(ca, CA_NODE_CA, "recovery",
			    "was to begin: %s", ca->recovery.why);
		if (e == BASE_OK)
			e = begin(ca, a->mark, why);
	}
	if (e == BASE_OK) {
		ca->unchecked = false;
		ca_listen(ca); /* no order was sent before */
		e = ca_orders_load(ca);
	}
	if (e == BASE_OK)
		ca_recover_goes_on(ca);
	else
		ca_recover_later(ca,
		    "waits for kedge-hsmd before any order is sent");
	ca_kick(ca);
}

static struct base_mono
check(struct ca *ca)
{
	struct wire_hsm_request q = { .type = WIRE_HSM_AUDIT };
	struct wire_hsm_ask w = { &q, check_answered, ca };

	ca->recovery.busy = true;
	if (ca_hsm_ask(ca, &w) != BASE_OK) {
		ca->recovery.busy = false;
		ca_recover_later(ca, "asking kedge-hsmd");
	}
	return ca->recovery.next.ms > ca_mono(ca).ms ? ca->recovery.next
						     : CA_NEVER;
}

/* ---- taking up what kedge-hsmd remembers -------------------------------------------- */

/* Nodes that were taken up just now have never been lost. */
static enum base_err
lose_unknown(struct ca *ca, uint32_t node, uint32_t root, void *arg)
{
	struct ca_holding h;
	enum base_err r = ca_part_holds(ca, node, root, &h);

	(void)arg;
	if (r != BASE_OK || h.known || h.lost)
		return r;
	return ca_part_fact(ca, node, root, POL_FACT_LOST);
}

/* Rolls that the copy knows as ones in peace. */
static enum base_err
rolls_stolen(struct ca *ca)
{
	enum base_err r = BASE_OK;

	for (const struct ca_roll *w = ca->rolls; r == BASE_OK && w != NULL;
	     w = w->next) {
		struct ca_gen g = { .gen = 0 };

		if (w->row.compromised || w->row.from > w->row.to)
			continue;
		r = ca_store_gen_get(ca->store, w->row.root, w->row.from, &g);
		if (r == BASE_OK && g.stolen &&
		    (r = ca_store_roll_compromised(ca->store, w->row.id)) ==
			BASE_OK)
			r = ca_audit(ca, CA_NODE_CA, "recovery",
			    "roll %llu of root %s: the old root's key may be "
			    "in wrong hands, as kedge-hsmd remembers",
			    (unsigned long long)w->row.id, w->row.root);
		if (r == BASE_OK && g.stolen)
			r = ca_deadline_void(ca, &w->row);
		ca_gen_clear(&g);
	}
	return r;
}

static enum base_err
recalled_store(struct ca *ca, const struct ca_recovery *v)
{
	enum base_err r;

	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_each_part(ca, lose_unknown, NULL)) == BASE_OK &&
	    (r = rolls_stolen(ca)) == BASE_OK &&
	    (r = ca_store_gone_unknown(ca->store)) == BASE_OK &&
	    (r = ca_recovery_put(ca, v)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

static void
recalled(void *arg, enum base_err e)
{
	struct ca *ca = arg;
	struct ca_recovery v = ca->recovery;

	ca->recovery.busy = false;
	v.busy = false;
	v.stage = CA_RECOVERY_ASK;
	if (e == BASE_OK && (e = ca_reload_topo(ca)) == BASE_OK &&
	    (e = recalled_store(ca, &v)) == BASE_OK) {
		ca->recovery = v;
		e = ca_roll_reopen(ca);
	}
	if (e == BASE_OK)
		ca_recover_goes_on(ca);
	else
		ca_recover_later(ca, "taking up what kedge-hsmd remembers");
	ca_kick(ca);
}

/* ---- turns ------------------------------------------------------------------------------ */

struct base_mono
ca_recover_work(struct ca *ca)
{
	struct ca_recovery *v = &ca->recovery;
	char why[CA_RECOVERY_WHY];

	if (v->busy)
		return CA_NEVER;
	if (v->next.ms > ca_mono(ca).ms)
		return v->next;
	if (ca->unchecked)
		return check(ca);
	if (v->wanted) {
		memcpy(why, v->why, sizeof(why));
		v->wanted = false;
		if (begin(ca, 0, why) != BASE_OK) {
			v->wanted = true;
			ca_recover_later(ca, "begins");
		}
		return v->next;
	}
	if (v->claim.node[0] != '\0') {
		ca_claim_ask(ca);
		return v->next.ms > ca_mono(ca).ms ? v->next : CA_NEVER;
	}
	if (v->stage == CA_RECOVERY_RECALL) {
		v->busy = true;
		ca_recall_go(ca, recalled, ca);
		return CA_NEVER;
	}
	if (!v->look)
		return CA_NEVER;
	v->next = ca_after(ca, LOOK_MS);
	if (ca_recover_look(ca) != BASE_OK)
		ca_recover_later(ca, "looking at the nodes");
	else if (!v->busy)
		ca_recover_goes_on(ca);
	return v->look ? v->next : CA_NEVER;
}
