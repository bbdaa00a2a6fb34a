/* Unit tests of wire/root.c: the decision of a node that is offered a root. */
#include <string.h>

#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "tests/unit/wire/odd.h"
#include "tests/unit/wire/suites.h"

#define OLD fleet_key(WIRE_P256, 0)
#define NEW fleet_key(WIRE_P256, 1)
#define EVE fleet_key(WIRE_P256, 2)

struct roots {
	struct wire_tbs old, nwn, nwo; /* change, then make */
};

static void
roots_init(struct roots *r)
{
	r->old = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "", OLD, OLD);
	r->old.has_next = true;
	SHA256(NEW->spki.p, NEW->spki.n, r->old.next_hash);
	r->nwn = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "", NEW, NEW);
	r->nwn.not_before = ON(100);
	r->nwn.not_after = ON(500);
	r->nwo = fleet_tbs(WIRE_NEW_WITH_OLD, "plant", "", NEW, OLD);
	r->nwo.not_before = ON(100);
}

static enum base_err
decide(const struct roots *r, const struct fleet_key *new_signer,
    const struct fleet_key *old_signer, long day)
{
	X509 *old = fleet_issue(&r->old, OLD);
	X509 *nwn = fleet_issue(&r->nwn, new_signer);
	X509 *nwo = fleet_issue(&r->nwo, old_signer);
	enum base_err e = wire_verify_new_root(old, nwn, nwo, ON(day));

	X509_free(old);
	X509_free(nwn);
	X509_free(nwo);
	return e;
}

START_TEST(accepts)
{
	struct roots r;

	roots_init(&r);
	ck_assert_msg(decide(&r, NEW, OLD, 100) == BASE_OK, "%s", base_why());
	ck_assert_int_eq(decide(&r, NEW, OLD, 364), BASE_OK);
	/* an old root without the hash leaves the choice to its key */
	r.old.has_next = false;
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_OK);
}
END_TEST

/* The way back: new is held, old is offered with OldWithNew. */
static enum base_err
decide_back(const struct roots *r, const struct fleet_key *by, long day)
{
	struct wire_tbs t = fleet_tbs(WIRE_OLD_WITH_NEW, "plant", "", OLD, by);
	X509 *old = fleet_issue(&r->old, OLD);
	X509 *nwn = fleet_issue(&r->nwn, NEW);
	X509 *own = fleet_issue(&t, by);
	enum base_err e = wire_verify_old_root(nwn, old, own, ON(day));

	X509_free(old);
	X509_free(nwn);
	X509_free(own);
	return e;
}

START_TEST(the_way_back)
{
	struct roots r;

	roots_init(&r);
	r.nwn.has_next = true; /* the one after it: that says nothing here */
	SHA256(EVE->spki.p, EVE->spki.n, r.nwn.next_hash);
	ck_assert_msg(decide_back(&r, NEW, 100) == BASE_OK, "%s", base_why());
	ck_assert_int_ne(decide_back(&r, EVE, 100), BASE_OK);
	ck_assert_int_ne(decide_back(&r, NEW, 366), BASE_OK);
	/* a root that has promised itself to another successor */
	SHA256(EVE->spki.p, EVE->spki.n, r.old.next_hash);
	ck_assert_int_eq(decide_back(&r, NEW, 100), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "8649"));
	roots_init(&r);
	r.old.not_after = ON(300);
	ck_assert_int_eq(decide_back(&r, NEW, 100), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "dates"));
}
END_TEST

START_TEST(next_key)
{
	struct roots r;

	roots_init(&r);
	r.old.next_hash[0] ^= 1;
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "8649"));
	/* Eve has stolen the old key and offers a root of her own */
	roots_init(&r);
	r.nwn.spki = r.nwo.spki = base_buf_span(&EVE->spki);
	memcpy(r.nwn.ski, EVE->ski, 20);
	memcpy(r.nwn.aki, EVE->ski, 20);
	memcpy(r.nwo.ski, EVE->ski, 20);
	ck_assert_int_eq(decide(&r, EVE, OLD, 100), BASE_E_REFUSED);
	r.old.has_next = false;
	ck_assert_int_eq(decide(&r, EVE, OLD, 100), BASE_OK);
}
END_TEST

/* What it names, not what it does not deny. */
START_TEST(names_next)
{
	struct roots r;

	for (int i = 0; i < 3; i++) {
		X509 *old, *new;

		roots_init(&r);
		r.old.next_hash[0] ^= i == 1;
		r.old.has_next = i != 2;
		old = fleet_issue(&r.old, OLD);
		new = fleet_issue(&r.nwn, NEW);
		ck_assert(wire_root_names_next(old, new) == (i == 0));
		ck_assert(!wire_root_names_next(new, old));
		X509_free(old);
		X509_free(new);
	}
}
END_TEST

START_TEST(signatures)
{
	struct roots r;

	roots_init(&r);
	ck_assert_int_eq(decide(&r, EVE, OLD, 100), BASE_E_CRYPTO);
	ck_assert_int_eq(decide(&r, NEW, EVE, 100), BASE_E_CRYPTO);
	ck_assert_int_eq(decide(&r, NEW, NEW, 100), BASE_E_CRYPTO);
}
END_TEST

START_TEST(keys_and_names)
{
	struct roots r;

	roots_init(&r); /* NewWithOld for another key */
	r.nwo.spki = base_buf_span(&EVE->spki);
	memcpy(r.nwo.ski, EVE->ski, 20);
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_REFUSED);
	roots_init(&r);
	strcpy(r.nwn.root, "other");
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_REFUSED);
	roots_init(&r);
	strcpy(r.nwn.root, "other");
	strcpy(r.nwo.root, "other");
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_REFUSED);
	roots_init(&r);
	strcpy(r.nwo.fleet, "other");
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_REFUSED);
	roots_init(&r); /* authority key identifier of somebody else */
	memcpy(r.nwo.aki, EVE->ski, 20);
	ck_assert_int_ne(decide(&r, NEW, OLD, 100), BASE_OK);
}
END_TEST

START_TEST(periods)
{
	struct roots r;

	roots_init(&r);
	ck_assert_int_eq(decide(&r, NEW, OLD, 99), BASE_E_EXPIRED);
	ck_assert_int_eq(decide(&r, NEW, OLD, 366), BASE_E_EXPIRED);
	ck_assert_int_eq(decide(&r, NEW, OLD, 501), BASE_E_EXPIRED);
	r.nwo.not_before = ON(99);
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_REFUSED);
	roots_init(&r);
	r.nwo.not_after = ON(366);
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_REFUSED);
	roots_init(&r);
	r.nwn.not_after = ON(200);
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_REFUSED);
	roots_init(&r);
	r.nwo.not_before = ON(101);
	ck_assert_int_eq(decide(&r, NEW, OLD, 100), BASE_E_EXPIRED);
	ck_assert_int_eq(decide(&r, NEW, OLD, 101), BASE_OK);
}
END_TEST

/* An old root of somebody else's making. */
static enum base_err
decide_odd(const char *constraints, const char *ski)
{
	struct odd o = { .cn = "plant",
		.key = OLD,
		.exts = { constraints, "keyUsage=critical,keyCertSign", ski } };
	X509 *old = odd_make(&o), *nwn, *nwo;
	struct odd n = { .cn = "plant", .key = NEW, .exts = { ODD_CA } };
	struct odd w = { .cn = "plant",
		.key = NEW,
		.issuer = old,
		.issuer_key = OLD,
		.exts = { ODD_CA } };
	enum base_err e;

	nwn = odd_make(&n);
	if (ski == NULL)
		w.exts[3] = NULL;
	nwo = odd_make(&w);
	e = wire_verify_new_root(old, nwn, nwo, ON(1));
	X509_free(old);
	X509_free(nwn);
	X509_free(nwo);
	return e;
}

START_TEST(foreign_old_roots)
{
	const char *ski = "subjectKeyIdentifier=hash";

	ck_assert_msg(decide_odd("basicConstraints=critical,CA:TRUE", ski) ==
		BASE_OK,
	    "%s", base_why());
	ck_assert_int_eq(
	    decide_odd("basicConstraints=critical,CA:TRUE,pathlen:1", ski),
	    BASE_OK);
	ck_assert_int_eq(
	    decide_odd("basicConstraints=critical,CA:TRUE,pathlen:0", ski),
	    BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "pathLen"));
	ck_assert_int_eq(decide_odd("basicConstraints=critical,CA:TRUE", NULL),
	    BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "identifier"));
}
END_TEST

/* ---- a first root --------------------------------------------------------- */

static enum base_err
first(const char *a, const char *b, const char *c, const char *d)
{
	struct odd o = { .cn = "plant", .key = OLD, .exts = { a, b, c, d } };
	X509 *x = odd_make(&o);
	enum base_err e = wire_verify_root(x, ON(1));

	X509_free(x);
	return e;
}

START_TEST(first_root)
{
	const char *bc = "basicConstraints=critical,CA:TRUE";
	const char *ku = "keyUsage=critical,keyCertSign,cRLSign";
	const char *ski = "subjectKeyIdentifier=hash";
	const char *aki = "authorityKeyIdentifier=keyid:always";

	ck_assert_int_eq(first(bc, ku, ski, aki), BASE_OK);
	ck_assert_int_ne(first("basicConstraints=CA:TRUE", ku, ski, aki),
	    BASE_OK);
	ck_assert_int_ne(first("basicConstraints=critical,CA:FALSE", ku, ski,
			     aki),
	    BASE_OK);
	ck_assert_int_eq(first("basicConstraints=critical,CA:TRUE,pathlen:0",
			     ku, ski, aki),
	    BASE_E_REFUSED);
	ck_assert_int_ne(first(bc, "keyUsage=critical,digitalSignature", ski,
			     aki),
	    BASE_OK);
	ck_assert_int_ne(first(bc, "keyUsage=keyCertSign", ski, aki), BASE_OK);
	ck_assert_int_ne(first(bc, ku, ski, NULL), BASE_OK);
	ck_assert_int_ne(first(bc, ku, NULL, NULL), BASE_OK);
}
END_TEST

START_TEST(first_root_signature)
{
	struct wire_tbs t = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "", OLD, OLD);
	X509 *good = fleet_issue(&t, OLD), *bad = fleet_issue(&t, EVE);
	struct wire_tbs leaf =
	    fleet_tbs(WIRE_NODE_CERT, "plant", "web1", NEW, OLD);
	X509 *node = fleet_issue(&leaf, OLD);

	ck_assert_int_eq(wire_verify_root(good, T0), BASE_OK);
	ck_assert_int_eq(wire_verify_root(bad, T0), BASE_E_CRYPTO);
	ck_assert_int_eq(wire_verify_root(node, T0), BASE_E_CRYPTO);
	ck_assert_int_eq(wire_verify_root(good, ON(-1)), BASE_E_EXPIRED);
	ck_assert_int_eq(wire_verify_root(good, ON(366)), BASE_E_EXPIRED);
	X509_free(good);
	X509_free(bad);
	X509_free(node);
}
END_TEST

TCase *
case_root(void)
{
	TCase *c = tcase_create("root");

	tcase_add_test(c, accepts);
	tcase_add_test(c, next_key);
	tcase_add_test(c, names_next);
	tcase_add_test(c, the_way_back);
	tcase_add_test(c, signatures);
	tcase_add_test(c, keys_and_names);
	tcase_add_test(c, periods);
	tcase_add_test(c, foreign_old_roots);
	tcase_add_test(c, first_root);
	tcase_add_test(c, first_root_signature);
	return c;
}
