/* One version in memory: what it trusts, what it sends along, copies. */
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static struct ag_bundle *
rolling(void)
{
	struct ag_bundle *b = rig_bundle();

	b->trust[1] = b->trust[0];
	b->trust_gen[1] = 1;
	b->trust[0] = rig_ref(rig_root(2));
	b->trust_gen[0] = 2;
	b->ntrust = 2;
	return b;
}

START_TEST(trust_list)
{
	struct ag_bundle *b = rolling();
	STACK_OF(X509) *s = ag_bundle_stack(b);

	ck_assert_uint_eq(ag_bundle_generations(b), 3);
	ck_assert_ptr_eq(ag_bundle_trust(b, 1), rig_root(1));
	ck_assert_ptr_eq(ag_bundle_trust(b, 2), rig_root(2));
	ck_assert_ptr_null(ag_bundle_trust(b, 3));
	ck_assert_int_eq(sk_X509_num(s), 2);
	ck_assert_ptr_eq(sk_X509_value(s, 0), rig_root(2));
	ag_bundle_free(b);
	/* its certificates are its own */
	ck_assert_int_eq(X509_cmp(sk_X509_value(s, 0), rig_root(2)), 0);
	sk_X509_pop_free(s, X509_free);
	b = ag_bundle_new("plant", 7);
	ck_assert_uint_eq(ag_bundle_generations(b), 0);
	ck_assert_uint_eq(b->previous, 7);
	/* a generation that no mask holds is in none */
	b->trust[0] = rig_ref(rig_root(1));
	b->trust_gen[0] = 65;
	b->ntrust = 1;
	ck_assert_uint_eq(ag_bundle_generations(b), 0);
	ag_bundle_free(b);
	ag_bundle_free(NULL);
}
END_TEST

/* NewWithOld goes with the leaf that it vouches for, and from a client only
 * while it bridges. */
START_TEST(link_certificate)
{
	struct ag_bundle *b = rolling();

	ck_assert_ptr_null(ag_bundle_link(b, false));
	b->nwo = rig_ref(rig_link(1, 2));
	b->nwo_gen = 2;
	ck_assert_ptr_null(ag_bundle_link(b, false));
	b->cert_gen = 2;
	ck_assert_ptr_eq(ag_bundle_link(b, false), rig_link(1, 2));
	ck_assert_ptr_null(ag_bundle_link(b, true));
	b->bridging = true;
	ck_assert_ptr_eq(ag_bundle_link(b, true), rig_link(1, 2));
	X509_free(b->cert);
	b->cert = NULL;
	ck_assert_ptr_null(ag_bundle_link(b, false));
	ag_bundle_free(b);
}
END_TEST

START_TEST(copies)
{
	struct ag_bundle *b = rolling(), *c = ag_bundle_copy(b);

	c->trust_gen[0] = 3;
	c->ntrust = 1;
	ck_assert_uint_eq(ag_bundle_generations(b), 3);
	X509_free(c->trust[1]);
	ag_bundle_free(b);
	/* the copy lives on */
	ck_assert_ptr_eq(ag_bundle_trust(c, 3), rig_root(2));
	ck_assert_int_eq(X509_cmp(c->cert, rig_leaf(1)), 0);
	ag_bundle_free(c);
}
END_TEST

TCase *
case_bundle(void)
{
	TCase *t = tcase_create("bundle");

	tcase_add_test(t, trust_list);
	tcase_add_test(t, link_certificate);
	tcase_add_test(t, copies);
	return t;
}
