/*
 * A node's world for the tests of agentd/: three generations of root "plant"
 * and their links, a management root with its order signer, the node's keys
 * and certificates. Times are injected: everything is valid on day 10.
 */
#pragma once

#include "agentd/agent.h"
#include "tests/unit/wire/fleet.h"

#define NODE "web1"
#define NOW  base_time_add_s(rig_t0, 10 * DAY)
#define OK(e) ck_assert_msg((e) == BASE_OK, "%s", base_why())
#define NO(e, want)                                                    \
	ck_assert_msg((e) == (want), "%s, not %s: %s", base_err_name(e), \
	    base_err_name(want), base_why())

/* Begin of everything, T0. A test of code that looks at the clock moves it
 * before the first certificate is made. */
extern struct base_time rig_t0;
#define RIG(day) base_time_add_s(rig_t0, (day) * DAY)

/* Made once per process; generations 1 to 3. */
const struct fleet_key *rig_root_key(uint32_t generation);
const struct fleet_key *rig_node_key(void);
X509 *rig_root(uint32_t generation);                 /* NewWithNew; names the
						      * next one's key */
X509 *rig_link(uint32_t from, uint32_t to);          /* to, vouched by from */
X509 *rig_leaf(uint32_t generation);                 /* the node's */
/* The caller's; a canary is valid for ten minutes from RIG(10) on. */
X509 *rig_canary(uint32_t generation);
X509 *rig_leaf_of(const char *node, const struct fleet_key *key,
    uint32_t generation, int64_t first_day, int64_t last_day);

/* Holds generation 1, presents under it; version 1. */
struct ag_bundle *rig_bundle(void);
/* from 1 to 2, epoch 2, with what the steps need; clear it. */
struct wire_order rig_order(uint32_t steps);
/* A reference, for fields of orders. */
X509 *rig_ref(X509 *x);

/* The management root and what is under it. */
X509 *rig_management(void);
/* Anything under it; the caller's. */
X509 *rig_management_cert(enum wire_cert_kind kind, const char *node,
    const struct fleet_key *key);
X509 *rig_management_cert_of(enum wire_cert_kind kind, const char *node,
    const struct fleet_key *key, int64_t first_day, int64_t last_day);
X509 *rig_management_leaf(void);     /* the node's */
const struct fleet_key *rig_management_node_key(void);
/* CMS of the order by the order signer; or, with other, by somebody else who
 * is under the same root. */
struct base_buf rig_sign(const struct wire_order *o, bool other);

/* A directory that is removed at the end of the test. */
char *rig_dir(void);
void rig_dir_remove(char *dir);
/* DIR/s is a store as after a join: generation 1 of "plant", version 1,
 * reported and acknowledged; version 0 of the management root. */
void rig_joined(const char *dir);
/* Turns a bit in DIR/plant/FILE. */
void rig_damage(const char *dir, const char *file);
