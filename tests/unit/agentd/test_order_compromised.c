/* Unit tests of agentd/order.c: orders that give up a root whose key may be in
 * wrong hands, and their refused twins. */
#include <string.h>

#include "tests/unit/agentd/order_rig.h"
#include "tests/unit/agentd/suites.h"

/* Taken when good, refused for want of a voucher when not. */
static void
decided(struct order_world *w, bool good)
{
	const enum ag_verdict v = order_judge(w);

	ck_assert_msg(v == (good ? AG_TAKE : AG_REFUSE), "%s", base_why());
	if (!good)
		ck_assert_msg(strstr(base_why(), "vouches") != NULL, "%s",
		    base_why());
	order_end(w);
}

/* Generation 1, of which it says whose key comes next; 0: nobody's. */
static X509 *
old_root(uint32_t next)
{
	struct wire_tbs t = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "",
	    rig_root_key(1), rig_root_key(1));

	t.has_next = next != 0;
	if (t.has_next)
		wire_x509_spki_sha256(rig_root(next), t.next_hash);
	return fleet_issue(&t, rig_root_key(1));
}

/* Its silence about the next key is no consent any more. */
START_TEST(needs_a_named_key)
{
	static const uint32_t steps[] = { WIRE_STEP_TRUST,
		WIRE_STEP_TRUST | WIRE_STEP_CERT, WIRE_STEP_CERT,
		WIRE_STEP_FINISH };
	static const uint32_t next[] = { 0, 2, 3 };
	struct order_world w;

	for (int i = 0; i < 3; i++) {
		order_begin(&w, steps[_i]);
		w.o.compromised = 1;
		X509_free(w.bundle->trust[0]);
		w.bundle->trust[0] = old_root(next[i]);
		if (_i >= 2) {
			w.bundle->trust[1] = rig_ref(rig_root(2));
			w.bundle->trust_gen[1] = 2;
			w.bundle->ntrust = 2;
		}
		decided(&w, next[i] == 2);
	}
}
END_TEST

/* In peace it is. */
START_TEST(peace_takes_silence)
{
	struct order_world w;

	order_begin(&w, WIRE_STEP_TRUST);
	X509_free(w.bundle->trust[0]);
	w.bundle->trust[0] = old_root(0);
	decided(&w, true);
}
END_TEST

/* The check anchor of a node that verifies nobody is asked the same. */
START_TEST(anchor)
{
	struct order_world w;

	for (uint32_t next = 0; next < 3; next += 2) {
		order_begin(&w, WIRE_STEP_CERT);
		w.o.compromised = 1;
		w.o.verifies = w.k.verifies = false;
		X509_free(w.bundle->trust[0]);
		w.bundle->trust[0] = NULL;
		w.bundle->ntrust = 0;
		X509_free(w.bundle->anchor);
		w.bundle->anchor = old_root(next);
		decided(&w, next == 2);
	}
}
END_TEST

TCase *
case_order_compromised(void)
{
	TCase *t = tcase_create("order_compromised");

	tcase_add_loop_test(t, needs_a_named_key, 0, 4);
	tcase_add_test(t, peace_takes_silence);
	tcase_add_test(t, anchor);
	return t;
}
