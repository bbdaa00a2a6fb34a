/* What the CA is to its nodes: its key and certificates, the roots that it
 * trusts, and their renewal. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

#define DAY INT64_C(86400000)

static char *
key_file(void)
{
	return base_asprintf("%s/ca-tls.key", w.dir);
}

START_TEST(its_key)
{
	char *path = key_file();
	EVP_PKEY *key = NULL;
	struct stat s;

	pair_must(ca_identity_key_read(&w.ca, &key));
	ck_assert_int_eq(EVP_PKEY_eq(key, w.ca.tls_key), 1);
	EVP_PKEY_free(key);
	ck_assert_int_eq(stat(path, &s), 0);
	ck_assert_int_eq(s.st_mode & 0777, 0600);
	ck_assert_int_eq(unlink(path), 0);
	key = NULL;
	ck_assert_int_eq(ca_identity_key_read(&w.ca, &key), BASE_E_NOTFOUND);
	pair_must(ca_identity_key_make(&w.ca));
	pair_must(ca_identity_key_read(&w.ca, &key));
	ck_assert_int_ne(EVP_PKEY_eq(key, w.ca.tls_key), 1);
	EVP_PKEY_free(key);
	free(path);
}
END_TEST

START_TEST(certificates_by_kind_and_generation)
{
	static const uint8_t x[] = "x", y[] = "y";
	struct base_buf b;

	base_buf_init(&b, 0);
	pair_must(ca_identity_cert_put(&w.ca, WIRE_CA_TLS, 9,
	    (struct base_span){ x, 1 }));
	ck_assert_int_eq(ca_identity_cert_get(&w.ca, WIRE_ORDER_CERT, 9, &b),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_identity_cert_get(&w.ca, WIRE_CA_TLS, 8, &b),
	    BASE_E_NOTFOUND);
	pair_must(ca_identity_cert_put(&w.ca, WIRE_ORDER_CERT, 9,
	    (struct base_span){ y, 1 }));
	pair_must(ca_identity_cert_get(&w.ca, WIRE_CA_TLS, 9, &b));
	ck_assert_uint_eq(b.n, 1);
	ck_assert_int_eq(b.p[0], 'x');
	/* the newest counts */
	pair_must(ca_identity_cert_put(&w.ca, WIRE_CA_TLS, 9,
	    (struct base_span){ y, 1 }));
	base_buf_clear(&b);
	pair_must(ca_identity_cert_get(&w.ca, WIRE_CA_TLS, 9, &b));
	ck_assert_int_eq(b.p[0], 'y');
	base_buf_free(&b);
}
END_TEST

/* It keeps what it has. */
START_TEST(what_does_not_belong_together)
{
	X509 *const cert = w.ca.tls_cert;

	pair_must(ca_identity_key_make(&w.ca));
	ck_assert_int_eq(ca_identity_load(&w.ca), BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "from the same backup"));
	ck_assert_ptr_eq(w.ca.tls_cert, cert);
	ck_assert(w.ca.ready);
	ck_assert_int_eq(sk_X509_num(w.ca.management), 1);
}
END_TEST

START_TEST(loaded_and_freed)
{
	char *path = key_file();

	w.ca.invites_kept = true;
	pair_must(ca_identity_load(&w.ca));
	/* invitations are signed by its certificate */
	ck_assert(!w.ca.invites_kept);
	ck_assert_int_eq(X509_check_private_key(w.ca.tls_cert, w.ca.tls_key),
	    1);
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 1);
	ca_identity_free(&w.ca);
	ck_assert(!w.ca.ready);
	ck_assert_ptr_null(w.ca.tls_cert);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(ca_identity_load(&w.ca), BASE_E_NOTFOUND);
	ck_assert(!w.ca.ready);
	free(path);
}
END_TEST

/* ---- while its root rolls ---- */

static bool
is_of(X509 *x, uint32_t gen)
{
	X509 *root;

	pair_must(ca_issuer_root(&w.ca, CA_MANAGEMENT, gen, &root));
	return X509_verify(x, X509_get0_pubkey(root)) == 1;
}

static bool
is_root(int i, uint32_t gen)
{
	X509 *root;

	pair_must(ca_issuer_root(&w.ca, CA_MANAGEMENT, gen, &root));
	return X509_cmp(sk_X509_value(w.ca.management, i), root) == 0;
}

/* Its order is in force as soon as it is stored, whoever has reported. */
START_TEST(as_its_orders_say)
{
	struct ca_order o = { .epoch = 0 };

	world_roll(&w, CA_MANAGEMENT);
	/* from the start on two signatures, the newer first */
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 2);
	ck_assert(is_of(sk_X509_value(w.ca.order_certs, 0), 2));
	ck_assert(is_of(sk_X509_value(w.ca.order_certs, 1), 1));
	ck_assert_int_eq(sk_X509_num(w.ca.management), 1);
	ck_assert(is_of(w.ca.tls_cert, 1));
	ck_assert_int_eq(sk_X509_num(w.ca.link), 0);
	for (int i = 0; i < 2400 && is_of(w.ca.tls_cert, 1); i++)
		world_turn(&w);
	pair_must(ca_self_order(&w.ca, &o));
	ck_assert_uint_eq(o.steps, POL_CERT);
	ck_assert_int_eq(o.state, CA_ORDER_SENT);
	ca_order_clear(&o);
	/* its own root first, and who vouches for that */
	ck_assert(is_of(w.ca.tls_cert, 2));
	ck_assert_int_eq(sk_X509_num(w.ca.management), 2);
	ck_assert(is_root(0, 2) && is_root(1, 1));
	ck_assert_int_eq(sk_X509_num(w.ca.link), 1);
	ck_assert(is_of(sk_X509_value(w.ca.link, 0), 1));
	/* the same for one that was killed */
	world_restart(&w);
	ck_assert(is_of(w.ca.tls_cert, 2));
	ck_assert(is_root(0, 2) && is_root(1, 1));
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 2);
	ck_assert(world_run(&w, 300, world_rolled));
	ck_assert_int_eq(sk_X509_num(w.ca.management), 1);
	ck_assert_int_eq(sk_X509_num(w.ca.link), 0);
	pair_must(ca_identity_load(&w.ca));
	ck_assert_int_eq(sk_X509_num(w.ca.order_certs), 1);
	ck_assert(is_of(sk_X509_value(w.ca.order_certs, 0), 2));
}
END_TEST

/* ---- renewal ---- */

START_TEST(the_last_third_of_its_life)
{
	struct base_time from, to;

	pair_must(ca_issue_dates(w.ca.tls_cert, &from, &to));
	w.now.ms = to.ms - (to.ms - from.ms) / 3;
	ck_assert(!ca_identity_is_old(&w.ca, w.ca.tls_cert));
	w.now.ms += 1000;
	ck_assert(ca_identity_is_old(&w.ca, w.ca.tls_cert));
}
END_TEST

static X509 *
held(void)
{
	X509_up_ref(w.ca.tls_cert);
	return w.ca.tls_cert;
}

START_TEST(renewed_in_time)
{
	X509 *old = held();
	struct base_time from, to;

	w.ca.identity_next = w.mono;
	ck_assert_int_eq(ca_identity_work(&w.ca).ms, w.mono.ms + 3600000);
	pair_answer();
	ck_assert_int_eq(X509_cmp(w.ca.tls_cert, old), 0);
	pair_must(ca_issue_dates(old, &from, &to));
	w.now.ms = to.ms - (to.ms - from.ms) / 3 + 1000;
	/* not before the hour is over */
	(void)ca_identity_work(&w.ca);
	pair_answer();
	ck_assert_int_eq(X509_cmp(w.ca.tls_cert, old), 0);
	w.mono.ms += 3600000;
	(void)ca_identity_work(&w.ca);
	pair_answer();
	ck_assert_int_ne(X509_cmp(w.ca.tls_cert, old), 0);
	ck_assert(!ca_identity_is_old(&w.ca, w.ca.tls_cert));
	ck_assert_int_eq(w.ca.identity_next.ms, w.mono.ms);
	X509_free(old);
}
END_TEST

START_TEST(not_renewed_is_tried_again)
{
	X509 *old = held();
	struct base_time from, to;

	pair_must(ca_issue_dates(old, &from, &to));
	w.now.ms = to.ms - DAY;
	w.ca.identity_next = w.mono;
	hsm_fake_mood(w.hsm)->down = true;
	(void)ca_identity_work(&w.ca);
	pair_answer();
	ck_assert_int_eq(X509_cmp(w.ca.tls_cert, old), 0);
	hsm_fake_mood(w.hsm)->down = false;
	w.mono.ms += 3600000;
	(void)ca_identity_work(&w.ca);
	pair_answer();
	ck_assert_int_ne(X509_cmp(w.ca.tls_cert, old), 0);
	X509_free(old);
}
END_TEST

/* As long as its root, so it outlives many of the CA's own. */
START_TEST(the_order_signers_as_well)
{
	X509 *old = sk_X509_value(w.ca.order_certs, 0);
	struct base_buf before, after;
	struct base_time from, to;

	base_buf_init(&before, 0);
	base_buf_init(&after, 0);
	pair_must(ca_identity_cert_get(&w.ca, WIRE_ORDER_CERT, 1, &before));
	pair_must(ca_issue_dates(old, &from, &to));
	/* that of its TLS key is young just then */
	w.now.ms = to.ms - (to.ms - from.ms) / 3 - 10 * DAY;
	w.ca.identity_next = w.mono;
	(void)ca_identity_work(&w.ca);
	pair_answer();
	ck_assert(!ca_identity_is_old(&w.ca, w.ca.tls_cert));
	w.now.ms += 11 * DAY;
	w.ca.identity_next = w.mono;
	(void)ca_identity_work(&w.ca);
	pair_answer();
	pair_must(ca_identity_cert_get(&w.ca, WIRE_ORDER_CERT, 1, &after));
	ck_assert(
	    before.n != after.n || memcmp(before.p, after.p, before.n) != 0);
	base_buf_free(&before);
	base_buf_free(&after);
}
END_TEST

TCase *
case_identity(void)
{
	TCase *t = pair_case("identity");

	tcase_add_test(t, its_key);
	tcase_add_test(t, certificates_by_kind_and_generation);
	tcase_add_test(t, what_does_not_belong_together);
	tcase_add_test(t, loaded_and_freed);
	tcase_add_test(t, as_its_orders_say);
	tcase_add_test(t, the_last_third_of_its_life);
	tcase_add_test(t, renewed_in_time);
	tcase_add_test(t, not_renewed_is_tried_again);
	tcase_add_test(t, the_order_signers_as_well);
	return t;
}
