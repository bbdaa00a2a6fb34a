/* Sealing: the vector of RFC 9180, and everything that must not open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/x509.h"

static EVP_PKEY *key;
static uint8_t point[WIRE_SEAL_POINT];
static struct base_buf sealed, plain;

static void
setup(void)
{
	OK(wire_key_make(WIRE_P256, &key));
	OK(wire_seal_point(key, point));
	base_buf_init(&sealed, 0);
	base_buf_init(&plain, 0);
	OK(wire_seal(point, STR("info"), STR("app1"), STR("secret"), &sealed));
}

static void
teardown(void)
{
	EVP_PKEY_free(key);
	base_buf_free(&sealed);
	base_buf_free(&plain);
}

static struct base_buf
unhex(const char *s)
{
	struct base_buf b;
	unsigned v;

	base_buf_init(&b, 0);
	for (; sscanf(s, "%2x", &v) == 1; s += 2)
		OK(base_buf_put_u8(&b, (uint8_t)v));
	return b;
}

/* RFC 9180, A.3.1, sequence number 0. */
START_TEST(test_vector)
{
	EVP_PKEY *k = sample_seal_key();
	struct base_buf in = unhex(
	    "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac"
	    "98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
	    "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9"
	    "076ac232e3ab2523f39513434");

	OK(wire_unseal(k, STR("Ode on a Grecian Urn"), STR("Count-0"),
	    base_buf_span(&in), &plain));
	ck_assert_uint_eq(plain.n, 29);
	ck_assert_mem_eq(plain.p, "Beauty is truth, truth beauty", 29);
	base_buf_free(&in);
	EVP_PKEY_free(k);
}
END_TEST

START_TEST(test_opens)
{
	OK(wire_unseal(key, STR("info"), STR("app1"), base_buf_span(&sealed),
	    &plain));
	ck_assert_uint_eq(plain.n, 6);
	ck_assert_mem_eq(plain.p, "secret", 6);
	ck_assert_ptr_null(memmem(sealed.p, sealed.n, "secret", 6));
}
END_TEST

/* Whatever byte is another, nothing comes out. */
START_TEST(test_altered)
{
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		ck_assert_int_eq(wire_unseal(key, STR("info"), STR("app1"),
				     base_buf_span(&sealed), &plain),
		    BASE_E_CRYPTO);
		sealed.p[i] ^= 1;
	}
	ck_assert_uint_eq(plain.n, 0);
}
END_TEST

START_TEST(test_others)
{
	EVP_PKEY *other, *p384;
	struct base_span in = base_buf_span(&sealed);
	uint8_t far[WIRE_SEAL_POINT];

	OK(wire_key_make(WIRE_P256, &other));
	OK(wire_key_make(WIRE_P384, &p384));
	ck_assert_int_eq(wire_unseal(other, STR("info"), STR("app1"), in,
			     &plain),
	    BASE_E_CRYPTO);
	ck_assert_int_eq(wire_unseal(p384, STR("info"), STR("app1"), in,
			     &plain),
	    BASE_E_CRYPTO);
	ck_assert_int_eq(wire_unseal(key, STR("info"), STR("app2"), in, &plain),
	    BASE_E_CRYPTO);
	ck_assert_int_eq(wire_unseal(key, STR("inf0"), STR("app1"), in, &plain),
	    BASE_E_CRYPTO);
	memset(far, 4, sizeof(far));
	ck_assert_int_eq(wire_seal(far, STR("info"), STR("app1"), STR("x"),
			     &plain),
	    BASE_E_CRYPTO);
	ck_assert_uint_eq(plain.n, 0);
	EVP_PKEY_free(other);
	EVP_PKEY_free(p384);
}
END_TEST

START_TEST(test_sizes)
{
	uint8_t *big = base_alloc(WIRE_PARCEL_MAX);
	struct base_span in = base_buf_span(&sealed);

	in.n = WIRE_SEAL_POINT + 16;
	ck_assert_int_eq(wire_unseal(key, STR("info"), STR("app1"), in, &plain),
	    BASE_E_RANGE);
	in.n = 0;
	ck_assert_int_eq(wire_unseal(key, STR("info"), STR("app1"), in, &plain),
	    BASE_E_RANGE);
	ck_assert_int_eq(wire_seal(point, STR("info"), STR("app1"), STR(""),
			     &plain),
	    BASE_E_RANGE);
	ck_assert_int_eq(wire_seal(point, STR("info"), STR("app1"),
			     (struct base_span){ big, WIRE_PARCEL_MAX },
			     &plain),
	    BASE_E_RANGE);
	free(big);
}
END_TEST

TCase *
case_seal(void)
{
	TCase *tc = tcase_create("seal");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_vector);
	tcase_add_test(tc, test_opens);
	tcase_add_test(tc, test_altered);
	tcase_add_test(tc, test_others);
	tcase_add_test(tc, test_sizes);
	return tc;
}
