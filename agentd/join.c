/*
 * agentd/join: request and answer of a join (docs/architecture.md, "Joining").
 * Used by agent.c.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#include "agentd/join.h"

#define REQUEST_MAX ((size_t)1 << 20)
#define ANSWER_MAX  ((size_t)2 << 20)

static struct ag_root *
management(const struct ag_join_conf *c)
{
	return ag_holdings_find(c->holdings, AG_MANAGEMENT);
}

bool
ag_join_is_done(const struct ag_holdings *h)
{
	return ag_holdings_find(h, AG_MANAGEMENT)->bundle != NULL;
}

/* ---- request -------------------------------------------------------------------- */

static enum base_err
check_token(const struct ag_join_conf *c)
{
	const struct wire_token *t = c->token;

	if (strcmp(t->fleet, c->conf->fleet) != 0 ||
	    strcmp(t->node, c->conf->node) != 0)
		return base_fail(BASE_E_DENIED,
		    "join: the token is for node %s of fleet %s, this is %s "
		    "of %s",
		    t->node, t->fleet, c->conf->node, c->conf->fleet);
	return BASE_OK;
}

static enum base_err
compose(const struct ag_join_conf *c, struct base_buf *der)
{
	const struct wire_token *t = c->token;
	struct wire_join_request *r = base_alloc(sizeof *r);
	enum base_err e;

	strcpy(r->fleet, t->fleet);
	strcpy(r->node, t->node);
	memcpy(r->secret, t->secret, sizeof r->secret);
	base_buf_init(&r->management_csr, 0);
	e = wire_csr_make(management(c)->key, t->fleet, t->node,
	    &r->management_csr);
	for (size_t i = 0; e == BASE_OK && i < c->holdings->n; i++) {
		const struct ag_root *h = &c->holdings->root[i];

		if (strcmp(h->name, AG_MANAGEMENT) == 0)
			continue;
		strcpy(r->roots[r->nroots].root, h->name);
		base_buf_init(&r->roots[r->nroots].csr, 0);
		e = wire_csr_make(h->key, t->fleet, t->node,
		    &r->roots[r->nroots++].csr);
	}
	if (e == BASE_OK)
		e = wire_join_request_compose(r, der);
	wire_join_request_clear(r);
	base_wipe(r, sizeof *r);
	free(r);
	return e;
}

static char *
kept_path(const struct ag_join_conf *c)
{
	return base_asprintf("%s/join.der", c->store->dir);
}

/* A kept request is good for the token whose secret it has. */
static bool
is_kept(const struct ag_join_conf *c, const char *path, struct base_buf *der)
{
	struct wire_join_request *r = base_alloc(sizeof *r);
	bool yes = false;

	if (base_file_read(path, REQUEST_MAX, der) == BASE_OK &&
	    wire_join_request_parse(base_buf_span(der), r) == BASE_OK)
		yes = base_equal_ct(r->secret, c->token->secret,
		    sizeof r->secret);
	wire_join_request_clear(r);
	base_wipe(r, sizeof *r);
	free(r);
	if (!yes)
		base_buf_clear(der);
	return yes;
}

enum base_err
ag_join_request(const struct ag_join_conf *c, struct base_buf *der)
{
	char *path = kept_path(c);
	enum base_err e;

	if ((e = check_token(c)) != BASE_OK || is_kept(c, path, der))
		goto out;
	if (c->token->end.ms <= base_time_now().ms) {
		e = base_fail(BASE_E_EXPIRED,
		    "join: the token has expired; ask for a new one: kedge "
		    "node token %s",
		    c->token->node);
		goto out;
	}
	if ((e = compose(c, der)) == BASE_OK)
		e = base_file_write(path, base_buf_span(der), 0600);
out:
	free(path);
	return e;
}

/* ---- answer ----------------------------------------------------------------------------- */

enum base_err
ag_join_peek(struct base_span cms, struct base_buf *der)
{
	const unsigned char *p = cms.p;
	CMS_ContentInfo *ci = d2i_CMS_ContentInfo(NULL, &p, (long)cms.n);
	ASN1_OCTET_STRING **content = ci == NULL ? NULL : CMS_get0_content(ci);
	enum base_err e;

	ERR_clear_error();
	if (content == NULL || *content == NULL)
		e = base_fail(BASE_E_SYNTAX, "join: not an answer of a CA");
	else
		e = base_buf_put(der, ASN1_STRING_get0_data(*content),
		    (size_t)ASN1_STRING_length(*content));
	CMS_ContentInfo_free(ci);
	return e;
}

static enum base_err
peek(struct base_span cms, struct wire_join_answer *a)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, ANSWER_MAX);
	if ((e = ag_join_peek(cms, &der)) == BASE_OK)
		e = wire_join_answer_parse(base_buf_span(&der), a);
	base_buf_free(&der);
	return e;
}

enum base_err
ag_join_verify(const struct ag_join_conf *c, struct base_span cms,
    const uint8_t request_digest[32], struct wire_join_answer *a)
{
	STACK_OF(X509) *trust = sk_X509_new_null();
	struct wire_signer s = { 0 };
	uint8_t sum[32];
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, ANSWER_MAX);
	if ((e = peek(cms, a)) != BASE_OK)
		goto out;
	wire_x509_sha256(a->management_root, sum);
	if (memcmp(sum, c->token->root_sha256, 32) != 0) {
		e = base_fail(BASE_E_CRYPTO,
		    "join: the answer is of another management root than the "
		    "token names");
		goto out;
	}
	if (trust == NULL || sk_X509_push(trust, a->management_root) <= 0)
		base_die("join: out of memory");
	if ((e = wire_verify_root(a->management_root, base_time_now())) !=
		BASE_OK ||
	    (e = wire_cms_verify(WIRE_C_JOIN_ANSWER, cms, trust,
		 base_time_now(), &der, &s)) != BASE_OK)
		goto out;
	if (strcmp(a->fleet, c->conf->fleet) != 0 ||
	    strcmp(a->node, c->conf->node) != 0 ||
	    memcmp(a->request_digest, request_digest, 32) != 0)
		e = base_fail(BASE_E_DENIED,
		    "join: the answer is for another node or request");
out:
	sk_X509_free(trust);
	wire_signer_clear(&s);
	base_buf_free(&der);
	return e;
}

void
ag_join_forget(const struct ag_join_conf *c)
{
	char *path = kept_path(c);

	unlink(path);
	free(path);
}

enum base_err
ag_join_allowed(const struct wire_join_answer *a)
{
	return a->refusal[0] == '\0'
	    ? BASE_OK
	    : base_fail(BASE_E_DENIED, "join: the CA refuses: %s", a->refusal);
}

/* The order about management is the node's identity, which the others need to
 * be answered; it is stored last. */
static enum base_err
find_identity(const struct ag_join_conf *c, const struct wire_join_answer *a,
    struct wire_order *o, size_t *at)
{
	struct ag_addressee us = { sk_X509_new_null(), c->conf->fleet,
		c->conf->node, base_time_now() };
	uint8_t digest[32];
	enum base_err e = BASE_OK;

	if (us.trust == NULL || sk_X509_push(us.trust, a->management_root) <= 0)
		base_die("join: out of memory");
	for (*at = 0; *at < a->norders; ++*at) {
		e = ag_order_open(&us, base_buf_span(&a->order[*at]), o,
		    digest);
		if (e != BASE_OK || strcmp(o->root, AG_MANAGEMENT) == 0)
			break;
		wire_order_clear(o);
	}
	sk_X509_free(us.trust);
	if (e == BASE_OK && *at == a->norders)
		e = base_fail(BASE_E_REFUSED,
		    "join: the answer has no management certificate");
	return e;
}

static enum base_err
make_identity(const struct ag_join_conf *c, const struct wire_join_answer *a,
    size_t *at)
{
	struct ag_root *m = management(c);
	struct ag_known k = {
		.node = c->conf->node,
		.presents = true,
		.verifies = true,
		.state = &m->state,
		.key = m->key,
		.now = base_time_now(),
		.joining = true,
	};
	struct wire_order o = { 0 };
	struct ag_bundle *b = NULL;
	enum base_err e;

	if ((e = find_identity(c, a, &o, at)) == BASE_OK &&
	    (e = ag_order_apply(&k, &o, &b)) == BASE_OK) {
		b->epoch = b->previous = 0;
		m->bundle = b;
	}
	wire_order_clear(&o);
	return e;
}

static enum base_err
complete(const struct ag_join_conf *c)
{
	for (size_t i = 0; i < c->holdings->n; i++)
		if (c->holdings->root[i].bundle == NULL)
			return base_fail(BASE_E_REFUSED,
			    "join: the CA has nothing under root %s for this "
			    "node; compare the topology with this node's "
			    "configuration",
			    c->holdings->root[i].name);
	return BASE_OK;
}

/* All but that of the identity, then, when all is complete, that one: the
 * moment of joining. */
static enum base_err
take_orders(const struct ag_join_conf *c, struct ag_work *w,
    const struct wire_join_answer *a, size_t identity)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER, .down = true };
	enum base_err e = BASE_OK;

	/* Reached by the CA itself: the reports' way is known. Otherwise it
	 * comes with the first parcel. */
	if (c->conf->management != NULL || c->conf->ca_poll) {
		p.nroute = 1;
		strcpy(p.route[0], c->conf->node);
	}
	for (size_t i = 0; e == BASE_OK && i < a->norders; i++) {
		p.content = a->order[i];
		if (i != identity)
			e = ag_work_order(w, &p, true);
	}
	if (e == BASE_OK && (e = complete(c)) == BASE_OK) {
		p.content = a->order[identity];
		e = ag_work_order(w, &p, true);
	}
	return e;
}

enum base_err
ag_join_take(const struct ag_join_conf *c, struct ag_work *w,
    struct base_span answer)
{
	struct wire_join_answer *a = base_alloc(sizeof *a);
	struct ag_root *m = management(c);
	char *path = kept_path(c);
	uint8_t digest[32];
	struct base_buf request;
	size_t identity;
	enum base_err e;

	base_buf_init(&request, REQUEST_MAX);
	e = base_file_read(path, REQUEST_MAX, &request);
	if (e == BASE_E_NOTFOUND)
		e = base_fail(e, "join: no request was made here");
	if (e != BASE_OK)
		goto out;
	wire_digest(base_buf_span(&request), digest);
	if ((e = ag_join_verify(c, answer, digest, a)) != BASE_OK ||
	    (e = ag_join_allowed(a)) != BASE_OK ||
	    (e = make_identity(c, a, &identity)) != BASE_OK) {
		if (a->refusal[0] != '\0')
			ag_join_forget(c);
		goto out;
	}
	if ((e = take_orders(c, w, a, identity)) != BASE_OK) {
		ag_bundle_free(m->bundle);
		m->bundle = NULL;
		goto out;
	}
	unlink(path);
	base_log(BASE_NOTICE, "join: node %s is in fleet %s", c->conf->node,
	    c->conf->fleet);
out:
	wire_join_answer_clear(a);
	free(a);
	base_buf_free(&request);
	free(path);
	return e;
}
