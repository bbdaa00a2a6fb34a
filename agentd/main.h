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
/* Until SIGTERM or SIGINT. */
enum base_err ag_agent_run(struct ag_agent *a) BASE_MUST;
