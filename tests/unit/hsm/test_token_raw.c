/* What libp11 does not do: one pair per id, and its removal. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/token_rig.h"

START_TEST(two_keys_with_one_id_are_refused)
{
	struct base_buf a, b;

	(void)make_key(id1, WIRE_P256, &a);
	base_buf_init(&b, 0);
	ck_assert_int_eq(f.ks->ops->generate(f.ks->ks, id1, WIRE_P256, "twin",
			     &b),
	    BASE_E_REFUSED);
	base_buf_free(&a);
	base_buf_free(&b);
}
END_TEST

START_TEST(sweep_removes_a_pair)
{
	struct base_buf a;
	struct hsm_key_ref ref = make_key(id1, WIRE_P256, &a);

	ck_assert_int_eq(f.ks->ops->sweep(f.ks->ks, id1), BASE_OK);
	ck_assert_int_eq(f.ks->ops->sweep(f.ks->ks, id1), BASE_OK);
	kill_worker();
	ck_assert_int_eq(sign_some(&ref), BASE_E_AGAIN);
	base_buf_free(&a);
}
END_TEST

TCase *
case_token_raw(void)
{
	TCase *t = tcase_create("token_raw");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, fix_setup, fix_teardown);
	tcase_add_test(t, two_keys_with_one_id_are_refused);
	tcase_add_test(t, sweep_removes_a_pair);
	return t;
}
