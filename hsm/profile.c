/*
 * profile: may this key sign this certificate? wire_tbs_parse has already
 * shown that the bytes are one of kedge's profiles and nothing else; here
 * they are held against what kedge-hsmd itself knows: its keys, what its
 * roots say, which keys a node has. Called by req_certs.c; rules are one
 * function per kind of certificate in a table.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hsm/core.h"

#define DAY_MS	  INT64_C(86400000)
#define CANARY_MS INT64_C(600000)
#define SKEW_MS	  INT64_C(300000)

struct prof {
	struct hsm_core *c;
	const struct hsm_key *issuer;
	const struct hsm_conf_root *conf;
	const struct wire_tbs *t;
};

static bool
prof_is_key(const struct hsm_key *k, struct base_span spki)
{
	return k != NULL && k->spki.n == spki.n &&
	    memcmp(k->spki.p, spki.p, spki.n) == 0;
}

static enum base_err
prof_no(const struct prof *p, const char *why)
{
	static const char *const kinds[] = {
		[WIRE_NEW_WITH_NEW] = "NewWithNew",
		[WIRE_NEW_WITH_OLD] = "NewWithOld",
		[WIRE_OLD_WITH_NEW] = "OldWithNew",
		[WIRE_NODE_CERT] = "node certificate",
		[WIRE_CANARY] = "canary",
		[WIRE_ORDER_CERT] = "order signer's certificate",
		[WIRE_CA_TLS] = "CA's TLS certificate",
	};

	return base_fail(BASE_E_REFUSED, "%s%s%s under %s %u: %s",
	    kinds[p->t->kind], p->t->node[0] != '\0' ? " of " : "", p->t->node,
	    p->issuer->root, p->issuer->generation, why);
}

/* From a little while ago, or now, to at most days from then. */
static enum base_err
prof_dates(const struct prof *p, int64_t days)
{
	const struct wire_tbs *t = p->t;
	int64_t now = p->c->now.ms;

	if (t->not_before.ms < now - (int64_t)p->c->conf->backdate_s * 1000 ||
	    t->not_before.ms > now + SKEW_MS)
		return prof_no(p, "does not start about now");
	if (t->not_after.ms <= now)
		return prof_no(p, "is over already");
	if (t->not_after.ms - t->not_before.ms > days * DAY_MS)
		return prof_no(p, "is valid for longer than configured");
	return BASE_OK;
}

/* Leaves never outlive their root. */
static enum base_err
prof_under_root(const struct prof *p)
{
	if (!p->issuer->has_root)
		return prof_no(p, "the root has no NewWithNew yet");
	if (p->t->not_after.ms > p->issuer->not_after.ms)
		return prof_no(p, "would outlive its root");
	return BASE_OK;
}

static enum base_err
prof_new_with_new(const struct prof *p)
{
	const struct hsm_key *next = hsm_state_key(&p->c->state,
	    p->issuer->root, p->issuer->generation + 1, false);

	if (!prof_is_key(p->issuer, p->t->spki))
		return prof_no(p, "is not for the root's own key");
	if (!p->t->has_next)
		return prof_no(p, "names no next key");
	if (next == NULL ||
	    memcmp(next->spki_hash, p->t->next_hash, HSM_HASH) != 0)
		return prof_no(p,
		    "the next key that it names is not the one "
		    "in the inventory; ask for that key first");
	return prof_dates(p, p->conf->root_days);
}

static enum base_err
prof_new_with_old(const struct prof *p)
{
	const struct hsm_key *old = p->issuer,
			     *new = hsm_state_key(&p->c->state, old->root,
				 old->generation + 1, false);

	if (!prof_is_key(new, p->t->spki))
		return prof_no(p, "is not for the next generation's key");
	if (!old->has_root || !new->has_root)
		return prof_no(p, "both roots need their NewWithNew first");
	if (memcmp(old->next_hash, new->spki_hash, HSM_HASH) != 0)
		return prof_no(p, "the old root names another key as next");
	if (p->t->not_before.ms != new->not_before.ms)
		return prof_no(p, "does not start with NewWithNew");
	if (p->t->not_after.ms > old->not_after.ms ||
	    p->t->not_after.ms > new->not_after.ms)
		return prof_no(p, "would outlive one of the two roots");
	return BASE_OK;
}

static enum base_err
prof_old_with_new(const struct prof *p)
{
	const struct hsm_key *old = hsm_state_key(&p->c->state, p->issuer->root,
	    p->issuer->generation - 1, false);

	if (!prof_is_key(old, p->t->spki))
		return prof_no(p, "is not for the previous generation's key");
	if (!old->has_root || !p->issuer->has_root)
		return prof_no(p, "both roots need their NewWithNew first");
	if (p->t->not_before.ms != old->not_before.ms ||
	    p->t->not_after.ms != old->not_after.ms)
		return prof_no(p, "has not the old root's dates");
	return BASE_OK;
}

static const struct hsm_conf_names *
prof_listed(const struct hsm_conf *c, const char *san)
{
	for (size_t i = 0; i < c->nnames; i++)
		for (char **a = c->names[i].allow; *a != NULL; a++)
			if (strcasecmp(*a, san) == 0)
				return &c->names[i];
	return NULL;
}

/* A further name must be the node's by configuration, or nobody else's. */
static enum base_err
prof_name(const struct prof *p, const char *san)
{
	const struct hsm_conf *conf = p->c->conf;
	bool listed = false;
	struct hsm_node *other = NULL;

	for (size_t i = 0; i < conf->nnames; i++)
		for (char **a = conf->names[i].allow; *a != NULL; a++)
			if (strcmp(conf->names[i].node, p->t->node) == 0 &&
			    strcasecmp(*a, san) == 0)
				listed = true;
	if (strncmp(san, "DNS:", 4) == 0 && strlen(san) > 4) {
		char *low = base_strdup(san + 4);

		for (char *s = low; *s != '\0'; s++)
			*s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
		other = hsm_state_node(&p->c->state, low);
		free(low);
	}
	if (other != NULL && strcmp(other->name, p->t->node) != 0)
		return prof_no(p, "has the name of another node");
	if (listed)
		return BASE_OK;
	if (conf->other_names == HSM_LISTED || prof_listed(conf, san) != NULL)
		return prof_no(p,
		    "has a further name that the configuration "
		    "(names) does not give to this node");
	return BASE_OK;
}

/* The name, the key that the name is bound to for this root, further names. */
static enum base_err
prof_node(const struct prof *p)
{
	const struct wire_tbs *t = p->t;
	struct hsm_node *n = hsm_state_node(&p->c->state, t->node);
	const struct hsm_node_key *k;
	enum base_err e = BASE_OK;

	if (n == NULL || !n->bound)
		return prof_no(p, "no node of this name is bound to a key");
	k = hsm_node_key(n, t->root);
	if (k == NULL)
		return prof_no(p, "the node has no key for this root");
	if (!hsm_node_key_is(k, t->spki))
		return prof_no(p,
		    "is for another key than the node's; a new key needs a "
		    "join token, or the node's own signed word (kedge node "
		    "rekey)");
	for (size_t i = 0; i < t->nsan && e == BASE_OK; i++)
		e = prof_name(p, t->san[i]);
	return e;
}

static enum base_err
prof_node_cert(const struct prof *p)
{
	enum base_err e;

	if ((e = prof_node(p)) != BASE_OK ||
	    (e = prof_under_root(p)) != BASE_OK)
		return e;
	return prof_dates(p, p->conf->node_days);
}

static enum base_err
prof_canary(const struct prof *p)
{
	enum base_err e;

	if ((e = prof_node(p)) != BASE_OK ||
	    (e = prof_under_root(p)) != BASE_OK)
		return e;
	if (p->t->not_after.ms > p->c->now.ms + CANARY_MS ||
	    p->t->not_after.ms - p->t->not_before.ms > CANARY_MS)
		return prof_no(p, "is valid for more than ten minutes");
	return prof_dates(p, 1);
}

static enum base_err
prof_order_cert(const struct prof *p)
{
	const struct hsm_key *k =
	    hsm_state_key_by_spki(&p->c->state, p->t->spki);
	enum base_err e;

	if (strcmp(p->issuer->root, HSM_MANAGEMENT) != 0)
		return prof_no(p, "belongs under root management only");
	if (k == NULL || !k->order_signer)
		return prof_no(p,
		    "is not for an order signer's key in the "
		    "inventory");
	if ((e = prof_under_root(p)) != BASE_OK)
		return e;
	return prof_dates(p, p->conf->root_days);
}

static enum base_err
prof_ca_tls(const struct prof *p)
{
	if (strcmp(p->issuer->root, HSM_MANAGEMENT) != 0)
		return prof_no(p, "belongs under root management only");
	return prof_node_cert(p);
}

/* What every kind must have. */
static enum base_err
prof_common(const struct prof *p)
{
	const struct wire_tbs *t = p->t;

	if (p->issuer->order_signer)
		return prof_no(p, "an order signer signs no certificates");
	if (strcmp(t->fleet, p->c->conf->fleet) != 0)
		return prof_no(p, "is of another fleet");
	if (strcmp(t->root, p->issuer->root) != 0)
		return prof_no(p, "has another issuer name");
	if (t->issuer_alg != p->issuer->alg ||
	    memcmp(t->aki, p->issuer->ski, sizeof(t->aki)) != 0)
		return prof_no(p, "names another issuer key");
	return BASE_OK;
}

enum base_err
hsm_profile_check(struct hsm_core *c, const struct hsm_key *issuer,
    struct wire_tbs *t)
{
	static enum base_err (*const rules[])(const struct prof *) = {
		[WIRE_NEW_WITH_NEW] = prof_new_with_new,
		[WIRE_NEW_WITH_OLD] = prof_new_with_old,
		[WIRE_OLD_WITH_NEW] = prof_old_with_new,
		[WIRE_NODE_CERT] = prof_node_cert,
		[WIRE_CANARY] = prof_canary,
		[WIRE_ORDER_CERT] = prof_order_cert,
		[WIRE_CA_TLS] = prof_ca_tls,
	};
	struct prof p = { c, issuer, hsm_conf_root(c->conf, issuer->root), t };
	enum base_err e;

	if ((size_t)t->kind >= sizeof(rules) / sizeof(rules[0]) ||
	    rules[t->kind] == NULL)
		return base_fail(BASE_E_REFUSED,
		    "certificate: of no kind that kedge issues");
	if (t->kind == WIRE_NEW_WITH_OLD && issuer->generation > 1 &&
	    prof_is_key(hsm_state_key(&c->state, issuer->root,
			    issuer->generation - 1, false),
		t->spki))
		t->kind = WIRE_OLD_WITH_NEW;
	e = prof_common(&p);
	return e != BASE_OK ? e : rules[t->kind](&p);
}
