/*
 * agentd/self: proves that a version under the management root is live in the
 * agent itself, as agentd/live.c does for applications.
 */
#pragma once

#include <openssl/ssl.h>

#include "agentd/agent.h"

/* What the probe of the agent's own port says, and is answered. Whoever shows
 * a certificate of the node itself may only ask this. */
#define AG_SELF_WORD "kedge-self"
#define AG_SELF_REQUEST                                                     \
	"POST /kedge/v1/exchange HTTP/1.1\r\nHost: kedge\r\n"               \
	"Content-Type: application/octet-stream\r\nContent-Length: 1\r\n" \
	"\r\n0"

struct ag_self;

struct ag_self_conf {            /* borrowed until done */
	struct event_base *eb;
	const struct ag_config *conf;
	struct ag_holdings *holdings;
	const struct wire_order *order;  /* canaries; NULL: put back, nothing
					  * is proven */
	uint16_t port;           /* on which the CA calls; 0: none */
	/* A context as for calls to the CA; NULL, or *out NULL: the node calls
	 * nobody. */
	enum base_err (*tls)(void *arg, SSL_CTX **out);
	void *tls_arg;
	/* Once, never from within ag_self_start. AGAIN: the CA is away and
	 * nothing is proven yet; EXPIRED: the canary was dead; else it has
	 * failed, with base_why(). */
	void (*done)(void *arg, enum base_err e, enum wire_proof proof);
	void *arg;
};
struct ag_self *ag_self_start(const struct ag_self_conf *c);
/* done is not called. NULL is allowed. */
void ag_self_cancel(struct ag_self *s);
