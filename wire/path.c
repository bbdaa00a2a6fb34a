/*
 * wire/path: path building (RFC 4158) as a bounded depth-first search.
 * OpenSSL takes the first fitting issuer and never turns back; so the search
 * is here, and OpenSSL judges single chains. Called by verify.c.
 *
 * What bounds it: no name and key twice in a chain (RFC 4158 5.2), each
 * signature looked at once, at most SIGS_MAX of them, at most STEPS_MAX
 * comparisons of names and JUDGE_MAX whole chains.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "wire/path.h"

#define CERTS_MAX 256
#define SIGS_MAX  512
#define STEPS_MAX 65536
#define JUDGE_MAX 64
#define DEPTH_MAX 32

enum edge {
	EDGE_NEW = 0,
	EDGE_GOOD,
	EDGE_BAD
};

struct search {
	X509 *node[CERTS_MAX]; /* 0 is the certificate itself */
	bool anchor[CERTS_MAX];
	size_t nnodes;
	uint8_t *edges; /* enum edge of [child][issuer] */
	size_t chain[DEPTH_MAX + 2];
	size_t depth; /* last index in chain */
	size_t counted; /* intermediates in it that are not self-issued */
	size_t max_depth;
	size_t sigs, steps, judged;
	bool too_deep, bad_sig;
	size_t dead_end; /* node for which no issuer was found */
	size_t dead_depth;
	wire_path_judge *judge;
	void *arg;
};

/* ---- nodes ---------------------------------------------------------------- */

static bool
is_known(const struct search *s, const X509 *x, bool trusted)
{
	/* a trusted certificate may itself be what is to be verified */
	for (size_t i = trusted ? 1 : 0; i < s->nnodes; i++)
		if (X509_cmp(s->node[i], x) == 0)
			return true;
	return false;
}

static enum base_err
add_nodes(struct search *s, STACK_OF(X509) *sk, bool trusted)
{
	for (int i = 0; i < sk_X509_num(sk); i++) {
		X509 *x = sk_X509_value(sk, i);

		if (is_known(s, x, trusted))
			continue;
		if (s->nnodes == CERTS_MAX)
			return base_fail(BASE_E_RANGE,
			    "verify: more than %d certificates to choose from",
			    CERTS_MAX);
		s->anchor[s->nnodes] = trusted && X509_self_signed(x, 0) == 1;
		s->node[s->nnodes++] = x;
	}
	return BASE_OK;
}

static bool
same_name_and_key(X509 *a, X509 *b)
{
	return X509_NAME_cmp(X509_get_subject_name(a),
		   X509_get_subject_name(b)) == 0 &&
	    EVP_PKEY_eq(X509_get0_pubkey(a), X509_get0_pubkey(b)) == 1;
}

static bool
is_in_chain(const struct search *s, size_t issuer)
{
	for (size_t i = 0; i <= s->depth; i++)
		if (s->chain[i] == issuer ||
		    (i > 0 &&
			same_name_and_key(s->node[s->chain[i]],
			    s->node[issuer])))
			return true;
	return false;
}

/* ---- edges ------------------------------------------------------------------ */

/* Names, key identifiers and key usage fit, and the signature verifies. */
static enum edge
edge_look(struct search *s, size_t child, size_t issuer)
{
	X509 *c = s->node[child], *i = s->node[issuer];

	if (X509_check_issued(i, c) != X509_V_OK)
		return EDGE_BAD;
	s->sigs++;
	if (X509_verify(c, X509_get0_pubkey(i)) == 1)
		return EDGE_GOOD;
	s->bad_sig = true;
	return EDGE_BAD;
}

static bool
edge_is_good(struct search *s, size_t child, size_t issuer)
{
	uint8_t *e = &s->edges[child * s->nnodes + issuer];

	s->steps++;
	if (*e == EDGE_NEW)
		*e = (uint8_t)edge_look(s, child, issuer);
	return *e == EDGE_GOOD;
}

/* ---- search ------------------------------------------------------------------ */

static enum base_err
judge_chain(struct search *s)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	enum base_err r;

	if (chain == NULL)
		base_die("verify: out of memory");
	for (size_t i = 0; i <= s->depth; i++)
		if (sk_X509_push(chain, s->node[s->chain[i]]) <= 0)
			base_die("verify: out of memory");
	s->judged++;
	r = s->judge(s->arg, chain);
	sk_X509_free(chain);
	return r;
}

static bool
is_over_bound(const struct search *s)
{
	return s->sigs >= SIGS_MAX || s->steps >= STEPS_MAX ||
	    s->judged >= JUDGE_MAX;
}

static enum base_err search_up(struct search *s);

/* One step up, to issuer and what lies behind it. */
static enum base_err
search_issuer(struct search *s, size_t issuer)
{
	size_t counts =
	    (X509_get_extension_flags(s->node[issuer]) & EXFLAG_SI) == 0;
	enum base_err r;

	s->chain[++s->depth] = issuer;
	s->counted += counts;
	if (s->anchor[issuer]) {
		r = judge_chain(s);
	} else if (s->counted > s->max_depth || s->depth > DEPTH_MAX) {
		s->too_deep = true;
		r = BASE_E_NOTFOUND;
	} else {
		r = search_up(s);
	}
	s->counted -= counts;
	s->depth--;
	return r;
}

/* NOTFOUND: nothing to judge on this way. */
static enum base_err
search_from(struct search *s, bool anchors)
{
	size_t child = s->chain[s->depth];
	enum base_err r = BASE_E_NOTFOUND, one;
	bool found = false;

	for (size_t i = 0; i < s->nnodes && !is_over_bound(s); i++) {
		if (s->anchor[i] != anchors || is_in_chain(s, i) ||
		    !edge_is_good(s, child, i))
			continue;
		found = true;
		one = search_issuer(s, i);
		if (one == BASE_OK)
			return BASE_OK;
		r = one == BASE_E_NOTFOUND ? r : one;
	}
	if (!found && !anchors && s->depth >= s->dead_depth) {
		s->dead_depth = s->depth;
		s->dead_end = child;
	}
	return r;
}

/* Anchors come first: the shortest chain is the likeliest. */
static enum base_err
search_up(struct search *s)
{
	enum base_err r = search_from(s, true), other;

	if (r == BASE_OK)
		return r;
	other = search_from(s, false);
	return other == BASE_E_NOTFOUND ? r : other;
}

static enum base_err
fail_without_chain(const struct search *s, STACK_OF(X509) *trust)
{
	char label[WIRE_LABEL_LEN];

	if (s->bad_sig)
		return base_fail(BASE_E_CRYPTO,
		    "verify: no chain to a trusted root: an issuer of \"%s\" "
		    "has the right name, but its key did not sign",
		    wire_x509_label(s->node[s->dead_end], label));
	return base_fail(BASE_E_CRYPTO,
	    "verify: no chain to one of the %d trusted certificates: %s \"%s\"",
	    sk_X509_num(trust),
	    s->too_deep ? "too many intermediates behind"
			: "no issuer found for",
	    wire_x509_label(s->node[s->dead_end], label));
}

enum base_err
wire_path_search(X509 *cert, STACK_OF(X509) *trust, STACK_OF(X509) *untrusted,
    int max_depth, wire_path_judge *judge, void *arg)
{
	struct search *s = base_alloc(sizeof(*s));
	enum base_err r;

	s->judge = judge;
	s->arg = arg;
	s->max_depth = (size_t)(max_depth > DEPTH_MAX ? DEPTH_MAX : max_depth);
	s->node[s->nnodes++] = cert;
	if ((r = add_nodes(s, trust, true)) != BASE_OK ||
	    (r = add_nodes(s, untrusted, false)) != BASE_OK)
		goto out;
	s->edges = base_alloc(s->nnodes * s->nnodes);
	r = search_up(s);
	if (r != BASE_OK && is_over_bound(s))
		r = base_fail(BASE_E_RANGE,
		    "verify: gave up after %zu signatures and %zu chains; the "
		    "intermediates are a maze",
		    s->sigs, s->judged);
	else if (r == BASE_E_NOTFOUND)
		r = fail_without_chain(s, trust);
out:
	free(s->edges);
	free(s);
	return r;
}
