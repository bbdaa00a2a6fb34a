/*
 * hsm/config: what the operator tells kedge-hsmd. docs/hsm.md describes each
 * setting; config.c has them in tables.
 */
#pragma once

#include "base/base.h"
#include "wire/x509.h"

#define HSM_TOKENS 8 /* in one kedge-hsmd */

struct hsm_conf_token {
	char *name; /* in sentences, records and root settings */
	char *module; /* path */
	char *uri;
	char *backup_of; /* NULL: not file-backed */
	char *credential; /* of systemd; NULL: by --pin-fd */
	size_t nenv;
	char **env;              /* "NAME=value" for this token's module */
};

struct hsm_conf_root {
	char *name;
	size_t ntokens; /* generation g: token[(g - 1) % ntokens] */
	size_t token[HSM_TOKENS];
	bool has_alg;
	enum wire_alg alg; /* keys of this root must be of it */
	int64_t root_days, node_days; /* longest validity */
};

struct hsm_conf_names { /* names a node may have besides its own */
	char *node;
	size_t n;
	char **allow; /* "DNS:…", "IP:…" as in a TBS */
};

struct hsm_conf {
	char *fleet;
	char *socket;
	char *state; /* directory */
	size_t nuids;
	uid_t *uids; /* empty: only our own */
	size_t ntokens;
	struct hsm_conf_token tokens[HSM_TOKENS];
	size_t nroots;
	struct hsm_conf_root *roots;
	struct hsm_conf_root any; /* for roots that are not listed */
	bool names_listed; /* only names that stand below; otherwise also
				  * any that no other node has */
	size_t nnames;
	struct hsm_conf_names *names;
	int64_t order_days; /* longest validity of an order */
	int64_t backdate_s; /* certificates and orders: before now */
	int64_t open_ms, sign_ms, keygen_ms, backoff_ms;
};

/* CONFIG with "file:line: what; what to do". */
enum base_err hsm_conf_read(const char *path, struct hsm_conf *out) BASE_MUST;
void hsm_conf_clear(struct hsm_conf *c);
/* Never NULL. */
const struct hsm_conf_root *
hsm_conf_root(const struct hsm_conf *c, const char *name);
