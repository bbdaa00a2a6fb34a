/* The search for chains: what is offered to the judge, and when it ends. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/wire/odd.h"
#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/path.h"

#define OLD  fleet_key(WIRE_P256, 0)
#define NEW  fleet_key(WIRE_P256, 1)
#define NODE fleet_key(WIRE_P256, 2)
#define EVE  fleet_key(WIRE_P256, 3)

/* A judge with one certificate that it does not like. */
struct judge {
	X509 *bad;
	int asked, length; /* of the last chain */
};

static enum base_err
judge(void *arg, STACK_OF(X509) *chain)
{
	struct judge *j = arg;

	j->asked++;
	j->length = sk_X509_num(chain);
	for (int i = 0; i < j->length; i++)
		if (sk_X509_value(chain, i) == j->bad)
			return base_fail(BASE_E_EXPIRED, "judge: it ended");
	return BASE_OK;
}

/* Takes the two stacks over. */
static enum base_err
search(struct judge *j, X509 *cert, STACK_OF(X509) *trust,
    STACK_OF(X509) *untrusted, int max_depth)
{
	enum base_err e;

	j->asked = j->length = 0;
	e = wire_path_search(cert, trust, untrusted, max_depth, judge, j);
	sk_X509_pop_free(trust, X509_free);
	sk_X509_pop_free(untrusted, X509_free);
	return e;
}
#define S(...) fleet_stack(__VA_ARGS__, NULL)

START_TEST(depth)
{
	X509 *root = odd_ca("root", OLD, NULL, NULL);
	X509 *ca1 = odd_ca("ca1", NEW, root, OLD);
	X509 *ca2 = odd_ca("ca2", EVE, ca1, NEW);
	X509 *leaf = odd_leaf(NODE, ca2, EVE);
	struct judge j = { 0 };

	OK(search(&j, leaf, S(root), S(ca2, ca1), 2));
	ck_assert_int_eq(j.length, 4);
	ck_assert_int_eq(search(&j, leaf, S(root), S(ca2, ca1), 1),
	    BASE_E_CRYPTO);
	ck_assert_ptr_nonnull(strstr(base_why(), "too many"));
	ck_assert_int_eq(search(&j, leaf, S(root), S(ca2), 8), BASE_E_CRYPTO);
	ck_assert_ptr_nonnull(strstr(base_why(), "no issuer found"));
	ck_assert_int_eq(j.asked, 0);
	/* a certificate in the trust list that is not self-signed is no end */
	ck_assert_int_eq(search(&j, leaf, S(ca1), S(ca2), 8), BASE_E_CRYPTO);
	OK(search(&j, leaf, S(ca1, root), S(ca2), 8));
	X509_free(root);
	X509_free(ca1);
	X509_free(ca2);
	X509_free(leaf);
}
END_TEST

/* The right name is not enough: no judge ever sees a wrong signature. */
START_TEST(signatures)
{
	X509 *root = odd_ca("root", OLD, NULL, NULL), *forged;
	struct odd o = { .cn = "web1",
		.key = NODE,
		.issuer = root,
		.issuer_key = EVE,
		.exts = { ODD_LEAF } };
	struct judge j = { 0 };

	forged = odd_make(&o);
	ck_assert_int_eq(search(&j, forged, S(root), NULL, 8), BASE_E_CRYPTO);
	ck_assert_ptr_nonnull(strstr(base_why(), "did not sign"));
	ck_assert_int_eq(j.asked, 0);
	X509_free(root);
	X509_free(forged);
}
END_TEST

/* Two ways, and the judge refuses the first that comes to mind. */
START_TEST(turns_back)
{
	X509 *root = odd_ca("root", OLD, NULL, NULL);
	X509 *one = odd_ca("ca", NEW, root, OLD);
	X509 *two = odd_ca("ca", NEW, root, OLD);
	X509 *leaf = odd_leaf(NODE, one, NEW);
	struct judge j = { .bad = one };

	OK(search(&j, leaf, S(root), S(one, two), 8));
	ck_assert_int_eq(j.asked, 2);
	OK(search(&j, leaf, S(root), S(two, one), 8));
	ck_assert_int_eq(j.asked, 1);
	ck_assert_int_eq(search(&j, leaf, S(root), S(one), 8), BASE_E_EXPIRED);
	X509_free(root);
	X509_free(one);
	X509_free(two);
	X509_free(leaf);
}
END_TEST

/* Six CAs that have all certified each other, and no way out: the search
 * must end, and soon. With a root it must be found. */
START_TEST(maze)
{
	enum {
		N = 6
	};
	static const char *const cns[N] = { "a", "b", "c", "d", "e", "f" };
	STACK_OF(X509) *all = sk_X509_new_null(), *trust;
	X509 *self[N], *root = odd_ca("root", OLD, NULL, NULL), *leaf;
	struct judge j = { 0 };
	X509 *exit_ca;

	for (int i = 0; i < N; i++)
		self[i] =
		    odd_ca(cns[i], fleet_key(WIRE_P256, i + 1), NULL, NULL);
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++)
			if (i != k)
				sk_X509_push(all,
				    odd_ca(cns[i], fleet_key(WIRE_P256, i + 1),
					self[k], fleet_key(WIRE_P256, k + 1)));
	leaf = odd_leaf(NODE, self[0], fleet_key(WIRE_P256, 1));
	trust = S(root);
	ck_assert_int_eq(wire_path_search(leaf, trust, all, 8, judge, &j),
	    BASE_E_CRYPTO);
	exit_ca = odd_ca("f", fleet_key(WIRE_P256, N), root, OLD);
	sk_X509_push(all, exit_ca);
	OK(wire_path_search(leaf, trust, all, 8, judge, &j));
	for (int i = 0; i < N; i++)
		X509_free(self[i]);
	X509_free(root);
	X509_free(leaf);
	sk_X509_pop_free(all, X509_free);
	sk_X509_pop_free(trust, X509_free);
}
END_TEST

START_TEST(too_many)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	X509 *root = odd_ca("root", OLD, NULL, NULL);
	X509 *leaf = odd_leaf(NODE, root, OLD);
	struct judge j = { 0 };

	for (int i = 0; i < 300; i++) {
		char cn[16];

		(void)snprintf(cn, sizeof(cn), "ca%d", i);
		sk_X509_push(all, odd_ca(cn, EVE, NULL, NULL));
	}
	ck_assert_int_eq(search(&j, leaf, S(root), all, 8), BASE_E_RANGE);
	X509_free(root);
	X509_free(leaf);
}
END_TEST

TCase *
case_path(void)
{
	TCase *c = tcase_create("path");

	tcase_set_timeout(c, 30);
	tcase_add_test(c, depth);
	tcase_add_test(c, signatures);
	tcase_add_test(c, turns_back);
	tcase_add_test(c, maze);
	tcase_add_test(c, too_many);
	return c;
}
