/* hsm/backup: a token whose files a cut login emptied comes back. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/backup.h"
#include "tests/unit/hsm/softhsm.h"
#include "tests/unit/hsm/suites.h"

static char *dir;

static void
setup(void)
{
	char name[] = "/tmp/kedge-backup-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	dir = base_strdup(name);
}

static void
teardown(void)
{
	const char *argv[] = { "rm", "-rf", dir, NULL };

	test_run(argv);
	free(dir);
}

static void
put(const char *name, const char *text)
{
	char *path = base_asprintf("%s/%s", dir, name);

	ck_assert_int_eq(base_file_write(path,
			     (struct base_span){ (const uint8_t *)text,
				 strlen(text) },
			     0600),
	    BASE_OK);
	free(path);
}

static bool
has(const char *name, const char *text)
{
	char *path = base_asprintf("%s/%s", dir, name);
	struct base_buf b;
	bool same;

	base_buf_init(&b, 0);
	same = base_file_read(path, 1000, &b) == BASE_OK &&
	    b.n == strlen(text) && (b.n == 0 || memcmp(b.p, text, b.n) == 0);
	base_buf_free(&b);
	free(path);
	return same;
}

START_TEST(backup_and_restore)
{
	char *from = base_asprintf("%s/t", dir),
	     *to = base_asprintf("%s/copy", dir);
	size_t n;

	ck_assert_int_eq(hsm_backup_restore(to, from, &n), BASE_E_NOTFOUND);
	ck_assert_int_eq(mkdir(from, 0700), 0);
	ck_assert_int_eq(hsm_backup_restore(to, from, &n), BASE_E_NOTFOUND);
	{
		char *sub = base_asprintf("%s/s", from);

		ck_assert_int_eq(mkdir(sub, 0700), 0);
		free(sub);
	}
	put("t/s/token.object", "token");
	put("t/s/key1", "one");
	put("t/s/gone", "gone");
	ck_assert_int_eq(hsm_backup_take(from, to), BASE_OK);
	ck_assert(has("copy/s/gone", "gone"));
	{
		char *gone = base_asprintf("%s/s/gone", from);

		ck_assert_int_eq(unlink(gone), 0);
		free(gone);
	}
	ck_assert_int_eq(hsm_backup_take(from, to), BASE_OK);
	ck_assert(!has("copy/s/gone", "gone"));
	/* a login was cut short, and a key made since */
	put("t/s/token.object", "");
	put("t/s/key2", "two");
	ck_assert_int_eq(hsm_backup_restore(to, from, &n), BASE_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert(has("t/s/token.object", "token"));
	ck_assert(has("t/s/key1", "one"));
	ck_assert(has("t/s/key2", "two"));
	ck_assert(!has("t/s/gone", "gone"));
	ck_assert_int_eq(hsm_backup_restore(to, from, &n), BASE_OK);
	ck_assert_uint_eq(n, 0);
	free(from);
	free(to);
}
END_TEST

TCase *
case_backup(void)
{
	TCase *t = tcase_create("backup");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, backup_and_restore);
	return t;
}
