/* Inventories: each root once, every field there and back, bounds. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/inventory.h"

static OPENSSL_STACK *
put(const struct wire_inventory *list, size_t n)
{
	OPENSSL_STACK *sk = OPENSSL_sk_new_null();

	OK(wire_inventories_put(sk, list, n));
	ck_assert_int_eq(OPENSSL_sk_num(sk), (int)n);
	return sk;
}

static void
item_free(void *p)
{
	wire_asn_free(ASN1_ITEM_rptr(inventory_der), p);
}

static void
stack_free(OPENSSL_STACK *sk)
{
	OPENSSL_sk_pop_free(sk, item_free);
}

START_TEST(fields)
{
	struct wire_report r = sample_report();
	struct wire_inventory got[WIRE_INVENTORY_MAX];
	OPENSSL_STACK *sk;
	size_t n = 0;

	OK(wire_inventories_check(r.inventory, r.ninventory));
	sk = put(r.inventory, r.ninventory);
	memset(got, 0, sizeof(got));
	OK(wire_inventories_get(sk, got, &n));
	ck_assert_uint_eq(n, r.ninventory);
	for (size_t i = 0; i < n; i++) {
		const struct wire_inventory *a = &r.inventory[i], *b = &got[i];

		ck_assert_mem_eq(a->store_id, b->store_id, 16);
		ck_assert_mem_eq(a->boot_id, b->boot_id, 16);
		ck_assert_str_eq(a->root, b->root);
		ck_assert_uint_eq(a->highest, b->highest);
		ck_assert_uint_eq(a->trust, b->trust);
		ck_assert_uint_eq(a->cert, b->cert);
		ck_assert(a->bridging == b->bridging);
		ck_assert_mem_eq(a->store_digest, b->store_digest, 32);
		ck_assert_mem_eq(a->rendered_digest, b->rendered_digest, 32);
		ck_assert_mem_eq(a->probe_digest, b->probe_digest, 32);
	}
	stack_free(sk);
}
END_TEST

static enum base_err
check(const struct wire_report *r)
{
	return wire_inventories_check(r->inventory, r->ninventory);
}

START_TEST(bounds)
{
	struct wire_report r = sample_report();

	r.ninventory = 0;
	OK(check(&r));
	r.ninventory = WIRE_INVENTORY_MAX + 1;
	ck_assert_int_eq(check(&r), BASE_E_RANGE);
	r = sample_report();
	strcpy(r.inventory[1].root, "plant");
	ck_assert_int_eq(check(&r), BASE_E_SYNTAX);
	r = sample_report();
	r.inventory[1].highest = INT64_MAX;
	OK(check(&r));
	r.inventory[1].highest++;
	ck_assert_int_eq(check(&r), BASE_E_RANGE);
	r = sample_report();
	r.inventory[0].cert = WIRE_GENERATION_MAX;
	OK(check(&r));
	r.inventory[0].cert++;
	ck_assert_int_eq(check(&r), BASE_E_RANGE);
}
END_TEST

START_TEST(a_name_that_is_none)
{
	struct wire_report r = sample_report();
	OPENSSL_STACK *sk = OPENSSL_sk_new_null();

	strcpy(r.inventory[1].root, "Plant");
	ck_assert_int_eq(wire_inventories_put(sk, r.inventory, 2),
	    BASE_E_SYNTAX);
	stack_free(sk);
}
END_TEST

START_TEST(too_many)
{
	struct wire_inventory got[WIRE_INVENTORY_MAX];
	struct wire_report r = sample_report();
	OPENSSL_STACK *sk = OPENSSL_sk_new_null();
	size_t n;

	for (int i = 0; i < WIRE_INVENTORY_MAX; i++)
		OK(wire_inventories_put(sk, r.inventory, 1));
	OK(wire_inventories_get(sk, got, &n));
	OK(wire_inventories_put(sk, r.inventory, 1));
	ck_assert_int_eq(wire_inventories_get(sk, got, &n), BASE_E_RANGE);
	stack_free(sk);
}
END_TEST

TCase *
case_inventory(void)
{
	TCase *c = tcase_create("inventory");

	tcase_add_test(c, fields);
	tcase_add_test(c, bounds);
	tcase_add_test(c, a_name_that_is_none);
	tcase_add_test(c, too_many);
	return c;
}
