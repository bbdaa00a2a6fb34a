/* The keystore in a token: a key is its id and its public value, both. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/token_rig.h"

START_TEST(signs_with_every_algorithm)
{
	struct base_buf spki;
	enum wire_alg alg = (enum wire_alg)_i;
	struct hsm_key_ref ref = make_key(id1, alg, &spki);

	ck_assert_msg(sign_some(&ref) == BASE_OK, "%s", base_why());
	base_buf_free(&spki);
}
END_TEST

START_TEST(other_public_key_or_id_is_refused)
{
	struct base_buf a, b;
	struct hsm_key_ref ra = make_key(id1, WIRE_P256, &a);
	struct hsm_key_ref rb = make_key(id2, WIRE_P256, &b), bad = ra;

	ck_assert_int_eq(sign_some(&ra), BASE_OK);
	ck_assert_int_eq(sign_some(&rb), BASE_OK);
	bad.spki = rb.spki;
	ck_assert_int_eq(sign_some(&bad), BASE_E_INTEGRITY);
	bad = ra;
	bad.id[0] ^= 1;
	ck_assert_int_eq(sign_some(&bad), BASE_E_AGAIN);
	/* also when no handle is cached */
	bad = ra;
	bad.spki = rb.spki;
	ck_assert_int_eq(sign_some(&bad), BASE_E_INTEGRITY);
	ck_assert_int_eq(sign_some(&ra), BASE_OK);
	base_buf_free(&a);
	base_buf_free(&b);
}
END_TEST

TCase *
case_token_p11(void)
{
	TCase *t = tcase_create("token_p11");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, fix_setup, fix_teardown);
	tcase_add_loop_test(t, signs_with_every_algorithm, WIRE_P256,
	    WIRE_RSA4096 + 1);
	tcase_add_test(t, other_public_key_or_id_is_refused);
	return t;
}
