/* Certificates that may end before another one is confirmed: which, why, and
 * whom that would cut off. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

#define DAY INT64_C(86400000)

static struct ca_unsafe last;
static size_t found;

static enum base_err
take(void *arg, const struct ca_unsafe *u)
{
	(void)arg;
	if (strcmp(u->leaf.root, "plant") == 0 &&
	    strcmp(u->leaf.node, "app1") == 0) {
		last = *u;
		found++;
	}
	return BASE_OK;
}

/* Of app1 under plant. */
static size_t
look(void)
{
	found = 0;
	pair_must(ca_certs_unsafe(&w.ca, take, NULL));
	return found;
}

/* app1's certificate of 60 days ends in so many. */
static void
ends_in(int64_t ms)
{
	struct ca_leaf l = { .node = "app1",
		.root = "plant",
		.gen = 1,
		.epoch = 1,
		.not_before = { w.now.ms + ms - 60 * DAY },
		.not_after = { w.now.ms + ms },
		.due = { w.now.ms - 1 } };

	pair_must(ca_store_leaf_put(w.ca.store, &l));
}

static void
is(enum ca_renew_state state, const char *why)
{
	ck_assert_uint_eq(look(), 1);
	ck_assert_int_eq(last.state, state);
	ck_assert_msg(strstr(last.why, why) != NULL, "%s", last.why);
	ck_assert_msg(strstr(last.text, last.why) != NULL, "%s", last.text);
}

/* ---- when ---- */

START_TEST(the_last_sixth_of_its_life)
{
	ck_assert_uint_eq(look(), 0);
	ends_in(10 * DAY + 1);
	ck_assert_uint_eq(look(), 0);
	ends_in(10 * DAY);
	ck_assert_uint_eq(look(), 1);
	ck_assert(!last.expired);
	ck_assert_ptr_nonnull(strstr(last.text,
	    "node app1: its certificate under root plant ends at 2026-01-11T"));
	ck_assert_ptr_nonnull(strstr(last.text, "; then it is refused by "));
	ends_in(0);
	ck_assert_uint_eq(look(), 1);
	ck_assert(last.expired);
	ck_assert_ptr_nonnull(strstr(last.text, "under root plant ended at"));
	ck_assert_ptr_nonnull(strstr(last.text, "; it is refused by web1"));
}
END_TEST

/* Nothing is due for who shows nothing. */
START_TEST(who_has_no_part)
{
	ends_in(DAY);
	ck_assert_uint_eq(look(), 1);
	pair_node("app1")->joined.ms = 0;
	ck_assert_uint_eq(look(), 0);
}
END_TEST

/* ---- why ---- */

START_TEST(not_sent_yet)
{
	ends_in(DAY);
	is(CA_RENEW_DUE, "its renewal was not sent yet");
}
END_TEST

static void
order(enum ca_order_state state, uint32_t steps, uint32_t from,
    const char *reason)
{
	static uint64_t epoch = 20;
	struct ca_order o = { .node = "app1",
		.root = "plant",
		.epoch = ++epoch,
		.steps = steps,
		.from = from,
		.to = 1,
		.issued = w.now,
		.expires = { w.now.ms + DAY },
		.settled = { w.now.ms + 1000 },
		.state = state };

	strcpy(o.reason, reason);
	pair_must(base_buf_put(&o.cms, "x", 1));
	pair_must(ca_store_order_add(w.ca.store, &o));
	pair_must(ca_store_order_update(w.ca.store, &o));
	ca_order_clear(&o);
}

START_TEST(sent_without_an_answer)
{
	ends_in(DAY);
	pair_node("app1")->seen.ms = 0;
	order(CA_ORDER_SENT, WIRE_STEP_CERT, 1, "");
	is(CA_RENEW_SENT, "its renewal was sent at 2026-01-01T");
	ck_assert_ptr_null(strstr(last.why, "last seen"));
	ck_assert_int_eq(last.since.ms, w.now.ms);
	ca_seen(&w.ca, "app1");
	is(CA_RENEW_SENT, "no answer; last seen at 2026-01-01T");
}
END_TEST

START_TEST(failed_so_often)
{
	ends_in(DAY);
	order(CA_ORDER_FAILED, WIRE_STEP_CERT, 1, "no space");
	order(CA_ORDER_FAILED, WIRE_STEP_CERT, 1, "bad file");
	is(CA_RENEW_FAILED, "its renewal failed 2 times, last: bad file");
	ck_assert_uint_eq(last.failures, 2);
}
END_TEST

START_TEST(another_order_first)
{
	ends_in(DAY);
	order(CA_ORDER_SENT, WIRE_STEP_TIDY, 1, "");
	is(CA_RENEW_BUSY, "another order of it is outstanding");
}
END_TEST

START_TEST(not_signed)
{
	ends_in(DAY);
	hsm_fake_mood(w.hsm)->refuse = "app1";
	pair_turns(4);
	is(CA_RENEW_UNSIGNED, "is not signed: kedge-hsmd: not this one");
}
END_TEST

START_TEST(the_root_ends_with_it)
{
	struct base_time end;

	pair_must(ca_root_end(&w.ca, "plant", 1, &end));
	w.now.ms = end.ms - DAY;
	ends_in(DAY);
	is(CA_RENEW_ROOT, "generation 1 of the root ends with it; roll");
}
END_TEST

START_TEST(the_operators_word)
{
	ends_in(DAY);
	pair_fact("app1", POL_FACT_LOST, (struct pol_conf){ 0, 0, 0 });
	is(CA_RENEW_UNKNOWN, "it has not said what it holds");
	pair_fact("app1", POL_FACT_HELD, (struct pol_conf){ 0, 0, 0 });
	is(CA_RENEW_HELD, "it is held; kedge roll release");
	pair_fact("app1", POL_FACT_EXCUSED, (struct pol_conf){ 0, 0, 0 });
	is(CA_RENEW_EXCUSED, "it is excused; kedge roll return");
}
END_TEST

/* ---- whom ---- */

static void
linked(const char *client, const char *server, const char *client_root)
{
	struct ca_topo *t = w.ca.topo;
	struct ca_link *l;

	t->links = realloc(t->links, (t->nlinks + 1) * sizeof(*t->links));
	l = &t->links[t->nlinks++];
	memset(l, 0, sizeof(*l));
	strcpy(l->client, client);
	strcpy(l->server, server);
	strcpy(l->client_root, client_root);
	strcpy(l->server_root, "plant");
}

START_TEST(those_who_check_it)
{
	ends_in(DAY);
	ck_assert_uint_eq(look(), 1);
	ck_assert_uint_eq(last.peers, 1);
	/* as a server of s1 too; not as a client that shows nothing, nor under
	 * another root */
	linked("s1", "app1", "");
	linked("app1", "s2", "");
	linked("app1", "s3", "lab");
	linked("s7", "app1", "");
	strcpy(w.ca.topo->links[w.ca.topo->nlinks - 1].server_root, "lab");
	ck_assert_uint_eq(look(), 1);
	ck_assert_uint_eq(last.peers, 2);
	ck_assert_ptr_nonnull(strstr(last.text, "refused by web1, s1"));
	linked("app1", "s4", "plant");
	linked("app1", "s5", "plant");
	linked("app1", "s6", "plant");
	ck_assert_uint_eq(look(), 1);
	ck_assert_uint_eq(last.peers, 5);
	ck_assert_ptr_nonnull(strstr(last.text, "web1, s1, s4, s5 and 1 more"));
}
END_TEST

static enum base_err
take_own(void *arg, const struct ca_unsafe *u)
{
	if (strcmp(u->leaf.root, CA_MANAGEMENT) == 0)
		memcpy(arg, u, sizeof(*u));
	return BASE_OK;
}

START_TEST(under_management_the_ca)
{
	struct ca_leaf l = { .node = "app1",
		.root = CA_MANAGEMENT,
		.gen = 1,
		.epoch = 1,
		.not_before = { w.now.ms - 59 * DAY },
		.not_after = { w.now.ms + DAY },
		.due = { w.now.ms - 1 } };
	struct ca_unsafe u = { .peers = 0 };

	pair_must(ca_store_leaf_put(w.ca.store, &l));
	pair_must(ca_certs_unsafe(&w.ca, take_own, &u));
	ck_assert_uint_eq(u.peers, 1);
	ck_assert_ptr_nonnull(strstr(u.text, "then it is refused by the CA"));
}
END_TEST

/* ---- how it is asked ---- */

static enum base_err
stop(void *arg, const struct ca_unsafe *u)
{
	(void)u;
	++*(size_t *)arg;
	return BASE_E_AGAIN;
}

START_TEST(stops_at_an_error)
{
	size_t n = 0;

	ck_assert_int_eq(ca_certs_unsafe(&w.ca, stop, &n), BASE_OK);
	ends_in(DAY);
	ck_assert_int_eq(ca_certs_unsafe(&w.ca, stop, &n), BASE_E_AGAIN);
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(each_day)
{
	w.ca.unsafe_next = w.mono;
	ck_assert_int_eq(ca_unsafe_work(&w.ca).ms, w.mono.ms + DAY);
	w.mono.ms += DAY - 1;
	ck_assert_int_eq(ca_unsafe_work(&w.ca).ms, w.mono.ms + 1);
	w.mono.ms += 1;
	ck_assert_int_eq(ca_unsafe_work(&w.ca).ms, w.mono.ms + DAY);
}
END_TEST

START_TEST(words)
{
	ck_assert_str_eq(ca_renew_name(CA_RENEW_NONE), "none");
	ck_assert_str_eq(ca_renew_name(CA_RENEW_UNSIGNED), "unsigned");
	ck_assert_str_eq(ca_renew_name(CA_RENEW_EXCUSED), "excused");
	ck_assert_str_eq(ca_renew_name((enum ca_renew_state)99), "?");
}
END_TEST

TCase *
case_unsafe(void)
{
	TCase *t = pair_case("unsafe");

	tcase_add_test(t, the_last_sixth_of_its_life);
	tcase_add_test(t, who_has_no_part);
	tcase_add_test(t, not_sent_yet);
	tcase_add_test(t, sent_without_an_answer);
	tcase_add_test(t, failed_so_often);
	tcase_add_test(t, another_order_first);
	tcase_add_test(t, not_signed);
	tcase_add_test(t, the_root_ends_with_it);
	tcase_add_test(t, the_operators_word);
	tcase_add_test(t, those_who_check_it);
	tcase_add_test(t, under_management_the_ca);
	tcase_add_test(t, stops_at_an_error);
	tcase_add_test(t, each_day);
	tcase_add_test(t, words);
	return t;
}
