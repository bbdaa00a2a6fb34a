/*
 * Topology files as text, and how one is refused: for the tests of
 * ca/topology*.c.
 */
#pragma once

#include "ca/topology.h"

#define ROOTS "roots = ( { name = \"a\"; }, { name = \"b\"; } );\n"
#define NODES                                                       \
	"nodes = ( { name = \"s\"; reach = \"direct\"; },\n"        \
	"  { name = \"c\"; reach = \"poll\"; via = [ \"s\" ]; },\n" \
	"  { name = \"d\"; } );\n"
#define LINK \
	"{ client = \"c\"; server = \"s\"; auth = \"mutual\"; root = \"a\"; }"
#define LINKS(more) "links = ( " LINK more ");\n"

struct topology_bad {
	const char *text, *line, *words;
};
enum base_err topology_parse(const char *text, struct ca_topology **t) BASE_MUST;
/* It is, with this line and these words. */
void topology_refused(const struct topology_bad *b);
