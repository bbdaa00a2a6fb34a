/* Unit tests of base/file.c, in a directory of their own. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "tests/unit/base/suites.h"

static char dir[] = "/tmp/kedge-unit-XXXXXX";

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
teardown(void)
{
	char *cmd = base_asprintf("rm -rf %s", dir);

	ck_assert_int_eq(system(cmd), 0);
	free(cmd);
}

static const char *
in_dir(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct base_span
text(const char *s)
{
	return (struct base_span){ (const uint8_t *)s, strlen(s) };
}

static int
entries(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

START_TEST(write_read)
{
	struct base_buf b;
	struct stat st;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_file_write(in_dir("f"), text("one"), 0600),
	    BASE_OK);
	ck_assert_int_eq(base_file_write(in_dir("f"), text("two!"), 0640),
	    BASE_OK);
	ck_assert_int_eq(stat(in_dir("f"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(base_file_read(in_dir("f"), 4, &b), BASE_OK);
	ck_assert_uint_eq(b.n, 4);
	ck_assert_mem_eq(b.p, "two!", 4);
	ck_assert_int_eq(entries(), 1); /* no temporary file is left */
	ck_assert_int_eq(base_file_write(in_dir("f"), text(""), 0600), BASE_OK);
	base_buf_clear(&b);
	ck_assert_int_eq(base_file_read(in_dir("f"), 0, &b), BASE_OK);
	ck_assert_uint_eq(b.n, 0);
	base_buf_free(&b);
}
END_TEST

/* Two halves: nothing is seen of it before it is in its place. */
START_TEST(stage_and_place)
{
	char *temp;
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_file_write(in_dir("f"), text("old"), 0600),
	    BASE_OK);
	ck_assert_int_eq(base_file_stage(in_dir("f"), text("new"), 0640, &temp),
	    BASE_OK);
	ck_assert_int_eq(entries(), 2);
	ck_assert_int_eq(base_file_read(in_dir("f"), 3, &b), BASE_OK);
	ck_assert_mem_eq(b.p, "old", 3);
	ck_assert_int_eq(base_file_place(temp, in_dir("f")), BASE_OK);
	base_buf_clear(&b);
	ck_assert_int_eq(base_file_read(in_dir("f"), 3, &b), BASE_OK);
	ck_assert_mem_eq(b.p, "new", 3);
	ck_assert_int_eq(entries(), 1);
	ck_assert_int_eq(base_file_place(temp, in_dir("f")), BASE_E_IO);
	free(temp);
	ck_assert_int_eq(base_file_stage(in_dir("no/f"), text("x"), 0600,
			     &temp),
	    BASE_E_IO);
	ck_assert_ptr_null(temp);
	base_buf_free(&b);
}
END_TEST

START_TEST(put)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_file_put(in_dir("p"), text("longer"), 0600),
	    BASE_OK);
	ck_assert_int_eq(base_file_put(in_dir("p"), text("two"), 0600),
	    BASE_OK);
	ck_assert_int_eq(base_file_read(in_dir("p"), 100, &b), BASE_OK);
	ck_assert_uint_eq(b.n, 3);
	base_buf_free(&b);
	ck_assert_int_eq(base_file_put(in_dir("no/p"), text("x"), 0600),
	    BASE_E_IO);
}
END_TEST

START_TEST(write_replaces_a_link_not_its_target)
{
	char *target = base_strdup(in_dir("target"));
	struct stat st;

	ck_assert_int_eq(base_file_write(target, text("keep"), 0600), BASE_OK);
	ck_assert_int_eq(symlink(target, in_dir("link")), 0);
	ck_assert_int_eq(base_file_write(in_dir("link"), text("new"), 0600),
	    BASE_OK);
	ck_assert_int_eq(lstat(in_dir("link"), &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(stat(target, &st), 0);
	ck_assert_int_eq(st.st_size, 4);
	free(target);
}
END_TEST

START_TEST(write_refusals)
{
	ck_assert_int_eq(base_file_write(in_dir("no/f"), text("x"), 0600),
	    BASE_E_IO);
	ck_assert_int_eq(mkdir(in_dir("d"), 0700), 0);
	ck_assert_int_eq(base_file_write(in_dir("d"), text("x"), 0600),
	    BASE_E_IO);
	ck_assert_int_eq(entries(), 1);
}
END_TEST

START_TEST(failed_write_keeps_the_old)
{
	struct rlimit small = { 2, 2 };
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_file_write(in_dir("f"), text("old"), 0600),
	    BASE_OK);
	/* like a full disk: two bytes can be written, then no more */
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_assert_int_eq(base_file_write(in_dir("f"), text("newer"), 0600),
	    BASE_E_IO);
	ck_assert_int_eq(base_file_read(in_dir("f"), 10, &b), BASE_OK);
	ck_assert_uint_eq(b.n, 3);
	ck_assert_mem_eq(b.p, "old", 3);
	ck_assert_int_eq(entries(), 1);
	base_buf_free(&b);
}
END_TEST

START_TEST(read_refusals)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(base_buf_put(&b, "a", 1), BASE_OK);
	ck_assert_int_eq(base_file_read(in_dir("no"), 10, &b), BASE_E_NOTFOUND);
	ck_assert_int_eq(base_file_read(dir, 10, &b), BASE_E_IO);
	ck_assert_int_eq(base_file_write(in_dir("f"), text("four"), 0600),
	    BASE_OK);
	ck_assert_int_eq(base_file_read(in_dir("f"), 3, &b), BASE_E_RANGE);
	ck_assert_uint_eq(b.n, 1);
	ck_assert_int_eq(base_file_read(in_dir("f"), 4, &b), BASE_OK);
	ck_assert_mem_eq(b.p, "afour", 5);
	base_buf_free(&b);
}
END_TEST

START_TEST(read_large)
{
	char *big = base_alloc(100001);
	struct base_buf b;

	memset(big, 'x', 100000);
	base_buf_init(&b, 100000);
	ck_assert_int_eq(base_file_write(in_dir("f"), text(big), 0600),
	    BASE_OK);
	ck_assert_int_eq(base_file_read(in_dir("f"), 99999, &b), BASE_E_RANGE);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_int_eq(base_file_read(in_dir("f"), 100000, &b), BASE_OK);
	ck_assert_uint_eq(b.n, 100000);
	base_buf_free(&b);
	free(big);
}
END_TEST

START_TEST(dirs)
{
	struct stat st;

	ck_assert_int_eq(base_dir_make(in_dir("a/b//c/"), 0700), BASE_OK);
	ck_assert_int_eq(stat(in_dir("a/b/c"), &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_int_eq(base_dir_make(in_dir("a/b"), 0700), BASE_OK);
	ck_assert_int_eq(base_dir_make("/", 0700), BASE_OK);
	ck_assert_int_eq(base_dir_sync(in_dir("a")), BASE_OK);
	ck_assert_int_eq(base_dir_sync(in_dir("x")), BASE_E_IO);
	ck_assert_int_eq(base_file_write(in_dir("f"), text("x"), 0600),
	    BASE_OK);
	ck_assert_int_eq(base_dir_make(in_dir("f"), 0700), BASE_E_EXISTS);
	ck_assert_int_ne(base_dir_make(in_dir("f/g"), 0700), BASE_OK);
	ck_assert_int_eq(base_dir_make("", 0700), BASE_E_IO);
}
END_TEST

START_TEST(dir_relative)
{
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(base_dir_make("x/y", 0700), BASE_OK);
	ck_assert_int_eq(base_file_write("f", text("x"), 0600), BASE_OK);
	ck_assert_int_eq(access(in_dir("x/y"), F_OK), 0);
	ck_assert_int_eq(access(in_dir("f"), F_OK), 0);
}
END_TEST

TCase *
case_file(void)
{
	TCase *tc = tcase_create("file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, stage_and_place);
	tcase_add_test(tc, put);
	tcase_add_test(tc, write_read);
	tcase_add_test(tc, write_replaces_a_link_not_its_target);
	tcase_add_test(tc, write_refusals);
	tcase_add_test(tc, failed_write_keeps_the_old);
	tcase_add_test(tc, read_refusals);
	tcase_add_test(tc, read_large);
	tcase_add_test(tc, dirs);
	tcase_add_test(tc, dir_relative);
	return tc;
}
