/* Mailboxes in virtual time. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"
#include "tests/unit/ca/suites.h"

static struct ca_deliver *d;
static const struct ca_route web1 = { 1, { "web1" } };
static const struct ca_route app1 = { 2, { "web1", "app1" } };
static const struct ca_route web2 = { 1, { "web2" } };

static void
setup(void)
{
	d = ca_deliver_new(1000, 8000);
}

static void
teardown(void)
{
	ca_deliver_free(d);
}

static struct base_mono
at(int64_t ms)
{
	return (struct base_mono){ ms };
}

static struct ca_delivery
order(const char *node, uint64_t epoch, const struct ca_route *r)
{
	return (struct ca_delivery){ node, "plant", epoch, { 99000 },
		{ (const uint8_t *)"cms", 3 }, r, NULL };
}

static struct ca_delivery
ack(const char *node, uint64_t epoch, const struct ca_route *r)
{
	static const uint8_t reports[2][32] = { { 1 }, { 2 } };
	struct ca_delivery o = order(node, epoch, r);

	o.report = reports[epoch % 2];
	return o;
}

/* How many are given at that time; the last one's far end in *end. */
static size_t
given(int64_t ms, const char *neighbour, char end[CA_NAME])
{
	struct wire_parcel *list = NULL;
	size_t n = ca_deliver_collect(d, at(ms), neighbour, 1 << 20, &list);

	for (size_t i = 0; i < n; i++) {
		ck_assert(list[i].down);
		ck_assert_str_eq(list[i].route[0], neighbour);
		if (end != NULL)
			memcpy(end, list[i].route[list[i].nroute - 1], CA_NAME);
		wire_parcel_clear(&list[i]);
	}
	free(list);
	return n;
}

START_TEST(an_order_goes_to_the_first_hop)
{
	struct ca_delivery o = order("app1", 1, &app1);
	char end[CA_NAME] = "";

	ca_deliver_order(d, at(0), &o);
	ck_assert_uint_eq(given(0, "web2", end), 0);
	ck_assert_uint_eq(given(0, "web1", end), 1);
	ck_assert_str_eq(end, "app1");
}
END_TEST

/* To the relay, again and again, until it is over; what the CA answers, once. */
START_TEST(an_invitation_ends)
{
	const uint8_t what[32] = { 1 }, other[32] = { 2 };
	struct ca_delivery o = order("app1", 0, &web1);

	o.root = "web1";
	o.report = what;
	ca_deliver_invite(d, at(0), &o, 5000);
	ck_assert_uint_eq(given(0, "web1", NULL), 1);
	ck_assert_uint_eq(given(999, "web1", NULL), 0);
	ck_assert_uint_eq(given(1000, "web1", NULL), 1);
	ck_assert_uint_eq(given(4999, "web1", NULL), 1);
	ck_assert_uint_eq(given(100000, "web1", NULL), 0);
	ca_deliver_invite(d, at(0), &o, 50000);
	ck_assert_uint_eq(given(0, "web1", NULL), 1);
	/* found again it goes on as it does, and not at once */
	ca_deliver_invites_begin(d);
	ck_assert(ca_deliver_invited(d, what, &web1));
	ck_assert(!ca_deliver_invited(d, other, &web1));
	ca_deliver_invites_end(d);
	ck_assert_uint_eq(given(999, "web1", NULL), 0);
	ck_assert_uint_eq(given(1000, "web1", NULL), 1);
	ca_deliver_invites_begin(d);
	ck_assert(ca_deliver_invited(d, what, &web2));
	ca_deliver_invites_end(d);
	ck_assert_uint_eq(given(9000, "web1", NULL), 0);
	ck_assert_uint_eq(given(9000, "web2", NULL), 1);
	ca_deliver_invites_begin(d);
	ca_deliver_invites_end(d);
	ck_assert_uint_eq(given(40000, "web2", NULL), 0);
}
END_TEST

START_TEST(an_answer_goes_once)
{
	struct ca_delivery o = ack("app1", 0, &app1);

	ca_deliver_join(d, at(0), &o);
	ca_deliver_join(d, at(0), &o);
	ca_deliver_invites_begin(d);
	ca_deliver_invites_end(d);
	ck_assert_uint_eq(given(0, "web1", NULL), 1);
	ck_assert_uint_eq(given(100000, "web1", NULL), 0);
}
END_TEST

/* Whichever way they would go; nobody else's, and no orders. */
START_TEST(acks_are_taken_along)
{
	struct ca_delivery mine = ack("app1", 0, &app1);
	struct ca_delivery other = ack("web1", 1, &web1);
	struct ca_delivery o = order("app1", 1, &app1);
	struct wire_parcel *list = NULL;

	ca_deliver_ack(d, at(0), &mine);
	ca_deliver_ack(d, at(0), &other);
	ca_deliver_order(d, at(0), &o);
	ck_assert_uint_eq(ca_deliver_acks(d, at(0), "app1", &list), 1);
	ck_assert_int_eq(list[0].kind, WIRE_P_ACK);
	ck_assert_uint_eq(list[0].nroute, 1);
	ck_assert_str_eq(list[0].route[0], "app1");
	wire_parcel_clear(&list[0]);
	free(list);
	ck_assert_uint_eq(ca_deliver_acks(d, at(0), "app1", &list), 0);
	ck_assert_ptr_null(list);
	ck_assert_uint_eq(given(0, "web1", NULL), 2);
}
END_TEST

/* By the way that it goes just now, and by no other. */
START_TEST(a_relay_hands_it_over)
{
	static const struct ca_route two = { 3, { "web1", "app1", "web2" } };
	static const struct ca_route first = { 1, { "web1" } };
	static const struct ca_route second = { 2, { "web1", "app1" } };
	static const struct ca_route wrong = { 2, { "web1", "app2" } };
	struct ca_delivery o = order("web2", 1, &two);
	struct ca_handed h;
	uint8_t digest[32];

	wire_digest(o.cms, digest);
	ca_deliver_order(d, at(0), &o);
	ck_assert(!ca_deliver_handed_last(d, "web2", "plant", 1, &h));
	ck_assert_int_eq(ca_deliver_handed(d, (struct base_time){ 5 }, &first,
			     digest),
	    BASE_OK);
	ck_assert(ca_deliver_handed_last(d, "web2", "plant", 1, &h));
	ck_assert_str_eq(h.by, "web1");
	ck_assert_str_eq(h.to, "app1");
	ck_assert_int_eq(ca_deliver_handed(d, (struct base_time){ 6 }, &second,
			     digest),
	    BASE_OK);
	ck_assert(ca_deliver_handed_last(d, "web2", "plant", 1, &h));
	ck_assert_str_eq(h.by, "app1");
	ck_assert_str_eq(h.to, "web2");
	ck_assert_int_eq(h.at.ms, 6);
	/* not on its way, the node itself, nobody, another order */
	ck_assert_int_ne(ca_deliver_handed(d, (struct base_time){ 7 }, &wrong,
			     digest),
	    BASE_OK);
	ck_assert_int_ne(ca_deliver_handed(d, (struct base_time){ 7 }, &two,
			     digest),
	    BASE_OK);
	ck_assert_int_ne(ca_deliver_handed(d, (struct base_time){ 7 },
			     &(struct ca_route){ 0 }, digest),
	    BASE_OK);
	digest[0] ^= 1;
	ck_assert_int_ne(ca_deliver_handed(d, (struct base_time){ 7 }, &second,
			     digest),
	    BASE_OK);
	ck_assert(ca_deliver_handed_last(d, "web2", "plant", 1, &h));
	ck_assert_int_eq(h.at.ms, 6);
	/* it changes nothing of when the order goes again */
	ck_assert_int_eq(ca_deliver_due(d, "web1").ms, 0);
	o.route = &web2;
	ca_deliver_order(d, at(8), &o);
	ck_assert(!ca_deliver_handed_last(d, "web2", "plant", 1, &h));
}
END_TEST

START_TEST(pauses_double_up_to_the_bound)
{
	struct ca_delivery o = order("web1", 1, &web1);
	static const int64_t times[] = { 0, 1000, 3000, 7000, 15000, 23000,
		31000 };

	ca_deliver_order(d, at(0), &o);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		ck_assert_int_eq(ca_deliver_due(d, "web1").ms, times[i]);
		if (i > 0)
			ck_assert_uint_eq(given(times[i] - 1, "web1", NULL), 0);
		ck_assert_uint_eq(given(times[i], "web1", NULL), 1);
		ck_assert_uint_eq(given(times[i], "web1", NULL), 0);
	}
	ck_assert_uint_eq(ca_deliver_tries(d, "web1", "plant", 1), 7);
}
END_TEST

START_TEST(received_is_no_hurry)
{
	struct ca_delivery o = order("web1", 1, &web1);

	ca_deliver_order(d, at(0), &o);
	ck_assert_uint_eq(given(0, "web1", NULL), 1);
	ca_deliver_received(d, at(500), "web1", "plant", 1);
	ck_assert_int_eq(ca_deliver_due(d, NULL).ms, 8500);
	/* of another order: changes nothing */
	ca_deliver_received(d, at(900), "web1", "plant", 2);
	ca_deliver_received(d, at(900), "web2", "plant", 1);
	ck_assert_int_eq(ca_deliver_due(d, NULL).ms, 8500);
}
END_TEST

static bool
by_another(void *arg, const char *node, uint32_t nth, struct ca_route *route)
{
	(void)node;
	*(uint32_t *)arg = nth;
	*route = web2;
	return true;
}

/* The order is given, by whatever way, so often, ten seconds apart. */
static void
give_times(int64_t *ms, int times)
{
	struct wire_parcel *list = NULL;

	for (int i = 0; i < times; i++, *ms += 10000) {
		ck_assert_uint_eq(ca_deliver_collect(d, at(*ms), NULL, 1 << 20,
				      &list),
		    1);
		wire_parcel_clear(&list[0]);
		free(list);
	}
}

START_TEST(silence_takes_another_way)
{
	struct ca_delivery o = order("web1", 1, &web1);
	uint32_t nth = 0;
	int64_t ms = 0;

	ca_deliver_set_detour(d, by_another, &nth);
	ca_deliver_order(d, at(0), &o);
	give_times(&ms, 2);
	ck_assert_uint_eq(nth, 0);
	give_times(&ms, 1);
	ck_assert_uint_eq(nth, 1);
	ck_assert_uint_eq(given(ms, "web2", NULL), 1);
	ms += 10000;
	give_times(&ms, 2);
	ck_assert_uint_eq(nth, 2);
}
END_TEST

/* The node has it, and whoever carried its result is dead. */
START_TEST(silence_after_received_takes_another_way)
{
	struct ca_delivery o = order("web1", 1, &web1);
	uint32_t nth = 0;
	int64_t ms = 10000;

	ca_deliver_set_detour(d, by_another, &nth);
	ca_deliver_order(d, at(0), &o);
	ck_assert_uint_eq(given(0, "web1", NULL), 1);
	ca_deliver_received(d, at(500), "web1", "plant", 1);
	for (int i = 0; i < 5; i++) {
		/* it says so again: nobody is dead */
		give_times(&ms, 2);
		ca_deliver_received(d, at(ms), "web1", "plant", 1);
	}
	ck_assert_uint_eq(nth, 0);
	give_times(&ms, 3);
	ck_assert_uint_eq(nth, 1);
	ck_assert_int_ne(ca_deliver_due(d, "web2").ms, INT64_MAX);
}
END_TEST

START_TEST(settled_covers_what_is_below)
{
	struct ca_delivery a = order("web1", 1, &web1);
	struct ca_delivery b = order("web1", 2, &web1);
	struct ca_delivery c = order("web1", 3, &web1);
	struct ca_delivery e = order("web2", 1, &web2);

	ca_deliver_order(d, at(0), &a);
	ca_deliver_order(d, at(0), &b);
	ca_deliver_order(d, at(0), &c);
	ca_deliver_order(d, at(0), &e);
	ca_deliver_settled(d, "web1", "other", 9);
	ck_assert_int_eq(ca_deliver_due(d, "web1").ms, 0);
	ca_deliver_settled(d, "web1", "plant", 2);
	ck_assert_uint_eq(given(0, "web1", NULL), 1);
	ck_assert_uint_eq(ca_deliver_tries(d, "web1", "plant", 3), 1);
	ck_assert_uint_eq(given(0, "web2", NULL), 1);
}
END_TEST

START_TEST(an_ack_goes_once)
{
	struct ca_delivery o = ack("app1", 1, &app1);

	ca_deliver_ack(d, at(0), &o);
	ck_assert_uint_eq(given(0, "web1", NULL), 1);
	ck_assert_uint_eq(given(100000, "web1", NULL), 0);
	ck_assert_int_eq(ca_deliver_due(d, NULL).ms, INT64_MAX);
}
END_TEST

/* A node that reports again and again while nobody takes its ack. */
START_TEST(an_ack_is_there_once)
{
	struct ca_delivery a = ack("app1", 1, &app1);
	struct ca_delivery b = ack("app1", 1, &web2);
	struct ca_delivery c = ack("app1", 2, &web2);

	for (int i = 0; i < 9; i++)
		ca_deliver_ack(d, at(i), &a);
	/* it came by another way: so goes the ack */
	ca_deliver_ack(d, at(9), &b);
	ca_deliver_ack(d, at(9), &c);
	ck_assert_uint_eq(given(9, "web1", NULL), 0);
	ck_assert_uint_eq(given(9, "web2", NULL), 2);
	/* gone, and reported again: gone again */
	ca_deliver_ack(d, at(10), &b);
	ck_assert_uint_eq(given(10, "web2", NULL), 1);
}
END_TEST

START_TEST(an_ack_that_nobody_takes_is_dropped)
{
	struct ca_delivery a = ack("app1", 1, &app1);
	struct ca_delivery b = ack("app1", 2, &app1);
	struct ca_delivery o = order("app1", 1, &app1);

	ca_deliver_order(d, at(0), &o);
	ca_deliver_ack(d, at(0), &a);
	ca_deliver_ack(d, at(1), &b);
	ck_assert_uint_eq(given(600000, "web1", NULL), 2); /* order and b */
	ck_assert_uint_eq(given(600000, "web1", NULL), 0);
}
END_TEST

START_TEST(the_same_order_again_takes_the_new_route)
{
	struct ca_delivery a = order("app1", 1, &app1);
	struct ca_delivery b = order("app1", 1, &web2);

	ca_deliver_order(d, at(0), &a);
	ca_deliver_order(d, at(0), &b);
	ck_assert_uint_eq(given(0, "web1", NULL), 0);
	ck_assert_uint_eq(given(0, "web2", NULL), 1);
}
END_TEST

START_TEST(a_full_exchange_leaves_the_rest)
{
	struct wire_parcel *list = NULL;
	struct ca_delivery a = order("web1", 1, &web1);
	struct ca_delivery b = order("web1", 2, &web1);
	size_t n;

	ca_deliver_order(d, at(0), &a);
	ca_deliver_order(d, at(0), &b);
	n = ca_deliver_collect(d, at(0), "web1", 4, &list);
	ck_assert_uint_eq(n, 1);
	wire_parcel_clear(&list[0]);
	free(list);
	ck_assert_uint_eq(given(0, "web1", NULL), 1);
}
END_TEST

TCase *
case_deliver(void)
{
	TCase *t = tcase_create("deliver");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_order_goes_to_the_first_hop);
	tcase_add_test(t, an_invitation_ends);
	tcase_add_test(t, an_answer_goes_once);
	tcase_add_test(t, acks_are_taken_along);
	tcase_add_test(t, a_relay_hands_it_over);
	tcase_add_test(t, pauses_double_up_to_the_bound);
	tcase_add_test(t, received_is_no_hurry);
	tcase_add_test(t, silence_takes_another_way);
	tcase_add_test(t, silence_after_received_takes_another_way);
	tcase_add_test(t, settled_covers_what_is_below);
	tcase_add_test(t, an_ack_goes_once);
	tcase_add_test(t, an_ack_is_there_once);
	tcase_add_test(t, an_ack_that_nobody_takes_is_dropped);
	tcase_add_test(t, the_same_order_again_takes_the_new_route);
	tcase_add_test(t, a_full_exchange_leaves_the_rest);
	return t;
}
