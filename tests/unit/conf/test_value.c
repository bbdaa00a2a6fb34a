/* Each kind of value: what is taken, what is refused and how. */
#include <stddef.h>
#include <stdlib.h>

#include "tests/unit/conf/suites.h"

enum colour {
	RED = 3,
	BLUE = 7
};

struct all {
	char *name, *text, *path, *address, **names, **texts;
	uint32_t number, seconds;
	bool yes;
	enum colour colour;
	size_t nuids;
	uid_t *uids;
};

static enum base_err
no_x(const char *text)
{
	return text[0] != 'x' ? BASE_OK
			      : base_fail(BASE_E_CONFIG, "no x, please");
}

static const struct conf_word colours[] = {
	{ "red", RED },
	{ "blue", BLUE },
	{ NULL, 0 },
};
static const struct conf_key keys[] = {
	{ .name = "name", .kind = CONF_NAME, CONF_AT(all, name) },
	{ .name = "text",
	    .kind = CONF_TEXT,
	    CONF_AT(all, text),
	    .text = "given",
	    .max = 5,
	    .check_text = no_x },
	{ .name = "path", .kind = CONF_PATH, CONF_AT(all, path) },
	{ .name = "address", .kind = CONF_ADDRESS, CONF_AT(all, address) },
	{ .name = "names",
	    .kind = CONF_NAMES,
	    CONF_AT(all, names),
	    .min = 1,
	    .max = 2 },
	{ .name = "texts",
	    .kind = CONF_TEXTS,
	    CONF_AT(all, texts),
	    .check_text = no_x },
	{ .name = "number",
	    .kind = CONF_NUMBER,
	    CONF_AT(all, number),
	    .value = 9,
	    .min = 2,
	    .max = 10 },
	{ .name = "seconds",
	    .kind = CONF_SECONDS,
	    CONF_AT(all, seconds),
	    .value = 0.25,
	    .max = 60 },
	{ .name = "yes", .kind = CONF_BOOL, CONF_AT(all, yes) },
	{ .name = "colour",
	    .kind = CONF_WORD,
	    CONF_AT(all, colour),
	    .words = colours,
	    .value = BLUE },
	{ .name = "uids",
	    .kind = CONF_UIDS,
	    CONF_AT(all, uids),
	    .count = offsetof(struct all, nuids),
	    .max = 2 },
	{ 0 },
};

START_TEST(defaults)
{
	struct all a = { 0 };

	OK(conf_read_text("f", SPAN(""), keys, NULL, &a));
	ck_assert_ptr_null(a.name);
	ck_assert_str_eq(a.text, "given");
	ck_assert_uint_eq(a.number, 9);
	ck_assert_uint_eq(a.seconds, 250);
	ck_assert_int_eq(a.colour, BLUE);
	conf_free(keys, &a);
	ck_assert_ptr_null(a.text);
}
END_TEST

START_TEST(taken)
{
	struct all a = { 0 };

	OK(conf_read_text("f",
	    SPAN("name = \"web1\"; text = \"other\"; path = \"/p\";"
		 "address = \"[::1]:0\"; names = [ \"a\", \"b\" ];"
		 "texts = (); number = 10L; seconds = 1.5; yes = true;"
		 "colour = \"red\"; uids = ( \"root\", 7 );"),
	    keys, NULL, &a));
	ck_assert_str_eq(a.name, "web1");
	ck_assert_str_eq(a.text, "other");
	ck_assert_str_eq(a.names[1], "b");
	ck_assert_ptr_null(a.names[2]);
	ck_assert_ptr_null(a.texts[0]);
	ck_assert_uint_eq(a.number, 10);
	ck_assert_uint_eq(a.seconds, 1500);
	ck_assert(a.yes);
	ck_assert_int_eq(a.colour, RED);
	ck_assert_uint_eq(a.nuids, 2);
	ck_assert_uint_eq(a.uids[0], 0);
	ck_assert_uint_eq(a.uids[1], 7);
	conf_free(keys, &a);
	ck_assert_ptr_null(a.uids);
	ck_assert_uint_eq(a.nuids, 0);
}
END_TEST

static const struct {
	const char *text, *says;
} bad[] = {
	{ "\nname = \"Web1\";", "f:2: name: \"Web1\" is no name" },
	{ "name = 1;", "name: a string in quotes is needed" },
	{ "name = \"\";", "name: a string in quotes is needed" },
	{ "text = \"longer\";", "text: at most 5 bytes" },
	{ "text = \"x\";", "f:1: text: no x, please" },
	{ "path = \"p\";", "path: \"p\" is no absolute path" },
	{ "address = \"h\";", "no address" },
	{ "address = \":1\";", "no address" },
	{ "address = \"h:99999\";", "no address" },
	{ "address = \"h:1x\";", "no address" },
	{ "address = \"::1:5\";", "no address" },
	{ "names = \"a\";", "names: a list of strings" },
	{ "names = [ ];", "names: a list of strings is needed, 1 to 2" },
	{ "names = [ \"a\", \"b\", \"c\" ];", "1 to 2" },
	{ "names = [ \"a\", \"B\" ];", "names: \"B\" is no name" },
	{ "texts = [ \"a\", \"x\" ];", "f:1: texts: no x" },
	{ "texts = [ 1 ];", "texts: a string" },
	{ "number = 1;", "number: a whole number from 2 to 10" },
	{ "number = 11;", "number: a whole number from 2 to 10" },
	{ "number = 2.0;", "number: a whole number" },
	{ "number = true;", "number: a whole number" },
	{ "number = \"3\";", "number: a whole number" },
	{ "number = 4294967299;", "number: 4294967299 is too large" },
	{ "seconds = 60.1;", "seconds: seconds from 0 to 60" },
	{ "seconds = -0.1;", "seconds: seconds from 0 to 60" },
	{ "seconds = 1e999;", "seconds: seconds from 0 to 60" },
	{ "seconds = \"1\";", "seconds: seconds from 0 to 60" },
	{ "yes = 1;", "yes: true or false" },
	{ "colour = \"green\";", "colour: one of \"red\", \"blue\"" },
	{ "colour = 3;", "colour: one of" },
	{ "uids = [ -1 ];", "uids: names or numbers" },
	{ "uids = [ 1.0 ];", "uids: names or numbers" },
	{ "uids = [ \"no such user\" ];", "uids: there is no user" },
	{ "uids = [ 1, 2, 3 ];", "uids: a list of users is needed, 0 to 2" },
};

START_TEST(refused)
{
	struct all a = { 0 };
	const struct all zero = { 0 };

	NO(conf_read_text("f", SPAN(bad[_i].text), keys, NULL, &a),
	    bad[_i].says);
	ck_assert_ptr_eq(a.name, zero.name);
	ck_assert_ptr_null(a.texts);
	ck_assert_ptr_null(a.uids);
}
END_TEST

TCase *
case_value(void)
{
	TCase *t = tcase_create("value");

	tcase_add_test(t, defaults);
	tcase_add_test(t, taken);
	tcase_add_loop_test(t, refused, 0, sizeof(bad) / sizeof(bad[0]));
	return t;
}
