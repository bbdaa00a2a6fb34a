/*
 * ca/identity: what the CA is to its nodes: its TLS key and certificate, the
 * order signer's certificate, and the management root. Made by ca/make, loaded
 * from here; the certificate is renewed in the last third of its life, and
 * the network follows.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define TLS_KEY_FILE "ca-tls.key"
#define HOUR_MS	     INT64_C(3600000)

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

/* ---- loading ---------------------------------------------------------------------- */

struct identity {
	EVP_PKEY *key;
	X509 *tls, *order;
	STACK_OF(X509) *management;
};

/* New ones in, old ones out. */
static void
swap(struct ca *ca, struct identity *i)
{
	struct identity old = { ca->tls_key, ca->tls_cert, ca->order_cert,
		ca->management };

	ca->tls_key = i->key;
	ca->tls_cert = i->tls;
	ca->order_cert = i->order;
	ca->management = i->management;
	*i = old;
}

static void
identity_clear(struct identity *i)
{
	EVP_PKEY_free(i->key);
	X509_free(i->tls);
	X509_free(i->order);
	sk_X509_pop_free(i->management, X509_free);
}

static enum base_err
load_cert(struct ca *ca, const char *key, X509 **out)
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = ca_store_meta_get(ca->store, key, &b)) == BASE_OK)
		r = wire_x509_from_der(base_buf_span(&b), key, out);
	base_buf_free(&b);
	return r;
}

static enum base_err
load_root(struct ca *ca, STACK_OF(X509) **out)
{
	struct ca_root root;
	enum base_err r;
	X509 *x;

	if ((r = ca_store_root_get(ca->store, CA_MANAGEMENT, &root)) !=
		BASE_OK ||
	    (r = ca_issuer_root(ca, CA_MANAGEMENT, root.current, &x)) !=
		BASE_OK)
		return r;
	if ((*out = sk_X509_new_null()) == NULL || !X509_up_ref(x) ||
	    sk_X509_push(*out, x) == 0)
		base_die("out of memory");
	return BASE_OK;
}

enum base_err
ca_identity_load(struct ca *ca)
{
	struct identity i = { .key = NULL };
	enum base_err r;

	if ((r = ca_identity_key_read(ca, &i.key)) != BASE_OK ||
	    (r = load_cert(ca, CA_META_TLS_CERT, &i.tls)) != BASE_OK ||
	    (r = load_cert(ca, CA_META_ORDER_CERT, &i.order)) != BASE_OK ||
	    (r = load_root(ca, &i.management)) != BASE_OK)
		goto out;
	if (!X509_check_private_key(i.tls, i.key)) {
		r = base_fail(BASE_E_INTEGRITY,
		    "%s/%s does not belong to the certificate in the store; "
		    "restore both from the same backup",
		    ca->conf->state_dir, TLS_KEY_FILE);
		goto out;
	}
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

static void
renewed(void *arg, enum base_err e)
{
	struct ca *ca = arg;

	if (e == BASE_OK)
		e = ca_identity_load(ca);
	if (e == BASE_OK)
		base_log(BASE_NOTICE, "the CA's own certificates: renewed");
	else
		base_log(BASE_WARNING,
		    "the CA's own certificates: not renewed, it is tried again "
		    "within the hour: %s",
		    base_why());
	ca_kick(ca);
}

struct base_mono
ca_identity_work(struct ca *ca)
{
	struct ca_root root;

	if (ca->identity_next.ms > ca_mono(ca).ms)
		return ca->identity_next;
	ca->identity_next = ca_after(ca, HOUR_MS);
	if (!ca_identity_is_old(ca, ca->tls_cert) &&
	    !ca_identity_is_old(ca, ca->order_cert))
		return ca->identity_next;
	if (ca_store_root_get(ca->store, CA_MANAGEMENT, &root) != BASE_OK)
		base_log(BASE_ERR, "%s", base_why());
	else
		ca_make_init(ca, root.alg, renewed, ca);
	return ca->identity_next;
}
