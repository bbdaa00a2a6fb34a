/*
 * ca: kedged's store under crashes: see trace.h. During a whole roll, at each
 * call by which SQLite changes a file, a copy of the process goes on with
 * what a kill, a power cut or a torn one leaves of the database: it must be
 * sound, its audit whole, every order that some node has taken must be in it,
 * and the roll must come to its end.
 *
 *	crash-ca [-b] [-s STRIDE]
 *
 * Looks at every STRIDEth call (5). With -b nothing is ever synced, as if
 * kedged did without, and that must be found.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ca/world.h"

#define CHANGES 256
#define SECTOR	512

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at);
int ftruncate64(int fd, off_t n);

struct change { /* not synced yet */
	off_t at; /* -1: cut to n bytes */
	size_t n;
	uint8_t *p;
};

/* The database, and its log. */
static struct file {
	const char *name;
	struct base_buf safe;
	struct change change[CHANGES];
	size_t nchanges;
} files[] = { { .name = "kedged.db" }, { .name = "kedged.db-wal" } };
#define NFILES (sizeof(files) / sizeof(files[0]))

static struct world w;
static bool on, careless;
static unsigned stride = 5, calls;
static size_t looks, wrong;
static uint64_t rng = 1;

static unsigned
dice(unsigned sides)
{
	rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(rng >> 33) % sides;
}

static void
must(bool good, const char *what)
{
	if (!good)
		base_die("crash-ca: %s: %m", what);
}

/* ---- what a crash leaves ------------------------------------------------------------ */

enum left {
	ALL,
	NONE,
	SOME
};

static void
apply(struct base_buf *b, const struct change *c, size_t n)
{
	static const uint8_t zeros[4096];
	size_t end = c->at < 0 ? c->n : (size_t)c->at + n;

	while (b->n < end)
		must(base_buf_put(b, zeros,
			 end - b->n < sizeof(zeros) ? end - b->n
						    : sizeof(zeros)) == BASE_OK,
		    "memory");
	if (c->at < 0)
		b->n = c->n;
	else
		memcpy(b->p + c->at, c->p, n);
}

/* Of those that are not synced: some, and of some only the first sectors. */
static void
leave(const struct file *f, enum left left, struct base_buf *out)
{
	must(base_buf_put(out, f->safe.p, f->safe.n) == BASE_OK, "memory");
	for (size_t i = 0; i < f->nchanges && left != NONE; i++) {
		const struct change *c = &f->change[i];

		if (left == SOME && dice(3) == 0)
			continue;
		apply(out, c,
		    left == SOME && dice(3) == 0 ? c->n / 2 / SECTOR * SECTOR
						 : c->n);
	}
}

static void
put_files(const char *dir, enum left left)
{
	for (size_t i = 0; i < NFILES; i++) {
		char *path = base_asprintf("%s/%s", dir, files[i].name);
		struct base_buf b;
		int fd;

		base_buf_init(&b, 0);
		leave(&files[i], left, &b);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		must(fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n, path);
		close(fd);
		base_buf_free(&b);
		free(path);
	}
}

/* ---- the life after ---------------------------------------------------------------------- */

static void
holds(bool yes, const char *what)
{
	if (yes)
		return;
	printf("crash-ca: call %u: %s: %s\n", calls, what, base_why());
	fflush(stdout);
	_exit(1);
}

static void
check_orders(void)
{
	struct ca_order o;

	for (size_t i = 0; i < w.nnodes; i++) {
		holds(ca_store_order_get(w.ca.store, w.nodes[i].name, "plant",
			  w.nodes[i].highest, &o) == BASE_OK,
		    "a node has an order that is not stored");
		ca_order_clear(&o);
	}
}

static void
live_on(enum left left)
{
	char *cmd, old[sizeof(w.dir)];
	struct ca_root root;

	memcpy(old, w.dir, sizeof(old));
	snprintf(w.dir, sizeof(w.dir), "/tmp/kedge-world.XXXXXX");
	must(mkdtemp(w.dir) != NULL, w.dir);
	cmd = base_asprintf("cp %s/ca-* %s 2>/dev/null; true", old, w.dir);
	must(system(cmd) == 0, cmd);
	put_files(w.dir, left);
	free(cmd);
	world_die(&w);
	holds(ca_store_check(w.ca.store) == BASE_OK, "the check");
	check_orders();
	holds(world_run(&w, 600, world_rolled), "the roll does not end");
	holds(ca_store_root_get(w.ca.store, "plant", &root) == BASE_OK &&
		root.current == 2,
	    "the roll is forgotten");
	for (size_t i = 0; i < w.nnodes; i++)
		holds(w.nodes[i].conf.trust == 0 ||
			w.nodes[i].conf.trust == POL_GEN(2),
		    "a node is left behind");
	cmd = base_asprintf("rm -r '%s'", w.dir);
	must(system(cmd) == 0, cmd);
}

static void
look(enum left left)
{
	int status;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		on = false;
		live_on(left);
		_exit(0);
	}
	must(pid > 0, "fork");
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	looks++;
	wrong += status != 0;
}

static void
called(void)
{
	if (calls++ % stride != 0)
		return;
	look(ALL);
	look(NONE);
	look(SOME);
}

/* ---- calls of libc, in front of SQLite ------------------------------------------------------ */

/* NULL: none of ours. */
static struct file *
file_of(int fd)
{
	char link[64], path[256];
	const char *name;
	ssize_t n;

	if (!on)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if ((n = readlink(link, path, sizeof(path) - 1)) <= 0)
		return NULL;
	path[n] = '\0';
	name = strrchr(path, '/');
	for (size_t i = 0; i < NFILES; i++)
		if (name != NULL && strcmp(name + 1, files[i].name) == 0)
			return &files[i];
	return NULL;
}

static void
note(struct file *f, off_t at, const void *p, size_t n)
{
	struct change *c;

	if (careless && wrong > 0)
		return; /* found out */
	c = &f->change[f->nchanges++];
	must(f->nchanges < CHANGES, "too many changes without a sync");
	*c = (struct change){ at, n, NULL };
	if (p != NULL)
		memcpy(c->p = base_alloc(n), p, n);
	called();
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off_t at)
{
	ssize_t got = syscall(SYS_pwrite64, fd, p, n, at);
	struct file *f = file_of(fd);

	if (f != NULL && got > 0)
		note(f, at, p, (size_t)got);
	return got;
}

int
ftruncate64(int fd, off_t n)
{
	int rc = (int)syscall(SYS_ftruncate, fd, n);
	struct file *f = file_of(fd);

	if (f != NULL && rc == 0)
		note(f, -1, NULL, (size_t)n);
	return rc;
}

int
fdatasync(int fd)
{
	struct file *f = file_of(fd);

	if (f == NULL || careless)
		return 0;
	for (size_t i = 0; i < f->nchanges; i++) {
		apply(&f->safe, &f->change[i], f->change[i].n);
		free(f->change[i].p);
	}
	f->nchanges = 0;
	called();
	return 0;
}

/* ---- the roll ------------------------------------------------------------------------------------ */

static const char fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static void
begin(void)
{
	for (size_t i = 0; i < NFILES; i++) {
		char *path = base_asprintf("%s/%s", w.dir, files[i].name);

		base_buf_init(&files[i].safe, 0);
		must(base_file_read(path, 64 << 20, &files[i].safe) == BASE_OK,
		    path);
		free(path);
	}
	on = true;
}

START_TEST(roll)
{
	world_open(&w, fleet, 3);
	world_join_all(&w);
	world_roll(&w, "plant");
	begin();
	ck_assert(world_run(&w, 600, world_rolled));
	on = false;
	world_close(&w);
	printf("crash-ca: %u calls, %zu lives after, %zu wrong\n", calls, looks,
	    wrong);
	ck_assert_uint_gt(looks, 10);
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

int
main(int argc, char **argv)
{
	TCase *t = tcase_create("ca");
	Suite *suite = suite_create("crash");
	SRunner *runner = srunner_create(suite);
	int c, failed;

	base_log_open("crash-ca", 0);
	while ((c = getopt(argc, argv, "bs:")) != -1) {
		if (c == 'b')
			careless = true;
		else if (c == 's')
			stride = (unsigned)atoi(optarg);
	}
	tcase_set_timeout(t, 600);
	tcase_add_test(t, roll);
	suite_add_tcase(suite, t);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
