/*
 * hsm/server: the unix socket in front of the core: who may ask, frames,
 * connections. One thread, one poll loop; a slow or silent client holds up
 * nobody, a slow token holds up everybody for its deadline at most.
 */
#pragma once

#include "hsm/core.h"

struct hsm_server;

/* Listens at path; the socket of a dead predecessor is replaced. */
enum base_err hsm_server_open(struct hsm_core *core, const char *path,
    struct hsm_server **out) BASE_MUST;
/* Serves until *stop is set by a signal handler. */
enum base_err
hsm_server_run(struct hsm_server *s, const volatile bool *stop) BASE_MUST;
void hsm_server_close(struct hsm_server *s); /* NULL is allowed */
