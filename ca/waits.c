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

/* Given up without a word of the node since, and made again as o. */
static bool
came_before(const struct ca_order *p, const struct ca_order *o)
{
	return p->state == CA_ORDER_REPLACED && p->received.ms == 0 &&
	    p->roll == o->roll && p->steps == o->steps && p->from == o->from &&
	    p->to == o->to;
}

/* What the node was asked first, and has not answered since; and why it held
 * that, if it said so. */
struct waited {
	struct base_time since;
	char reason[CA_REASON_MAX];
};

static void
waited_for(struct ca *ca, const struct ca_order *o, struct waited *w)
{
	bool more = o->state == CA_ORDER_SENT;

	w->since = o->issued;
	snprintf(w->reason, sizeof(w->reason), "%s", o->reason);
	for (uint64_t e = o->epoch - 1; more && e > 0 && w->reason[0] == '\0';
	     e--) {
		struct ca_order p = { .epoch = 0 };

		more = ca_store_order_get(ca->store, o->node, o->root, e, &p) ==
			BASE_OK &&
		    came_before(&p, o);
		if (more) {
			w->since = p.issued;
			memcpy(w->reason, p.reason, sizeof(w->reason));
		}
		ca_order_clear(&p);
	}
}

/* Sent more than once without a word, or received and not settled. */
static bool
is_late(const struct ca *ca, const struct waited *w)
{
	return ca_now(ca).ms - w->since.ms > 2 * (int64_t)ca->conf->resend_ms;
}

static enum base_err
late_order(void *arg, const struct ca_order *o)
{
	struct late *l = arg;
	char steps[CA_STEPS_TEXT], since[BASE_RFC3339_LEN];
	char handed[2 * CA_NAME + 96];
	size_t at = strlen(l->out);
	struct waited w;

	if (o->roll != l->roll->row.id)
		return BASE_OK;
	waited_for(l->ca, o, &w);
	if ((!is_late(l->ca, &w) && w.reason[0] == '\0') || ++l->n > 4)
		return BASE_OK;
	ca_steps_text(o->steps, steps);
	base_time_format(w.since, since);
	if (w.reason[0] != '\0') {
		snprintf(l->out + at, l->max - at,
		    "%s%s: %s (held by the node: %s)",
		    at == 0 ? "waits for " : ", ", o->node, steps, w.reason);
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

/* ---- told ------------------------------------------------------------------------- */

static bool
is_time(const char *s)
{
	static const char form[] = "0000-00-00T00:00:00";
	size_t i = 0;

	while (form[i] != '\0' &&
	    (form[i] == '0' ? s[i] >= '0' && s[i] <= '9' : s[i] == form[i]))
		i++;
	return form[i] == '\0';
}

static const char *
past_time(const char *s)
{
	return s + strcspn(s, "Z");
}

/* With other times in it it is no other reason, and on nobody else. */
static bool
says_the_same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		if (is_time(a) && is_time(b)) {
			a = past_time(a);
			b = past_time(b);
		} else {
			a++;
			b++;
		}
	}
	return *a == *b;
}

/* An order is given up, and the same is not out yet. */
static bool
is_made_again(struct ca *ca, struct ca_roll *w)
{
	struct pol_order *list = base_alloc(ca->topo->nparts * sizeof(*list));
	size_t n = 0;

	if (ca_roll_reissues(ca, w, list, &n) != BASE_OK)
		base_log(BASE_ERR, "waits: %s", base_why());
	free(list);
	return n > 0;
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
		/* nor does it go on between an order and the same again */
		if (says_the_same(text, w->waits) ||
		    (text[0] == '\0' && is_made_again(ca, w)))
			continue;
		memcpy(w->waits, text, sizeof(w->waits));
		base_log(BASE_NOTICE, "roll %s: %s", w->row.root,
		    text[0] == '\0' ? "goes on" : text);
		ca_event_waits(ca, w->row.root, text);
	}
	return ca->waits_next;
}
