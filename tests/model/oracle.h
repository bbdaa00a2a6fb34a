/*
 * oracle: what the files of the agent's own code say to OpenSSL. pki.c makes
 * keys and certificates as the CA composes them, files.c what an agent
 * renders of them, tls.c shakes hands with those files; oracle.c walks.
 */
#pragma once

#include "agentd/store.h"

#define ORACLE_NODES 7
#define ORACLE_ROOTS 2

/* ---- oracle_pki.c: made once, the same for all graphs ---------------------- */

void pki_make(void);
void pki_free(void);
struct base_time pki_now(void);
const char *pki_node(uint32_t node); /* its name */
const char *pki_root_name(uint32_t root);
/* Borrowed. Generations are 1 and 2; link is what vouches for that one. */
X509 *pki_root(uint32_t root, uint32_t generation);
X509 *pki_link(uint32_t root, uint32_t generation);
X509 *pki_leaf(uint32_t node, uint32_t root, uint32_t generation);
EVP_PKEY *pki_key(uint32_t node, uint32_t root);

/* ---- oracle_files.c: rendered files, each content once --------------------- */

#define FILE_NONE 0u /* also: nothing in it */

/* What one node has under one root: numbers of its files. */
struct version {
	struct ag_bundle *bundle; /* owned */
	uint32_t trust, as_client, as_server;
};
/* Generation 1 everywhere, as far as the node verifies and presents. */
struct version *
version_first(uint32_t node, uint32_t root, bool verifies, bool presents);
/* What the agent's code makes of an order; NULL when it refuses. */
struct oracle_order {
	uint32_t node, root, steps, to;
	bool verifies, presents, bridges;
	uint64_t epoch;
};
struct version *
version_next(const struct version *now, const struct oracle_order *o);
void version_free(struct version *v);
struct base_span file_content(uint32_t file);
/* Of a chain: whose it is. */
uint32_t file_node(uint32_t file);
uint32_t file_root(uint32_t file);
void files_free(void);

/* ---- oracle_tls.c ---------------------------------------------------------- */

/* Numbers of files; FILE_NONE for a client chain and a server's trust:
 * server-only authentication. */
struct shake {
	uint32_t client_chain, client_trust, server_chain, server_trust;
};
/* Both sides complete the handshake; remembered per combination. */
bool shake_works(const struct shake *s);
uint32_t shake_count(void); /* of those that were really made */
void shakes_free(void);
