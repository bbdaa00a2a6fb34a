/* Unit tests of agentd/store.c: after a death at any write the node finds the
 * old version or the new one, whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/agentd/crash.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static char *dir;
static struct ag_store *store;

static void
setup(void)
{
	dir = rig_dir();
	OK(ag_store_open(dir, &store));
}

static void
teardown(void)
{
	ag_store_close(store);
	rig_dir_remove(dir);
}

static struct ag_bundle *
second(void)
{
	struct ag_bundle *b = rig_bundle();

	b->epoch = 2;
	b->previous = 1;
	b->trust[1] = b->trust[0];
	b->trust_gen[1] = 1;
	b->trust[0] = rig_ref(rig_root(2));
	b->trust_gen[0] = 2;
	b->ntrust = 2;
	b->nwo = rig_ref(rig_link(1, 2));
	b->nwo_gen = 2;
	b->bridging = true;
	return b;
}

static void
install(struct ag_bundle *b)
{
	OK(ag_store_put(store, b));
	OK(ag_store_swap(store, "plant", b->epoch));
	ag_bundle_free(b);
}

static void
same(const struct ag_bundle *a, const struct ag_bundle *b)
{
	ck_assert_uint_eq(a->epoch, b->epoch);
	ck_assert_uint_eq(a->previous, b->previous);
	ck_assert_uint_eq(a->ntrust, b->ntrust);
	for (size_t i = 0; i < a->ntrust; i++) {
		ck_assert_uint_eq(a->trust_gen[i], b->trust_gen[i]);
		ck_assert_int_eq(X509_cmp(a->trust[i], b->trust[i]), 0);
	}
	ck_assert_uint_eq(a->cert_gen, b->cert_gen);
	ck_assert_int_eq(X509_cmp(a->cert, b->cert), 0);
	ck_assert_uint_eq(a->nwo_gen, b->nwo_gen);
	ck_assert((a->nwo == NULL) == (b->nwo == NULL));
	ck_assert(a->bridging == b->bridging);
	ck_assert_uint_eq(a->anchor_gen, b->anchor_gen);
	ck_assert_int_eq(X509_cmp(a->anchor, b->anchor), 0);
}

static uint64_t
current(bool settled)
{
	struct ag_bundle *b = NULL, *want;
	uint64_t epoch;

	OK(ag_store_load(store, "plant", settled, &b));
	want = b->epoch == 1 ? rig_bundle() : second();
	same(b, want);
	epoch = b->epoch;
	ag_bundle_free(want);
	ag_bundle_free(b);
	return epoch;
}

START_TEST(versions)
{
	struct ag_bundle *b = NULL;
	struct stat st;
	char *gone;

	NO(ag_store_load(store, "plant", false, &b), BASE_E_NOTFOUND);
	install(rig_bundle());
	ck_assert_uint_eq(current(true), 1);
	install(second());
	ck_assert_uint_eq(current(true), 2);
	OK(ag_store_swap(store, "plant", 1));
	ck_assert_uint_eq(current(true), 1);
	gone = base_asprintf("%s/plant/v000002", dir);
	ck_assert_int_ne(stat(gone, &st), 0);
	free(gone);
	NO(ag_store_swap(store, "plant", 7), BASE_E_NOTFOUND);
	ck_assert_uint_eq(current(true), 1);
}
END_TEST

START_TEST(identity)
{
	struct ag_store *again = NULL;

	OK(ag_store_open(dir, &again));
	ck_assert_mem_eq(again->id, store->id, 16);
	ag_store_close(again);
}
END_TEST

/* ---- damage ------------------------------------------------------------------- */

static void
damage(const char *file)
{
	rig_damage(dir, file);
}

START_TEST(damaged)
{
	static const char *const files[] = { "v000002/trust.pem",
		"v000002/cert.pem", "v000002/chain.pem", "v000002/manifest.der",
		"v000002.b", "current", "current.b" };
	struct ag_bundle *b = NULL;

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		install(rig_bundle());
		install(second());
		damage(files[i]);
		ck_assert_uint_eq(current(true), 2);
	}
	/* both copies: back to the version before only when the newer one was
	 * never reported effective */
	install(rig_bundle());
	install(second());
	damage("v000002/cert.pem");
	damage("v000002.b");
	ck_assert_uint_eq(current(false), 1);
	NO(ag_store_load(store, "plant", true, &b), BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "regressed"));
	damage("current");
	damage("current.b");
	NO(ag_store_load(store, "plant", true, &b), BASE_E_INTEGRITY);
}
END_TEST

/* ---- death ------------------------------------------------------------------------ */

static int
in_child(int before, bool torn)
{
	struct ag_bundle *b = second();
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		crash_writes = 0;
		crash_before = before;
		crash_torn = torn;
		_exit(ag_store_put(store, b) != BASE_OK ||
		    ag_store_swap(store, "plant", 2) != BASE_OK);
	}
	ag_bundle_free(b);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
every_death(bool torn)
{
	int n = 0, r;
	uint64_t last = 1;

	while ((r = in_child(n, torn)) == CRASH_EXIT) {
		uint64_t now = current(false);

		ck_assert_msg(now >= last, "version %llu after %llu at %d",
		    (unsigned long long)now, (unsigned long long)last, n);
		/* and what was begun can be done again from there */
		install(second());
		ck_assert_uint_eq(current(true), 2);
		install(rig_bundle());
		last = now == 2 ? 1 : now;
		n++;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_ge(n, 8);
	ck_assert_uint_eq(current(true), 2);
}

START_TEST(death)
{
	install(rig_bundle());
	every_death(false);
}
END_TEST

START_TEST(death_torn)
{
	install(rig_bundle());
	every_death(true);
}
END_TEST

/* ---- state ------------------------------------------------------------------------- */

TCase *
case_store(void)
{
	TCase *t = tcase_create("store");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, versions);
	tcase_add_test(t, identity);
	tcase_add_test(t, damaged);
	tcase_add_test(t, death);
	tcase_add_test(t, death_torn);
	return t;
}
