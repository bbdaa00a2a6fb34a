/* Unit tests of wire/ber.c. */
#include <string.h>

#include "tests/unit/wire/suites.h"
#include "wire/verify.h"

static const struct {
	const char *hex;
	bool good;
} rows[] = {
	/* lengths */
	{ "3000", true },
	{ "30", false },
	{ "", false },
	{ "3001", false },
	{ "300000", false }, /* a byte after the end */
	{ "3080", false }, /* indefinite */
	{ "30800000", false },
	{ "308100", false }, /* long form for what is short */
	{ "04817f", false },
	{ "30820000", false },
	{ "3084ffffffff", false },
	{ "30850000000000", false },
	/* tags */
	{ "1f0100", false }, /* long tag number */
	{ "0000", false },
	{ "1000", false }, /* primitive SEQUENCE */
	{ "1100", false },
	{ "2403040100", false }, /* constructed OCTET STRING */
	{ "a000", true },
	{ "8000", true },
	/* values */
	{ "0101ff", true },
	{ "010100", true },
	{ "010101", false },
	{ "0100", false },
	{ "020100", true },
	{ "0200", false },
	{ "02020001", false },
	{ "02020080", true },
	{ "0202ffff", false },
	{ "0202ff7f", true },
	{ "030100", true },
	{ "0300", false },
	{ "030101", false },
	{ "03020780", true },
	{ "03020781", false },
	{ "03020880", false },
	{ "0500", true },
	{ "050100", false },
	{ "06032a0304", true },
	{ "0600", false },
	{ "06032a8003", false }, /* leading zero in an arc */
	{ "06022a83", false }, /* arc without end */
	{ "170d3236303130313030303030305a", true },
	{ "170b323630313031303030305a", false }, /* no seconds */
	{ "17113236303130313030303030302b30303030", false },
	{ "180f32303530303130313030303030305a", true },
	{ "181132303530303130313030303030302e355a", false },
	/* sets in order */
	{ "3106020101020102", true },
	{ "3106020102020101", false },
	{ "3106020101020101", true },
	{ "3007020101040200ff", true },
	/* deep down */
	{ "3005300302 0101", true },
	{ "3006a0040202 0001", false },
};

START_TEST(table)
{
	struct base_span s;
	char hex[128] = "";
	uint8_t der[64];
	size_t n = 0;

	for (const char *p = rows[_i].hex; *p != '\0'; p++)
		if (*p != ' ')
			hex[n++] = *p;
	ck_assert_int_eq(base_unhex(hex, der, n / 2), BASE_OK);
	s = (struct base_span){ der, n / 2 };
	ck_assert_msg((wire_der_check(s, "test") == BASE_OK) == rows[_i].good,
	    "%s", rows[_i].hex);
}
END_TEST

START_TEST(deep)
{
	uint8_t der[80];
	struct base_span s = { der, 0 };

	/* n sequences, one in the other */
	for (size_t n = 1; n <= 40; n++) {
		for (size_t i = 0; i < n; i++) {
			der[2 * i] = 0x30;
			der[2 * i + 1] = (uint8_t)(2 * (n - i - 1));
		}
		s.n = 2 * n;
		ck_assert_int_eq(wire_der_check(s, "test") == BASE_OK, n <= 32);
	}
}
END_TEST

TCase *
case_ber(void)
{
	TCase *c = tcase_create("ber");

	tcase_add_loop_test(c, table, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(c, deep);
	return c;
}
