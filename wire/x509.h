/*
 * wire/x509: certificates: composing, parsing, and the one verification that
 * CA and nodes share. (wire has one header per idea instead of one in all:
 * hsm must not see the network code.)
 */
#pragma once

#include <openssl/x509.h>

#include "base/base.h"

/* ---- PEM, DER -------------------------------------------------------------- */

/* DER to the last byte (trailing bytes: SYNTAX); what names it in errors. */
enum base_err wire_x509_from_der(struct base_span der, const char *what,
    X509 **out) BASE_MUST;
/* From one to max certificates, one right after the other, to the last byte. */
enum base_err wire_x509_stack_from_der(struct base_span der, int max,
    const char *what, STACK_OF(X509) **out) BASE_MUST;
/* All CERTIFICATE blocks of a PEM text; anything else between them but white
 * space and comments is SYNTAX; none at all is SYNTAX. */
enum base_err wire_x509_stack_from_pem(struct base_span pem,
    const char *what, STACK_OF(X509) **out) BASE_MUST;
/* The same for X509 CRL blocks. */
enum base_err wire_crl_stack_from_pem(struct base_span pem,
    const char *what, STACK_OF(X509_CRL) **out) BASE_MUST;
enum base_err wire_x509_to_der(const X509 *x, struct base_buf *out) BASE_MUST;
enum base_err wire_x509_to_pem(const X509 *x, struct base_buf *out) BASE_MUST;
void wire_x509_sha256(const X509 *x, uint8_t out[32]);
/* "CN=web1,O=acme" for a sentence: ASCII, cut to fit, always terminated. */
#define WIRE_LABEL_LEN 128
const char *wire_x509_label(const X509 *x, char out[WIRE_LABEL_LEN]);
/* SHA-256 of the DER SubjectPublicKeyInfo. */
void wire_x509_spki_sha256(const X509 *x, uint8_t out[32]);
/* The node that a certificate speaks for: its one CN, which is also its first
 * dNSName. REFUSED when they differ. Verify the certificate first. */
enum base_err wire_x509_node(const X509 *x, char out[BASE_NAME_MAX + 1])
    BASE_MUST;

/* ---- verification ------------------------------------------------------------- */

/* The signers are told by kedge's own extended key usages (wire/oid.h). */
enum wire_purpose { WIRE_SERVER = 1, WIRE_CLIENT, WIRE_ORDER_SIGNER,
	WIRE_NODE_SIGNER, WIRE_CA_SIGNER };
enum wire_name_kind { WIRE_NAME_NONE, WIRE_NAME_DNS, WIRE_NAME_IP,
	WIRE_NAME_EMAIL };

struct wire_verify {
	enum wire_purpose purpose;
	bool closed;                 /* kedge's closed profile on top */
	struct base_time now;        /* injected, always */
	int max_depth;               /* intermediates allowed; -1: default 8 */
	enum wire_name_kind name_kind;
	const char *name;            /* NULL with WIRE_NAME_NONE */
	STACK_OF(X509_CRL) *crls;    /* NULL: no revocation check */
};

/* Explicit stacks only: no default store, no partial chains, DER re-checked.
 * untrusted and chain may be NULL; *chain is owned by the caller. CRYPTO,
 * EXPIRED or REFUSED with the reason as a sentence. */
enum base_err wire_verify_cert(const struct wire_verify *v, X509 *cert,
    STACK_OF(X509) *trust, STACK_OF(X509) *untrusted,
    STACK_OF(X509) **chain) BASE_MUST;

/* The decision of a node that holds old and is offered a new root: NewWithOld
 * verifies under old, both carry the same key and name, NewWithNew verifies
 * itself, AKI/SKI are there, validity as RFC 9810 4.4, old's pathlen allows
 * it, and, when old carries the hash of the next key (RFC 8649), the new key
 * is that key. */
enum base_err wire_verify_new_root(X509 *old, X509 *new_with_new,
    X509 *new_with_old, struct base_time now) BASE_MUST;
/* The way back, for an abort: the same decision about an older root. new is
 * held, OldWithNew is the older root's key certified by new with the older
 * root's dates, and an older root that names a next key (RFC 8649) names
 * new's. */
enum base_err wire_verify_old_root(X509 *new, X509 *old_root,
    X509 *old_with_new, struct base_time now) BASE_MUST;
/* old carries the hash of new's key (RFC 8649): whoever made old has chosen
 * new then. What old's key signs today says nothing once others have it. */
bool wire_root_names_next(const X509 *old, const X509 *new);
/* A first root that only a signed order or a pinned hash vouches for:
 * self-signed, root profile. */
enum base_err wire_verify_root(X509 *root, struct base_time now) BASE_MUST;

/* ---- to-be-signed structures -------------------------------------------------- */

/* Every certificate that kedge issues is one of these; parse refuses all
 * else. docs/protocol.md has the profiles. Only the generations of the two
 * keys tell NewWithOld from OldWithNew: parse calls both NEW_WITH_OLD, and
 * compose makes the same structure of both. */
enum wire_cert_kind { WIRE_NEW_WITH_NEW = 1, WIRE_NEW_WITH_OLD,
	WIRE_OLD_WITH_NEW, WIRE_NODE_CERT, WIRE_CANARY, WIRE_ORDER_CERT,
	WIRE_CA_TLS };

enum wire_alg { WIRE_P256 = 1, WIRE_P384, WIRE_RSA3072, WIRE_RSA4096 };
enum base_err wire_alg_parse(const char *s, enum wire_alg *out) BASE_MUST;
const char *wire_alg_name(enum wire_alg a);

#define WIRE_SAN_MAX 8
/* REFUSED: not "DNS:…" (lower case) or "IP:…" in its shortest form (RFC 5952),
 * so that no certificate is composed with it. */
enum base_err wire_san_check(const char *text) BASE_MUST;

/* Borrowed pointers throughout; parse points into the DER given to it or
 * into arena memory that wire_tbs_free releases. Names by kind: roots have no
 * node; ORDER_CERT is node "order", CA_TLS is "ca", and NODE_CERT and CANARY
 * are neither; order and CA certificates are of root "management" only. */
struct wire_tbs {
	enum wire_cert_kind kind;
	enum wire_alg issuer_alg;      /* of the signing key */
	uint8_t serial[16];            /* from wire_serial_make; compose makes
					* the top bits 01 in any case */
	char fleet[BASE_NAME_MAX + 1]; /* issuer and subject O= */
	char root[BASE_NAME_MAX + 1];  /* issuer CN= */
	char node[BASE_NAME_MAX + 1];  /* subject CN= and first dNSName; empty
					* for roots */
	struct base_time not_before, not_after;   /* whole seconds */
	struct base_span spki;         /* DER SubjectPublicKeyInfo */
	uint8_t ski[20], aki[20];      /* RFC 7093 method 1: leftmost 160 bits of
					* SHA-256 of the key bits */
	const char *san[WIRE_SAN_MAX]; /* further "DNS:…" or "IP:…" */
	size_t nsan;
	bool has_next;                 /* NEW_WITH_NEW only (RFC 8649: in self-
					* signed certificates) */
	uint8_t next_hash[32];         /* SHA-256 of the next root's SPKI */
	char *arena[WIRE_SAN_MAX];     /* owned by parse */
	uint8_t *der;                  /* owned by wire_cert_parse */
};

/* TBSCertificate DER. REFUSED when the fields break the profile. */
enum base_err wire_tbs_compose(const struct wire_tbs *t,
    struct base_buf *out) BASE_MUST;
/* Parses completely, then composes again and demands the same bytes: what
 * comes back is the whole meaning of the DER. */
enum base_err wire_tbs_parse(struct base_span der, struct wire_tbs *out)
    BASE_MUST;
void wire_tbs_free(struct wire_tbs *t);
/* The same for a whole certificate; *out owns a copy of the bytes. It says
 * what x claims to be; only wire_verify_* says whether that is true. */
enum base_err wire_cert_parse(const X509 *x, struct wire_tbs *out) BASE_MUST;
/* Marked as a canary (RFC 9608 noRevAvail): for probes, never to be stored. */
bool wire_cert_is_canary(const X509 *x);
/* Random, positive, always 16 bytes in DER. */
void wire_serial_make(uint8_t serial[16]);
/* Certificate DER from a TBS and the signature value as X.509 wants it (DER
 * ECDSA-Sig-Value or PKCS#1). */
enum base_err wire_cert_assemble(struct base_span tbs, enum wire_alg alg,
    struct base_span sig, struct base_buf *out) BASE_MUST;
/* ski of a SubjectPublicKeyInfo, and its algorithm. */
enum base_err wire_spki_id(struct base_span spki, uint8_t ski[20]) BASE_MUST;
enum base_err wire_spki_alg(struct base_span spki, enum wire_alg *out)
    BASE_MUST;

/* ---- keys of nodes (never of roots) -------------------------------------------- */

enum base_err wire_key_make(enum wire_alg alg, EVP_PKEY **out) BASE_MUST;
/* PKCS#8 PEM, mode 0600 is the caller's. The buffer wipes itself. */
enum base_err wire_key_to_pem(EVP_PKEY *key, struct base_buf *out) BASE_MUST;
enum base_err wire_key_from_pem(struct base_span pem, EVP_PKEY **out)
    BASE_MUST;
enum base_err wire_key_spki(EVP_PKEY *key, struct base_buf *out) BASE_MUST;
/* PKCS#10 with an empty attribute set and subject CN=node, O=fleet. */
enum base_err wire_csr_make(EVP_PKEY *key, const char *fleet,
    const char *node, struct base_buf *out) BASE_MUST;
/* Checks the self signature and the subject; spki into out. */
enum base_err wire_csr_check(struct base_span csr, const char *fleet,
    const char *node, struct base_buf *spki) BASE_MUST;
