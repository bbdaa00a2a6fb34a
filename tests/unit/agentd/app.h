/*
 * A small application for the tests of the probes: a TLS server with its
 * answers, or a TLS client behind a plaintext port, in the test's own event
 * loop. Certificates are verified as of RIG(10).
 */
#pragma once

#include <event2/event.h>

#include "tests/unit/agentd/rig.h"

struct app;

struct app_conf {
	bool client;
	X509 *cert;              /* NULL: shows none */
	X509 *link;              /* sent along; NULL none */
	X509 *trust[3];          /* NULL at the end; none: verifies nobody */
	bool like_nginx;         /* answers 400 instead of an alert */
	const char *no;          /* instead of 400, like_nginx */
	unsigned hangs_up;       /* on everybody, after so many connections */
	unsigned distrusts;      /* everybody, after so many connections */
	const char *to;          /* client: where its TLS goes */
	/* Instead of the above: read for each connection. */
	const char *trust_file, *chain_file;
	const char *key_file;    /* the node's key as long as it is not there */
};
struct app *app_start(struct event_base *eb, const struct app_conf *c);
/* "127.0.0.1:PORT", as long as the application. */
char *app_address(struct app *a);
unsigned app_connections(const struct app *a);
void app_stop(struct app *a);
/* A port that nobody listens on; free it. */
char *app_free_address(void);
