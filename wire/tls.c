/*
 * TLS contexts of kedged and the agents. The peer's certificate is decided on
 * by wire_verify_cert alone: OpenSSL's own chain building is never asked.
 */
#include "wire/net.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "wire/x509.h"

/* Who shakes hands is nobody yet: bounds of what is looked at for it, far
 * above a leaf with NewWithOld and a pinned root. */
#define SENT_MAX       8
#define SENT_BYTES_MAX (32L << 10)

/* What the verify callback needs; owned by its SSL_CTX. */
struct rules {
	bool server, closed, pinned;
	uint8_t pin[32];
	STACK_OF(X509) *trust; /* owned; NULL with a pin */
	struct base_time (*now)(void);
	struct base_time (*mark)(const void *arg);
	const void *mark_arg;
};

static void
rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	sk_X509_pop_free(r->trust, X509_free);
	free(r);
}

static void
rules_ex_free(void *parent, void *p, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	rules_free(p);
}

static void
why_ex_free(void *parent, void *p, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	free(p);
}

/* Index of the rules in an SSL_CTX. One event loop, one thread. */
static int
rules_index(void)
{
	static int idx = -1;

	if (idx < 0)
		idx = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL,
		    rules_ex_free);
	if (idx < 0)
		base_die("tls: out of memory");
	return idx;
}

/* Index of the sentence in an SSL. */
static int
why_index(void)
{
	static int idx = -1;

	if (idx < 0)
		idx = SSL_get_ex_new_index(0, NULL, NULL, NULL, why_ex_free);
	if (idx < 0)
		base_die("tls: out of memory");
	return idx;
}

const char *
wire_tls_why(const SSL *ssl)
{
	const char *why = SSL_get_ex_data(ssl, why_index());

	return why != NULL ? why : "";
}

/* ---- the peer's certificate --------------------------------------------------- */

/* The root that was pinned by its hash, among what the peer sent. */
static STACK_OF(X509) *
pinned_root(const struct rules *r, STACK_OF(X509) *sent)
{
	STACK_OF(X509) *sk = sk_X509_new_null();
	uint8_t sum[32];

	if (sk == NULL)
		base_die("tls: out of memory");
	for (int i = 0; i < sk_X509_num(sent); i++) {
		X509 *x = sk_X509_value(sent, i);

		wire_x509_sha256(x, sum);
		if (memcmp(sum, r->pin, sizeof(sum)) != 0)
			continue;
		if (X509_add_cert(sk, x, X509_ADD_FLAG_UP_REF) != 1)
			base_die("tls: out of memory");
		break;
	}
	return sk;
}

static enum base_err
peer_check_at(const struct rules *r, X509 *cert, STACK_OF(X509) *sent,
    struct base_time now)
{
	struct wire_verify v = {
		.purpose = r->server ? WIRE_CLIENT : WIRE_SERVER,
		.closed = r->closed,
		.now = now,
		.max_depth = -1,
		.name_kind = WIRE_NAME_NONE,
	};
	STACK_OF(X509) *pinned = r->pinned ? pinned_root(r, sent) : NULL;
	enum base_err e;

	if (sk_X509_num(sent) > SENT_MAX)
		e = base_fail(BASE_E_REFUSED,
		    "the peer sends %d certificates, %d are the most",
		    sk_X509_num(sent), SENT_MAX);
	else if (r->pinned && sk_X509_num(pinned) == 0)
		e = base_fail(BASE_E_CRYPTO,
		    "the peer does not show the root that was pinned");
	else
		e = wire_verify_cert(&v, cert, r->pinned ? pinned : r->trust,
		    sent, NULL);
	sk_X509_pop_free(pinned, X509_free);
	return e;
}

static enum base_err
peer_check(const struct rules *r, X509 *cert, STACK_OF(X509) *sent)
{
	const struct base_time now = r->now();
	struct base_time mark = now;
	enum base_err e = peer_check_at(r, cert, sent, now);

	if (r->mark != NULL)
		mark = r->mark(r->mark_arg);
	if (e == BASE_E_EXPIRED && mark.ms > now.ms)
		e = peer_check_at(r, cert, sent, mark);
	return e;
}

/* Chooses the alert that the peer sees. */
static int
verify_error(enum base_err e)
{
	if (e == BASE_E_EXPIRED)
		return X509_V_ERR_CERT_HAS_EXPIRED;
	if (e == BASE_E_CRYPTO)
		return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
	return X509_V_ERR_CERT_REJECTED;
}

static int
verify_cb(X509_STORE_CTX *store, void *arg)
{
	const struct rules *r = arg;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	enum base_err e = peer_check(r, X509_STORE_CTX_get0_cert(store),
	    X509_STORE_CTX_get0_untrusted(store));
	char *why;

	ERR_clear_error();
	if (e == BASE_OK) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	X509_STORE_CTX_set_error(store, verify_error(e));
	why = base_strdup(base_why());
	free(SSL_get_ex_data(ssl, why_index()));
	if (SSL_set_ex_data(ssl, why_index(), why) != 1)
		base_die("tls: out of memory");
	return 0;
}

/* ---- context -------------------------------------------------------------------- */

static void
ctx_set_rules(SSL_CTX *ctx, const struct wire_tls *t)
{
	struct rules *r = base_alloc(sizeof(*r));

	r->server = t->server;
	r->closed = t->closed;
	r->now = t->now != NULL ? t->now : base_time_now;
	r->mark = t->mark;
	r->mark_arg = t->mark_arg;
	r->pinned = t->pin != NULL;
	if (t->pin != NULL)
		memcpy(r->pin, t->pin, sizeof(r->pin));
	if (t->trust != NULL &&
	    (r->trust = X509_chain_up_ref(t->trust)) == NULL)
		base_die("tls: out of memory");
	if (SSL_CTX_set_ex_data(ctx, rules_index(), r) != 1)
		base_die("tls: out of memory");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify_cb, r);
}

static bool
ctx_set_modes(SSL_CTX *ctx, const struct wire_tls *t)
{
	/* writable, because OpenSSL's macro casts const away */
	char groups[] = "X25519:P-256:P-384";

	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_max_cert_list(ctx, SENT_BYTES_MAX);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	    SSL_CTX_set_min_proto_version(ctx,
		t->tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
	    SSL_CTX_set1_groups_list(ctx, groups) == 1;
}

static bool
ctx_set_cert(SSL_CTX *ctx, const struct wire_tls *t)
{
	bool ok = SSL_CTX_use_certificate(ctx, t->cert) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, t->key) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1;

	for (int i = 0; ok && i < sk_X509_num(t->chain); i++)
		ok = SSL_CTX_add1_chain_cert(ctx, sk_X509_value(t->chain, i)) ==
		    1;
	return ok;
}

static enum base_err
tls_check(const struct wire_tls *t)
{
	int ways = (t->trust != NULL) + (t->pin != NULL) + t->blind;

	if (t->server && (t->cert == NULL || t->pin != NULL || t->blind))
		return base_fail(BASE_E_CONFIG,
		    "tls: a server needs a certificate, and no pin");
	if (!t->server && ways != 1)
		return base_fail(BASE_E_CONFIG,
		    "tls: a client needs either trusted roots or a pin");
	if (t->blind && t->cert != NULL)
		return base_fail(BASE_E_CONFIG,
		    "tls: nothing is shown to nobody knows whom");
	if ((t->cert == NULL) != (t->key == NULL))
		return base_fail(BASE_E_CONFIG,
		    "tls: certificate and key come together");
	return BASE_OK;
}

enum base_err
wire_tls_ctx(const struct wire_tls *t, SSL_CTX **out)
{
	SSL_CTX *ctx;
	enum base_err e = tls_check(t);

	if (e != BASE_OK)
		return e;
	ctx =
	    SSL_CTX_new(t->server ? TLS_server_method() : TLS_client_method());
	if (ctx == NULL || !ctx_set_modes(ctx, t))
		base_die("tls: OpenSSL cannot make a context");
	if (t->cert != NULL && !ctx_set_cert(ctx, t)) {
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return base_fail(BASE_E_CONFIG,
		    "tls: the certificate and the "
		    "key do not belong together; issue the node again");
	}
	if (t->trust != NULL || t->pin != NULL)
		ctx_set_rules(ctx, t);
	*out = ctx;
	return BASE_OK;
}

/* ---- what a connection says about its peer ---------------------------------------- */

enum base_err
wire_tls_peer_node(SSL *ssl, char out[BASE_NAME_MAX + 1])
{
	X509 *x = SSL_get0_peer_certificate(ssl);

	if (x == NULL)
		return base_fail(BASE_E_NOTFOUND,
		    "tls: the peer showed no certificate");
	if ((SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) == 0 ||
	    SSL_get_verify_result(ssl) != X509_V_OK)
		return base_fail(BASE_E_DENIED,
		    "tls: the peer's certificate was not verified");
	return wire_x509_node(x, out);
}

enum base_err
wire_tls_binding(SSL *ssl, uint8_t out[32])
{
	static const char label[] = "EXPORTER-kedge-hello";

	if (SSL_version(ssl) < TLS1_3_VERSION &&
	    SSL_get_extms_support(ssl) != 1)
		return base_fail(BASE_E_REFUSED,
		    "tls: this connection cannot "
		    "be bound to (RFC 7627); use TLS 1.3");
	if (SSL_export_keying_material(ssl, out, 32, label, strlen(label), NULL,
		0, 0) != 1) {
		ERR_clear_error();
		return base_fail(BASE_E_STATE,
		    "tls: no exporter value before the handshake is done");
	}
	return BASE_OK;
}
