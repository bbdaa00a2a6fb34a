/* Unit tests of wire/rekey.c, and of the report that carries it. */
#include <string.h>

#include "tests/unit/wire/fleet.h"
#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static struct base_buf
made(const struct fleet_key *old, const struct fleet_key *new, const char *node)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	OK(wire_rekey_make(old->key, new->key, FLEET, node, &b));
	return b;
}

static enum base_err
check(const struct base_buf *b, const struct fleet_key *old,
    const struct fleet_key *want)
{
	struct base_buf spki;
	enum base_err e;

	base_buf_init(&spki, 0);
	e = wire_rekey_check(base_buf_span(b), FLEET, "web1",
	    base_buf_span(&old->spki), &spki);
	if (e == BASE_OK) {
		ck_assert_uint_eq(spki.n, want->spki.n);
		ck_assert_mem_eq(spki.p, want->spki.p, spki.n);
	}
	base_buf_free(&spki);
	return e;
}

START_TEST(both_keys)
{
	const struct fleet_key *old = fleet_key((enum wire_alg)_i, 0);
	const struct fleet_key *new = fleet_key(WIRE_P384, 1);
	struct base_buf b = made(old, new, "web1");

	OK(check(&b, old, new));
	base_buf_free(&b);
	b = made(new, old, "web1");
	OK(check(&b, new, old));
	base_buf_free(&b);
}
END_TEST

/* The request is signed by another key than the one in it: somebody else's
 * public key was put in. */
START_TEST(not_its_own_key)
{
	const struct fleet_key *old = fleet_key(WIRE_P256, 0);
	const struct fleet_key *new = fleet_key(WIRE_P256, 1);
	const struct fleet_key *theirs = fleet_key(WIRE_P256, 2);
	struct base_buf b = made(old, new, "web1");
	uint8_t *at = memmem(b.p, b.n, new->spki.p, new->spki.n);

	ck_assert_ptr_nonnull(at);
	ck_assert_uint_eq(new->spki.n, theirs->spki.n);
	memcpy(at, theirs->spki.p, theirs->spki.n);
	ck_assert_int_eq(check(&b, old, new), BASE_E_CRYPTO);
	base_buf_free(&b);
}
END_TEST

START_TEST(not_by_the_old_key)
{
	const struct fleet_key *old = fleet_key(WIRE_P256, 0);
	const struct fleet_key *new = fleet_key(WIRE_P256, 1);
	const struct fleet_key *thief = fleet_key(WIRE_P256, 2);
	struct base_buf b = made(thief, new, "web1");

	ck_assert_int_eq(check(&b, old, new), BASE_E_CRYPTO);
	OK(check(&b, thief, new));
	base_buf_free(&b);
}
END_TEST

START_TEST(of_another_node)
{
	const struct fleet_key *old = fleet_key(WIRE_P256, 0);
	const struct fleet_key *new = fleet_key(WIRE_P256, 1);
	struct base_buf b = made(old, new, "web2");

	ck_assert_int_eq(check(&b, old, new), BASE_E_REFUSED);
	base_buf_free(&b);
}
END_TEST

START_TEST(the_same_key_again)
{
	const struct fleet_key *old = fleet_key(WIRE_P256, 0);
	struct base_buf b = made(old, old, "web1");

	ck_assert_int_eq(check(&b, old, old), BASE_E_REFUSED);
	base_buf_free(&b);
}
END_TEST

/* Not one byte may be another, none be missing or too many. */
START_TEST(altered)
{
	const struct fleet_key *old = fleet_key(WIRE_P256, 0);
	const struct fleet_key *new = fleet_key(WIRE_P256, 1);
	struct base_buf b = made(old, new, "web1");

	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 1;
		ck_assert_int_ne(check(&b, old, new), BASE_OK);
		b.p[i] ^= 1;
	}
	b.n--;
	ck_assert_int_ne(check(&b, old, new), BASE_OK);
	b.n++;
	OK(check(&b, old, new));
	OK(base_buf_put_u8(&b, 0));
	ck_assert_int_ne(check(&b, old, new), BASE_OK);
	base_buf_free(&b);
}
END_TEST

START_TEST(in_a_report)
{
	struct wire_report r = sample_report(), p;
	struct base_buf der;

	base_buf_init(&der, 0);
	r.rekey =
	    made(fleet_key(WIRE_P256, 0), fleet_key(WIRE_P256, 1), "web1");
	/* says failed */
	ck_assert_int_eq(wire_report_compose(&r, &der), BASE_E_SYNTAX);
	r.status = WIRE_EFFECTIVE;
	r.reason[0] = '\0';
	OK(wire_report_compose(&r, &der));
	OK(wire_report_parse(base_buf_span(&der), &p));
	ck_assert_uint_eq(p.rekey.n, r.rekey.n);
	ck_assert_mem_eq(p.rekey.p, r.rekey.p, p.rekey.n);
	wire_report_clear(&p);
	wire_report_clear(&r);
	base_buf_free(&der);
}
END_TEST

TCase *
case_rekey(void)
{
	TCase *tc = tcase_create("rekey");

	tcase_add_loop_test(tc, both_keys, WIRE_P256, WIRE_RSA4096 + 1);
	tcase_add_test(tc, not_its_own_key);
	tcase_add_test(tc, not_by_the_old_key);
	tcase_add_test(tc, of_another_node);
	tcase_add_test(tc, the_same_key_again);
	tcase_add_test(tc, altered);
	tcase_add_test(tc, in_a_report);
	return tc;
}
