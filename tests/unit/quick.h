/*
 * quick: OpenSSL without what a test that runs whole fleets does not need. For
 * each key that it reads it walks through the decoders of all algorithms that
 * it knows: here it knows those that are named. And an ECDSA signature that was
 * good once, of the same bytes by the same key, is not computed again.
 */
#ifndef TESTS_UNIT_QUICK_H
#define TESTS_UNIT_QUICK_H

#include <openssl/types.h>
#include <stdbool.h>

/*
 * For the whole process, once, before OpenSSL is used. algs: first names of the
 * key types that stay, as the default provider lists them, up to NULL; stays
 * valid. is_off: while it is true each signature is computed; NULL: never true.
 */
void quick_use(const char *const *algs, bool (*is_off)(void));

/* What makes keys and numbers, beside the default one; after quick_use(). */
OSSL_LIB_CTX *quick_openssl(void);

#endif
