/*
 * Every message, as bytes: a good one comes back the same; cut short,
 * lengthened or changed in any byte it is refused, or it is another message
 * that means exactly its bytes.
 */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"
#include "wire/asn1.h"

START_TEST(test_round)
{
	const struct sample *s = &samples[_i];
	struct base_buf der, back;

	base_buf_init(&der, 0);
	base_buf_init(&back, 0);
	s->make(&der);
	OK(s->again(base_buf_span(&der), &back));
	ck_assert_uint_eq(der.n, back.n);
	ck_assert_mem_eq(der.p, back.p, der.n);
	base_buf_free(&der);
	base_buf_free(&back);
}
END_TEST

START_TEST(test_cut)
{
	const struct sample *s = &samples[_i];
	struct base_buf der, back;

	base_buf_init(&der, 0);
	base_buf_init(&back, 0);
	s->make(&der);
	for (size_t n = 0; n < der.n; n++) {
		/* its own memory, so that a read past the end is seen */
		uint8_t *copy = base_memdup(der.p, n);
		enum base_err e =
		    s->again((struct base_span){ copy, n }, &back);

		ck_assert_msg(e != BASE_OK, "%s cut to %zu bytes", s->name, n);
		free(copy);
	}
	base_buf_free(&der);
	base_buf_free(&back);
}
END_TEST

START_TEST(test_trailing)
{
	const struct sample *s = &samples[_i];
	struct base_buf der, back;

	for (unsigned v = 0; v < 256; v += 51) {
		base_buf_init(&der, 0);
		base_buf_init(&back, 0);
		s->make(&der);
		OK(base_buf_put_u8(&der, (uint8_t)v));
		ck_assert_int_ne(s->again(base_buf_span(&der), &back), BASE_OK);
		base_buf_free(&der);
		base_buf_free(&back);
	}
}
END_TEST

/* Each byte of what is small in four ways, of what is large in one of them. */
#define SMALL 1024

START_TEST(test_changed)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff, 0x20 };
	const struct sample *s = &samples[_i];
	struct base_buf der, back;
	size_t refused = 0, tried = 0;

	base_buf_init(&der, 0);
	s->make(&der);
	for (size_t i = 0; i < der.n * sizeof(masks); i++) {
		uint8_t *at = &der.p[i / sizeof(masks)];
		uint8_t mask = masks[i % sizeof(masks)];

		if (der.n > SMALL && mask != masks[i / sizeof(masks) % 4])
			continue;
		base_buf_init(&back, 0);
		*at ^= mask;
		tried++;
		if (s->again(base_buf_span(&der), &back) != BASE_OK)
			refused++;
		else
			ck_assert_msg(back.n == der.n &&
				memcmp(back.p, der.p, der.n) == 0,
			    "%s: byte %zu ^ 0x%x is taken but means other "
			    "bytes",
			    s->name, i / sizeof(masks), mask);
		*at ^= mask;
		base_buf_free(&back);
	}
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_gt(tried, refused);
	base_buf_free(&der);
}
END_TEST

/* What an earlier release wrote is understood. The samples are renewed by
 * make fuzz-seeds, which a change of the format must say aloud. */
START_TEST(test_kept)
{
	const struct sample *s = &samples[_i];
	char *path = base_asprintf("tests/data/msg/%s/sample", s->name);
	struct base_buf der, back;

	base_buf_init(&der, 0);
	base_buf_init(&back, 0);
	OK(base_file_read(path, 65536, &der));
	OK(s->again(base_buf_span(&der), &back));
	ck_assert_uint_eq(der.n, back.n);
	ck_assert_mem_eq(der.p, back.p, der.n);
	base_buf_free(&der);
	base_buf_free(&back);
	free(path);
}
END_TEST

START_TEST(test_utf8)
{
	static const struct {
		const char *text;
		bool good;
	} t[] = {
		{ "", true },
		{ "plain", true },
		{ "caf\xc3\xa9", true },
		{ "\xf0\x9f\x9a\xa2", true },
		{ "caf\xc3", false }, /* cut */
		{ "\xc0\xaf", false }, /* overlong */
		{ "\xed\xa0\x80", false }, /* surrogate */
		{ "\xf4\x90\x80\x80", false }, /* over U+10FFFF */
		{ "\xff", false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		ck_assert_msg(wire_utf8_is_valid(t[i].text,
				  strlen(t[i].text)) == t[i].good,
		    "text %zu", i);
}
END_TEST

TCase *
case_asn1(void)
{
	TCase *tc = tcase_create("asn1");
	int n = (int)nsamples;

	tcase_set_timeout(tc, 120); /* sanitizers are slow */
	tcase_add_loop_test(tc, test_round, 0, n);
	tcase_add_loop_test(tc, test_cut, 0, n);
	tcase_add_loop_test(tc, test_trailing, 0, n);
	tcase_add_loop_test(tc, test_changed, 0, n);
	tcase_add_loop_test(tc, test_kept, 0, n);
	tcase_add_test(tc, test_utf8);
	return tc;
}
