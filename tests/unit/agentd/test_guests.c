/* Unit tests of agentd/guests.c: who is expected, and what he may do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/guests.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static struct ag_config *conf;
static struct ag_guests *guests;
static STACK_OF(X509) *trust;
static struct wire_invite invite;
static struct wire_join_call call;
static struct wire_parcel up;
static bool by_ca;

static void
setup(void)
{
	uint8_t hash[32] = { 7 };

	OK(ag_config_parse("fleet = \"acme\"; node = \"web1\"; store = \"/s\";"
			   "management = { listen = \"127.0.0.1:0\"; };"
			   "relay = { listen = \"127.0.0.1:0\";"
			   " root = \"plant\"; };",
	    "t", &conf));
	guests = ag_guests_new(conf);
	trust = fleet_stack(rig_management(), NULL);
	memset(&invite, 0, sizeof invite);
	strcpy(invite.fleet, FLEET);
	strcpy(invite.node, "app1");
	strcpy(invite.relay, "web1");
	invite.issued = NOW;
	invite.expires = RIG(11);
	memset(&call, 0, sizeof call);
	strcpy(call.fleet, FLEET);
	strcpy(call.node, "app1");
	wire_join_word(hash, call.word, invite.admit);
	base_buf_init(&call.sealed, 0);
	OK(base_buf_put(&call.sealed, "sealed", 6));
	memset(&up, 0, sizeof up);
	by_ca = true;
}

static void
teardown(void)
{
	wire_parcel_clear(&up);
	wire_join_call_clear(&call);
	sk_X509_pop_free(trust, X509_free);
	ag_guests_free(guests);
	ag_config_free(conf);
}

/* As it comes down, over one node before this one. */
static enum base_err
give(void)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 4);
	X509 *cert = rig_management_cert(by_ca ? WIRE_CA_TLS : WIRE_NODE_CERT,
	    by_ca ? "ca" : "app3", k);
	struct wire_parcel p = { .kind = WIRE_P_INVITE,
		.down = true,
		.nroute = 2,
		.route = { "app3", "web1" },
		.expires = RIG(11) };
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	invite.root[0] = rig_management();
	invite.nroots = 1;
	OK(wire_invite_compose(&invite, &der));
	OK(wire_cms_sign(WIRE_C_INVITE, base_buf_span(&der), cert, k->key, NULL,
	    &p.content));
	e = ag_guests_invite(guests, &p, trust, NOW);
	base_buf_free(&der);
	wire_parcel_clear(&p);
	X509_free(cert);
	return e;
}

static enum base_err
ask(struct base_time now)
{
	wire_parcel_clear(&up);
	return ag_guests_call(guests, &call, now, &up);
}

/* ---- invitations ------------------------------------------------------------------ */

START_TEST(expected)
{
	OK(give());
	OK(ask(NOW));
	ck_assert_int_eq(up.kind, WIRE_P_JOIN);
	ck_assert(!up.down);
	ck_assert_uint_eq(up.nroute, 3);
	ck_assert_str_eq(up.route[0], "app3");
	ck_assert_str_eq(up.route[1], "web1");
	ck_assert_str_eq(up.route[2], "app1");
	ck_assert_mem_eq(up.content.p, "sealed", 6);
	ck_assert_int_eq(up.expires.ms, RIG(11).ms);
	/* without a request it is the invitation that is asked for */
	base_buf_clear(&call.sealed);
	OK(ask(NOW));
	ck_assert_uint_eq(up.nroute, 0);
	ck_assert_uint_gt(ag_guests_invitation(guests, "app1").n, 0);
	ck_assert_uint_eq(ag_guests_invitation(guests, "app2").n, 0);
}
END_TEST

START_TEST(not_for_us)
{
	strcpy(invite.relay, "web2");
	NO(give(), BASE_E_DENIED);
	strcpy(invite.relay, "web1");
	strcpy(invite.fleet, "other");
	NO(give(), BASE_E_DENIED);
	strcpy(invite.fleet, FLEET);
	strcpy(invite.node, "web1");
	NO(give(), BASE_E_DENIED);
	strcpy(invite.node, "app1");
	conf->relay_accept = base_alloc(2 * sizeof(char *));
	conf->relay_accept[0] = base_strdup("app2");
	NO(give(), BASE_E_REFUSED);
	free(conf->relay_accept[0]);
	conf->relay_accept[0] = base_strdup("app1");
	OK(give());
}
END_TEST

START_TEST(not_by_the_ca)
{
	by_ca = false;
	ck_assert_int_ne(give(), BASE_OK);
	NO(ask(NOW), BASE_E_NOTFOUND);
	by_ca = true;
	OK(give());
	OK(ask(NOW));
}
END_TEST

START_TEST(in_time)
{
	invite.expires = base_time_add_s(NOW, 1);
	OK(give());
	OK(ask(NOW));
	NO(ask(invite.expires), BASE_E_NOTFOUND);
	invite.issued = RIG(8);
	invite.expires = NOW;
	NO(give(), BASE_E_EXPIRED);
}
END_TEST

/* An old one again does not bring its word or key back. */
START_TEST(newest_counts)
{
	OK(give());
	invite.issued = RIG(9);
	invite.admit[0] ^= 1;
	NO(give(), BASE_E_REFUSED);
	OK(ask(NOW));
	invite.issued = base_time_add_s(NOW, 1);
	OK(give());
	NO(ask(NOW), BASE_E_DENIED);
}
END_TEST

START_TEST(so_many)
{
	for (int i = 0; i < AG_GUESTS_MAX; i++) {
		snprintf(invite.node, sizeof invite.node, "app%d", i);
		OK(give());
	}
	strcpy(invite.node, "one-more");
	NO(give(), BASE_E_RANGE);
	/* one who is here is given another */
	strcpy(invite.node, "app0");
	OK(give());
}
END_TEST

/* Who has its answer makes room, first who came first; others do not. */
START_TEST(so_many_and_some_are_done)
{
	struct base_buf b;

	for (int i = 0; i < AG_GUESTS_MAX; i++) {
		snprintf(invite.node, sizeof invite.node, "app%d", i);
		OK(give());
	}
	ag_guests_answered(guests, "app5");
	OK(ag_guests_keep(guests, "app3",
	    (struct base_span){ (const uint8_t *)"x", 1 }, NOW));
	ck_assert(ag_guests_answer(guests, "app3", &b));
	base_buf_free(&b);
	/* app5 joins by another token: it is expected once more */
	strcpy(invite.node, "app5");
	invite.admit[0] ^= 1;
	OK(give());
	invite.admit[0] ^= 1;
	strcpy(invite.node, "one-more");
	OK(give());
	ck_assert_uint_eq(ag_guests_invitation(guests, "app3").n, 0);
	ck_assert_uint_gt(ag_guests_invitation(guests, "app5").n, 0);
	strcpy(invite.node, "two-more");
	NO(give(), BASE_E_RANGE);
}
END_TEST

/* He was told one answer, and another came for him since. */
START_TEST(who_has_an_answer_keeps_his_place)
{
	struct base_buf b;

	for (int i = 0; i < AG_GUESTS_MAX; i++) {
		snprintf(invite.node, sizeof invite.node, "app%d", i);
		OK(give());
	}
	ag_guests_answered(guests, "app5");
	OK(ag_guests_keep(guests, "app5",
	    (struct base_span){ (const uint8_t *)"x", 1 }, NOW));
	strcpy(invite.node, "one-more");
	NO(give(), BASE_E_RANGE);
	ck_assert(ag_guests_answer(guests, "app5", &b));
	base_buf_free(&b);
	OK(give());
}
END_TEST

/* ---- calls -------------------------------------------------------------------------- */

START_TEST(the_word)
{
	OK(give());
	call.word[31] ^= 1;
	NO(ask(NOW), BASE_E_DENIED);
	ck_assert_uint_eq(up.content.n, 0);
	call.word[31] ^= 1;
	strcpy(call.node, "app2");
	NO(ask(NOW), BASE_E_NOTFOUND);
	strcpy(call.node, "app1");
	strcpy(call.fleet, "other");
	NO(ask(NOW), BASE_E_NOTFOUND);
	strcpy(call.fleet, FLEET);
	OK(ask(NOW));
}
END_TEST

/* Whoever does not know the word does not use up the calls of who does. */
START_TEST(so_often)
{
	OK(give());
	call.word[0] ^= 1;
	for (int i = 0; i < 2 * AG_GUEST_CALLS; i++)
		NO(ask(NOW), BASE_E_DENIED);
	call.word[0] ^= 1;
	for (int i = 0; i < AG_GUEST_CALLS; i++)
		OK(ask(NOW));
	NO(ask(NOW), BASE_E_RANGE);
	NO(ask(base_time_add_s(NOW, 59)), BASE_E_RANGE);
	OK(ask(base_time_add_s(NOW, 60)));
}
END_TEST

START_TEST(answers)
{
	const struct base_span first = { (const uint8_t *)"one", 3 };
	const struct base_span second = { (const uint8_t *)"two", 3 };
	struct base_buf b;

	NO(ag_guests_keep(guests, "app1", first, NOW), BASE_E_NOTFOUND);
	OK(give());
	ck_assert(!ag_guests_answer(guests, "app1", &b));
	OK(ag_guests_keep(guests, "app1", first, NOW));
	OK(ag_guests_keep(guests, "app1", second, NOW));
	ck_assert(!ag_guests_answer(guests, "app2", &b));
	ck_assert(ag_guests_answer(guests, "app1", &b));
	ck_assert_mem_eq(b.p, "two", 3);
	base_buf_free(&b);
	ck_assert(!ag_guests_answer(guests, "app1", &b));
	/* that of an earlier token is none for this one */
	OK(ag_guests_keep(guests, "app1", first, NOW));
	invite.admit[0] ^= 1;
	OK(give());
	ck_assert(!ag_guests_answer(guests, "app1", &b));
}
END_TEST

TCase *
case_guests(void)
{
	TCase *tc = tcase_create("guests");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, expected);
	tcase_add_test(tc, not_for_us);
	tcase_add_test(tc, not_by_the_ca);
	tcase_add_test(tc, in_time);
	tcase_add_test(tc, newest_counts);
	tcase_add_test(tc, so_many);
	tcase_add_test(tc, so_many_and_some_are_done);
	tcase_add_test(tc, who_has_an_answer_keeps_his_place);
	tcase_add_test(tc, the_word);
	tcase_add_test(tc, so_often);
	tcase_add_test(tc, answers);
	return tc;
}
