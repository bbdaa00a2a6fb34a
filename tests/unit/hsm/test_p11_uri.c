/* hsm/p11_uri: which tokens a PKCS#11 URI means, and what is none. */
#include "hsm/p11_uri.h"
#include "tests/unit/hsm/suites.h"

START_TEST(uri_matches)
{
	char label[] = "my token", serial[] = "12;3", maker[] = "m",
	     model[] = "o";
	struct hsm_p11_uri token = { label, serial, maker, model }, u;

	ck_assert_int_eq(
	    hsm_p11_uri_parse("pkcs11:token=my%20token;serial=12%3b3", &u),
	    BASE_OK);
	ck_assert(hsm_p11_uri_is_match(&u, &token));
	serial[0] = '2';
	ck_assert(!hsm_p11_uri_is_match(&u, &token));
	hsm_p11_uri_clear(&u);
	ck_assert_int_eq(
	    hsm_p11_uri_parse("pkcs11:model=o;manufacturer=m;token=my%20token",
		&u),
	    BASE_OK);
	ck_assert(hsm_p11_uri_is_match(&u, &token));
	token.model = NULL;
	ck_assert(!hsm_p11_uri_is_match(&u, &token));
	hsm_p11_uri_clear(&u);
}
END_TEST

static const char *const bad_uri[] = { "", "pkcs12:token=a",
	"pkcs11:", "pkcs11:model=a", "pkcs11:token", "pkcs11:token=a;token=b",
	"pkcs11:token=", "pkcs11:token=a;serial=", "pkcs11:token=a;slot-id=0",
	"pkcs11:token=a;object=k", "pkcs11:token=a b", "pkcs11:token=a%2",
	"pkcs11:token=a%gg", "pkcs11:token=a%00", "pkcs11:token=a?pin-value=1",
	"pkcs11:token=a;;" };

START_TEST(uri_bad)
{
	struct hsm_p11_uri u = { 0 };

	ck_assert_int_eq(hsm_p11_uri_parse(bad_uri[_i], &u), BASE_E_SYNTAX);
	ck_assert_ptr_null(u.token);
}
END_TEST

TCase *
case_p11_uri(void)
{
	TCase *t = tcase_create("p11_uri");

	tcase_add_test(t, uri_matches);
	tcase_add_loop_test(t, uri_bad, 0,
	    sizeof(bad_uri) / sizeof(bad_uri[0]));
	return t;
}
