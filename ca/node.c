/*
 * ca/node: one check for each thing that is said of a node. Called by the
 * topology reader, by the commands about nodes, and by ca/fleet.c.
 */
#include "ca/node.h"

#include <stdlib.h>
#include <string.h>

#include "ca/topo.h"
#include "wire/addr.h"
#include "wire/x509.h"

#define HOST_CHARS                   \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789.-_:%"

/* RFC 1123 labels; a last part of digits would make an address of it. */
enum base_err
ca_node_name_check(const char *name)
{
	const char *last = strrchr(name, '.');

	if (!base_name_is_valid(name))
		return base_fail(BASE_E_REFUSED,
		    "node \"%s\": is no name; use 1 to %d of a-z, 0-9, \".\" "
		    "and \"-\", first and last a letter or digit",
		    name, BASE_NAME_MAX);
	if (strcmp(name, CA_NODE_CA) == 0 || strcmp(name, "order") == 0)
		return base_fail(BASE_E_REFUSED,
		    "node %s: the name is reserved: it is the CA's own; take "
		    "another",
		    name);
	last = last == NULL ? name : last + 1;
	if (strstr(name, "..") != NULL || strstr(name, "-.") != NULL ||
	    strstr(name, ".-") != NULL ||
	    last[strspn(last, "0123456789")] == '\0')
		return base_fail(BASE_E_REFUSED,
		    "node %s: is no host name: each part between dots begins "
		    "and ends with a letter or digit, and the last is no "
		    "number",
		    name);
	return BASE_OK;
}

const char *
ca_reach_name(enum ca_reach r)
{
	return r == CA_DIRECT ? "direct" : r == CA_POLL ? "poll" : "push";
}

/* ---- ways ------------------------------------------------------------------ */

static enum base_err
relay_check(const struct ca_way *w, size_t at)
{
	const char *relay = w->via[at];

	if (!base_name_is_valid(relay))
		return base_fail(BASE_E_REFUSED,
		    "node %s: via names \"%s\", which is no name of a node",
		    w->node, relay);
	if (strcmp(relay, w->node) == 0)
		return base_fail(BASE_E_REFUSED,
		    "node %s: via names the node itself; name the neighbour "
		    "that carries for it",
		    w->node);
	for (size_t i = 0; i < at; i++)
		if (strcmp(w->via[i], relay) == 0)
			return base_fail(BASE_E_REFUSED,
			    "node %s: via names %s twice; keep one", w->node,
			    relay);
	return BASE_OK;
}

enum base_err
ca_way_check(const struct ca_way *w)
{
	enum base_err r = BASE_OK;

	if (w->reach == CA_DIRECT && w->nvia > 0)
		return base_fail(BASE_E_REFUSED,
		    "node %s: reach is direct, so the CA dials it itself; "
		    "leave out via, or take poll or push",
		    w->node);
	if (w->reach == CA_PUSH && w->nvia == 0)
		return base_fail(BASE_E_REFUSED,
		    "node %s: reach is push, but no via says which relay dials "
		    "it; add via",
		    w->node);
	if (w->nvia > CA_VIA_MAX)
		return base_fail(BASE_E_REFUSED,
		    "node %s: more than %d relays in via; keep the best",
		    w->node, CA_VIA_MAX);
	for (size_t i = 0; r == BASE_OK && i < w->nvia; i++)
		r = relay_check(w, i);
	return r;
}

enum base_err
ca_way_carries(const struct ca_way *w, const char *relay, bool is_client,
    bool is_server)
{
	const bool pushed = w->reach == CA_PUSH;

	if (w->reach == CA_DIRECT || is_client || (pushed && is_server))
		return BASE_OK;
	return base_fail(BASE_E_REFUSED,
	    "node %s: its relay %s carries for it over a link that the two "
	    "share, but there is no link %s>%s%s%s%s%s; add it, or take the "
	    "relay out of via",
	    w->node, relay, w->node, relay, pushed ? ", nor " : "",
	    pushed ? relay : "", pushed ? ">" : "", pushed ? w->node : "");
}

/* ---- address and names ----------------------------------------------------- */

enum base_err
ca_node_address_check(const char *node, const char *address)
{
	char *host = NULL, *port = NULL;
	enum base_err r = BASE_OK;

	if (address[0] == '\0')
		return BASE_OK;
	if (strlen(address) >= CA_ADDRESS_MAX ||
	    wire_addr_split(address, &host, &port) != BASE_OK ||
	    host[strspn(host, HOST_CHARS)] != '\0' ||
	    strtol(port, NULL, 10) == 0)
		r = base_fail(BASE_E_REFUSED,
		    "node %s: address \"%.80s\" is not HOST:PORT or [V6]:PORT",
		    node, address);
	free(host);
	free(port);
	return r;
}

enum base_err
ca_node_names_join(const char *node, const char *const *names, size_t n,
    char out[CA_NAMES_MAX])
{
	size_t at = 0;

	out[0] = '\0';
	if (n > WIRE_SAN_MAX)
		return base_fail(BASE_E_REFUSED,
		    "node %s: more than %d further names; keep those that its "
		    "peers use",
		    node, WIRE_SAN_MAX);
	for (size_t i = 0; i < n; i++) {
		if (wire_san_check(names[i]) != BASE_OK)
			return base_fail(BASE_E_REFUSED, "node %s: further %s",
			    node, base_why());
		if (at + strlen(names[i]) + 2 > CA_NAMES_MAX)
			return base_fail(BASE_E_REFUSED,
			    "node %s: its further names are longer than %d "
			    "bytes together; keep those that its peers use",
			    node, CA_NAMES_MAX - 2);
		at += (size_t)snprintf(out + at, CA_NAMES_MAX - at, "%s%s",
		    i == 0 ? "" : " ", names[i]);
	}
	return BASE_OK;
}
