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
struct ag_porch;

struct ag_net {
	struct ag_net_conf c;
	struct ag_spool *spool;          /* NULL: relays for nobody */
	struct ag_relay *relay;
	struct ag_porch *porch;          /* who joins through this node */
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
/* What was on its way to a neighbour has been handed over; the CA is told of
 * orders for others. */
void ag_net_handed(struct ag_net *n, const struct wire_exchange *x);
/* A parcel of somebody for whom this relay speaks; *p is emptied, or stays
 * whole when it is refused. */
enum base_err ag_net_forward(struct ag_net *n, const char *from,
    struct wire_parcel *p) BASE_MUST;
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

/* The door for nodes that join through this relay (porch.c). */
struct ag_porch *ag_porch_new(struct ag_net *n);
void ag_porch_free(struct ag_porch *p);
/* Somebody calls WIRE_PATH_JOIN. */
void ag_porch_request(struct ag_porch *p, struct wire_request *r,
    struct base_span body);
/* False: r was none of its calls. */
bool ag_porch_gone(struct ag_porch *p, struct wire_request *r);
/* Whoever waits is told to ask again. */
void ag_porch_clear(struct ag_porch *p);
/* An invitation or an answer came down. */
void ag_porch_take(struct ag_porch *p, const struct wire_parcel *a);
