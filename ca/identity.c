/*
 * ca/identity: what the CA is to its nodes: its TLS key and certificate, the
 * order signer's certificates, and the management roots that it trusts, as
 * the facts about node "ca" say. Made by ca/make, loaded from here;
 * certificates are renewed in the last third of their life, and the network
 * follows.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define TLS_KEY_FILE "ca-tls.key"
#define HOUR_MS	     INT64_C(3600000)
#define MISSING_MS   INT64_C(60000)

/* ---- the key: the one that kedged makes and holds itself ---------------------- */

static char *
key_path(const struct ca *ca)
{
	return base_asprintf("%s/%s", ca->conf->state_dir, TLS_KEY_FILE);
}

enum base_err
ca_identity_key_read(const struct ca *ca, EVP_PKEY **out)
{
	char *path = key_path(ca);
	struct base_buf pem;
	enum base_err r;

	base_buf_init(&pem, 64 << 10);
	if ((r = base_file_read(path, 32 << 10, &pem)) == BASE_OK)
		r = wire_key_from_pem(base_buf_span(&pem), out);
	base_buf_free(&pem);
	free(path);
	return r;
}

enum base_err
ca_identity_key_make(const struct ca *ca)
{
	char *path = key_path(ca);
	EVP_PKEY *key = NULL;
	struct base_buf pem;
	enum base_err r;

	base_buf_init(&pem, 0);
	if ((r = wire_key_make(WIRE_P256, &key)) == BASE_OK &&
	    (r = wire_key_to_pem(key, &pem)) == BASE_OK)
		r = base_file_write(path, base_buf_span(&pem), 0600);
	EVP_PKEY_free(key);
	base_buf_free(&pem);
	free(path);
	return r;
}

/* ---- certificates, by generation of the management root ---------------------- */

static char *
cert_key(enum wire_cert_kind kind, uint32_t gen)
{
	return base_asprintf("%s/%u",
	    kind == WIRE_CA_TLS ? "ca.cert" : "order.cert", gen);
}

enum base_err
ca_identity_cert_get(struct ca *ca, enum wire_cert_kind kind, uint32_t gen,
    struct base_buf *der)
{
	char *key = cert_key(kind, gen);
	enum base_err r = ca_store_meta_get(ca->store, key, der);

	free(key);
	return r;
}

enum base_err
ca_identity_cert_put(struct ca *ca, enum wire_cert_kind kind, uint32_t gen,
    struct base_span der)
{
	char *key = cert_key(kind, gen);
	enum base_err r = ca_store_meta_put(ca->store, key, der);

	free(key);
	return r;
}

static enum base_err
load_cert(struct ca *ca, enum wire_cert_kind kind, uint32_t gen, X509 **out)
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = ca_identity_cert_get(ca, kind, gen, &b)) == BASE_OK)
		r = wire_x509_from_der(base_buf_span(&b), "the CA's own", out);
	base_buf_free(&b);
	return r;
}

/* ---- what the CA holds ----------------------------------------------------------- */

/* An order of its own is in force from the moment it is stored: in what the
 * CA holds, sent and done are one. */
static enum base_err
held_now(struct ca *ca, struct pol_conf *out)
{
	struct ca_order o = { .epoch = 0 };
	struct ca_root root;
	struct ca_holding h;
	enum base_err r;

	if ((r = ca_store_root_get(ca->store, CA_MANAGEMENT, &root)) !=
		BASE_OK ||
	    (r = ca_holding_get(ca->store, CA_NODE_CA, CA_MANAGEMENT, &h)) !=
		BASE_OK)
		return r;
	/* before it has joined itself: as init made it */
	*out = h.known ? h.conf
		       : (struct pol_conf){ POL_GEN(root.current),
				 POL_GEN(root.current), 0 };
	if ((r = ca_self_order(ca, &o)) == BASE_OK &&
	    (o.state == CA_ORDER_SENT || o.state == CA_ORDER_RECEIVED))
		*out = ca_conf_after(*out, &o);
	ca_order_clear(&o);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

/* Whoever trusts one generation of a roll that runs must believe orders. A
 * roll that an old copy of the store knows may be over long since. */
static enum base_err
signs_now(struct ca *ca, uint64_t present, uint64_t *out)
{
	struct ca_roll_row *rows = NULL;
	size_t n = 0;
	enum base_err r = ca_store_rolls(ca->store, &rows, &n);

	*out = present;
	for (size_t i = 0; r == BASE_OK && i < n; i++)
		if (rows[i].state != CA_ROLL_DONE &&
		    strcmp(rows[i].root, CA_MANAGEMENT) == 0 &&
		    (present & (POL_GEN(rows[i].from) | POL_GEN(rows[i].to))) !=
			0)
			*out = POL_GEN(rows[i].from) | POL_GEN(rows[i].to);
	free(rows);
	return r;
}

static uint32_t
highest(uint64_t mask)
{
	return mask == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(mask);
}

/* ---- loading ---------------------------------------------------------------------- */

struct identity {
	EVP_PKEY *key;
	X509 *tls;
	STACK_OF(X509) *order, *management, *link;
};

/* New ones in, old ones out. */
static void
swap(struct ca *ca, struct identity *i)
{
	struct identity old = { ca->tls_key, ca->tls_cert, ca->order_certs,
		ca->management, ca->link };

	ca->tls_key = i->key;
	ca->tls_cert = i->tls;
	ca->invites_kept = false;
	ca->order_certs = i->order;
	ca->management = i->management;
	ca->link = i->link;
	*i = old;
}

static void
identity_clear(struct identity *i)
{
	EVP_PKEY_free(i->key);
	X509_free(i->tls);
	sk_X509_pop_free(i->order, X509_free);
	sk_X509_pop_free(i->management, X509_free);
	sk_X509_pop_free(i->link, X509_free);
}

static STACK_OF(X509) *
stack_new(void)
{
	STACK_OF(X509) *sk = sk_X509_new_null();

	if (sk == NULL)
		base_die("out of memory");
	return sk;
}

/* Takes x over. */
static void
push(STACK_OF(X509) *sk, X509 *x)
{
	if (sk_X509_push(sk, x) <= 0)
		base_die("out of memory");
}

static enum base_err
push_root(struct ca *ca, uint32_t gen, STACK_OF(X509) *to)
{
	X509 *x;
	enum base_err r = ca_issuer_root(ca, CA_MANAGEMENT, gen, &x);

	if (r != BASE_OK)
		return r;
	if (!X509_up_ref(x))
		base_die("out of memory");
	push(to, x);
	return BASE_OK;
}

/* The root of the CA's own certificate first. */
static enum base_err
load_roots(struct ca *ca, const struct pol_conf *c, STACK_OF(X509) *to)
{
	uint64_t others = c->trust & ~c->present;
	enum base_err r = push_root(ca, highest(c->present), to);

	for (; r == BASE_OK && others != 0; others &= ~POL_GEN(highest(others)))
		r = push_root(ca, highest(others), to);
	return r;
}

/* A net for those who do not trust the new root yet; on the way back, for
 * those who do not trust the old one any more. */
static enum base_err
load_link(struct ca *ca, const struct pol_conf *c, STACK_OF(X509) *to)
{
	const uint32_t gen = highest(c->present);
	const uint32_t other = highest(c->trust & ~c->present);
	const bool back = other > gen;
	struct ca_gen g = { .gen = 0 };
	const struct base_buf *der = back ? &g.own : &g.nwo;
	X509 *x = NULL;
	enum base_err r;

	if (other == 0)
		return BASE_OK;
	r = ca_store_gen_get(ca->store, CA_MANAGEMENT, back ? other : gen, &g);
	if (r == BASE_OK && der->n > 0 &&
	    (r = wire_x509_from_der(base_buf_span(der), "link", &x)) == BASE_OK)
		push(to, x);
	ca_gen_clear(&g);
	return r;
}

/* In an old copy, the second one may be missing, and kedge-hsmd may not sign it
 * just now: those who trust only that one wait, the others need not. */
static enum base_err
load_signers(struct ca *ca, const struct pol_conf *c, STACK_OF(X509) *to)
{
	uint64_t gens;
	enum base_err r = signs_now(ca, c->present, &gens);

	for (; r == BASE_OK && gens != 0; gens &= ~POL_GEN(highest(gens))) {
		const uint32_t gen = highest(gens);
		X509 *x = NULL;

		r = load_cert(ca, WIRE_ORDER_CERT, gen, &x);
		if (r == BASE_OK)
			push(to, x);
		else if (r == BASE_E_NOTFOUND && gen != highest(c->present))
			r = BASE_OK;
	}
	return r;
}

static enum base_err
identity_check(struct ca *ca, const struct identity *i)
{
	if (X509_check_private_key(i->tls, i->key) == 1)
		return BASE_OK;
	return base_fail(BASE_E_INTEGRITY,
	    "%s/%s does not belong to the certificate in the store; "
	    "restore both from the same backup",
	    ca->conf->state_dir, TLS_KEY_FILE);
}

enum base_err
ca_identity_load(struct ca *ca)
{
	struct identity i = { NULL, NULL, stack_new(), stack_new(),
		stack_new() };
	struct pol_conf c;
	enum base_err r;

	if ((r = held_now(ca, &c)) != BASE_OK ||
	    (r = ca_identity_key_read(ca, &i.key)) != BASE_OK ||
	    (r = load_cert(ca, WIRE_CA_TLS, highest(c.present), &i.tls)) !=
		BASE_OK ||
	    (r = load_roots(ca, &c, i.management)) != BASE_OK ||
	    (r = load_link(ca, &c, i.link)) != BASE_OK ||
	    (r = load_signers(ca, &c, i.order)) != BASE_OK ||
	    (r = identity_check(ca, &i)) != BASE_OK)
		goto out;
	swap(ca, &i);
	ca->ready = true;
	if (ca->net != NULL)
		r = ca_net_identity(ca->net);
out:
	identity_clear(&i);
	return r;
}

void
ca_identity_free(struct ca *ca)
{
	struct identity none = { .key = NULL };

	swap(ca, &none);
	identity_clear(&none);
	ca->ready = false;
}

/* ---- renewing --------------------------------------------------------------------- */

bool
ca_identity_is_old(const struct ca *ca, const X509 *x)
{
	struct wire_tbs t = { 0 };
	int64_t life, left;
	bool old = true;

	if (wire_cert_parse(x, &t) == BASE_OK) {
		life = t.not_after.ms - t.not_before.ms;
		left = t.not_after.ms - ca_now(ca).ms;
		old = left < life / 3;
	}
	wire_tbs_free(&t);
	return old;
}

/* Once, and again when there is another reason. */
static void
not_renewed(struct ca *ca)
{
	char why[CA_REASON_MAX];

	snprintf(why, sizeof(why), "%s", base_why());
	if (strcmp(why, ca->own_why) == 0)
		return;
	base_log(BASE_WARNING,
	    "the CA's own certificates: not made, it is tried again within the "
	    "hour, and each minute while one is missing: %s",
	    why);
	memcpy(ca->own_why, why, sizeof(why));
}

static void
renewed(void *arg, enum base_err e)
{
	struct ca *ca = arg;

	if (e == BASE_OK)
		e = ca_identity_load(ca);
	if (e == BASE_OK) {
		ca->own_why[0] = '\0';
		base_log(BASE_NOTICE, "the CA's own certificates: renewed");
		ca->identity_next = ca_mono(ca); /* another one, perhaps */
		/* what was signed without it */
		ca->resign_wanted = ca_roll_of(ca, CA_MANAGEMENT) != NULL;
	} else
		not_renewed(ca);
	ca_kick(ca);
}

/* Orders are to be signed under it, and it has no certificate for them, or one
 * that ends soon. */
static enum base_err
signer_is_due(struct ca *ca, uint32_t gen, bool *missing, bool *due)
{
	X509 *x = NULL;
	enum base_err r = load_cert(ca, WIRE_ORDER_CERT, gen, &x);

	*missing = r == BASE_E_NOTFOUND;
	*due = *missing || (r == BASE_OK && ca_identity_is_old(ca, x));
	X509_free(x);
	return *missing ? BASE_OK : r;
}

/* A generation whose certificates are missing or end soon, and one that has no
 * certificate for orders at all, whichever is to be made first; 0: none. */
static enum base_err
due_generation(struct ca *ca, uint32_t *gen, bool *tls, uint32_t *missing)
{
	struct pol_conf c;
	uint64_t gens;
	enum base_err r;

	*gen = *missing = 0;
	if ((r = held_now(ca, &c)) != BASE_OK ||
	    (r = signs_now(ca, c.present, &gens)) != BASE_OK)
		return r;
	*tls = ca_identity_is_old(ca, ca->tls_cert);
	if (*tls)
		*gen = highest(c.present);
	for (; r == BASE_OK && gens != 0; gens &= ~POL_GEN(highest(gens))) {
		bool lacks, due;

		r = signer_is_due(ca, highest(gens), &lacks, &due);
		if (due && *gen == 0)
			*gen = highest(gens);
		if (lacks && *missing == 0)
			*missing = highest(gens);
	}
	return r;
}

uint32_t
ca_identity_missing(struct ca *ca)
{
	uint32_t gen, missing;
	bool tls;

	return due_generation(ca, &gen, &tls, &missing) == BASE_OK ? missing
								   : 0;
}

enum base_err
ca_identity_can_sign(struct ca *ca, uint32_t gen)
{
	X509 *x = NULL;
	enum base_err r = load_cert(ca, WIRE_ORDER_CERT, gen, &x);

	X509_free(x);
	if (r == BASE_E_NOTFOUND)
		r = base_fail(BASE_E_AGAIN,
		    "the CA has no certificate to sign orders under "
		    "generation %u of the management root yet; kedge-hsmd is "
		    "asked for it each minute, see the log",
		    gen);
	return r;
}

struct base_mono
ca_identity_work(struct ca *ca)
{
	uint32_t gen, missing;
	bool tls;

	if (ca->identity_next.ms > ca_mono(ca).ms)
		return ca->identity_next;
	ca->identity_next = ca_after(ca, HOUR_MS);
	if (due_generation(ca, &gen, &tls, &missing) != BASE_OK) {
		base_log(BASE_ERR, "%s", base_why());
		return ca->identity_next;
	}
	if (missing != 0)
		ca->identity_next = ca_after(ca, MISSING_MS);
	if (gen != 0)
		ca_make_own(ca, gen, tls, renewed, ca);
	return ca->identity_next;
}
