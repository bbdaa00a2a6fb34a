/*
 * sim: see sim.h.
 *
 *	sim [-bev] [-j JOBS] [-t MINUTES] FROM SEEDS LEAST MOST
 *	sim [-j JOBS] -f FILE
 *
 * Runs so many seeds from FROM on, with LEAST to MOST nodes each, every seed
 * in a process of its own; trouble lasts for MINUTES at most (10). Ends with 1
 * after a seed that failed: a line says what it was and what replays it.
 * FILE has lines of FROM LEAST MOST MINUTES: seeds that once failed. With -v it
 * is told in full; with -b the agents are broken on purpose: they report what
 * is not live yet, and that must be found. With -e an operator does more than
 * roll, excuse and abort (deed.c), and relays die for long; how often each
 * happened is told, and in MANY seeds or more each must.
 *
 * SHARE seeds in a row have one fleet, which is made and joins, in quiet, but
 * once: that is half of what a seed costs. Then kedged stops, and each seed
 * goes on alone from there, on a copy of the files.
 */
#include "tests/sim/sim.h"
#include "tests/unit/quick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE (6 * 60 * SIM_MINUTE)
#define JOBS_MAX 64
#define MANY	 50 /* seeds, in which everything happens */
#define SHARE	 5

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
	sim.owner = getpid();
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
	sim.own_goal = 1;
	if (sim.topo->nlinks > SIM_LINKS)
		base_die("sim: too many links");
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

/* Those with real CMS keep to themselves: see seal.c. */
static uint64_t
fleet_of(uint64_t seed)
{
	return seed % 50 == 0 ? seed : seed / SHARE + (UINT64_C(1) << 48);
}

static uint64_t
chance_of(uint64_t seed)
{
	return (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void
make_fleet(uint64_t seed, size_t least, size_t most)
{
	sim.seed = seed;
	sim.rng = chance_of(fleet_of(seed));
	sim_dice_openssl();
	open_all(least, most);
	join_all();
	sim_ca_stop();
}

/* What was said after the copy was made is not known when it is put back: the
 * fleet ends at one generation, but maybe at another. */
static void
look_end(void)
{
	for (uint32_t i = 0; i < sim.topo->nroots; i++) {
		const char *root = sim.topo->roots[i].name;

		sim_look_end(root,
		    sim.restored ? sim_ca_current(root) : sim.goal[i]);
	}
	sim_look_end(CA_MANAGEMENT,
	    sim.restored ? sim_ca_current(CA_MANAGEMENT) : sim.own_goal);
}

static void
run_seed(uint64_t seed)
{
	sim.seed = seed;
	sim.rng = chance_of(seed);
	sim_ca_start();
	if (!sim_ca_roll(sim.topo->roots[0].name))
		sim_fail("the fleet is not ready for a roll");
	sim_errands_begin();
	sim_trouble_begin(sim.now + sim.trouble);
	if (!sim_run(sim.now + PATIENCE, sim_ca_is_done))
		sim_fail("the rolls do not come to an end; %u errands left%s",
		    sim.errands, sim_ca_waits());
	/* who is dead still comes back */
	sim_run(sim.now + 4 * SIM_MINUTE, NULL);
	look_end();
	printf("seed %llu: %zu nodes, %zu links, %.0f s; %llu orders, "
	       "%llu held, %llu deaths, %llu looks, %llu of them new\n",
	    (unsigned long long)seed, sim.nnodes, sim.topo->nlinks,
	    (double)sim.now / 1000, (unsigned long long)sim.orders,
	    (unsigned long long)sim.held, (unsigned long long)sim.kills,
	    (unsigned long long)sim.checks, (unsigned long long)sim.looks);
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

static void
say_replay(const struct plan *p, uint64_t seed)
{
	snprintf(sim.replay, sizeof(sim.replay),
	    "sim -v%s%s -t %lld %llu 1 %zu %zu", sim.hasty ? "b" : "",
	    sim.deeds ? "e" : "", (long long)(sim.trouble / SIM_MINUTE),
	    (unsigned long long)seed, p->least, p->most);
}

static pid_t
fork_one(void)
{
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) < 0)
		base_die("sim: fork: %m");
	return pid;
}

/* How many failed, in what must have a name. */
static unsigned
end_one(const char *what)
{
	int status;

	if (wait(&status) < 0)
		base_die("sim: wait: %m");
	if (WIFEXITED(status))
		return (unsigned)WEXITSTATUS(status);
	printf("sim: %s died of signal %d\n", what, WTERMSIG(status));
	return 1;
}

/* The fleet's files as they were when it had joined. */
static void
copy_files(const char *from, const char *to)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s%s' && cp -a '%s%s' '%s%s'",
	    sim.dir, to, sim.dir, from, sim.dir, to);
	if (system(cmd) != 0)
		base_die("sim: cannot copy %s", sim.dir);
}

/* Seeds of one fleet, one after the other. */
_Noreturn static void
run_group(const struct plan *p)
{
	unsigned failed = 0;

	say_replay(p, p->from);
	make_fleet(p->from, p->least, p->most);
	copy_files("", ".joined");
	for (uint64_t seed = p->from; seed < p->from + p->seeds; seed++) {
		say_replay(p, seed);
		copy_files(".joined", "");
		if (fork_one() == 0) {
			run_seed(seed);
			fflush(stdout);
			_Exit(0); /* no word to files that the parent reads */
		}
		failed += end_one(sim.replay);
	}
	sim_clean();
	fflush(stdout);
	_Exit((int)failed);
}

static void
wait_for(unsigned most)
{
	for (; all.busy > most; all.busy--)
		all.failed += end_one(sim.replay);
}

static uint64_t
group_size(const struct plan *p)
{
	uint64_t n = 1;

	while (n < p->seeds && fleet_of(p->from + n) == fleet_of(p->from))
		n++;
	return n;
}

static void
run_plan(const struct plan *p)
{
	struct plan part = *p;

	if (p->least < 2 || p->most < p->least || p->most > SIM_NODES)
		base_die("sim: from 2 to %d nodes", SIM_NODES);
	for (uint64_t left = p->seeds; left > 0; left -= part.seeds) {
		part.from = p->from + p->seeds - left;
		part.seeds = left;
		part.seeds = group_size(&part);
		wait_for(all.jobs - 1);
		if (fork_one() == 0)
			run_group(&part);
		all.busy++;
		all.begun += part.seeds;
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

_Noreturn static void
usage(void)
{
	fprintf(stderr,
	    "usage: sim [-bev] [-j JOBS] [-t MINUTES] FROM SEEDS LEAST MOST\n"
	    "       sim [-j JOBS] -f FILE\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	static const char *const curves[] = { "EC", NULL };
	const char *file = NULL;
	int c;

	base_log_open("sim", 0);
	quick_use(curves, sim_memo_is_off);
	sim.trouble = 10 * SIM_MINUTE;
	sim.counts = mmap(NULL, SIM_COUNTS * sizeof(*sim.counts),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sim.counts == MAP_FAILED)
		base_die("sim: mmap: %m");
	while ((c = getopt(argc, argv, "bevf:j:t:")) != -1) {
		if (c == 'v')
			sim.verbose = true;
		else if (c == 'e')
			sim.deeds = true;
		else if (c == 'b')
			sim.hasty = true;
		else if (c == 'j')
			all.jobs = (unsigned)number(optarg);
		else if (c == 'f')
			file = optarg;
		else if (c == 't')
			sim.trouble = (int64_t)number(optarg) * SIM_MINUTE;
		else
			usage();
	}
	if (argc - optind != (file == NULL ? 4 : 0) || all.jobs == 0 ||
	    all.jobs > JOBS_MAX)
		usage();
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
	if (sim.deeds && !sim_counts_tell() && all.begun >= MANY) {
		printf("sim: something never happened\n");
		return 1;
	}
	return all.failed > 0;
}
