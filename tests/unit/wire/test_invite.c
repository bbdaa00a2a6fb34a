/* Invitations and calls at a relay's door: bounds, and the word. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

START_TEST(test_invite)
{
	struct wire_invite v = sample_invite(), p;
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_invite_compose(&v, &der));
	OK(wire_invite_parse(base_buf_span(&der), &p));
	ck_assert_str_eq(p.node, "app1");
	ck_assert_str_eq(p.relay, "web1");
	ck_assert_mem_eq(p.key, v.key, sizeof(p.key));
	ck_assert_uint_eq(p.nroots, 1);
	wire_invite_clear(&p);
	v.expires = v.issued;
	ck_assert_int_eq(wire_invite_compose(&v, &der), BASE_E_SYNTAX);
	wire_invite_clear(&v);
	v = sample_invite();
	v.nroots = 0;
	ck_assert_int_eq(wire_invite_compose(&v, &der), BASE_E_RANGE);
	strcpy(v.relay, "../etc");
	v.nroots = 1;
	ck_assert_int_eq(wire_invite_compose(&v, &der), BASE_E_SYNTAX);
	wire_invite_clear(&v);
	base_buf_free(&der);
}
END_TEST

START_TEST(test_call)
{
	struct wire_join_call c = sample_join_call(), p;
	uint8_t *big = base_alloc(WIRE_SEALED_MAX + 1);
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(wire_join_call_compose(&c, &der));
	OK(wire_join_call_parse(base_buf_span(&der), &p));
	ck_assert_mem_eq(p.word, c.word, sizeof(p.word));
	ck_assert_uint_eq(p.sealed.n, c.sealed.n);
	wire_join_call_clear(&p);
	base_buf_free(&c.sealed);
	base_buf_clear(&der);
	OK(wire_join_call_compose(&c, &der));
	OK(wire_join_call_parse(base_buf_span(&der), &p));
	ck_assert_uint_eq(p.sealed.n, 0);
	wire_join_call_clear(&p);
	c.sealed = sample_bytes(big, WIRE_SEALED_MAX);
	OK(wire_join_call_compose(&c, &der));
	OK(base_buf_put_u8(&c.sealed, 0));
	ck_assert_int_eq(wire_join_call_compose(&c, &der), BASE_E_RANGE);
	free(big);
	wire_join_call_clear(&c);
	base_buf_free(&der);
}
END_TEST

/* The relay knows the hash, who joins the word, and neither the secret. */
START_TEST(test_word)
{
	uint8_t hash[32], word[32], admit[32], sum[32], other[32];

	wire_digest(STR("secret"), hash);
	wire_join_word(hash, word, admit);
	wire_digest((struct base_span){ word, sizeof(word) }, sum);
	ck_assert_mem_eq(sum, admit, sizeof(sum));
	ck_assert_mem_ne(word, hash, sizeof(word));
	hash[0] ^= 1;
	wire_join_word(hash, other, sum);
	ck_assert_mem_ne(other, word, sizeof(word));
	ck_assert_mem_ne(sum, admit, sizeof(sum));
}
END_TEST

TCase *
case_invite(void)
{
	TCase *tc = tcase_create("invite");

	tcase_add_test(tc, test_invite);
	tcase_add_test(tc, test_call);
	tcase_add_test(tc, test_word);
	return tc;
}
