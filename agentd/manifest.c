/*
 * agentd/manifest: manifest.der of a version. Private to the node, so its
 * ASN.1 stands here and not in docs/protocol.md:
 *
 *   Manifest ::= SEQUENCE {
 *     version INTEGER, root UTF8String, epoch INTEGER, previous INTEGER,
 *     trustGenerations SEQUENCE OF INTEGER, certGeneration INTEGER,
 *     nwoGeneration INTEGER, anchorGeneration INTEGER, bridging BOOLEAN,
 *     sha256 OCTET STRING,      -- of trust.pem, cert.pem, chain.pem
 *     nwo [0] EXPLICIT Certificate OPTIONAL,
 *     anchor [1] EXPLICIT Certificate OPTIONAL }
 *
 * Used by store.c.
 */
#include <string.h>

#include <openssl/asn1t.h>

#include "agentd/store.h"

#define VERSION 1

struct manifest {
	ASN1_INTEGER *version;
	ASN1_UTF8STRING *root;
	ASN1_INTEGER *epoch, *previous;
	STACK_OF(ASN1_INTEGER) *trust;
	ASN1_INTEGER *cert, *nwo_gen, *anchor_gen;
	ASN1_BOOLEAN bridging;
	ASN1_OCTET_STRING *sha256;
	X509 *nwo, *anchor;
};
/* clang-format off */
/* The template macros of OpenSSL want a type name without "struct". */
typedef struct manifest AG_MANIFEST;

ASN1_SEQUENCE(AG_MANIFEST) = {
	ASN1_SIMPLE(AG_MANIFEST, version, ASN1_INTEGER),
	ASN1_SIMPLE(AG_MANIFEST, root, ASN1_UTF8STRING),
	ASN1_SIMPLE(AG_MANIFEST, epoch, ASN1_INTEGER),
	ASN1_SIMPLE(AG_MANIFEST, previous, ASN1_INTEGER),
	ASN1_SEQUENCE_OF(AG_MANIFEST, trust, ASN1_INTEGER),
	ASN1_SIMPLE(AG_MANIFEST, cert, ASN1_INTEGER),
	ASN1_SIMPLE(AG_MANIFEST, nwo_gen, ASN1_INTEGER),
	ASN1_SIMPLE(AG_MANIFEST, anchor_gen, ASN1_INTEGER),
	ASN1_SIMPLE(AG_MANIFEST, bridging, ASN1_BOOLEAN),
	ASN1_SIMPLE(AG_MANIFEST, sha256, ASN1_OCTET_STRING),
	ASN1_EXP_OPT(AG_MANIFEST, nwo, X509, 0),
	ASN1_EXP_OPT(AG_MANIFEST, anchor, X509, 1),
} static_ASN1_SEQUENCE_END(AG_MANIFEST)
/* clang-format on */

static void
put(ASN1_INTEGER *i, uint64_t v)
{
	if (ASN1_INTEGER_set_uint64(i, v) != 1)
		base_die("manifest: out of memory");
}

static void
fill_lists(struct manifest *m, const struct ag_bundle *b, uint8_t sha[3][32])
{
	for (size_t i = 0; i < b->ntrust; i++) {
		ASN1_INTEGER *g = ASN1_INTEGER_new();

		if (g == NULL || sk_ASN1_INTEGER_push(m->trust, g) <= 0)
			base_die("manifest: out of memory");
		put(g, b->trust_gen[i]);
	}
	if (ASN1_OCTET_STRING_set(m->sha256, sha[0], 96) != 1)
		base_die("manifest: out of memory");
}

enum base_err
ag_manifest_compose(const struct ag_bundle *b, uint8_t sha256[3][32],
    struct base_buf *out)
{
	struct manifest *m = (void *)ASN1_item_new(ASN1_ITEM_rptr(AG_MANIFEST));
	unsigned char *der = NULL;
	enum base_err r;
	int n;

	if (m == NULL || ASN1_STRING_set(m->root, b->root, -1) != 1)
		base_die("manifest: out of memory");
	put(m->version, VERSION);
	put(m->epoch, b->epoch);
	put(m->previous, b->previous);
	put(m->cert, b->cert_gen);
	put(m->nwo_gen, b->nwo_gen);
	put(m->anchor_gen, b->anchor_gen);
	m->bridging = b->bridging ? 0xff : 0;
	fill_lists(m, b, sha256);
	m->nwo = b->nwo;
	m->anchor = b->anchor;
	n = ASN1_item_i2d((void *)m, &der, ASN1_ITEM_rptr(AG_MANIFEST));
	m->nwo = m->anchor = NULL;
	ASN1_item_free((void *)m, ASN1_ITEM_rptr(AG_MANIFEST));
	if (n <= 0)
		base_die("manifest: cannot be encoded");
	r = base_buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	return r;
}

static bool
get(const ASN1_INTEGER *i, uint64_t max, uint64_t *v)
{
	return ASN1_INTEGER_get_uint64(v, i) == 1 && *v <= max;
}

static bool
get_generation(const ASN1_INTEGER *i, uint32_t *v)
{
	uint64_t wide;

	if (!get(i, 64, &wide))
		return false;
	*v = (uint32_t)wide;
	return true;
}

static bool
read_lists(const struct manifest *m, struct ag_bundle *b, uint8_t sha[3][32])
{
	int n = sk_ASN1_INTEGER_num(m->trust);

	if (n > AG_TRUST_MAX || ASN1_STRING_length(m->sha256) != 96)
		return false;
	for (int i = 0; i < n; i++)
		if (!get_generation(sk_ASN1_INTEGER_value(m->trust, i),
			&b->trust_gen[i]))
			return false;
	memcpy(sha[0], ASN1_STRING_get0_data(m->sha256), 96);
	/* the certificates come from trust.pem; store.c sets ntrust then */
	b->ntrust = 0;
	return true;
}

static bool
read_manifest(struct manifest *m, struct ag_bundle *b, uint8_t sha[3][32])
{
	const char *root = (const char *)ASN1_STRING_get0_data(m->root);
	uint64_t version;

	if (!get(m->version, VERSION, &version) || version != VERSION ||
	    (size_t)ASN1_STRING_length(m->root) != strlen(b->root) ||
	    memcmp(root, b->root, strlen(b->root)) != 0 ||
	    !get(m->epoch, UINT64_MAX, &b->epoch) ||
	    !get(m->previous, b->epoch, &b->previous) ||
	    !get_generation(m->cert, &b->cert_gen) ||
	    !get_generation(m->nwo_gen, &b->nwo_gen) ||
	    !get_generation(m->anchor_gen, &b->anchor_gen))
		return false;
	b->bridging = m->bridging != 0;
	b->nwo = m->nwo;
	b->anchor = m->anchor;
	m->nwo = m->anchor = NULL;
	return read_lists(m, b, sha);
}

enum base_err
ag_manifest_parse(struct base_span der, struct ag_bundle *b,
    uint8_t sha256[3][32])
{
	const unsigned char *p = der.p;
	struct manifest *m = (void *)ASN1_item_d2i(NULL, &p, (long)der.n,
	    ASN1_ITEM_rptr(AG_MANIFEST));
	bool good =
	    m != NULL && p == der.p + der.n && read_manifest(m, b, sha256);

	ASN1_item_free((void *)m, ASN1_ITEM_rptr(AG_MANIFEST));
	if (!good)
		return base_fail(BASE_E_INTEGRITY,
		    "manifest: not one of root %s", b->root);
	return BASE_OK;
}
