/*
 * agentd/work: the life of orders on this node, from parcel to acknowledged
 * report. Everything durable happens here.
 */
#pragma once

#include <openssl/ssl.h>

#include "agentd/agent.h"

struct ag_work;

struct ag_work_conf {            /* borrowed for its life */
	struct event_base *eb;
	const struct ag_config *conf;
	struct ag_store *store;
	struct ag_holdings *holdings;
	/* A parcel of ours for the CA; p is emptied. */
	void (*send)(void *arg, struct wire_parcel *p);
	/* Another version is current under a root: connections of our own
	 * take it from now on. */
	void (*changed)(void *arg, const char *root);
	struct base_time (*now)(void);   /* the node's clock; NULL:
					  * base_time_now */
	/* For the proof that the agent's own connections are live: the port on
	 * which the CA calls, and a context as for calls to it. NULL: the node
	 * has none (tests). *out NULL: it calls nobody now. */
	uint16_t (*port)(void *arg);
	enum base_err (*tls)(void *arg, SSL_CTX **out);
	void *arg;
};
struct ag_work *ag_work_new(const struct ag_work_conf *c);
void ag_work_free(struct ag_work *w);

/* An order that came: judged, stored, answered, put to work. joining: it was
 * in a join answer. Errors were logged and, where somebody of ours sent it,
 * reported. */
enum base_err ag_work_order(struct ag_work *w, const struct wire_parcel *p,
    bool joining) BASE_MUST;
void ag_work_ack(struct ag_work *w, const struct wire_parcel *p);
/* Takes up what a restart interrupted: orders in work, files that differ,
 * reports without acknowledgement. Call once, when the node is joined. */
void ag_work_resume(struct ag_work *w);
bool ag_work_is_idle(const struct ag_work *w);

/* ---- what the node signs for the CA (report.c) ------------------------------------ */

struct ag_boot {                 /* this start of the agent */
	uint8_t id[16];          /* random */
	uint64_t number;         /* last one given: see struct wire_stock */
};

struct ag_verdict_text {         /* what a report says about one order */
	const struct wire_order *order;
	const uint8_t *digest;
	enum wire_status status;
	enum wire_proof proof;
	const char *reason;      /* NULL unless failed or refused */
};
/* A report that was signed under an earlier management identity, by the
 * present one: the same content. *changed: it was not signed so before. */
enum base_err ag_report_resign(const struct ag_work_conf *c,
    struct base_buf *cms, bool *changed) BASE_MUST;
/* Signed by the management identity, with the inventory of all roots; digest
 * is of the report's DER. */
enum base_err ag_report_make(const struct ag_work_conf *c, struct ag_boot *b,
    const struct ag_verdict_text *t, struct base_buf *cms, uint8_t digest[32])
    BASE_MUST;
/* The inventory by itself. */
enum base_err ag_stock_make(const struct ag_work_conf *c, struct ag_boot *b,
    struct base_buf *cms) BASE_MUST;
