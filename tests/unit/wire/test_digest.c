/* SHA-256 as FIPS 180-4 has it. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

static const struct {
	const char *text, *digest;
} known[] = {
	{ "",
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc",
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
};

START_TEST(known_digests)
{
	char hex[65] = "";
	uint8_t sum[32];

	wire_digest((struct base_span){ (const uint8_t *)known[_i].text,
			strlen(known[_i].text) },
	    sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	ck_assert_str_eq(hex, known[_i].digest);
}
END_TEST

/* It is fetched once, and works again and after another. */
START_TEST(one_after_another)
{
	static const uint8_t a[1], b[2];
	uint8_t first[32], other[32], again[32];

	wire_digest((struct base_span){ a, sizeof(a) }, first);
	wire_digest((struct base_span){ b, sizeof(b) }, other);
	wire_digest((struct base_span){ a, sizeof(a) }, again);
	ck_assert_mem_eq(first, again, 32);
	ck_assert_mem_ne(first, other, 32);
}
END_TEST

TCase *
case_digest(void)
{
	TCase *t = tcase_create("digest");

	tcase_add_loop_test(t, known_digests, 0,
	    (int)(sizeof(known) / sizeof(*known)));
	tcase_add_test(t, one_after_another);
	return t;
}
