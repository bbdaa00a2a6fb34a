/*
 * world_ready: a world whose nodes have all joined, made once for all tests of
 * a case: check forks a process for each test, so all memory is as it was, and
 * the store is copied. kedged was killed and starts again in between, which
 * changes nothing. See world.h.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/world.h"

#define READY_MAX 8

static struct ready {
	const char *text; /* NULL: free */
	struct world w; /* without its kedged */
} readies[READY_MAX];

static void
copy(const char *from, const char *to)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "cp -p '%s'/* '%s'", from, to);
	ck_assert_int_eq(system(cmd), 0);
}

/* Without forks a world could be used once. */
static bool
is_forking(void)
{
	const char *fork = getenv("CK_FORK");

	return fork == NULL || strcmp(fork, "no") != 0;
}

void
world_dir_make(struct world *w)
{
	snprintf(w->dir, sizeof(w->dir), "%s/kedge-world.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(w->dir));
	w->conf.state_dir = w->dir;
}

void
world_seed(struct world *w, uint64_t seed)
{
	w->rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

void
world_ready_make(const char *text)
{
	struct ready *r = readies;

	if (!is_forking())
		return;
	while (r->text != NULL)
		ck_assert(++r < readies + READY_MAX);
	world_open(&r->w, text, 1);
	world_join_all(&r->w);
	while (hsm_fake_turn(r->w.hsm) > 0)
		;
	world_down(&r->w);
	r->text = text;
}

void
world_ready_clear(void)
{
	for (struct ready *r = readies; r < readies + READY_MAX; r++) {
		if (r->text == NULL)
			continue;
		world_up(&r->w);
		world_close(&r->w);
		r->text = NULL;
	}
}

void
world_open_joined(struct world *w, const char *text, uint64_t seed)
{
	const struct ready *r = readies;

	while (r < readies + READY_MAX &&
	    (r->text == NULL || strcmp(r->text, text) != 0))
		r++;
	if (r == readies + READY_MAX) {
		world_open(w, text, seed);
		world_join_all(w);
		return;
	}
	*w = r->w;
	world_dir_make(w);
	copy(r->w.dir, w->dir);
	world_seed(w, seed);
	world_up(w);
	/* kedged asks hsmd whether its store is the newest */
	world_turn(w);
	while (hsm_fake_turn(w->hsm) > 0)
		;
}
