/*
 * Verification as a whole, on certificates as kedge makes them, and the roll
 * cases measured in other verifiers.
 */
#include <string.h>

#include <openssl/x509v3.h>

#include "tests/unit/wire/odd.h"
#include "tests/unit/wire/suites.h"

#define OLD  fleet_key(WIRE_P256, 0)
#define NEW  fleet_key(WIRE_P256, 1)
#define NODE fleet_key(WIRE_P256, 2)
#define EVE  fleet_key(WIRE_P256, 3)

/* A roll in the middle: everything that could be shown or trusted. */
static X509 *old, *nwn, *nwo, *own, *old_leaf, *new_leaf, *mallory;

static X509 *
issue(enum wire_cert_kind kind, const char *root, const char *node,
    const struct fleet_key *subject, const struct fleet_key *issuer)
{
	struct wire_tbs t = fleet_tbs(kind, root, node, subject, issuer);

	return fleet_issue(&t, issuer);
}

static void
setup(void)
{
	old = issue(WIRE_NEW_WITH_NEW, "plant", "", OLD, OLD);
	nwn = issue(WIRE_NEW_WITH_NEW, "plant", "", NEW, NEW);
	nwo = issue(WIRE_NEW_WITH_OLD, "plant", "", NEW, OLD);
	own = issue(WIRE_OLD_WITH_NEW, "plant", "", OLD, NEW);
	old_leaf = issue(WIRE_NODE_CERT, "plant", "web1", NODE, OLD);
	new_leaf = issue(WIRE_NODE_CERT, "plant", "web1", NODE, NEW);
	mallory = issue(WIRE_NEW_WITH_NEW, "plant", "", EVE, EVE);
}

static void
teardown(void)
{
	X509 *all[] = { old, nwn, nwo, own, old_leaf, new_leaf, mallory };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		X509_free(all[i]);
}

static struct wire_verify
server(void)
{
	return (struct wire_verify){ .purpose = WIRE_SERVER,
		.closed = true,
		.now = ON(10),
		.max_depth = -1,
		.name_kind = WIRE_NAME_DNS,
		.name = "web1" };
}

/* Takes the two stacks over. */
static enum base_err
verify(const struct wire_verify *v, X509 *cert, STACK_OF(X509) *trust,
    STACK_OF(X509) *untrusted)
{
	enum base_err r = wire_verify_cert(v, cert, trust, untrusted, NULL);

	sk_X509_pop_free(trust, X509_free);
	sk_X509_pop_free(untrusted, X509_free);
	return r;
}
#define S(...) fleet_stack(__VA_ARGS__, NULL)

/* ---- rolls -------------------------------------------------------------------- */

START_TEST(old_and_new)
{
	struct wire_verify v = server();

	ck_assert_int_eq(verify(&v, old_leaf, S(old), NULL), BASE_OK);
	ck_assert_int_eq(verify(&v, new_leaf, S(nwn), NULL), BASE_OK);
	ck_assert_int_eq(verify(&v, old_leaf, S(nwn), NULL), BASE_E_CRYPTO);
	ck_assert_int_eq(verify(&v, new_leaf, S(old), NULL), BASE_E_CRYPTO);
	/* in any order of the bundle */
	ck_assert_int_eq(verify(&v, old_leaf, S(nwn, old), NULL), BASE_OK);
	ck_assert_int_eq(verify(&v, old_leaf, S(old, nwn), NULL), BASE_OK);
	ck_assert_int_eq(verify(&v, new_leaf, S(nwn, old), NULL), BASE_OK);
	ck_assert_int_eq(verify(&v, new_leaf, S(old, nwn), NULL), BASE_OK);
	ck_assert_int_eq(verify(&v, new_leaf, S(mallory), NULL), BASE_E_CRYPTO);
}
END_TEST

START_TEST(new_with_old_is_a_net)
{
	struct wire_verify v = server();

	ck_assert_int_eq(verify(&v, new_leaf, S(old), S(nwo)), BASE_OK);
	ck_assert_int_eq(verify(&v, old_leaf, S(nwn), S(own)), BASE_OK);
	/* found in the trust file as well, and self-issued: no depth */
	v.max_depth = 0;
	ck_assert_int_eq(verify(&v, new_leaf, S(old, nwo), NULL), BASE_OK);
	/* alone it is no anchor, and it helps no other root */
	ck_assert_int_eq(verify(&v, new_leaf, S(nwo), NULL), BASE_E_CRYPTO);
	ck_assert_int_eq(verify(&v, new_leaf, S(mallory), S(nwo)),
	    BASE_E_CRYPTO);
	/* the old root is gone: both orders work, where OpenSSL alone does
	 * not when NewWithOld comes first */
	ck_assert_int_eq(verify(&v, new_leaf, S(nwo, nwn), NULL), BASE_OK);
	ck_assert_int_eq(verify(&v, new_leaf, S(nwn, nwo), NULL), BASE_OK);
}
END_TEST

/* The old root's end is the end of the net, not of {old, NewWithNew}. */
START_TEST(old_root_ends)
{
	struct wire_tbs t = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "", OLD, OLD);
	struct wire_verify v = server();
	X509 *ended;

	t.not_after = ON(5);
	ended = fleet_issue(&t, OLD);
	ck_assert_int_eq(verify(&v, new_leaf, S(ended), S(nwo)),
	    BASE_E_EXPIRED);
	ck_assert_int_eq(verify(&v, new_leaf, S(ended, nwo), NULL),
	    BASE_E_EXPIRED);
	ck_assert_int_eq(verify(&v, new_leaf, S(ended, nwn), S(nwo)), BASE_OK);
	ck_assert_int_eq(verify(&v, new_leaf, S(ended, nwo, nwn), NULL),
	    BASE_OK);
	v.now = ON(5);
	ck_assert_int_eq(verify(&v, new_leaf, S(ended), S(nwo)), BASE_OK);
	X509_free(ended);
}
END_TEST

START_TEST(new_with_old_of_tomorrow)
{
	struct wire_tbs t = fleet_tbs(WIRE_NEW_WITH_OLD, "plant", "", NEW, OLD);
	struct wire_verify v = server();
	X509 *x;

	t.not_before = ON(11);
	x = fleet_issue(&t, OLD);
	ck_assert_int_eq(verify(&v, new_leaf, S(old), S(x)), BASE_E_EXPIRED);
	v.now = ON(11);
	ck_assert_int_eq(verify(&v, new_leaf, S(old), S(x)), BASE_OK);
	X509_free(x);
}
END_TEST

START_TEST(old_root_with_pathlen_0)
{
	struct odd o = { .cn = "plant",
		.key = OLD,
		.exts = { "basicConstraints=critical,CA:TRUE,pathlen:0",
		    "keyUsage=critical,keyCertSign",
		    "subjectKeyIdentifier=hash" } };
	X509 *root = odd_make(&o);
	struct odd w = { .cn = "plant",
		.key = NEW,
		.issuer = root,
		.issuer_key = OLD,
		.exts = { ODD_CA } };
	X509 *link = odd_make(&w);
	struct odd l = { .cn = "web1",
		.key = NODE,
		.issuer = link,
		.issuer_key = NEW,
		.exts = { ODD_LEAF } };
	X509 *leaf = odd_make(&l);
	struct wire_verify v = server();

	v.closed = false;
	v.name = "web1.example";
	/* RFC 5280 4.2.1.9 does not count the self-issued link; who does count
	 * it refuses, so such a root may not be rolled at all (root.c) */
	ck_assert_int_eq(verify(&v, leaf, S(root), S(link)), BASE_OK);
	X509_free(root);
	X509_free(link);
	X509_free(leaf);
}
END_TEST

/* ---- what else must hold ---------------------------------------------------------- */

START_TEST(dates)
{
	struct wire_verify v = server();

	v.now = T0;
	ck_assert_int_eq(verify(&v, old_leaf, S(old), NULL), BASE_OK);
	v.now.ms -= 1;
	ck_assert_int_eq(verify(&v, old_leaf, S(old), NULL), BASE_E_EXPIRED);
	v.now = ON(365);
	ck_assert_int_eq(verify(&v, old_leaf, S(old), NULL), BASE_OK);
	v.now.ms += 999;
	ck_assert_int_eq(verify(&v, old_leaf, S(old), NULL), BASE_OK);
	v.now.ms += 1;
	ck_assert_int_eq(verify(&v, old_leaf, S(old), NULL), BASE_E_EXPIRED);
	v.now.ms = -1;
	ck_assert_int_eq(verify(&v, old_leaf, S(old), NULL), BASE_E_EXPIRED);
}
END_TEST

static enum base_err
as(enum wire_purpose p, X509 *x, X509 *root)
{
	struct wire_verify v = server();

	v.purpose = p;
	v.name_kind = WIRE_NAME_NONE;
	return verify(&v, x, S(root), NULL);
}

START_TEST(purposes)
{
	X509 *m = issue(WIRE_NEW_WITH_NEW, "management", "", OLD, OLD);
	struct {
		X509 *x, *root;
		bool server, client, order, node, ca;
	} rows[] = {
		{ issue(WIRE_NODE_CERT, "plant", "web1", NODE, OLD), old, true,
		    true, false, false, false },
		{ issue(WIRE_CANARY, "plant", "web1", NODE, OLD), old, true,
		    true, false, false, false },
		{ issue(WIRE_NODE_CERT, "management", "web1", NODE, OLD), m,
		    true, true, false, true, false },
		{ issue(WIRE_ORDER_CERT, "management", "order", NODE, OLD), m,
		    false, false, true, false, false },
		{ issue(WIRE_CA_TLS, "management", "ca", NODE, OLD), m, true,
		    true, false, false, true },
		{ issue(WIRE_NEW_WITH_NEW, "plant", "", OLD, OLD), old, false,
		    false, false, false, false },
		{ issue(WIRE_NEW_WITH_OLD, "plant", "", NEW, OLD), old, false,
		    false, false, false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		X509 *x = rows[i].x, *root = rows[i].root;
		struct wire_verify v = server();

		v.now = T0; /* the canary's ten minutes */
		v.name_kind = WIRE_NAME_NONE;
		v.purpose = WIRE_SERVER;
		ck_assert_int_eq(verify(&v, x, S(root), NULL) == BASE_OK,
		    rows[i].server);
		v.purpose = WIRE_CLIENT;
		ck_assert_int_eq(verify(&v, x, S(root), NULL) == BASE_OK,
		    rows[i].client);
		ck_assert_int_eq(as(WIRE_ORDER_SIGNER, x, root) == BASE_OK,
		    rows[i].order);
		ck_assert_int_eq(as(WIRE_NODE_SIGNER, x, root) == BASE_OK,
		    rows[i].node);
		ck_assert_int_eq(as(WIRE_CA_SIGNER, x, root) == BASE_OK,
		    rows[i].ca);
		X509_free(x);
	}
	X509_free(m);
}
END_TEST

START_TEST(signatures)
{
	struct wire_tbs t =
	    fleet_tbs(WIRE_NODE_CERT, "plant", "web1", NODE, OLD);
	X509 *forged = fleet_issue(&t, EVE);
	struct wire_verify v = server();

	/* names the old root in every way, but Eve has signed */
	ck_assert_int_eq(verify(&v, forged, S(old), NULL), BASE_E_CRYPTO);
	ck_assert_ptr_nonnull(strstr(base_why(), "did not sign"));
	ck_assert_int_eq(verify(&v, forged, S(old, nwn), S(mallory, nwo)),
	    BASE_E_CRYPTO);
	/* a leaf is no issuer */
	X509_free(forged);
	t = fleet_tbs(WIRE_NODE_CERT, "plant", "web1", EVE, NODE);
	forged = fleet_issue(&t, NODE);
	ck_assert_int_ne(verify(&v, forged, S(old), S(old_leaf)), BASE_OK);
	X509_free(forged);
}
END_TEST

START_TEST(chain_comes_back)
{
	struct wire_verify v = server();
	STACK_OF(X509) *trust = S(mallory, old), *chain = NULL;
	STACK_OF(X509) *untrusted = S(mallory, own, nwo, nwo, new_leaf);

	ck_assert_int_eq(wire_verify_cert(&v, new_leaf, trust, untrusted,
			     &chain),
	    BASE_OK);
	ck_assert_int_eq(sk_X509_num(chain), 3);
	ck_assert_int_eq(X509_cmp(sk_X509_value(chain, 0), new_leaf), 0);
	ck_assert_int_eq(X509_cmp(sk_X509_value(chain, 1), nwo), 0);
	ck_assert_int_eq(X509_cmp(sk_X509_value(chain, 2), old), 0);
	sk_X509_pop_free(chain, X509_free);
	chain = NULL;
	v.name = "web2";
	ck_assert_int_ne(wire_verify_cert(&v, new_leaf, trust, untrusted,
			     &chain),
	    BASE_OK);
	ck_assert_ptr_null(chain);
	sk_X509_pop_free(trust, X509_free);
	sk_X509_pop_free(untrusted, X509_free);
}
END_TEST

/* ---- depth --------------------------------------------------------------- */

START_TEST(depth)
{
	X509 *root = odd_ca("root", OLD, NULL, NULL);
	X509 *ca1 = odd_ca("ca1", NEW, root, OLD);
	X509 *ca2 = odd_ca("ca2", EVE, ca1, NEW);
	X509 *leaf = odd_leaf(NODE, ca2, EVE);
	struct wire_verify v = server();

	v.name = "web1.example";
	ck_assert_msg(verify(&v, leaf, S(root), S(ca1, ca2)) == BASE_OK, "%s",
	    base_why());
	v.max_depth = 2;
	ck_assert_int_eq(verify(&v, leaf, S(root), S(ca2, ca1)), BASE_OK);
	v.max_depth = 1;
	ck_assert_int_eq(verify(&v, leaf, S(root), S(ca2, ca1)), BASE_E_CRYPTO);
	ck_assert_ptr_nonnull(strstr(base_why(), "too many"));
	v.max_depth = -1;
	ck_assert_int_eq(verify(&v, leaf, S(root), S(ca2)), BASE_E_CRYPTO);
	X509_free(root);
	X509_free(ca1);
	X509_free(ca2);
	X509_free(leaf);
}
END_TEST

/* Two ways, and the first that comes to mind has ended: turn back. */
START_TEST(turns_back)
{
	X509 *root = odd_ca("root", OLD, NULL, NULL);
	struct odd o = { .cn = "ca",
		.key = NEW,
		.issuer = root,
		.issuer_key = OLD,
		.exts = { ODD_CA },
		.until = 5 };
	X509 *ended = odd_make(&o), *good, *leaf;
	struct wire_verify v = server();

	o.until = 0;
	good = odd_make(&o);
	leaf = odd_leaf(NODE, good, NEW);
	v.name = "web1.example";
	ck_assert_int_eq(verify(&v, leaf, S(root), S(ended, good)), BASE_OK);
	ck_assert_int_eq(verify(&v, leaf, S(root), S(good, ended)), BASE_OK);
	ck_assert_int_eq(verify(&v, leaf, S(root), S(ended)), BASE_E_EXPIRED);
	X509_free(root);
	X509_free(ended);
	X509_free(good);
	X509_free(leaf);
}
END_TEST

TCase *
case_verify(void)
{
	TCase *c = tcase_create("verify");

	tcase_set_timeout(c, 30);
	tcase_add_unchecked_fixture(c, setup, teardown);
	tcase_add_test(c, old_and_new);
	tcase_add_test(c, new_with_old_is_a_net);
	tcase_add_test(c, old_root_ends);
	tcase_add_test(c, new_with_old_of_tomorrow);
	tcase_add_test(c, old_root_with_pathlen_0);
	tcase_add_test(c, dates);
	tcase_add_test(c, purposes);
	tcase_add_test(c, signatures);
	tcase_add_test(c, chain_comes_back);
	tcase_add_test(c, depth);
	tcase_add_test(c, turns_back);
	return c;
}
