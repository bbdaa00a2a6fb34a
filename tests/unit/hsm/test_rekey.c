/*
 * rekey: a node's keys change by its own word only. web1 has node_key[0] for
 * every root, and new_key in the tests is what it makes.
 */
#include <string.h>

#include "hsm/holds.h"
#include "policy/policy.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

static EVP_PKEY *new_key;
static struct base_buf new_spki;

static void
setup(void)
{
	world_open();
	world_fleet();
	ck_assert_int_eq(wire_key_make(WIRE_P256, &new_key), BASE_OK);
	base_buf_init(&new_spki, 0);
	ck_assert_int_eq(wire_key_spki(new_key, &new_spki), BASE_OK);
}

static void
teardown(void)
{
	EVP_PKEY_free(new_key);
	base_buf_free(&new_spki);
	world_close();
}

static void
refused(enum base_err e, enum base_err want, const char *word)
{
	const struct base_buf *why = &world_answer.items[0].data;

	ck_assert_int_eq(e, want);
	ck_assert_msg(memmem(why->p, why->n, word, strlen(word)) != NULL,
	    "\"%.*s\" does not say \"%s\"", (int)why->n, (char *)why->p, word);
}

/* An order within generation 1, asked for. cert is taken. */
static enum base_err
order(uint32_t steps, uint64_t epoch, X509 *cert)
{
	struct wire_order *o = &world_last.o;

	wire_order_clear(o);
	*o = (struct wire_order){ .fleet = "test",
		.node = "web1",
		.root = "plant",
		.epoch = epoch,
		.issued = world_time,
		.expires = { world_time.ms + WORLD_DAY },
		.steps = steps,
		.from = 1,
		.to = 1,
		.verifies = true };
	o->new_with_new = world_root("plant", 1);
	o->cert = cert;
	return world_order_ask(o);
}

/* Does hsmd certify this key for web1? */
static enum base_err
certify(const struct base_buf *spki, X509 **x)
{
	struct wire_tbs t =
	    world_tbs(WIRE_NODE_CERT, "plant", 1, "web1", base_buf_span(spki));

	return world_sign(&t, 1, x);
}

/* SHOW of web1's effective report about the last order, with this proof. */
static enum base_err
shown(uint64_t epoch, const struct base_buf *rekey)
{
	struct world_report r = { .node = WORLD_WEB,
		.signer = WORLD_WEB,
		.status = WIRE_EFFECTIVE,
		.epoch = epoch,
		.trust = POL_GEN(1),
		.cert = 1,
		.rekey = rekey };
	struct base_buf cms;
	enum base_err e;

	world_report(&r, &cms);
	e = world_show(WORLD_WEB, &cms, NULL, NULL);
	base_buf_free(&cms);
	return e;
}

static struct base_buf
proof(EVP_PKEY *old, EVP_PKEY *new)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(wire_rekey_make(old, new, "test", "web1", &b),
	    BASE_OK);
	return b;
}

static void
asked(uint64_t epoch)
{
	ck_assert_int_eq(order(WIRE_STEP_REKEY, epoch, NULL), BASE_OK);
}

static void
bound(uint64_t epoch)
{
	struct base_buf b = proof(w.node_key[WORLD_WEB], new_key);

	asked(epoch);
	ck_assert_int_eq(shown(epoch, &b), BASE_OK);
	base_buf_free(&b);
}

START_TEST(by_the_nodes_own_word)
{
	X509 *x = NULL;

	refused(certify(&new_spki, NULL), BASE_E_REFUSED, "another key");
	bound(2);
	/* both, as long as nobody knows which one is in use */
	ck_assert_int_eq(certify(&w.node_spki[WORLD_WEB], NULL), BASE_OK);
	ck_assert_int_eq(certify(&new_spki, &x), BASE_OK);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, x), BASE_OK);
	ck_assert_int_eq(certify(&w.node_spki[WORLD_WEB], NULL), BASE_OK);
	ck_assert_int_eq(shown(3, NULL), BASE_OK);
	/* from here on the old one is nobody's */
	ck_assert_int_eq(certify(&new_spki, NULL), BASE_OK);
	refused(certify(&w.node_spki[WORLD_WEB], NULL), BASE_E_REFUSED,
	    "another key");
}
END_TEST

static void
reopen(void)
{
	struct hsm_ks *ks = w.core->ks[0];

	w.core->ks[0] = NULL;
	world_reopen(ks);
}

START_TEST(all_of_it_is_in_the_journal)
{
	X509 *x = NULL;

	bound(2);
	reopen();
	ck_assert_int_eq(certify(&new_spki, &x), BASE_OK);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, x), BASE_OK);
	ck_assert_int_eq(shown(3, NULL), BASE_OK);
	reopen();
	ck_assert_int_eq(certify(&new_spki, NULL), BASE_OK);
	refused(certify(&w.node_spki[WORLD_WEB], NULL), BASE_E_REFUSED,
	    "another key");
}
END_TEST

/* A renewal under the old key proves nothing about the new one. */
START_TEST(old_certificate_keeps_the_old_key)
{
	X509 *x = NULL;

	bound(2);
	ck_assert_int_eq(certify(&w.node_spki[WORLD_WEB], &x), BASE_OK);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, x), BASE_OK);
	ck_assert_int_eq(shown(3, NULL), BASE_OK);
	ck_assert_int_eq(certify(&w.node_spki[WORLD_WEB], NULL), BASE_OK);
	ck_assert_int_eq(certify(&new_spki, NULL), BASE_OK);
}
END_TEST

/* kedged has taken the management key's owner's place, but not the key. */
START_TEST(without_the_old_key)
{
	struct base_buf b = proof(w.node_key[WORLD_APP], new_key);

	asked(2);
	refused(shown(2, &b), BASE_E_CRYPTO, "vouched for");
	refused(certify(&new_spki, NULL), BASE_E_REFUSED, "another key");
	base_buf_free(&b);
}
END_TEST

START_TEST(key_of_another_node)
{
	struct base_buf b = proof(w.node_key[WORLD_WEB], w.node_key[WORLD_APP]);

	asked(2);
	refused(shown(2, &b), BASE_E_REFUSED, "another node");
	base_buf_free(&b);
}
END_TEST

START_TEST(unasked)
{
	struct base_buf b = proof(w.node_key[WORLD_WEB], new_key);
	X509 *x = NULL;

	ck_assert_int_eq(certify(&w.node_spki[WORLD_WEB], &x), BASE_OK);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 2, x), BASE_OK);
	refused(shown(2, &b), BASE_E_REFUSED, "did not ask");
	base_buf_free(&b);
}
END_TEST

/* The old report once more: it names an order that was answered long ago, and
 * its key is vouched for by one that is gone. */
START_TEST(replayed)
{
	struct world_report r = { .node = WORLD_WEB,
		.signer = WORLD_WEB,
		.status = WIRE_EFFECTIVE,
		.epoch = 2,
		.trust = POL_GEN(1),
		.cert = 1 };
	struct base_buf b = proof(w.node_key[WORLD_WEB], new_key), cms;
	X509 *x = NULL;

	asked(2);
	r.rekey = &b;
	world_report(&r, &cms);
	ck_assert_int_eq(world_show(WORLD_WEB, &cms, NULL, NULL), BASE_OK);
	/* at once, nothing happens */
	ck_assert_int_eq(world_show(WORLD_WEB, &cms, NULL, NULL), BASE_OK);
	ck_assert_int_eq(certify(&new_spki, &x), BASE_OK);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, x), BASE_OK);
	ck_assert_int_eq(shown(3, NULL), BASE_OK);
	refused(world_show(WORLD_WEB, &cms, NULL, NULL), BASE_E_EXISTS,
	    "shown before");
	/* nor in answer to another order */
	asked(4);
	refused(shown(4, &b), BASE_E_CRYPTO, "vouched for");
	base_buf_free(&b);
	base_buf_free(&cms);
}
END_TEST

/* Nobody showed that its certificate was in use, and an order after it was
 * answered: the next proof shows it. */
START_TEST(by_the_next_key)
{
	EVP_PKEY *third = NULL;
	struct base_buf b, spki;
	X509 *x = NULL;

	ck_assert_int_eq(wire_key_make(WIRE_P256, &third), BASE_OK);
	base_buf_init(&spki, 0);
	ck_assert_int_eq(wire_key_spki(third, &spki), BASE_OK);
	bound(2);
	ck_assert_int_eq(certify(&new_spki, &x), BASE_OK);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, x), BASE_OK);
	asked(4);
	b = proof(w.node_key[WORLD_APP], third);
	refused(shown(4, &b), BASE_E_CRYPTO, "nor by the key that is to take");
	base_buf_free(&b);
	b = proof(new_key, third);
	ck_assert_int_eq(shown(4, &b), BASE_OK);
	for (int i = 0; i < 2; i++) {
		refused(certify(&w.node_spki[WORLD_WEB], NULL), BASE_E_REFUSED,
		    "another key");
		ck_assert_int_eq(certify(&new_spki, NULL), BASE_OK);
		ck_assert_int_eq(certify(&spki, NULL), BASE_OK);
		reopen();
	}
	base_buf_free(&b);
	base_buf_free(&spki);
	EVP_PKEY_free(third);
}
END_TEST

/* A kedged that came back from a backup hears of both. */
START_TEST(both_are_known)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_KNOWN, .after = "ca" };
	struct wire_hsm_known k;

	bound(2);
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 1);
	ck_assert_int_eq(wire_hsm_known_parse(base_buf_span(
						  &world_answer.items[0].data),
			     &k),
	    BASE_OK);
	for (size_t i = 0; i < k.nparts; i++) {
		const struct wire_hsm_part *p = &k.parts[i];
		bool plant = strcmp(p->root, "plant") == 0;

		ck_assert_uint_eq(p->next.n, plant ? new_spki.n : 0);
		if (plant)
			ck_assert_mem_eq(p->next.p, new_spki.p, new_spki.n);
		ck_assert_mem_eq(p->spki.p, w.node_spki[WORLD_WEB].p,
		    p->spki.n);
	}
	wire_hsm_known_clear(&k);
}
END_TEST

/* Two orders of one epoch: the one for the old key is reported. */
START_TEST(another_order_of_the_same_epoch)
{
	X509 *x = NULL, *y = NULL;

	bound(2);
	ck_assert_int_eq(certify(&new_spki, &x), BASE_OK);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, x), BASE_OK);
	ck_assert_int_eq(certify(&w.node_spki[WORLD_WEB], &y), BASE_OK);
	ck_assert_int_eq(order(WIRE_STEP_CERT, 3, y), BASE_OK);
	ck_assert_int_eq(shown(3, NULL), BASE_OK);
	ck_assert_int_eq(certify(&w.node_spki[WORLD_WEB], NULL), BASE_OK);
	reopen();
	ck_assert_int_eq(certify(&w.node_spki[WORLD_WEB], NULL), BASE_OK);
}
END_TEST

TCase *
case_rekey(void)
{
	TCase *tc = tcase_create("rekey");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, by_the_nodes_own_word);
	tcase_add_test(tc, all_of_it_is_in_the_journal);
	tcase_add_test(tc, old_certificate_keeps_the_old_key);
	tcase_add_test(tc, without_the_old_key);
	tcase_add_test(tc, key_of_another_node);
	tcase_add_test(tc, unasked);
	tcase_add_test(tc, replayed);
	tcase_add_test(tc, by_the_next_key);
	tcase_add_test(tc, both_are_known);
	tcase_add_test(tc, another_order_of_the_same_epoch);
	return tc;
}
