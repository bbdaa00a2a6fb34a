/* Unit tests of wire/pem.c. */
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "tests/unit/wire/fleet.h"
#include "tests/unit/wire/suites.h"

static X509 *
root_cert(void)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 0);
	struct wire_tbs t = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "", k, k);

	return fleet_issue(&t, k);
}

/* How many certificates are in fmt, whose %s is one certificate in PEM; 0
 * when it is refused. */
static int
count_in(const char *fmt, const char *pem)
{
	char *text = NULL, *at;
	STACK_OF(X509) *sk = NULL;
	struct base_buf b;
	enum base_err r;
	int n = 0;

	base_buf_init(&b, 0);
	text = base_strdup(fmt);
	for (char *p = text; p != NULL; p = at) {
		if ((at = strchr(p, '@')) != NULL)
			*at++ = '\0';
		ck_assert_int_eq(base_buf_put(&b, p, strlen(p)), BASE_OK);
		if (at != NULL)
			ck_assert_int_eq(base_buf_put(&b, pem, strlen(pem)),
			    BASE_OK);
	}
	r = wire_x509_stack_from_pem(base_buf_span(&b), "t.pem", &sk);
	if (r == BASE_OK)
		n = sk_X509_num(sk);
	else
		ck_assert_ptr_nonnull(strstr(base_why(), "t.pem"));
	sk_X509_pop_free(sk, X509_free);
	base_buf_free(&b);
	free(text);
	return n;
}

START_TEST(texts)
{
	X509 *x = root_cert();
	struct base_buf b;
	char *pem;

	base_buf_init(&b, 0);
	ck_assert_int_eq(wire_x509_to_pem(x, &b), BASE_OK);
	pem = base_strndup((const char *)b.p, b.n);
	ck_assert_int_eq(count_in("@", pem), 1);
	ck_assert_int_eq(count_in("# plant 1\n@\r\n \t\n@# end", pem), 2);
	/* and what must not pass */
	ck_assert_int_eq(count_in("", pem), 0);
	ck_assert_int_eq(count_in("# nothing\n", pem), 0);
	ck_assert_int_eq(count_in("plant 1\n@", pem), 0);
	ck_assert_int_eq(count_in("@plant", pem), 0);
	ck_assert_int_eq(count_in("@-----BEGIN CERTIFICATE-----\n", pem), 0);
	ck_assert_int_eq(count_in("@-----BEGIN CERTIFICATE-----\nMAA=\n"
				  "-----END CERTIFICATE-----\n",
			     pem),
	    0);
	ck_assert_int_eq(count_in("@-----BEGIN CERTIFICATE-----\n!\n"
				  "-----END CERTIFICATE-----\n",
			     pem),
	    0);
	ck_assert_int_eq(count_in("-----BEGIN CERTIFICATE-----\n"
				  "Proc-Type: 4,ENCRYPTED\n\nMAA=\n"
				  "-----END CERTIFICATE-----\n",
			     pem),
	    0);
	ck_assert_int_eq(count_in("@-----BEGIN X509 CRL-----\nMAA=\n"
				  "-----END X509 CRL-----\n",
			     pem),
	    0);
	pem[40] = '\0';
	ck_assert_int_eq(count_in("@", pem), 0);
	free(pem);
	base_buf_free(&b);
	X509_free(x);
}
END_TEST

START_TEST(der)
{
	X509 *x = root_cert(), *y = NULL;
	struct base_span cut;
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(wire_x509_to_der(x, &b), BASE_OK);
	ck_assert_int_eq(wire_x509_from_der(base_buf_span(&b), "t", &y),
	    BASE_OK);
	ck_assert_int_eq(X509_cmp(x, y), 0);
	X509_free(y);
	cut = (struct base_span){ b.p, b.n - 1 };
	ck_assert_int_eq(wire_x509_from_der(cut, "t", &y), BASE_E_SYNTAX);
	cut = (struct base_span){ NULL, 0 };
	ck_assert_int_eq(wire_x509_from_der(cut, "t", &y), BASE_E_SYNTAX);
	ck_assert_int_eq(base_buf_put_u8(&b, 0), BASE_OK);
	ck_assert_int_eq(wire_x509_from_der(base_buf_span(&b), "t", &y),
	    BASE_E_SYNTAX);
	base_buf_free(&b);
	X509_free(x);
}
END_TEST

START_TEST(ders)
{
	X509 *x = root_cert();
	STACK_OF(X509) *all = NULL;
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(wire_x509_to_der(x, &b), BASE_OK);
	ck_assert_int_eq(wire_x509_to_der(x, &b), BASE_OK);
	ck_assert_int_eq(wire_x509_stack_from_der(base_buf_span(&b), 2, "two",
			     &all),
	    BASE_OK);
	ck_assert_int_eq(sk_X509_num(all), 2);
	sk_X509_pop_free(all, X509_free);
	ck_assert_int_eq(wire_x509_stack_from_der(base_buf_span(&b), 1, "one",
			     &all),
	    BASE_E_SYNTAX);
	ck_assert_ptr_null(all);
	b.n--;
	ck_assert_int_eq(wire_x509_stack_from_der(base_buf_span(&b), 2, "cut",
			     &all),
	    BASE_E_SYNTAX);
	b.n = 0;
	ck_assert_int_eq(wire_x509_stack_from_der(base_buf_span(&b), 2, "none",
			     &all),
	    BASE_E_SYNTAX);
	base_buf_free(&b);
	X509_free(x);
}
END_TEST

START_TEST(digests)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 0);
	uint8_t got[32], want[32];
	X509 *x = root_cert();
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(wire_x509_to_der(x, &b), BASE_OK);
	SHA256(b.p, b.n, want);
	wire_x509_sha256(x, got);
	ck_assert_mem_eq(got, want, 32);
	SHA256(k->spki.p, k->spki.n, want);
	wire_x509_spki_sha256(x, got);
	ck_assert_mem_eq(got, want, 32);
	base_buf_free(&b);
	X509_free(x);
}
END_TEST

TCase *
case_pem(void)
{
	TCase *c = tcase_create("pem");

	tcase_add_test(c, texts);
	tcase_add_test(c, der);
	tcase_add_test(c, ders);
	tcase_add_test(c, digests);
	return c;
}
