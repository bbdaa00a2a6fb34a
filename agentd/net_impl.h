/*
 * agentd/net_impl: what net.c, dial.c and listen.c share.
 */
#pragma once

#include "agentd/net.h"
#include "agentd/relay.h"
#include "wire/net.h"

#define AG_BODY_MAX  ((size_t)4 << 20)
#define AG_DRAIN_MS  500u

struct ag_dial;
struct ag_listen;

struct ag_net {
	struct ag_net_conf c;
	struct ag_spool *spool;          /* NULL: relays for nobody */
	struct ag_relay *relay;
	struct ag_dial **dial;           /* whom we call */
	size_t ndial;
	struct ag_listen *management, *link;     /* NULL: not configured */
};

/* One end of a link, or of the CA's channel. Names borrowed. */
struct ag_end {
	bool server, management;
	const char *root, *verify_root;  /* NULL: presents, verifies nothing */
};
/* STATE: what it takes is not held yet. */
enum base_err ag_end_ctx(const struct ag_net *n, const struct ag_end *e,
    SSL_CTX **out) BASE_MUST;
bool ag_end_uses(const struct ag_end *e, const char *root);

/* What came from a neighbour: to us, or on its way. */
void ag_net_take(struct ag_net *n, const char *from, struct wire_exchange *x);
/* Something waits for peer: who can carries it now. */
void ag_net_flush(struct ag_net *n, const char *peer);
/* Body for the other end of ssl: own name, hello, waiting parcels. */
enum base_err ag_net_body(struct ag_net *n, struct wire_exchange *x, SSL *ssl,
    struct base_buf *out) BASE_MUST;
/* Who calls: DENIED when the hello proves nobody of the fleet. */
enum base_err ag_net_hello(const struct ag_net *n,
    const struct wire_exchange *x, SSL *ssl) BASE_MUST;

struct ag_dial_conf {
	const char *peer, *address;
	struct ag_end end;
};
struct ag_dial *ag_dial_new(struct ag_net *n, const struct ag_dial_conf *c);
void ag_dial_free(struct ag_dial *d);
bool ag_dial_is_to(const struct ag_dial *d, const char *peer);
void ag_dial_flush(struct ag_dial *d);
void ag_dial_refresh(struct ag_dial *d, const char *root);

enum base_err ag_listen_new(struct ag_net *n, const char *address,
    const struct ag_end *end, struct ag_listen **out) BASE_MUST;
void ag_listen_free(struct ag_listen *l);
void ag_listen_flush(struct ag_listen *l, const char *peer);
void ag_listen_refresh(struct ag_listen *l, const char *root);
uint16_t ag_listen_port(const struct ag_listen *l);
