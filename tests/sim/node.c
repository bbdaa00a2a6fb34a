/*
 * node: an agent in the simulator: its real store, work and relay, its death
 * at any point and its coming again. See sim.h.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start_again(void *arg);

/* ---- what the agent asks for ---------------------------------------------------- */

static uint64_t
highest(const struct sim_node *n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n->holdings.n; i++)
		sum += n->holdings.root[i].state.highest;
	return sum;
}

static void
take_order(struct sim_node *n, const struct wire_parcel *p)
{
	const uint64_t before = highest(n);
	enum base_err e = ag_work_order(n->work, p, false);
	struct base_time mark = ag_holdings_mark(&n->holdings);

	sim.orders++;
	sim.held += e == BASE_E_AGAIN;
	if (e != BASE_OK)
		sim_say("%s: order: %s", n->name, base_why());
	if (mark.ms > sim.ca_latest)
		sim_fail("%s: its clock mark is from a time that the CA has "
			 "not signed",
		    n->name);
	if (highest(n) != before &&
	    mark.ms > base_time_add_s(base_time_now(), AG_CLOCK_SKEW).ms)
		sim_fail("%s: takes a step while its clock is behind", n->name);
}

static void
take(struct sim_node *n, const char *from, struct wire_parcel *p)
{
	char next[BASE_NAME_MAX + 1];
	bool local = false;

	if (ag_relay_put(n->relay, from, p, base_time_now(), &local, next) !=
		BASE_OK ||
	    !local)
		return;
	if (p->kind == WIRE_P_ACK)
		ag_work_ack(n->work, p);
	else if (p->kind == WIRE_P_ORDER)
		take_order(n, p);
}

static void
on_send(void *arg, struct wire_parcel *p)
{
	struct sim_node *n = arg;

	take(n, n->name, p);
}

static void
on_changed(void *arg, const char *root)
{
	(void)arg;
	(void)root;
}

/* ---- life ------------------------------------------------------------------------- */

static void
must(enum base_err e, const struct sim_node *n)
{
	if (e != BASE_OK)
		sim_fail("%s: %s", n->name, base_why());
}

static void
come_up(struct sim_node *n, void *arg)
{
	char *text = sim_net_conf(n), spool[200];

	(void)arg;
	must(ag_config_parse(text, n->name, &n->conf), n);
	free(text);
	must(ag_store_open(n->conf->store, &n->store), n);
	must(ag_holdings_open(n->store, n->conf, &n->holdings), n);
	for (size_t i = 0; i < n->holdings.n; i++)
		if (n->holdings.root[i].regressed)
			sim_fail("%s: %s is regressed", n->name,
			    n->holdings.root[i].name);
	snprintf(spool, sizeof(spool), "%s/spool", n->dir);
	must(ag_spool_open(spool, &n->spool), n);
	n->relay = ag_relay_new(n->conf, n->spool);
	must(ag_relay_load(n->relay, base_time_now()), n);
	n->work = ag_work_new(&(struct ag_work_conf){
	    .eb = (struct event_base *)(void *)n,
	    .conf = n->conf,
	    .store = n->store,
	    .holdings = &n->holdings,
	    .send = on_send,
	    .changed = on_changed,
	    .arg = n,
	});
	n->off = false;
	if (ag_join_is_done(&n->holdings))
		ag_work_resume(n->work);
}

/* A killed process frees nothing; what it had in memory is forgotten. */
static void
forget(struct sim_node *n)
{
	sim_timers_drop(n);
	n->conf = NULL;
	n->store = NULL;
	memset(&n->holdings, 0, sizeof(n->holdings));
	n->work = NULL;
	n->relay = NULL;
	n->spool = NULL;
	n->life++;
	memset(n->under_way, 0, sizeof(n->under_way));
}

static void
die(struct sim_node *n, bool power)
{
	sim_say("%s: %s", n->name, power ? "power is lost" : "killed");
	sim.kills++;
	forget(n);
	if (power) {
		sim_disk_power(n);
		n->off = true;
	}
}

void
sim_node_kill(struct sim_node *n, bool power)
{
	die(n, power);
	sim_at((int64_t)sim_dice(20) * SIM_SECOND + 100, start_again, n);
}

void
sim_node_off(struct sim_node *n, int64_t ms)
{
	n->down = sim.now + ms;
	die(n, true);
	sim_at(ms, start_again, n);
}

void
sim_node_do(struct sim_node *n, void (*fn)(struct sim_node *n, void *arg),
    void *arg)
{
	int fate;

	if (sim.node != NULL)
		base_die("sim: %s within %s", n->name, sim.node->name);
	sim.node = n;
	if ((fate = setjmp(sim.killed)) == 0)
		fn(n, arg);
	sim.node = NULL;
	if (fate != 0)
		sim_node_kill(n, fate == 2);
	else
		sim_net_pump(n);
}

void
sim_node_start(struct sim_node *n)
{
	bool was_off = n->off;

	sim_node_do(n, come_up, NULL);
	if (was_off && n->serves)
		sim_app_load(n, false);
}

static void
start_again(void *arg)
{
	struct sim_node *n = arg;

	if (n->work == NULL && n->down <= sim.now)
		sim_node_start(n);
}

void
sim_node_free(struct sim_node *n)
{
	for (int s = 0; s < 2; s++)
		for (int i = 0; i < SIM_FACES; i++) {
			base_buf_free(&n->face[s][i].trust);
			base_buf_free(&n->face[s][i].chain);
		}
}

/* ---- parcels that came ---------------------------------------------------------------- */

struct came {
	const char *from;
	struct wire_exchange *x;
};

static void
take_all(struct sim_node *n, void *arg)
{
	struct came *c = arg;

	for (size_t i = 0; i < c->x->nparcels; i++)
		take(n, c->from, &c->x->parcels[i]);
}

void
sim_node_take(struct sim_node *n, const char *from, struct wire_exchange *x)
{
	struct came c = { from, x };

	if (n->work != NULL && n->joined)
		sim_node_do(n, take_all, &c);
}

/* ---- joining ------------------------------------------------------------------------------ */

struct joining {
	struct wire_token token;
	struct base_buf request, answer;
	enum base_err e;
};

static void
join_ask(struct sim_node *n, void *arg)
{
	struct joining *j = arg;
	struct ag_join_conf c = { n->conf, n->store, &n->holdings, &j->token };

	must(ag_join_request(&c, &j->request), n);
}

static void
join_take(struct sim_node *n, void *arg)
{
	struct joining *j = arg;
	struct ag_join_conf c = { n->conf, n->store, &n->holdings, &j->token };

	must(ag_join_take(&c, n->work, base_buf_span(&j->answer)), n);
	ag_work_resume(n->work);
}

bool
sim_node_join(struct sim_node *n)
{
	struct joining j = { .e = BASE_OK };

	if (!sim_ca_token(n->name, &j.token))
		return false;
	base_buf_init(&j.request, 0);
	base_buf_init(&j.answer, 0);
	sim_node_do(n, join_ask, &j);
	if (sim_ca_join(base_buf_span(&j.request), &j.answer)) {
		sim_node_do(n, join_take, &j);
		n->joined = true;
	}
	base_buf_free(&j.request);
	base_buf_free(&j.answer);
	return n->joined;
}
