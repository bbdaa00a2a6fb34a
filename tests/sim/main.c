/*
 * sim: see sim.h.
 *
 *	sim [-bv] [-j JOBS] [-t MINUTES] FROM SEEDS LEAST MOST
 *	sim [-j JOBS] -f FILE
 *
 * Runs so many seeds from FROM on, with LEAST to MOST nodes each, every seed
 * in a process of its own; trouble lasts for MINUTES at most (10). Ends with 1
 * after a seed that failed: a line says what it was and what replays it.
 * FILE has lines of FROM LEAST MOST MINUTES: seeds that once failed. With -v it is told in full; with -b the agents are broken on purpose: they
 * report what is not live yet, and that must be found.
 */
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE (6 * 60 * SIM_MINUTE)
#define JOBS_MAX 64

static const char *
work_dir(void)
{
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static void
open_all(size_t least, size_t most)
{
	snprintf(sim.dir, sizeof(sim.dir), "%s/kedge-sim.XXXXXX", work_dir());
	if (mkdtemp(sim.dir) == NULL)
		base_die("sim: %s: %m", sim.dir);
	sim.ca_conf = (struct ca_conf){ .state_dir = sim.dir,
		.listen = base_strdup("127.0.0.1:1"),
		.resend_ms = 2000,
		.resend_max_ms = 60000,
		.poll_wait_ms = 25000,
		.retry_ms = 1000,
		.order_s = 86400,
		.canary_s = 600,
		.backdate_s = 60,
		.root_days = 3650,
		.node_days = 397,
		.fresh_ms = 60000,
		.failure_limit = 0 };
	snprintf(sim.ca_conf.fleet, CA_NAME, "demo");
	sim.hsm = hsm_fake_new();
	sim_fleet_make(least, most);
	for (uint32_t i = 0; i < sim.topo->nroots; i++)
		sim.goal[i] = 1;
	sim_ca_make();
}

/* Every application runs, and the CA knows it. */
static void
join_all(void)
{
	for (size_t i = 0; i < sim.nnodes; i++) {
		if (sim.nodes[i].late)
			continue;
		sim_node_start(&sim.nodes[i]);
		if (!sim_node_join(&sim.nodes[i]))
			sim_fail("a join before any roll is put off");
	}
	if (!sim_run(sim.now + 10 * SIM_MINUTE, sim_ca_is_done))
		sim_fail("the joins do not come to an end");
	sim_run(sim.now + SIM_MINUTE, NULL);
}

static void
run_seed(uint64_t seed, size_t least, size_t most)
{
	sim.seed = seed;
	sim.rng = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	sim_dice_openssl();
	open_all(least, most);
	join_all();
	if (!sim_ca_roll(sim.topo->roots[0].name))
		sim_fail("the fleet is not ready for a roll");
	sim_errands_begin();
	sim_trouble_begin(sim.now + sim.trouble);
	if (!sim_run(sim.now + PATIENCE, sim_ca_is_done))
		sim_fail("the rolls do not come to an end; %u errands left",
		    sim.errands);
	/* who is dead still comes back */
	sim_run(sim.now + 4 * SIM_MINUTE, NULL);
	for (uint32_t i = 0; i < sim.topo->nroots; i++)
		sim_look_end(sim.topo->roots[i].name, sim.goal[i]);
	printf("seed %llu: %zu nodes, %zu links, %.0f s; %llu orders, "
	       "%llu held, %llu deaths, %llu looks, %llu of them new\n",
	    (unsigned long long)seed, sim.nnodes, sim.topo->nlinks,
	    (double)sim.now / 1000, (unsigned long long)sim.orders,
	    (unsigned long long)sim.held, (unsigned long long)sim.kills,
	    (unsigned long long)sim.checks, (unsigned long long)sim.looks);
	sim_clean();
}

/* ---- many seeds ---------------------------------------------------------------------- */

struct plan {
	uint64_t from, seeds;
	size_t least, most;
};

static struct {
	unsigned jobs, busy;
	uint64_t begun, failed;
} all = { .jobs = 1 };

static pid_t
begin(const struct plan *p, uint64_t seed)
{
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) < 0)
		base_die("sim: fork: %m");
	if (pid == 0) {
		snprintf(sim.replay, sizeof(sim.replay),
		    "sim -v%s -t %lld %llu 1 %zu %zu", sim.hasty ? "b" : "",
		    (long long)(sim.trouble / SIM_MINUTE),
		    (unsigned long long)seed, p->least, p->most);
		run_seed(seed, p->least, p->most);
		fflush(stdout);
		_Exit(0); /* no word to files that the parent reads */
	}
	return pid;
}

static bool
end_one(void)
{
	int status;
	pid_t pid = wait(&status);

	if (pid < 0)
		base_die("sim: wait: %m");
	if (WIFSIGNALED(status))
		printf("sim: a seed died of signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
wait_for(unsigned most)
{
	for (; all.busy > most; all.busy--)
		all.failed += !end_one();
}

static void
run_plan(const struct plan *p)
{
	if (p->least < 2 || p->most < p->least || p->most > SIM_NODES)
		base_die("sim: from 2 to %d nodes", SIM_NODES);
	for (uint64_t i = 0; i < p->seeds; i++) {
		wait_for(all.jobs - 1);
		begin(p, p->from + i);
		all.busy++;
		all.begun++;
	}
}

static void
run_file(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long long from;
	unsigned minutes;
	char line[256];

	if (f == NULL)
		base_die("sim: %s: %m", path);
	while (fgets(line, sizeof(line), f) != NULL) {
		struct plan p = { .seeds = 1 };

		if (line[0] == '#')
			continue;
		if (sscanf(line, "%llu %zu %zu %u", &from, &p.least, &p.most,
			&minutes) != 4)
			base_die("sim: %s: %s", path, line);
		p.from = from;
		sim.trouble = minutes * SIM_MINUTE;
		run_plan(&p);
	}
	fclose(f);
}

static uint64_t
number(const char *s)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0')
		base_die("sim: \"%s\" is no number", s);
	return v;
}

int
main(int argc, char **argv)
{
	const char *file = NULL;
	int c;

	base_log_open("sim", 0);
	sim.trouble = 10 * SIM_MINUTE;
	while ((c = getopt(argc, argv, "bvf:j:t:")) != -1) {
		if (c == 'v')
			sim.verbose = true;
		else if (c == 'b')
			sim.hasty = true;
		else if (c == 'j')
			all.jobs = (unsigned)number(optarg);
		else if (c == 'f')
			file = optarg;
		else if (c == 't')
			sim.trouble = (int64_t)number(optarg) * SIM_MINUTE;
		else
			optind = argc + 1;
	}
	if (argc - optind != (file == NULL ? 4 : 0) || all.jobs == 0 ||
	    all.jobs > JOBS_MAX) {
		fprintf(stderr,
		    "usage: sim [-bv] [-j JOBS] [-t MINUTES] FROM SEEDS LEAST MOST\n"
		    "       sim [-j JOBS] -f FILE\n");
		return 2;
	}
	if (sim.verbose)
		base_log_open("sim", BASE_DEBUG);
	if (file != NULL)
		run_file(file);
	else
		run_plan(&(struct plan){ number(argv[optind]),
		    number(argv[optind + 1]), number(argv[optind + 2]),
		    number(argv[optind + 3]) });
	wait_for(0);
	printf("sim: %llu seeds, %llu failed\n", (unsigned long long)all.begun,
	    (unsigned long long)all.failed);
	return all.failed > 0;
}
