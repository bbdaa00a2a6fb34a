/*
 * wire/net: TLS contexts and HTTP exchanges over libevent. Every port is TLS;
 * a handler without SSL and, where demanded, peer certificate refuses. No
 * tickets, no resumption, sizes, times and connections capped.
 */
#pragma once

#include <event2/event.h>
#include <openssl/ssl.h>

#include "base/base.h"
#include "wire/msg.h"

struct wire_tls {                /* all borrowed; copied by reference count */
	bool server;
	X509 *cert;              /* NULL: none to present (client only) */
	STACK_OF(X509) *chain;   /* sent along; NULL none */
	EVP_PKEY *key;
	STACK_OF(X509) *trust;   /* NULL: peer is not verified (server-only link) */
	bool tls13_only;         /* our own management channel */
	bool closed;             /* closed profile on the peer's chain */
};
/* Verifies by wire_verify_cert, the same code as everywhere. */
enum base_err wire_tls_ctx(const struct wire_tls *t, SSL_CTX **out)
    BASE_MUST;
/* Node name in the peer's certificate (kedge profile: CN and first dNSName);
 * NOTFOUND when it showed none. */
enum base_err wire_tls_peer_node(SSL *ssl, char out[BASE_NAME_MAX + 1])
    BASE_MUST;
enum base_err wire_tls_binding(SSL *ssl, uint8_t out[32]) BASE_MUST;

/* ---- server ------------------------------------------------------------------- */

struct wire_server;
struct wire_request;             /* one request that waits for its answer */

struct wire_server_conf {
	const char *address;     /* "127.0.0.1:7443", "[::1]:0" */
	SSL_CTX *ctx;            /* reference taken; see _set_ctx */
	bool demand_peer;        /* refuse without a peer certificate */
	size_t max_body;         /* bytes; 0: 4 MiB */
	uint32_t max_connections;/* 0: 4096 */
	uint32_t idle_ms;        /* 0: 120 000 */
	/* path is "/kedge/v1/exchange" or "/kedge/v1/join"; body lives until
	 * the answer. Must answer sooner or later by wire_request_answer. */
	void (*on_request)(void *arg, struct wire_request *r, const char *path,
	    struct base_span body);
	void (*on_gone)(void *arg, struct wire_request *r);  /* peer hung up:
	    r is dead after this; no answer is due */
	void *arg;
};
enum base_err wire_server_open(struct event_base *eb,
    const struct wire_server_conf *c, struct wire_server **out) BASE_MUST;
/* New connections use it; old ones end within drain_ms. */
void wire_server_set_ctx(struct wire_server *s, SSL_CTX *ctx,
    uint32_t drain_ms);
uint16_t wire_server_port(const struct wire_server *s);
SSL *wire_request_ssl(struct wire_request *r);     /* never NULL */
void *wire_request_data(struct wire_request *r);
void wire_request_set_data(struct wire_request *r, void *p);
/* status 200 with a DER body, or an error status with a sentence. */
void wire_request_answer(struct wire_request *r, int status,
    struct base_span body);
void wire_server_close(struct wire_server *s);

/* ---- client ------------------------------------------------------------------------ */

struct wire_client;              /* one keep-alive connection to one peer */

struct wire_client_conf {
	const char *address;     /* HOST:PORT */
	const char *peer;        /* node name that must be in its certificate */
	SSL_CTX *ctx;            /* reference taken */
	uint32_t connect_ms, answer_ms;   /* 0: 5 000 and 90 000 */
	size_t max_body;
};
enum base_err wire_client_open(struct event_base *eb,
    const struct wire_client_conf *c, struct wire_client **out) BASE_MUST;
void wire_client_set_ctx(struct wire_client *c, SSL_CTX *ctx);
/* One request at a time (STATE otherwise). before is called once the
 * connection stands, so that a hello can be bound to it, and fills body;
 * done gets BASE_OK and status, or the error, exactly once. before may be
 * NULL when body is given. */
struct wire_call {
	const char *path;
	struct base_span body;   /* copied */
	enum base_err (*before)(void *arg, SSL *ssl, struct base_buf *body);
	void (*done)(void *arg, enum base_err e, int status,
	    struct base_span body);
	void *arg;
};
enum base_err wire_client_call(struct wire_client *c,
    const struct wire_call *call) BASE_MUST;
bool wire_client_is_busy(const struct wire_client *c);
void wire_client_cancel(struct wire_client *c);    /* done is not called */
void wire_client_close(struct wire_client *c);
