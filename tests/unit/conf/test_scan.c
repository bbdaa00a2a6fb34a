/* Numbers that libconfig 1.5 would cut, and what only looks like them. */
#include "conf/inside.h"
#include "tests/unit/conf/suites.h"

static const char *const good[] = {
	"",
	"a = 2147483647;",
	"a = -2147483647;",
	"a = 0x7fffffff;",
	"a = 12L;",
	"a = 5000000000.5;",
	"a = .5000000000;",
	"a = 5000000000e0; b = 5000000000E-3;",
	"a = \"5000000000 \\\" 5000000000\";",
	"# 5000000000\na = 1;",
	"// 5000000000 @include \"x\"\na = 1;",
	"/* 5000000000\n\"*/ a = 1;",
	"a5000000000 = 1; b-5000000000 = 2;",
	"a = \"@include\";",
};

START_TEST(accepted)
{
	config_t cfg;

	OK(conf_scan("f", good[_i]));
	OK(conf_parse("f", SPAN(good[_i]), &cfg));
	config_destroy(&cfg);
}
END_TEST

static const struct {
	const char *text, *says;
} bad[] = {
	{ "a = 2147483648;", "f:1: a: 2147483648 is too large" },
	{ "a = -2147483648;", "2147483648 is too large" },
	{ "a = 4294967297;", "too large" },
	{ "\n\nab = [ 1,\n5000000000 ];", "f:4: ab: 5000000000" },
	{ "a = 5000000000L;", "too large" },
	{ "a = 0x100000000;", "0x100000000 is too large" },
	{ "a = 99999999999999999999999999;", "too large" },
	{ "a = 5000000000e=3;", "too large" },
	{ "a = \"\\\\\" b = 5000000000;", "f:1: b: " },
	{ "a = \"\n\"; b = 5000000000;", "f:2: b: " },
	{ "/* \n */ b = 5000000000;", "f:2: b: " },
	{ "# \n b = 5000000000;", "f:2: b: " },
	{ "a = 1.0 b=5000000000;", "f:1: b: " },
	{ " @include \"/etc/passwd\"", "f:1: @include is not allowed" },
	{ "a = \"open", "f:1: " },
	{ "a = /* open", "f:1: " },
	{ "a = \"x\\", "f:1: " },
	{ "a = 1; a = 2;", "f:1: " },
};

START_TEST(refused)
{
	config_t cfg;

	NO(conf_parse("f", SPAN(bad[_i].text), &cfg), bad[_i].says);
	config_destroy(&cfg);
}
END_TEST

START_TEST(zero_byte)
{
	struct base_span text = { (const uint8_t *)"a = 1;\0", 7 };
	config_t cfg;

	NO(conf_parse("f", text, &cfg), "a zero byte");
	config_destroy(&cfg);
	text.n = 6;
	OK(conf_parse("f", text, &cfg));
	config_destroy(&cfg);
}
END_TEST

TCase *
case_scan(void)
{
	TCase *t = tcase_create("scan");

	tcase_add_loop_test(t, accepted, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, zero_byte);
	return t;
}
