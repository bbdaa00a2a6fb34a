/*
 * ca/renew: certificates live on: renewals (renew.c), and which certificates
 * are in danger (unsafe.c). Part of kedged.h.
 */
#pragma once

#include "ca/store.h"

struct ca;

enum ca_renew_state {
	CA_RENEW_NONE = 0,
	CA_RENEW_DUE, /* its turn comes */
	CA_RENEW_SENT, /* no answer yet */
	CA_RENEW_FAILED, /* the node said so, or refused; tried again */
	CA_RENEW_UNSIGNED, /* kedge-hsmd does not sign it; tried again */
	CA_RENEW_BUSY, /* another order of the node comes first */
	CA_RENEW_ROOT, /* the root's generation ends with it: only a roll helps */
	CA_RENEW_UNKNOWN, /* it has not said what it holds (ca/recover.c) */
	CA_RENEW_HELD, /* the operator holds the node */
	CA_RENEW_EXCUSED /* the operator has excused the node */
};
const char *ca_renew_name(enum ca_renew_state s); /* "due", "sent", … */

/* A certificate that a node presents, whose last sixth of life has begun
 * without a confirmed renewal: its directions are unsafe soon, or broken when
 * it is expired already. */
struct ca_unsafe {
	struct ca_leaf leaf; /* node, root ("management": towards the CA),
			      * gen, not_before, not_after */
	enum ca_renew_state state; /* why it is not renewed; never NONE */
	bool expired;
	uint32_t failures; /* of FAILED and UNSIGNED, in a row */
	struct base_time since; /* SENT: when; failures: the last; 0 */
	size_t peers; /* directions that go with it */
	char why[CA_REASON_MAX + 64]; /* the state as half a sentence */
	char text[4 * CA_REASON_MAX]; /* the whole as one sentence: which
			      * certificate, its end, why, and who will refuse
			      * it; without full stop */
};
typedef enum base_err ca_unsafe_fn(void *arg, const struct ca_unsafe *u);
/* Calls fn for each such certificate, the longest overdue first; u lives
 * until fn returns. Stops at fn's first error and returns it. Nothing is
 * called in a fleet whose renewals work. Costs one indexed query and some
 * rows for each certificate that is due: cheap enough for every scrape. */
enum base_err
ca_certs_unsafe(struct ca *ca, ca_unsafe_fn *fn, void *arg) BASE_MUST;
struct base_mono ca_unsafe_work(struct ca *ca); /* logs them daily */

/* One turn; returns when to look again. */
struct base_mono ca_renew_work(struct ca *ca);
/* Look again in retry_ms. */
void ca_renew_soon(struct ca *ca);
/* Sets due: at two thirds of its life, up to a twelfth of it earlier, as the
 * names say. */
void ca_renew_date(struct ca_leaf *l);
/* o is effective: what it carried is presented from now on. Within the
 * transaction that says so. */
enum base_err
ca_renew_took(struct ca *ca, const struct ca_order *o) BASE_MUST;
/* What a node says it holds, within a transaction: is it older than the
 * certificate that it presented once? */
enum base_err ca_renew_heard(struct ca *ca, const char *node,
    const struct wire_inventory *v) BASE_MUST;
void ca_renew_free(struct ca *ca);

/* ---- between the two ------------------------------------------------------- */

struct ca_renewal {
	enum ca_renew_state state; /* NONE: nothing is due */
	bool rekey; /* the operator wants another key, and soon */
	uint32_t failures;
	struct base_time since; /* order given, or last failure; 0 */
	char why[CA_REASON_MAX]; /* of the last failure */
};
enum base_err ca_renewal_get(struct ca *ca, const struct ca_leaf *l,
    struct ca_renewal *out) BASE_MUST;

/* Those that kedge-hsmd would not sign last time. In memory only: after a
 * restart it is asked once more. */
struct ca_unsigned {
	struct ca_unsigned *next;
	char node[CA_NAME], root[CA_NAME];
	uint32_t failures;
	struct base_time since;
	char why[CA_REASON_MAX];
};
