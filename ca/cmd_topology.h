/*
 * ca/cmd_topology: the fleet of a running kedged as the text of a topology
 * file, for `kedge topology show` and `kedge plan`.
 */
#pragma once

#include "ca/cli.h"

/* text is initialised here and freed by the caller, also after an error. */
enum base_err ca_topology_fetch(struct cli *c, struct base_buf *text) BASE_MUST;
