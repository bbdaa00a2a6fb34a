/* Unit tests of agentd/render.c: which certificate stands in which file. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/agentd/crash.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static struct ag_root roots[1];
static struct ag_holdings held = { roots, 1 };
static struct ag_side side;

static void
setup(void)
{
	static char plant[] = "plant";

	memset(roots, 0, sizeof roots);
	strcpy(roots[0].name, plant);
	roots[0].key = rig_node_key()->key;
	roots[0].bundle = rig_bundle();
	side =
	    (struct ag_side){ .on = true, .root = plant, .verify_root = plant };
}

static void
teardown(void)
{
	ag_bundle_free(roots[0].bundle);
}

/* Generation 2 is trusted beside 1; with cert, its leaf is presented. */
static void
roll(bool cert)
{
	struct ag_bundle *b = roots[0].bundle;

	b->trust[1] = b->trust[0];
	b->trust_gen[1] = 1;
	b->trust[0] = rig_ref(rig_root(2));
	b->trust_gen[0] = 2;
	b->ntrust = 2;
	b->nwo = rig_ref(rig_link(1, 2));
	b->nwo_gen = 2;
	if (!cert)
		return;
	X509_free(b->cert);
	b->cert = rig_ref(rig_leaf(2));
	b->cert_gen = 2;
}

/* The file is exactly these certificates, NULL at the end. */
static void
is(enum ag_file f, enum ag_form form, X509 *first, X509 *then)
{
	STACK_OF(X509) *got = NULL;
	struct base_buf b;

	base_buf_init(&b, 0);
	OK(ag_render_content(&held, &side, form, f, &b));
	OK(wire_x509_stack_from_pem(base_buf_span(&b), "file", &got));
	ck_assert_int_eq(sk_X509_num(got), then == NULL ? 1 : 2);
	ck_assert_int_eq(X509_cmp(sk_X509_value(got, 0), first), 0);
	if (then != NULL)
		ck_assert_int_eq(X509_cmp(sk_X509_value(got, 1), then), 0);
	sk_X509_pop_free(got, X509_free);
	base_buf_free(&b);
}

START_TEST(before)
{
	is(AG_F_TRUST, AG_OLD_AND_NEW, rig_root(1), NULL);
	is(AG_F_CHAIN, AG_OLD_AND_NEW, rig_leaf(1), NULL);
}
END_TEST

START_TEST(trust)
{
	roll(false);
	is(AG_F_TRUST, AG_OLD_AND_NEW, rig_root(2), rig_root(1));
	is(AG_F_TRUST, AG_OLD_AND_NWO, rig_link(1, 2), rig_root(1));
	/* never beside an old leaf */
	is(AG_F_CHAIN, AG_OLD_AND_NEW, rig_leaf(1), NULL);
}
END_TEST

START_TEST(cert)
{
	roll(true);
	is(AG_F_CHAIN, AG_OLD_AND_NEW, rig_leaf(2), rig_link(1, 2));
	side.client = true;
	is(AG_F_CHAIN, AG_OLD_AND_NEW, rig_leaf(2), NULL);
	roots[0].bundle->bridging = true;
	is(AG_F_CHAIN, AG_OLD_AND_NEW, rig_leaf(2), rig_link(1, 2));
}
END_TEST

/* After finish {NewWithOld} alone would be an anchor for some. */
START_TEST(finish)
{
	struct ag_bundle *b = roots[0].bundle;

	roll(true);
	X509_free(b->trust[1]);
	b->ntrust = 1;
	is(AG_F_TRUST, AG_OLD_AND_NWO, rig_root(2), NULL);
}
END_TEST

START_TEST(nothing)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	side.root = NULL;
	OK(ag_render_content(&held, &side, AG_OLD_AND_NEW, AG_F_KEY, &b));
	OK(ag_render_content(&held, &side, AG_OLD_AND_NEW, AG_F_PEM, &b));
	ck_assert_uint_eq(b.n, 0);
	base_buf_free(&b);
}
END_TEST

static void
mode_is(const char *path, mode_t mode)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, mode);
}

START_TEST(files)
{
	char name[] = "nginx", *dir = rig_dir();
	struct ag_app a = { .name = name };
	bool changed;

	side.trust = base_asprintf("%s/sub/trust.pem", dir);
	side.chain = base_asprintf("%s/chain.pem", dir);
	side.key = base_asprintf("%s/key.pem", dir);
	side.pem = base_asprintf("%s/all.pem", dir);
	a.side[0] = side;
	OK(ag_render_app(&held, &a, &changed));
	ck_assert(changed);
	mode_is(side.trust, 0644);
	mode_is(side.key, 0600);
	mode_is(side.pem, 0600);
	OK(ag_render_app(&held, &a, &changed));
	ck_assert(!changed);
	OK(base_file_write(side.chain,
	    (struct base_span){ (const uint8_t *)"x", 1 }, 0644));
	OK(ag_render_app(&held, &a, &changed));
	ck_assert(changed);
	free(side.trust);
	free(side.chain);
	free(side.key);
	free(side.pem);
	rig_dir_remove(dir);
}
END_TEST

/* ---- no room ---- */

static struct {
	char *dir;
	struct ag_app app[2];
	struct ag_config conf;
	bool changed[2];
} disk;

/* Two applications, each with a file of every kind; the old ones are there. */
static void
disk_up(void)
{
	static char name[2][2] = { "a", "b" };

	disk.dir = rig_dir();
	disk.conf = (struct ag_config){ .apps = disk.app, .napps = 2 };
	for (int i = 0; i < 2; i++) {
		disk.app[i] = (struct ag_app){ .name = name[i] };
		side.trust = base_asprintf("%s/trust%d.pem", disk.dir, i);
		side.chain = base_asprintf("%s/chain%d.pem", disk.dir, i);
		side.key = base_asprintf("%s/key%d.pem", disk.dir, i);
		side.pem = base_asprintf("%s/all%d.pem", disk.dir, i);
		disk.app[i].side[0] = side;
	}
	OK(ag_render_root(&held, &disk.conf, "plant", disk.changed));
}

static void
disk_down(void)
{
	for (int i = 0; i < 2; i++) {
		struct ag_side *d = &disk.app[i].side[0];

		free(d->trust);
		free(d->chain);
		free(d->key);
		free(d->pem);
	}
	rig_dir_remove(disk.dir);
}

static int
files_there(void)
{
	DIR *d = opendir(disk.dir);
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

/* Of one application: certificates in its three files that have some. */
static void
has(int i, int ntrust, int nchain)
{
	const struct ag_side *d = &disk.app[i].side[0];
	const char *path[3] = { d->trust, d->chain, d->pem };

	for (int k = 0; k < 3; k++) {
		struct base_buf b;
		int n = 0;

		base_buf_init(&b, 0);
		OK(base_file_read(path[k], 1 << 20, &b));
		OK(base_buf_put(&b, "", 1));
		for (const char *at = (const char *)b.p;
		     (at = strstr(at, "BEGIN CERT")) != NULL; at++)
			n++;
		ck_assert_int_eq(n, k == 0 ? ntrust : nchain);
		base_buf_free(&b);
	}
}

/* Each of the six files in its turn finds no room: none is changed, of neither
 * application, and nothing is left behind. */
START_TEST(no_room_for_one)
{
	disk_up();
	roll(true);
	crash_writes = 0;
	crash_full_from = _i;
	crash_full_mask = 1;
	NO(ag_render_root(&held, &disk.conf, "plant", disk.changed),
	    BASE_E_AGAIN);
	crash_full_from = -1;
	ck_assert(!disk.changed[0] && !disk.changed[1]);
	ck_assert_int_eq(files_there(), 8);
	has(0, 1, 1);
	has(1, 1, 1);
	OK(ag_render_root(&held, &disk.conf, "plant", disk.changed));
	ck_assert(disk.changed[0] && disk.changed[1]);
	ck_assert_int_eq(files_there(), 8);
	has(0, 2, 2);
	has(1, 2, 2);
	disk_down();
}
END_TEST

/* The files are in their place and the directory cannot be synced: the others
 * follow, and who asks hears that they changed. */
START_TEST(no_room_for_the_directory)
{
	disk_up();
	roll(true);
	crash_writes = 0;
	/* six are written; then each is renamed and its directory synced */
	crash_full_from = 7;
	crash_full_mask = 1;
	NO(ag_render_root(&held, &disk.conf, "plant", disk.changed),
	    BASE_E_AGAIN);
	crash_full_from = -1;
	ck_assert(disk.changed[0] && disk.changed[1]);
	has(0, 2, 2);
	has(1, 2, 2);
	disk_down();
}
END_TEST

TCase *
case_render(void)
{
	TCase *t = tcase_create("render");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, before);
	tcase_add_test(t, trust);
	tcase_add_test(t, cert);
	tcase_add_test(t, finish);
	tcase_add_test(t, nothing);
	tcase_add_test(t, files);
	tcase_add_loop_test(t, no_room_for_one, 0, 6);
	tcase_add_test(t, no_room_for_the_directory);
	return t;
}
