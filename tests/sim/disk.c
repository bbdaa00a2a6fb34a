/*
 * disk: in place of base/file.c. Files lie in memory (a tmpfs); each change is
 * a point at which the node can be killed, before or after it, can lose its
 * power, or can find the disk full. See sim.h.
 */
#include "tests/sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that were put and whose directory was not synced since. */
struct loose {
	struct loose *next;
	const struct sim_node *node;
	char *path;
};

static struct loose *loose;

static void
loose_add(const char *path)
{
	struct loose *l = base_alloc(sizeof(*l));

	l->node = sim.node;
	l->path = base_strdup(path);
	l->next = loose;
	loose = l;
}

/* Its name was not synced, or not all of its bytes. */
static void
lose(const char *path)
{
	struct stat st;

	switch (sim_dice(3)) {
	case 0:
		unlink(path);
		break;
	case 1:
		if (stat(path, &st) == 0 &&
		    truncate(path, (off_t)sim_dice((uint64_t)st.st_size + 1)) !=
			0)
			base_die("sim: %s", path);
		break;
	default:
		break;
	}
}

/* Those of n below dir, or all of n: gone with the power, or safe. */
static void
loose_end(const struct sim_node *n, const char *dir, bool lost)
{
	struct loose **at = &loose, *l;
	size_t len = dir == NULL ? 0 : strlen(dir);

	while ((l = *at) != NULL) {
		if (l->node != n ||
		    (dir != NULL &&
			(strncmp(l->path, dir, len) != 0 ||
			    strchr(l->path + len + 1, '/') != NULL))) {
			at = &l->next;
			continue;
		}
		if (lost)
			lose(l->path);
		*at = l->next;
		free(l->path);
		free(l);
	}
}

void
sim_disk_power(struct sim_node *n)
{
	loose_end(n, NULL, true);
}

/* ---- points at which it may end ------------------------------------------------- */

enum fate {
	NOTHING,
	BEFORE,
	AFTER
};

static enum fate
draw(void)
{
	struct sim_weather *w = &sim.weather;

	if (sim.node == NULL || !sim.node->joined ||
	    !(sim_chance(w->kill) && sim_dice(4) == 0))
		return NOTHING;
	return sim_dice(2) == 0 ? BEFORE : AFTER;
}

static void
die_if(enum fate f, enum fate when)
{
	if (f == when)
		longjmp(sim.killed, sim_chance(sim.weather.power) ? 2 : 1);
}

static bool
is_full(void)
{
	return sim.node != NULL && sim.node->full > sim.now;
}

static enum base_err
store(const char *path, struct base_span data, mode_t mode)
{
	char *temp = base_asprintf("%s.sim", path);
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	bool good = fd >= 0 && write(fd, data.p, data.n) == (ssize_t)data.n &&
	    rename(temp, path) == 0;

	if (fd >= 0)
		close(fd);
	free(temp);
	return good
	    ? BASE_OK
	    : base_fail(BASE_E_IO, "file: %s: %s", path, strerror(errno));
}

/* ---- base/file.c ------------------------------------------------------------------- */

static enum base_err
change(const char *path, struct base_span data, mode_t mode)
{
	enum fate f = draw();
	enum base_err e;

	die_if(f, BEFORE);
	if (is_full()) {
		errno = ENOSPC;
		return base_fail(BASE_E_IO, "file: cannot write %s: %m", path);
	}
	e = store(path, data, mode);
	die_if(f, AFTER);
	return e;
}

enum base_err
base_file_write(const char *path, struct base_span data, mode_t mode)
{
	return change(path, data, mode);
}

enum base_err
base_file_stage(const char *path, struct base_span data, mode_t mode,
    char **temp)
{
	enum base_err e;

	*temp = base_asprintf("%s.new", path);
	if ((e = change(*temp, data, mode)) != BASE_OK) {
		free(*temp);
		*temp = NULL;
	}
	return e;
}

enum base_err
base_file_place(const char *temp, const char *path)
{
	enum fate f = draw();

	die_if(f, BEFORE);
	if (rename(temp, path) != 0)
		base_die("sim: %s", path);
	die_if(f, AFTER);
	if (strstr(path, "/files/") != NULL && sim_chance(sim.weather.crash))
		sim_app_load(sim.node, false); /* between two renames */
	return BASE_OK;
}

/* Loose from before it is written: it may die within. */
enum base_err
base_file_put(const char *path, struct base_span data, mode_t mode)
{
	loose_add(path);
	return change(path, data, mode);
}

enum base_err
base_file_read(const char *path, size_t max, struct base_buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum base_err e = BASE_OK;
	uint8_t *all;
	struct stat st;

	if (fd < 0)
		return base_fail(errno == ENOENT ? BASE_E_NOTFOUND : BASE_E_IO,
		    "file: cannot open %s: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0)
		base_die("sim: %s", path);
	all = base_alloc((size_t)st.st_size + 1);
	if ((size_t)st.st_size > max)
		e = base_fail(BASE_E_RANGE, "file: %s is too long", path);
	else if (read(fd, all, (size_t)st.st_size) != st.st_size)
		base_die("sim: %s", path);
	else
		e = base_buf_put(b, all, (size_t)st.st_size);
	free(all);
	close(fd);
	return e;
}

enum base_err
base_dir_make(const char *path, mode_t mode)
{
	char *part = base_strdup(path), *p;

	for (p = strchr(part + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(part, mode);
		*p = '/';
	}
	free(part);
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return base_fail(BASE_E_IO, "file: %s: %s", path,
		    strerror(errno));
	return BASE_OK;
}

enum base_err
base_dir_sync(const char *path)
{
	loose_end(sim.node, path, false);
	return BASE_OK;
}
