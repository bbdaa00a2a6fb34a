/*
 * world: a whole fleet in one process and in virtual time: kedged's parts
 * without their I/O, a fake hsmd, fake agents that believe every order, and a
 * wire between them that loses, repeats and delays as the seed says. After
 * every change of a node each link is looked at: somebody whom its peer does
 * not trust is a failed authentication, and the test dies with the seed.
 */
#pragma once

#include "tests/unit/ca/hsm_fake.h"

#define WORLD_NODES 8

#define WORLD_GENERATIONS 8

/* What a node holds under the management root, with real certificates. */
struct world_own {
	uint64_t highest;
	struct pol_conf conf;
	X509 *root[WORLD_GENERATIONS]; /* by generation */
	struct base_buf report; /* CMS of the last one, until acked */
	uint8_t report_digest[32];
	size_t orders;
	EVP_PKEY *next; /* made by a rekey, not in use yet */
};

struct world_node {
	char name[CA_NAME];
	bool joined, deaf; /* deaf: takes no parcel */
	bool fails; /* reports failed, changes nothing */
	bool no_rekey; /* makes no new key, and says failed */
	bool slow; /* says received, and does nothing yet */
	const char *holds; /* takes no order, and says this; NULL: takes it */
	bool unkicked; /* has an application whose sessions go on */
	size_t compromised; /* orders that said so */
	bool stale; /* says that its canaries were dead, changes nothing */
	bool excused; /* its links are not looked at */
	EVP_PKEY *management, *key, *next;
	X509 *cert; /* management */
	struct world_own own;
	struct ca_route by; /* of the last parcel: its reports go back so */
	uint64_t highest;
	struct pol_conf conf;
	struct base_buf report; /* CMS of the last one, until acked */
	struct base_buf last; /* the same, kept: the order may come again */
	uint8_t report_digest[32];
	struct base_time leaf_to, management_to; /* ends of certificates */
	size_t orders, tidies; /* carried out */
	size_t renewals, management_renewals; /* among them */
	struct wire_parcel late; /* lies in a relay for a while */
	size_t rekeys; /* certificates for another key, of both roots */
};

struct world {
	char dir[64];
	struct ca_conf conf;
	struct ca ca;
	struct base_time now; /* may jump */
	struct base_mono mono;
	struct hsm_fake *hsm;
	struct world_node nodes[WORLD_NODES];
	size_t nnodes;
	uint64_t rng;
	unsigned loss, repeat; /* percent of parcels */
	unsigned late; /* percent of orders that a relay keeps for a while */
	bool old; /* kedged was put back: it may not know some reports */
	const char *dead_relay; /* carries nothing for others */
	unsigned events;
	unsigned disbelieved; /* orders and acks */
	char waits[1024]; /* last sentence told, */
	unsigned told; /* and how many were */
};

/* Two nodes; and seven that are reached in every way, among them "lone", a
 * server that verifies nobody. */
extern const char world_pair[], world_fleet[];

/* init done, topology given, nobody joined. text is a topology file. */
void world_open(struct world *w, const char *text, uint64_t seed);
void world_open_at(struct world *w, const char *text, uint64_t seed,
    struct base_time now);
void world_close(struct world *w);
/* Its parts: an own directory, the dice, kedged up and down. */
void world_dir_make(struct world *w);
void world_seed(struct world *w, uint64_t seed);
void world_up(struct world *w);
void world_down(struct world *w);
/* As world_open, and all have joined: before the tests of a case, in its
 * unchecked fixture, such a world is made ready once, and each test takes it
 * from there. What was not made ready is made there and then. */
void world_ready_make(const char *text);
void world_ready_clear(void);
void world_open_joined(struct world *w, const char *text, uint64_t seed);
/* kedged is killed and starts again. */
void world_restart(struct world *w);
/* The same as a death leaves it: nothing is freed, what was asked of hsmd is
 * lost, and the store is what dir has by now. */
void world_die(struct world *w);
/* A copy of kedged's state directory; and back again, with a new start. */
void world_backup(struct world *w, const char *name);
void world_restore(struct world *w, const char *name);
/* Dies when two linked nodes could not authenticate just now: nobody trusts
 * what is shown, or it has expired. */
void world_links_hold(struct world *w);
/* One turn of 50 ms. */
void world_turn(struct world *w);
/* Until done(w) or at most seconds; false when the time is over. */
bool world_run(struct world *w, int seconds, bool (*done)(struct world *));
void world_join(struct world *w, const char *node);
/* In two parts: the token, and later the join. */
void world_token(struct world *w, const char *node, struct wire_token *out);
enum base_err world_join_by(struct world *w, const char *node,
    const struct wire_token *t);
void world_join_all(struct world *w);
/* The node's disk is gone. */
void world_forget(struct world *w, const char *node);
struct world_node *world_node(struct world *w, const char *name);
/* Starts a roll of root; dies when it is refused. */
void world_roll(struct world *w, const char *root);
/* The same with strategy and pace. */
void world_roll_as(struct world *w, const struct ca_roll_row *want);
bool world_rolled(struct world *w); /* no roll runs, nothing is open */
/* Five relayed clients of two servers, one of which a client pushes to. */
extern const char world_relayed[];
bool world_recovers(struct world *w); /* the CA asks what nodes hold */
/* Lets the rolls go that a recovery has begun anew, as an operator does who has
 * read the sentence. */
void world_let_go(struct world *w);
bool world_settled(struct world *w); /* recovered, let go, and rolled */
/* Days go by, with a few turns in each, and more while something is open. */
void world_days(struct world *w, unsigned days);
/* Who verifies whom under the management root does so, by OpenSSL. */
void world_own_holds(struct world *w);
/* The roots that a node trusts; free with sk_X509_free. */
STACK_OF(X509) *world_own_trust(const struct world_node *n);
void world_own_clear(struct world_node *n);
/* An order about management was believed: carried out, report in *r. */
void world_own_apply(struct world *w, struct world_node *n,
    const struct wire_order *o, const struct ca_order *row);
/* The report about o, signed, with another key when o asks for one; r is
 * cleared. */
void world_answer(struct world *w, struct world_node *n,
    const struct wire_order *o, struct wire_report *r, struct base_buf *cms);
/* A certificate that came is for the node's key, or for the new one, which
 * takes its place. */
void world_key_use(struct world_node *n, const struct wire_order *o);
/* The node takes an order, as agents do. */
void world_order(struct world *w, struct world_node *n, struct base_span cms);
/* A report that this node would sign; the digest is of its DER. */
void world_report(struct world *w, struct world_node *n,
    const struct wire_report *r, struct base_buf *cms);
/* Fills what every report of the node about this order says. */
void world_report_fill(struct world *w, struct world_node *n,
    const struct ca_order *o, struct wire_report *r);
