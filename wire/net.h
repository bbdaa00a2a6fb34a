/*
 * wire/net: TLS contexts and HTTP exchanges over libevent. Every port is TLS
 * (but for pages, which are for this host alone); a handler without SSL and,
 * where demanded, peer certificate refuses. No tickets, no resumption, sizes,
 * times and connections capped.
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
	STACK_OF(X509) *trust;   /* NULL: no certificate is asked for (server of
				  * a server-only link) */
	const uint8_t *pin;      /* instead of trust, client only: SHA-256 of a
				  * root that the server must send along (join) */
	bool blind;              /* instead of both, client only: whoever it is.
				  * For what needs no channel to protect it (join
				  * through a relay) */
	bool tls13_only;         /* our own management channel */
	bool closed;             /* closed profile on the peer's chain */
	struct base_time (*now)(void);   /* NULL: base_time_now */
	/* NULL: none. A time that has surely passed: a peer whose certificate
	 * is out of its dates by now is looked at once more by this, if that
	 * is later; for a clock that stands behind. mark_arg is borrowed for
	 * the context's life. */
	struct base_time (*mark)(const void *mark_arg);
	const void *mark_arg;
};
/* Verifies by wire_verify_cert, the same code as everywhere; which name the
 * peer has is left to the caller (wire_tls_peer_node). A server with trust
 * asks for a certificate, but shaking hands without one is left to the
 * caller, too. OpenSSL writes with write(2): the process must ignore SIGPIPE
 * (and give it back to children before exec). CONFIG when certificate and key
 * do not fit, or when a client would verify nobody. */
enum base_err wire_tls_ctx(const struct wire_tls *t, SSL_CTX **out)
    BASE_MUST;
/* Node name in the peer's verified certificate (wire_x509_node); NOTFOUND
 * when it showed none. */
enum base_err wire_tls_peer_node(SSL *ssl, char out[BASE_NAME_MAX + 1])
    BASE_MUST;
/* The exporter value that a hello carries. REFUSED under TLS 1.2 without
 * extended master secret (RFC 7627), which would not bind. */
enum base_err wire_tls_binding(SSL *ssl, uint8_t out[32]) BASE_MUST;
/* Why we refused the peer's certificate; "" when we did not. Lives as long as
 * ssl. */
const char *wire_tls_why(const SSL *ssl);

#define WIRE_PATH_EXCHANGE "/kedge/v1/exchange"
#define WIRE_PATH_JOIN     "/kedge/v1/join"

/* ---- server ------------------------------------------------------------------- */

struct wire_server;
struct wire_request;             /* one request that waits for its answer */

/* Peers that showed no certificate and for which no wire_request_vouch came:
 * requests to join, neighbours before their hello. */
struct wire_strangers {
	uint32_t max;            /* connections at once; 0: 256 */
	uint32_t max_per_address;/* of an IPv4 address or an IPv6 /64, those
				  * that still shake hands included; 0: 64 */
	uint32_t idle_ms;        /* to the end of a request's head; 0: 5 000 */
	size_t max_body;         /* bytes; 0: 160 KiB */
};

struct wire_server_conf {
	const char *address;     /* "127.0.0.1:7443", "[::1]:0" */
	SSL_CTX *ctx;            /* reference taken; see _set_ctx */
	bool demand_peer;        /* refuse without a peer certificate */
	size_t max_body;         /* bytes; 0: 4 MiB */
	uint32_t max_connections;/* 0: 4096 */
	uint32_t idle_ms;        /* 0: 120 000 */
	struct wire_strangers strangers; /* instead of these, for them */
	/* path is WIRE_PATH_EXCHANGE or WIRE_PATH_JOIN; body lives until
	 * the answer. Must answer sooner or later by wire_request_answer, also
	 * from inside. Without demand_peer look at wire_tls_peer_node. */
	void (*on_request)(void *arg, struct wire_request *r, const char *path,
	    struct base_span body);
	/* Peer hung up, ctx was changed and the drain is over, or the server
	 * closes: r is dead after this; no answer is due. May be NULL. */
	void (*on_gone)(void *arg, struct wire_request *r);
	void *arg;
};
enum base_err wire_server_open(struct event_base *eb,
    const struct wire_server_conf *c, struct wire_server **out) BASE_MUST;
/* New connections use it. Of the old ones the idle end now, the others after
 * their answer, and all within drain_ms. */
void wire_server_set_ctx(struct wire_server *s, SSL_CTX *ctx,
    uint32_t drain_ms);
uint16_t wire_server_port(const struct wire_server *s);
SSL *wire_request_ssl(struct wire_request *r);     /* never NULL */
void *wire_request_data(struct wire_request *r);
void wire_request_set_data(struct wire_request *r, void *p);
/* The peer has proven by the body who it is: no stranger on this connection
 * any more. */
void wire_request_vouch(struct wire_request *r);
/* The same until the answer to this request. */
void wire_request_vouch_once(struct wire_request *r);
/* status 200 with a DER body, or an error status with a sentence. r is dead
 * after this. */
void wire_request_answer(struct wire_request *r, int status,
    struct base_span body);
/* NULL is allowed. Not from inside on_request or on_gone. */
void wire_server_close(struct wire_server *s);

/* ---- pages: plain HTTP for this host alone ------------------------------------ */

struct wire_pages;

struct wire_pages_conf {
	const char *address;     /* of the loopback interface */
	const char *type;        /* media type of every page; borrowed */
	/* Appends the page. NOTFOUND: no such path; any other error is
	 * answered as 503 with its sentence. */
	enum base_err (*on_get)(void *arg, const char *path,
	    struct base_buf *page);
	void *arg;
};
/* CONFIG when text is no numeric loopback address with its port. */
enum base_err wire_pages_check(const char *text) BASE_MUST;
/* One GET per connection, a few connections at a time, seconds for each. */
enum base_err wire_pages_open(struct event_base *eb,
    const struct wire_pages_conf *c, struct wire_pages **out) BASE_MUST;
uint16_t wire_pages_port(const struct wire_pages *p);
/* NULL is allowed. Not from inside on_get. */
void wire_pages_close(struct wire_pages *p);

/* ---- client ------------------------------------------------------------------------ */

struct wire_client;              /* one keep-alive connection to one peer */

struct wire_client_conf {
	const char *address;     /* HOST:PORT; copied */
	const char *peer;        /* node name that must be in its certificate;
				  * copied; NULL: with a blind ctx,
				  * and DENIED with any other */
	SSL_CTX *ctx;            /* reference taken */
	uint32_t connect_ms, answer_ms;   /* 0: 5 000 and 90 000 */
	size_t max_body;
};
enum base_err wire_client_open(struct event_base *eb,
    const struct wire_client_conf *c, struct wire_client **out) BASE_MUST;
/* A connection that stands is not used for another call. */
void wire_client_set_ctx(struct wire_client *c, SSL_CTX *ctx);
/* One request at a time (STATE otherwise). before is called once the
 * connection stands and its peer has the right name, so that a hello can be
 * bound to it, and fills body; done gets BASE_OK and status, or the error
 * (DENIED: wrong peer, or it refused us; CRYPTO: its certificate does not
 * verify; IO; TIMEOUT; SYNTAX) with base_why(), exactly once; both from the
 * event loop, never from inside _call. A kept connection that turns out to be
 * dead before anything came back is replaced once: then before is called
 * again. done may call, close or change anything. before may be NULL when
 * body is given. */
struct wire_call {
	const char *path;        /* borrowed until done */
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
/* NULL is allowed; done is not called. */
void wire_client_close(struct wire_client *c);

/* Frees the loop when all that hung on it was freed, and with it what still
 * waits there for its end. NULL is fine. */
void wire_loop_free(struct event_base *eb);
