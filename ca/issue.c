/*
 * ca/issue: what a certificate shall say (composed here, signed by hsmd), and
 * the check of what came back. Used by make (roots) and draft (nodes).
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define DAY_S INT64_C(86400)

/* ---- issuers ---------------------------------------------------------------- */

struct ca_issuer {
	struct ca_issuer *next;
	char root[CA_NAME];
	uint32_t gen;
	enum wire_alg alg;
	uint8_t ski[20];
	struct base_time not_before, not_after;
	X509 *nwn;
	STACK_OF(X509) *trust; /* { nwn } */
};

static void
issuer_free(struct ca_issuer *i)
{
	if (i == NULL)
		return;
	sk_X509_free(i->trust);
	X509_free(i->nwn);
	free(i);
}

static enum base_err
issuer_read(struct ca_issuer *i, const struct ca_gen *g)
{
	struct wire_tbs t = { 0 };
	enum base_err r;

	if ((r = wire_x509_from_der(base_buf_span(&g->nwn), "store: root",
		 &i->nwn)) != BASE_OK ||
	    (r = wire_cert_parse(i->nwn, &t)) != BASE_OK ||
	    (r = wire_spki_alg(base_buf_span(&g->spki), &i->alg)) != BASE_OK)
		goto out;
	memcpy(i->ski, t.ski, sizeof(i->ski));
	i->not_before = t.not_before;
	i->not_after = t.not_after;
	if ((i->trust = sk_X509_new_null()) == NULL ||
	    sk_X509_push(i->trust, i->nwn) == 0)
		base_die("out of memory");
out:
	wire_tbs_free(&t);
	return r;
}

static enum base_err
issuer_get(struct ca *ca, const char *root, uint32_t gen,
    const struct ca_issuer **out)
{
	struct ca_gen g = { .gen = 0 };
	struct ca_issuer *i;
	enum base_err r;

	for (i = ca->issuers; i != NULL; i = i->next)
		if (i->gen == gen && strcmp(i->root, root) == 0) {
			*out = i;
			return BASE_OK;
		}
	if ((r = ca_store_gen_get(ca->store, root, gen, &g)) != BASE_OK)
		goto out;
	if (g.nwn.n == 0) {
		r = base_fail(BASE_E_STATE,
		    "root %s: generation %u has no "
		    "certificate yet",
		    root, gen);
		goto out;
	}
	i = base_alloc(sizeof(*i));
	memcpy(i->root, g.root, sizeof(i->root));
	i->gen = gen;
	if ((r = issuer_read(i, &g)) != BASE_OK)
		goto out;
	i->next = ca->issuers;
	ca->issuers = i;
	*out = i;
	i = NULL;
out:
	issuer_free(i);
	ca_gen_clear(&g);
	return r;
}

enum base_err
ca_issuer_root(struct ca *ca, const char *root, uint32_t gen, X509 **out)
{
	const struct ca_issuer *i = NULL;
	enum base_err r = issuer_get(ca, root, gen, &i);

	*out = r == BASE_OK ? i->nwn : NULL;
	return r;
}

enum base_err
ca_issuer_alg(struct ca *ca, const char *root, uint32_t gen, enum wire_alg *out)
{
	const struct ca_issuer *i = NULL;
	enum base_err r = issuer_get(ca, root, gen, &i);

	if (r == BASE_OK)
		*out = i->alg;
	return r;
}

void
ca_issuers_free(struct ca *ca)
{
	struct ca_issuer *next;

	for (struct ca_issuer *i = ca->issuers; i != NULL; i = next) {
		next = i->next;
		issuer_free(i);
	}
	ca->issuers = NULL;
}

/* ---- composing ------------------------------------------------------------------ */

static struct base_time
whole_seconds(struct base_time t)
{
	return (struct base_time){ t.ms - t.ms % 1000 };
}

static struct base_time
earlier(struct base_time a, struct base_time b)
{
	return a.ms < b.ms ? a : b;
}

static struct base_time
later(struct base_time a, struct base_time b)
{
	return a.ms > b.ms ? a : b;
}

static void
issue_dates_end(struct ca *ca, const struct ca_issue *i,
    const struct ca_issuer *by, struct wire_tbs *t)
{
	struct base_time now = whole_seconds(ca_now(ca));
	int64_t back = ca->conf->backdate_s;

	if (i->kind == WIRE_CANARY && back > ca->conf->canary_s / 4)
		back = ca->conf->canary_s / 4;
	t->not_before = later(base_time_add_s(now, -back), by->not_before);
	if (i->kind == WIRE_CANARY)
		t->not_after =
		    base_time_add_s(t->not_before, ca->conf->canary_s);
	else if (i->kind == WIRE_ORDER_CERT)
		t->not_after = by->not_after; /* its key is in the token */
	else
		t->not_after =
		    base_time_add_s(t->not_before, ca->conf->node_days * DAY_S);
	t->not_after = earlier(t->not_after, by->not_after);
}

enum base_err
ca_issue_end(struct ca *ca, const char *root, uint32_t gen,
    struct base_time *out)
{
	const struct ca_issue i = { .kind = WIRE_NODE_CERT };
	const struct ca_issuer *by = NULL;
	struct wire_tbs t = { 0 };
	enum base_err r = issuer_get(ca, root, gen, &by);

	if (r == BASE_OK)
		issue_dates_end(ca, &i, by, &t);
	*out = t.not_after;
	return r;
}

/* RFC 9810 4.4: NewWithOld begins with NewWithNew and does not outlive the
 * old root; OldWithNew has the old root's dates. */
static enum base_err
issue_dates_link(struct ca *ca, const struct ca_issue *i,
    const struct ca_issuer *by, struct wire_tbs *t)
{
	const struct ca_issuer *subject = NULL;
	uint32_t gen = i->kind == WIRE_NEW_WITH_OLD ? i->gen + 1 : i->gen - 1;
	enum base_err r;

	if ((r = issuer_get(ca, i->root, gen, &subject)) != BASE_OK)
		return r;
	t->not_before = subject->not_before;
	t->not_after = i->kind == WIRE_NEW_WITH_OLD
	    ? earlier(subject->not_after, by->not_after)
	    : subject->not_after;
	return BASE_OK;
}

/* A new root: its own key signs, and the key that waits for the next
 * generation is named (RFC 8649). */
static enum base_err
issue_root(struct ca *ca, const struct ca_issue *i, struct wire_tbs *t)
{
	struct base_time now = whole_seconds(ca_now(ca));
	struct ca_gen next = { .gen = 0 };
	struct ca_root root;
	enum base_err r;

	if ((r = ca_store_root_get(ca->store, i->root, &root)) != BASE_OK ||
	    (r = ca_store_gen_get(ca->store, i->root, i->gen + 1, &next)) !=
		BASE_OK ||
	    (r = wire_spki_alg(i->spki, &t->issuer_alg)) != BASE_OK)
		goto out;
	memcpy(t->aki, t->ski, sizeof(t->aki));
	t->not_before = base_time_add_s(now, -(int64_t)ca->conf->backdate_s);
	t->not_after = base_time_add_s(t->not_before, root.days * DAY_S);
	t->has_next = true;
	wire_digest(base_buf_span(&next.spki), t->next_hash);
out:
	ca_gen_clear(&next);
	return r;
}

static enum base_err
issue_by(struct ca *ca, const struct ca_issue *i, struct wire_tbs *t)
{
	const struct ca_issuer *by = NULL;
	enum base_err r;

	if (i->kind == WIRE_NEW_WITH_NEW)
		return issue_root(ca, i, t);
	if ((r = issuer_get(ca, i->root, i->gen, &by)) != BASE_OK)
		return r;
	t->issuer_alg = by->alg;
	memcpy(t->aki, by->ski, sizeof(t->aki));
	if (i->kind == WIRE_NEW_WITH_OLD || i->kind == WIRE_OLD_WITH_NEW)
		return issue_dates_link(ca, i, by, t);
	issue_dates_end(ca, i, by, t);
	return BASE_OK;
}

/* names is cut in place; t points into it. */
static enum base_err
issue_names(char *names, struct wire_tbs *t)
{
	char *save = NULL;

	for (char *w = strtok_r(names, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		if (t->nsan == WIRE_SAN_MAX)
			return base_fail(BASE_E_RANGE,
			    "node %s: more than %d "
			    "further names",
			    t->node, WIRE_SAN_MAX);
		t->san[t->nsan++] = w;
	}
	return BASE_OK;
}

enum base_err
ca_issue_tbs(struct ca *ca, const struct ca_issue *i, struct base_buf *tbs)
{
	struct wire_tbs t = { .kind = i->kind, .spki = i->spki };
	char names[CA_NAMES_MAX];
	enum base_err r;

	wire_serial_make(t.serial);
	memcpy(t.fleet, ca->conf->fleet, sizeof(t.fleet));
	memcpy(t.root, i->root, sizeof(t.root));
	memcpy(t.node, i->node, sizeof(t.node));
	snprintf(names, sizeof(names), "%s", i->names == NULL ? "" : i->names);
	if ((r = issue_names(names, &t)) != BASE_OK ||
	    (r = wire_spki_id(i->spki, t.ski)) != BASE_OK ||
	    (r = issue_by(ca, i, &t)) != BASE_OK)
		return r;
	return wire_tbs_compose(&t, tbs);
}

/* ---- checking ------------------------------------------------------------------------ */

/* The bytes of the to-be-signed part within a certificate. */
static struct base_span
tbs_of(struct base_span der)
{
	const unsigned char *p = der.p, *start;
	struct base_span none = { NULL, 0 };
	int tag, class;
	long n;

	if (der.n > INT32_MAX ||
	    (ASN1_get_object(&p, &n, &tag, &class, (long)der.n) & 0x80) != 0)
		return none;
	start = p;
	if ((ASN1_get_object(&p, &n, &tag, &class, n) & 0x80) != 0)
		return none;
	return (struct base_span){ start, (size_t)(p + n - start) };
}

static enum base_err
check_end(struct ca *ca, const struct ca_issue *i, X509 *x)
{
	struct wire_verify v = {
		.purpose = i->kind == WIRE_ORDER_CERT ? WIRE_ORDER_SIGNER
						      : WIRE_SERVER,
		.closed = true,
		.now = ca_now(ca),
		.max_depth = 0,
	};
	const struct ca_issuer *by = NULL;
	enum base_err r;

	if ((r = issuer_get(ca, i->root, i->gen, &by)) != BASE_OK)
		return r;
	if (i->kind == WIRE_CA_TLS || i->kind == WIRE_NODE_CERT) {
		v.name_kind = WIRE_NAME_DNS;
		v.name = i->node;
	}
	return wire_verify_cert(&v, x, by->trust, NULL, NULL);
}

static enum base_err
check_link(struct ca *ca, const struct ca_issue *i, X509 *x)
{
	X509 *old, *new;
	enum base_err r;

	if (i->kind == WIRE_NEW_WITH_OLD) {
		if ((r = ca_issuer_root(ca, i->root, i->gen, &old)) !=
			BASE_OK ||
		    (r = ca_issuer_root(ca, i->root, i->gen + 1, &new)) !=
			BASE_OK)
			return r;
		return wire_verify_new_root(old, new, x, ca_now(ca));
	}
	if ((r = ca_issuer_root(ca, i->root, i->gen, &new)) != BASE_OK)
		return r;
	if (X509_verify(x, X509_get0_pubkey(new)) != 1)
		return base_fail(BASE_E_CRYPTO,
		    "root %s: OldWithNew does not "
		    "verify under generation %u",
		    i->root, i->gen);
	return BASE_OK;
}

enum base_err
ca_issue_check(struct ca *ca, const struct ca_issue *i, struct base_span tbs,
    struct base_span der, X509 **out)
{
	struct base_span got = tbs_of(der);
	X509 *x = NULL;
	enum base_err r;

	*out = NULL;
	if (got.n != tbs.n || memcmp(got.p, tbs.p, tbs.n) != 0)
		return base_fail(BASE_E_INTEGRITY,
		    "kedge-hsmd returned "
		    "another certificate for %s/%s than was asked for",
		    i->root, i->node[0] == '\0' ? "root" : i->node);
	if ((r = wire_x509_from_der(der, "kedge-hsmd's certificate", &x)) !=
	    BASE_OK)
		goto out;
	if (i->kind == WIRE_NEW_WITH_NEW)
		r = wire_verify_root(x, ca_now(ca));
	else if (i->kind == WIRE_NEW_WITH_OLD || i->kind == WIRE_OLD_WITH_NEW)
		r = check_link(ca, i, x);
	else
		r = check_end(ca, i, x);
	if (r != BASE_OK)
		goto out;
	*out = x;
	x = NULL;
out:
	X509_free(x);
	return r;
}

enum base_err
ca_issue_dates(const X509 *x, struct base_time *from, struct base_time *to)
{
	struct wire_tbs t = { 0 };
	enum base_err r = wire_cert_parse(x, &t);

	*from = t.not_before;
	*to = t.not_after;
	wire_tbs_free(&t);
	return r;
}

enum base_err
ca_issue_store(struct ca *ca, const struct ca_issue *i, X509 *x)
{
	struct ca_cert c = { .gen = i->gen, .kind = i->kind };
	struct wire_tbs t = { 0 };
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	if ((r = wire_cert_parse(x, &t)) != BASE_OK ||
	    (r = wire_x509_to_der(x, &der)) != BASE_OK)
		goto out;
	memcpy(c.node, i->node, sizeof(c.node));
	memcpy(c.root, i->root, sizeof(c.root));
	memcpy(c.serial, t.serial, sizeof(c.serial));
	c.not_before = t.not_before;
	c.not_after = t.not_after;
	c.der = base_buf_span(&der);
	if ((r = ca_store_cert_add(ca->store, &c)) == BASE_OK &&
	    (i->kind == WIRE_CA_TLS || i->kind == WIRE_ORDER_CERT))
		r = ca_identity_cert_put(ca, i->kind, i->gen, c.der);
out:
	wire_tbs_free(&t);
	base_buf_free(&der);
	return r;
}

/* ---- roots in an order ------------------------------------------------------- */

/* The new generation's key under the old one's, or, on the way back, the old
 * one's under the new. NULL where there is none: first installations. */
static enum base_err
order_link(struct ca *ca, struct wire_order *o)
{
	const bool back = o->from > o->to;
	struct ca_gen g = { .gen = 0 };
	const struct base_buf *der;
	enum base_err r;

	r = ca_store_gen_get(ca->store, o->root, back ? o->from : o->to, &g);
	der = back ? &g.own : &g.nwo;
	if (r == BASE_OK && der->n > 0)
		r = wire_x509_from_der(base_buf_span(der),
		    back ? "OldWithNew" : "NewWithOld", &o->new_with_old);
	ca_gen_clear(&g);
	return r;
}

static enum base_err
root_of(struct ca *ca, const char *root, uint32_t gen, X509 **out)
{
	struct ca_gen g = { .gen = 0 };
	enum base_err r = ca_store_gen_get(ca->store, root, gen, &g);

	if (r == BASE_OK)
		r = wire_x509_from_der(base_buf_span(&g.nwn), "NewWithNew",
		    out);
	ca_gen_clear(&g);
	return r;
}

enum base_err
ca_order_roots(struct ca *ca, struct wire_order *o)
{
	enum base_err r = root_of(ca, o->root, o->to, &o->new_with_new);

	if (r != BASE_OK || o->from == 0 || o->from == o->to || o->steps == 0)
		return r;
	return (o->steps & WIRE_STEP_JOIN) != 0
	    ? root_of(ca, o->root, o->from, &o->old_root)
	    : order_link(ca, o);
}
