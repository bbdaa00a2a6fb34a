/*
 * A server, clients and a loop on loopback for the tests of tls.c, server.c
 * and client.c: real sockets, ports chosen by the kernel, time injected.
 */
#pragma once

#include "tests/unit/wire/sample.h"
#include "wire/net.h"

#define MAX_HELD 4

struct net {
	struct event_base *eb;
	X509 *root, *web, *app, *other_root, *other_app;
	const struct fleet_key *leaf;
	struct wire_server *server;
	struct wire_server_conf conf;
	char address[64];
	/* what the server's handler saw and does */
	int requests, gone;
	bool hold;
	bool vouch; /* takes every peer for one of ours, */
	bool once; /* until it is answered */
	bool ask_node; /* answer with the client's node name */
	struct wire_request *held[MAX_HELD];
	uint8_t binding[32];
	/* what the client got */
	int done, befores;
	enum base_err err;
	char why[512];
	int status;
	struct base_buf body;
	struct wire_client *close_in_done;
};
extern struct net n;

struct base_time day_one(void);
/* Fixture of each test. */
void net_setup(void);
void net_teardown(void);
/* Certificates of node under root 0 or 1; "" is the root itself. */
X509 *net_issue(enum wire_cert_kind kind, const char *node, int root);
SSL_CTX *net_ctx(bool server, X509 *cert, X509 *trust, bool tls13);
/* The contexts of web1 and app1. */
SSL_CTX *web(void);
SSL_CTX *app(void);
/* Of a client without a certificate. */
SSL_CTX *nobody(void);
/* Starts n.server with n.conf; takes c. */
void serve(SSL_CTX *c);
/* Of n.address; takes c. */
struct wire_client *client(SSL_CTX *c, const char *peer);
/* done of all calls. */
void on_done(void *arg, enum base_err e, int status, struct base_span body);
/* Starts a call; asks and waits for its end. */
void call(struct wire_client *c, struct base_span body);
enum base_err ask(struct wire_client *c, struct base_span body);
/* Lets what is under way come to rest. */
void settle(void);

/* ---- bytes that are not ours ---- */

#define HERE "127.0.0.1"

struct raw {
	struct bufferevent *bev;
	struct base_buf got;         /* with a zero byte at its end */
	const char *say;
};
/* A socket that calls from this address of ours. */
int raw_socket(const char *from);
/* Says something to the server, over TLS or, without cc (taken), not, and
 * collects what comes until the server hangs up. */
struct raw raw_talk(const char *say, SSL_CTX *cc, const char *from);
