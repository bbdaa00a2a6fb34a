/* journal: durable, chained, cut only where a crash can have cut. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/journal.h"
#include "hsm/state.h"
#include "tests/unit/hsm/suites.h"

static char dir[] = "/tmp/kedge-journal-XXXXXX";
static char *path;
static struct hsm_journal *j;
static char seen[256]; /* all fields that were applied */
static enum base_err verdict;

static enum base_err
apply(void *arg, enum hsm_record kind, struct base_time at,
    struct base_buf *fields)
{
	(void)arg;
	(void)at;
	ck_assert_int_eq(kind, HSM_R_START);
	if (verdict != BASE_OK)
		return base_fail(verdict, "no");
	strncat(seen, (const char *)fields->p + fields->at,
	    fields->n - fields->at);
	fields->at = fields->n;
	return BASE_OK;
}

static enum base_err
reopen(void)
{
	hsm_journal_close(j);
	j = NULL;
	seen[0] = '\0';
	return hsm_journal_open(path, apply, NULL, &j);
}

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	path = base_asprintf("%s/journal", dir);
	verdict = BASE_OK;
	ck_assert_int_eq(reopen(), BASE_OK);
}

static void
teardown(void)
{
	hsm_journal_close(j);
	j = NULL;
	(void)chmod(path, 0600);
	(void)unlink(path);
	(void)rmdir(dir);
	strcpy(strrchr(dir, '-'), "-XXXXXX");
	free(path);
}

static void
add(const char *s)
{
	hsm_journal_add(j, HSM_R_START, (struct base_time){ 1 },
	    (struct base_span){ (const uint8_t *)s, strlen(s) });
}

static off_t
size(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

static void
patch(off_t at, uint8_t with)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, &with, 1, at), 1);
	close(fd);
}

START_TEST(applied_once_durable)
{
	uint64_t count;
	uint8_t a[HSM_HASH], b[HSM_HASH];

	add("a");
	add("b");
	ck_assert_str_eq(seen, "");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	ck_assert_str_eq(seen, "ab");
	add("c");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	ck_assert_str_eq(seen, "abc");
	hsm_journal_head(j, a, &count);
	ck_assert_uint_eq(count, 3);
	add("never synced");
	ck_assert_int_eq(reopen(), BASE_OK);
	ck_assert_str_eq(seen, "abc");
	hsm_journal_head(j, b, &count);
	ck_assert_uint_eq(count, 3);
	ck_assert_mem_eq(a, b, HSM_HASH);
}
END_TEST

/* Every prefix of the whole file: as many records as are in it, no part of
 * one, and the journal goes on from there. */
START_TEST(every_prefix)
{
	struct base_buf whole;
	off_t end[4] = { 0 };
	char want[4] = "";

	base_buf_init(&whole, 0);
	for (int i = 1; i <= 3; i++) {
		add(i == 1 ? "a" : i == 2 ? "b" : "c");
		ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
		end[i] = size();
	}
	ck_assert_int_eq(base_file_read(path, 4096, &whole), BASE_OK);
	for (size_t n = 0; n <= whole.n; n++) {
		size_t k = 0;

		while (k < 3 && (off_t)n >= end[k + 1])
			k++;
		memcpy(want, "abc", k);
		want[k] = '\0';
		hsm_journal_close(j);
		j = NULL;
		ck_assert_int_eq(base_file_write(path,
				     (struct base_span){ whole.p, n }, 0600),
		    BASE_OK);
		ck_assert_int_eq(reopen(), BASE_OK);
		ck_assert_str_eq(seen, want);
		ck_assert_int_eq(size(), end[k]);
		add("d");
		ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
		ck_assert_int_eq(reopen(), BASE_OK);
		want[k] = 'd';
		ck_assert_mem_eq(seen, want, k + 1);
	}
	base_buf_free(&whole);
}
END_TEST

/* Cut at every byte of the last record: the records before it stay. */
START_TEST(cut_short)
{
	off_t two, three;

	add("a");
	add("b");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	two = size();
	add("c");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	three = size();
	for (off_t n = three - 1; n >= two; n--) {
		ck_assert_int_eq(truncate(path, n), 0);
		ck_assert_int_eq(reopen(), BASE_OK);
		ck_assert_str_eq(seen, "ab");
		ck_assert_int_eq(size(), two);
		add("c");
		ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
		ck_assert_int_eq(size(), three);
	}
}
END_TEST

START_TEST(zeros_at_the_end)
{
	off_t one;

	add("a");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	one = size();
	ck_assert_int_eq(truncate(path, one + 100), 0);
	ck_assert_int_eq(reopen(), BASE_OK);
	ck_assert_str_eq(seen, "a");
	ck_assert_int_eq(size(), one);
}
END_TEST

/* Any changed byte of a whole record is found, also in the last one; a length
 * that reaches over the end looks like a cut, so the last record's does. */
START_TEST(changed)
{
	struct base_buf b;
	size_t one;

	base_buf_init(&b, 0);
	add("a");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	one = (size_t)size();
	add("b");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	ck_assert_int_eq(base_file_read(path, 1 << 20, &b), BASE_OK);
	for (size_t i = 0; i < b.n; i++) {
		enum base_err e;

		if (i >= one && i < one + 4)
			continue;
		if (i < 4)
			continue;
		patch((off_t)i, b.p[i] ^ 0x10);
		e = reopen();
		ck_assert_msg(e == BASE_E_INTEGRITY, "byte %zu: %d", i, e);
		patch((off_t)i, b.p[i]);
	}
	ck_assert_int_eq(reopen(), BASE_OK);
	ck_assert_str_eq(seen, "ab");
	base_buf_free(&b);
}
END_TEST

START_TEST(record_removed_from_the_middle)
{
	struct base_buf b;
	size_t one, two;

	base_buf_init(&b, 0);
	add("a");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	one = (size_t)size();
	add("b");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	two = (size_t)size();
	add("c");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	ck_assert_int_eq(base_file_read(path, 1 << 20, &b), BASE_OK);
	memmove(b.p + one, b.p + two, b.n - two);
	b.n -= two - one;
	ck_assert_int_eq(base_file_write(path, base_buf_span(&b), 0600),
	    BASE_OK);
	ck_assert_int_eq(reopen(), BASE_E_INTEGRITY);
	base_buf_free(&b);
}
END_TEST

/* And nothing is changed or lost by it. */
START_TEST(fold_says_no)
{
	off_t had;

	add("a");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	add("b");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	had = size();
	verdict = BASE_E_SYNTAX;
	ck_assert_int_eq(reopen(), BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "changed from outside"));
	/* another release's: nothing is wrong with it */
	verdict = BASE_E_STATE;
	ck_assert_int_eq(reopen(), BASE_E_STATE);
	ck_assert_ptr_null(strstr(base_why(), "changed from outside"));
	ck_assert_int_eq(size(), had);
	/* the release that wrote it goes on */
	verdict = BASE_OK;
	ck_assert_int_eq(reopen(), BASE_OK);
	ck_assert_str_eq(seen, "ab");
}
END_TEST

/* By the fold of kedge-hsmd itself. */
START_TEST(another_format)
{
	struct hsm_state s = { .fleet = "" };

	for (uint32_t format = HSM_FORMAT; format < HSM_FORMAT + 2; format++) {
		struct base_buf b;
		enum base_err e;

		base_buf_init(&b, 0);
		ck_assert_int_eq(base_buf_put_u32(&b, format), BASE_OK);
		ck_assert_int_eq(base_buf_put_str(&b, "demo"), BASE_OK);
		e = hsm_state_apply(&s, HSM_R_START, (struct base_time){ 1 },
		    &b);
		ck_assert_int_eq(e,
		    format == HSM_FORMAT ? BASE_OK : BASE_E_STATE);
		base_buf_free(&b);
	}
	ck_assert_ptr_nonnull(strstr(base_why(), "of format 2"));
	ck_assert_ptr_nonnull(strstr(base_why(), "use the release"));
	ck_assert_str_eq(s.fleet, "demo");
	hsm_state_clear(&s);
}
END_TEST

START_TEST(another_kind)
{
	struct hsm_state s = { .fleet = "" };
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(hsm_state_apply(&s, (enum hsm_record)200,
			     (struct base_time){ 1 }, &b),
	    BASE_E_STATE);
	ck_assert_ptr_nonnull(strstr(base_why(), "kind 200"));
	hsm_state_clear(&s);
}
END_TEST

/* A full disk, as a limit on the file's size: nothing of it counts, and what
 * was half written is gone. */
START_TEST(no_room)
{
	struct rlimit small, before;
	off_t one;

	add("a");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	one = size();
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = (rlim_t)one + 10;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	add("b");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_E_IO);
	ck_assert_int_eq(size(), one);
	ck_assert_str_eq(seen, "a");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	add("c");
	ck_assert_int_eq(hsm_journal_sync(j), BASE_OK);
	ck_assert_int_eq(reopen(), BASE_OK);
	ck_assert_str_eq(seen, "ac");
}
END_TEST

TCase *
case_journal(void)
{
	TCase *t = tcase_create("journal");

	tcase_set_timeout(t, 60);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, applied_once_durable);
	tcase_add_test(t, every_prefix);
	tcase_add_test(t, cut_short);
	tcase_add_test(t, zeros_at_the_end);
	tcase_add_test(t, changed);
	tcase_add_test(t, record_removed_from_the_middle);
	tcase_add_test(t, fold_says_no);
	tcase_add_test(t, another_format);
	tcase_add_test(t, another_kind);
	tcase_add_test(t, no_room);
	return t;
}
