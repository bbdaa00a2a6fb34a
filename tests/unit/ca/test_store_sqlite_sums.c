/* Numbers over whole tables. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "ca/store_sqlite.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

static char text[256];

static void
add(const char *node, const char *root, enum ca_order_state state,
    int64_t issued)
{
	struct ca_order o = { .epoch = 1,
		.state = state,
		.issued = { issued } };

	strcpy(o.node, node);
	strcpy(o.root, root);
	ck_assert_int_eq(base_buf_put(&o.cms, "x", 1), BASE_OK);
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	ca_order_clear(&o);
}

static void
on_orders(void *arg, const struct ca_order_sum *s)
{
	(void)arg;
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
	    "%s %s %d since %d; ", s->root, ca_order_state_name(s->state),
	    (int)s->n, (int)s->oldest.ms);
}

START_TEST(orders_by_root_and_state)
{
	text[0] = '\0';
	ck_assert_int_eq(ca_store_order_sums(st, on_orders, NULL), BASE_OK);
	ck_assert_str_eq(text, "");
	add("a", "lab", CA_ORDER_SENT, 5);
	add("b", "lab", CA_ORDER_SENT, 3);
	add("c", "lab", CA_ORDER_EFFECTIVE, 9);
	add("a", "plant", CA_ORDER_SENT, 7);
	ck_assert_int_eq(ca_store_order_sums(st, on_orders, NULL), BASE_OK);
	ck_assert_str_eq(text,
	    "lab sent 2 since 3; lab effective 1 since 0; "
	    "plant sent 1 since 7; ");
}
END_TEST

static void
now(const char *node, enum ca_order_state state)
{
	struct ca_order o = { .root = "lab", .epoch = 1, .state = state };

	strcpy(o.node, node);
	ck_assert_int_eq(ca_store_order_update(st, &o), BASE_OK);
}

static void
are(const char *want)
{
	text[0] = '\0';
	ck_assert_int_eq(ca_store_order_sums(st, on_orders, NULL), BASE_OK);
	ck_assert_str_eq(text, want);
}

/* The numbers follow each way that an order takes, also without a commit. */
START_TEST(settled_orders_are_counted_as_they_settle)
{
	add("a", "lab", CA_ORDER_SENT, 5);
	add("b", "lab", CA_ORDER_SENT, 3);
	add("c", "lab", CA_ORDER_SENT, 4);
	ck_assert_int_eq(ca_store_begin(st), BASE_OK);
	now("a", CA_ORDER_EFFECTIVE);
	now("b", CA_ORDER_RECEIVED);
	are("lab sent 1 since 4; lab received 1 since 3; "
	    "lab effective 1 since 0; ");
	ca_store_rollback(st);
	are("lab sent 3 since 3; ");
	now("a", CA_ORDER_EFFECTIVE);
	now("b", CA_ORDER_FAILED);
	now("a", CA_ORDER_EFFECTIVE);
	are("lab sent 1 since 4; lab effective 1 since 0; "
	    "lab failed 1 since 0; ");
	now("b", CA_ORDER_EFFECTIVE);
	ck_assert_int_eq(ca_store_orders_replace(st, "c", "lab", 2), BASE_OK);
	are("lab effective 2 since 0; lab replaced 1 since 0; ");
	now("c", CA_ORDER_SENT);
	are("lab sent 1 since 4; lab effective 2 since 0; ");
	store_reopen();
	are("lab sent 1 since 4; lab effective 2 since 0; ");
}
END_TEST

static void
on_certs(void *arg, const struct ca_cert_sum *s)
{
	(void)arg;
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
	    "%s %u ends %d; ", s->root, s->gen, (int)s->first_end.ms);
}

static void
leaf(const char *node, const char *root, uint32_t gen, int64_t end)
{
	struct ca_leaf l = { .gen = gen, .not_after = { end } };

	strcpy(l.node, node);
	strcpy(l.root, root);
	ck_assert_int_eq(ca_store_leaf_put(st, &l), BASE_OK);
}

START_TEST(which_certificate_ends_first)
{
	text[0] = '\0';
	store_fleet();
	leaf("app1", "plant", 1, 90);
	leaf("web1", "plant", 1, 80);
	leaf("web1", "lab", 2, 70);
	ck_assert_int_eq(ca_store_cert_sums(st, on_certs, NULL), BASE_OK);
	ck_assert_str_eq(text, "lab 2 ends 70; plant 1 ends 80; ");
}
END_TEST

START_TEST(audit_records)
{
	uint64_t n = 9;

	ck_assert_int_eq(ca_store_audit_count(st, &n), BASE_OK);
	ck_assert_uint_eq(n, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ca_store_audit_add(st, (struct base_time){ i },
				     "me", "test", ""),
		    BASE_OK);
	ck_assert_int_eq(ca_store_audit_count(st, &n), BASE_OK);
	ck_assert_uint_eq(n, 3);
}
END_TEST

TCase *
case_store_sqlite_sums(void)
{
	TCase *t = tcase_create("store_sqlite_sums");

	tcase_add_checked_fixture(t, store_setup, store_teardown);
	tcase_add_test(t, orders_by_root_and_state);
	tcase_add_test(t, settled_orders_are_counted_as_they_settle);
	tcase_add_test(t, which_certificate_ends_first);
	tcase_add_test(t, audit_records);
	return t;
}
