/*
 * ca/unsafe: certificates that may end before another one is confirmed, and
 * whom that would cut off. Once a day in the log; asked for by the CLI's
 * answers.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define DAY_MS INT64_C(86400000)
#define NAMES  4 /* of peers, in a sentence */

const char *
ca_renew_name(enum ca_renew_state s)
{
	static const char *const names[] = { "none", "due", "sent", "failed",
		"unsigned", "busy", "root", "unknown", "held", "excused" };

	return (size_t)s < sizeof(names) / sizeof(*names) ? names[s] : "?";
}

/* Half of the time from the renewal's date to the end is over. */
static bool
is_soon(const struct ca_leaf *l, struct base_time now)
{
	return now.ms >=
	    l->not_after.ms - (l->not_after.ms - l->not_before.ms) / 6;
}

/* ---- the sentence ----------------------------------------------------------- */

static void
why_text(const struct ca *ca, const struct ca_renewal *w,
    const struct ca_leaf *l, char *out, size_t max)
{
	uint32_t node = ca_topo_node(ca->topo, l->node);
	char since[BASE_RFC3339_LEN], seen[BASE_RFC3339_LEN];

	base_time_format(w->since, since);
	base_time_format(ca->topo->nodes[node].seen, seen);
	switch (w->state) {
	case CA_RENEW_SENT:
		snprintf(out, max, "its renewal was sent at %s, no answer%s%s",
		    since,
		    ca->topo->nodes[node].seen.ms == 0 ? "" : "; last seen at ",
		    ca->topo->nodes[node].seen.ms == 0 ? "" : seen);
		break;
	case CA_RENEW_FAILED:
		snprintf(out, max, "its renewal failed %u times, last: %s",
		    w->failures, w->why);
		break;
	case CA_RENEW_UNSIGNED:
		snprintf(out, max, "its renewal is not signed: %s", w->why);
		break;
	case CA_RENEW_BUSY:
		snprintf(out, max, "another order of it is outstanding");
		break;
	case CA_RENEW_ROOT:
		snprintf(out, max,
		    "generation %u of the root ends with it; roll the root",
		    l->gen);
		break;
	case CA_RENEW_UNKNOWN:
		snprintf(out, max,
		    "it has not said what it holds; kedge recover status");
		break;
	case CA_RENEW_HELD:
		snprintf(out, max, "it is held; kedge roll release");
		break;
	case CA_RENEW_EXCUSED:
		snprintf(out, max, "it is excused; kedge roll return");
		break;
	case CA_RENEW_DUE:
	case CA_RENEW_NONE:
		snprintf(out, max, "its renewal was not sent yet");
		break;
	}
}

struct peers {
	char text[CA_REASON_MAX];
	size_t n;
};

static void
peer_add(struct peers *p, const char *name)
{
	size_t at = strlen(p->text);

	if (p->n++ < NAMES)
		snprintf(p->text + at, sizeof(p->text) - at, "%s%s",
		    at == 0 ? "" : ", ", name);
}

/* Those who check this certificate. */
static void
peers_of(const struct ca *ca, const struct ca_leaf *l, struct peers *p)
{
	if (strcmp(l->root, CA_MANAGEMENT) == 0) {
		peer_add(p, "the CA");
		return;
	}
	for (size_t i = 0; i < ca->topo->nlinks; i++) {
		const struct ca_link *k = &ca->topo->links[i];

		if (strcmp(k->server, l->node) == 0 &&
		    strcmp(k->server_root, l->root) == 0)
			peer_add(p, k->client);
		if (strcmp(k->client, l->node) == 0 &&
		    strcmp(k->client_root, l->root) == 0)
			peer_add(p, k->server);
	}
}

static void
unsafe_text(const struct ca *ca, const struct ca_renewal *w,
    struct ca_unsafe *u)
{
	struct peers p = { .n = 0 };
	char end[BASE_RFC3339_LEN], more[32] = "";

	peers_of(ca, &u->leaf, &p);
	u->peers = p.n;
	if (p.n > NAMES)
		snprintf(more, sizeof(more), " and %zu more", p.n - NAMES);
	base_time_format(u->leaf.not_after, end);
	why_text(ca, w, &u->leaf, u->why, sizeof(u->why));
	snprintf(u->text, sizeof(u->text),
	    "node %s: its certificate under root %s %s at %s and is not "
	    "renewed: %s; %s refused by %s%s",
	    u->leaf.node, u->leaf.root, u->expired ? "ended" : "ends", end,
	    u->why, u->expired ? "it is" : "then it is", p.text, more);
}

/* ---- which ---------------------------------------------------------------------- */

struct look {
	struct ca *ca;
	ca_unsafe_fn *fn;
	void *arg;
	struct base_time now;
};

static enum base_err
look_at(void *arg, const struct ca_leaf *l)
{
	struct look *k = arg;
	struct ca_unsafe *u;
	struct ca_renewal w;
	enum base_err r;

	if (!is_soon(l, k->now) ||
	    (r = ca_renewal_get(k->ca, l, &w)) != BASE_OK)
		return is_soon(l, k->now) ? r : BASE_OK;
	if (w.state == CA_RENEW_NONE)
		return BASE_OK;
	u = base_alloc(sizeof(*u));
	u->leaf = *l;
	u->state = w.state;
	u->failures = w.failures;
	u->since = w.since;
	u->expired = l->not_after.ms <= k->now.ms;
	unsafe_text(k->ca, &w, u);
	r = k->fn(k->arg, u);
	free(u);
	return r;
}

enum base_err
ca_certs_unsafe(struct ca *ca, ca_unsafe_fn *fn, void *arg)
{
	struct look k = { ca, fn, arg, ca_now(ca) };

	return ca_store_leaves_due(ca->store, k.now, look_at, &k);
}

/* ---- in the log ------------------------------------------------------------------ */

static enum base_err
log_one(void *arg, const struct ca_unsafe *u)
{
	(void)arg;
	base_log(BASE_WARNING, "%s", u->text);
	return BASE_OK;
}

struct base_mono
ca_unsafe_work(struct ca *ca)
{
	if (ca->unsafe_next.ms > ca_mono(ca).ms)
		return ca->unsafe_next;
	ca->unsafe_next = ca_after(ca, DAY_MS);
	if (ca_certs_unsafe(ca, log_one, ca) != BASE_OK)
		base_log(BASE_ERR, "certificates: %s", base_why());
	return ca->unsafe_next;
}
