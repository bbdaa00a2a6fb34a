/*
 * agentd/probe_impl: what probe.c, probe_server.c and probe_client.c share.
 */
#pragma once

#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "agentd/probe.h"
#include "agentd/proc.h"

#define AG_PROBE_READ_MAX ((size_t)16 << 10)

struct ag_probe {
	struct ag_probe_conf c;
	SSL_CTX *ctx;
	struct event *timer;
	struct bufferevent *tls;         /* to or from the application */
	struct bufferevent *plain;       /* client: into its plaintext port */
	struct evconnlistener *listener; /* client: where the canary is shown */
	struct ag_proc *run;
	char word[33];                   /* client: that must come back */
	bool reached;                    /* a TCP connection stood */
	bool shaken;                     /* the TLS handshake was finished */
	bool good_cert;                  /* … with the wanted certificate */
	bool seen;                       /* the wanted bytes came */
	bool told;                       /* client: the word was sent */
	bool refused;                    /* the other side said no */
	bool over;
	enum base_err result;
	char why[400];
};
void ag_probe_server_begin(struct ag_probe *p);
void ag_probe_client_begin(struct ag_probe *p);
/* The answer is given from the event loop, whatever called this. */
void ag_probe_end(struct ag_probe *p, enum base_err e);
/* Compares what the peer shows with leaf and link. */
bool ag_probe_cert_is_good(struct ag_probe *p, SSL *ssl);
/* An error of bufferevent_get_openssl_error (which forgets it), as words. */
const char *ag_probe_tls_error(unsigned long e);
/* The other side has said no, and not just vanished. */
bool ag_probe_is_alert(unsigned long e);
