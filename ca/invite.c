/*
 * ca/invite: joins by way of a relay. While a token is open, each relay that
 * the topology names for its node has an invitation: it may let that node in,
 * and the node learns from it to which key it seals its request. The key lives
 * in memory only, and while tokens are open: what was sealed to it nobody
 * opens later. After a restart there is another one, and the invitations are
 * given again; those that would say the same go on as they do when a token is
 * made or used. Called by core.c and net.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define PENDING_MAX 64 /* requests that hsmd is asked about */
#define ANSWER_MAX  (WIRE_PARCEL_MAX - 1024)

struct arrival {
	struct arrival *next;
	struct ca *ca; /* NULL: ended before hsmd answered */
	struct ca_route by;
	uint8_t digest[32], root[32]; /* of the request; of its token */
};

struct ca_invites {
	EVP_PKEY *key; /* NULL: no token is open */
	struct arrival *pending;
	size_t npending;
	size_t given; /* by the last look, */
	struct base_time end; /* and the first end among them */
	struct base_mono look; /* again, then */
};

static struct ca_invites *
invites_of(struct ca *ca)
{
	if (ca->invites == NULL)
		ca->invites = base_alloc(sizeof(*ca->invites));
	return ca->invites;
}

static const char *
guest_of(const struct ca_route *by)
{
	return by->hop[by->n - 1];
}

/* ---- invitations ------------------------------------------------------------- */

static enum base_err
invite_fill(struct ca *ca, const struct ca_token *t, const uint8_t hash[32],
    struct wire_invite *v)
{
	uint8_t word[32];

	memcpy(v->fleet, ca->conf->fleet, sizeof(v->fleet));
	memcpy(v->node, t->node, sizeof(v->node));
	wire_join_word(hash, word, v->admit);
	v->issued = ca_now(ca);
	v->issued.ms -= v->issued.ms % 1000;
	v->expires = t->end;
	for (int i = 0;
	     i < sk_X509_num(ca->management) && v->nroots < WIRE_INVITE_ROOTS;
	     i++) {
		v->root[v->nroots] = sk_X509_value(ca->management, i);
		if (!X509_up_ref(v->root[v->nroots++]))
			base_die("out of memory");
	}
	return wire_seal_point(invites_of(ca)->key, v->key);
}

static enum base_err
invite_sign(struct ca *ca, const struct wire_invite *v, struct base_buf *cms)
{
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	if ((r = wire_invite_compose(v, &der)) == BASE_OK)
		r = wire_cms_sign(WIRE_C_INVITE, base_buf_span(&der),
		    ca->tls_cert, ca->tls_key, ca->link, cms);
	base_buf_free(&der);
	return r;
}

/* Of all that it says but the time, who signs it, and a relay that has lost
 * what it knew. */
static enum base_err
invite_digest(const struct ca *ca, const struct wire_invite *v, uint32_t relay,
    uint8_t out[32])
{
	struct wire_invite same = *v; /* borrows its roots */
	uint8_t signer[32];
	struct base_buf b;
	enum base_err r;

	same.issued.ms = 0;
	base_buf_init(&b, 0);
	if (X509_digest(ca->tls_cert, EVP_sha256(), signer, NULL) != 1)
		base_die("invite: SHA-256 fails");
	if ((r = wire_invite_compose(&same, &b)) == BASE_OK &&
	    (r = base_buf_put(&b, signer, sizeof(signer))) == BASE_OK &&
	    (r = base_buf_put_u64(&b,
		 (uint64_t)ca->topo->nodes[relay].joined.ms)) == BASE_OK)
		wire_digest(base_buf_span(&b), out);
	base_buf_free(&b);
	return r;
}

/* To one relay. */
static enum base_err
invite_give(struct ca *ca, struct wire_invite *v, uint32_t relay)
{
	const char *name = ca->topo->nodes[relay].name;
	struct ca_route route;
	struct base_buf cms;
	uint8_t what[32];
	enum base_err r;

	base_buf_init(&cms, 0);
	memcpy(v->relay, name, sizeof(v->relay));
	if ((r = ca_topo_route(ca->topo, relay, &route)) == BASE_OK &&
	    (r = invite_digest(ca, v, relay, what)) == BASE_OK &&
	    !ca_deliver_invited(ca->deliver, what, &route) &&
	    (r = invite_sign(ca, v, &cms)) == BASE_OK)
		ca_deliver_invite(ca->deliver, ca_mono(ca),
		    &(struct ca_delivery){ .node = v->node,
			.root = name,
			.expires = v->expires,
			.cms = base_buf_span(&cms),
			.route = &route,
			.report = what },
		    v->expires.ms - ca_now(ca).ms);
	base_buf_free(&cms);
	return r;
}

/* What fails for one node or relay is no reason to invite no others. */
static enum base_err
invite_all(void *arg, const uint8_t hash[32], const struct ca_token *t)
{
	struct ca *ca = arg;
	uint32_t node = ca_topo_node(ca->topo, t->node);
	struct wire_invite v = { .nroots = 0 };
	enum base_err r = BASE_OK;

	if (node == POL_NONE || ca->topo->nodes[node].nvia == 0)
		return BASE_OK;
	if (invites_of(ca)->given++ == 0 || t->end.ms < invites_of(ca)->end.ms)
		invites_of(ca)->end = t->end;
	if (invites_of(ca)->key == NULL)
		r = wire_key_make(WIRE_P256, &invites_of(ca)->key);
	if (r == BASE_OK)
		r = invite_fill(ca, t, hash, &v);
	for (size_t i = 0; r == BASE_OK && i < ca->topo->nodes[node].nvia;
	     i++) {
		uint32_t relay =
		    ca_topo_node(ca->topo, ca->topo->nodes[node].via[i]);

		if (relay != POL_NONE &&
		    ca->topo->nodes[relay].joined.ms != 0 &&
		    invite_give(ca, &v, relay) != BASE_OK)
			base_log(BASE_WARNING, "invitation of %s: %s", t->node,
			    base_why());
	}
	if (r != BASE_OK)
		base_log(BASE_WARNING, "invitation of %s: %s", t->node,
		    base_why());
	wire_invite_clear(&v);
	return BASE_OK;
}

struct base_mono
ca_invites_work(struct ca *ca)
{
	struct ca_invites *n = invites_of(ca);

	if (ca->invites_kept && ca_mono(ca).ms < n->look.ms)
		return n->look;
	ca->invites_kept = true;
	n->look = CA_NEVER;
	ca_deliver_invites_begin(ca->deliver);
	n->given = 0;
	if (ca_store_tokens_open(ca->store, ca_now(ca), invite_all, ca) !=
	    BASE_OK)
		base_log(BASE_WARNING, "invitations: %s", base_why());
	ca_deliver_invites_end(ca->deliver);
	if (n->given == 0 && n->npending == 0) {
		EVP_PKEY_free(n->key);
		n->key = NULL;
	}
	if (n->given > 0)
		n->look = ca_after(ca, n->end.ms - ca_now(ca).ms + 1);
	return n->look;
}

/* ---- answers ------------------------------------------------------------------- */

static void
send_answer(const struct arrival *a, struct base_span cms)
{
	struct ca *ca = a->ca;
	uint8_t digest[32];

	wire_digest(cms, digest);
	ca_deliver_join(ca->deliver, ca_mono(ca),
	    &(struct ca_delivery){ .node = guest_of(&a->by),
		.root = "",
		.expires = base_time_add_s(ca_now(ca), 3600),
		.cms = cms,
		.route = &a->by,
		.report = digest });
	ca_kick(ca);
}

/* Signed, for a relay must not say no in our name. */
static enum base_err
refusal_sign(const struct arrival *a, const char *why, struct base_buf *cms)
{
	struct ca *ca = a->ca;
	struct wire_join_answer *w = base_alloc(sizeof(*w));
	X509 *root = ca_token_root(ca, a->root);
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	memcpy(w->fleet, ca->conf->fleet, sizeof(w->fleet));
	memcpy(w->node, guest_of(&a->by), sizeof(w->node));
	memcpy(w->request_digest, a->digest, sizeof(w->request_digest));
	snprintf(w->refusal, sizeof(w->refusal), "%s", why);
	w->management_root =
	    root != NULL ? root : sk_X509_value(ca->management, 0);
	if (!X509_up_ref(w->management_root))
		base_die("out of memory");
	if ((r = wire_join_answer_compose(w, &der)) == BASE_OK)
		r = wire_cms_sign(WIRE_C_JOIN_ANSWER, base_buf_span(&der),
		    ca->tls_cert, ca->tls_key, ca->link, cms);
	wire_join_answer_clear(w);
	free(w);
	base_buf_free(&der);
	return r;
}

static void
refuse(const struct arrival *a, const char *why)
{
	struct base_buf cms;

	base_buf_init(&cms, 0);
	if (refusal_sign(a, why, &cms) == BASE_OK)
		send_answer(a, base_buf_span(&cms));
	else
		base_log(BASE_WARNING, "join of node %s: %s", guest_of(&a->by),
		    base_why());
	base_buf_free(&cms);
}

static void
arrival_end(struct arrival *a)
{
	struct ca_invites *n = a->ca->invites;
	struct arrival **at = &n->pending;

	ca_kick(a->ca);
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	n->npending--;
	free(a);
}

/* The node takes CA_JOIN_AGAIN as what it says, and all else as final: final
 * is only what lies in the request itself. */
int
ca_join_status(enum base_err e)
{
	static const struct {
		enum base_err e;
		int status;
	} map[] = {
		{ BASE_E_DENIED, 403 },
		{ BASE_E_EXPIRED, 403 },
		{ BASE_E_SYNTAX, 400 },
		{ BASE_E_RANGE, 400 },
		{ BASE_E_CRYPTO, 400 },
		{ BASE_E_REFUSED, 409 },
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (map[i].e == e)
			return map[i].status;
	return CA_JOIN_AGAIN;
}

/* What does not lie in the request is no answer: the node asks again. */
static void
join_done(void *arg, enum base_err e, struct base_span answer)
{
	struct arrival *a = arg;

	if (a->ca == NULL) {
		free(a);
		return;
	}
	if (e == BASE_OK && answer.n > ANSWER_MAX)
		refuse(a,
		    "its answer is too long for a relay; let it join by files, "
		    "with a new token: kedge node token, then kedge-agentd "
		    "--join-request");
	else if (e == BASE_OK)
		send_answer(a, answer);
	else if (ca_join_status(e) != CA_JOIN_AGAIN)
		refuse(a, base_why());
	arrival_end(a);
}

/* ---- requests ------------------------------------------------------------------- */

static bool
is_pending(const struct ca_invites *n, const uint8_t digest[32])
{
	for (const struct arrival *a = n->pending; a != NULL; a = a->next)
		if (memcmp(a->digest, digest, sizeof(a->digest)) == 0)
			return true;
	return false;
}

/* Which root the node knows, and that it is the node whose relay let it in. */
static enum base_err
look(struct arrival *a, struct base_span der)
{
	struct wire_join_request *q = base_alloc(sizeof(*q));
	struct ca_token t;
	uint8_t hash[32];
	enum base_err r = wire_join_request_parse(der, q);

	if (r == BASE_OK && strcmp(q->node, guest_of(&a->by)) != 0)
		r = base_fail(BASE_E_REFUSED, "it is of node %s", q->node);
	if (r == BASE_OK) {
		wire_digest((struct base_span){ q->secret, sizeof(q->secret) },
		    hash);
		if (ca_store_token_get(a->ca->store, hash, &t) == BASE_OK)
			memcpy(a->root, t.root, sizeof(a->root));
	}
	wire_join_request_clear(q);
	free(q);
	return r;
}

static enum base_err
take(struct ca *ca, const struct ca_route *by, struct base_span der)
{
	struct ca_invites *n = invites_of(ca);
	struct arrival *a;
	uint8_t digest[32];
	enum base_err r;

	wire_digest(der, digest);
	if (is_pending(n, digest))
		return BASE_OK;
	if (n->npending == PENDING_MAX)
		return base_fail(BASE_E_AGAIN, "%d are asked about already",
		    PENDING_MAX);
	a = base_alloc(sizeof(*a));
	a->ca = ca;
	a->by = *by;
	memcpy(a->digest, digest, sizeof(a->digest));
	if ((r = look(a, der)) != BASE_OK) {
		free(a);
		return r;
	}
	a->next = n->pending;
	n->pending = a;
	n->npending++;
	ca_join_request(ca, der, join_done, a);
	return BASE_OK;
}

enum base_err
ca_join_in(struct ca *ca, struct base_span sealed, const struct ca_route *by)
{
	static const char info[] = WIRE_SEAL_JOIN;
	struct base_buf der;
	enum base_err r;

	if (by->n < 2)
		return base_fail(BASE_E_REFUSED,
		    "a sealed join that no relay let in");
	if (invites_of(ca)->key == NULL)
		return base_fail(BASE_E_REFUSED,
		    "join of node %s: no token is open", guest_of(by));
	base_buf_init(&der, 0);
	r = wire_unseal(invites_of(ca)->key,
	    (struct base_span){ (const uint8_t *)info, sizeof(info) - 1 },
	    (struct base_span){ (const uint8_t *)guest_of(by),
		strlen(guest_of(by)) },
	    sealed, &der);
	if (r == BASE_OK)
		r = take(ca, by, base_buf_span(&der));
	if (r != BASE_OK)
		r = base_fail(r, "join of node %s: %s", guest_of(by),
		    base_why());
	if (der.p != NULL)
		base_wipe(der.p, der.n);
	base_buf_free(&der);
	return r;
}

void
ca_invites_free(struct ca *ca)
{
	struct ca_invites *n = ca->invites;

	if (n == NULL)
		return;
	for (struct arrival *a = n->pending; a != NULL; a = a->next)
		a->ca = NULL;
	EVP_PKEY_free(n->key);
	free(n);
	ca->invites = NULL;
}
