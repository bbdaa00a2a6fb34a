/*
 * outlook_doc: an outlook as the JSON document of kedge simulate. kedged
 * makes it of a copy of a running roll, the CLI of a roll from the beginning.
 */
#pragma once

#include <jansson.h>

#include "policy/policy.h"

struct ca_outlook_view {
	const struct pol_outlook *outlook;
	const struct pol_engine *engine; /* as the outlook left it */
	uint32_t nnodes;
	const char *root, *strategy;
	const char *(*name)(const void *arg, uint32_t node);
	const void *arg;
};

/* ["trust", ...], a bit each of POL_TRUST and so on. A new reference. */
json_t *ca_steps_json(uint32_t steps);
/* docs/control.md, "simulate". A new reference. */
json_t *ca_outlook_json(const struct ca_outlook_view *v);
/* Turns that lead to the end, the first first: each started when the one
 * before it ended. At most max; returns how many there are. */
size_t ca_outlook_chain(const struct pol_outlook *o, uint32_t *out, size_t max);
