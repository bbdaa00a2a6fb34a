/* req_recall, and the mark of requests for orders: what a kedged whose store
 * is an old copy is told, and what it is refused. */
#include <stdlib.h>
#include <string.h>

#include "hsm/holds.h"
#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

static void
setup(void)
{
	world_open();
	world_fleet();
}

static enum base_err
ask(enum wire_hsm_type type, const char *root, const char *after)
{
	struct wire_hsm_request r = { .type = type, .fleet = "test" };

	strcpy(r.key.root, root);
	r.key.generation = 1;
	r.key.alg = WIRE_P256;
	strcpy(r.after, after);
	return world_ask(&r);
}

static bool
has(enum wire_cert_kind kind, uint32_t generation)
{
	bool yes = false;

	for (size_t i = 0; i < world_answer.nitems; i++) {
		struct wire_hsm_recalled c;

		ck_assert_int_eq(wire_hsm_recalled_parse(base_buf_span(
							     &world_answer
								  .items[i]
								  .data),
				     &c),
		    BASE_OK);
		yes = yes || (c.kind == kind && c.generation == generation);
		wire_hsm_recalled_clear(&c);
	}
	return yes;
}

static bool
is_stolen(uint32_t generation)
{
	bool yes = false;

	ck_assert_int_eq(ask(WIRE_HSM_RECALL, "plant", ""), BASE_OK);
	for (size_t i = 0; i < world_answer.nitems; i++) {
		struct wire_hsm_recalled c;

		ck_assert_int_eq(wire_hsm_recalled_parse(base_buf_span(
							     &world_answer
								  .items[i]
								  .data),
				     &c),
		    BASE_OK);
		yes = yes || (c.generation == generation && c.stolen);
		wire_hsm_recalled_clear(&c);
	}
	return yes;
}

/* That a generation was left because its key may be in wrong hands. */
START_TEST(stolen_generations)
{
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	ck_assert(!is_stolen(1) && !is_stolen(2));
	world_last.o.epoch = 3;
	world_last.o.compromised = 1;
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
	ck_assert(is_stolen(1) && !is_stolen(2));
	world_reopen(NULL);
	ck_assert(is_stolen(1) && !is_stolen(2));
}
END_TEST

/* The very bytes that were given out, also by another process. */
START_TEST(certificates_of_a_root)
{
	struct wire_hsm_recalled c;
	struct wire_tbs t;
	struct base_buf der;
	X509 *x = NULL;

	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	t = world_tbs(WIRE_OLD_WITH_NEW, "plant", 2, NULL,
	    base_buf_span(&world_key("plant", 1, false)->spki));
	t.not_before = world_key("plant", 1, false)->not_before;
	t.not_after = world_key("plant", 1, false)->not_after;
	ck_assert_int_eq(world_sign(&t, 2, &x), BASE_OK);
	base_buf_init(&der, 0);
	ck_assert_int_eq(wire_x509_to_der(x, &der), BASE_OK);
	world_reopen(NULL);
	ck_assert_int_eq(ask(WIRE_HSM_RECALL, "plant", ""), BASE_OK);
	ck_assert(has(WIRE_NEW_WITH_NEW, 1));
	ck_assert(has(WIRE_NEW_WITH_NEW, 2));
	ck_assert(has(WIRE_NEW_WITH_OLD, 2));
	ck_assert(!has(WIRE_NEW_WITH_OLD, 1));
	ck_assert(!has(WIRE_NEW_WITH_NEW, 3));
	ck_assert(has(WIRE_OLD_WITH_NEW, 2));
	ck_assert_int_eq(wire_hsm_recalled_parse(base_buf_span(
						     &world_answer
							  .items[world_answer
								     .nitems -
							      1]
							  .data),
			     &c),
	    BASE_OK);
	ck_assert_uint_eq(c.der.n, der.n);
	ck_assert_mem_eq(c.der.p, der.p, der.n);
	ck_assert_int_eq(ask(WIRE_HSM_RECALL, "other", ""), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 0);
	wire_hsm_recalled_clear(&c);
	base_buf_free(&der);
	X509_free(x);
}
END_TEST

static struct wire_hsm_known
known(size_t i)
{
	struct wire_hsm_known k;

	ck_assert_uint_lt(i, world_answer.nitems);
	ck_assert_int_eq(wire_hsm_known_parse(base_buf_span(
						  &world_answer.items[i].data),
			     &k),
	    BASE_OK);
	return k;
}

static const struct wire_hsm_part *
part(const struct wire_hsm_known *k, const char *root)
{
	for (size_t i = 0; i < k->nparts; i++)
		if (strcmp(k->parts[i].root, root) == 0)
			return &k->parts[i];
	ck_abort_msg("no part %s", root);
}

START_TEST(nodes_that_are_known)
{
	struct wire_hsm_known k;

	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 7), BASE_OK);
	ck_assert_int_eq(world_tell(true, true), BASE_OK);
	ck_assert_int_eq(ask(WIRE_HSM_KNOWN, "plant", ""), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 3);
	k = known(0);
	ck_assert_str_eq(k.node.name, "app1");
	ck_assert_uint_eq(k.node.nlinks, 1);
	ck_assert_str_eq(k.node.links[0].server, "web1");
	ck_assert_uint_eq(k.node.nexcused, 1);
	ck_assert_uint_eq(part(&k, "plant")->epoch, 7);
	ck_assert_uint_eq(part(&k, "plant")->spki.n, w.node_spki[1].n);
	ck_assert_mem_eq(part(&k, "plant")->spki.p, w.node_spki[1].p,
	    w.node_spki[1].n);
	wire_hsm_known_clear(&k);
	ck_assert_int_eq(ask(WIRE_HSM_KNOWN, "plant", "app1"), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 2);
	k = known(0);
	ck_assert_str_eq(k.node.name, "ca");
	wire_hsm_known_clear(&k);
	k = known(1);
	ck_assert_str_eq(k.node.name, "web1");
	ck_assert_uint_eq(k.node.nlinks, 0);
	ck_assert_uint_eq(part(&k, "plant")->epoch, 1);
	wire_hsm_known_clear(&k);
	ck_assert_int_eq(ask(WIRE_HSM_KNOWN, "plant", "web1"), BASE_OK);
	ck_assert_uint_eq(world_answer.nitems, 0);
}
END_TEST

static void
ca_may_hold(uint64_t trust, uint64_t present)
{
	struct wire_hsm_known k;

	ck_assert_int_eq(ask(WIRE_HSM_KNOWN, "management", "app1"), BASE_OK);
	k = known(0);
	ck_assert_str_eq(k.node.name, "ca");
	ck_assert_uint_eq(part(&k, "management")->trust, trust);
	ck_assert_uint_eq(part(&k, "management")->present, present);
	wire_hsm_known_clear(&k);
}

/* What was signed and not answered may be done or not: it may trust either, and
 * was to present the last. */
START_TEST(what_the_ca_may_hold)
{
	const uint64_t old = POL_GEN(1), both = POL_GEN(1) | POL_GEN(2);

	world_close();
	world_open();
	w.root = "management";
	world_fleet();
	ca_may_hold(old, old);
	ck_assert_int_eq(world_order(WORLD_CA, WIRE_STEP_TRUST, 2), BASE_OK);
	ca_may_hold(both, old);
	world_step(WORLD_CA, WIRE_STEP_TRUST, 3, both, 1);
	world_step(WORLD_WEB, WIRE_STEP_TRUST, 2, both, 1);
	world_step(WORLD_APP, WIRE_STEP_TRUST, 2, both, 1);
	ck_assert_int_eq(world_order(WORLD_CA, WIRE_STEP_CERT, 4), BASE_OK);
	ca_may_hold(both, POL_GEN(2));
	world_step(WORLD_CA, WIRE_STEP_CERT, 5, both, 2);
	world_step(WORLD_WEB, WIRE_STEP_CERT, 3, both, 2);
	world_step(WORLD_APP, WIRE_STEP_CERT, 3, both, 2);
	world_step(WORLD_WEB, WIRE_STEP_FINISH, 4, POL_GEN(2), 2);
	world_step(WORLD_APP, WIRE_STEP_FINISH, 4, POL_GEN(2), 2);
	ck_assert_int_eq(world_order(WORLD_CA, WIRE_STEP_FINISH, 6), BASE_OK);
	ca_may_hold(both, POL_GEN(2));
	world_step(WORLD_CA, WIRE_STEP_FINISH, 7, POL_GEN(2), 2);
	ca_may_hold(POL_GEN(2), POL_GEN(2));
}
END_TEST

/* ---- orders ------------------------------------------------------------------- */

static enum base_err
orders(uint64_t mark)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_ORDERS,
		.fleet = "test",
		.mark = mark,
		.nitems = 1 };
	enum base_err e;

	strcpy(r.key.root, "management");
	r.key.generation = 1;
	r.key.order_signer = true;
	r.key.alg = WIRE_P256;
	r.items = base_alloc(sizeof(*r.items));
	ck_assert_int_eq(base_buf_put(&r.items[0], "odd", 3), BASE_OK);
	ck_assert_int_eq(base_buf_put(&r.cert, world_signer()->p,
			     world_signer()->n),
	    BASE_OK);
	e = world_ask(&r);
	wire_hsm_request_clear(&r);
	return e;
}

static uint64_t
mark(void)
{
	ck_assert_int_eq(ask(WIRE_HSM_AUDIT, "plant", ""), BASE_OK);
	return world_answer.mark;
}

START_TEST(an_old_copy_gets_no_order)
{
	ck_assert_uint_eq(mark(), 0);
	ck_assert_int_eq(orders(5), BASE_OK);
	ck_assert_uint_eq(mark(), 5);
	ck_assert_int_eq(orders(5), BASE_OK); /* its answer was lost */
	ck_assert_int_eq(orders(4), BASE_E_EXISTS);
	world_reopen(NULL);
	ck_assert_uint_eq(mark(), 5);
	ck_assert_int_eq(orders(4), BASE_E_EXISTS);
	ck_assert_int_eq(orders(6), BASE_OK);
	ck_assert_uint_eq(mark(), 6);
}
END_TEST

/* Whatever tells something here that the copy does not know of. */
START_TEST(an_old_copy_tells_nothing)
{
	static const enum wire_hsm_type types[] = { WIRE_HSM_KEYGEN,
		WIRE_HSM_TOKEN, WIRE_HSM_FORGET, WIRE_HSM_TELL };
	struct base_buf item;
	struct wire_hsm_request r = { .fleet = "test", .node = "app1" };
	struct wire_hsm_node n = { .name = "app1", .dual = true };

	base_buf_init(&item, 0);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	strcpy(r.key.root, "other");
	r.key.generation = 1;
	r.key.alg = WIRE_P256;
	r.end = base_time_add_s(w.core->clock(), 60);
	r.items = &item;
	ck_assert_int_eq(orders(7), BASE_OK);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		r.type = types[i];
		r.nitems = r.type == WIRE_HSM_TELL;
		r.mark = 6;
		ck_assert_int_eq(world_ask(&r), BASE_E_EXISTS);
	}
	ck_assert(!hsm_state_node(&w.core->state, "app1")->dual);
	ck_assert_ptr_null(hsm_state_key(&w.core->state, "other", 1, false));
	r.type = WIRE_HSM_TELL;
	r.nitems = 1;
	r.mark = 9;
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert(hsm_state_node(&w.core->state, "app1")->dual);
	ck_assert_uint_eq(mark(), 9);
	r.mark = 10;
	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_uint_eq(mark(), 9); /* it changed nothing */
	world_reopen(NULL);
	ck_assert_uint_eq(mark(), 9);
	base_buf_free(&item);
}
END_TEST

/* ---- an order that only asks ------------------------------------------------------ */

/* Its report is what the node holds, whatever that is; what was signed before
 * it counts no more. */
START_TEST(an_answer_is_what_the_node_holds)
{
	struct wire_order o;
	struct base_buf cms;
	const struct hsm_held *h;

	base_buf_init(&cms, 0);
	ck_assert_int_eq(world_order(WORLD_APP, WIRE_STEP_TRUST, 2), BASE_OK);
	o = world_last.o;
	o.steps = 0;
	o.epoch = 9;
	o.new_with_old = NULL;
	o.ncanary = 0;
	ck_assert_int_eq(world_order_ask(&o), BASE_OK);
	world_report(&(struct world_report){ WORLD_APP, WORLD_APP,
			 WIRE_EFFECTIVE, 9, 3, 2, "test", NULL },
	    &cms);
	ck_assert_int_eq(world_show(WORLD_APP, &cms, NULL, NULL), BASE_OK);
	h = hsm_held_get(hsm_state_node(&w.core->state, "app1"), "plant");
	ck_assert_uint_eq(h->epoch, 9);
	ck_assert_uint_eq(h->nevents, 0);
	ck_assert_uint_eq(h->conf.trust, 3);
	ck_assert_uint_eq(h->conf.present, POL_GEN(2));
	base_buf_free(&cms);
}
END_TEST

TCase *
case_req_recall(void)
{
	TCase *t = tcase_create("req_recall");

	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, certificates_of_a_root);
	tcase_add_test(t, stolen_generations);
	tcase_add_test(t, nodes_that_are_known);
	tcase_add_test(t, what_the_ca_may_hold);
	tcase_add_test(t, an_old_copy_gets_no_order);
	tcase_add_test(t, an_old_copy_tells_nothing);
	tcase_add_test(t, an_answer_is_what_the_node_holds);
	return t;
}
