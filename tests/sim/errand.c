/*
 * errand: what an operator does beside the roll, at random moments: another
 * root's roll, nodes that join, a dead node that is excused and comes back.
 * When the time is not right it is tried again. See sim.h.
 */
#include "tests/sim/sim.h"

#define AGAIN (5 * SIM_SECOND)

bool
sim_errand_is_time(void)
{
	return sim.ca_up && !hsm_fake_mood(sim.hsm)->down && sim.ca_skew == 0;
}

static void
begin(int64_t most, void (*fn)(void *arg), void *arg)
{
	sim.errands++;
	sim_at((int64_t)sim_dice((uint64_t)most), fn, arg);
}

static void
done(void)
{
	sim.errands--;
}

static void
roll(void *arg)
{
	if (sim_errand_is_time() && sim_ca_roll(arg)) {
		sim_count(SIM_BESIDE);
		done();
	} else
		sim_at(AGAIN, roll, arg);
}

/* A roll may be where no certificate would be accepted by all neighbours. */
static void
join(void *arg)
{
	struct sim_node *n = arg;

	if (n->work != NULL && sim_node_join(n)) {
		sim_count(SIM_JOINED);
		sim.coming--;
		done();
	} else
		sim_at(AGAIN, join, arg);
}

static void
come(void *arg)
{
	struct sim_node *n = arg;

	if (!sim_errand_is_time() || sim_ca_add(n) != BASE_OK) {
		sim_at(AGAIN, come, arg);
		return;
	}
	n->full = 0;
	n->skew = 0;
	sim_node_start(n);
	join(n);
}

/* ---- excuses ---------------------------------------------------------------------- */

static void
come_back(void *arg)
{
	struct sim_node *n = arg;

	if (!sim_errand_is_time() || n->work == NULL || !sim_ca_return(n)) {
		sim_at(AGAIN, come_back, arg);
		return;
	}
	done();
}

void
sim_errand_excuse(struct sim_node *n)
{
	int64_t ms = SIM_MINUTE + (int64_t)sim_dice(240) * SIM_SECOND;

	if (!sim_errand_is_time() || n->excused)
		return;
	sim_ca_excuse(n);
	if (!n->excused)
		return;
	sim_count(SIM_EXCUSED);
	sim_node_off(n, ms);
	sim.errands++;
	sim_at(ms + SIM_SECOND + (int64_t)sim_dice(60) * SIM_SECOND, come_back,
	    n);
}

void
sim_errands_begin(void)
{
	if (sim.topo->nroots > 1 && sim_chance(60))
		begin(3 * SIM_MINUTE, roll, sim.topo->roots[1].name);
	for (size_t i = 0; i < sim.nnodes; i++)
		if (sim.nodes[i].late) {
			sim.coming++;
			begin(5 * SIM_MINUTE, come, &sim.nodes[i]);
		}
	if (sim.deeds)
		sim_deeds_begin();
}
