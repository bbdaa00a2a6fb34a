/*
 * pace: how fast a fleet is assumed to be, from options of kedge simulate and
 * kedge plan --compare, and from what kedged has seen. Used by ca/cmd_*.c.
 */
#pragma once

#include <jansson.h>

#include "ca/cli.h"
#include "ca/topology.h"

/* For the option tables of these commands. */
#define CA_PACE_OPTIONS                                                      \
	{ "rtt", "SECONDS", "round trip to each hop; default 0.1" },         \
	    { "poll", "SECONDS",                                             \
		"longest pause between a node's polls; default 0" },         \
	    { "work", "SECONDS",                                             \
		"check, reload, probe and settle; default 6" },              \
	    { "delay", "NODE=SECONDS", "what an order takes at this node" }, \
	    { "away", "NODE[=SECONDS]", "so long not there, or for ever" },  \
	    { "fail", "NODE=N", "its first N orders fail" },                 \
	    { "retry", "SECONDS", "from failure to next try; default 60" },  \
	    { "start", "TIME", "when it begins; default now" },              \
	{                                                                    \
		"deadline", "TIME", "or 12h: the old root's notAfter"        \
	}

struct ca_pace {
	struct pol_pace *node; /* owned; by number in the plan's graph */
	uint32_t n;
	int64_t retry_ms;
	struct base_time start, deadline; /* 0: not known */
};

/* The node of this name, as the plan's graph counts. USAGE. */
enum base_err ca_pace_node(const struct ca_topology *t, const char *option,
    const char *text, uint32_t *number) BASE_MUST;
/* From the options; a node without its own --delay takes what its route
 * makes of --rtt and --poll, and --work. *out is cleared by the caller. */
enum base_err ca_pace_read(struct cli *c, const struct ca_topology *t,
    struct ca_pace *out) BASE_MUST;
/* Without --topology: what kedged has seen of the nodes under this root (the
 * median of its effective orders) unless --delay says otherwise, the old
 * root's notAfter, and now. */
enum base_err ca_pace_observe(struct cli *c, const struct ca_topology *t,
    const char *root, struct ca_pace *p) BASE_MUST;
void ca_pace_clear(struct ca_pace *p);

/* "12.3 s", "5 min 3 s", "3 h 5 min", "2 d 3 h". */
#define CA_SPAN_TEXT 32
void ca_span_text(int64_t ms, char out[CA_SPAN_TEXT]);
