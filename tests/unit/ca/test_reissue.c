/* Orders that will not do any more, and are made again under the next epoch. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

/* Of all nodes: "app1:STEPS ". */
static const char *
again(void)
{
	static char text[128];
	struct pol_order list[8];
	size_t n;

	pair_must(ca_roll_reissues(&w.ca, w.ca.rolls, list, &n));
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		sprintf(text + strlen(text), "%s:%u ",
		    w.ca.topo->nodes[list[i].node].name, list[i].steps);
	return text;
}

static struct ca_order
order(const char *node)
{
	struct ca_order o = { .epoch = 0 };

	pair_must(ca_store_order_get(w.ca.store, node, "plant", 2, &o));
	return o;
}

static void
state(const char *node, enum ca_order_state s)
{
	struct ca_order o = order(node);

	o.state = s;
	pair_must(ca_store_order_update(w.ca.store, &o));
	ca_order_clear(&o);
}

/* Both have their trust on the way. */
static void
begin(void)
{
	world_node(&w, "app1")->deaf = world_node(&w, "web1")->deaf = true;
	world_roll(&w, "plant");
	pair_turns(6);
	ck_assert(ca_roll_is_out(w.ca.rolls, ca_topo_node(w.ca.topo, "app1")));
}

static void
expire(void)
{
	struct ca_order o = order("app1");

	w.now = o.expires;
	ca_order_clear(&o);
}

START_TEST(expired)
{
	begin();
	ck_assert_str_eq(again(), "");
	expire();
	w.now.ms--;
	ck_assert_str_eq(again(), "");
	w.now.ms++;
	ck_assert_str_eq(again(), "app1:1 web1:1 ");
	state("web1", CA_ORDER_RECEIVED);
	ck_assert_str_eq(again(), "app1:1 web1:1 ");
}
END_TEST

/* The engine waits for an answer that the store does not wait for. */
START_TEST(put_aside)
{
	begin();
	state("app1", CA_ORDER_REPLACED);
	ck_assert_str_eq(again(), "app1:1 ");
}
END_TEST

static void
other_order(uint64_t roll, uint32_t steps, uint32_t from, uint32_t to)
{
	struct ca_order o = { .node = "app1",
		.root = "plant",
		.roll = roll,
		.epoch = 3,
		.steps = steps,
		.from = from,
		.to = to,
		.state = CA_ORDER_SENT };

	pair_must(base_buf_put(&o.cms, "x", 1));
	pair_must(ca_store_order_add(w.ca.store, &o));
	ca_order_clear(&o);
}

/* Renewals have their own ways; a question is not asked again by a roll. */
START_TEST(of_this_roll_only)
{
	begin();
	state("app1", CA_ORDER_EFFECTIVE);
	other_order(0, WIRE_STEP_CERT, 1, 1);
	ck_assert_str_eq(again(), "");
}
END_TEST

START_TEST(no_questions)
{
	begin();
	state("app1", CA_ORDER_EFFECTIVE);
	other_order(1, 0, 1, 2);
	ck_assert_str_eq(again(), "");
}
END_TEST

/* Given before the roll turned round. */
START_TEST(outranked)
{
	begin();
	expire();
	w.ca.rolls->row.from = 2;
	w.ca.rolls->row.to = 1;
	ck_assert_str_eq(again(), "");
	state("app1", CA_ORDER_REPLACED);
	ck_assert_str_eq(again(), "");
}
END_TEST

static bool
nothing_of_app1(struct world *x)
{
	return !ca_roll_is_out(x->ca.rolls, ca_topo_node(x->ca.topo, "app1"));
}

START_TEST(what_is_out)
{
	const uint32_t app1 = ca_topo_node(w.ca.topo, "app1");

	world_roll(&w, "plant");
	ck_assert(!ca_roll_is_out(w.ca.rolls, app1));
	world_node(&w, "app1")->slow = true;
	world_node(&w, "web1")->deaf = true;
	pair_turns(10);
	/* what was received is out as well */
	state("app1", CA_ORDER_RECEIVED);
	ck_assert(ca_roll_is_out(w.ca.rolls, app1));
	world_node(&w, "app1")->slow = false;
	ck_assert(world_run(&w, 60, nothing_of_app1));
}
END_TEST

START_TEST(replaced_by_the_next)
{
	struct ca_order next, o;

	begin();
	next = order("app1");
	pair_must(ca_roll_replace(&w.ca, &next));
	o = order("app1");
	ck_assert_int_eq(o.state, CA_ORDER_SENT);
	ca_order_clear(&o);
	next.epoch++;
	pair_must(ca_roll_replace(&w.ca, &next));
	ca_order_clear(&next);
	o = order("app1");
	ck_assert_int_eq(o.state, CA_ORDER_REPLACED);
	ca_order_clear(&o);
	o = order("web1");
	ck_assert_int_eq(o.state, CA_ORDER_SENT);
	ca_order_clear(&o);
}
END_TEST

TCase *
case_reissue(void)
{
	TCase *t = pair_case("reissue");

	tcase_add_test(t, expired);
	tcase_add_test(t, put_aside);
	tcase_add_test(t, of_this_roll_only);
	tcase_add_test(t, no_questions);
	tcase_add_test(t, outranked);
	tcase_add_test(t, what_is_out);
	tcase_add_test(t, replaced_by_the_next);
	return t;
}
