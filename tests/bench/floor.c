/*
 * The floor for a TLS agent in this process model: one TLS context and an
 * event loop, nothing else. Usage: floor CHAIN KEY TRUST
 */
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdio.h>

#include "base/base.h"

int
main(int argc, char **argv)
{
	struct event_base *eb = event_base_new();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (argc != 4 || eb == NULL || ctx == NULL ||
	    SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_locations(ctx, argv[3], NULL) != 1) {
		fprintf(stderr, "usage: floor CHAIN KEY TRUST\n");
		return 2;
	}
	base_notify("READY=1");
	event_base_loop(eb, EVLOOP_NO_EXIT_ON_EMPTY);
	return 0;
}
