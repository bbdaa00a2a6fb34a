/*
 * wire/hsm: what kedged asks kedge-hsmd, over a unix stream socket with
 * SO_PEERCRED. Frame: u32 length (at most WIRE_HSM_FRAME), then the message
 * in base_buf encoding: u8 version (1), u8 type, u32 id, fields. Answers
 * repeat type and id, then u8 enum base_err and, unless OK, the sentence.
 * kedge-hsmd parses and re-checks all it is asked to sign: there is no
 * request that signs bytes.
 */
#pragma once

#include "base/base.h"
#include "wire/x509.h"

#define WIRE_HSM_FRAME ((size_t)8 << 20)
#define WIRE_HSM_BATCH 512

enum wire_hsm_type {
	WIRE_HSM_INFO = 1,   /* -> tokens, keys, versions */
	WIRE_HSM_KEYGEN,     /* key pair of (root, generation) or order signer;
			      * again: the same public key comes back */
	WIRE_HSM_CERTS,      /* batch of TBS -> certificates */
	WIRE_HSM_ORDERS,     /* batch of order DER -> CMS */
	WIRE_HSM_TOKEN,      /* one-time join token for a node -> secret */
	WIRE_HSM_BIND,       /* node's public keys, vouched for by a token */
	WIRE_HSM_FORGET,     /* node leaves: its keys are no longer signed */
	WIRE_HSM_AUDIT,      /* head of hsmd's own hash chain */
};

struct wire_hsm_key {
	char root[BASE_NAME_MAX + 1];  /* "management", "plant", …; order signer:
					* "order" under root management */
	uint32_t generation;
	bool order_signer;
	enum wire_alg alg;
	struct base_buf spki;          /* answers */
};

/* Requests and answers as structs; compose/parse pairs below. Arrays are
 * owned; _clear frees. */
struct wire_hsm_request {
	enum wire_hsm_type type;
	uint32_t id;
	char fleet[BASE_NAME_MAX + 1];
	struct wire_hsm_key key;       /* KEYGEN; issuer for CERTS */
	size_t nitems;                 /* CERTS: TBS DER; ORDERS: order DER;
					* BIND: SPKI DER per root */
	struct base_buf *items;
	char node[BASE_NAME_MAX + 1];  /* TOKEN, BIND, FORGET */
	char (*roots)[BASE_NAME_MAX + 1];  /* BIND: root of each item */
	uint8_t secret[16];            /* BIND */
	struct base_time end;          /* TOKEN: not after, at most 24 h */
};
void wire_hsm_request_clear(struct wire_hsm_request *r);
enum base_err wire_hsm_request_compose(const struct wire_hsm_request *r,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_request_parse(struct base_span msg,
    struct wire_hsm_request *out) BASE_MUST;

struct wire_hsm_item {
	enum base_err err;             /* each item has its own fate */
	struct base_buf data;          /* certificate or CMS; sentence on error */
};
struct wire_hsm_answer {
	enum wire_hsm_type type;
	uint32_t id;
	enum base_err err;
	char why[1024];
	struct wire_hsm_key key;       /* KEYGEN */
	size_t nitems;
	struct wire_hsm_item *items;   /* CERTS, ORDERS; INFO: text lines */
	uint8_t secret[16];            /* TOKEN */
	uint8_t head[32];              /* AUDIT */
	uint64_t count;                /* AUDIT: records */
};
void wire_hsm_answer_clear(struct wire_hsm_answer *a);
enum base_err wire_hsm_answer_compose(const struct wire_hsm_answer *a,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hsm_answer_parse(struct base_span msg,
    struct wire_hsm_answer *out) BASE_MUST;
