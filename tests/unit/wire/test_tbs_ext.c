/*
 * The extensions of each kind of certificate: which, in which order, with
 * which bytes; and which kind a list of them means.
 */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/oid.h"
#include "wire/tbs.h"

static const struct {
	enum wire_cert_kind kind, parsed;
	const char *root, *node;
	const char *exts; /* as OpenSSL or the OID names them, ! critical */
} kinds[] = {
	{ WIRE_NEW_WITH_NEW, WIRE_NEW_WITH_NEW, "plant", "",
	    "!basicConstraints !keyUsage subjectKeyIdentifier "
	    "authorityKeyIdentifier " },
	{ WIRE_NEW_WITH_OLD, WIRE_NEW_WITH_OLD, "plant", "",
	    "!basicConstraints !keyUsage subjectKeyIdentifier "
	    "authorityKeyIdentifier " },
	{ WIRE_OLD_WITH_NEW, WIRE_NEW_WITH_OLD, "plant", "",
	    "!basicConstraints !keyUsage subjectKeyIdentifier "
	    "authorityKeyIdentifier " },
	{ WIRE_NODE_CERT, WIRE_NODE_CERT, "plant", "web1",
	    "!keyUsage extendedKeyUsage subjectAltName subjectKeyIdentifier "
	    "authorityKeyIdentifier " },
	{ WIRE_CANARY, WIRE_CANARY, "management", "web1",
	    "!keyUsage extendedKeyUsage subjectAltName subjectKeyIdentifier "
	    "authorityKeyIdentifier 2.5.29.56 " },
	{ WIRE_ORDER_CERT, WIRE_ORDER_CERT, "management", "order",
	    "!keyUsage extendedKeyUsage subjectKeyIdentifier "
	    "authorityKeyIdentifier " },
	{ WIRE_CA_TLS, WIRE_CA_TLS, "management", "ca",
	    "!keyUsage extendedKeyUsage subjectAltName subjectKeyIdentifier "
	    "authorityKeyIdentifier " },
};
#define NKINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

static struct wire_tbs
make(enum wire_cert_kind kind, const char *root, const char *node)
{
	const struct fleet_key *issuer = fleet_key(WIRE_P256, 0);

	return fleet_tbs(kind, root, node,
	    kind == WIRE_NEW_WITH_NEW ? issuer : fleet_key(WIRE_P256, 1),
	    issuer);
}

static void
exts_free(X509_EXTENSIONS *exts)
{
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
}

static void
list(const X509_EXTENSIONS *exts, char out[256])
{
	out[0] = '\0';
	for (int i = 0; i < sk_X509_EXTENSION_num(exts); i++) {
		X509_EXTENSION *e = sk_X509_EXTENSION_value(exts, i);
		const ASN1_OBJECT *o = X509_EXTENSION_get_object(e);
		char name[64];

		OBJ_obj2txt(name, sizeof(name), o, 1);
		/* a name for it only in later releases of OpenSSL */
		if (strcmp(name, "2.5.29.56") != 0)
			strcpy(name, OBJ_nid2sn(OBJ_obj2nid(o)));
		if (X509_EXTENSION_get_critical(e))
			strcat(out, "!");
		strcat(strcat(out, name), " ");
	}
}

START_TEST(each_kind_has_its_own)
{
	struct wire_tbs t =
	    make(kinds[_i].kind, kinds[_i].root, kinds[_i].node);
	struct wire_tbs got = { 0 };
	X509_EXTENSIONS *exts = NULL;
	char text[256];

	OK(wire_tbs_ext_compose(&t, &exts));
	list(exts, text);
	ck_assert_str_eq(text, kinds[_i].exts);
	OK(wire_tbs_ext_parse(exts, &got));
	ck_assert_int_eq(got.kind, kinds[_i].parsed);
	ck_assert_mem_eq(got.ski, t.ski, sizeof(t.ski));
	ck_assert_mem_eq(got.aki, t.aki, sizeof(t.aki));
	ck_assert(!got.has_next);
	exts_free(exts);
}
END_TEST

START_TEST(names_and_the_next_key)
{
	struct wire_tbs t = make(WIRE_NODE_CERT, "plant", "web1"), got = { 0 };
	X509_EXTENSIONS *exts = NULL;

	t.san[t.nsan++] = "DNS:www.acme.example";
	t.san[t.nsan++] = "IP:192.0.2.7";
	OK(wire_tbs_ext_compose(&t, &exts));
	OK(wire_tbs_ext_parse(exts, &got));
	ck_assert_uint_eq(got.nsan, 2);
	ck_assert_str_eq(got.san[0], "DNS:www.acme.example");
	ck_assert_str_eq(got.san[1], "IP:192.0.2.7");
	wire_tbs_free(&got);
	exts_free(exts);
	exts = NULL;
	t.san[1] = "IP:192.0.2.07";
	ck_assert_int_ne(wire_tbs_ext_compose(&t, &exts), BASE_OK);
	ck_assert_ptr_null(exts);

	t = make(WIRE_NEW_WITH_NEW, "plant", "");
	t.has_next = true;
	memset(t.next_hash, 7, sizeof(t.next_hash));
	memset(&got, 0, sizeof(got));
	OK(wire_tbs_ext_compose(&t, &exts));
	OK(wire_tbs_ext_parse(exts, &got));
	ck_assert(got.has_next);
	ck_assert_mem_eq(got.next_hash, t.next_hash, sizeof(t.next_hash));
	exts_free(exts);
}
END_TEST

static void
drop(X509_EXTENSIONS *exts, int nid)
{
	int at = X509v3_get_ext_by_NID(exts, nid, -1);

	ck_assert_int_ge(at, 0);
	X509_EXTENSION_free(X509v3_delete_ext(exts, at));
}

START_TEST(parse_refuses)
{
	struct wire_tbs t = make(WIRE_NODE_CERT, "plant", "web1"), got = { 0 };
	X509_EXTENSIONS *exts = NULL;
	X509_EXTENSION *e;

	/* a second list of names */
	t.san[t.nsan++] = "DNS:www.acme.example";
	OK(wire_tbs_ext_compose(&t, &exts));
	e = X509_EXTENSION_dup(X509v3_get_ext(exts,
	    X509v3_get_ext_by_NID(exts, NID_subject_alt_name, -1)));
	sk_X509_EXTENSION_push(exts, e);
	ck_assert_int_eq(wire_tbs_ext_parse(exts, &got), BASE_E_SYNTAX);
	wire_tbs_free(&got);
	/* names that are none */
	ASN1_OCTET_STRING_set(X509_EXTENSION_get_data(e),
	    (const uint8_t *)"\x30\x00", 2);
	drop(exts, NID_subject_alt_name);
	memset(&got, 0, sizeof(got));
	ck_assert_int_eq(wire_tbs_ext_parse(exts, &got), BASE_E_SYNTAX);
	/* no kind of ours */
	drop(exts, NID_subject_alt_name);
	drop(exts, NID_ext_key_usage);
	memset(&got, 0, sizeof(got));
	ck_assert_int_eq(wire_tbs_ext_parse(exts, &got), BASE_E_REFUSED);
	exts_free(exts);
}
END_TEST

START_TEST(canaries_are_told)
{
	struct wire_tbs t =
	    make(kinds[_i].kind, kinds[_i].root, kinds[_i].node);
	X509 *x = fleet_issue(&t, fleet_key(WIRE_P256, 0));

	ck_assert_int_eq(wire_cert_is_canary(x), t.kind == WIRE_CANARY);
	X509_free(x);
}
END_TEST

/* The bytes in tbs_ext.c are the identifiers that are documented. */
START_TEST(own_usages)
{
	static const struct {
		enum wire_cert_kind kind;
		const char *node, *oid;
		int n;
	} rows[] = { { WIRE_NODE_CERT, "web1", WIRE_OID_KP_NODE, 3 },
		{ WIRE_ORDER_CERT, "order", WIRE_OID_KP_ORDER, 1 },
		{ WIRE_CA_TLS, "ca", WIRE_OID_KP_CA, 3 } };
	char text[80];

	for (size_t i = 0; i < 3; i++) {
		struct wire_tbs t =
		    make(rows[i].kind, "management", rows[i].node);
		X509 *x = fleet_issue(&t, fleet_key(WIRE_P256, 0));
		EXTENDED_KEY_USAGE *eku =
		    X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);

		ck_assert_int_eq(sk_ASN1_OBJECT_num(eku), rows[i].n);
		ck_assert_int_gt(OBJ_obj2txt(text, sizeof(text),
				     sk_ASN1_OBJECT_value(eku, rows[i].n - 1),
				     1),
		    0);
		ck_assert_str_eq(text, rows[i].oid);
		EXTENDED_KEY_USAGE_free(eku);
		X509_free(x);
	}
}
END_TEST

TCase *
case_tbs_ext(void)
{
	TCase *c = tcase_create("tbs_ext");

	tcase_add_loop_test(c, each_kind_has_its_own, 0, NKINDS);
	tcase_add_test(c, names_and_the_next_key);
	tcase_add_test(c, parse_refuses);
	tcase_add_loop_test(c, canaries_are_told, 0, NKINDS);
	tcase_add_test(c, own_usages);
	return c;
}
