/* Join tokens: the text form, and what a careless copy does to it. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static struct wire_token
token(const char *address)
{
	struct wire_token t = { .fleet = FLEET, .node = "app1" };

	t.end = ON(1);
	strcpy(t.address, address);
	memset(t.root_sha256, 0xab, sizeof(t.root_sha256));
	memset(t.secret, 0xcd, sizeof(t.secret));
	return t;
}

START_TEST(test_text)
{
	static const char *const addresses[] = { "", "a:1", "ca:7443",
		"[2001:db8::1]:7443" };

	/* the lengths end base64 in each of its three ways */
	for (size_t i = 0; i < 4; i++) {
		struct wire_token t = token(addresses[i]), p;
		struct base_buf text;

		base_buf_init(&text, 0);
		OK(wire_token_compose(&t, &text));
		ck_assert_mem_eq(text.p, "kedge1.", 7);
		OK(wire_token_parse(base_buf_span(&text), &p));
		ck_assert_str_eq(p.address, addresses[i]);
		ck_assert_mem_eq(p.secret, t.secret, sizeof(t.secret));
		ck_assert_int_eq(p.end.ms, t.end.ms);
		base_buf_free(&text);
	}
}
END_TEST

START_TEST(test_careless)
{
	struct wire_token p;

	ck_assert_int_eq(wire_token_parse(STR(""), &p), BASE_E_SYNTAX);
	ck_assert_int_eq(wire_token_parse(STR("kedge1."), &p), BASE_E_SYNTAX);
	ck_assert_int_eq(wire_token_parse(STR("kedge2.AAAA"), &p),
	    BASE_E_SYNTAX);
	ck_assert_int_eq(wire_token_parse(STR("kedge1.AA=="), &p),
	    BASE_E_SYNTAX);
	ck_assert_int_eq(wire_token_parse(STR("kedge1.AA AA"), &p),
	    BASE_E_SYNTAX);
	ck_assert_int_eq(wire_token_parse(STR("kedge1.A"), &p), BASE_E_SYNTAX);
	ck_assert_int_eq(wire_token_parse(STR("kedge1.AB"), &p), BASE_E_SYNTAX);
}
END_TEST

START_TEST(test_address)
{
	struct wire_token t = token("ca 7443");
	struct base_buf text;

	base_buf_init(&text, 0);
	ck_assert_int_eq(wire_token_compose(&t, &text), BASE_E_SYNTAX);
	memset(t.address, 'a', sizeof(t.address));
	ck_assert_int_eq(wire_token_compose(&t, &text), BASE_E_RANGE);
	base_buf_free(&text);
}
END_TEST

TCase *
case_token(void)
{
	TCase *tc = tcase_create("token");

	tcase_add_test(tc, test_text);
	tcase_add_test(tc, test_careless);
	tcase_add_test(tc, test_address);
	return tc;
}
