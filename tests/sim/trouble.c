/*
 * trouble: what goes wrong until it is time for good weather: agents and
 * machines die, kedged dies, disks fill up, clocks are wrong by hours, the
 * token does not answer, the network falls apart. See sim.h.
 */
#include "tests/sim/sim.h"

static int64_t calm_at;
static uint64_t pause_ms; /* between two of them, as a rule */

static struct sim_node *
somebody(void)
{
	return &sim.nodes[sim_dice(sim.nnodes)];
}

static void
clock_right(void *arg)
{
	((struct sim_node *)arg)->skew = 0;
}

static void
token_back(void *arg)
{
	(void)arg;
	hsm_fake_mood(sim.hsm)->down = false;
}

/* No clock tells a node that the CA's is ahead when its own is so, too: once
 * the CA's was, theirs go back only. */
static void
wrong_clock(struct sim_node *n)
{
	n->skew = ((int64_t)sim_dice(12 * 60) - 6 * 60) * SIM_MINUTE;
	if (n->skew > 0 && sim.ca_was_ahead)
		n->skew = -n->skew;
	sim_say("%s: its clock is wrong by %lld min", n->name,
	    (long long)(n->skew / SIM_MINUTE));
	sim_at((int64_t)sim_dice(180) * SIM_SECOND, clock_right, n);
}

static void
ca_clock_right(void *arg)
{
	(void)arg;
	sim.ca_skew = 0;
	sim_ca_soon();
}

static void
wrong_ca_clock(void)
{
	sim.ca_skew = ((int64_t)sim_dice(12 * 60) - 6 * 60) * SIM_MINUTE;
	for (size_t i = 0; i < sim.nnodes; i++)
		if (sim.nodes[i].skew > 0 && sim.ca_skew > 0)
			sim.ca_skew = -sim.ca_skew;
	sim.ca_was_ahead |= sim.ca_skew > 0;
	sim_say("ca: its clock is wrong by %lld min",
	    (long long)(sim.ca_skew / SIM_MINUTE));
	sim_at((int64_t)sim_dice(60) * SIM_SECOND, ca_clock_right, NULL);
}

static void
part(void)
{
	sim.parted = sim.now + (int64_t)sim_dice(60) * SIM_SECOND;
	sim_say("the network falls apart");
	for (size_t i = 0; i < sim.nnodes; i++)
		sim.nodes[i].side = (unsigned)sim_dice(2);
}

/* Whom others need to hear and to be heard, and for long. */
static void
relay_dies(void)
{
	struct sim_node *n = somebody();

	for (int tries = 0; tries < 8; tries++, n = somebody())
		for (uint32_t i = 0; i < sim.nnodes; i++)
			if (n->work != NULL && n->serves && !n->late &&
			    i != n->number && sim.topo->nodes[i].nvia > 0 &&
			    sim_is_hop(n->number, i)) {
				sim_count(SIM_RELAY);
				sim_node_off(n,
				    (20 + (int64_t)sim_dice(100)) * SIM_SECOND);
				return;
			}
}

static void
strike_more(struct sim_node *n)
{
	switch (sim_dice(sim.deeds ? 5 : 4)) {
	case 0:
		part();
		break;
	case 1:
		wrong_ca_clock();
		break;
	case 2:
		if (n->work != NULL && n->serves && sim_chance(30))
			sim_errand_excuse(n);
		break;
	case 4:
		if (sim_chance(40))
			relay_dies();
		break;
	default:
		sim_ca_whim();
		break;
	}
}

static void
strike(void)
{
	struct sim_node *n = somebody();

	switch (sim_dice(9)) {
	case 0:
	case 1:
		if (n->work != NULL)
			sim_node_kill(n, sim_chance(50));
		break;
	case 2:
		sim_ca_kill();
		break;
	case 3:
		n->full = sim.now + (int64_t)sim_dice(120) * SIM_SECOND;
		break;
	case 4:
		wrong_clock(n);
		break;
	case 5:
		hsm_fake_mood(sim.hsm)->down = true;
		sim_at((int64_t)sim_dice(30) * SIM_SECOND, token_back, NULL);
		break;
	case 6: /* the application dies and is started again */
		if (n->serves && !n->off)
			sim_app_load(n, false);
		break;
	default:
		strike_more(n);
		break;
	}
}

static void
next(void *arg)
{
	(void)arg;
	if (sim.now >= calm_at || sim_ca_is_done()) {
		sim_say("good weather");
		sim.parted = 0;
		sim.weather = (struct sim_weather){ .loss = 0 };
		return;
	}
	strike();
	sim_at((int64_t)sim_dice(2 * pause_ms), next, NULL);
}

void
sim_trouble_begin(int64_t until)
{
	calm_at = until;
	sim.weather = (struct sim_weather){
		.loss = (unsigned)sim_dice(30),
		.twice = (unsigned)sim_dice(20),
		.slow = (unsigned)sim_dice(10),
		.kill = (unsigned)sim_dice(3),
		.power = 50,
		.crash = (unsigned)sim_dice(10),
		.refusal = (unsigned)sim_dice(10),
	};
	pause_ms = 500 + sim_dice(8000);
	sim_at((int64_t)sim_dice(2 * pause_ms), next, NULL);
}
