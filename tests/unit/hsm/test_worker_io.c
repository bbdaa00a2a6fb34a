/* Frames and fields between the front and a worker. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hsm/worker.h"
#include "tests/unit/hsm/suites.h"

static int fd[2];
static struct base_buf rx;

static void
setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd),
	    0);
	base_buf_init(&rx, HSM_WORKER_FRAME);
}

static void
teardown(void)
{
	base_buf_free(&rx);
	close(fd[0]);
	close(fd[1]);
}

static struct base_span
span(const char *s)
{
	return (struct base_span){ (const uint8_t *)s, strlen(s) };
}

START_TEST(frames)
{
	ck_assert_int_eq(hsm_frame_send(fd[0], span("hello"), 1000), BASE_OK);
	ck_assert_int_eq(hsm_frame_send(fd[0], span(""), 1000), BASE_OK);
	ck_assert_int_eq(hsm_frame_send(fd[0], span("next"), 1000), BASE_OK);
	ck_assert_int_eq(hsm_frame_recv(fd[1], &rx, 1000), BASE_OK);
	ck_assert_uint_eq(rx.n, 5);
	ck_assert_mem_eq(rx.p, "hello", 5);
	ck_assert_int_eq(hsm_frame_recv(fd[1], &rx, 1000), BASE_OK);
	ck_assert_uint_eq(rx.n, 0);
	ck_assert_int_eq(hsm_frame_recv(fd[1], &rx, 1000), BASE_OK);
	ck_assert_mem_eq(rx.p, "next", 4);
}
END_TEST

/* Half of it, and no more: late, or never when the other side is gone. */
START_TEST(cut_short)
{
	static const uint8_t half[] = { 0, 0, 0, 5, 'h', 'e' };

	for (size_t n = 0; n <= sizeof(half); n += 3) {
		ck_assert_int_eq((int)write(fd[0], half, n), (int)n);
		ck_assert_int_eq(hsm_frame_recv(fd[1], &rx, 0), BASE_E_TIMEOUT);
	}
	close(fd[0]);
	ck_assert_int_eq(hsm_frame_recv(fd[1], &rx, -1), BASE_E_IO);
	ck_assert_int_eq(hsm_frame_send(fd[1], span("x"), 1000), BASE_E_IO);
	fd[0] = dup(fd[1]);
}
END_TEST

START_TEST(too_large)
{
	static const uint8_t head[] = { 0x01, 0, 0, 1 }; /* 16 MiB and 1 */
	struct base_span s = { head, HSM_WORKER_FRAME + 1 };

	ck_assert_int_eq(hsm_frame_send(fd[0], s, 0), BASE_E_RANGE);
	ck_assert_int_eq((int)write(fd[0], head, 4), 4);
	ck_assert_int_eq(hsm_frame_recv(fd[1], &rx, 1000), BASE_E_RANGE);
}
END_TEST

/* More than a socket holds, and nobody who reads. */
START_TEST(nobody_reads)
{
	static uint8_t big[4 << 20];

	ck_assert_int_eq(hsm_frame_send(fd[0],
			     (struct base_span){ big, sizeof(big) }, 0),
	    BASE_E_TIMEOUT);
}
END_TEST

START_TEST(fields)
{
	struct base_span s[HSM_CHUNK + 1], got[HSM_CHUNK];
	struct hsm_key_ref r = { .id = "an id", .alg = WIRE_P384 }, back;
	struct base_buf b;
	size_t n;

	base_buf_init(&b, 0);
	r.spki = span("public key");
	ck_assert_int_eq(hsm_ref_put(&b, &r), BASE_OK);
	for (size_t i = 0; i <= HSM_CHUNK; i++)
		s[i] = span(i % 2 == 0 ? "even" : "");
	ck_assert_int_eq(hsm_spans_put(&b, s, HSM_CHUNK), BASE_OK);
	ck_assert_int_eq(hsm_ref_get(&b, &back), BASE_OK);
	ck_assert_mem_eq(back.id, r.id, HSM_ID);
	ck_assert_int_eq(back.alg, WIRE_P384);
	ck_assert_uint_eq(back.spki.n, 10);
	ck_assert_mem_eq(back.spki.p, "public key", 10);
	ck_assert_int_eq(hsm_spans_get(&b, got, &n), BASE_OK);
	ck_assert_uint_eq(n, HSM_CHUNK);
	ck_assert_mem_eq(got[62].p, "even", 4);
	ck_assert_uint_eq(got[63].n, 0);
	ck_assert_int_eq(base_buf_get_end(&b), BASE_OK);
	/* one more than a chunk, and fields that end too early */
	base_buf_clear(&b);
	b.at = 0;
	ck_assert_int_eq(hsm_spans_put(&b, s, HSM_CHUNK + 1), BASE_OK);
	ck_assert_int_eq(hsm_spans_get(&b, got, &n), BASE_E_RANGE);
	base_buf_clear(&b);
	b.at = 0;
	ck_assert_int_eq(hsm_ref_put(&b, &r), BASE_OK);
	b.n--;
	ck_assert_int_eq(hsm_ref_get(&b, &back), BASE_E_SYNTAX);
	base_buf_free(&b);
}
END_TEST

TCase *
case_worker_io(void)
{
	TCase *t = tcase_create("worker_io");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, frames);
	tcase_add_test(t, cut_short);
	tcase_add_test(t, too_large);
	tcase_add_test(t, nobody_reads);
	tcase_add_test(t, fields);
	return t;
}
