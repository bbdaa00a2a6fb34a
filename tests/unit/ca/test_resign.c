/* Orders that were out before the management root began to roll are signed
 * again under the new generation. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static struct base_buf
cms_of(const char *node)
{
	struct ca_order o;
	struct base_buf b;

	pair_must(ca_store_order_get(w.ca.store, node, "plant", 2, &o));
	b = o.cms;
	memset(&o.cms, 0, sizeof(o.cms));
	ca_order_clear(&o);
	return b;
}

static bool
verifies(const char *node, uint32_t gen)
{
	STACK_OF(X509) *trust = sk_X509_new_null();
	struct wire_signer s = { .cert = NULL };
	struct base_buf der, cms = cms_of(node);
	X509 *root;
	bool yes;

	base_buf_init(&der, 0);
	pair_must(ca_issuer_root(&w.ca, CA_MANAGEMENT, gen, &root));
	ck_assert_int_gt(sk_X509_push(trust, root), 0);
	yes = wire_cms_verify(WIRE_C_ORDER, base_buf_span(&cms), trust, w.now,
		  &der, &s) == BASE_OK;
	wire_signer_clear(&s);
	base_buf_free(&der);
	base_buf_free(&cms);
	sk_X509_free(trust);
	return yes;
}

/* Two orders are out, under the old generation only, when the CA takes its
 * new certificate; nothing is signed again before the test says so. */
static void
begin(void)
{
	world_node(&w, "app1")->slow = world_node(&w, "web1")->slow = true;
	world_roll(&w, "plant");
	pair_turns(10);
	world_node(&w, "app1")->slow = world_node(&w, "web1")->slow = false;
	world_node(&w, "app1")->report.n = 0;
	world_node(&w, "web1")->report.n = 0;
	world_roll(&w, CA_MANAGEMENT);
	pair_make(CA_MANAGEMENT, 2);
}

static void
ca_presents_2(void)
{
	X509 *root;

	pair_must(ca_issuer_root(&w.ca, CA_MANAGEMENT, 2, &root));
	X509_up_ref(root);
	ck_assert_int_gt(sk_X509_unshift(w.ca.management, root), 0);
}

static void
look(void)
{
	w.ca.resign_wanted = true;
	w.ca.resign_next = w.mono;
	(void)ca_resign_work(&w.ca);
	pair_answer();
}

START_TEST(when_the_ca_has_the_new_one)
{
	begin();
	ck_assert(verifies("app1", 1) && !verifies("app1", 2));
	look();
	/* nobody would need it yet */
	ck_assert(!verifies("app1", 2));
	ca_presents_2();
	look();
	ck_assert(verifies("app1", 1) && verifies("app1", 2));
	ck_assert(verifies("web1", 1) && verifies("web1", 2));
}
END_TEST

START_TEST(once)
{
	struct hsm_fake_mood *m = hsm_fake_mood(w.hsm);
	uint64_t made;

	begin();
	ca_presents_2();
	made = m->made;
	look();
	ck_assert_uint_eq(m->made - made, 2);
	look();
	ck_assert_uint_eq(m->made - made, 2);
	ck_assert(!w.ca.resign_wanted && !w.ca.resigning);
	ck_assert_int_eq(ca_resign_work(&w.ca).ms, CA_NEVER.ms);
}
END_TEST

/* That is made anew in any case. */
START_TEST(not_what_has_expired)
{
	struct ca_order o;
	uint64_t made;

	begin();
	ca_presents_2();
	pair_must(ca_store_order_get(w.ca.store, "app1", "plant", 2, &o));
	w.now = o.expires;
	ca_order_clear(&o);
	made = hsm_fake_mood(w.hsm)->made;
	look();
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->made, made);
	ck_assert(!w.ca.resigning);
}
END_TEST

/* What is refused waits for the next look; the other goes out. */
START_TEST(one_refusal)
{
	begin();
	ca_presents_2();
	hsm_fake_mood(w.hsm)->unjustified = 1;
	look();
	ck_assert_int_eq(verifies("app1", 2) + verifies("web1", 2), 1);
	ck_assert(w.ca.resign_wanted);
	look();
	ck_assert(verifies("app1", 2) && verifies("web1", 2));
}
END_TEST

START_TEST(no_answer)
{
	begin();
	ca_presents_2();
	hsm_fake_mood(w.hsm)->down = true;
	look();
	ck_assert(!verifies("app1", 2));
	ck_assert(w.ca.resign_wanted && !w.ca.resigning);
	ck_assert_int_eq(w.ca.resign_next.ms, w.mono.ms + w.conf.resend_max_ms);
	ck_assert_int_eq(ca_resign_work(&w.ca).ms, w.ca.resign_next.ms);
	hsm_fake_mood(w.hsm)->down = false;
	look();
	ck_assert(verifies("app1", 2));
}
END_TEST

/* Out with the old parcel, in with the new one. */
START_TEST(sent_again)
{
	begin();
	ca_presents_2();
	ck_assert_uint_gt(ca_deliver_tries(w.ca.deliver, "app1", "plant", 2),
	    0);
	look();
	ck_assert_uint_eq(ca_deliver_tries(w.ca.deliver, "app1", "plant", 2),
	    0);
	ck_assert_int_le(ca_deliver_due(w.ca.deliver, NULL).ms, w.mono.ms);
}
END_TEST

/* Settled while kedge-hsmd signed: it stays so. */
START_TEST(settled_meanwhile)
{
	struct wire_parcel *list = NULL;
	struct ca_order o;

	begin();
	ca_presents_2();
	w.ca.resign_wanted = true;
	(void)ca_resign_work(&w.ca);
	ck_assert(w.ca.resigning);
	pair_must(ca_store_order_get(w.ca.store, "app1", "plant", 2, &o));
	o.state = CA_ORDER_EFFECTIVE;
	pair_must(ca_store_order_update(w.ca.store, &o));
	ca_order_clear(&o);
	ca_deliver_settled(w.ca.deliver, "app1", "plant", 2);
	ca_deliver_settled(w.ca.deliver, "web1", "plant", 2);
	pair_answer();
	ck_assert_uint_eq(ca_deliver_collect(w.ca.deliver, w.mono, NULL,
			      1 << 20, &list),
	    1);
	ck_assert_str_eq(list[0].route[list[0].nroute - 1], "web1");
	wire_parcel_clear(&list[0]);
	free(list);
}
END_TEST

TCase *
case_resign(void)
{
	TCase *t = pair_case("resign");

	tcase_add_test(t, when_the_ca_has_the_new_one);
	tcase_add_test(t, once);
	tcase_add_test(t, not_what_has_expired);
	tcase_add_test(t, one_refusal);
	tcase_add_test(t, no_answer);
	tcase_add_test(t, sent_again);
	tcase_add_test(t, settled_meanwhile);
	return t;
}
