/*
 * web1, a relay that the CA calls, and app1, a node that polls it, in one loop
 * over real TLS: for the tests of net.c, dial.c and listen.c.
 */
#pragma once

#include "agentd/net.h"
#include "agentd/net_impl.h"
#include "tests/unit/agentd/rig.h"

#define CONTENT "order for app1"

struct pair_node {
	const char *name;
	struct ag_config *conf;
	struct ag_root roots[2];
	struct ag_holdings held;
	struct ag_net *net;
	unsigned nlocal;
	bool answers; /* sends a report when something comes */
};
extern struct event_base *pair_eb;
extern char *pair_dir;
extern const char *pair_wait_s;  /* of a poll */
extern struct pair_node web1, app1;
extern int ca_status;            /* of its last call */
extern struct wire_exchange ca_got;

/* Fixtures: web1 is up. */
void pair_setup(void);
void pair_teardown(void);
void pair_node_up(struct pair_node *n, const char *name, int key,
    const char *ways);
void pair_node_down(struct pair_node *n);
/* app1 polls web1; root: how it shows itself. */
void pair_poller_up(const char *root);
/* The CA, or who says so. */
void ca_up(enum wire_cert_kind kind, const char *name);
/* An exchange of the CA; with a parcel for route "web1 app1" or "web1". */
void ca_call(const char *from, uint32_t wait_ms, size_t hops);
void ca_wait(void);
/* Some turns of the loop, until n parcels have come to the node. */
void wait_local(const struct pair_node *n, unsigned want);
/* Down to a node that hangs in its poll, and its report up into the CA's. */
void relayed(void);
void ck_handed(const struct wire_parcel *p);
