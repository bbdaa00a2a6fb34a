/*
 * ca/doctor_node: what the doctor finds about nodes: silent, held, doubted,
 * with clocks that disagree, or without a way that works.
 */
#include "ca/doctor.h"

#include <stdio.h>

/* Further off, and what a node says is not believed (ca/stock.c). */
#define OFF_MS INT64_C(300000)

static void
node_state(struct ca *ca, uint32_t node, const char *subject, json_t *list)
{
	static const struct {
		const char *what, *why, *help;
		enum ca_level level;
	} t[CA_NODE_STATES] = {
		[CA_NODE_DOUBTED] = { "may hold something else than it "
				      "reported",
		    "what rests on it waits; an order of an earlier roll was "
		    "never answered, or it is a restored snapshot, or a copy",
		    "kedge audit list says which; a roll that runs mends it, "
		    "else let it join again: kedge node token",
		    CA_WARNING },
		[CA_NODE_HELD] = { "is on hold in a roll",
		    "its group gets no further order, and the old root's end "
		    "does not wait",
		    "mend what its report says (kedge node show), then kedge "
		    "roll retry or release",
		    CA_WARNING },
		[CA_NODE_EXCUSED] = { "is excused",
		    "the rules do not look at its links, which may fail",
		    "when it is back: kedge roll return", CA_NOTE },
		[CA_NODE_KNOWN] = { "has not joined",
		    "no root that its links use can roll",
		    "kedge node token, and start its agent with that",
		    CA_NOTE },
	};
	struct ca_finding f = { .check = "node", .subject = subject };
	enum ca_node_state s;

	if (ca_node_state(ca, node, &s) != BASE_OK || t[s].what == NULL)
		return;
	f.level = t[s].level;
	f.why = t[s].why;
	f.help = t[s].help;
	ca_found(list, &f, "%s", t[s].what);
}

/* Outside a recovery it is one node's own affair: ca/claim.c. */
static void
node_unknown(struct ca *ca, uint32_t node, const char *subject, json_t *list)
{
	const struct ca_finding f = { CA_WARNING, "unknown", subject,
		"what touches it waits until its signed answer is there",
		"kedge audit list says whether it has spoken of an order that "
		"was never given: then its store is a copy, or in wrong hands, "
		"if not kedged and kedge-hsmd both came from backups" };
	struct ca_holding h;

	for (uint32_t k = 0; k < ca->topo->nroots; k++)
		if (ca->recovery.stage == CA_RECOVERY_NONE &&
		    ca_holding_get(ca->store, ca->topo->nodes[node].name,
			ca->topo->roots[k].name, &h) == BASE_OK &&
		    h.lost && !h.excused)
			ca_found(list, &f,
			    "is asked what it holds under root %s, which "
			    "nobody knows",
			    ca->topo->roots[k].name);
}

static void
node_silent(struct ca *ca, uint32_t node, const char *subject, json_t *list)
{
	const struct ca_finding f = { CA_WARNING, "silent", subject,
		"it gets no order, and nobody knows what it holds",
		"is its agent running, and its relay? Is its clock right?" };
	char when[BASE_RFC3339_LEN];
	struct base_time at;

	if (ca->topo->nodes[node].joined.ms == 0 ||
	    ca_node_heard(ca, node, &at) != BASE_OK ||
	    ca_now(ca).ms - at.ms < (int64_t)ca->conf->silent_ms)
		return;
	base_time_format(at, when);
	if (at.ms == 0)
		ca_found(list, &f, "was never heard of since it joined");
	else
		ca_found(list, &f, "its last word came at %s", when);
}

static void
node_clock(struct ca *ca, uint32_t node, const char *subject, json_t *list)
{
	int64_t off = ca->topo->nodes[node].off_ms;
	int64_t size = off < 0 ? -off : off;
	int64_t limit = ca->conf->fresh_ms > 0 ? ca->conf->fresh_ms / 2 : 30000;
	const struct ca_finding f = { size > OFF_MS ? CA_FAULT : CA_WARNING,
		"clock", subject,
		size > OFF_MS ? "what it says is not believed, so all that "
				"rests on it waits"
			      : "removals wait for words that are not too old",
		off < 0
		    ? "set its clock, and the CA's; or what it says is long "
		      "on its way through relays"
		    : "set its clock, and the CA's" };

	if (size > limit)
		ca_found(list, &f, "its clock is %lld s %s the CA's",
		    (long long)(size / 1000), off < 0 ? "behind" : "ahead of");
}

/* Its new key is in use, and kedge-hsmd does not take the report that says so. */
static void
node_rekeyed(struct ca *ca, uint32_t node, const char *subject, json_t *list)
{
	const struct ca_finding f = { CA_WARNING, "rekey", subject,
		"kedge-hsmd would still have its old key certified, and may "
		"not know the new one",
		"it is shown again by itself; when this stays, kedge node "
		"token, and let it join again" };
	char why[CA_REASON_MAX];

	for (uint32_t k = 0; k < ca->topo->nroots; k++)
		if (ca_store_unshown_why(ca->store, ca->topo->nodes[node].name,
			ca->topo->roots[k].name, why) == BASE_OK &&
		    why[0] != '\0')
			ca_found(list, &f,
			    "its new key under root %s is in use, which "
			    "kedge-hsmd does not take: %s",
			    ca->topo->roots[k].name, why);
}

/* What a node that was added lacks before its links are there. */
static void
node_way(struct ca *ca, uint32_t node, const char *subject, json_t *list)
{
	const struct ca_finding f = { CA_WARNING, "way", subject,
		"no order comes to it that way, and kedge plan refuses the "
		"fleet",
		"kedge link add, or take the relay out of via: kedge topology "
		"apply" };

	for (size_t v = 0; v < ca->topo->nodes[node].nvia; v++)
		if (ca_topo_check_via(ca->topo, node, v) != BASE_OK)
			ca_found(list, &f, "%s", base_why());
}

/* May verifier accept what presenter is known to show under root? Yes where
 * nobody knows. */
static bool
may_accept(struct ca *ca, const char *verifier, const char *presenter,
    const char *root)
{
	struct ca_holding v, p;

	return ca_holding_get(ca->store, verifier, root, &v) != BASE_OK ||
	    ca_holding_get(ca->store, presenter, root, &p) != BASE_OK ||
	    !v.known || !p.known ||
	    (v.conf.trust & (p.conf.present | p.conf.bridge)) != 0;
}

static bool
hop_works(struct ca *ca, const struct ca_node *n, const char *relay)
{
	const struct ca_link *l = n->reach == CA_PUSH
	    ? ca_topo_link(ca->topo, relay, n->name)
	    : ca_topo_link(ca->topo, n->name, relay);

	return l == NULL ||
	    (may_accept(ca, l->client, l->server, l->server_root) &&
		(l->client_root[0] == '\0' ||
		    may_accept(ca, l->server, l->client, l->client_root)));
}

/* Excused when its relays forgot what it holds: it is back, and cannot say so.
 * While the roll runs that it is excused from, NewWithOld may carry it. */
static void
node_cut_off(struct ca *ca, uint32_t node, const char *subject, json_t *list)
{
	const struct ca_finding f = { CA_WARNING, "cut-off", subject,
		"no order comes to it and no word from it, for the way runs "
		"over the links' own certificates",
		"kedge roll return ROOT NODE, where it is excused, then carry "
		"its orders as files (kedge parcel export); or let it join "
		"again (kedge node token)" };
	const struct ca_node *n = &ca->topo->nodes[node];
	enum ca_node_state s;

	if (n->joined.ms == 0 || n->nvia == 0 ||
	    (ca->rolls != NULL &&
		(ca_node_state(ca, node, &s) != BASE_OK ||
		    s == CA_NODE_EXCUSED)))
		return;
	for (size_t v = 0; v < n->nvia; v++)
		if (hop_works(ca, n, n->via[v]))
			return;
	ca_found(list, &f,
	    "it and %s%s do not accept each other's certificates any more",
	    n->via[0], n->nvia > 1 ? " (and its other relays)" : "");
}

void
ca_doctor_nodes(struct ca *ca, json_t *list)
{
	char subject[CA_NAME + 8];

	for (uint32_t i = 0; i < ca->topo->nnodes; i++) {
		snprintf(subject, sizeof(subject), "node %s",
		    ca->topo->nodes[i].name);
		node_state(ca, i, subject, list);
		node_unknown(ca, i, subject, list);
		node_silent(ca, i, subject, list);
		node_clock(ca, i, subject, list);
		node_rekeyed(ca, i, subject, list);
		node_way(ca, i, subject, list);
		node_cut_off(ca, i, subject, list);
	}
}
