/*
 * ca/health: how the fleet is: the state of each node over all its roots, its
 * last word, and what kedge-hsmd says of itself and its tokens. Asked by
 * metrics and doctor.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

/* As often as this it is asked, however many want to know. */
#define FRESH_MS 5000

/* ---- nodes ------------------------------------------------------------------- */

const char *
ca_node_state_word(enum ca_node_state s)
{
	static const char *const words[CA_NODE_STATES] = { "confirmed",
		"pending", "doubted", "held", "excused", "known" };

	return (size_t)s < CA_NODE_STATES ? words[s] : "?";
}

static enum base_err
state_under(struct ca *ca, uint32_t node, uint32_t root,
    enum ca_node_state *out)
{
	const char *name = ca->topo->roots[root].name;
	const struct ca_roll *w = ca_roll_of(ca, name);
	struct ca_holding h;
	enum base_err r =
	    ca_holding_get(ca->store, ca->topo->nodes[node].name, name, &h);

	if (r != BASE_OK)
		return r;
	if (h.excused)
		*out = CA_NODE_EXCUSED;
	else if (w != NULL && ca_roll_is_held(ca, w, node))
		*out = CA_NODE_HELD;
	else if (h.doubted)
		*out = CA_NODE_DOUBTED;
	else
		*out = h.confirmed ? CA_NODE_CONFIRMED : CA_NODE_PENDING;
	return BASE_OK;
}

enum base_err
ca_node_state(struct ca *ca, uint32_t node, enum ca_node_state *out)
{
	enum ca_node_state s;
	enum base_err r = BASE_OK;

	*out = CA_NODE_CONFIRMED;
	if (ca->topo->nodes[node].joined.ms == 0)
		*out = CA_NODE_KNOWN;
	for (uint32_t i = 0;
	     r == BASE_OK && *out != CA_NODE_KNOWN && i < ca->topo->nroots; i++)
		if (ca_topo_steps(ca->topo, i, node) != 0 &&
		    (r = state_under(ca, node, i, &s)) == BASE_OK && s > *out)
			*out = s;
	return r;
}

enum base_err
ca_node_heard(struct ca *ca, uint32_t node, struct base_time *out)
{
	const struct ca_node *n = &ca->topo->nodes[node];
	enum base_err r = ca_stock_last(ca, n->name, out);

	if (r == BASE_OK && n->seen.ms > out->ms)
		*out = n->seen;
	return r;
}

/* ---- kedge-hsmd ----------------------------------------------------------------- */

struct waiter {
	struct waiter *next;
	ca_done_fn *done;
	void *arg;
};

struct ca_health {
	bool asking;
	struct base_mono fresh; /* not asked again before */
	struct ca_hsm_state hsm;
	struct waiter *waiters;
};

static struct ca_health *
health_of(struct ca *ca)
{
	if (ca->health == NULL)
		ca->health = base_alloc(sizeof(*ca->health));
	return ca->health;
}

const struct ca_hsm_state *
ca_health_hsm(const struct ca *ca)
{
	static const struct ca_hsm_state unknown = { .known = false };

	return ca->health != NULL ? &ca->health->hsm : &unknown;
}

/* "token NAME up|locked-out|down WORDS" */
static void
take_line(struct ca_hsm_state *h, const char *line)
{
	char name[CA_NAME], state[16];
	int at = 0;
	size_t n = h->ntokens;

	if (n == CA_TOKENS_MAX ||
	    sscanf(line, "token %63s %15s %n", name, state, &at) < 2 || at == 0)
		return;
	memcpy(h->tokens[n].name, name, sizeof(name));
	h->tokens[n].up = strcmp(state, "up") == 0;
	snprintf(h->tokens[n].why, sizeof(h->tokens[n].why), "%s: %s", state,
	    line + at);
	h->ntokens++;
}

static void
take_info(struct ca_hsm_state *h, const struct wire_hsm_answer *a)
{
	char line[512];

	h->up = a->err == BASE_OK;
	if (!h->up)
		snprintf(h->why, sizeof(h->why), "%.500s", a->why);
	for (size_t i = 0; i < a->nitems; i++) {
		snprintf(line, sizeof(line), "%.*s", (int)a->items[i].data.n,
		    (const char *)a->items[i].data.p);
		take_line(h, line);
	}
}

static void
told(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	struct ca *ca = arg;
	struct ca_health *x = ca->health;
	bool was = x->hsm.up || !x->hsm.known;
	struct waiter *next;

	x->asking = false;
	x->fresh = ca_after(ca, FRESH_MS);
	x->hsm = (struct ca_hsm_state){ .known = true };
	if (e == BASE_OK)
		take_info(&x->hsm, a);
	else
		snprintf(x->hsm.why, sizeof(x->hsm.why), "%.500s", base_why());
	if (was != x->hsm.up)
		base_log_change(x->hsm.up ? BASE_NOTICE : BASE_WARNING,
		    &(struct base_change){ .subject = "kedge-hsmd",
			.old = was ? "up" : "away",
			.now = was ? "away" : "up" },
		    "%s", x->hsm.why);
	for (struct waiter *w = x->waiters; w != NULL; w = next) {
		next = w->next;
		x->waiters = next;
		w->done(w->arg, BASE_OK);
		free(w);
	}
}

void
ca_health_ask(struct ca *ca, ca_done_fn *done, void *arg)
{
	struct ca_health *x = health_of(ca);
	struct wire_hsm_request q = { .type = WIRE_HSM_INFO };
	struct wire_hsm_ask ask = { &q, told, ca };
	struct waiter *w;
	enum base_err e;

	if (!x->asking && x->hsm.known && x->fresh.ms > ca_mono(ca).ms) {
		if (done != NULL)
			done(arg, BASE_OK);
		return;
	}
	if (done != NULL) {
		w = base_alloc(sizeof(*w));
		*w = (struct waiter){ x->waiters, done, arg };
		x->waiters = w;
	}
	if (x->asking)
		return;
	x->asking = true;
	memcpy(q.fleet, ca->conf->fleet, sizeof(q.fleet));
	if ((e = ca_hsm_ask(ca, &ask)) != BASE_OK)
		told(ca, e, NULL);
}

void
ca_health_free(struct ca *ca)
{
	struct waiter *next;

	if (ca->health == NULL)
		return;
	for (struct waiter *w = ca->health->waiters; w != NULL; w = next) {
		next = w->next;
		free(w);
	}
	free(ca->health);
	ca->health = NULL;
}
