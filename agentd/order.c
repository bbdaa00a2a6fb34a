/*
 * agentd/order: what a node demands of an order before it lets it near its
 * files. The two rules are the CA's business; that nothing unsigned, old,
 * foreign or fatal gets in is the node's. Used by job.c and join.c.
 */
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "agentd/order.h"

#define ULL(v) ((unsigned long long)(v))

enum base_err
ag_order_open(const struct ag_addressee *a, struct base_span cms,
    struct wire_order *out, uint8_t digest[32])
{
	struct wire_signer signer = { 0 };
	struct base_buf der;
	enum base_err r;

	base_buf_init(&der, 0);
	if ((r = wire_cms_verify(WIRE_C_ORDER, cms, a->trust, a->now, &der,
		 &signer)) != BASE_OK ||
	    (r = wire_order_parse(base_buf_span(&der), out)) != BASE_OK)
		goto out;
	if (strcmp(out->fleet, a->fleet) != 0)
		r = base_fail(BASE_E_DENIED,
		    "order: it is for fleet %s, this node is of %s", out->fleet,
		    a->fleet);
	else if (strcmp(out->node, a->node) != 0)
		r = base_fail(BASE_E_DENIED,
		    "order: it is for node %s, this is %s", out->node, a->node);
	wire_digest(base_buf_span(&der), digest);
	if (r != BASE_OK)
		wire_order_clear(out);
out:
	base_buf_free(&der);
	wire_signer_clear(&signer);
	return r;
}

/* ---- certificates ------------------------------------------------------------ */

static bool
same_cert(const X509 *a, const X509 *b)
{
	return a != NULL && b != NULL && X509_cmp(a, b) == 0;
}

static X509 *
share(X509 *x)
{
	if (X509_up_ref(x) != 1)
		base_die("order: reference count");
	return x;
}

static void
replace(X509 **slot, X509 *x)
{
	X509_free(*slot);
	*slot = x == NULL ? NULL : share(x);
}

static enum base_err
add_trust(struct ag_bundle *b, uint32_t generation, X509 *x)
{
	if (b->ntrust == AG_TRUST_MAX)
		return base_fail(BASE_E_REFUSED,
		    "order: %d generations are trusted already; finish a "
		    "roll first",
		    AG_TRUST_MAX);
	memmove(&b->trust[1], &b->trust[0], b->ntrust * sizeof b->trust[0]);
	memmove(&b->trust_gen[1], &b->trust_gen[0],
	    b->ntrust * sizeof b->trust_gen[0]);
	b->trust[0] = share(x);
	b->trust_gen[0] = generation;
	b->ntrust++;
	return BASE_OK;
}

static void
keep_only(struct ag_bundle *b, uint32_t generation)
{
	size_t n = 0;

	for (size_t i = 0; i < b->ntrust; i++) {
		if (b->trust_gen[i] != generation) {
			X509_free(b->trust[i]);
			continue;
		}
		b->trust[n] = b->trust[i];
		b->trust_gen[n++] = generation;
	}
	b->ntrust = n;
}

static void
put_link(struct ag_bundle *b, const struct wire_order *o)
{
	replace(&b->nwo, o->new_with_old);
	b->nwo_gen = o->new_with_old == NULL ? 0 : o->to;
}

/* Forward by NewWithOld, back, in an abort, by OldWithNew: either way the
 * root that is held vouches for the other. */
static enum base_err
vouched(X509 *held, const struct wire_order *o, struct base_time now)
{
	return o->from < o->to
	    ? wire_verify_new_root(held, o->new_with_new, o->new_with_old, now)
	    : wire_verify_old_root(held, o->new_with_new, o->new_with_old, now);
}

/* ---- steps --------------------------------------------------------------------- */

static enum base_err
step_trust(const struct ag_known *k, const struct wire_order *o,
    struct ag_bundle *b)
{
	X509 *have = ag_bundle_trust(b, o->to);
	X509 *old = ag_bundle_trust(b, o->from);
	enum base_err r;

	if (have != NULL && !same_cert(have, o->new_with_new))
		return base_fail(BASE_E_REFUSED,
		    "trust: another certificate is held as generation %u",
		    o->to);
	if (have != NULL)
		return BASE_OK;
	if (old == NULL)
		return base_fail(BASE_E_REFUSED,
		    "trust: generation %u, which shall vouch, is not held",
		    o->from);
	r = vouched(old, o, k->now);
	if (r != BASE_OK)
		return base_fail(r, "trust: %s", base_why());
	put_link(b, o);
	return add_trust(b, o->to, o->new_with_new);
}

/* The root by which the new certificate is checked: the node's own trust, or
 * the check anchor, moved along NewWithOld (DESIGN, "Own certificate"). */
static enum base_err
cert_anchor(const struct ag_known *k, const struct wire_order *o,
    struct ag_bundle *b)
{
	X509 *have = ag_bundle_trust(b, o->to);
	enum base_err r = BASE_OK;

	if (have != NULL && !same_cert(have, o->new_with_new))
		return base_fail(BASE_E_REFUSED,
		    "cert: its root is not the generation %u held here", o->to);
	if (have == NULL && (k->verifies || o->verifies))
		return base_fail(BASE_E_REFUSED,
		    "cert: this node verifies under %s and does not hold "
		    "generation %u yet; it needs trust first",
		    o->root, o->to);
	if (have == NULL && !same_cert(b->anchor, o->new_with_new)) {
		if (b->anchor == NULL)
			return base_fail(BASE_E_REFUSED,
			    "cert: nothing here vouches for generation %u",
			    o->to);
		r = vouched(b->anchor, o, k->now);
	}
	if (r != BASE_OK)
		return base_fail(r, "cert: %s", base_why());
	return BASE_OK;
}

static enum base_err
verify_own(const struct ag_known *k, X509 *cert, X509 *root)
{
	struct wire_verify v = {
		.purpose = WIRE_SERVER,
		.closed = true,
		.now = k->now,
		.max_depth = -1,
		.name_kind = WIRE_NAME_DNS,
		.name = k->node,
	};
	STACK_OF(X509) *trust = sk_X509_new_null();
	enum base_err r;

	if (trust == NULL || sk_X509_push(trust, root) <= 0)
		base_die("order: out of memory");
	r = wire_verify_cert(&v, cert, trust, NULL, NULL);
	sk_X509_free(trust);
	return r;
}

/* The certificate that came: for this node's key, and good under its root. */
static enum base_err
check_leaf(const struct ag_known *k, const struct wire_order *o)
{
	enum base_err r;

	if (o->cert == NULL)
		return base_fail(BASE_E_REFUSED, "cert: none in the order");
	if (EVP_PKEY_eq(X509_get0_pubkey(o->cert), k->key) != 1 &&
	    (k->next == NULL ||
		EVP_PKEY_eq(X509_get0_pubkey(o->cert), k->next) != 1))
		return base_fail(BASE_E_REFUSED,
		    "cert: it is for another key than this node's");
	if (wire_cert_is_canary(o->cert))
		return base_fail(BASE_E_REFUSED,
		    "cert: it is a canary, which is for the probe only");
	if ((r = verify_own(k, o->cert, o->new_with_new)) != BASE_OK)
		return base_fail(r, "cert: %s", base_why());
	return BASE_OK;
}

static enum base_err
step_cert(const struct ag_known *k, const struct wire_order *o,
    struct ag_bundle *b)
{
	enum base_err r = check_leaf(k, o);

	if (r != BASE_OK)
		return r;
	replace(&b->cert, o->cert);
	b->cert_gen = o->to;
	replace(&b->anchor, o->new_with_new);
	b->anchor_gen = o->to;
	b->bridging = o->bridge && o->new_with_old != NULL;
	if (o->new_with_old != NULL)
		put_link(b, o);
	return BASE_OK;
}

/* Another certificate of the generation that is presented: trust list,
 * NewWithOld and bridging stay as they are. */
static enum base_err
step_renew(const struct ag_known *k, const struct wire_order *o,
    struct ag_bundle *b)
{
	enum base_err r;

	if (b->cert == NULL || b->cert_gen != o->to)
		return base_fail(BASE_E_REFUSED,
		    "cert: renews a certificate of generation %u, but this "
		    "node presents generation %u",
		    o->to, b->cert == NULL ? 0 : b->cert_gen);
	if (!same_cert(b->anchor, o->new_with_new))
		return base_fail(BASE_E_REFUSED,
		    "cert: renews under another root than the one that the "
		    "present certificate is of");
	/* a key by itself changes nothing yet */
	if ((o->steps & WIRE_STEP_REKEY) != 0)
		return BASE_OK;
	if ((r = check_leaf(k, o)) == BASE_OK)
		replace(&b->cert, o->cert);
	return r;
}

static enum base_err
step_finish(const struct ag_known *k, const struct wire_order *o,
    struct ag_bundle *b)
{
	X509 *stays = ag_bundle_trust(b, o->to);

	if (b->ntrust > 0 && stays == NULL)
		return base_fail(BASE_E_REFUSED,
		    "finish: generation %u is not held; the endpoint would "
		    "be left without a root",
		    o->to);
	if (stays != NULL && !same_cert(stays, o->new_with_new))
		return base_fail(BASE_E_REFUSED,
		    "finish: generation %u held here is another certificate",
		    o->to);
	if (stays != NULL && wire_verify_root(stays, k->now) != BASE_OK)
		return base_fail(BASE_E_REFUSED, "finish: %s", base_why());
	keep_only(b, o->to);
	b->bridging = false;
	put_link(b, &(struct wire_order){ 0 });
	return BASE_OK;
}

static enum base_err
step_join(const struct ag_known *k, const struct wire_order *o,
    struct ag_bundle *b)
{
	enum base_err r;

	if (!k->joining)
		return base_fail(BASE_E_REFUSED,
		    "join: only within the answer to a join");
	if ((r = wire_verify_root(o->new_with_new, k->now)) != BASE_OK)
		return base_fail(r, "join: %s", base_why());
	/* neighbours may show either while they roll */
	if (o->old_root != NULL && o->steps & WIRE_STEP_TRUST) {
		if ((r = wire_verify_root(o->old_root, k->now)) != BASE_OK)
			return base_fail(r, "join: %s", base_why());
		r = add_trust(b, o->from, o->old_root);
	}
	if (r == BASE_OK && o->steps & WIRE_STEP_TRUST)
		r = add_trust(b, o->to, o->new_with_new);
	replace(&b->anchor, o->new_with_new);
	b->anchor_gen = o->to;
	return r;
}

/* When others may have the old root's key, what it signs vouches for nothing;
 * what it named before does. */
static enum base_err
check_named(const struct wire_order *o, const struct ag_bundle *b)
{
	const X509 *held = ag_bundle_trust(b, o->from);

	if (held == NULL && b->anchor_gen == o->from)
		held = b->anchor;
	if (o->compromised == 0 || held == NULL ||
	    wire_root_names_next(held, o->new_with_new))
		return BASE_OK;
	return base_fail(BASE_E_REFUSED,
	    "order: the old root of %s may be in wrong hands, and it does not "
	    "name the new root's key as the next (RFC 8649), so nothing vouches "
	    "for the new root; let the node join again under it",
	    o->root);
}

/* What the order makes of b, step by step. */
static enum base_err
apply_steps(const struct ag_known *k, const struct wire_order *o,
    struct ag_bundle *b)
{
	enum base_err r = BASE_OK;

	if (o->steps & WIRE_STEP_JOIN)
		r = step_join(k, o, b);
	else if (k->bundle == NULL)
		return base_fail(BASE_E_REFUSED,
		    "order: nothing is held under %s; the node must join",
		    o->root);
	else if (wire_step_renews(o->steps, o->from, o->to))
		return step_renew(k, o, b);
	else if ((r = check_named(o, b)) == BASE_OK &&
	    o->steps & WIRE_STEP_TRUST)
		r = step_trust(k, o, b);
	if (r == BASE_OK && o->steps & WIRE_STEP_CERT &&
	    (r = cert_anchor(k, o, b)) == BASE_OK)
		r = step_cert(k, o, b);
	if (r == BASE_OK && o->steps & WIRE_STEP_FINISH)
		r = step_finish(k, o, b);
	if (r == BASE_OK && o->steps & WIRE_STEP_TIDY)
		put_link(b, &(struct wire_order){ 0 });
	return r;
}

static enum base_err
whole(const struct ag_known *k, const struct wire_order *o,
    const struct ag_bundle *b)
{
	if (k->verifies && b->ntrust == 0)
		return base_fail(BASE_E_REFUSED,
		    "order: an endpoint that verifies under %s would be left "
		    "without a root",
		    o->root);
	if (k->presents && b->cert == NULL)
		return base_fail(BASE_E_REFUSED,
		    "order: an endpoint that presents under %s would be left "
		    "without a certificate",
		    o->root);
	return BASE_OK;
}

/* An order after which the present certificate, expired, would be shown on is
 * no better than none; a cert step has brought a new one. */
static enum base_err
fresh(const struct ag_known *k, const struct wire_order *o,
    const struct ag_bundle *b)
{
	const ASN1_TIME *end;
	time_t now = (time_t)(k->now.ms / 1000);

	if (b->cert == NULL || !(o->steps & WIRE_STEP_FINISH))
		return BASE_OK;
	end = X509_get0_notAfter(b->cert);
	if (ASN1_TIME_cmp_time_t(end, now) <= 0)
		return base_fail(BASE_E_REFUSED,
		    "finish: the node's certificate has expired; it needs a "
		    "new one first");
	return BASE_OK;
}

/* Where a failure goes back to: never to a version that is still in work. */
static uint64_t
good_version(const struct ag_known *k, const struct wire_order *o)
{
	const struct ag_bundle *b = k->bundle;

	/* a join's identity of epoch 0 is in memory only */
	if (b == NULL || b->epoch == 0)
		return o->epoch;
	if (k->state->phase == AG_PENDING && b->epoch == k->state->highest &&
	    b->previous != b->epoch)
		return b->previous;
	return b->epoch;
}

enum base_err
ag_order_apply(const struct ag_known *k, const struct wire_order *o,
    struct ag_bundle **next)
{
	struct ag_bundle *b;
	enum base_err r;

	if (o->steps & WIRE_STEP_JOIN || k->bundle == NULL)
		b = ag_bundle_new(o->root, o->epoch);
	else
		b = ag_bundle_copy(k->bundle);
	b->previous = good_version(k, o);
	b->epoch = o->epoch;
	if ((r = apply_steps(k, o, b)) != BASE_OK ||
	    (r = whole(k, o, b)) != BASE_OK || (r = fresh(k, o, b)) != BASE_OK)
		goto out;
	*next = b;
	b = NULL;
out:
	ag_bundle_free(b);
	return r;
}

/* ---- verdict ---------------------------------------------------------------------- */

static enum ag_verdict
refuse(enum base_err r)
{
	base_log(BASE_WARNING, "%s (%s)", base_why(), base_err_name(r));
	return AG_REFUSE;
}

/* Every number that comes after it is told from what is older by it, so one
 * that jumps too far counts for nothing. What was held has been seen: the CA
 * goes on counting while a clock is wrong. */
static bool
is_jump(const struct ag_known *k, const struct wire_order *o)
{
	const struct ag_state *st = k->state;
	uint64_t seen =
	    st->mark_epoch > st->highest ? st->mark_epoch : st->highest;

	/* a node that lost its disk joins again wherever the CA has got to */
	return !k->joining && o->epoch > seen &&
	    o->epoch - seen > AG_EPOCH_JUMP;
}

bool
ag_order_is_news(const struct ag_known *k, const struct wire_order *o)
{
	return o->epoch > k->state->highest &&
	    o->epoch > k->state->mark_epoch && !is_jump(k, o);
}

enum base_err
ag_clock_check(struct base_time now, struct base_time mark)
{
	char is[BASE_RFC3339_LEN], least[BASE_RFC3339_LEN];

	if (mark.ms <= base_time_add_s(now, AG_CLOCK_SKEW).ms)
		return BASE_OK;
	base_time_format(now, is);
	base_time_format(mark, least);
	return base_fail(BASE_E_EXPIRED,
	    "this node's clock is behind: it says %s, and the CA has signed "
	    "at %s already; new steps wait until it is set right (is its time "
	    "service running?), what runs goes on",
	    is, least);
}

/* Until when the order can be carried out: its canaries are to be shown. The
 * applications of a node that joins may start long after the agent. */
static struct base_time
window_end(const struct ag_known *k, const struct wire_order *o)
{
	struct base_time end = o->expires;
	struct tm tm;

	for (size_t i = 0; i < o->ncanary && !k->joining; i++) {
		const X509 *x = o->canary[i].cert;
		struct base_time t;

		if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
			continue;
		t.ms = (int64_t)timegm(&tm) * 1000;
		end = t.ms < end.ms ? t : end;
	}
	return end;
}

/* From a little before it was issued until the end of its window. Nobody here
 * can tell a late order from a clock that is ahead; the CA can. */
static enum base_err
check_time(const struct ag_known *k, const struct wire_order *o)
{
	struct base_time mark = k->mark.ms > o->issued.ms ? k->mark : o->issued;
	struct base_time end = window_end(k, o);
	char is[BASE_RFC3339_LEN], last[BASE_RFC3339_LEN];

	if (k->now.ms < end.ms)
		return ag_clock_check(k->now, mark);
	base_time_format(k->now, is);
	base_time_format(end, last);
	return base_fail(BASE_E_EXPIRED,
	    "its time was over at %s by this node's clock, which says %s: "
	    "either it was long on its way, then the CA makes it again, or the "
	    "clock is ahead, then new steps wait until it is set right; what "
	    "runs goes on",
	    last, is);
}

enum ag_verdict
ag_order_judge(const struct ag_known *k, const struct wire_order *o,
    const uint8_t digest[32], struct ag_bundle **next)
{
	const struct ag_state *st = k->state;
	enum base_err r;

	if (o->epoch < st->highest || o->epoch == 0)
		return refuse(base_fail(BASE_E_REFUSED,
		    "order: epoch %llu is lower than %llu, the highest held",
		    ULL(o->epoch), ULL(st->highest)));
	if (o->epoch == st->highest) {
		if (memcmp(digest, st->digest, 32) != 0)
			return refuse(base_fail(BASE_E_REFUSED,
			    "order: epoch %llu is held with other content",
			    ULL(o->epoch)));
		return st->phase == AG_PENDING ? AG_RESUME : AG_ANSWER;
	}
	if (is_jump(k, o))
		return refuse(base_fail(BASE_E_REFUSED,
		    "order: epoch %llu is more than %u above %llu, the "
		    "highest held",
		    ULL(o->epoch), AG_EPOCH_JUMP, ULL(st->highest)));
	/* what is half done is no answer */
	if (o->steps == 0 && st->phase == AG_PENDING && !k->asked)
		return AG_LATER;
	/* who joins is answered at once, and has nothing to keep running */
	if ((r = check_time(k, o)) != BASE_OK)
		return k->joining ? refuse(r) : AG_HOLD;
	if ((r = ag_order_apply(k, o, next)) != BASE_OK)
		return refuse(r);
	return AG_TAKE;
}
