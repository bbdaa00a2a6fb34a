/*
 * authority: kedged in the simulator: all of it but its sockets, over a
 * token that answers when it pleases. See sim.h.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"

static int64_t tick_at = INT64_MAX;

static void
must(enum base_err e)
{
	if (e != BASE_OK)
		sim_fail("the CA: %s", base_why());
}

static struct base_time
now(void *arg)
{
	(void)arg;
	return base_time_now();
}

static struct base_mono
mono(void *arg)
{
	(void)arg;
	return base_mono_now();
}

static void
on_event(void *arg, json_t *event)
{
	const char *kind = json_string_value(json_object_get(event, "event"));
	char *text;

	(void)arg;
	if (sim.verbose && strcmp(kind, "waits") != 0) {
		text = json_dumps(event, JSON_COMPACT);
		sim_say("ca: %s", text);
		free(text);
	}
	json_decref(event);
}

/* ---- turns ------------------------------------------------------------------------ */

static void tick(void *arg);

static void
tick_in(int64_t ms)
{
	if (sim.now + ms >= tick_at)
		return;
	tick_at = sim.now + ms;
	sim_at(ms, tick, NULL);
}

static void
token_answers(void *arg)
{
	unsigned *life = arg;

	if (sim.ca_up && *life == sim.ca_life && hsm_fake_one(sim.hsm))
		sim_ca_soon();
	free(life);
}

static void
tick(void *arg)
{
	struct base_mono next;
	unsigned *life;

	(void)arg;
	if (sim.now < tick_at)
		return; /* an earlier one came in between */
	tick_at = INT64_MAX;
	if (!sim.ca_up)
		return;
	next = ca_work(&sim.ca);
	life = base_alloc(sizeof(*life));
	*life = sim.ca_life;
	sim_at(1 + (int64_t)sim_dice(sim_chance(sim.weather.slow) ? 5000 : 50),
	    token_answers, life);
	sim_net_pump(NULL);
	next = ca_sooner(next, ca_deliver_due(sim.ca.deliver, NULL));
	if (next.ms > sim.now + SIM_MINUTE)
		next.ms = sim.now + SIM_MINUTE;
	tick_in(next.ms > sim.now ? next.ms - sim.now : 1);
}

void
sim_ca_soon(void)
{
	tick_in(1);
}

/* ---- life ---------------------------------------------------------------------------- */

void
sim_ca_start(void)
{
	char path[128];

	sim.ca = (struct ca){ .conf = &sim.ca_conf,
		.now = now,
		.mono = mono,
		.on_event = on_event,
		.hsm = hsm_fake_hsm(sim.hsm) };
	snprintf(path, sizeof(path), "%s/kedged.db", sim.dir);
	must(ca_store_open(path, &sim.ca.store));
	must(ca_load(&sim.ca));
	sim.ca_up = true;
	sim_ca_soon();
}

static void
start_again(void *arg)
{
	(void)arg;
	if (!sim.ca_up)
		sim_ca_start();
}

/* What it had asked of the token goes with it; a killed process frees
 * nothing. */
void
sim_ca_stop(void)
{
	hsm_fake_drop(sim.hsm);
	ca_unload(&sim.ca);
	ca_store_close(sim.ca.store);
	sim.ca_up = false;
	sim.ca_life++;
}

void
sim_ca_kill(void)
{
	if (!sim.ca_up)
		return;
	sim_say("ca: killed");
	sim.kills++;
	sim_ca_stop();
	sim_at((int64_t)sim_dice(30) * SIM_SECOND + 100, start_again, NULL);
}

static void
done(void *arg, enum base_err e)
{
	must(e);
	*(bool *)arg = true;
}

static void
settle(void)
{
	while (hsm_fake_turn(sim.hsm) > 0)
		;
}

static enum base_err
put_node(struct ca *ca, const struct ca_topo_node *from)
{
	struct ca_node n = { .reach = from->reach,
		.dual = from->dual,
		.shallow = from->shallow,
		.nvia = from->nvia };

	snprintf(n.name, CA_NAME, "%s", from->name);
	if (from->reach == CA_DIRECT)
		snprintf(n.address, sizeof(n.address), "127.0.0.1:1");
	for (uint32_t v = 0; v < from->nvia; v++)
		snprintf(n.via[v], CA_NAME, "%s",
		    sim.topo->nodes[from->via[v]].name);
	return ca_store_node_put(ca->store, &n);
}

static enum base_err
put_link(struct ca *ca, const struct ca_topo_link *from)
{
	struct ca_link l = { .client = "" };

	snprintf(l.client, CA_NAME, "%s", sim.topo->nodes[from->client].name);
	snprintf(l.server, CA_NAME, "%s", sim.topo->nodes[from->server].name);
	snprintf(l.server_root, CA_NAME, "%s",
	    sim.topo->roots[from->server_root].name);
	if (from->client_root != POL_NONE)
		snprintf(l.client_root, CA_NAME, "%s",
		    sim.topo->roots[from->client_root].name);
	return ca_store_link_put(ca->store, &l);
}

static enum base_err
put_fleet(struct ca *ca, void *arg)
{
	enum base_err e = BASE_OK;

	(void)arg;
	for (uint32_t i = 0; e == BASE_OK && i < sim.topo->nnodes; i++)
		if (!sim.nodes[i].late)
			e = put_node(ca, &sim.topo->nodes[i]);
	for (size_t i = 0; e == BASE_OK && i < sim.topo->nlinks; i++)
		if (!sim.nodes[sim.topo->links[i].client].late)
			e = put_link(ca, &sim.topo->links[i]);
	return e;
}

static enum base_err
put_late(struct ca *ca, void *arg)
{
	const struct sim_node *n = arg;
	enum base_err e = put_node(ca, &sim.topo->nodes[n->number]);

	for (size_t i = 0; e == BASE_OK && i < sim.topo->nlinks; i++)
		if (sim.topo->links[i].client == n->number)
			e = put_link(ca, &sim.topo->links[i]);
	return e;
}

enum base_err
sim_ca_add(const struct sim_node *n)
{
	struct sim_node *node = &sim.nodes[n->number];
	enum base_err e = ca_fleet_change(&sim.ca, put_late, node);

	if (e == BASE_OK)
		sim_say("ca: %s is added", n->name);
	return e;
}

void
sim_ca_make(void)
{
	bool ok = false;

	sim_ca_start();
	ca_make_init(&sim.ca, WIRE_P256, done, &ok);
	settle();
	must(ca_load(&sim.ca));
	for (uint32_t i = 0; i < sim.topo->nroots; i++) {
		const char *root = sim.topo->roots[i].name;

		must(ca_fleet_root_put(&sim.ca, root, WIRE_P256, 3650));
		ca_make_generation(&sim.ca, root, 1, done, &ok);
		settle();
	}
	must(ca_fleet_change(&sim.ca, put_fleet, NULL));
}

/* ---- joining ------------------------------------------------------------------------------ */

struct asked {
	struct wire_token *token;
	bool ok;
	bool again; /* not just now: whether the store is old is looked at */
};

static void
token_done(void *arg, enum base_err e, const char *text, struct base_time last)
{
	struct asked *a = arg;

	(void)last;
	if ((a->again = e == BASE_E_AGAIN))
		return;
	must(e);
	must(wire_token_parse((struct base_span){ (const uint8_t *)text,
				  strlen(text) },
	    a->token));
}

bool
sim_ca_token(const char *node, struct wire_token *out)
{
	struct asked a = { .token = out };

	ca_token_make(&sim.ca, node, 3600, token_done, &a);
	settle();
	return !a.again;
}

/* Not just now: no answer. */
static void
join_done(void *arg, enum base_err e, struct base_span answer)
{
	if (e == BASE_E_AGAIN)
		return;
	must(e);
	must(base_buf_put(arg, answer.p, answer.n));
}

bool
sim_ca_join(struct base_span request, struct base_buf *answer)
{
	ca_join_request(&sim.ca, request, join_done, answer);
	settle();
	sim_ca_soon();
	return answer->n > 0;
}

/* ---- reports, rolls ------------------------------------------------------------------------- */

void
sim_ca_report(const char *from, const struct wire_parcel *p)
{
	struct ca_route by = { .n = p->nroute };

	(void)from;
	if (!sim.ca_up)
		return;
	if (p->kind == WIRE_P_STOCK) {
		if (ca_stock_in(&sim.ca, base_buf_span(&p->content)) != BASE_OK)
			sim_say("ca: stock: %s", base_why());
		sim_ca_soon();
		return;
	}
	memcpy(by.hop, p->route, sizeof(by.hop));
	if (ca_report_in(&sim.ca, base_buf_span(&p->content), &by) != BASE_OK)
		sim_say("ca: report: %s", base_why());
	sim_ca_soon();
}

static void
roll_done(void *arg, enum base_err e, const struct ca_roll_row *row)
{
	struct asked *a = arg;

	(void)row;
	if ((a->again = e == BASE_E_AGAIN))
		return;
	must(e);
	a->ok = true;
}

bool
sim_ca_roll(const char *root)
{
	struct ca_roll_row want = { .strategy = (enum pol_strategy)sim_dice(
					POL_STRATEGIES) };
	json_t *problems = json_array();
	struct asked a = { .ok = false };
	bool ready;

	must(ca_roll_check(&sim.ca, root, problems));
	ready = json_array_size(problems) == 0;
	json_decref(problems);
	if (!ready)
		return false;
	snprintf(want.root, CA_NAME, "%s", root);
	ca_roll_start(&sim.ca, &want, roll_done, &a);
	settle();
	if (a.again)
		return false;
	if (!a.ok)
		sim_fail("the roll of %s does not start", root);
	if (strcmp(root, CA_MANAGEMENT) == 0)
		sim.own_goal = 2;
	else
		sim.goal[ca_topology_root(sim.topo, root)] = 2;
	sim_say("ca: roll of %s, %s", root, pol_strategy_name(want.strategy));
	sim_ca_soon();
	return true;
}

uint32_t
sim_ca_current(const char *root)
{
	struct ca_root r;

	must(ca_store_root_get(sim.ca.store, root, &r));
	return r.current;
}

/* ---- the operator ------------------------------------------------------------------------------ */

static void
turn_back(const char *root, uint32_t *goal)
{
	const struct ca_roll_abort a = { root, "a whim", "sim", sim_chance(50),
		false };

	if (ca_roll_abort(&sim.ca, &a) != BASE_OK)
		return;
	sim_say("ca: %s goes back", root);
	*goal = 1;
	sim_count(SIM_ABORTED);
}

static void
turn_again(const char *root, uint32_t *goal)
{
	if (ca_roll_again(&sim.ca, root, "sim") != BASE_OK)
		return;
	sim_say("ca: %s goes on", root);
	*goal = 2;
}

void
sim_ca_release(const struct sim_node *n)
{
	for (uint32_t i = 0; i < sim.topo->nroots; i++) {
		const struct ca_word w = { sim.topo->roots[i].name, n->name, "",
			"sim" };

		if (sim.ca_up && ca_roll_release(&sim.ca, &w) == BASE_OK)
			sim_ca_soon();
	}
}

static void
let_go(void *arg)
{
	sim_ca_release(arg);
	if (!sim.ca_up)
		sim_at(SIM_MINUTE, let_go, arg);
}

static void
hold(const char *root)
{
	struct sim_node *n = &sim.nodes[sim_dice(sim.nnodes)];
	const struct ca_word w = { root, n->name, "a whim", "sim" };

	if (ca_roll_hold(&sim.ca, &w) == BASE_OK)
		sim_at((int64_t)sim_dice(60) * SIM_SECOND, let_go, n);
}

void
sim_ca_excuse(struct sim_node *n)
{
	for (uint32_t i = 0; i < sim.topo->nroots; i++) {
		const struct ca_word w = { sim.topo->roots[i].name, n->name,
			"dead", "sim" };

		if (ca_roll_excuse(&sim.ca, &w) != BASE_OK)
			continue;
		sim_say("ca: %s is excused from %s", n->name, w.root);
		n->excused = true;
	}
	sim_ca_soon();
}

bool
sim_ca_return(const struct sim_node *n)
{
	bool all = true;

	for (uint32_t i = 0; i < sim.topo->nroots; i++) {
		const struct ca_word w = { sim.topo->roots[i].name, n->name, "",
			"sim" };
		enum base_err e = ca_roll_return(&sim.ca, &w);

		if (e == BASE_OK)
			sim_say("ca: %s returns to %s", n->name, w.root);
		all &= e == BASE_OK || e == BASE_E_STATE;
	}
	sim_ca_soon();
	return all;
}

void
sim_ca_whim(void)
{
	uint32_t i = (uint32_t)sim_dice(sim.topo->nroots);
	const char *root = sim.topo->roots[i].name;

	if (!sim.ca_up || ca_roll_of(&sim.ca, root) == NULL)
		return;
	switch (sim_dice(4)) {
	case 0:
		turn_back(root, &sim.goal[i]);
		break;
	case 1:
	case 2:
		turn_again(root, &sim.goal[i]);
		break;
	default:
		hold(root);
		break;
	}
	sim_ca_soon();
}

bool
sim_ca_is_done(void)
{
	return sim.errands == 0 && sim.ca_up && sim.ca.rolls == NULL &&
	    !sim.ca.tidy_wanted && !sim.ca.tidying &&
	    ca_deliver_due(sim.ca.deliver, NULL).ms == INT64_MAX;
}

const char *
sim_ca_waits(void)
{
	static char text[2048];
	size_t n = 0;

	if (!sim.ca_up)
		return "; the CA is dead";
	if (sim.ca.unchecked || sim.ca.recovery.stage != CA_RECOVERY_NONE)
		return "; the CA recovers";
	text[0] = '\0';
	for (struct ca_roll *r = sim.ca.rolls; r != NULL && n < 1024;
	     r = r->next) {
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "; %s: ", r->row.root);
		ca_waits_text(&sim.ca, r, text + n, sizeof(text) - n);
		n = strlen(text);
	}
	return text;
}
