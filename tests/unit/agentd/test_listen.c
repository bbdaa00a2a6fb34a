/* Ports on which the CA and neighbours call: who is let in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/pair.h"
#include "tests/unit/agentd/suites.h"

START_TEST(direct)
{
	ca_up(WIRE_CA_TLS, "ca");
	ca_call("ca", 0, 1);
	ca_wait();
	ck_assert_int_eq(ca_status, 200);
	ck_assert_str_eq(ca_got.from, "web1");
	wait_local(&web1, 1);
}
END_TEST

/* A node of the same fleet is not the CA. */
START_TEST(not_the_ca)
{
	ca_up(WIRE_NODE_CERT, "app1");
	ca_call("app1", 0, 1);
	ca_wait();
	ck_assert_int_eq(ca_status, 403);
	ca_call("ca", 0, 1);
	ca_wait();
	ck_assert_int_eq(ca_status, 403);
	ck_assert_uint_eq(web1.nlocal, 0);
}
END_TEST

/* Its link shows no certificate: the hello alone says who it is. */
START_TEST(poll_server_only)
{
	pair_node_down(&web1);
	pair_node_up(&web1, "web1", 0,
	    "management = { listen = \"127.0.0.1:0\"; };"
	    "relay = { listen = \"127.0.0.1:0\"; root = \"plant\"; };");
	pair_poller_up("");
	relayed();
}
END_TEST

START_TEST(poll_not_accepted)
{
	struct timeval tv = { 0, 300000 };

	pair_poller_up("root = \"plant\";");
	free(web1.conf->relay_accept[0]);
	web1.conf->relay_accept[0] = base_strdup("app2");
	ca_up(WIRE_CA_TLS, "ca");
	ca_call("ca", 0, 2);
	ca_wait();
	event_base_loopexit(pair_eb, &tv);
	event_base_dispatch(pair_eb);
	ck_assert_uint_eq(app1.nlocal, 0);
}
END_TEST

TCase *
case_listen(void)
{
	TCase *t = tcase_create("listen");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, pair_setup, pair_teardown);
	tcase_add_test(t, direct);
	tcase_add_test(t, not_the_ca);
	tcase_add_test(t, poll_server_only);
	tcase_add_test(t, poll_not_accepted);
	return t;
}
