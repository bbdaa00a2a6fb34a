/* Public keys as bytes: the four algorithms, and nothing else. */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/wire/fleet.h"
#include "tests/unit/wire/suites.h"

/* RFC 7093 section 2 method 1 over the bits that OpenSSL sees as the key. */
START_TEST(identifier)
{
	const struct fleet_key *k = fleet_key((enum wire_alg)_i, 0);
	const uint8_t *p = k->spki.p, *bits;
	uint8_t md[32];
	X509_PUBKEY *pub = d2i_X509_PUBKEY(NULL, &p, (long)k->spki.n);
	int n;

	ck_assert_int_eq(X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, pub), 1);
	ck_assert_int_eq(EVP_Digest(bits, (size_t)n, md, NULL, EVP_sha256(),
			     NULL),
	    1);
	ck_assert_mem_eq(md, k->ski, 20);
	X509_PUBKEY_free(pub);
}
END_TEST

START_TEST(spki_refuses)
{
	const struct fleet_key *k = fleet_key((enum wire_alg)_i, 0);
	uint8_t der[600], ski[20];
	struct base_span s = { der, k->spki.n };

	memcpy(der, k->spki.p, k->spki.n);
	ck_assert_int_eq(wire_spki_id(s, ski), BASE_OK);
	s.n--;
	ck_assert_int_eq(wire_spki_id(s, ski), BASE_E_SYNTAX);
	s.n += 2;
	ck_assert_int_eq(wire_spki_id(s, ski), BASE_E_SYNTAX);
	s.n--;
	for (size_t i = 0; i < 20; i++) {
		der[i] ^= 0x10;
		ck_assert_int_eq(wire_spki_id(s, ski), BASE_E_SYNTAX);
		der[i] ^= 0x10;
	}
	if (_i == WIRE_RSA3072 || _i == WIRE_RSA4096) {
		der[s.n - 1] = 3; /* exponent 65539 */
		ck_assert_int_eq(wire_spki_id(s, ski), BASE_E_SYNTAX);
		der[s.n - 1] = 1;
		der[s.n - 6] ^= 1; /* even modulus */
		ck_assert_int_eq(wire_spki_id(s, ski), BASE_E_SYNTAX);
	} else {
		der[k->spki.n - (_i == WIRE_P256 ? 65 : 97)] = 2;
		ck_assert_int_eq(wire_spki_id(s, ski), BASE_E_SYNTAX);
	}
	s = (struct base_span){ NULL, 0 };
	ck_assert_int_eq(wire_spki_id(s, ski), BASE_E_SYNTAX);
}
END_TEST

START_TEST(names)
{
	enum wire_alg a;

	ck_assert_int_eq(wire_alg_parse("p256", &a), BASE_OK);
	ck_assert_int_eq(a, WIRE_P256);
	ck_assert_int_eq(wire_alg_parse("P256", &a), BASE_E_SYNTAX);
	ck_assert_int_eq(wire_alg_parse("rsa2048", &a), BASE_E_SYNTAX);
	ck_assert_str_eq(wire_alg_name((enum wire_alg)0), "unknown");
}
END_TEST

TCase *
case_spki(void)
{
	TCase *c = tcase_create("spki");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, identifier, WIRE_P256, WIRE_RSA4096 + 1);
	tcase_add_loop_test(c, spki_refuses, WIRE_P256, WIRE_RSA4096 + 1);
	tcase_add_test(c, names);
	return c;
}
