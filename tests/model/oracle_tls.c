/*
 * oracle_tls: TLS in memory with files as an agent renders them, verified by
 * OpenSSL alone with one intermediate allowed, which is what nginx allows.
 * See oracle.h.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "tests/model/oracle.h"
#include "wire/x509.h"

/* ---- contexts from files ------------------------------------------------------ */

static STACK_OF(X509) *
certs_of(uint32_t file)
{
	STACK_OF(X509) *out = NULL;

	if (wire_x509_stack_from_pem(file_content(file), "oracle", &out) !=
	    BASE_OK)
		base_die("oracle: %s", base_why());
	return out;
}

static bool
use_chain(SSL_CTX *ctx, uint32_t file)
{
	STACK_OF(X509) *s = certs_of(file);
	bool ok = SSL_CTX_use_certificate(ctx, sk_X509_value(s, 0)) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx,
		pki_key(file_node(file), file_root(file))) == 1;

	for (int i = 1; ok && i < sk_X509_num(s); i++)
		ok = SSL_CTX_add1_chain_cert(ctx, sk_X509_value(s, i)) == 1;
	sk_X509_pop_free(s, X509_free);
	return ok;
}

static bool
use_trust(SSL_CTX *ctx, uint32_t file)
{
	STACK_OF(X509) *s = certs_of(file);
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);
	bool ok = true;

	for (int i = 0; ok && i < sk_X509_num(s); i++)
		ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx),
			 sk_X509_value(s, i)) == 1;
	sk_X509_pop_free(s, X509_free);
	X509_VERIFY_PARAM_set_time(p, (time_t)(pki_now().ms / 1000));
	X509_VERIFY_PARAM_set_depth(p, 1);
	SSL_CTX_set_verify(ctx,
	    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return ok;
}

/* A context costs more than a handshake: one per combination. */
static struct end {
	bool server;
	uint32_t chain, trust;
	SSL_CTX *ctx;
} * ends;
static uint32_t nends;

static SSL_CTX *
end_ctx(bool server, uint32_t chain, uint32_t trust)
{
	int group[] = { NID_X9_62_prime256v1 };
	SSL_CTX *ctx;

	for (uint32_t i = 0; i < nends; i++)
		if (ends[i].server == server && ends[i].chain == chain &&
		    ends[i].trust == trust)
			return ends[i].ctx;
	ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (ctx == NULL || SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
	    SSL_CTX_set1_groups(ctx, group, 1) != 1 ||
	    (chain != FILE_NONE && !use_chain(ctx, chain)) ||
	    (trust != FILE_NONE && !use_trust(ctx, trust)))
		base_die("oracle: OpenSSL refuses a file");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	ends = base_realloc_array(ends, nends + 1, sizeof(*ends));
	ends[nends++] = (struct end){ server, chain, trust, ctx };
	return ctx;
}

static SSL *
end_make(bool server, uint32_t chain, uint32_t trust)
{
	SSL *ssl = SSL_new(end_ctx(server, chain, trust));

	if (ssl == NULL)
		base_die("oracle: out of memory");
	return ssl;
}

/* ---- hands ------------------------------------------------------------------------ */

static void
join(SSL *client, SSL *server)
{
	BIO *a, *b;

	if (BIO_new_bio_pair(&a, 0, &b, 0) != 1)
		base_die("oracle: out of memory");
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
}

/* In TLS 1.3 a client is done before the server has seen its certificate. */
static bool
shake_hands(const struct shake *s)
{
	SSL *client = end_make(false, s->client_chain, s->client_trust);
	SSL *server = end_make(true, s->server_chain, s->server_trust);
	bool ok = SSL_set1_host(client, pki_node(file_node(s->server_chain)));
	int c = 0, v = 0;

	join(client, server);
	for (int i = 0; ok && i < 20 && (c != 1 || v != 1); i++) {
		if (c != 1 && (c = SSL_do_handshake(client)) != 1)
			ok = SSL_get_error(client, c) == SSL_ERROR_WANT_READ;
		if (ok && v != 1 && (v = SSL_do_handshake(server)) != 1)
			ok = SSL_get_error(server, v) == SSL_ERROR_WANT_READ;
	}
	SSL_free(client);
	SSL_free(server);
	return ok && c == 1 && v == 1;
}

/* ---- remembered ------------------------------------------------------------------- */

#define TABLE (1u << 18)

static struct known {
	struct shake shake;
	bool is, works;
} * table;
static uint32_t count;

bool
shake_works(const struct shake *s)
{
	uint64_t h = s->client_chain;

	if (table == NULL)
		table = base_alloc(TABLE * sizeof(*table));
	h = h * 4099 + s->client_trust;
	h = h * 4099 + s->server_chain;
	h = h * 4099 + s->server_trust;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	for (uint32_t at = (uint32_t)(h >> 46);; at = (at + 1) % TABLE) {
		struct known *k = &table[at];
		if (k->is && memcmp(&k->shake, s, sizeof(*s)) == 0)
			return k->works;
		if (k->is)
			continue;
		if (++count > TABLE / 2)
			base_die("oracle: too many handshakes to remember");
		*k = (struct known){ *s, true, shake_hands(s) };
		return k->works;
	}
}

uint32_t
shake_count(void)
{
	return count;
}

void
shakes_free(void)
{
	for (uint32_t i = 0; i < nends; i++)
		SSL_CTX_free(ends[i].ctx);
	free(ends);
	free(table);
	ends = NULL;
	table = NULL;
}
