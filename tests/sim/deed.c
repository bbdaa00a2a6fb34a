/*
 * deed: what an operator does once in a while, each at a random moment: asks
 * for another key, or thinks better of it; takes a link away and puts it back;
 * finds that the old root's key may be in wrong hands; rolls the management
 * root; puts kedged's store back from an old copy. See sim.h.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"

#define AGAIN (5 * SIM_SECOND)

static const char *
root_name(void)
{
	return sim.topo->roots[sim_dice(sim.topo->nroots)].name;
}

static void
begin(int64_t most, void (*fn)(void *arg), void *arg)
{
	sim.errands++;
	sim_at((int64_t)sim_dice((uint64_t)most), fn, arg);
}

/* ---- another key -------------------------------------------------------------------- */

struct rekey {
	const struct sim_node *n;
	const char *root;
};

static bool
is_asked(const struct rekey *k)
{
	struct ca_leaf l = { .epoch = 0 };
	bool asked = false;

	snprintf(l.node, sizeof(l.node), "%s", k->n->name);
	snprintf(l.root, sizeof(l.root), "%s", k->root);
	if (ca_rekey_asked(&sim.ca, &l, &asked) != BASE_OK)
		sim_fail("the CA: %s", base_why());
	return asked;
}

/* Until the new key is in use, or is not wanted any more. */
static void
rekey_wait(void *arg)
{
	struct rekey *k = arg;

	if (!sim.ca_up || is_asked(k)) {
		if (sim.ca_up && sim_chance(3) &&
		    ca_rekey_cancel(&sim.ca, k->n->name, k->root) == BASE_OK)
			sim_count(SIM_REKEY_CANCELLED);
		sim_at(AGAIN, rekey_wait, arg);
		return;
	}
	sim.errands--;
	free(k);
}

static void
rekey(void *arg)
{
	struct rekey *k = arg;

	if (!sim_errand_is_time()) {
		sim_at(AGAIN, rekey, arg);
		return;
	}
	if (ca_rekey_ask(&sim.ca, k->n->name, k->root) == BASE_OK)
		sim_say("ca: another key for %s, %s", k->n->name, k->root);
	sim_ca_soon();
	rekey_wait(k);
}

static void
rekeys_begin(void)
{
	struct rekey *k;

	for (size_t i = sim.nnodes / 10; i < sim.nnodes / 5 + 1; i++) {
		k = base_alloc(sizeof(*k));
		k->n = &sim.nodes[sim_dice(sim.nnodes)];
		k->root = sim_chance(20) ? CA_MANAGEMENT : root_name();
		begin(3 * SIM_MINUTE, rekey, k);
	}
}

/* ---- links ------------------------------------------------------------------------------ */

static struct ca_link
link_row(uint32_t i)
{
	const struct ca_topo_link *from = &sim.topo->links[i];
	struct ca_link l = { .client = "" };

	snprintf(l.client, CA_NAME, "%s", sim.topo->nodes[from->client].name);
	snprintf(l.server, CA_NAME, "%s", sim.topo->nodes[from->server].name);
	snprintf(l.server_root, CA_NAME, "%s",
	    sim.topo->roots[from->server_root].name);
	if (from->client_root != POL_NONE)
		snprintf(l.client_root, CA_NAME, "%s",
		    sim.topo->roots[from->client_root].name);
	return l;
}

static enum base_err
put_link(struct ca *ca, void *arg)
{
	return ca_change_link(ca, arg, "");
}

static enum base_err
drop_link(struct ca *ca, void *arg)
{
	return ca_change_link_drop(ca, arg, sim_chance(50) ? "a whim" : "", "");
}

/* Checked before it is accepted: from then on its ends authenticate. */
static void
link_back(void *arg)
{
	uint32_t i = (uint32_t)(uintptr_t)arg;
	struct ca_link l = link_row(i);

	if (!sim_errand_is_time() ||
	    ca_fleet_change(&sim.ca, put_link, &l) != BASE_OK) {
		sim_at(AGAIN, link_back, arg);
		return;
	}
	sim_say("ca: link %s>%s is back", l.client, l.server);
	sim_count(SIM_LINK_ADDED);
	sim.unlinked[i] = false;
	sim.errands--;
	sim_look(&sim.nodes[sim.topo->links[i].client]);
}

/* Each end goes on doing what it does on this link, on another one; and no
 * parcels go over it. */
static bool
is_spare(uint32_t i)
{
	const struct ca_topology *t = sim.topo;
	const struct ca_topo_link *l = &t->links[i];
	bool client = false, server = false;

	if (sim.nodes[l->client].late || sim_is_hop(l->client, l->server))
		return false;
	for (uint32_t k = 0; k < t->nlinks; k++) {
		const struct ca_topo_link *o = &t->links[k];

		if (k == i || sim.unlinked[k] || sim.nodes[o->client].late ||
		    (o->client_root == POL_NONE) !=
			(l->client_root == POL_NONE))
			continue;
		client |= o->client == l->client;
		server |= o->server == l->server;
	}
	return client && server;
}

static void
link_away(void *arg)
{
	uint32_t i = (uint32_t)sim_dice(sim.topo->nlinks), tries = 0;
	struct ca_link l;

	(void)arg;
	while (tries++ < 50 && (sim.unlinked[i] || !is_spare(i)))
		i = (uint32_t)sim_dice(sim.topo->nlinks);
	if (tries > 50) {
		sim.errands--;
		return;
	}
	l = link_row(i);
	if (!sim_errand_is_time() ||
	    ca_fleet_change(&sim.ca, drop_link, &l) != BASE_OK) {
		sim_at(AGAIN, link_away, NULL);
		return;
	}
	sim_say("ca: link %s>%s is removed", l.client, l.server);
	sim_count(SIM_LINK_REMOVED);
	sim.unlinked[i] = true;
	sim_at((int64_t)sim_dice(120) * SIM_SECOND, link_back,
	    (void *)(uintptr_t)i);
}

/* ---- wrong hands -------------------------------------------------------------------------- */

static void
compromise(void *arg)
{
	const char *root = sim.topo->roots[0].name;

	(void)arg;
	sim.errands--;
	if (!sim.ca_up || ca_roll_compromise(&sim.ca, root, "sim") != BASE_OK)
		return;
	sim_say("ca: the old key of %s may be in wrong hands", root);
	sim_count(SIM_COMPROMISED);
}

/* ---- the management root -------------------------------------------------------------------- */

static void
roll_own(void *arg)
{
	if (!sim_errand_is_time() || !sim_ca_roll(CA_MANAGEMENT)) {
		sim_at(AGAIN, roll_own, arg);
		return;
	}
	sim_count(SIM_MANAGEMENT);
	sim.errands--;
}

/* ---- an old copy ------------------------------------------------------------------------------ */

static void
copy_store(const char *from, const char *to)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd),
	    "mkdir -p '%s%s' && rm -f '%s%s'/kedged.db* && "
	    "cp -p '%s%s'/kedged.db* '%s%s'",
	    sim.dir, to, sim.dir, to, sim.dir, from, sim.dir, to);
	if (system(cmd) != 0)
		base_die("sim: cannot copy kedged's store");
}

/* A roll that the copy did not know waits for a word, and a node that it knows
 * to be held, too. */
static void
let_go(void)
{
	static bool released;

	for (size_t i = 0; !released && i < sim.nnodes; i++)
		sim_ca_release(&sim.nodes[i]);
	released = true;
	for (struct ca_roll *r = sim.ca.rolls; r != NULL; r = r->next)
		if (r->row.state == CA_ROLL_PAUSED &&
		    ca_recover_made(&sim.ca, r->row.id)) {
			sim_say("ca: %s goes on", r->row.root);
			if (ca_roll_pause(&sim.ca, r->row.root, false, "sim") !=
			    BASE_OK)
				sim_fail("the CA: %s", base_why());
			sim_ca_soon();
			return;
		}
}

static bool
is_recovered(void)
{
	return !sim.ca.unchecked && !sim.ca.recovery.wanted &&
	    sim.ca.recovery.stage == CA_RECOVERY_NONE;
}

static void
recover_wait(void *arg)
{
	bool *seen = arg;

	if (sim.ca_up && is_recovered())
		let_go();
	if (sim.ca_up && sim.ca.recovery.stage != CA_RECOVERY_NONE && !*seen) {
		*seen = true;
		sim_count(SIM_RECOVERED);
	}
	if (sim.ca_up && is_recovered() && sim.ca.rolls == NULL) {
		sim.errands--;
		return;
	}
	sim_at(SIM_SECOND, recover_wait, arg);
}

static void
restore(void *arg)
{
	static bool seen;

	if (!sim_errand_is_time()) {
		sim_at(AGAIN, restore, arg);
		return;
	}
	sim_say("ca: an old copy of its store is put back");
	sim_count(SIM_RESTORED);
	sim.restored = true;
	sim_ca_stop();
	copy_store("/copy", "");
	sim_ca_start();
	recover_wait(&seen);
}

static void
back_up(void *arg)
{
	/* what joins later is not in the copy: it would have to join again */
	if (!sim_errand_is_time() || sim.coming > 0) {
		sim_at(AGAIN, back_up, arg);
		return;
	}
	sim_say("ca: its store is copied");
	copy_store("", "/copy");
	sim_at((int64_t)sim_dice(120) * SIM_SECOND, restore, NULL);
}

/* ---- what a seed has of it ---------------------------------------------------------------------- */

/* The stand-in of kedge-hsmd does not know of new keys, no recovery brings back
 * a generation of the management root, and a link that was removed after the
 * copy was made is there again unasked: a copy is put back where there are
 * none of these. */
void
sim_deeds_begin(void)
{
	if (sim_chance(30)) {
		begin(2 * SIM_MINUTE, back_up, NULL);
	} else {
		if (sim_chance(40))
			rekeys_begin();
		if (sim_chance(30))
			begin(3 * SIM_MINUTE, roll_own, NULL);
		for (int n = 3; n > 0 && sim_chance(50); n--)
			begin(3 * SIM_MINUTE, link_away, NULL);
	}
	if (sim_chance(15))
		begin(2 * SIM_MINUTE, compromise, NULL);
}

/* ---- what happened, in all seeds ------------------------------------------------------------------ */

static const char *const names[SIM_COUNTS] = {
	[SIM_REKEYED] = "new keys in use",
	[SIM_REKEY_CANCELLED] = "rekeys cancelled",
	[SIM_LINK_REMOVED] = "links removed",
	[SIM_LINK_ADDED] = "links added",
	[SIM_COMPROMISED] = "old keys in wrong hands",
	[SIM_KICKED] = "sessions ended for it",
	[SIM_MANAGEMENT] = "rolls of the management root",
	[SIM_RESTORED] = "old copies put back",
	[SIM_RECOVERED] = "recoveries",
	[SIM_RELAY] = "relays dead for long",
	[SIM_ABORTED] = "aborts",
	[SIM_EXCUSED] = "excuses",
	[SIM_JOINED] = "joins in the middle",
	[SIM_BESIDE] = "rolls beside the first",
};

void
sim_count(enum sim_count what)
{
	atomic_fetch_add(&sim.counts[what], 1);
}

bool
sim_counts_tell(void)
{
	bool all = true;

	for (int i = 0; i < SIM_COUNTS; i++) {
		unsigned n = atomic_load(&sim.counts[i]);

		printf("sim: %u %s\n", n, names[i]);
		all &= n > 0;
	}
	return all;
}
