/*
 * agentd/main: the agent as its main program sees it.
 */
#pragma once

#include "base/base.h"
#include "wire/msg.h"

struct ag_agent;

/* Reads the configuration, opens and locks the store. STATE: another agent
 * runs on it. */
enum base_err ag_agent_open(const char *config, struct ag_agent **out)
    BASE_MUST;
void ag_agent_close(struct ag_agent *a);
bool ag_agent_is_joined(const struct ag_agent *a);
/* Over the network; tries again while the CA cannot be reached. */
enum base_err ag_agent_join(struct ag_agent *a, const struct wire_token *t)
    BASE_MUST;
/* By files. */
enum base_err ag_agent_join_request(struct ag_agent *a,
    const struct wire_token *t, const char *out) BASE_MUST;
enum base_err ag_agent_join_answer(struct ag_agent *a,
    const struct wire_token *t, const char *in) BASE_MUST;
/* Parcels as files, instead of a run: takes those of the CA in the file in
 * (NULL: none), carries the orders out, and writes all that the node has to say
 * to out (NULL: that waits for the next time). TIMEOUT: an order is in work
 * still; what there is was written. */
enum base_err ag_agent_carry(struct ag_agent *a, const char *in,
    const char *out) BASE_MUST;
/* Until SIGTERM or SIGINT. */
enum base_err ag_agent_run(struct ag_agent *a) BASE_MUST;
