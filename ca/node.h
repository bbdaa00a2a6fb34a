/*
 * ca/node: what may be said of a node, wherever it comes from: the topology
 * file, `node add`, `node set`, kedged.conf, and kedged's store before a change
 * of it is committed. So kedged keeps no node that the reader of the topology
 * file would refuse, but for one thing: a node is added before its links are.
 */
#pragma once

#include "base/base.h"
#include "ca/store.h"

/* REFUSED, but for names of nodes: those become host names in certificates,
 * and two are the CA's own. */
enum base_err ca_node_name_check(const char *name) BASE_MUST;

/* "direct", "poll", "push", as everywhere. */
const char *ca_reach_name(enum ca_reach r);

/* Borrowed. */
struct ca_way {
	const char *node;
	enum ca_reach reach;
	const char *const *via;
	size_t nvia;
};
/* REFUSED: too many relays, one of them twice or the node itself, a direct
 * node with relays, a pushed one without. */
enum base_err ca_way_check(const struct ca_way *w) BASE_MUST;
/* REFUSED: the two share no link that this relay could carry over. A poller
 * is its relay's client; a pushed node its relay's server, or its client when
 * it listens too. */
enum base_err ca_way_carries(const struct ca_way *w, const char *relay,
    bool is_client, bool is_server) BASE_MUST;

/* REFUSED: not HOST:PORT or [V6]:PORT that one can call. "" is none, and
 * fine. */
enum base_err ca_node_address_check(const char *node,
    const char *address) BASE_MUST;
/* Further names in one, separated by spaces. REFUSED: one that no certificate
 * could be issued for, too many, or too long together. */
enum base_err ca_node_names_join(const char *node, const char *const *names,
    size_t n, char out[CA_NAMES_MAX]) BASE_MUST;
