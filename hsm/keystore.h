/*
 * hsm/keystore: where private keys are. One small table of functions with
 * three implementations: memory (unit tests), token (PKCS#11, inside a worker
 * process only) and worker (the front's view of a token: a child process
 * under a deadline that serves a token keystore over a socket pair).
 *
 * A keystore signs what it is given. What may be signed is decided before,
 * by the front (hsm/profile.c, hsm/req_*.c), which alone talks to the socket.
 */
#pragma once

#include <openssl/evp.h>

#include "base/base.h"
#include "wire/x509.h"

#define HSM_ID	    16 /* bytes of a CKA_ID: random, from the journal */
#define HSM_CHUNK   64 /* signatures on their way at once */
#define HSM_STARTS  2           /* chunks on their way */
#define HSM_SIG_MAX 1024 /* an RSA-4096 signature has 512 bytes */

/* What names a key: CKA_ID and public key value, both must fit. */
struct hsm_key_ref {
	uint8_t id[HSM_ID];
	enum wire_alg alg;
	struct base_span spki; /* DER; borrowed */
};

struct hsm_ks_ops {
	/* Makes a pair that cannot leave the store; spki is appended. The
	 * pair has signed once and its attributes were read back. */
	enum base_err (*generate)(void *ks, const uint8_t id[HSM_ID],
	    enum wire_alg alg, const char *label,
	    struct base_buf *spki) BASE_MUST;
	/* Removes whatever carries this id: a pair whose making was cut
	 * short. Nothing there is fine. */
	enum base_err (*sweep)(void *ks, const uint8_t id[HSM_ID]) BASE_MUST;
	/* At most HSM_CHUNK messages, each hashed and signed. Two starts may
	 * stand before the first finish; answers come in their order. sigs: n
	 * empty buffers, X.509's signature values. After an error of either,
	 * whatever was started is gone or must be finished: a finish without
	 * a start is STATE. */
	enum base_err (*sign_start)(void *ks, const struct hsm_key_ref *key,
	    const struct base_span *msgs, size_t n) BASE_MUST;
	enum base_err (*sign_finish)(
	    void *ks, struct base_buf *sigs, size_t n) BASE_MUST;
	/* CMS SignedData around each content; cert is one certificate of the
	 * signer in DER, or two, one after the other, and it signs by each. */
	enum base_err (*cms)(void *ks, const struct hsm_key_ref *key,
	    struct base_span cert, const struct base_span *contents, size_t n,
	    struct base_buf *out) BASE_MUST;
	/* Ready to sign; the sentence says why not. May start a worker. */
	enum base_err (*ready)(void *ks) BASE_MUST;
	void (*free)(void *ks);
};

struct hsm_ks {
	const struct hsm_ks_ops *ops;
	void *ks;
};
void hsm_ks_free(struct hsm_ks *k); /* NULL is allowed */

struct hsm_ks *hsm_ks_mem_new(void);

/* A token in this very process: only inside a worker. pin is used once and
 * wiped by the caller. */
struct hsm_token_conf {
	const char *module; /* path of the PKCS#11 module */
	const char *uri; /* "pkcs11:token=…;serial=…" */
};
/* Loads the module and finds the token, before any PIN. NOTFOUND: no such
 * token; IO: the module does not work. */
enum base_err
hsm_token_open(const struct hsm_token_conf *c, struct hsm_ks **out) BASE_MUST;
/* DENIED: the PIN was refused, or the token's flags say that trying it is
 * dangerous; never try again without a person. */
enum base_err hsm_token_login(struct hsm_ks *k, struct base_span pin) BASE_MUST;

/* ---- shared by memory and token: signing with an EVP_PKEY ------------------ */

struct hsm_signer; /* a key ready to sign, cached */
/* Takes its own reference of key. */
enum base_err hsm_signer_new(EVP_PKEY *key, enum wire_alg alg,
    struct hsm_signer **out) BASE_MUST;
void hsm_signer_free(struct hsm_signer *s);
enum base_err hsm_signer_sign(struct hsm_signer *s, struct base_span msg,
    struct base_buf *sig) BASE_MUST;
enum base_err hsm_signer_cms(struct hsm_signer *s, struct base_span cert,
    struct base_span content, struct base_buf *out) BASE_MUST;
/* Signs random bytes and verifies with nothing but spki. */
enum base_err
hsm_signer_test(struct hsm_signer *s, struct base_span spki) BASE_MUST;

/* Signatures between sign_start and sign_finish. */
struct hsm_sigs {
	struct base_buf sig[HSM_STARTS][HSM_CHUNK];
	size_t n[HSM_STARTS];
	unsigned first, used;
};
void hsm_sigs_init(struct hsm_sigs *q);
void hsm_sigs_free(struct hsm_sigs *q);
enum base_err hsm_sigs_start(struct hsm_sigs *q, struct hsm_signer *s,
    const struct base_span *msgs, size_t n) BASE_MUST;
enum base_err hsm_sigs_finish(struct hsm_sigs *q, struct base_buf *sigs,
    size_t n) BASE_MUST;

/* Public half, for verifying what a keystore has signed. */
struct hsm_verifier;
enum base_err hsm_verifier_new(struct base_span spki, enum wire_alg alg,
    struct hsm_verifier **out) BASE_MUST;
void hsm_verifier_free(struct hsm_verifier *v);
/* CRYPTO when sig is not the signature over msg. */
enum base_err hsm_verifier_check(struct hsm_verifier *v, struct base_span msg,
    struct base_span sig) BASE_MUST;

/* The last OpenSSL error as words; clears the queue. */
const char *hsm_openssl_why(void);
