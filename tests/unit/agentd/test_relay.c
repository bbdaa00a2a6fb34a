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

static void
setup(void)
{
	relay = ag_relay_new("web1");
}

static void
teardown(void)
{
	ag_relay_free(relay);
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

START_TEST(full)
{
	char text[32];

	for (int i = 0; i < AG_BOX_MAX; i++) {
		snprintf(text, sizeof text, "%d", i);
		OK(put("ca", parcel(true, "web1 app1", text)));
	}
	NO(put("ca", parcel(true, "web1 app1", "more")), BASE_E_RANGE);
	/* others are not hurt */
	OK(put("ca", parcel(true, "web1 app2", "more")));
	ck_assert_uint_eq(take("app1", NOW), AG_BOX_MAX);
	OK(put("ca", parcel(true, "web1 app1", "more")));
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
	wire_exchange_clear(&x);
}
END_TEST

TCase *
case_relay(void)
{
	TCase *t = tcase_create("relay");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, down);
	tcase_add_test(t, up);
	tcase_add_test(t, refused);
	tcase_add_test(t, expired);
	tcase_add_test(t, again);
	tcase_add_test(t, full);
	tcase_add_test(t, back);
	return t;
}
