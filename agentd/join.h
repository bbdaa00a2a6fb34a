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
/* Sends the request to the CA (address of the token, else of the
 * configuration) and waits; the server is known by the SHA-256 of its root
 * in the token. Runs the loop itself. */
enum base_err ag_join_call(const struct ag_join_conf *c,
    struct event_base *eb, struct base_span request, struct base_buf *answer)
    BASE_MUST;
/* Verifies the answer against token and request, hands its orders to w, and
 * stores the management identity last: that is the moment of joining. */
enum base_err ag_join_take(const struct ag_join_conf *c, struct ag_work *w,
    struct base_span answer) BASE_MUST;
