/* Hash-and-sign and its check, and the order of chunks. */
#include <stdlib.h>
#include <string.h>

#include "hsm/keystore.h"
#include "tests/unit/hsm/suites.h"

static struct base_span
span(const char *s)
{
	return (struct base_span){ (const uint8_t *)s, strlen(s) };
}

struct pair {
	EVP_PKEY *key;
	struct base_buf spki;
	struct hsm_signer *signer;
};

static EVP_PKEY *
key_of(enum wire_alg alg)
{
	struct base_buf pem;
	EVP_PKEY *key = NULL;

	if (alg == WIRE_P256 || alg == WIRE_P384) {
		ck_assert_int_eq(wire_key_make(alg, &key), BASE_OK);
		return key;
	}
	/* RSA keys come from files: making one takes seconds */
	base_buf_init(&pem, 0);
	ck_assert_int_eq(base_file_read(alg == WIRE_RSA3072
				 ? "tests/data/test-rsa3072.pem"
				 : "tests/data/test-rsa4096.pem",
			     8192, &pem),
	    BASE_OK);
	ck_assert_int_eq(wire_key_from_pem(base_buf_span(&pem), &key), BASE_OK);
	base_buf_free(&pem);
	return key;
}

static struct pair
pair(enum wire_alg alg)
{
	struct pair p = { .key = key_of(alg) };

	base_buf_init(&p.spki, 0);
	ck_assert_int_eq(wire_key_spki(p.key, &p.spki), BASE_OK);
	ck_assert_int_eq(hsm_signer_new(p.key, alg, &p.signer), BASE_OK);
	return p;
}

static void
pair_free(struct pair *p)
{
	hsm_signer_free(p->signer);
	EVP_PKEY_free(p->key);
	base_buf_free(&p->spki);
}

START_TEST(signs_and_verifies)
{
	const enum wire_alg alg = (enum wire_alg)_i;
	struct pair p = pair(alg);
	struct hsm_verifier *v = NULL;
	struct base_buf sig;

	base_buf_init(&sig, HSM_SIG_MAX);
	ck_assert_int_eq(hsm_signer_sign(p.signer, span("message"), &sig),
	    BASE_OK);
	ck_assert_int_eq(hsm_verifier_new(base_buf_span(&p.spki), alg, &v),
	    BASE_OK);
	ck_assert_int_eq(hsm_verifier_check(v, span("message"),
			     base_buf_span(&sig)),
	    BASE_OK);
	ck_assert_int_eq(hsm_verifier_check(v, span("massage"),
			     base_buf_span(&sig)),
	    BASE_E_CRYPTO);
	sig.p[sig.n - 1] ^= 1;
	ck_assert_int_eq(hsm_verifier_check(v, span("message"),
			     base_buf_span(&sig)),
	    BASE_E_CRYPTO);
	hsm_verifier_free(v);
	base_buf_free(&sig);
	pair_free(&p);
}
END_TEST

/* A token that signs by another key than it shows is found. */
START_TEST(tested_by_the_public_half)
{
	struct pair a = pair(WIRE_P256), b = pair(WIRE_P256);

	ck_assert_int_eq(hsm_signer_test(a.signer, base_buf_span(&a.spki)),
	    BASE_OK);
	ck_assert_int_eq(hsm_signer_test(a.signer, base_buf_span(&b.spki)),
	    BASE_E_CRYPTO);
	pair_free(&a);
	pair_free(&b);
}
END_TEST

START_TEST(no_public_key)
{
	struct pair a = pair(WIRE_P256);
	struct hsm_verifier *v = NULL;
	struct base_span s = base_buf_span(&a.spki);

	s.n--;
	ck_assert_int_eq(hsm_verifier_new(s, WIRE_P256, &v), BASE_E_SYNTAX);
	ck_assert_int_eq(base_buf_put_u8(&a.spki, 0), BASE_OK);
	ck_assert_int_eq(hsm_verifier_new(base_buf_span(&a.spki), WIRE_P256,
			     &v),
	    BASE_E_SYNTAX);
	ck_assert_ptr_null(v);
	hsm_verifier_free(NULL);
	hsm_signer_free(NULL);
	pair_free(&a);
}
END_TEST

/* Two chunks on their way come back in their order; a third is no case. */
START_TEST(chunks_in_order)
{
	struct pair p = pair(WIRE_P256);
	struct base_span one[2] = { span("one"), span("two") };
	struct base_span other = span("three");
	struct hsm_sigs *q = base_alloc(sizeof(*q));
	struct hsm_verifier *v = NULL;
	struct base_buf sigs[2];

	hsm_sigs_init(q);
	base_buf_init(&sigs[0], 0);
	base_buf_init(&sigs[1], 0);
	ck_assert_int_eq(hsm_verifier_new(base_buf_span(&p.spki), WIRE_P256,
			     &v),
	    BASE_OK);
	ck_assert_int_eq(hsm_sigs_finish(q, sigs, 1), BASE_E_STATE);
	ck_assert_int_eq(hsm_sigs_start(q, p.signer, one, 2), BASE_OK);
	ck_assert_int_eq(hsm_sigs_start(q, p.signer, &other, 1), BASE_OK);
	ck_assert_int_eq(hsm_sigs_finish(q, sigs, 2), BASE_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(hsm_verifier_check(v, one[i],
				     base_buf_span(&sigs[i])),
		    BASE_OK);
		base_buf_clear(&sigs[i]);
	}
	ck_assert_int_eq(hsm_sigs_finish(q, sigs, 1), BASE_OK);
	ck_assert_int_eq(hsm_verifier_check(v, other, base_buf_span(&sigs[0])),
	    BASE_OK);
	ck_assert_int_eq(hsm_sigs_finish(q, sigs, 1), BASE_E_STATE);
	base_buf_free(&sigs[0]);
	base_buf_free(&sigs[1]);
	hsm_sigs_free(q);
	free(q);
	hsm_verifier_free(v);
	pair_free(&p);
}
END_TEST

TCase *
case_signer(void)
{
	TCase *t = tcase_create("signer");

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, signs_and_verifies, WIRE_P256, WIRE_RSA4096 + 1);
	tcase_add_test(t, tested_by_the_public_half);
	tcase_add_test(t, no_public_key);
	tcase_add_test(t, chunks_in_order);
	return t;
}
