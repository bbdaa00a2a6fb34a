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
	char **env; /* "NAME=value" for this token's module; NULL: none */
};

struct hsm_conf_root {
	char *name;
	char **tokens; /* as written */
	size_t ntokens; /* generation g: token[(g - 1) % ntokens] */
	size_t token[HSM_TOKENS];
	enum wire_alg alg; /* keys of this root must be of it; 0: any */
	uint32_t root_days, node_days; /* longest validity */
};

struct hsm_conf_names { /* names a node may have besides its own */
	char *node;
	char **allow; /* "DNS:…", "IP:…" as in a TBS; ended by NULL */
};

/* Further names that nobody is given below. */
enum hsm_other_names { HSM_UNCLAIMED, HSM_LISTED };

struct hsm_conf {
	char *fleet;
	char *socket;
	char *state; /* directory */
	size_t nuids;
	uid_t *uids; /* empty: only our own */
	size_t napprovers; /* 0: excuses count as kedged tells them */
	uid_t *approvers; /* users without whom nothing is cut */
	uint32_t approvals; /* so many of them */
	size_t ntokens;
	struct hsm_conf_token *tokens;
	size_t nroots;
	struct hsm_conf_root *roots;
	struct hsm_conf_root any; /* for roots that are not listed */
	enum hsm_other_names other_names; /* refused, or whose no other
				  * node has them */
	size_t nnames;
	struct hsm_conf_names *names;
	uint32_t order_days; /* longest validity of an order */
	uint32_t backdate_s; /* certificates and orders: before now */
	bool presume; /* a certificate may rest on a trust that was received */
	uint32_t open_ms, sign_ms, keygen_ms, backoff_ms, client_ms;
};

/* CONFIG with "file:line: what; what to do". */
enum base_err hsm_conf_read(const char *path, struct hsm_conf *out) BASE_MUST;
void hsm_conf_clear(struct hsm_conf *c);
/* May this user ask for signatures? Approve cuts? */
bool hsm_conf_is_asker(const struct hsm_conf *c, uid_t uid);
bool hsm_conf_is_approver(const struct hsm_conf *c, uid_t uid);
/* Never NULL. */
const struct hsm_conf_root *
hsm_conf_root(const struct hsm_conf *c, const char *name);
