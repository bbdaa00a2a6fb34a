/* Unit tests of wire/key.c. */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/wire/fleet.h"
#include "tests/unit/wire/suites.h"

START_TEST(round_trip)
{
	const struct fleet_key *k = fleet_key((enum wire_alg)_i, 0);
	struct base_buf pem, spki;
	EVP_PKEY *again = NULL;
	enum wire_alg alg;

	base_buf_init(&pem, 0);
	base_buf_init(&spki, 0);
	ck_assert_int_eq(wire_key_to_pem(k->key, &pem), BASE_OK);
	ck_assert_int_eq(wire_key_from_pem(base_buf_span(&pem), &again),
	    BASE_OK);
	ck_assert_int_eq(EVP_PKEY_eq(k->key, again), 1);
	ck_assert_int_eq(wire_key_spki(again, &spki), BASE_OK);
	ck_assert_uint_eq(spki.n, k->spki.n);
	ck_assert_mem_eq(spki.p, k->spki.p, spki.n);
	ck_assert_int_eq(wire_spki_alg(base_buf_span(&spki), &alg), BASE_OK);
	ck_assert_int_eq(alg, _i);
	ck_assert_int_eq(wire_alg_parse(wire_alg_name(alg), &alg), BASE_OK);
	ck_assert_int_eq(alg, _i);
	EVP_PKEY_free(again);
	base_buf_free(&spki);
	base_buf_free(&pem);
}
END_TEST

static enum base_err
read_text(const char *s)
{
	EVP_PKEY *k = NULL;
	enum base_err r =
	    wire_key_from_pem((struct base_span){ (const uint8_t *)s,
				  strlen(s) },
		&k);

	EVP_PKEY_free(k);
	return r;
}

START_TEST(pem_refuses)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 0);
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *got;
	BIO *b = BIO_new(BIO_s_mem());
	struct base_buf pem;
	char *p = NULL;
	long n;

	ck_assert_int_eq(read_text(""), BASE_E_SYNTAX);
	ck_assert_int_eq(read_text("-----BEGIN PRIVATE KEY-----\nMAA=\n"
				   "-----END PRIVATE KEY-----\n"),
	    BASE_E_SYNTAX);
	/* an algorithm that is not ours */
	base_buf_init(&pem, 0);
	ck_assert_int_eq(wire_key_to_pem(other, &pem), BASE_OK);
	ck_assert_int_eq(wire_key_from_pem(base_buf_span(&pem), &got),
	    BASE_E_SYNTAX);
	base_buf_free(&pem);
	EVP_PKEY_free(other);
	/* encrypted: refused without asking anybody */
	ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(b, k->key,
			     EVP_aes_128_cbc(), "secret", 6, NULL, NULL),
	    1);
	n = BIO_get_mem_data(b, &p);
	ck_assert_int_eq(wire_key_from_pem((struct base_span){ (uint8_t *)p,
					       (size_t)n },
			     &got),
	    BASE_E_SYNTAX);
	BIO_free(b);
}
END_TEST

START_TEST(make_rsa)
{
	struct base_buf spki;
	EVP_PKEY *k = NULL;
	enum wire_alg alg;

	base_buf_init(&spki, 0);
	ck_assert_int_eq(wire_key_make(WIRE_RSA3072, &k), BASE_OK);
	ck_assert_int_eq(wire_key_spki(k, &spki), BASE_OK);
	ck_assert_int_eq(wire_spki_alg(base_buf_span(&spki), &alg), BASE_OK);
	ck_assert_int_eq(alg, WIRE_RSA3072);
	EVP_PKEY_free(k);
	base_buf_free(&spki);
}
END_TEST

TCase *
case_key(void)
{
	TCase *c = tcase_create("key");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, round_trip, WIRE_P256, WIRE_RSA4096 + 1);
	tcase_add_test(c, pem_refuses);
	tcase_add_test(c, make_rsa);
	return c;
}
