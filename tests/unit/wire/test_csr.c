/* Unit tests of wire/csr.c. */
#include <string.h>

#include <openssl/x509.h>

#include "tests/unit/wire/fleet.h"
#include "tests/unit/wire/suites.h"

static void
make(const struct fleet_key *k, struct base_buf *csr)
{
	base_buf_init(csr, 0);
	ck_assert_int_eq(wire_csr_make(k->key, FLEET, "web1", csr), BASE_OK);
}

static enum base_err
check(const struct base_buf *csr, const char *fleet, const char *node)
{
	struct base_buf spki;
	enum base_err r;

	base_buf_init(&spki, 0);
	r = wire_csr_check(base_buf_span(csr), fleet, node, &spki);
	ck_assert_int_eq(r == BASE_OK, spki.n > 0);
	base_buf_free(&spki);
	return r;
}

START_TEST(round_trip)
{
	const struct fleet_key *k = fleet_key((enum wire_alg)_i, 0);
	struct base_buf csr, spki;
	const uint8_t *p;
	X509_REQ *req;

	make(k, &csr);
	base_buf_init(&spki, 0);
	ck_assert_msg(wire_csr_check(base_buf_span(&csr), FLEET, "web1",
			  &spki) == BASE_OK,
	    "%s", base_why());
	ck_assert_uint_eq(spki.n, k->spki.n);
	ck_assert_mem_eq(spki.p, k->spki.p, spki.n);
	/* another implementation agrees */
	p = csr.p;
	req = d2i_X509_REQ(NULL, &p, (long)csr.n);
	ck_assert_ptr_nonnull(req);
	ck_assert_int_eq(X509_REQ_verify(req, k->key), 1);
	ck_assert_int_eq(X509_REQ_get_attr_count(req), 0);
	X509_REQ_free(req);
	base_buf_free(&spki);
	base_buf_free(&csr);
}
END_TEST

START_TEST(wrong_subject)
{
	struct base_buf csr;

	make(fleet_key(WIRE_P256, 0), &csr);
	ck_assert_int_eq(check(&csr, FLEET, "web1"), BASE_OK);
	ck_assert_int_eq(check(&csr, FLEET, "web2"), BASE_E_REFUSED);
	ck_assert_int_eq(check(&csr, "other", "web1"), BASE_E_REFUSED);
	base_buf_clear(&csr);
	ck_assert_int_eq(wire_csr_make(fleet_key(WIRE_P256, 0)->key, FLEET,
			     "Web1", &csr),
	    BASE_E_REFUSED);
	base_buf_free(&csr);
}
END_TEST

START_TEST(every_byte_matters)
{
	struct base_buf csr;
	size_t n;

	make(fleet_key(WIRE_P256, 0), &csr);
	for (size_t i = 0; i < csr.n; i++) {
		csr.p[i] ^= (uint8_t)(1 + i % 255);
		ck_assert_int_ne(check(&csr, FLEET, "web1"), BASE_OK);
		csr.p[i] ^= (uint8_t)(1 + i % 255);
	}
	n = csr.n;
	for (csr.n = 0; csr.n < n; csr.n++)
		ck_assert_int_ne(check(&csr, FLEET, "web1"), BASE_OK);
	ck_assert_int_eq(check(&csr, FLEET, "web1"), BASE_OK);
	ck_assert_int_eq(base_buf_put_u8(&csr, 0), BASE_OK);
	ck_assert_int_ne(check(&csr, FLEET, "web1"), BASE_OK);
	base_buf_free(&csr);
}
END_TEST

/* OpenSSL's own request with the same subject and an attribute. */
START_TEST(attributes)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 0);
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_REQ_get_subject_name(req);
	struct base_buf csr;
	uint8_t *der = NULL;
	int n;

	ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "O",
			     V_ASN1_UTF8STRING, (const uint8_t *)FLEET, -1, -1,
			     0),
	    1);
	ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "CN",
			     V_ASN1_UTF8STRING, (const uint8_t *)"web1", -1, -1,
			     0),
	    1);
	ck_assert_int_eq(X509_REQ_set_pubkey(req, k->key), 1);
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			ck_assert_int_eq(X509_REQ_add1_attr_by_txt(req,
					     "challengePassword", MBSTRING_ASC,
					     (const uint8_t *)"x", 1),
			    1);
		ck_assert_int_gt(X509_REQ_sign(req, k->key, EVP_sha256()), 0);
		n = i2d_X509_REQ(req, &der);
		base_buf_init(&csr, 0);
		ck_assert_int_eq(base_buf_put(&csr, der, (size_t)n), BASE_OK);
		ck_assert_int_eq(check(&csr, FLEET, "web1"),
		    i == 0 ? BASE_OK : BASE_E_REFUSED);
		base_buf_free(&csr);
		OPENSSL_free(der);
		der = NULL;
	}
	X509_REQ_free(req);
}
END_TEST

TCase *
case_csr(void)
{
	TCase *c = tcase_create("csr");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, round_trip, WIRE_P256, WIRE_RSA4096 + 1);
	tcase_add_test(c, wrong_subject);
	tcase_add_test(c, every_byte_matters);
	tcase_add_test(c, attributes);
	return c;
}
