/*
 * ca/waits: why nothing happens, in one sentence per roll, and on whom. The
 * sentence is told as an event whenever it changes.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

static const char *
node_name(const void *ca, uint32_t node)
{
	const struct ca_topo *t = ((const struct ca *)ca)->topo;

	return node < t->nparts ? t->nodes[node].name : "?";
}

void
ca_why_text(const struct ca *ca, const struct pol_why *y, char *out, size_t max)
{
	(void)pol_why_text(y, node_name, ca, out, max);
}

/* ---- what is outstanding too long ---------------------------------------------- */

struct late {
	struct ca *ca;
	const struct ca_roll *roll;
	char *out;
	size_t max, n;
};

/* A relay's word, by which nobody decides anything. */
static void
handed_text(const struct ca *ca, const struct ca_order *o, const char *before,
    char *out, size_t max)
{
	char at[BASE_RFC3339_LEN];
	struct ca_handed h;

	out[0] = '\0';
	if (o->state != CA_ORDER_SENT ||
	    !ca_deliver_handed_last(ca->deliver, o->node, o->root, o->epoch,
		&h))
		return;
	base_time_format(h.at, at);
	snprintf(out, max,
	    "%s%s says that it handed it over to %s at %s; no "
	    "answer to it since",
	    before, h.by, h.to, at);
}

bool
ca_roll_is_held(const struct ca *ca, const struct ca_roll *w, uint32_t node)
{
	struct pol_why why[4];
	size_t n = pol_engine_waits(w->engine, node, why, 4);

	(void)ca;
	for (size_t i = 0; i < n; i++)
		if (strcmp(why[i].rule, "held") == 0)
			return true;
	return false;
}

void
ca_held_text(struct ca *ca, const char *root, uint32_t node, char *out,
    size_t max)
{
	const char *name = ca->topo->nodes[node].name;
	struct ca_order o = { .epoch = 0 };
	uint64_t epoch;

	out[0] = '\0';
	if (ca_store_epoch_last(ca->store, name, root, &epoch) != BASE_OK ||
	    ca_store_order_get(ca->store, name, root, epoch, &o) != BASE_OK)
		return;
	if (o.state <= CA_ORDER_RECEIVED && o.reason[0] != '\0')
		snprintf(out, max, "held by the node: %s", o.reason);
	else
		handed_text(ca, &o, "", out, max);
	ca_order_clear(&o);
}

/* Sent more than once without a word, or received and not settled. */
static bool
is_late(const struct ca *ca, const struct ca_order *o)
{
	return ca_now(ca).ms - o->issued.ms > 2 * (int64_t)ca->conf->resend_ms;
}

static enum base_err
late_order(void *arg, const struct ca_order *o)
{
	struct late *l = arg;
	char steps[CA_STEPS_TEXT], since[BASE_RFC3339_LEN];
	char handed[2 * CA_NAME + 96];
	size_t at = strlen(l->out);

	if (o->roll != l->roll->row.id ||
	    (!is_late(l->ca, o) && o->reason[0] == '\0'))
		return BASE_OK;
	if (++l->n > 4)
		return BASE_OK;
	ca_steps_text(o->steps, steps);
	base_time_format(o->issued, since);
	if (o->reason[0] != '\0') {
		snprintf(l->out + at, l->max - at,
		    "%s%s: %s (held by the node: %s)",
		    at == 0 ? "waits for " : ", ", o->node, steps, o->reason);
		return BASE_OK;
	}
	handed_text(l->ca, o, "; ", handed, sizeof(handed));
	snprintf(l->out + at, l->max - at, "%s%s: %s (%s since %s%s)",
	    at == 0 ? "waits for " : ", ", o->node, steps,
	    o->state == CA_ORDER_RECEIVED ? "received, no result" : "no answer",
	    since, handed);
	return BASE_OK;
}

static void
held_nodes(const struct ca *ca, const struct ca_roll *w, char *out, size_t max)
{
	for (uint32_t i = 0; i < ca->topo->nparts; i++) {
		size_t at = strlen(out);

		if (ca_roll_is_held(ca, w, i))
			snprintf(out + at, max - at,
			    "%s%s is on hold "
			    "(kedge roll release or retry)",
			    at == 0 ? "" : ", ", ca->topo->nodes[i].name);
	}
}

/* The first that waits for nothing but an inventory, or a gate of the
 * operator's. */
static void
first_gate(const struct ca *ca, const struct ca_roll *w, char *out, size_t max)
{
	static const char *const rules[] = { "fresh", "first-failed", "window",
		"step" };

	for (uint32_t i = 0; out[0] == '\0' && i < ca->topo->nparts; i++) {
		struct pol_why why[4];
		size_t n = pol_engine_waits(w->engine, i, why, 4);

		for (size_t k = 0; k < 4 * n; k++)
			if (strcmp(why[k / 4].rule, rules[k % 4]) == 0)
				ca_why_text(ca, &why[k / 4], out, max);
	}
}

void
ca_waits_text(struct ca *ca, const struct ca_roll *w, char *out, size_t max)
{
	struct late l = { ca, w, out, max, 0 };
	char since[BASE_RFC3339_LEN];

	out[0] = '\0';
	if (w->row.state == CA_ROLL_PAUSED) {
		if (ca_recover_made(ca, w->row.id))
			snprintf(out, max,
			    "paused: it was begun anew after a recovery, "
			    "because nodes hold generation %u already; kedge "
			    "roll resume %s lets it go on",
			    w->row.to, w->row.root);
		else
			snprintf(out, max,
			    "paused by the operator; kedge roll resume %s "
			    "lets it go on",
			    w->row.root);
		return;
	}
	ca_recover_text(ca, out, max);
	if (out[0] != '\0')
		return;
	if (w->why[0] != '\0') {
		snprintf(out, max, "%s", w->why);
		return;
	}
	if (w->busy && w->busy_late.ms <= ca_mono(ca).ms) {
		base_time_format(w->busy_since, since);
		snprintf(out, max, "waits for kedge-hsmd: no answer since %s",
		    since);
		return;
	}
	if (w->cut_waits[0] != '\0') {
		snprintf(out, max, "%s", w->cut_waits);
		return;
	}
	ca_roll_look(ca, w);
	if (ca_store_orders_open(ca->store, true, late_order, &l) != BASE_OK)
		base_log(BASE_ERR, "waits: %s", base_why());
	if (l.n > 4) {
		size_t at = strlen(out);

		snprintf(out + at, max - at, " and %zu more", l.n - 4);
	}
	held_nodes(ca, w, out, max);
	if (out[0] == '\0')
		first_gate(ca, w, out, max);
}

struct base_mono
ca_waits_work(struct ca *ca)
{
	char text[1024];

	/* looks at everything that is open: not at every turn */
	if (ca->rolls == NULL || ca->waits_next.ms > ca_mono(ca).ms)
		return ca->rolls == NULL ? CA_NEVER : ca->waits_next;
	ca->waits_next = ca_after(ca, ca->conf->resend_ms);
	for (struct ca_roll *w = ca->rolls; w != NULL; w = w->next) {
		ca_waits_text(ca, w, text, sizeof(text));
		if (strcmp(text, w->waits) == 0)
			continue;
		memcpy(w->waits, text, sizeof(w->waits));
		base_log(BASE_NOTICE, "roll %s: %s", w->row.root,
		    text[0] == '\0' ? "goes on" : text);
		ca_event_waits(ca, w->row.root, text);
	}
	return ca->waits_next;
}
