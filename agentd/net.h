/*
 * agentd/net: the node's connections: listeners for the CA and for
 * neighbours, calls to the CA and to neighbours. Carries parcels between them
 * and this node; knows nothing of what is in them.
 */
#pragma once

#include <openssl/ssl.h>

#include "agentd/agent.h"

struct ag_net;

struct ag_net_conf {             /* borrowed for its life */
	struct event_base *eb;
	const struct ag_config *conf;
	struct ag_holdings *holdings;
	/* A parcel for this node; stays the caller's. */
	void (*local)(void *arg, const struct wire_parcel *p);
	void *arg;
};
/* Opens what the configuration names and this node has certificates for; a
 * listener that lacks them opens when they come. */
enum base_err ag_net_open(const struct ag_net_conf *c, struct ag_net **out)
    BASE_MUST;
void ag_net_close(struct ag_net *n);
/* A parcel of this node's own; p is emptied or stays whole when refused. */
void ag_net_send(struct ag_net *n, struct wire_parcel *p);
/* The version under root has changed: new connections take it. */
void ag_net_refresh(struct ag_net *n, const char *root);
/* A context as for calls to the CA, of the present version. */
enum base_err ag_net_ca_ctx(const struct ag_net *n, SSL_CTX **out) BASE_MUST;
/* Ports, for tests and the log; 0 when closed. */
uint16_t ag_net_management_port(const struct ag_net *n);
uint16_t ag_net_relay_port(const struct ag_net *n);
