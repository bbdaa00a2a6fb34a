/*
 * Certificates that kedge would never issue, made with OpenSSL's own text
 * syntax (x509v3_config(5)), for the tests of verification.
 */
#pragma once

#include "tests/unit/wire/fleet.h"

struct odd {
	const char *cn;              /* subject { CN }; NULL: empty name */
	const struct fleet_key *key; /* subject's */
	X509 *issuer;                /* NULL: self-signed */
	const struct fleet_key *issuer_key;
	/* "name=value" each, NULL ends; SKI and AKI are made by "hash" and
	 * "keyid:always" */
	const char *exts[12];
	const char *md;              /* NULL: SHA256 */
	long from, until;            /* days after T0; until 0: 365 */
	int serial;                  /* 0: some positive number; -1: zero */
	int serial_bytes;            /* not 0: a number of so many bytes */
	/* raw extension on top: OID, DER in hex, critical */
	const char *raw_oid, *raw_hex;
	bool raw_critical;
};
/* Fails the test when OpenSSL refuses to make it. */
X509 *odd_make(const struct odd *o);

/* The extensions of a proper CA and of a proper leaf for "web1.example". */
#define ODD_CA                                                                 \
	"basicConstraints=critical,CA:TRUE",                                   \
	    "keyUsage=critical,keyCertSign,cRLSign",                           \
	    "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid:always"
#define ODD_LEAF                                                               \
	"keyUsage=critical,digitalSignature",                                  \
	    "extendedKeyUsage=serverAuth,clientAuth",                          \
	    "subjectAltName=DNS:web1.example", "subjectKeyIdentifier=hash",    \
	    "authorityKeyIdentifier=keyid:always"

/* A CA of that name and key, self-signed when issuer is NULL; and a leaf
 * "web1" of key. */
X509 *odd_ca(const char *cn, const struct fleet_key *key, X509 *issuer,
    const struct fleet_key *issuer_key);
X509 *odd_leaf(const struct fleet_key *key, X509 *issuer,
    const struct fleet_key *issuer_key);

/* A CRL by issuer with these serial numbers, 0 ends. */
struct odd_crl {
	X509 *issuer;
	const struct fleet_key *key;
	const int *serials;
	const char *exts[6];
	long from, until;            /* days after T0; until 0: none */
};
X509_CRL *odd_crl_make(const struct odd_crl *o);
