/*
 * sim: a whole fleet in one process and in virtual time. The parts of kedged
 * and of kedge-agentd that decide run as they are, with the store on disk,
 * orders and reports signed and verified; in place of the rest there is a
 * clock, a disk, a network, a token and applications that obey a seed: they
 * delay, lose, repeat, reorder, fill up, jump and die. After every change of
 * a node's application each of its links is looked at, with the certificates
 * that it has loaded: somebody who is refused ends the run with the seed.
 */
#pragma once

#include <setjmp.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "agentd/join.h"
#include "agentd/relay.h"
#include "ca/topology.h"
#include "tests/unit/ca/hsm_fake.h"

#define SIM_NODES 256
#define SIM_FACES 4
#define SIM_PEERS 64
#define SIM_LINKS 1024
#define SIM_SECOND INT64_C(1000)
#define SIM_MINUTE (60 * SIM_SECOND)

/* What an application has loaded on one of its sides. */
struct sim_face {
	int64_t until; /* connections with it may go on so long */
	struct base_buf trust, chain;
	uint8_t sum[32]; /* over both */
	uint8_t key[32]; /* its key's */
};

struct sim_node {
	char name[CA_NAME];
	char dir[160];
	uint32_t number; /* in the topology */
	int64_t skew; /* of its clock */
	/* the agent; NULL while it is dead */
	struct ag_config *conf;
	struct ag_store *store;
	struct ag_holdings holdings;
	struct ag_work *work;
	struct ag_spool *spool;
	struct ag_relay *relay;
	unsigned life; /* grows with each start */
	bool joined;
	bool late; /* joins in the middle */
	bool excused; /* once; the rules are without it since */
	unsigned side; /* of the network, while it is parted */
	int64_t down; /* until then nobody starts it */
	bool off; /* without power, its application too */
	int64_t full; /* until then its disk is */
	uint32_t peer[SIM_PEERS]; /* next to it; POL_NONE: the CA */
	size_t npeers;
	unsigned under_way[SIM_PEERS]; /* exchanges */
	/* the application, by side: server, client; newest face first */
	struct sim_face face[2][SIM_FACES];
	bool serves; /* it was started */
};

/* How bad the world is; all in percent. */
struct sim_weather {
	unsigned loss, twice, slow;
	unsigned kill, power; /* of the operations on a disk */
	unsigned crash; /* of the files rendered: the application restarts */
	unsigned refusal; /* of the changes: the application refuses */
};

#define SIM_ROOTS 2

/* What is counted over all seeds, for each must happen. */
enum sim_count {
	SIM_REKEYED,
	SIM_REKEY_CANCELLED,
	SIM_LINK_REMOVED,
	SIM_LINK_ADDED,
	SIM_COMPROMISED,
	SIM_KICKED,
	SIM_MANAGEMENT,
	SIM_RESTORED,
	SIM_RECOVERED,
	SIM_RELAY,
	SIM_ABORTED,
	SIM_EXCUSED,
	SIM_JOINED,
	SIM_BESIDE,
	SIM_COUNTS
};

struct sim {
	uint64_t seed, rng;
	bool verbose;
	bool deeds; /* rekeys, old copies and the like, too: deed.c */
	bool hasty; /* agents say effective before it is live: must be seen */
	int64_t trouble; /* lasts so long */
	char replay[96]; /* what runs this seed again */
	char dir[64];
	pid_t owner; /* of dir: who made the fleet */
	int64_t now; /* ms since the beginning */
	struct sim_node *node; /* whose code runs; NULL: the CA's */
	jmp_buf killed; /* for what dies within its code */
	struct sim_weather weather;
	struct ca_topology *topo;
	struct sim_node nodes[SIM_NODES];
	size_t nnodes;
	bool ending; /* the last look: at everybody */
	unsigned coming; /* nodes that have not joined yet */
	bool unlinked[SIM_LINKS]; /* links that are removed just now */
	bool restored; /* the CA's store is an old copy, or was one */
	atomic_uint *counts; /* of all processes */
	unsigned errands; /* that must be done before all is well */
	int64_t parted; /* the network is, so long */
	int64_t ca_skew; /* of its clock */
	bool ca_was_ahead;
	int64_t ca_latest; /* the latest time that it ever showed */
	uint32_t goal[SIM_ROOTS]; /* generation in the end, as in topo */
	uint32_t own_goal; /* that of the management root */
	struct ca ca;
	struct ca_conf ca_conf;
	struct hsm_fake *hsm;
	bool ca_up;
	unsigned ca_life;
	/* told at the end */
	uint64_t looks, checks, orders, held, kills, events;
};
extern struct sim sim;

/* ---- chance and time (clock.c) ---- */

/* 0 to sides - 1, from the seed. */
uint64_t sim_dice(uint64_t sides);
bool sim_chance(unsigned percent);
void sim_dice_openssl(void);
/* A line when verbose. */
void sim_say(const char *fmt, ...) BASE_PRINTF(1, 2);
/* What must not happen did: the seed, and the end of the process. */
_Noreturn void sim_fail(const char *fmt, ...) BASE_PRINTF(1, 2);
/* Text to the end of b. */
void sim_put(struct base_buf *b, const char *fmt, ...) BASE_PRINTF(2, 3);
/* What it really is, whatever the node's clock says. */
struct base_time sim_time(void);
/* Removes the fleet's files, when this process made them. */
void sim_clean(void);
/* fn(arg) in so many ms. */
void sim_at(int64_t ms, void (*fn)(void *arg), void *arg);
/* Runs what is due until the time, or until done says so. */
bool sim_run(int64_t until, bool (*done)(void));
/* Timers of this node's agent are no more. */
void sim_timers_drop(const struct sim_node *n);

/* ---- disk (disk.c) ---- */

/* What was written but not synced may be lost with the power. */
void sim_disk_power(struct sim_node *n);

/* ---- nodes (node.c, live.c) ---- */

void sim_nodes_make(void);
void sim_node_start(struct sim_node *n);
/* Dead, by and by alive again; power: with what was not synced. */
void sim_node_kill(struct sim_node *n, bool power);
/* Without power for so long. */
void sim_node_off(struct sim_node *n, int64_t ms);
/* Runs fn as the node's code; what kills it there ends it. */
void sim_node_do(struct sim_node *n, void (*fn)(struct sim_node *n, void *arg),
    void *arg);
/* Keys, request, answer, orders; until the CA is there. */
/* false: the CA cannot take it in just now. */
bool sim_node_join(struct sim_node *n);
/* The application reads its files; calm: connections with the old ones end
 * within its time-out, otherwise at once. */
void sim_app_load(struct sim_node *n, bool calm);
/* Connections with files that it has not any more end. */
void sim_app_end(struct sim_node *n);
/* An exchange that reached the node. */
void sim_node_take(struct sim_node *n, const char *from,
    struct wire_exchange *x);
void sim_node_free(struct sim_node *n);

/* ---- network (net.c) ---- */

/* What this node, or the CA (NULL), has for its neighbours sets off. */
void sim_net_pump(struct sim_node *n);
/* The configuration of the node's agent; owned by the caller. */
char *sim_net_conf(const struct sim_node *n);
/* Whether parcels go between the two, which are numbers in the topology. */
bool sim_is_hop(uint32_t a, uint32_t b);

/* ---- the CA (authority.c) ---- */

void sim_ca_start(void);
void sim_ca_kill(void);
/* Killed, too, but nobody starts it again. */
void sim_ca_stop(void);
void sim_ca_make(void);
void sim_ca_soon(void);
bool sim_ca_token(const char *node, struct wire_token *out);
bool sim_ca_join(struct base_span request, struct base_buf *answer);
void sim_ca_report(const char *from, const struct wire_parcel *p);
/* false: somebody has not said yet what he holds. */
bool sim_ca_roll(const char *root);
/* The generation that the CA has for the present one. */
uint32_t sim_ca_current(const char *root);
bool sim_ca_is_done(void);
/* On what, as half a sentence; static. */
const char *sim_ca_waits(void);
/* What comes into an operator's mind: back, forth, not this node. */
void sim_ca_whim(void);
/* A node and its links are put into the topology. REFUSED and the like: not
 * now. */
enum base_err sim_ca_add(const struct sim_node *n);
/* Without this node, which is dead; or with it again. */
/* Nobody holds it any more. */
void sim_ca_release(const struct sim_node *n);
void sim_ca_excuse(struct sim_node *n);
bool sim_ca_return(const struct sim_node *n);

/* ---- what it is all about (look.c) ---- */

/* Each link of the node, in every mixture of what its ends have loaded. */
void sim_look(struct sim_node *n);
/* Whether a hop between the two authenticates, by what they have stored. */
bool sim_look_hop(const struct sim_node *a, const struct sim_node *b);
/* Whether the CA and the node are good for each other. */
void sim_look_ca(const struct sim_node *n);
/* All links; and every node is at the generation, and at no other. */
void sim_look_end(const char *root, uint32_t generation);

/* ---- what was seen before (memo.c) ---- */

/* True in every fiftieth seed: nothing is remembered. */
bool sim_memo_is_off(void);
/* Names a certificate; quick. */
void sim_memo_sum(X509 *x, uint8_t out[20]);

/* ---- topologies, troubles (fleet.c, trouble.c) ---- */

void sim_fleet_make(size_t least, size_t most);
/* What the operator means to do beside the roll: in errand.c. */
void sim_errands_begin(void);
void sim_errand_excuse(struct sim_node *n);
/* An operator waits until the CA and its token are there. */
bool sim_errand_is_time(void);
/* The rest: in deed.c. */
void sim_deeds_begin(void);
void sim_count(enum sim_count what);
/* Prints how often each happened; false: one never did. */
bool sim_counts_tell(void);
void sim_trouble_begin(int64_t until);
