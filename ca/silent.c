/*
 * ca/silent: who is not heard of. Used where a node is given up, which nobody
 * takes back: at a deadline (deadline.c), and when others need not wait for its
 * turn to pass (refused.c).
 */
#include <string.h>

#include "ca/kedged.h"

/* How long a node may work on an order that it has. An agent bounds each
 * command of each application by its `deadline`, 30 s unless it is told
 * otherwise, and where one of them fails puts all back and runs them again: this
 * is enough for thirty commands there and thirty back. */
#define WORK_MS (30 * 60 * 1000)
/* More than a clock is off that is steered; orders have dates. */
#define STEP_MS 10000

static int64_t
clock_of(const struct ca *ca)
{
	return ca_now(ca).ms - ca_mono(ca).ms;
}

void
ca_listen(struct ca *ca)
{
	ca->listens = ca_mono(ca);
	ca->clock_ms = clock_of(ca);
}

void
ca_listen_clock(struct ca *ca)
{
	const int64_t by = clock_of(ca) - ca->clock_ms;

	if (by > STEP_MS || by < -STEP_MS)
		ca_listen(ca);
	else
		ca->clock_ms += by;
}

struct base_time
ca_listen_since(struct ca *ca)
{
	const struct base_time now = ca_now(ca);

	ca_listen_clock(ca);
	if (ca->unchecked)
		return now;
	return (struct base_time){ now.ms - (ca_mono(ca).ms - ca->listens.ms) };
}

int64_t
ca_listen_left(const struct ca *ca)
{
	const int64_t left =
	    (int64_t)ca->conf->silent_ms - (ca_mono(ca).ms - ca->listens.ms);

	return left > 0 ? left : 0;
}

bool
ca_is_silent(const struct ca *ca, uint32_t node)
{
	const struct ca_node *n = &ca->topo->nodes[node];
	const int64_t last =
	    n->heard.ms > n->returned.ms ? n->heard.ms : n->returned.ms;

	return ca_listen_left(ca) == 0 &&
	    ca_mono(ca).ms - last > (int64_t)ca->conf->silent_ms;
}

bool
ca_is_unanswered(struct ca *ca, const struct ca_roll *w, uint32_t node)
{
	const uint64_t epoch = pol_engine_epoch(w->engine, node);
	struct ca_order o = { .epoch = 0 };
	int64_t now = ca_now(ca).ms;
	bool yes = false;

	if (epoch != 0 &&
	    ca_store_order_get(ca->store, ca->topo->nodes[node].name,
		w->row.root, epoch, &o) == BASE_OK)
		yes = o.state == CA_ORDER_RECEIVED
		    ? now - o.received.ms > WORK_MS
		    : now - o.issued.ms > (int64_t)ca->conf->silent_ms;
	ca_order_clear(&o);
	return yes;
}
