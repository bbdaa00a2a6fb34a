/* Unit tests of agentd/relay.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/relay.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static struct ag_relay *relay;
static bool local;
static char next[BASE_NAME_MAX + 1];

static struct ag_config *conf;

/* Below the CA and app9; its clients poll, app3 is dialled. */
static void
setup_with(const char *accept)
{
	char *text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"/none\";"
	    "management = { listen = \"127.0.0.1:0\"; };"
	    "relay = { listen = \"127.0.0.1:0\"; root = \"plant\"; %s };"
	    "neighbours = ("
	    " { node = \"app3\"; role = \"push\"; address = \"h:1\";"
	    "   verify_root = \"plant\"; },"
	    " { node = \"app9\"; role = \"poll\"; address = \"h:2\";"
	    "   verify_root = \"plant\"; } );",
	    accept);

	OK(ag_config_parse(text, "t", &conf));
	relay = ag_relay_new(conf, NULL);
	free(text);
}

static void
teardown(void)
{
	ag_relay_free(relay);
	ag_config_free(conf);
}

static void
setup(void)
{
	setup_with("accept = ( \"app1\", \"app2\" );");
}

static void
accept_all(void)
{
	teardown();
	setup_with("");
}

/* route: names separated by spaces */
static struct wire_parcel
parcel(bool down, const char *route, const char *content)
{
	struct wire_parcel p = {
		.kind = down ? WIRE_P_ORDER : WIRE_P_REPORT,
		.down = down,
		.expires = RIG(11),
	};
	char *copy = base_strdup(route), *save = NULL;

	for (char *s = strtok_r(copy, " ", &save); s != NULL;
	     s = strtok_r(NULL, " ", &save))
		strcpy(p.route[p.nroute++], s);
	free(copy);
	base_buf_init(&p.content, 0);
	OK(base_buf_put(&p.content, content, strlen(content)));
	return p;
}

static enum base_err
put(const char *from, struct wire_parcel p)
{
	enum base_err e = ag_relay_put(relay, from, &p, NOW, &local, next);

	wire_parcel_clear(&p);
	return e;
}

static size_t
take(const char *peer, struct base_time now)
{
	struct wire_exchange x = { 0 };
	size_t n;

	ag_relay_take(relay, peer, now, &x);
	n = x.nparcels;
	wire_exchange_clear(&x);
	return n;
}

static struct wire_parcel hint;

static bool
handed(struct wire_parcel p)
{
	bool yes = ag_relay_handed(relay, &p, NOW, &hint);

	wire_parcel_clear(&p);
	return yes;
}

/* Of orders for somebody behind this relay the CA is told, by its own way. */
START_TEST(what_is_handed_over)
{
	uint8_t digest[32];

	wire_digest((struct base_span){ (const uint8_t *)"x", 1 }, digest);
	ck_assert(handed(parcel(true, "app9 web1 app1", "x")));
	ck_assert_uint_eq(hint.nroute, 2);
	ck_assert_str_eq(hint.route[1], "web1");
	ck_assert_mem_eq(hint.content.p, digest, 32);
	OK(put("web1", hint));
	ck_assert_str_eq(next, "app9");
	ck_assert(!handed(parcel(true, "web1", "x")));
	ck_assert(!handed(parcel(true, "app1", "x")));
	ck_assert(!handed(parcel(false, "web1 app1", "x")));
}
END_TEST

START_TEST(down)
{
	OK(put("ca", parcel(true, "web1", "x")));
	ck_assert(local);
	OK(put("ca", parcel(true, "web1 app1", "x")));
	ck_assert(!local);
	ck_assert_str_eq(next, "app1");
	OK(put("ca", parcel(true, "web1 app3 web2", "x")));
	ck_assert_str_eq(next, "app3");
	OK(put("app9", parcel(true, "app9 web1 app1", "x")));
	ck_assert(ag_relay_has(relay, "app1"));
	ck_assert_uint_eq(take("app1", NOW), 2);
	ck_assert(!ag_relay_has(relay, "app1"));
	ck_assert_uint_eq(take("app3", NOW), 1);
	ck_assert_uint_eq(take("nobody", NOW), 0);
}
END_TEST

START_TEST(up)
{
	OK(put("app1", parcel(false, "web1 app1", "x")));
	ck_assert_str_eq(next, "ca");
	OK(put("app1", parcel(false, "app9 web1 app1", "x")));
	ck_assert_str_eq(next, "app9");
	/* our own */
	OK(put("web1", parcel(false, "app9 web1", "x")));
	ck_assert_str_eq(next, "app9");
	ck_assert_uint_eq(take("ca", NOW), 1);
	ck_assert_uint_eq(take("app9", NOW), 2);
}
END_TEST

START_TEST(refused)
{
	accept_all();
	NO(put("ca", parcel(true, "web2 app1", "x")), BASE_E_REFUSED);
	NO(put("ca", parcel(true, "app9 web1", "x")), BASE_E_REFUSED);
	NO(put("app9", parcel(true, "web1 app1", "x")), BASE_E_REFUSED);
	NO(put("app2", parcel(false, "web1 app1", "x")), BASE_E_REFUSED);
	NO(put("ca", parcel(false, "web1 app1", "x")), BASE_E_REFUSED);
	NO(put("web1", parcel(true, "web1", "x")), BASE_E_REFUSED);
	ck_assert_uint_eq(take("app1", NOW), 0);
	ck_assert_uint_eq(take("ca", NOW), 0);
}
END_TEST

START_TEST(expired)
{
	struct wire_parcel p = parcel(true, "web1 app1", "x");

	p.expires = NOW;
	NO(put("ca", p), BASE_E_EXPIRED);
	OK(put("ca", parcel(true, "web1 app1", "x")));
	ck_assert_uint_eq(take("app1", RIG(11)), 0);
}
END_TEST

START_TEST(again)
{
	OK(put("ca", parcel(true, "web1 app1", "x")));
	OK(put("ca", parcel(true, "web1 app1", "x")));
	OK(put("ca", parcel(true, "web1 app1", "y")));
	ck_assert_uint_eq(take("app1", NOW), 2);
}
END_TEST

static struct wire_parcel
stock(const char *route, const char *content)
{
	struct wire_parcel p = parcel(false, route, content);

	p.kind = WIRE_P_STOCK;
	return p;
}

/* Of a node's stocks the newest is enough; nothing else makes room. */
START_TEST(newest_stock)
{
	struct wire_exchange x = { 0 };

	OK(put("app1", stock("web1 app1", "1")));
	OK(put("app2", stock("web1 app2", "2")));
	OK(put("app1", parcel(false, "web1 app1", "3")));
	OK(put("app1", stock("web1 app1", "4")));
	OK(put("app1", stock("web1 app1", "4")));
	ag_relay_take(relay, "ca", NOW, &x);
	ck_assert_uint_eq(x.nparcels, 3);
	ck_assert_int_eq(x.parcels[0].content.p[0], '2');
	ck_assert_int_eq(x.parcels[1].content.p[0], '3');
	ck_assert_int_eq(x.parcels[2].content.p[0], '4');
	wire_exchange_clear(&x);
}
END_TEST

static struct wire_parcel
of_kind(enum wire_parcel_kind kind, const char *route, const char *content)
{
	struct wire_parcel p =
	    parcel(wire_parcel_is_down(kind), route, content);

	p.kind = kind;
	return p;
}

/* A join that was sealed again takes the place of the one before. */
START_TEST(newest_join)
{
	struct wire_exchange x = { 0 };

	OK(put("app1", of_kind(WIRE_P_JOIN, "web1 app1", "1")));
	OK(put("app2", of_kind(WIRE_P_JOIN, "web1 app2", "2")));
	OK(put("app1", of_kind(WIRE_P_JOIN, "web1 app1", "3")));
	ag_relay_take(relay, "ca", NOW, &x);
	ck_assert_uint_eq(x.nparcels, 2);
	ck_assert_int_eq(x.parcels[0].content.p[0], '2');
	ck_assert_int_eq(x.parcels[1].content.p[0], '3');
	wire_exchange_clear(&x);
}
END_TEST

/* The answer is for the relay behind which the node joins, and not before. */
START_TEST(join_answer)
{
	OK(put("ca", of_kind(WIRE_P_JOIN_ANSWER, "web1 app1", "x")));
	ck_assert(local);
	OK(put("ca", of_kind(WIRE_P_JOIN_ANSWER, "web1 app1 app5", "x")));
	ck_assert(!local);
	ck_assert_str_eq(next, "app1");
	NO(put("app2", of_kind(WIRE_P_JOIN_ANSWER, "web1 app1", "x")),
	    BASE_E_REFUSED);
	NO(put("ca", of_kind(WIRE_P_JOIN_ANSWER, "web1 nobody", "x")),
	    BASE_E_REFUSED);
}
END_TEST

static struct wire_parcel
numbered(bool is_down, const char *route, int i)
{
	char text[32];

	snprintf(text, sizeof text, "%d", i);
	return parcel(is_down, route, text);
}

START_TEST(unreachable)
{
	/* nobody of that name may dial in, and we dial nobody of it */
	NO(put("ca", parcel(true, "web1 app7", "x")), BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(base_why(), "shares no link"));
	NO(put("app1", parcel(false, "app7 web1 app1", "x")), BASE_E_REFUSED);
	accept_all();
	OK(put("ca", parcel(true, "web1 app7", "x")));
	/* the CA is not reached by itself */
	free(conf->management);
	conf->management = NULL;
	NO(put("app1", parcel(false, "web1 app1", "x")), BASE_E_REFUSED);
	conf->ca_poll = true;
	OK(put("app1", parcel(false, "web1 app1", "x")));
}
END_TEST

/* One sender has half of a mailbox, two fill it. */
START_TEST(full)
{
	for (int i = 0; i < AG_SHARE_MAX; i++)
		OK(put("ca", numbered(true, "web1 app1", i)));
	NO(put("ca", parcel(true, "web1 app1", "more")), BASE_E_RANGE);
	ck_assert_ptr_nonnull(strstr(base_why(), "share"));
	/* again what is there, and others, are not hurt */
	OK(put("ca", numbered(true, "web1 app1", 0)));
	OK(put("ca", parcel(true, "web1 app2", "more")));
	for (int i = AG_SHARE_MAX; i < AG_BOX_MAX; i++)
		OK(put("app9", numbered(true, "app9 web1 app1", i)));
	NO(put("app3", parcel(true, "app3 web1 app1", "more")), BASE_E_RANGE);
	ck_assert_uint_eq(take("app1", NOW), AG_BOX_MAX);
	OK(put("ca", parcel(true, "web1 app1", "more")));
}
END_TEST

/* Names that a neighbour invents: it gets its share, the others theirs. */
START_TEST(invented)
{
	char route[64];
	int i, took = 0;

	accept_all();
	for (i = 0; i < AG_SENDER_MAX + 10; i++) {
		struct wire_parcel p;

		snprintf(route, sizeof route, "x%d web1 app1", i);
		p = parcel(false, route, "x");
		if (ag_relay_put(relay, "app1", &p, NOW, &local, next) ==
		    BASE_OK)
			took++;
		wire_parcel_clear(&p);
	}
	ck_assert_int_eq(took, AG_SENDER_MAX);
	ck_assert_ptr_nonnull(strstr(base_why(), "from app1"));
	OK(put("app2", parcel(false, "web1 app2", "x")));
	OK(put("ca", parcel(true, "web1 app1", "x")));
	/* what has expired makes room, in whatever mailbox it is */
	{
		struct wire_parcel p = parcel(false, "y web1 app1", "x");

		p.expires = RIG(20);
		OK(ag_relay_put(relay, "app1", &p, RIG(11), &local, next));
	}
	ck_assert_uint_eq(take("x1", NOW), 0);
}
END_TEST

START_TEST(large)
{
	char *text = base_alloc(WIRE_PARCEL_MAX + 1);
	size_t n = 0;
	struct wire_parcel p;

	memset(text, 'x', WIRE_PARCEL_MAX);
	accept_all();
	for (; n * WIRE_PARCEL_MAX <= AG_SENDER_BYTES; n++) {
		char *route = base_asprintf("web1 a%zu", n);

		p = parcel(true, route, text);
		free(route);
		if (ag_relay_put(relay, "ca", &p, NOW, &local, next) != BASE_OK)
			break;
	}
	wire_parcel_clear(&p);
	ck_assert_uint_eq(n, AG_SENDER_BYTES / WIRE_PARCEL_MAX);
	OK(put("app1", parcel(false, "web1 app1", text)));
	free(text);
}
END_TEST

/* From sender number k, to one node each. */
static enum base_err
put_of(unsigned k, size_t to, const char *content)
{
	char from[16], *route;
	enum base_err e;
	struct wire_parcel p;

	snprintf(from, sizeof from, "s%u", k);
	route = base_asprintf("%s web1 a%zu", from, to);
	p = parcel(true, route, content);
	free(route);
	e = ag_relay_put(relay, from, &p, NOW, &local, next);
	wire_parcel_clear(&p);
	return e;
}

/* However many senders there are: mailboxes, */
START_TEST(all_mailboxes)
{
	accept_all();
	for (size_t i = 0; i < AG_BOXES_MAX; i++)
		OK(put_of((unsigned)(i / AG_SENDER_MAX), i, "x"));
	NO(put_of(9, AG_BOXES_MAX, "x"), BASE_E_RANGE);
	ck_assert_ptr_nonnull(strstr(base_why(), "the number of mailboxes"));
	/* not for who has one */
	OK(put_of(9, 7, "y"));
	/* an empty one makes room */
	ck_assert_uint_eq(take("a8", NOW), 1);
	OK(put_of(9, AG_BOXES_MAX, "x"));
}
END_TEST

/* and the memory for them. */
START_TEST(all_memory)
{
	char *text = base_alloc(WIRE_PARCEL_MAX + 1);
	const size_t each = AG_SENDER_BYTES / WIRE_PARCEL_MAX;
	const size_t all = AG_BOX_BYTES_MAX / WIRE_PARCEL_MAX;

	memset(text, 'x', WIRE_PARCEL_MAX);
	accept_all();
	for (size_t i = 0; i < all; i++)
		OK(put_of((unsigned)(i / each), i, text));
	NO(put_of(9, all, text), BASE_E_RANGE);
	ck_assert_ptr_nonnull(strstr(base_why(), "the memory for mailboxes"));
	ck_assert_uint_eq(take("a0", NOW), 1);
	OK(put_of(9, all, text));
	NO(put_of(9, 0, text), BASE_E_RANGE);
	free(text);
}
END_TEST

/* However late a parcel says that it ends. */
START_TEST(kept_not_for_ever)
{
	struct wire_parcel p = parcel(true, "web1 app1", "x");

	p.expires = RIG(9999);
	OK(put("ca", p));
	p = parcel(true, "web1 app2", "x");
	p.expires = RIG(9999);
	OK(put("ca", p));
	ck_assert_uint_eq(take("app1", base_time_add_s(NOW, AG_KEEP_S - 1)), 1);
	ck_assert_uint_eq(take("app2", base_time_add_s(NOW, AG_KEEP_S)), 0);
}
END_TEST

START_TEST(back)
{
	struct wire_exchange x = { 0 };

	OK(put("ca", parcel(true, "web1 app1", "1")));
	OK(put("ca", parcel(true, "web1 app1", "2")));
	ag_relay_take(relay, "app1", NOW, &x);
	OK(put("ca", parcel(true, "web1 app1", "3")));
	ag_relay_back(relay, "app1", &x);
	ck_assert_uint_eq(x.nparcels, 0);
	wire_exchange_clear(&x);
	ag_relay_take(relay, "app1", NOW, &x);
	ck_assert_uint_eq(x.nparcels, 3);
	ck_assert_int_eq(x.parcels[0].content.p[0], '1');
	ck_assert_int_eq(x.parcels[2].content.p[0], '3');
	/* they count for their sender as before */
	ag_relay_back(relay, "app1", &x);
	for (int i = 3; i < AG_SHARE_MAX; i++)
		OK(put("ca", numbered(true, "web1 app1", 100 + i)));
	NO(put("ca", parcel(true, "web1 app1", "more")), BASE_E_RANGE);
	wire_exchange_clear(&x);
}
END_TEST

/* Nobody fetches: words on what was handed over come and come, this node's
 * own and those of a relay behind it, and keep no report out. */
START_TEST(hints_keep_no_report_out)
{
	char text[24];
	struct wire_exchange x = { .wait_ms = 0 };
	size_t hints = 0, reports = 0;

	for (int i = 0; i < AG_BOX_MAX; i++) {
		struct wire_parcel p;

		snprintf(text, sizeof text, "handed over %d", i);
		p = parcel(false, i % 2 == 0 ? "app9 web1" : "app9 web1 app1",
		    text);
		p.kind = WIRE_P_HANDED;
		OK(put(i % 2 == 0 ? "web1" : "app1", p));
	}
	for (int i = 0; i < AG_SHARE_MAX / 2; i++) {
		snprintf(text, sizeof text, "report %d", i);
		OK(put("web1", parcel(false, "app9 web1", text)));
		OK(put("app1", parcel(false, "app9 web1 app1", text)));
	}
	ag_relay_take(relay, "app9", NOW, &x);
	for (size_t i = 0; i < x.nparcels; i++) {
		hints += x.parcels[i].kind == WIRE_P_HANDED;
		reports += x.parcels[i].kind == WIRE_P_REPORT;
	}
	ck_assert_uint_eq(hints, 2 * AG_HINTS_MAX);
	ck_assert_uint_eq(reports, AG_SHARE_MAX);
	/* the newest of each */
	ck_assert_uint_eq(x.parcels[0].content.n, strlen("handed over 128"));
	ck_assert_mem_eq(x.parcels[0].content.p, "handed over 128", 15);
	wire_exchange_clear(&x);
}
END_TEST

static struct wire_parcel
word(bool own, const char *text)
{
	struct wire_parcel p =
	    parcel(false, own ? "app9 web1" : "app9 web1 app1", text);

	p.kind = WIRE_P_HANDED;
	return p;
}

/* One that is there already, one that is refused and those of another cost
 * a sender none of its own. */
START_TEST(hints_take_their_own_place)
{
	struct wire_exchange x = { .wait_ms = 0 };
	struct wire_parcel much = word(true, "much");
	char text[24];

	for (int i = 0; i < AG_HINTS_MAX; i++) {
		snprintf(text, sizeof text, "%d", i);
		OK(put("web1", word(true, text)));
	}
	OK(put("web1", word(true, text)));
	for (int i = 0; i < AG_HINTS_MAX; i++) {
		snprintf(text, sizeof text, "%d", i);
		OK(put("app1", word(false, text)));
	}
	for (size_t n = 0; n < AG_SENDER_BYTES; n += sizeof text)
		OK(base_buf_put(&much.content, text, sizeof text));
	NO(put("web1", much), BASE_E_RANGE);
	ag_relay_take(relay, "app9", NOW, &x);
	ck_assert_uint_eq(x.nparcels, 2 * AG_HINTS_MAX);
	ck_assert_uint_eq(x.parcels[0].content.n, 1);
	ck_assert_int_eq(x.parcels[0].content.p[0], '0');
	wire_exchange_clear(&x);
}
END_TEST

TCase *
case_relay(void)
{
	TCase *t = tcase_create("relay");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, down);
	tcase_add_test(t, what_is_handed_over);
	tcase_add_test(t, hints_keep_no_report_out);
	tcase_add_test(t, hints_take_their_own_place);
	tcase_add_test(t, up);
	tcase_add_test(t, refused);
	tcase_add_test(t, expired);
	tcase_add_test(t, again);
	tcase_add_test(t, newest_stock);
	tcase_add_test(t, newest_join);
	tcase_add_test(t, join_answer);
	tcase_add_test(t, unreachable);
	tcase_add_test(t, full);
	tcase_add_test(t, invented);
	tcase_add_test(t, large);
	tcase_add_test(t, all_mailboxes);
	tcase_add_test(t, all_memory);
	tcase_add_test(t, kept_not_for_ever);
	tcase_add_test(t, back);
	return t;
}
