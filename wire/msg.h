/*
 * wire/msg: what CA, nodes and relays say to each other. DER by one ASN.1
 * module (docs/protocol.md), signed as CMS SignedData. Every compose/parse
 * pair stands in one file under its field list. Parsers accept DER only, to
 * the last byte, with every bound checked.
 */
#pragma once

#include <openssl/x509.h>

#include "base/base.h"

/* ---- order: CA to node, signed by the order-signing key ---- */

#define WIRE_STEP_TRUST  0x01u   /* as in policy.h */
#define WIRE_STEP_CERT   0x02u
#define WIRE_STEP_FINISH 0x04u
#define WIRE_STEP_TIDY   0x08u   /* served chain without NewWithOld */
#define WIRE_STEP_JOIN   0x10u   /* first installation: no old root to check
				  * with; only within a join answer */
#define WIRE_STEP_REKEY  0x20u   /* make a key of your own, and prove it in the
				  * report (wire_rekey_make); by itself, with
				  * from == to. Nothing that is held changes */

/* cert with from == to: another certificate of the generation that the node
 * presents anyway, or, with rekey, only a key for one. Nothing else that it
 * holds changes, bridging neither; a node that presents another generation
 * refuses it. */
static inline bool
wire_step_renews(uint32_t steps, uint32_t from, uint32_t to)
{
	return (steps & (WIRE_STEP_CERT | WIRE_STEP_REKEY)) != 0 &&
	    (steps & WIRE_STEP_JOIN) == 0 && from == to;
}

#define WIRE_GENERATION_MAX 64   /* a bit each in an inventory */
#define WIRE_CANARY_MAX 4

struct wire_canary {
	uint32_t generation;
	X509 *cert;              /* owned */
};

struct wire_order {
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	char root[BASE_NAME_MAX + 1];
	uint64_t roll;           /* number of the roll, from 1; 0: a join or a
				  * renewal, which belong to none */
	uint64_t epoch;          /* per (node, root), only grows, from 1 */
	struct base_time issued, expires;
	uint32_t steps;
	uint32_t from, to;       /* generations; from is 0 with JOIN, unless
				  * old_root comes along */
	bool bridge;             /* cert: send NewWithOld along as dual client */
	bool verifies;           /* the node verifies under this root: with cert
				  * and no trust step it checks by its anchor */
	X509 *new_with_new;      /* owned; generation to */
	X509 *new_with_old;      /* owned; NULL with JOIN; demanded with trust
				  * and cert when from != to */
	X509 *cert;              /* owned; with cert only: new node certificate */
	X509 *old_root;          /* owned; JOIN in the middle of a roll only:
				  * generation from, which is trusted, too */
	struct wire_canary canary[WIRE_CANARY_MAX];   /* for the probe */
	size_t ncanary;
	uint32_t compromised;    /* the newest generation whose key may be in
				  * wrong hands, from or one that the node has
				  * missed; 0: none. The old root must name the
				  * new one's key (RFC 8649), and with finish
				  * the sessions that began before are ended.
				  * Forward steps of a roll only */
};
void wire_order_clear(struct wire_order *o);   /* frees what it owns */
enum base_err wire_order_compose(const struct wire_order *o,
    struct base_buf *out) BASE_MUST;
enum base_err wire_order_parse(struct base_span der, struct wire_order *out)
    BASE_MUST;
/* SHA-256. An order is named by that of its DER, not of the CMS around it. */
void wire_digest(struct base_span s, uint8_t out[32]);

/* ---- report: node to CA, signed by its management identity ---- */

enum wire_status {
	WIRE_RECEIVED = 1,
	WIRE_EFFECTIVE,
	WIRE_FAILED,
	WIRE_ORDER_REFUSED,
	WIRE_STALE,              /* a canary had expired before it was shown:
				  * nothing has failed, nothing is changed */
	WIRE_HELD                /* not taken yet, the node's clock is wrong or
				  * its disk full: nothing has failed, it is
				  * taken when it comes again and that is over */
};
enum wire_proof { WIRE_PROOF_NONE = 0, WIRE_PROOF_RELOAD, WIRE_PROOF_PROBE };

struct wire_inventory {          /* signed with every report and stock */
	uint8_t store_id[16];    /* random, made with the store */
	uint8_t boot_id[16];     /* random, made at each start of the agent */
	char root[BASE_NAME_MAX + 1];
	uint64_t highest;        /* epoch */
	uint64_t trust;          /* bit g-1: generation g in the trust list */
	uint32_t cert;           /* generation presented; 0 none */
	bool bridging;
	uint8_t store_digest[32], rendered_digest[32], probe_digest[32];
};
#define WIRE_INVENTORY_MAX 16

struct wire_report {
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	char root[BASE_NAME_MAX + 1];
	uint64_t roll, epoch;
	uint8_t order_digest[32];
	enum wire_status status;
	enum wire_proof proof;   /* the weakest of its applications */
	struct base_time at;
	uint64_t number;         /* as in a stock: what it says is older than
				  * what a higher number says; 0 none */
	char reason[512];        /* UTF-8; empty when received or effective */
	bool kicked;             /* effective of a compromised finish only: each
				  * application that verifies under the root was
				  * told to end its sessions */
	struct base_buf rekey;   /* owned; empty unless effective of a rekey:
				  * wire_rekey_make */
	struct wire_inventory inventory[WIRE_INVENTORY_MAX];
	size_t ninventory;
};
enum base_err wire_report_compose(const struct wire_report *r,
    struct base_buf *out) BASE_MUST;
enum base_err wire_report_parse(struct base_span der,
    struct wire_report *out) BASE_MUST;
void wire_report_clear(struct wire_report *r);   /* frees what it owns */

/* ---- rekey: within a report: this node has another key now ---- */

/* A request (PKCS#10) signed by the new key, and that request signed by the
 * old one: whoever composed it has both. */
enum base_err wire_rekey_make(EVP_PKEY *old, EVP_PKEY *new, const char *fleet,
    const char *node, struct base_buf *out) BASE_MUST;
/* CRYPTO unless both signatures are good: the old one by old_spki (DER). The
 * new key's SubjectPublicKeyInfo goes into *new_spki. */
enum base_err wire_rekey_check(struct base_span rekey, const char *fleet,
    const char *node, struct base_span old_spki, struct base_buf *new_spki)
    BASE_MUST;

/* ---- stock: node to CA, unasked: what it holds now ---- */

struct wire_stock {
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	uint64_t number;         /* grows with all that the node signs: its
				  * clock in ms since 1970, or one more than
				  * the last. Orders stocks and reports, and
				  * dates them: a copy from before is worth
				  * nothing */
	struct wire_inventory inventory[WIRE_INVENTORY_MAX];
	size_t ninventory;
};
enum base_err wire_stock_compose(const struct wire_stock *s,
    struct base_buf *out) BASE_MUST;
enum base_err wire_stock_parse(struct base_span der,
    struct wire_stock *out) BASE_MUST;

/* ---- hello: proves a poller to whom it polls ---- */

struct wire_hello {
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	uint8_t binding[32];     /* TLS exporter "EXPORTER-kedge-hello" of this
				  * very connection: the nonce */
	struct base_time at;
};
enum base_err wire_hello_compose(const struct wire_hello *h,
    struct base_buf *out) BASE_MUST;
enum base_err wire_hello_parse(struct base_span der, struct wire_hello *out)
    BASE_MUST;

/* ---- ack: CA to node: this report is in the store ---- */

struct wire_ack {                /* signed by the CA's TLS identity */
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	char root[BASE_NAME_MAX + 1];
	uint64_t epoch;
	uint8_t report_digest[32];
};
enum base_err wire_ack_compose(const struct wire_ack *a,
    struct base_buf *out) BASE_MUST;
enum base_err wire_ack_parse(struct base_span der, struct wire_ack *out)
    BASE_MUST;

/* ---- join ---- */

/* The token as text: "kedge1." + base64url of DER. One line, for a file or a
 * prompt; never argv. */
struct wire_token {
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	char address[256];       /* HOST:PORT of the CA; empty: offline only */
	uint8_t root_sha256[32]; /* SHA-256 of the management root certificate */
	uint8_t secret[16];
	struct base_time end;
};
enum base_err wire_token_compose(const struct wire_token *t,
    struct base_buf *out) BASE_MUST;
enum base_err wire_token_parse(struct base_span text,
    struct wire_token *out) BASE_MUST;

#define WIRE_JOIN_ROOTS 16
struct wire_join_request {
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	uint8_t secret[16];
	struct base_buf management_csr;
	size_t nroots;
	struct { char root[BASE_NAME_MAX + 1]; struct base_buf csr; }
	    roots[WIRE_JOIN_ROOTS];
};
void wire_join_request_clear(struct wire_join_request *r);
enum base_err wire_join_request_compose(const struct wire_join_request *r,
    struct base_buf *out) BASE_MUST;
enum base_err wire_join_request_parse(struct base_span der,
    struct wire_join_request *out) BASE_MUST;

struct wire_join_answer {        /* CMS by the CA's TLS identity; the orders in
				  * it are CMS by the order signer */
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	uint8_t request_digest[32];
	X509 *management_root;   /* owned; its SHA-256 is in the token */
	size_t norders;          /* one of root management among them */
	struct base_buf order[WIRE_JOIN_ROOTS];   /* CMS, steps JOIN|trust|cert */
	char refusal[512];       /* UTF-8; not empty: no, and why. Then without
				  * orders. By way of a relay only: a relay must
				  * not be able to say no in the CA's name */
};
void wire_join_answer_clear(struct wire_join_answer *a);
enum base_err wire_join_answer_compose(const struct wire_join_answer *a,
    struct base_buf *out) BASE_MUST;
enum base_err wire_join_answer_parse(struct base_span der,
    struct wire_join_answer *out) BASE_MUST;

/* ---- join through a relay ---- */

/* HPKE (RFC 9180), base mode, P-256, HKDF-SHA256, AES-128-GCM. to is an
 * uncompressed point; out is the sender's point and the ciphertext. RANGE:
 * empty, or more than WIRE_PARCEL_MAX; CRYPTO: altered, or for another key. */
#define WIRE_SEAL_POINT 65
enum base_err wire_seal(const uint8_t to[WIRE_SEAL_POINT],
    struct base_span info, struct base_span aad, struct base_span plain,
    struct base_buf *out) BASE_MUST;
enum base_err wire_unseal(EVP_PKEY *key, struct base_span info,
    struct base_span aad, struct base_span sealed, struct base_buf *out)
    BASE_MUST;
enum base_err wire_seal_point(const EVP_PKEY *key,
    uint8_t out[WIRE_SEAL_POINT]) BASE_MUST;
/* info of a sealed join request; its aad is the node's name */
#define WIRE_SEAL_JOIN "kedge join request"

/* The CA to a relay, which shows it to the node: let this one in. Signed by
 * the CA's TLS identity. */
#define WIRE_INVITE_ROOTS 2
struct wire_invite {
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	char relay[BASE_NAME_MAX + 1];
	uint8_t admit[32];       /* SHA-256 of the word that the node says */
	uint8_t key[WIRE_SEAL_POINT];    /* requests are sealed to this */
	struct base_time issued; /* the newest counts */
	struct base_time expires;/* with the token */
	X509 *root[WIRE_INVITE_ROOTS];   /* owned; management roots that the CA
				  * trusts: the node knows one by its hash */
	size_t nroots;
};
void wire_invite_clear(struct wire_invite *v);
enum base_err wire_invite_compose(const struct wire_invite *v,
    struct base_buf *out) BASE_MUST;
enum base_err wire_invite_parse(struct base_span der,
    struct wire_invite *out) BASE_MUST;

/* The node to the relay, in WIRE_PATH_JOIN. */
#define WIRE_SEALED_MAX ((size_t)48 << 10)
struct wire_join_call {
	char fleet[BASE_NAME_MAX + 1];
	char node[BASE_NAME_MAX + 1];
	uint8_t word[32];
	struct base_buf sealed;  /* a sealed WIRE join request; empty: asks for
				  * the invitation */
};
void wire_join_call_clear(struct wire_join_call *c);
enum base_err wire_join_call_compose(const struct wire_join_call *c,
    struct base_buf *out) BASE_MUST;
enum base_err wire_join_call_parse(struct base_span der,
    struct wire_join_call *out) BASE_MUST;
/* The word and its hash, from the hash of the token's secret: whoever knows
 * the word knows nothing of the secret. */
void wire_join_word(const uint8_t secret_sha256[32], uint8_t word[32],
    uint8_t admit[32]);

/* ---- parcels and exchanges: what relays see ---- */

#define WIRE_ROUTE_MAX  16
#define WIRE_PARCEL_MAX ((size_t)64 << 10)
#define WIRE_PARCELS    256      /* in one exchange */
#define WIRE_WAIT_MAX   600000u  /* ms */

enum wire_parcel_kind { WIRE_P_ORDER = 1, WIRE_P_REPORT, WIRE_P_ACK,
	WIRE_P_STOCK,
	WIRE_P_JOIN,             /* a sealed request, from the relay that let
				  * the node in */
	WIRE_P_JOIN_ANSWER,      /* for that relay, which knows who waits */
	WIRE_P_INVITE,           /* for a relay itself */
	WIRE_P_HANDED            /* a relay says that it handed an order over:
				  * SHA-256 of that parcel's content. Not
				  * signed, a hint to people */
};
bool wire_parcel_is_down(enum wire_parcel_kind kind);

/* route runs from the CA's neighbour to the node, as in the plan; parcels
 * down follow it, parcels up go backwards. The far end of an up parcel is
 * "ca". */
struct wire_parcel {
	enum wire_parcel_kind kind;
	bool down;
	uint8_t nroute;
	char route[WIRE_ROUTE_MAX][BASE_NAME_MAX + 1];
	struct base_time expires;
	struct base_buf content; /* opaque: CMS, or a sealed join request */
};
void wire_parcel_clear(struct wire_parcel *p);
/* One parcel by itself: mailboxes on disk, kedge parcel export. */
enum base_err wire_parcel_compose(const struct wire_parcel *p,
    struct base_buf *out) BASE_MUST;
enum base_err wire_parcel_parse(struct base_span der,
    struct wire_parcel *out) BASE_MUST;

/* One HTTP request or response body. */
struct wire_exchange {
	char from[BASE_NAME_MAX + 1];
	uint32_t wait_ms;        /* request: hold the answer so long when there is
				  * nothing to say */
	struct base_buf hello;   /* request: CMS of a hello; may be empty when TLS
				  * itself shows a management identity */
	struct wire_parcel *parcels;   /* owned array */
	size_t nparcels;
};
void wire_exchange_clear(struct wire_exchange *x);
enum base_err wire_exchange_compose(const struct wire_exchange *x,
    struct base_buf *out) BASE_MUST;
enum base_err wire_exchange_parse(struct base_span der,
    struct wire_exchange *out) BASE_MUST;

/* ---- CMS SignedData ---- */

/* Content types are kedge's own OIDs (docs/protocol.md), so a signed report
 * can never pass as an order. */
enum wire_content { WIRE_C_ORDER = 1, WIRE_C_REPORT, WIRE_C_HELLO,
	WIRE_C_ACK, WIRE_C_JOIN_ANSWER, WIRE_C_STOCK, WIRE_C_INVITE };

/* Attached, one SignerInfo, signed attributes, signer certificate included;
 * chain may be NULL. Works with a token's key as well (hsm). */
enum base_err wire_cms_sign(enum wire_content type, struct base_span content,
    X509 *cert, EVP_PKEY *key, STACK_OF(X509) *chain, struct base_buf *out)
    BASE_MUST;

/* The same with a SignerInfo for each of up to two certificates of the key:
 * whoever trusts the root of one of them believes the message. Orders have
 * two while the management root rolls. */
#define WIRE_SIGNERS_MAX 2
enum base_err wire_cms_sign_all(enum wire_content type,
    struct base_span content, STACK_OF(X509) *certs, EVP_PKEY *key,
    STACK_OF(X509) *chain, struct base_buf *out) BASE_MUST;

struct wire_signer {
	char node[BASE_NAME_MAX + 1];  /* from the certificate; "ca" for the CA */
	X509 *cert;                    /* owned */
};
void wire_signer_clear(struct wire_signer *s);
/* One good SignerInfo is enough, whichever stands first; two of one signer are
 * SYNTAX. The
 * purpose follows from the type: orders need the order signer's profile,
 * reports, hellos and stocks a node's, acks, join answers and invitations the
 * CA's. */
enum base_err wire_cms_verify(enum wire_content type, struct base_span cms,
    STACK_OF(X509) *trust, struct base_time now, struct base_buf *content,
    struct wire_signer *signer) BASE_MUST;
/* The same for one who knows the signer's key (DER SubjectPublicKeyInfo) from
 * a table of its own: the certificate only says which key it was, no chain
 * and no date is asked for. CRYPTO when it is by another key. */
enum base_err wire_cms_verify_key(enum wire_content type, struct base_span cms,
    struct base_span spki, struct base_buf *content) BASE_MUST;
