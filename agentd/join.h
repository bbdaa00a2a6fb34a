/*
 * agentd/join: how a node comes into the fleet: keys, request, answer. The
 * request is kept until the answer is taken, so that a repeated join is the
 * same request and gets the same answer.
 */
#pragma once

#include "agentd/agent.h"
#include "agentd/work.h"

struct ag_join_conf {            /* borrowed */
	const struct ag_config *conf;
	struct ag_store *store;
	struct ag_holdings *holdings;
	const struct wire_token *token;
};
bool ag_join_is_done(const struct ag_holdings *h);
/* The request's DER, made and kept when there is none for this token. DENIED
 * when the token is for another fleet or node, EXPIRED when its time is
 * over. */
enum base_err ag_join_request(const struct ag_join_conf *c,
    struct base_buf *der) BASE_MUST;
/* The content of a signed message before it is verified, only to find the
 * root by which it must verify; the token's hash says whether that is the
 * right one. */
enum base_err ag_join_peek(struct base_span cms, struct base_buf *der)
    BASE_MUST;
/* Is it the CA's answer to the request with this digest? DENIED when it is for
 * another one. The caller clears *a, also after an error. */
enum base_err ag_join_verify(const struct ag_join_conf *c,
    struct base_span cms, const uint8_t request_digest[32],
    struct wire_join_answer *a) BASE_MUST;

/* DENIED when such an answer says no. */
enum base_err ag_join_allowed(const struct wire_join_answer *a) BASE_MUST;

/* The CA has refused the request that is kept: the next one is made anew, so
 * that nobody can repeat the refusal to it. */
void ag_join_forget(const struct ag_join_conf *c);

/* ---- the way to the CA (agentd/knock.c) ---- */

/* Sends the request to the CA and waits: to the address of the configuration,
 * or by the relays that it polls, or to the token's address, whatever works
 * first. Runs the loop itself. IO, TIMEOUT: may work later; through a relay
 * nothing else is said but what the CA has signed. */
enum base_err ag_join_call(const struct ag_join_conf *c,
    struct event_base *eb, struct base_span request, struct base_buf *answer)
    BASE_MUST;
/* An invitation that a relay hands out, against token and relay: CRYPTO when
 * no CA of the token's root has signed it, DENIED when it is for somebody
 * else, EXPIRED. The caller clears *v. */
enum base_err ag_join_invited(const struct ag_join_conf *c,
    struct base_span cms, const char *relay, struct wire_invite *v) BASE_MUST;
/* Verifies the answer against token and request, hands its orders to w, and
 * stores the management identity last: that is the moment of joining. */
enum base_err ag_join_take(const struct ag_join_conf *c, struct ag_work *w,
    struct base_span answer) BASE_MUST;
