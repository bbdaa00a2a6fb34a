/* topology_inside: what the sources of the topology reader share. */
#pragma once

#include "ca/topology.h"
#include "conf/conf.h"

enum topo_list {
	TOPO_ROOTS,
	TOPO_NODES,
	TOPO_LINKS,
	TOPO_LISTS
};

/* One file while it is read. */
struct topo_reader {
	struct ca_topology *t;
	const config_setting_t *lists[TOPO_LISTS];
};

/* Puts file and line before the last sentence; returns CONFIG. */
enum base_err ca_topology_wrong(const struct ca_topology *t, unsigned line);
/* The sentence is formatted first: wrong_at(t, line, "…", args). */
#define wrong_at(t, line, ...)                    \
	(base_fail(BASE_E_CONFIG, __VA_ARGS__),   \
	    ca_topology_wrong(t, line))

/* Value of a text key, NULL when the group has none. */
const char *ca_topology_text(const config_setting_t *group, const char *key);
unsigned ca_topology_length(const config_setting_t *list);

/* topology_link.c: after roots and nodes are there. */
enum base_err ca_topology_read_links(struct topo_reader *r) BASE_MUST;
/* topology_route.c: after the links. */
enum base_err ca_topology_check_routes(struct ca_topology *t) BASE_MUST;
