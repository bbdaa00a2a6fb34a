/*
 * agentd/config: what the operator of a node wrote, checked and in one
 * piece. Read once at start.
 */
#pragma once

#include "base/base.h"
#include "wire/msg.h"
#include "wire/x509.h"

enum ag_form { AG_OLD_AND_NEW, AG_OLD_AND_NWO };

/* One TLS side of an application. Strings are owned, NULL when absent. */
struct ag_side {
	bool on;
	bool client;        /* client side of the application */
	char *root;         /* presents under; NULL: presents nothing */
	char *verify_root;  /* verifies peers under; NULL: verifies nobody */
	char *trust;        /* files that are rendered */
	char *chain;
	char *key;
	char *pem;          /* leaf, chain and key in one file (0600) */
	char *address;      /* server: the real port, IP:PORT */
	char *sni;          /* server: name asked for; default the node */
	char *request;      /* server: bytes sent by the probe */
	char *expect;       /* server: bytes that must come back */
	char *canary;       /* client: our loopback listener, IP:PORT */
	char *connect;      /* client: plaintext port of the application */
	char **run;         /* client: or a fresh process, argv */
};

struct ag_app {
	char *name;
	struct ag_side side[2];     /* server, client */
	char **check;       /* argv; NULL none */
	char **reload;      /* argv; NULL: signal */
	int signal;         /* to the process of pidfile; 0 none */
	char **kick;        /* argv that ends its sessions, and has it read its
			     * files; NULL: none */
	char *pidfile;      /* NULL none */
	enum wire_proof proof;
	enum ag_form form;
	bool depth2;        /* it accepts one intermediate */
	uint32_t settle_ms;
	uint32_t deadline_ms;       /* of each command and of the probe */
};

/* A peer of this agent over a link: whom it dials, or who dials it. */
struct ag_peer {
	char *node;         /* NULL for a listener */
	char *address;
	int push;           /* 1: we dial to push; 0: to poll */
	char *root;
	char *verify_root;
};

struct ag_config {
	char *fleet, *node, *store;
	enum wire_alg alg;
	char *ca_address;   /* NULL: only by token or file */
	bool ca_poll;
	bool by_file;       /* it needs no way for orders to arrive */
	char *management;   /* listen address; NULL none */
	struct ag_peer relay;       /* address NULL: none */
	char **relay_accept;        /* NULL: every node of the fleet */
	struct ag_peer *peers;
	size_t npeers;
	struct ag_app *apps;
	size_t napps;
	uint32_t wait_ms;   /* of a long-poll */
	uint32_t inventory_ms;      /* between two stocks */
	uint32_t retry_ms;  /* first pause after a failure, doubles to 16x */
	uint32_t later_ms;  /* before work that found no room is tried again,
			     * doubles to 32x; what waits for the agent's own
			     * connections is tried at this pause */
	char *roots[WIRE_JOIN_ROOTS];       /* all named above; sorted; each
	    points to a string of its own */
	size_t nroots;
};

/* CONFIG with "file:line: …" for everything that is wrong in it; nothing is
 * opened or resolved. */
enum base_err ag_config_read(const char *path, struct ag_config **out)
    BASE_MUST;
/* The same from text; name stands for the file in syntax errors. */
enum base_err ag_config_parse(const char *text, const char *name,
    struct ag_config **out) BASE_MUST;
void ag_config_free(struct ag_config *c);
/* Number of a root in c->roots, or nroots. */
size_t ag_config_root(const struct ag_config *c, const char *root);
/* Some endpoint of this node presents, or verifies, under the root; under
 * management the agent itself does both. */
bool ag_config_presents(const struct ag_config *c, const char *root);
bool ag_config_verifies(const struct ag_config *c, const char *root);
/* The neighbour may dial in on relay.listen. */
bool ag_config_accepts(const struct ag_config *c, const char *peer);
