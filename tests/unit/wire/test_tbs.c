/* Unit tests of wire/tbs.c. */
#include <string.h>

#include <openssl/x509v3.h>

#include "tests/unit/wire/fleet.h"
#include "tests/unit/wire/suites.h"

static const struct {
	enum wire_cert_kind kind, parsed;
	const char *root, *node;
} kinds[] = {
	{ WIRE_NEW_WITH_NEW, WIRE_NEW_WITH_NEW, "plant", "" },
	{ WIRE_NEW_WITH_OLD, WIRE_NEW_WITH_OLD, "plant", "" },
	{ WIRE_OLD_WITH_NEW, WIRE_NEW_WITH_OLD, "plant", "" },
	{ WIRE_NODE_CERT, WIRE_NODE_CERT, "plant", "web1" },
	{ WIRE_NODE_CERT, WIRE_NODE_CERT, "management", "web1" },
	{ WIRE_CANARY, WIRE_CANARY, "plant", "web1" },
	{ WIRE_CANARY, WIRE_CANARY, "management", "web1" },
	{ WIRE_ORDER_CERT, WIRE_ORDER_CERT, "management", "order" },
	{ WIRE_CA_TLS, WIRE_CA_TLS, "management", "ca" },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct wire_tbs
make(size_t i, enum wire_alg alg)
{
	const struct fleet_key *issuer = fleet_key(alg, 0);
	const struct fleet_key *subject =
	    kinds[i].kind == WIRE_NEW_WITH_NEW ? issuer : fleet_key(alg, 1);

	return fleet_tbs(kinds[i].kind, kinds[i].root, kinds[i].node, subject,
	    issuer);
}

static void
same(const struct wire_tbs *a, const struct wire_tbs *b)
{
	ck_assert_int_eq(a->issuer_alg, b->issuer_alg);
	ck_assert_mem_eq(a->serial, b->serial, sizeof(a->serial));
	ck_assert_str_eq(a->fleet, b->fleet);
	ck_assert_str_eq(a->root, b->root);
	ck_assert_str_eq(a->node, b->node);
	ck_assert_int_eq(a->not_before.ms, b->not_before.ms);
	ck_assert_int_eq(a->not_after.ms, b->not_after.ms);
	ck_assert_uint_eq(a->spki.n, b->spki.n);
	ck_assert_mem_eq(a->spki.p, b->spki.p, a->spki.n);
	ck_assert_mem_eq(a->ski, b->ski, sizeof(a->ski));
	ck_assert_mem_eq(a->aki, b->aki, sizeof(a->aki));
	ck_assert_uint_eq(a->nsan, b->nsan);
	for (size_t i = 0; i < a->nsan; i++)
		ck_assert_str_eq(a->san[i], b->san[i]);
	ck_assert_int_eq(a->has_next, b->has_next);
	ck_assert_mem_eq(a->next_hash, b->next_hash, sizeof(a->next_hash));
}

START_TEST(every_kind_comes_back)
{
	struct wire_tbs t = make((size_t)_i, WIRE_P256), got;
	struct base_buf der;
	X509 *x;

	base_buf_init(&der, 0);
	if (t.kind == WIRE_NEW_WITH_NEW) {
		t.has_next = true;
		memset(t.next_hash, 7, sizeof(t.next_hash));
	} else if (t.node[0] != '\0' && t.kind != WIRE_ORDER_CERT) {
		t.san[t.nsan++] = "DNS:www.acme.example";
		t.san[t.nsan++] = "IP:192.0.2.7";
		t.san[t.nsan++] = "IP:2001:db8::1";
	}
	ck_assert_int_eq(wire_tbs_compose(&t, &der), BASE_OK);
	ck_assert_msg(wire_tbs_parse(base_buf_span(&der), &got) == BASE_OK,
	    "%s", base_why());
	ck_assert_int_eq(got.kind, kinds[_i].parsed);
	same(&t, &got);
	wire_tbs_free(&got);
	base_buf_free(&der);

	x = fleet_issue(&t, fleet_key(WIRE_P256, 0));
	ck_assert_int_eq(X509_verify(x, fleet_key(WIRE_P256, 0)->key), 1);
	ck_assert_int_eq(wire_cert_parse(x, &got), BASE_OK);
	X509_free(x);
	same(&t, &got);
	wire_tbs_free(&got);
}
END_TEST

START_TEST(every_algorithm)
{
	enum wire_alg alg = (enum wire_alg)_i, found;
	struct wire_tbs t = make(0, alg), got;
	X509 *x = fleet_issue(&t, fleet_key(alg, 0));

	ck_assert_int_eq(X509_verify(x, fleet_key(alg, 0)->key), 1);
	ck_assert_int_eq(wire_cert_parse(x, &got), BASE_OK);
	ck_assert_int_eq(got.issuer_alg, alg);
	ck_assert_int_eq(wire_spki_alg(got.spki, &found), BASE_OK);
	ck_assert_int_eq(found, alg);
	wire_tbs_free(&got);
	X509_free(x);
}
END_TEST

/* Any changed, cut or added byte is either refused or means something else
 * that composes to exactly these bytes. */
START_TEST(every_byte_matters)
{
	struct wire_tbs t = make((size_t)_i, WIRE_P256), got;
	struct base_buf der, again;
	struct base_span s;

	base_buf_init(&der, 0);
	base_buf_init(&again, 0);
	ck_assert_int_eq(wire_tbs_compose(&t, &der), BASE_OK);
	for (size_t at = 0; at < der.n; at++) {
		der.p[at] ^= (uint8_t)(1 + at % 255);
		if (wire_tbs_parse(base_buf_span(&der), &got) == BASE_OK) {
			base_buf_clear(&again);
			ck_assert_int_eq(wire_tbs_compose(&got, &again),
			    BASE_OK);
			ck_assert_uint_eq(again.n, der.n);
			ck_assert_mem_eq(again.p, der.p, der.n);
			wire_tbs_free(&got);
		}
		der.p[at] ^= (uint8_t)(1 + at % 255);
		s = (struct base_span){ der.p, at };
		ck_assert_int_ne(wire_tbs_parse(s, &got), BASE_OK);
	}
	ck_assert_int_eq(base_buf_put_u8(&der, 0), BASE_OK);
	ck_assert_int_ne(wire_tbs_parse(base_buf_span(&der), &got), BASE_OK);
	base_buf_free(&again);
	base_buf_free(&der);
}
END_TEST

/* ---- refusals ---------------------------------------------------------- */

static void
refused(const struct wire_tbs *t)
{
	struct base_buf der;

	base_buf_init(&der, 0);
	ck_assert_int_ne(wire_tbs_compose(t, &der), BASE_OK);
	ck_assert_uint_eq(der.n, 0);
	base_buf_free(&der);
}

enum {
	NWN,
	NWO,
	OWN,
	NODE,
	MGMT,
	CANARY,
	MCANARY,
	ORDER,
	CA
};

START_TEST(names)
{
	static const char *const sans[] = { "", "www.acme.example",
		"DNS:", "DNS:*.acme.example", "DNS:a_b", "DNS:Www.example",
		"DNS:a..b", "DNS:a.", "DNS:10.0.0.1", "IP:10.0.0.01",
		"IP:2001:DB8::1", "IP:10.0.0.1/8", "IP:", "email:a@b.example" };
	struct wire_tbs t = make(NODE, WIRE_P256);

	for (size_t i = 0; i < sizeof(sans) / sizeof(sans[0]); i++) {
		t.nsan = 1;
		t.san[0] = sans[i];
		refused(&t);
	}
	t = make(NODE, WIRE_P256);
	strcpy(t.node, "ca");
	refused(&t);
	strcpy(t.node, "order");
	refused(&t);
	strcpy(t.node, "a..b");
	refused(&t);
	strcpy(t.node, "");
	refused(&t);
	t = make(NODE, WIRE_P256);
	strcpy(t.fleet, "A");
	refused(&t);
	t = make(NWN, WIRE_P256);
	strcpy(t.node, "web1");
	refused(&t);
	t = make(ORDER, WIRE_P256);
	strcpy(t.root, "plant");
	refused(&t);
	t = make(CA, WIRE_P256);
	strcpy(t.node, "web1");
	refused(&t);
	t = make(ORDER, WIRE_P256);
	t.nsan = 1;
	t.san[0] = "DNS:www.acme.example";
	refused(&t);
}
END_TEST

START_TEST(dates)
{
	struct wire_tbs t = make(CANARY, WIRE_P256), got;
	struct base_buf der;

	t.not_after.ms += 1000;
	refused(&t);
	t = make(NODE, WIRE_P256);
	t.not_after.ms += 1;
	refused(&t);
	t.not_after = t.not_before;
	refused(&t);
	/* either side of 2050: UTCTime, GeneralizedTime */
	base_buf_init(&der, 0);
	t.not_before.ms = INT64_C(2524607999000);
	t.not_after.ms = INT64_C(2524608000000);
	ck_assert_int_eq(wire_tbs_compose(&t, &der), BASE_OK);
	ck_assert_int_eq(wire_tbs_parse(base_buf_span(&der), &got), BASE_OK);
	same(&t, &got);
	wire_tbs_free(&got);
	base_buf_free(&der);
}
END_TEST

START_TEST(keys)
{
	struct wire_tbs t = make(NODE, WIRE_P256);

	t.ski[0] ^= 1;
	refused(&t);
	t = make(NWN, WIRE_P256);
	t.aki[0] ^= 1;
	refused(&t);
	t = make(NWO, WIRE_P256);
	memcpy(t.aki, t.ski, sizeof(t.aki));
	refused(&t);
	t = make(NWO, WIRE_P256);
	t.has_next = true;
	refused(&t);
	t = make(NODE, WIRE_P256);
	t.spki.n--;
	refused(&t);
	t = make(NWN, WIRE_P256);
	t.issuer_alg = WIRE_P384;
	refused(&t);
	t = make(NODE, WIRE_P256);
	t.issuer_alg = (enum wire_alg)0;
	refused(&t);
}
END_TEST

START_TEST(assemble_refuses)
{
	struct wire_tbs t = make(NODE, WIRE_P256);
	uint8_t raw[64] = { 1 },
		bad[] = { 0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01 };
	uint8_t good[] = { 0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01 };
	struct base_span ok = { good, sizeof(good) }, tbs;
	struct base_buf der, out;

	base_buf_init(&der, 0);
	base_buf_init(&out, 0);
	ck_assert_int_eq(wire_tbs_compose(&t, &der), BASE_OK);
	tbs = base_buf_span(&der);
	ck_assert_int_eq(wire_cert_assemble(tbs, WIRE_P256, ok, &out), BASE_OK);
	ck_assert_int_ne(wire_cert_assemble(tbs, WIRE_P384, ok, &out), BASE_OK);
	ck_assert_int_ne(wire_cert_assemble(tbs, WIRE_P256,
			     (struct base_span){ raw, sizeof(raw) }, &out),
	    BASE_OK);
	ck_assert_int_ne(wire_cert_assemble(tbs, WIRE_P256,
			     (struct base_span){ bad, sizeof(bad) }, &out),
	    BASE_OK);
	ck_assert_int_ne(wire_cert_assemble(tbs, WIRE_P256,
			     (struct base_span){ NULL, 0 }, &out),
	    BASE_OK);
	tbs.n--;
	ck_assert_int_ne(wire_cert_assemble(tbs, WIRE_P256, ok, &out), BASE_OK);
	base_buf_free(&out);
	base_buf_free(&der);
}
END_TEST

TCase *
case_tbs(void)
{
	TCase *c = tcase_create("tbs");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, every_kind_comes_back, 0, NKINDS);
	tcase_add_loop_test(c, every_algorithm, WIRE_P256, WIRE_RSA4096 + 1);
	tcase_add_loop_test(c, every_byte_matters, 0, NKINDS);
	tcase_add_test(c, names);
	tcase_add_test(c, dates);
	tcase_add_test(c, keys);
	tcase_add_test(c, assemble_refuses);
	return c;
}
