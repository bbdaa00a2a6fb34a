/*
 * tell: the fleet as kedge-hsmd is told it.
 */
#pragma once

#include "ca/kedged.h"

/* n is ca_tell_each's. */
typedef enum base_err ca_tell_fn(void *arg, const struct wire_hsm_node *n);
/* Each node of the topology, in its order, as it and the store are now; what
 * fn says other than OK ends it. */
enum base_err ca_tell_each(struct ca *ca, ca_tell_fn *fn, void *arg) BASE_MUST;
