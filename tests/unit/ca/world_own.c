/*
 * world_own: the management root in the world: nodes hold real certificates
 * under it, and whoever verifies whom is looked at by OpenSSL. See world.h.
 */
#include "tests/unit/ca/world.h"

#include <check.h>
#include <openssl/cms.h>
#include <string.h>

static void
must(enum base_err e)
{
	ck_assert_msg(e == BASE_OK, "%s", base_why());
}

STACK_OF(X509) *
world_own_trust(const struct world_node *n)
{
	STACK_OF(X509) *sk = sk_X509_new_null();

	for (uint32_t g = 1; g < WORLD_GENERATIONS; g++)
		if (n->own.conf.trust & POL_GEN(g))
			ck_assert_int_gt(sk_X509_push(sk, n->own.root[g]), 0);
	return sk;
}

void
world_own_clear(struct world_node *n)
{
	for (uint32_t g = 0; g < WORLD_GENERATIONS; g++)
		X509_free(n->own.root[g]);
	base_buf_free(&n->own.report);
	EVP_PKEY_free(n->own.next);
	memset(&n->own, 0, sizeof(n->own));
}

/* ---- orders --------------------------------------------------------------- */

static void
keep_root(struct world_node *n, uint32_t gen, X509 *x)
{
	ck_assert_uint_lt(gen, WORLD_GENERATIONS);
	X509_up_ref(x);
	X509_free(n->own.root[gen]);
	n->own.root[gen] = x;
}

/* Somebody has to vouch for the new root. */
static void
take_root(struct world *w, struct world_node *n, const struct wire_order *o)
{
	if (o->steps & WIRE_STEP_JOIN) {
		if (o->old_root != NULL)
			keep_root(n, o->from, o->old_root);
	} else if ((n->own.conf.trust & POL_GEN(o->to)) == 0) {
		ck_assert_uint_ne(n->own.conf.trust & POL_GEN(o->from), 0);
		must(o->from < o->to
			? wire_verify_new_root(n->own.root[o->from],
			      o->new_with_new, o->new_with_old, w->now)
			: wire_verify_old_root(n->own.root[o->from],
			      o->new_with_new, o->new_with_old, w->now));
	}
	keep_root(n, o->to, o->new_with_new);
}

static void
prove_key(struct world_node *n, const struct wire_order *o,
    struct wire_report *r)
{
	const bool own = strcmp(o->root, CA_MANAGEMENT) == 0;
	EVP_PKEY **next = own ? &n->own.next : &n->next;

	if ((o->steps & WIRE_STEP_REKEY) == 0 || r->status != WIRE_EFFECTIVE)
		return;
	if (n->no_rekey) {
		r->status = WIRE_FAILED;
		snprintf(r->reason, sizeof(r->reason), "makes no key");
		return;
	}
	if (*next == NULL)
		must(wire_key_make(WIRE_P256, next));
	must(wire_rekey_make(own ? n->management : n->key, *next, r->fleet,
	    n->name, &r->rekey));
}

void
world_answer(struct world *w, struct world_node *n, const struct wire_order *o,
    struct wire_report *r, struct base_buf *cms)
{
	prove_key(n, o, r);
	n->compromised += o->compromised;
	r->kicked = o->compromised && !n->unkicked &&
	    r->status == WIRE_EFFECTIVE && (o->steps & WIRE_STEP_FINISH) != 0;
	base_buf_clear(cms);
	world_report(w, n, r, cms);
	wire_report_clear(r);
}

void
world_key_use(struct world_node *n, const struct wire_order *o)
{
	const bool own = strcmp(o->root, CA_MANAGEMENT) == 0;
	EVP_PKEY **next = own ? &n->own.next : &n->next;
	EVP_PKEY **key = own ? &n->management : &n->key;
	EVP_PKEY *of = X509_get0_pubkey(o->cert);

	if (EVP_PKEY_eq(of, *key) == 1)
		return;
	ck_assert_ptr_nonnull(*next);
	ck_assert_int_eq(EVP_PKEY_eq(of, *next), 1);
	EVP_PKEY_free(*key);
	*key = *next;
	*next = NULL;
	n->rekeys++;
}

/* What the CA has not acknowledged, under the certificate of now. */
static void
resign(struct world_node *n)
{
	CMS_ContentInfo *cms;
	const uint8_t *p = n->report.p;
	ASN1_OCTET_STRING **content;

	if (n->report.n == 0)
		return;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)n->report.n);
	ck_assert_ptr_nonnull(cms);
	content = CMS_get0_content(cms);
	base_buf_clear(&n->report);
	must(wire_cms_sign(WIRE_C_REPORT,
	    (struct base_span){ ASN1_STRING_get0_data(*content),
		(size_t)ASN1_STRING_length(*content) },
	    n->cert, n->management, NULL, &n->report));
	CMS_ContentInfo_free(cms);
}

static void
take_cert(struct world_node *n, const struct wire_order *o)
{
	struct base_time from;

	if (o->cert == NULL)
		return;
	world_key_use(n, o);
	must(ca_issue_dates(o->cert, &from, &n->management_to));
	n->management_renewals += wire_step_renews(o->steps, o->from, o->to);
	X509_up_ref(o->cert);
	X509_free(n->cert);
	n->cert = o->cert;
	resign(n);
}

void
world_own_apply(struct world *w, struct world_node *n,
    const struct wire_order *o, const struct ca_order *row)
{
	struct wire_report r;

	n->own.highest = o->epoch;
	if (!n->fails) {
		if (o->steps & WIRE_STEP_TRUST)
			take_root(w, n, o);
		n->own.conf = ca_conf_after(n->own.conf, row);
		n->own.orders++;
		take_cert(n, o);
	}
	world_report_fill(w, n, row, &r);
	if (n->fails) {
		r.status = WIRE_FAILED;
		snprintf(r.reason, sizeof(r.reason), "told to");
	}
	world_answer(w, n, o, &r, &n->own.report);
	world_own_holds(w);
}

/* ---- does everybody authenticate? ------------------------------------------- */

static void
verifies(const struct world *w, X509 *x, STACK_OF(X509) *trust, const char *who,
    const char *by)
{
	struct wire_verify v = { .purpose = strcmp(who, "ca") == 0
		    ? WIRE_CA_SIGNER
		    : WIRE_NODE_SIGNER,
		.closed = true,
		.now = w->now,
		.max_depth = -1 };

	ck_assert_msg(wire_verify_cert(&v, x, trust, NULL, NULL) == BASE_OK,
	    "%s refuses %s under management: %s", by, who, base_why());
}

static void
with_ca(const struct world *w, const struct world_node *n)
{
	STACK_OF(X509) *trust = world_own_trust(n);

	verifies(w, n->cert, w->ca.management, n->name, "ca");
	verifies(w, w->ca.tls_cert, trust, "ca", n->name);
	sk_X509_free(trust);
}

static bool
counts(const struct world_node *n)
{
	return n->joined && !n->excused && n->own.highest > 0;
}

void
world_own_holds(struct world *w)
{
	for (size_t i = 0; i < w->nnodes; i++)
		if (counts(&w->nodes[i]))
			with_ca(w, &w->nodes[i]);
	for (size_t i = 0; i < w->ca.topo->nhellos; i++) {
		const struct ca_hello *h = &w->ca.topo->hellos[i];
		const struct world_node *p =
		    world_node(w, w->ca.topo->nodes[h->presenter].name);
		const struct world_node *v =
		    world_node(w, w->ca.topo->nodes[h->verifier].name);
		STACK_OF(X509) *trust = world_own_trust(v);

		if (counts(p) && counts(v))
			verifies(w, p->cert, trust, p->name, v->name);
		sk_X509_free(trust);
	}
}
