/*
 * agentd/order: decides about one order. No I/O, no clock: message, time and
 * what the node knows come in, a verdict and the next version come out.
 */
#pragma once

#include "agentd/store.h"
#include "base/base.h"
#include "wire/msg.h"

#define AG_EPOCH_JUMP 1000u      /* DESIGN: a larger jump is refused */
#define AG_CLOCK_SKEW 300        /* seconds that a clock may be behind the
				  * mark, and an order early */

/* What the node knows about the order's root. Borrowed throughout. */
struct ag_known {
	const char *node;
	bool presents, verifies;         /* some endpoint, by configuration */
	const struct ag_bundle *bundle;  /* current version; NULL none */
	const struct ag_state *state;
	EVP_PKEY *key;                   /* the node's, under this root */
	struct base_time now;            /* by the node's own clock */
	struct base_time mark;           /* its clock mark */
	EVP_PKEY *next;                  /* to take its place; NULL none */
	bool joining;                    /* it came in a join answer */
	bool asked;                      /* the one in work only asks, too */
};

enum ag_verdict {
	AG_TAKE = 1,    /* new: *next is what the node shall hold */
	AG_RESUME,      /* the one in work, again */
	AG_ANSWER,      /* settled: send the stored report */
	AG_LATER,       /* it only asks, and an order is in work: the answer
			 * comes when that is settled and it comes again */
	AG_REFUSE,      /* report the refusal; base_why() is the reason */
	AG_HOLD,        /* not now, the clock is outside the order's window;
			 * base_why() says so */
};

/* Signature, form, fleet and node. What fails here is not answered: nobody
 * whom the node trusts sent it to this node. digest is of the order's DER. */
struct ag_addressee {            /* borrowed */
	STACK_OF(X509) *trust;   /* management roots */
	const char *fleet, *node;
	struct base_time now;
};
enum base_err ag_order_open(const struct ag_addressee *a,
    struct base_span cms, struct wire_order *out, uint8_t digest[32])
    BASE_MUST;

/* Its epoch is higher than all that was seen of the root, and not absurd: its
 * time goes into the mark, before it is judged. */
bool ag_order_is_news(const struct ag_known *k, const struct wire_order *o);
/* EXPIRED with a sentence while the clock is behind the mark. */
enum base_err ag_clock_check(struct base_time now, struct base_time mark)
    BASE_MUST;

/* *next is set with AG_TAKE only and owned by the caller. */
enum ag_verdict ag_order_judge(const struct ag_known *k,
    const struct wire_order *o, const uint8_t digest[32],
    struct ag_bundle **next);

/* The version that the order makes of the current one, with every check of
 * certificates. Also used to go on with an order after a restart. */
enum base_err ag_order_apply(const struct ag_known *k,
    const struct wire_order *o, struct ag_bundle **next) BASE_MUST;
