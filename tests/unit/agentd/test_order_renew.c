/* Unit tests of agentd/order.c: renewals, and their refused twins. */
#include <string.h>

#include "tests/unit/agentd/node.h"
#include "tests/unit/agentd/order_rig.h"
#include "tests/unit/agentd/suites.h"

/* Another certificate of the same generation: from is to. */
static void
begin_renewal(struct order_world *w, uint32_t generation)
{
	order_begin(w, WIRE_STEP_CERT);
	w->o.from = w->o.to = generation;
	order_swap(&w->o.new_with_new, rig_ref(rig_root(generation)));
	order_swap(&w->o.new_with_old, NULL);
	order_swap(&w->o.cert,
	    rig_leaf_of(NODE, rig_node_key(), generation, 9, 200));
}

START_TEST(renewal)
{
	struct order_world w;

	begin_renewal(&w, 1);
	order_taken(&w);
	ck_assert_int_eq(X509_cmp(w.next->cert, w.o.cert), 0);
	ck_assert_int_ne(X509_cmp(w.next->cert, w.bundle->cert), 0);
	ck_assert_uint_eq(w.next->cert_gen, 1);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 1);
	ck_assert_uint_eq(w.next->previous, 1);
	order_end(&w);
}
END_TEST

/* Trust list, NewWithOld and bridging are none of its business. */
START_TEST(renewal_in_the_middle_of_a_roll)
{
	struct order_world w;
	struct ag_bundle *b;

	order_begin(&w, WIRE_STEP_TRUST | WIRE_STEP_CERT);
	w.o.bridge = true;
	order_taken(&w);
	b = w.next;
	w.next = NULL;
	order_end(&w);
	begin_renewal(&w, 2);
	ag_bundle_free(w.bundle);
	w.k.bundle = w.bundle = b;
	w.state.highest = 2;
	w.o.epoch = 3;
	order_taken(&w);
	ck_assert_int_eq(X509_cmp(w.next->cert, w.o.cert), 0);
	ck_assert(w.next->bridging);
	ck_assert_uint_eq(ag_bundle_generations(w.next), 3);
	ck_assert_ptr_nonnull(ag_bundle_link(w.next, true));
	order_end(&w);
}
END_TEST

START_TEST(renewal_of_something_else)
{
	struct order_world w;

	begin_renewal(&w, 2);
	order_refused(&w, "presents generation 1");
	begin_renewal(&w, 1);
	w.o.from = w.o.to = 2;
	order_refused(&w, "presents generation 1");
	begin_renewal(&w, 1);
	order_swap(&w.o.new_with_new, rig_ref(rig_root(2)));
	order_refused(&w, "another root");
	begin_renewal(&w, 1);
	order_swap(&w.o.cert,
	    rig_leaf_of(NODE, rig_management_node_key(), 1, 9, 200));
	order_refused(&w, "another key");
	begin_renewal(&w, 1);
	order_swap(&w.o.cert, rig_canary(1));
	order_refused(&w, "canary");
	begin_renewal(&w, 1);
	order_swap(&w.o.cert, rig_leaf_of(NODE, rig_node_key(), 2, 9, 200));
	order_refused(&w, "cert:");
	begin_renewal(&w, 1);
	order_swap(&w.o.cert, rig_leaf_of(NODE, rig_node_key(), 1, 1, 9));
	order_refused(&w, "cert:");
}
END_TEST

/* ---- on a node that runs ------------------------------------------------------- */

static enum wire_status
give_renewal(const char *root, X509 *nwn, X509 *cert, X509 *canary)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 1,
		.route = { NODE } };
	struct wire_order o = rig_order(WIRE_STEP_CERT);

	strcpy(o.root, root);
	o.from = o.to = 1;
	o.epoch = 5;
	order_swap(&o.new_with_new, rig_ref(nwn));
	order_swap(&o.new_with_old, NULL);
	order_swap(&o.cert, cert);
	o.ncanary = canary != NULL;
	o.canary[0].generation = 1;
	o.canary[0].cert = canary;
	p.content = rig_sign(&o, false);
	wire_order_clear(&o);
	OK(ag_work_order(work, &p, false));
	run_until_idle();
	wire_parcel_clear(&p);
	return last.status;
}

START_TEST(renewal_goes_live)
{
	X509 *x = rig_leaf_of(NODE, rig_node_key(), 1, 9, 200);
	struct base_buf pem, file;

	node_up("");
	base_buf_init(&pem, 0);
	base_buf_init(&file, 0);
	OK(wire_x509_to_pem(x, &pem));
	ck_assert_int_eq(give_renewal("plant", rig_root(1), x, rig_canary(1)),
	    WIRE_EFFECTIVE);
	ck_assert_int_eq(last.proof, WIRE_PROOF_PROBE);
	ck_assert_uint_eq(inventory()->cert, 1);
	ck_assert_uint_eq(inventory()->trust, 1);
	OK(base_file_read(chain_file, 1 << 16, &file));
	ck_assert_uint_eq(file.n, pem.n);
	ck_assert_mem_eq(file.p, pem.p, pem.n);
	node_down();
	base_buf_free(&pem);
	base_buf_free(&file);
}
END_TEST

/* No application shows it; what the node says next is signed with it. */
START_TEST(management_renewal)
{
	X509 *x = rig_management_cert(WIRE_NODE_CERT, NODE,
	    rig_management_node_key());
	struct ag_root *m;

	node_up("");
	m = ag_holdings_find(&held, AG_MANAGEMENT);
	ck_assert_int_ne(X509_cmp(m->bundle->cert, x), 0);
	ck_assert_int_eq(give_renewal(AG_MANAGEMENT, rig_management(),
			     rig_ref(x), NULL),
	    WIRE_EFFECTIVE);
	ck_assert_int_eq(X509_cmp(m->bundle->cert, x), 0);
	ck_assert_uint_eq(m->bundle->cert_gen, 1);
	node_down();
	node_up("");
	m = ag_holdings_find(&held, AG_MANAGEMENT);
	ck_assert_int_eq(X509_cmp(m->bundle->cert, x), 0);
	node_down();
	X509_free(x);
}
END_TEST

TCase *
case_order_renew(void)
{
	TCase *c = tcase_create("order_renew");

	tcase_add_checked_fixture(c, node_new, node_remove);
	tcase_add_test(c, renewal);
	tcase_add_test(c, renewal_in_the_middle_of_a_roll);
	tcase_add_test(c, renewal_of_something_else);
	tcase_add_test(c, renewal_goes_live);
	tcase_add_test(c, management_renewal);
	return c;
}
