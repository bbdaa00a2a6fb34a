/* What a certificate may be used for, and whose name it has. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "tests/unit/wire/odd.h"
#include "wire/oid.h"
#include "wire/verify.h"

#define ROOT fleet_key(WIRE_P256, 0)
#define NODE fleet_key(WIRE_P256, 1)

static X509 *
issue(enum wire_cert_kind kind, const char *root, const char *node)
{
	struct wire_tbs t = fleet_tbs(kind, root, node, NODE, ROOT);

	t.nsan = kind == WIRE_NODE_CERT ? 3 : 0;
	t.san[0] = "DNS:www.acme.example";
	t.san[1] = "IP:192.0.2.7";
	t.san[2] = "IP:2001:db8::7";
	return fleet_issue(&t, ROOT);
}

START_TEST(names)
{
	static const struct {
		enum wire_name_kind kind;
		const char *name;
		bool good;
	} rows[] = { { WIRE_NAME_DNS, "web1", true },
		{ WIRE_NAME_DNS, "WEB1", true },
		{ WIRE_NAME_DNS, "www.acme.example", true },
		{ WIRE_NAME_IP, "192.0.2.7", true },
		{ WIRE_NAME_IP, "2001:db8::7", true },
		{ WIRE_NAME_IP, "2001:DB8:0:0::7", true },
		{ WIRE_NAME_NONE, NULL, true }, { WIRE_NAME_DNS, "web", false },
		{ WIRE_NAME_DNS, "web11", false }, { WIRE_NAME_DNS, "", false },
		{ WIRE_NAME_DNS, ".acme.example", false },
		{ WIRE_NAME_DNS, "acme.example", false },
		{ WIRE_NAME_DNS, "acme", false },
		{ WIRE_NAME_DNS, "192.0.2.7", false },
		{ WIRE_NAME_IP, "192.0.2.8", false },
		{ WIRE_NAME_IP, "web1", false },
		{ WIRE_NAME_EMAIL, "a@acme.example", false },
		{ WIRE_NAME_EMAIL, "web1", false } };
	X509 *x = issue(WIRE_NODE_CERT, "plant", "web1");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_verify v = { .purpose = WIRE_SERVER,
			.name_kind = rows[i].kind,
			.name = rows[i].name };

		ck_assert_msg(wire_purpose_check(&v, x) ==
			(rows[i].good ? BASE_OK : BASE_E_REFUSED),
		    "%s", rows[i].name);
	}
	X509_free(x);
}
END_TEST

/* A wildcard stands for one label, a mailbox for itself. */
START_TEST(foreign_names)
{
	struct odd o = { .cn = "www.acme.example",
		.key = NODE,
		.exts = { "subjectAltName=DNS:*.acme.example,DNS:a*.b.example,"
			  "email:ops@acme.example" } };
	static const struct {
		enum wire_name_kind kind;
		const char *name;
		bool good;
	} rows[] = { { WIRE_NAME_DNS, "x.acme.example", true },
		{ WIRE_NAME_DNS, "x.y.acme.example", false },
		{ WIRE_NAME_DNS, "acme.example", false },
		{ WIRE_NAME_DNS, "ab.b.example", false },
		{ WIRE_NAME_EMAIL, "ops@acme.example", true },
		{ WIRE_NAME_EMAIL, "op@acme.example", false } };
	X509 *x = odd_make(&o);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_verify v = { .purpose = WIRE_SERVER,
			.name_kind = rows[i].kind,
			.name = rows[i].name };

		ck_assert_msg((wire_purpose_check(&v, x) == BASE_OK) ==
			rows[i].good,
		    "%s", rows[i].name);
	}
	X509_free(x);
	/* the subject is no name of a host */
	o.exts[0] = NULL;
	x = odd_make(&o);
	{
		struct wire_verify v = { .purpose = WIRE_SERVER,
			.name_kind = WIRE_NAME_DNS,
			.name = "www.acme.example" };

		ck_assert_int_eq(wire_purpose_check(&v, x), BASE_E_REFUSED);
	}
	X509_free(x);
}
END_TEST

START_TEST(signers)
{
	static const struct {
		enum wire_cert_kind kind;
		const char *root, *node;
		enum wire_purpose may; /* WIRE_SERVER: sign nothing */
	} rows[] = { { WIRE_NODE_CERT, "plant", "web1", WIRE_SERVER },
		{ WIRE_CANARY, "management", "web1", WIRE_SERVER },
		{ WIRE_NODE_CERT, "management", "web1", WIRE_NODE_SIGNER },
		{ WIRE_ORDER_CERT, "management", "order", WIRE_ORDER_SIGNER },
		{ WIRE_CA_TLS, "management", "ca", WIRE_CA_SIGNER } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		X509 *x = issue(rows[i].kind, rows[i].root, rows[i].node);

		for (int p = WIRE_ORDER_SIGNER; p <= WIRE_CA_SIGNER; p++) {
			struct wire_verify v = { .purpose =
						     (enum wire_purpose)p };

			ck_assert_msg(wire_purpose_check(&v, x) ==
				(rows[i].may == v.purpose ? BASE_OK
							  : BASE_E_REFUSED),
			    "row %zu as %d", i, p);
		}
		X509_free(x);
	}
}
END_TEST

/* The usage alone is not enough: the key must be one for signatures. */
START_TEST(signer_without_key_usage)
{
	struct odd o = { .cn = "order",
		.key = NODE,
		.exts = { "keyUsage=critical,keyAgreement",
		    "extendedKeyUsage=" WIRE_OID_KP_ORDER } };
	struct wire_verify v = { .purpose = WIRE_ORDER_SIGNER };
	X509 *x = odd_make(&o);

	ck_assert_int_eq(wire_purpose_check(&v, x), BASE_E_REFUSED);
	X509_free(x);
	o.exts[0] = "keyUsage=critical,digitalSignature";
	x = odd_make(&o);
	OK(wire_purpose_check(&v, x));
	X509_free(x);
}
END_TEST

TCase *
case_purpose(void)
{
	TCase *c = tcase_create("purpose");

	tcase_add_test(c, names);
	tcase_add_test(c, foreign_names);
	tcase_add_test(c, signers);
	tcase_add_test(c, signer_without_key_usage);
	return c;
}
