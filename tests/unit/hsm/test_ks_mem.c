/* Keys in memory, by the table that every keystore has. */
#include <string.h>

#include "hsm/keystore.h"
#include "tests/unit/hsm/suites.h"

static const uint8_t id1[HSM_ID] = "one", id2[HSM_ID] = "two";

static struct hsm_key_ref
make(struct hsm_ks *k, const uint8_t id[HSM_ID], struct base_buf *spki)
{
	struct hsm_key_ref r = { .alg = WIRE_P256 };

	base_buf_init(spki, 0);
	ck_assert_int_eq(k->ops->generate(k->ks, id, WIRE_P256, "label", spki),
	    BASE_OK);
	memcpy(r.id, id, HSM_ID);
	r.spki = base_buf_span(spki);
	return r;
}

static enum base_err
sign(struct hsm_ks *k, const struct hsm_key_ref *r)
{
	struct base_span msg = { (const uint8_t *)"message", 7 };
	struct hsm_verifier *v = NULL;
	struct base_buf sig;
	enum base_err e;

	base_buf_init(&sig, 0);
	if ((e = k->ops->sign_start(k->ks, r, &msg, 1)) == BASE_OK &&
	    (e = k->ops->sign_finish(k->ks, &sig, 1)) == BASE_OK &&
	    (e = hsm_verifier_new(r->spki, r->alg, &v)) == BASE_OK)
		e = hsm_verifier_check(v, msg, base_buf_span(&sig));
	hsm_verifier_free(v);
	base_buf_free(&sig);
	return e;
}

/* The id alone names no key, nor does the public value. */
START_TEST(id_and_public_value)
{
	struct hsm_ks *k = hsm_ks_mem_new();
	struct base_buf a, b;
	struct hsm_key_ref one = make(k, id1, &a), two = make(k, id2, &b);
	struct hsm_key_ref bad = one;

	ck_assert_int_eq(k->ops->ready(k->ks), BASE_OK);
	ck_assert_int_eq(sign(k, &one), BASE_OK);
	ck_assert_int_eq(sign(k, &two), BASE_OK);
	bad.spki = two.spki;
	ck_assert_int_eq(sign(k, &bad), BASE_E_NOTFOUND);
	bad = one;
	memcpy(bad.id, id2, HSM_ID);
	ck_assert_int_eq(sign(k, &bad), BASE_E_NOTFOUND);
	base_buf_free(&a);
	base_buf_free(&b);
	hsm_ks_free(k);
	hsm_ks_free(NULL);
}
END_TEST

START_TEST(swept)
{
	struct hsm_ks *k = hsm_ks_mem_new();
	struct base_buf a, b, c;
	struct hsm_key_ref one = make(k, id1, &a), two = make(k, id2, &b);

	(void)make(k, id1, &c); /* a second pair of that id goes, too */
	ck_assert_int_eq(k->ops->sweep(k->ks, id1), BASE_OK);
	ck_assert_int_eq(sign(k, &one), BASE_E_NOTFOUND);
	ck_assert_int_eq(sign(k, &two), BASE_OK);
	ck_assert_int_eq(k->ops->sweep(k->ks, id1), BASE_OK);
	base_buf_free(&a);
	base_buf_free(&b);
	base_buf_free(&c);
	hsm_ks_free(k);
}
END_TEST

TCase *
case_ks_mem(void)
{
	TCase *t = tcase_create("ks_mem");

	tcase_add_test(t, id_and_public_value);
	tcase_add_test(t, swept);
	return t;
}
