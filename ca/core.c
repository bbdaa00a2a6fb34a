/*
 * ca/core: the daemon's whole as seen from its parts: loading it from the
 * store, and the turn that rolls, mailboxes and network get after each
 * change (ca_kick) or when one of them said so.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

struct base_time
ca_now(const struct ca *ca)
{
	return ca->now(ca->now_arg);
}

struct base_mono
ca_mono(const struct ca *ca)
{
	return ca->mono(ca->now_arg);
}

struct base_mono
ca_after(const struct ca *ca, int64_t ms)
{
	return (struct base_mono){ ca_mono(ca).ms + ms };
}

struct base_mono
ca_sooner(struct base_mono a, struct base_mono b)
{
	return a.ms < b.ms ? a : b;
}

const char *
ca_who(const struct ca *ca)
{
	return ca->who != NULL ? ca->who : CA_NODE_CA;
}

void
ca_kick(struct ca *ca)
{
	static const struct timeval at_once = { 0, 0 };

	if (ca->work != NULL)
		evtimer_add(ca->work, &at_once);
}

/* A certificate outlives the key's right to it: after another join, what was
 * on the disk that was lost or stolen is nobody. */
enum base_err
ca_check_node_key(struct ca *ca, const char *node, const X509 *x)
{
	uint8_t bound[32], shown[32];
	struct base_buf spki;
	enum base_err r;

	base_buf_init(&spki, 0);
	if ((r = ca_store_key_get(ca->store, node, CA_MANAGEMENT, &spki)) !=
	    BASE_OK)
		goto out;
	wire_digest(base_buf_span(&spki), bound);
	wire_x509_spki_sha256(x, shown);
	if (memcmp(bound, shown, sizeof(bound)) != 0 &&
	    !ca_rekey_is_key(ca, node, shown))
		r = base_fail(BASE_E_REFUSED,
		    "node %s: its certificate is for the key of an earlier "
		    "join; if the node is the right one, let it join again: "
		    "kedge node token %s",
		    node, node);
out:
	base_buf_free(&spki);
	return r;
}

struct base_mono
ca_work(struct ca *ca)
{
	struct base_mono next = CA_NEVER;
	struct ca_roll *after;

	if (!ca->ready)
		return next;
	next = ca_recover_work(ca);
	if (ca->unchecked)
		return ca_sooner(next,
		    ca->net == NULL ? CA_NEVER : ca_net_work(ca->net));
	next = ca_sooner(next, ca_tell_work(ca));
	/* an answer may say that the roll is another one */
	for (struct ca_roll *w = ca->rolls;
	     w != NULL && !ca_recover_is_unsure(ca); w = after) {
		after = w->next;
		next = ca_sooner(next, ca_roll_work(ca, w));
	}
	next = ca_sooner(next, ca_self_work(ca));
	next = ca_sooner(next, ca_resign_work(ca));
	next = ca_sooner(next, ca_tidy_work(ca));
	if (!ca_recover_is_unsure(ca))
		next = ca_sooner(next, ca_deadline_work(ca));
	next = ca_sooner(next, ca_waits_work(ca));
	next = ca_sooner(next, ca_forget_work(ca));
	next = ca_sooner(next, ca_rekey_work(ca));
	next = ca_sooner(next, ca_renew_work(ca));
	next = ca_sooner(next, ca_unsafe_work(ca));
	next = ca_sooner(next, ca_identity_work(ca));
	next = ca_sooner(next, ca_root_ends_work(ca));
	next = ca_sooner(next, ca_schedule_work(ca));
	next = ca_sooner(next, ca_invites_work(ca));
	if (ca->net != NULL)
		next = ca_sooner(next, ca_net_work(ca->net));
	return next;
}

enum base_err
ca_audit(struct ca *ca, const char *who, const char *what, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ca_store_audit_add(ca->store, ca_now(ca), who, what, text);
}

/* In memory only: a contact is not worth a write to the disk. */
void
ca_seen(struct ca *ca, const char *node)
{
	uint32_t i = ca_topo_node(ca->topo, node);

	if (i == POL_NONE)
		return;
	ca->topo->nodes[i].seen = ca_now(ca);
	ca->topo->nodes[i].heard = ca_mono(ca);
}

/* ---- loading ------------------------------------------------------------------ */

/* Orders that wait for a node which has no part in its root any more. */
struct orphans {
	struct ca *ca;
	struct ca_order *list; /* without cms */
	size_t n;
};

static enum base_err
load_order(void *arg, const struct ca_order *o)
{
	struct orphans *l = arg;
	struct ca *ca = l->ca;
	uint32_t node = ca_topo_node(ca->topo, o->node);
	uint32_t root = ca_topo_root(ca->topo, o->root);

	/* the CA's own has a part even before the first node has joined */
	if (node == POL_NONE || root == POL_NONE ||
	    (ca_topo_steps(ca->topo, root, node) == 0 &&
		strcmp(o->node, CA_NODE_CA) != 0)) {
		l->list =
		    base_realloc_array(l->list, l->n + 1, sizeof(*l->list));
		l->list[l->n] = *o;
		memset(&l->list[l->n++].cms, 0, sizeof(o->cms));
		return BASE_OK;
	}
	ca_order_send(ca, o);
	if (o->state == CA_ORDER_RECEIVED)
		ca_deliver_received(ca->deliver, ca_mono(ca), o->node, o->root,
		    o->epoch);
	return BASE_OK;
}

enum base_err
ca_orders_load(struct ca *ca)
{
	struct orphans l = { ca, NULL, 0 };
	enum base_err r;

	if ((r = ca_store_orders_open(ca->store, false, load_order, &l)) !=
		BASE_OK ||
	    l.n == 0 || (r = ca_store_begin(ca->store)) != BASE_OK)
		goto out;
	for (size_t i = 0; r == BASE_OK && i < l.n; i++)
		r = ca_store_orders_replace(ca->store, l.list[i].node,
		    l.list[i].root, l.list[i].epoch + 1);
	if (r == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	for (size_t i = 0; r == BASE_OK && i < l.n; i++)
		ca_deliver_settled(ca->deliver, l.list[i].node, l.list[i].root,
		    l.list[i].epoch);
out:
	free(l.list);
	return r;
}

/* Who was heard of is known in memory only. */
static void
keep_seen(const struct ca_topo *old, struct ca_topo *new)
{
	for (size_t i = 0; old != NULL && i < old->nnodes; i++) {
		uint32_t k = ca_topo_node(new, old->nodes[i].name);

		if (k == POL_NONE)
			continue;
		new->nodes[k].heard = old->nodes[i].heard;
		new->nodes[k].returned = old->nodes[i].returned;
		if (old->nodes[i].seen.ms > new->nodes[k].seen.ms)
			new->nodes[k].seen = old->nodes[i].seen;
	}
}

enum base_err
ca_reload_topo(struct ca *ca)
{
	struct ca_topo *old = ca->topo;
	enum base_err r;

	/* engines point into the graph: they go first and come after */
	ca_roll_close_all(ca);
	if ((r = ca_topo_load(ca->store, &ca->topo)) != BASE_OK) {
		ca->topo = old;
		return r;
	}
	keep_seen(old, ca->topo);
	ca_topo_free(old);
	ca_claim_look(ca);
	ca->peers_changed = true;
	ca->invites_kept = false;
	ca->told = false;
	if ((r = ca_roll_reopen(ca)) != BASE_OK)
		return r;
	ca->tidy_wanted = true;
	ca->self_look = true;
	ca->resign_wanted = ca_roll_of(ca, CA_MANAGEMENT) != NULL;
	/* routes may be others now */
	return ca->unchecked ? BASE_OK : ca_orders_load(ca);
}

static enum base_err
check_fleet(struct ca *ca)
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	r = ca_store_meta_get(ca->store, "fleet", &b);
	if (r == BASE_E_NOTFOUND)
		r = BASE_OK;
	else if (r == BASE_OK &&
	    (b.n != strlen(ca->conf->fleet) ||
		memcmp(b.p, ca->conf->fleet, b.n) != 0))
		r = base_fail(BASE_E_CONFIG,
		    "kedged.conf: fleet is \"%s\", "
		    "but the store in %s is of fleet \"%.*s\"",
		    ca->conf->fleet, ca->conf->state_dir, (int)b.n,
		    (const char *)b.p);
	base_buf_free(&b);
	return r;
}

enum base_err
ca_load(struct ca *ca)
{
	enum base_err r;

	if (ca->deliver == NULL)
		ca->deliver = ca_deliver_new(ca->conf->resend_ms,
		    ca->conf->resend_max_ms);
	ca_deliver_set_detour(ca->deliver, ca_order_detour, ca);
	if ((r = check_fleet(ca)) != BASE_OK)
		return r;
	if ((ca_make_is_ready(ca) && (r = ca_identity_load(ca)) != BASE_OK) ||
	    (r = ca_recover_load(ca)) != BASE_OK)
		return r;
	return ca_reload_topo(ca);
}

void
ca_unload(struct ca *ca)
{
	ca_roll_close_all(ca);
	ca_deliver_free(ca->deliver);
	ca_topo_free(ca->topo);
	ca_issuers_free(ca);
	ca_renew_free(ca);
	ca_identity_free(ca);
	ca_schedule_free(ca);
	ca_health_free(ca);
	ca_invites_free(ca);
	ca_forget_free(ca);
	ca->deliver = NULL;
	ca->topo = NULL;
}
