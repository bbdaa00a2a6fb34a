/* The fold over the journal: what each record makes of the state. */
#include <stdlib.h>
#include <string.h>

#include "hsm/holds.h"
#include "tests/unit/hsm/suites.h"
#include "wire/msg.h"

static struct hsm_state s;
static struct base_buf b;
static EVP_PKEY *pkey[3];
static struct base_buf spki[3];

static void
setup(void)
{
	memset(&s, 0, sizeof(s));
	base_buf_init(&b, 0);
	for (int i = 0; i < 3; i++) {
		base_buf_init(&spki[i], 0);
		ck_assert_int_eq(wire_key_make(WIRE_P256, &pkey[i]), BASE_OK);
		ck_assert_int_eq(wire_key_spki(pkey[i], &spki[i]), BASE_OK);
	}
}

static void
teardown(void)
{
	hsm_state_clear(&s);
	base_buf_free(&b);
	for (int i = 0; i < 3; i++) {
		EVP_PKEY_free(pkey[i]);
		base_buf_free(&spki[i]);
	}
}

/* The record in b, which is emptied. */
static enum base_err
apply(enum hsm_record kind)
{
	enum base_err e;

	b.at = 0;
	e = hsm_state_apply(&s, kind, (struct base_time){ 1 }, &b);
	base_buf_clear(&b);
	b.at = 0;
	return e;
}

static void
did(enum hsm_record kind)
{
	ck_assert_msg(apply(kind) == BASE_OK, "%s", base_why());
}

static struct hsm_key
key(uint8_t id, const char *root, uint32_t generation, bool order_signer)
{
	struct hsm_key k = { .generation = generation,
		.order_signer = order_signer,
		.alg = WIRE_P256,
		.token = "mem" };

	memset(k.id, id, HSM_ID);
	strcpy(k.root, root);
	return k;
}

static void
make(const struct hsm_key *k, int i)
{
	hsm_put_intent(&b, k);
	did(HSM_R_INTENT);
	hsm_put_made(&b, k->id, base_buf_span(&spki[i]));
	did(HSM_R_MADE);
}

START_TEST(of_one_format)
{
	hsm_put_start(&b, "fleet");
	did(HSM_R_START);
	ck_assert_str_eq(s.fleet, "fleet");
	/* the first one counts; core.c compares */
	hsm_put_start(&b, "other");
	did(HSM_R_START);
	ck_assert_str_eq(s.fleet, "fleet");
	hsm_put_start(&b, "fleet");
	b.p[3]++;
	ck_assert_int_eq(apply(HSM_R_START), BASE_E_STATE);
	ck_assert_int_eq(apply((enum hsm_record)0), BASE_E_STATE);
	ck_assert_int_eq(apply((enum hsm_record)200), BASE_E_STATE);
}
END_TEST

START_TEST(keys_made_and_swept)
{
	struct hsm_key one = key(1, "plant", 1, false);
	struct hsm_key two = key(2, "plant", 2, false);
	struct hsm_key signer = key(3, "management", 1, true);

	hsm_put_intent(&b, &two);
	did(HSM_R_INTENT);
	ck_assert_ptr_null(hsm_state_key(&s, "plant", 2, false));
	hsm_put_swept(&b, two.id);
	did(HSM_R_SWEPT);
	make(&one, 0);
	make(&signer, 1);
	ck_assert_ptr_nonnull(hsm_state_key(&s, "plant", 1, false));
	ck_assert_ptr_null(hsm_state_key(&s, "plant", 1, true));
	ck_assert_ptr_null(hsm_state_key(&s, "plant", 2, false));
	ck_assert_ptr_eq(hsm_state_key_by_spki(&s, base_buf_span(&spki[1])),
	    hsm_state_key(&s, "management", 1, true));
	ck_assert_ptr_null(hsm_state_key_by_spki(&s, base_buf_span(&spki[2])));
	/* a key that nobody meant to make */
	hsm_put_made(&b, key(9, "", 1, false).id, base_buf_span(&spki[2]));
	ck_assert_int_eq(apply(HSM_R_MADE), BASE_E_INTEGRITY);
	/* and one that is none */
	hsm_put_made(&b, two.id, (struct base_span){ (const uint8_t *)"x", 1 });
	ck_assert_int_ne(apply(HSM_R_MADE), BASE_OK);
}
END_TEST

static void
bind(const char *node, size_t n, const struct base_buf *keys)
{
	char roots[2][BASE_NAME_MAX + 1] = { "plant", "management" };
	uint8_t token[HSM_HASH] = { 7 };
	struct hsm_bind v = { .node = node,
		.token = token,
		.n = n,
		.roots = roots,
		.spkis = keys };

	hsm_put_bind(&b, &v);
	did(HSM_R_BIND);
}

static const char *
owner(int i)
{
	const struct hsm_node *n = hsm_state_owner(&s, base_buf_span(&spki[i]));

	return n == NULL ? "" : n->name;
}

START_TEST(nodes_come_and_go)
{
	uint8_t hash[HSM_HASH] = { 7 };
	struct hsm_node *n;

	hsm_put_token(&b, "web1", hash, (struct base_time){ 99 });
	did(HSM_R_TOKEN);
	n = hsm_state_node(&s, "web1");
	ck_assert(n->has_token && !n->bound);
	ck_assert_int_eq(n->token_end.ms, 99);
	bind("web1", 2, spki);
	ck_assert(!n->has_token && n->bound);
	ck_assert_mem_eq(n->used, hash, HSM_HASH);
	ck_assert_str_eq(owner(0), "web1");
	ck_assert_str_eq(owner(1), "web1");
	ck_assert(
	    hsm_node_key_is(hsm_node_key(n, "plant"), base_buf_span(&spki[0])));
	ck_assert(!hsm_node_key_is(hsm_node_key(n, "plant"),
	    base_buf_span(&spki[1])));
	ck_assert_ptr_null(hsm_node_key(n, "lab"));
	/* bound again: what it had is nobody's */
	bind("web1", 1, &spki[2]);
	ck_assert_str_eq(owner(0), "");
	ck_assert_str_eq(owner(1), "");
	ck_assert_str_eq(owner(2), "web1");
	ck_assert_ptr_null(hsm_node_key(n, "management"));
	hsm_put_forget(&b, "web1");
	did(HSM_R_FORGET);
	ck_assert_ptr_null(hsm_state_node(&s, "web1"));
	ck_assert_str_eq(owner(2), "");
	hsm_put_forget(&b, "web1");
	did(HSM_R_FORGET);
}
END_TEST

static void
put_cert(const struct hsm_key *issuer, enum wire_cert_kind kind)
{
	struct wire_tbs t = { .kind = kind,
		.not_before = { 11 },
		.not_after = { 22 } };

	memset(t.next_hash, 4, sizeof(t.next_hash));
	ck_assert_int_eq(wire_spki_id(base_buf_span(&spki[1]), t.ski), BASE_OK);
	hsm_put_cert(&b, issuer, &t,
	    (struct base_span){ (const uint8_t *)"tbs", 3 });
}

START_TEST(what_roots_say)
{
	struct hsm_key root = key(1, "management", 1, false);
	struct hsm_key signer = key(2, "management", 1, true);
	struct hsm_key *k;
	uint8_t hash[HSM_HASH];

	make(&root, 0);
	k = hsm_state_key(&s, "management", 1, false);
	put_cert(&root, WIRE_NODE_CERT);
	did(HSM_R_CERT);
	ck_assert(!k->has_root);
	put_cert(&root, WIRE_NEW_WITH_NEW);
	did(HSM_R_ROOT);
	ck_assert(k->has_root);
	ck_assert_int_eq(k->not_before.ms, 11);
	ck_assert_int_eq(k->not_after.ms, 22);
	ck_assert_uint_eq(k->next_hash[31], 4);
	/* an order signer's, before and after there is such a key */
	put_cert(&root, WIRE_ORDER_CERT);
	ck_assert_int_eq(apply(HSM_R_ORDER_CERT), BASE_E_INTEGRITY);
	make(&signer, 1);
	put_cert(&root, WIRE_ORDER_CERT);
	did(HSM_R_ORDER_CERT);
	k = hsm_state_key(&s, "management", 1, true);
	ck_assert_uint_eq(k->norder_tbs, 1);
	hsm_sha256((struct base_span){ (const uint8_t *)"tbs", 3 }, hash);
	ck_assert_mem_eq(k->order_tbs[0], hash, HSM_HASH);
	ck_assert_uint_eq(s.certs, 4);
}
END_TEST

START_TEST(certificates_as_they_were_signed)
{
	static const enum wire_cert_kind kinds[] = { WIRE_NEW_WITH_NEW,
		WIRE_NEW_WITH_OLD, WIRE_OLD_WITH_NEW };
	struct hsm_key one = key(1, "plant", 2, false), *k;
	const struct base_buf *at[3];

	make(&one, 0);
	k = hsm_state_key(&s, "plant", 2, false);
	at[0] = &k->nwn;
	at[1] = &k->nwo;
	at[2] = &k->own;
	for (int again = 0; again < 2; again++)
		for (int i = 0; i < 3; i++) {
			uint8_t der = (uint8_t)(10 * again + i);

			hsm_put_signed(&b, &one, kinds[i],
			    (struct base_span){ &der, 1 });
			did(HSM_R_SIGNED);
			ck_assert_uint_eq(at[i]->n, 1);
			ck_assert_uint_eq(at[i]->p[0], der);
		}
}
END_TEST

START_TEST(counts)
{
	hsm_put_mark(&b, 77);
	did(HSM_R_MARK);
	ck_assert_uint_eq(s.mark, 77);
	hsm_put_refused(&b, 1, 2, "why");
	did(HSM_R_REFUSED);
	ck_assert_uint_eq(s.refused, 1);
	hsm_put_refused(&b, 1, 2, "why");
	did(HSM_R_FAILED);
	ck_assert_uint_eq(s.refused, 1);
}
END_TEST

/* A record that is cut, or longer than its fields, is none. */
START_TEST(cut_or_longer)
{
	struct hsm_order o = { .node = "web1", .root = "plant", .epoch = 1 };
	struct hsm_key k = key(1, "plant", 1, false);
	size_t whole;

	hsm_put_intent(&b, &k);
	ck_assert_int_eq(base_buf_put_u8(&b, 0), BASE_OK);
	ck_assert_int_ne(apply(HSM_R_INTENT), BASE_OK);
	for (int kind = 0; kind < 2; kind++) {
		if (kind == 0)
			hsm_put_intent(&b, &k);
		else
			hsm_put_order(&b, &o);
		whole = b.n;
		base_buf_clear(&b);
		for (size_t n = 0; n < whole; n++) {
			if (kind == 0)
				hsm_put_intent(&b, &k);
			else
				hsm_put_order(&b, &o);
			b.n = n;
			ck_assert_int_ne(apply(kind == 0 ? HSM_R_INTENT
							 : HSM_R_ORDER),
			    BASE_OK);
		}
	}
	ck_assert_uint_eq(s.orders, 0);
}
END_TEST

TCase *
case_state(void)
{
	TCase *t = tcase_create("state");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, of_one_format);
	tcase_add_test(t, keys_made_and_swept);
	tcase_add_test(t, nodes_come_and_go);
	tcase_add_test(t, what_roots_say);
	tcase_add_test(t, certificates_as_they_were_signed);
	tcase_add_test(t, counts);
	tcase_add_test(t, cut_or_longer);
	return t;
}
