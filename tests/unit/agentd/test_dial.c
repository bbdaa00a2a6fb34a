/* Whom this agent calls: polls, what was kept, other certificates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agentd/pair.h"
#include "tests/unit/agentd/suites.h"

START_TEST(poll)
{
	pair_poller_up("root = \"plant\";");
	relayed();
}
END_TEST

/* What a relay has kept goes on by itself when it is there again. */
START_TEST(kept)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 2,
		.route = { "app1", "web1" },
		.expires = base_time_add_s(base_time_now(), 60) };
	char *box = base_asprintf("%s/app1/relay_parcels", pair_dir);
	char *ways = base_asprintf(
	    "neighbours = ( { node = \"web1\"; role = \"push\";"
	    " address = \"127.0.0.1:%u\"; root = \"plant\";"
	    " verify_root = \"plant\"; } ); ca = { address = \"127.0.0.1:1\";"
	    " poll = true; };",
	    (unsigned)ag_net_relay_port(web1.net));
	struct ag_spool *spool;

	OK(base_buf_put(&p.content, CONTENT, strlen(CONTENT)));
	OK(ag_spool_open(box, &spool));
	OK(ag_spool_put(spool, &p));
	ag_spool_close(spool);
	pair_node_up(&app1, "app1", 3, ways);
	wait_local(&web1, 1);
	wire_parcel_clear(&p);
	free(box);
	free(ways);
}
END_TEST

/* New certificates of the link: calls that hang end in peace, and the next
 * order comes over the new ones. */
START_TEST(refresh)
{
	pair_poller_up("root = \"plant\";");
	relayed();
	for (int i = 0; i < 2; i++) {
		struct pair_node *n = i == 0 ? &web1 : &app1;
		struct ag_bundle *b = n->roots[0].bundle;

		b->trust[1] = rig_ref(rig_root(2));
		b->trust_gen[1] = 2;
		b->ntrust = 2;
		X509_free(b->cert);
		b->cert = rig_leaf_of(n->name,
		    fleet_key(WIRE_P256, i == 0 ? 0 : 3), 2, 0, 365);
		b->cert_gen = 2;
		ag_net_refresh(n->net, "plant");
	}
	ca_call("ca", 0, 2);
	ca_wait();
	wait_local(&app1, 2);
}
END_TEST

/* The node's poll hangs at the relay for ten minutes, the CA's at the relay as
 * long: the order and its report each come by a poll that hangs already. */
START_TEST(at_once)
{
	pair_wait_s = "600";
	pair_poller_up("root = \"plant\";");
	ca_up(WIRE_CA_TLS, "ca");
	ca_call("ca", 0, 2);
	ca_wait();
	wait_local(&app1, 1);
	do {
		ca_call("ca", WIRE_WAIT_MAX, 0);
		ca_wait();
	} while (ca_got.parcels[ca_got.nparcels - 1].kind == WIRE_P_HANDED);
	ck_assert_int_eq(ca_got.parcels[ca_got.nparcels - 1].kind,
	    WIRE_P_REPORT);
	/* a second one, when the node hangs in its poll for sure */
	ca_call("ca", 0, 2);
	ca_wait();
	wait_local(&app1, 2);
}
END_TEST

TCase *
case_dial(void)
{
	TCase *t = tcase_create("dial");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, pair_setup, pair_teardown);
	tcase_add_test(t, poll);
	tcase_add_test(t, at_once);
	tcase_add_test(t, kept);
	tcase_add_test(t, refresh);
	return t;
}
