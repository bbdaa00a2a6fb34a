/* req_certs: batches of certificates; what may be in them is profile's. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

static void
setup(void)
{
	world_open();
	world_found();
}

START_TEST(node_certificate)
{
	struct wire_tbs t = world_node_tbs();
	X509 *x = NULL;
	EVP_PKEY *issuer;
	const uint8_t *p = world_key("plant", 1, false)->spki.p;

	ck_assert_int_eq(world_sign(&t, 1, &x), BASE_OK);
	issuer =
	    d2i_PUBKEY(NULL, &p, (long)world_key("plant", 1, false)->spki.n);
	ck_assert_int_eq(X509_verify(x, issuer), 1);
	EVP_PKEY_free(issuer);
	X509_free(x);
	ck_assert_uint_eq(w.core->state.certs, 3);
}
END_TEST

START_TEST(node_trailing_bytes)
{
	struct wire_tbs t = world_node_tbs();
	struct base_buf tbs;

	base_buf_init(&tbs, 0);
	ck_assert_int_eq(wire_tbs_compose(&t, &tbs), BASE_OK);
	ck_assert_int_eq(world_sign_der(base_buf_span(&tbs), "plant", 1, NULL),
	    BASE_OK);
	ck_assert_int_eq(base_buf_put_u8(&tbs, 0), BASE_OK);
	ck_assert_int_ne(world_sign_der(base_buf_span(&tbs), "plant", 1, NULL),
	    BASE_OK);
	base_buf_free(&tbs);
}
END_TEST

START_TEST(node_every_changed_byte)
{
	/* whatever bit of a TBS is turned: what is signed is what it says */
	struct wire_tbs t = world_node_tbs(), back;
	struct base_buf tbs;

	base_buf_init(&tbs, 0);
	ck_assert_int_eq(wire_tbs_compose(&t, &tbs), BASE_OK);
	for (size_t i = 0; i < tbs.n; i++) {
		tbs.p[i] ^= 0x01;
		if (world_sign_der(base_buf_span(&tbs), "plant", 1, NULL) ==
		    BASE_OK) {
			ck_assert_int_eq(wire_tbs_parse(base_buf_span(&tbs),
					     &back),
			    BASE_OK);
			ck_assert_int_eq(back.kind, WIRE_NODE_CERT);
			ck_assert_str_eq(back.node, "web1");
			ck_assert_mem_eq(back.ski, t.ski, 20);
			ck_assert_mem_eq(back.aki, t.aki, 20);
			wire_tbs_free(&back);
		}
		tbs.p[i] ^= 0x01;
	}
	base_buf_free(&tbs);
}
END_TEST

START_TEST(order_signer_signs_no_certificate)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_CERTS,
		.nitems = 1,
		.key = { .root = "management",
		    .generation = 1,
		    .order_signer = true,
		    .alg = WIRE_P256 } };
	struct base_buf item;

	base_buf_init(&item, 0);
	r.items = &item;
	ck_assert_int_eq(world_ask(&r), BASE_E_NOTFOUND);
}
END_TEST

/* The keystore of the world, but its n-th sign_finish fails. */
static struct hsm_ks_ops broken_ops;
static const struct hsm_ks_ops *good_ops;
static int good_finishes;

static enum base_err
broken_finish(void *ks, struct base_buf *sigs, size_t n)
{
	enum base_err e = good_ops->sign_finish(ks, sigs, n);

	return good_finishes-- == 0 ? base_fail(BASE_E_AGAIN, "token: died")
				    : e;
}

START_TEST(batch_that_breaks_in_the_middle)
{
	struct base_buf items[150];
	struct wire_hsm_request r = { .type = WIRE_HSM_CERTS,
		.nitems = 150,
		.items = items,
		.key = { .root = "plant", .generation = 1, .alg = WIRE_P256 } };

	for (int i = 0; i < 150; i++) {
		struct wire_tbs t = world_node_tbs();

		base_buf_init(&items[i], 0);
		ck_assert_int_eq(wire_tbs_compose(&t, &items[i]), BASE_OK);
	}
	good_ops = w.core->ks[0]->ops;
	broken_ops = *good_ops;
	broken_ops.sign_finish = broken_finish;
	good_finishes = _i;
	w.core->ks[0]->ops = &broken_ops;
	ck_assert_int_eq(world_ask(&r), BASE_E_AGAIN);
	ck_assert_uint_eq(world_answer.nitems, 0);
	/* nothing of it is left in the way of the next one */
	w.core->ks[0]->ops = good_ops;
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	for (int i = 0; i < 150; i++) {
		ck_assert_int_eq(world_answer.items[i].err, BASE_OK);
		base_buf_free(&items[i]);
	}
}
END_TEST

START_TEST(batch_items_have_their_own_fate)
{
	struct base_buf items[150];
	struct wire_hsm_request r = { .type = WIRE_HSM_CERTS,
		.nitems = 150,
		.items = items,
		.key = { .root = "plant", .generation = 1, .alg = WIRE_P256 } };
	uint64_t refused = w.core->state.refused;

	for (int i = 0; i < 150; i++) {
		struct wire_tbs t = world_node_tbs();

		if (i % 7 == 3)
			strcpy(t.node, "nobody");
		base_buf_init(&items[i], 0);
		ck_assert_int_eq(wire_tbs_compose(&t, &items[i]), BASE_OK);
	}
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	for (int i = 0; i < 150; i++) {
		ck_assert_int_eq(world_answer.items[i].err,
		    i % 7 == 3 ? BASE_E_REFUSED : BASE_OK);
		base_buf_free(&items[i]);
	}
	ck_assert_uint_eq(w.core->state.refused - refused, 21);
}
END_TEST

/* No audit record, no signature. */
START_TEST(no_room_no_signature)
{
	struct wire_tbs t = world_node_tbs();
	struct rlimit small, before;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 10;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_assert_int_eq(world_sign(&t, 1, NULL), BASE_E_IO);
	ck_assert_uint_eq(world_answer.nitems, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(world_sign(&t, 1, NULL), BASE_OK);
}
END_TEST

TCase *
case_req_certs(void)
{
	TCase *t = tcase_create("req_certs");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, node_certificate);
	tcase_add_test(t, node_trailing_bytes);
	tcase_add_test(t, node_every_changed_byte);
	tcase_add_test(t, order_signer_signs_no_certificate);
	tcase_add_loop_test(t, batch_that_breaks_in_the_middle, 0, 3);
	tcase_add_test(t, batch_items_have_their_own_fate);
	tcase_add_test(t, no_room_no_signature);
	return t;
}
