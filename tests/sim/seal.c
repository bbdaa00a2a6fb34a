/*
 * seal: a quick stand-in for CMS, keyed by the signer's key, in all seeds but
 * every fiftieth: the signer's certificate is verified for its purpose as
 * always. Takes the place of wire_cms_sign and wire_cms_verify by the linker's
 * --wrap. See sim.h.
 */
#include "tests/sim/sim.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#define MAGIC "seal"
#define KNOWN 4096u

enum base_err
__real_wire_cms_sign(enum wire_content type, struct base_span content,
    X509 *cert, EVP_PKEY *key, STACK_OF(X509) *chain, struct base_buf *out);
enum base_err __real_wire_cms_verify(enum wire_content type,
    struct base_span cms, STACK_OF(X509) *trust, struct base_time now,
    struct base_buf *content, struct wire_signer *signer);
enum base_err
__wrap_wire_cms_sign(enum wire_content type, struct base_span content,
    X509 *cert, EVP_PKEY *key, STACK_OF(X509) *chain, struct base_buf *out);
enum base_err __wrap_wire_cms_verify(enum wire_content type,
    struct base_span cms, STACK_OF(X509) *trust, struct base_time now,
    struct base_buf *content, struct wire_signer *signer);

/* A join is looked into before its signer is known, so it stays CMS; so does
 * what two have signed while the management root rolls. */
static bool
is_real(enum wire_content type)
{
	return sim.seed % 50 == 0 || type == WIRE_C_JOIN_ANSWER ||
	    type == WIRE_C_HELLO;
}

static void
mac(X509 *cert, const struct base_buf *b, size_t n, uint8_t out[32])
{
	uint8_t sum[20];

	sim_memo_sum(cert, sum);
	HMAC(EVP_sha256(), sum, sizeof(sum), b->p, n, out, NULL);
}

/* Whoever signs has the certificate's key. */
static void
check_key(X509 *cert, EVP_PKEY *key)
{
	static struct {
		X509 *cert;
		EVP_PKEY *key;
	} known[KNOWN];
	size_t i = ((uintptr_t)cert ^ (uintptr_t)key) / 64 % KNOWN;

	if (known[i].cert == cert && known[i].key == key)
		return;
	if (X509_check_private_key(cert, key) != 1)
		sim_fail("somebody signs with another's certificate");
	known[i].cert = cert;
	known[i].key = key;
}

enum base_err
__wrap_wire_cms_sign(enum wire_content type, struct base_span content,
    X509 *cert, EVP_PKEY *key, STACK_OF(X509) *chain, struct base_buf *out)
{
	struct base_buf der;
	uint8_t sum[32];

	if (is_real(type))
		return __real_wire_cms_sign(type, content, cert, key, chain,
		    out);
	base_buf_init(&der, 0);
	if (wire_x509_to_der(cert, &der) != BASE_OK ||
	    base_buf_put(out, MAGIC, 4) != BASE_OK ||
	    base_buf_put_u8(out, (uint8_t)type) != BASE_OK ||
	    base_buf_put_blob(out, base_buf_span(&der)) != BASE_OK ||
	    base_buf_put_blob(out, content) != BASE_OK)
		base_die("sim: %s", base_why());
	base_buf_free(&der);
	check_key(cert, key);
	mac(cert, out, out->n, sum);
	return base_buf_put(out, sum, sizeof(sum));
}

/* ---- verifying --------------------------------------------------------------------- */

struct parts {
	uint8_t type;
	struct base_span cert, content;
};

static enum base_err
take_apart(struct base_buf *b, struct parts *p)
{
	uint32_t magic = 0;
	enum base_err e;

	if ((e = base_buf_get_u32(b, &magic)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &p->type)) != BASE_OK ||
	    (e = base_buf_get_blob(b, &p->cert)) != BASE_OK ||
	    (e = base_buf_get_blob(b, &p->content)) != BASE_OK)
		return e;
	return b->n - b->at == 32 ? BASE_OK
				  : base_fail(BASE_E_SYNTAX, "seal: length");
}

/* By the clock, as always; memo.c remembers it as long as that is right. */
static bool
signer_is_good(enum wire_content type, X509 *cert, STACK_OF(X509) *trust,
    struct base_time now)
{
	static const enum wire_purpose purposes[] = {
		[WIRE_C_ORDER] = WIRE_ORDER_SIGNER,
		[WIRE_C_REPORT] = WIRE_NODE_SIGNER,
		[WIRE_C_ACK] = WIRE_CA_SIGNER,
		[WIRE_C_STOCK] = WIRE_NODE_SIGNER,
	};
	const struct wire_verify v = {
		.purpose = purposes[type],
		.closed = true,
		.now = now,
		.max_depth = -1,
		.name_kind = WIRE_NAME_NONE,
	};

	return wire_verify_cert(&v, cert, trust, NULL, NULL) == BASE_OK;
}

static enum base_err
open_seal(enum wire_content type, struct base_buf *b, STACK_OF(X509) *trust,
    struct base_time now, struct wire_signer *s, struct base_span *content)
{
	struct parts p;
	uint8_t sum[32];
	enum base_err e;

	if ((e = take_apart(b, &p)) != BASE_OK ||
	    (e = wire_x509_from_der(p.cert, "seal", &s->cert)) != BASE_OK)
		return e;
	mac(s->cert, b, b->n - 32, sum);
	if (p.type != type || memcmp(sum, b->p + b->n - 32, 32) != 0 ||
	    !signer_is_good(type, s->cert, trust, now))
		return base_fail(BASE_E_CRYPTO, "seal: broken");
	*content = p.content;
	if (type != WIRE_C_REPORT && type != WIRE_C_STOCK) {
		strcpy(s->node, "ca");
		return BASE_OK;
	}
	return wire_x509_node(s->cert, s->node);
}

enum base_err
__wrap_wire_cms_verify(enum wire_content type, struct base_span cms,
    STACK_OF(X509) *trust, struct base_time now, struct base_buf *content,
    struct wire_signer *signer)
{
	struct base_span inner;
	struct base_buf b;
	enum base_err e;

	if (is_real(type) || cms.n < 4 || memcmp(cms.p, MAGIC, 4) != 0)
		return __real_wire_cms_verify(type, cms, trust, now, content,
		    signer);
	memset(signer, 0, sizeof(*signer));
	base_buf_init(&b, 0);
	if ((e = base_buf_put(&b, cms.p, cms.n)) == BASE_OK &&
	    (e = open_seal(type, &b, trust, now, signer, &inner)) == BASE_OK)
		e = base_buf_put(content, inner.p, inner.n);
	base_buf_free(&b);
	if (e != BASE_OK)
		wire_signer_clear(signer);
	return e;
}
