/*
 * ca/rekey: a node gets another key under a root, because the operator asked
 * for it (kedge node rekey). Two orders like renewals: by the first the node
 * makes a key and proves it in its report, signed by the old key as well; the
 * second brings a certificate for it. Until that one is reported effective
 * the old key stays what it was. Which orders are due, renew.c finds out.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

/* ---- the operator asks --------------------------------------------------------- */

static enum base_err
ask_one(struct ca *ca, const char *node, const char *root, size_t *n)
{
	struct base_span none = { NULL, 0 };
	struct ca_leaf l = { .epoch = 0 };
	bool asked = false;
	enum base_err r = ca_store_leaf_get(ca->store, node, root, &l);

	if (r == BASE_E_NOTFOUND)
		return BASE_OK;
	if (r != BASE_OK || (r = ca_rekey_asked(ca, &l, &asked)) != BASE_OK)
		return r;
	++*n;
	/* what is on its way goes on */
	if (asked)
		return BASE_OK;
	if ((r = ca_store_rekey_put(ca->store, node, root, none)) != BASE_OK)
		return r;
	return ca_audit(ca, ca_who(ca), "rekey", "%s %s", node, root);
}

static enum base_err
ask_all(struct ca *ca, const char *node, const char *root, size_t *n)
{
	enum base_err r = BASE_OK;

	if (root != NULL)
		return ask_one(ca, node, root, n);
	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nroots; i++)
		r = ask_one(ca, node, ca->topo->roots[i].name, n);
	return r;
}

/* root: NULL for all. */
static enum base_err
check_names(const struct ca *ca, const char *node, const char *root)
{
	if (ca_topo_node(ca->topo, node) == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "node %s: not known; see kedge node list", node);
	if (root != NULL && ca_topo_root(ca->topo, root) == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "root %s: not known; see kedge root list", root);
	return BASE_OK;
}

enum base_err
ca_rekey_ask(struct ca *ca, const char *node, const char *root)
{
	size_t n = 0;
	enum base_err r;

	if ((r = check_names(ca, node, root)) != BASE_OK ||
	    (r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ask_all(ca, node, root, &n)) == BASE_OK && n == 0)
		r = base_fail(BASE_E_STATE,
		    "node %s: presents nothing under %s%s yet; there is no "
		    "key to replace",
		    node, root == NULL ? "any root" : "root ",
		    root == NULL ? "" : root);
	if (r == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r == BASE_OK) {
		ca_renew_soon(ca);
		ca_kick(ca);
	}
	return r;
}

/* ---- and thinks better of it ------------------------------------------------------ */

static enum base_err
cancel_one(struct ca *ca, const char *node, const char *root, size_t *n)
{
	struct ca_leaf l = { .epoch = 0 };
	bool asked = false;
	enum base_err r;

	snprintf(l.node, sizeof(l.node), "%s", node);
	snprintf(l.root, sizeof(l.root), "%s", root);
	if ((r = ca_rekey_asked(ca, &l, &asked)) != BASE_OK || !asked)
		return r;
	if (ca_rekey_is_out(ca, node, root))
		return base_fail(BASE_E_STATE,
		    "node %s, root %s: the certificate for the new key is on "
		    "its way; when its answer is there, cancel it, or it is "
		    "done",
		    node, root);
	++*n;
	if ((r = ca_store_rekey_drop(ca->store, node, root)) != BASE_OK)
		return r;
	return ca_audit(ca, ca_who(ca), "rekey", "%s %s: cancelled", node,
	    root);
}

enum base_err
ca_rekey_cancel(struct ca *ca, const char *node, const char *root)
{
	size_t n = 0;
	enum base_err r;

	if ((r = check_names(ca, node, root)) != BASE_OK ||
	    (r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	for (uint32_t i = 0; r == BASE_OK && i < ca->topo->nroots; i++)
		if (root == NULL || strcmp(root, ca->topo->roots[i].name) == 0)
			r = cancel_one(ca, node, ca->topo->roots[i].name, &n);
	if (r == BASE_OK && n == 0)
		r = base_fail(BASE_E_STATE,
		    "node %s: no rekey is asked for; kedge node show %s", node,
		    node);
	if (r == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

/* ---- the node answers ---------------------------------------------------------- */

static bool
is_rekey(const struct ca_order *o)
{
	return (o->steps & WIRE_STEP_REKEY) != 0;
}

static enum base_err
new_key(struct ca *ca, const struct wire_report *w, struct base_buf *spki)
{
	char owner[CA_NAME];
	struct base_buf old;
	enum base_err r;

	if (w->rekey.n == 0)
		return base_fail(BASE_E_REFUSED, "there is no new key in it");
	base_buf_init(&old, 0);
	if ((r = ca_store_key_get(ca->store, w->node, w->root, &old)) ==
		BASE_OK &&
	    (r = wire_rekey_check(base_buf_span(&w->rekey), w->fleet, w->node,
		 base_buf_span(&old), spki)) == BASE_OK &&
	    (r = ca_store_key_owner(ca->store, base_buf_span(spki), owner)) ==
		BASE_OK &&
	    owner[0] != '\0' && strcmp(owner, w->node) != 0)
		r = base_fail(BASE_E_REFUSED, "its new key is that of node %s",
		    owner);
	base_buf_free(&old);
	return r;
}

void
ca_rekey_judge(struct ca *ca, struct wire_report *w, const struct ca_order *o)
{
	struct base_buf spki;

	if (w->status != WIRE_EFFECTIVE || !is_rekey(o))
		return;
	base_buf_init(&spki, 0);
	if (new_key(ca, w, &spki) != BASE_OK) {
		w->status = WIRE_FAILED;
		snprintf(w->reason, sizeof(w->reason), "%.500s", base_why());
	}
	base_buf_free(&spki);
}

/* ---- what became of it ----------------------------------------------------------- */

/* The key of the certificate in this order, which the node has. */
static enum base_err
key_of(struct ca *ca, const struct ca_order *row, struct base_buf *spki)
{
	struct wire_signer s = { .cert = NULL };
	struct wire_order o = { .epoch = 0 };
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	if ((r = wire_cms_verify(WIRE_C_ORDER, base_buf_span(&row->cms),
		 ca->management, ca_now(ca), &der, &s)) == BASE_OK &&
	    (r = wire_order_parse(base_buf_span(&der), &o)) == BASE_OK &&
	    o.cert != NULL)
		r = wire_key_spki(X509_get0_pubkey(o.cert), spki);
	wire_order_clear(&o);
	wire_signer_clear(&s);
	base_buf_free(&der);
	return r;
}

static bool
is_same(const struct base_buf *a, const struct base_buf *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* The certificate says which key is in use, whatever became of the wish. */
static enum base_err
took_cert(struct ca *ca, const struct ca_order *o, const struct base_buf *next,
    bool *done)
{
	struct base_buf is, was;
	enum base_err r;

	base_buf_init(&is, 0);
	base_buf_init(&was, 0);
	if ((r = key_of(ca, o, &is)) != BASE_OK ||
	    (r = ca_store_key_get(ca->store, o->node, o->root, &was)) !=
		BASE_OK ||
	    is.n == 0 || is_same(&is, &was))
		goto out;
	if ((r = ca_store_key_put(ca->store, o->node, o->root,
		 base_buf_span(&is))) != BASE_OK ||
	    (is_same(&is, next) &&
		(r = ca_store_rekey_drop(ca->store, o->node, o->root)) !=
		    BASE_OK))
		goto out;
	*done = true;
	r = ca_audit(ca, o->node, "rekey", "%s: the new key is in use",
	    o->root);
out:
	base_buf_free(&is);
	base_buf_free(&was);
	return r;
}

enum base_err
ca_rekey_took(struct ca *ca, const struct wire_report *w,
    const struct ca_order *o, bool *done)
{
	struct base_buf spki;
	bool asked;
	enum base_err r;

	*done = false;
	base_buf_init(&spki, 0);
	if ((r = ca_store_rekey_get(ca->store, o->node, o->root, &asked,
		 &spki)) != BASE_OK)
		goto out;
	if (is_rekey(o) && asked) {
		base_buf_clear(&spki);
		if ((r = new_key(ca, w, &spki)) == BASE_OK)
			r = ca_store_rekey_put(ca->store, o->node, o->root,
			    base_buf_span(&spki));
	} else if (o->leaf_to.ms != 0 &&
	    wire_step_renews(o->steps, o->from, o->to)) {
		r = took_cert(ca, o, &spki, done);
	}
out:
	base_buf_free(&spki);
	return r;
}

/* ---- kedge-hsmd hears of it ------------------------------------------------------ */

/* One that it does not take keeps none behind it back; when all had their turn,
 * those are shown again, after a pause that grows to this. */
#define PAUSE_MS 3600000

/* Once for each reason. */
static void
key_refused(struct ca *ca, const char *why)
{
	const struct ca_key_turn *t = &ca->key_turn;
	char before[CA_REASON_MAX], now[CA_REASON_MAX];

	snprintf(now, sizeof(now), "%s", why);
	if (ca_store_unshown_why(ca->store, t->node, t->root, before) ==
		BASE_OK &&
	    strcmp(before, now) == 0)
		return;
	base_log(BASE_WARNING,
	    "node %s, root %s: that its new key is in use, kedge-hsmd does not "
	    "know: %s; it is shown again",
	    t->node, t->root, now);
	if (ca_store_unshown_refused(ca->store, t->node, t->root, now) !=
	    BASE_OK)
		base_log(BASE_ERR, "%s", base_why());
}

static void
turn_over(struct ca *ca, uint32_t pause_ms)
{
	ca->key_turn.node[0] = ca->key_turn.root[0] = '\0';
	ca->key_turn.left = ca->key_turn.anew = ca->key_turn.more = false;
	ca->keys_next = ca_after(ca, pause_ms);
}

static void
key_shown(void *arg, enum base_err e)
{
	struct ca *ca = arg;
	struct ca_key_turn *t = &ca->key_turn;

	ca->key_showing = false;
	/* anew: shown was the report before, and the next round has the other */
	if (e == BASE_OK && !t->anew)
		e = ca_store_unshown_done(ca->store, t->node, t->root);
	if (e == BASE_E_AGAIN) {
		turn_over(ca, ca->conf->retry_ms);
	} else if (e != BASE_OK && !t->anew) {
		key_refused(ca, base_why());
		t->left = true;
	}
	t->anew = false;
	ca_kick(ca);
}

/* All had their turn. */
static void
keys_end(struct ca *ca)
{
	struct ca_key_turn *t = &ca->key_turn;

	ca->keys_shown = !t->left && !t->more;
	t->pause_ms = !t->left || t->more ? 0
	    : t->pause_ms == 0		  ? ca->conf->retry_ms
					  : 2 * t->pause_ms;
	if (t->pause_ms > PAUSE_MS)
		t->pause_ms = PAUSE_MS;
	turn_over(ca, t->pause_ms);
}

void
ca_rekey_in_use(struct ca *ca, const char *node, const char *root)
{
	struct ca_key_turn *t = &ca->key_turn;

	ca->keys_shown = false;
	t->pause_ms = 0;
	/* those under way go on: in a fleet others come all the time */
	if (t->node[0] == '\0')
		turn_over(ca, 0);
	else
		t->more = true;
	t->anew = t->anew ||
	    (ca->key_showing && strcmp(t->node, node) == 0 &&
		strcmp(t->root, root) == 0);
	ca_kick(ca);
}

struct base_mono
ca_rekey_work(struct ca *ca)
{
	struct ca_key_turn *t = &ca->key_turn;
	enum base_err r;

	if (ca->keys_shown || ca->key_showing || ca_recover_is_stale(ca))
		return CA_NEVER; /* key_shown and the recovery kick */
	if (ca->keys_next.ms > ca_mono(ca).ms)
		return ca->keys_next;
	r = ca_store_unshown_next(ca->store, t->node, t->root);
	if (r == BASE_OK && t->node[0] != '\0') {
		ca->key_showing = true;
		ca_show_report(ca, t->node, t->root, key_shown, ca);
		return CA_NEVER;
	}
	if (r == BASE_OK) {
		keys_end(ca);
	} else {
		base_log(BASE_ERR, "%s", base_why());
		turn_over(ca, ca->conf->retry_ms);
	}
	return ca->keys_shown ? CA_NEVER : ca->keys_next;
}

/* ---- meanwhile ------------------------------------------------------------------- */

struct open_cert {
	struct base_time now;
	bool found;
};

static enum base_err
open_order(void *arg, const struct ca_order *o)
{
	struct open_cert *c = arg;

	c->found = c->found ||
	    ((o->state == CA_ORDER_SENT || o->state == CA_ORDER_RECEIVED) &&
		(o->steps & WIRE_STEP_CERT) != 0 &&
		wire_step_renews(o->steps, o->from, o->to) &&
		o->expires.ms > c->now.ms);
	return BASE_OK;
}

bool
ca_rekey_is_out(struct ca *ca, const char *node, const char *root)
{
	struct open_cert c = { ca_now(ca), false };
	struct ca_leaf l;
	struct base_buf spki;
	bool asked = false;
	enum base_err r;

	base_buf_init(&spki, 0);
	if ((r = ca_store_rekey_get(ca->store, node, root, &asked, &spki)) ==
		BASE_OK &&
	    asked && spki.n > 0 &&
	    (r = ca_store_leaf_get(ca->store, node, root, &l)) == BASE_OK)
		r = ca_store_orders_after(ca->store, node, root, l.epoch,
		    open_order, &c);
	if (r != BASE_OK)
		base_log(BASE_ERR, "rekey of %s: %s", node, base_why());
	base_buf_free(&spki);
	return c.found;
}

enum base_err
ca_rekey_asked(struct ca *ca, const struct ca_leaf *l, bool *out)
{
	struct base_buf spki;
	enum base_err r;

	base_buf_init(&spki, 0);
	r = ca_store_rekey_get(ca->store, l->node, l->root, out, &spki);
	base_buf_free(&spki);
	return r;
}

void
ca_rekey_anew(struct ca *ca, const char *node, const char *root)
{
	struct base_span none = { NULL, 0 };

	if (ca_store_rekey_put(ca->store, node, root, none) != BASE_OK)
		base_log(BASE_ERR, "rekey of %s: %s", node, base_why());
}

bool
ca_rekey_is_key(struct ca *ca, const char *node, const uint8_t sha256[32])
{
	struct base_buf spki;
	uint8_t sum[32];
	bool asked, same = false;

	base_buf_init(&spki, 0);
	if (ca_store_rekey_get(ca->store, node, CA_MANAGEMENT, &asked, &spki) ==
		BASE_OK &&
	    spki.n > 0) {
		wire_digest(base_buf_span(&spki), sum);
		same = memcmp(sum, sha256, sizeof(sum)) == 0;
	}
	base_buf_free(&spki);
	return same;
}
