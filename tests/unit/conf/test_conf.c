/* Groups, lists, whole files. */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/conf/suites.h"

struct item {
	char *name;
	uint32_t weight;
};

struct box {
	bool has_lid;
	struct item lid;
	size_t n;
	struct item *items;
};

static enum base_err
check_item(void *group)
{
	const struct item *i = group;

	return i->weight != 13
	    ? BASE_OK
	    : base_fail(BASE_E_CONFIG, "%s weighs 13", i->name);
}

static enum base_err
check_box(void *group)
{
	const struct box *b = group;

	return b->n < 3 ? BASE_OK : base_fail(BASE_E_CONFIG, "it is full");
}

static const struct conf_key item_keys[] = {
	{ .name = "name",
	    .kind = CONF_NAME,
	    CONF_AT(item, name),
	    .needed = true },
	{ .name = "weight",
	    .kind = CONF_NUMBER,
	    CONF_AT(item, weight),
	    .value = 5,
	    .max = 100 },
	{ 0 },
};
static const struct conf_key keys[] = {
	{ .name = "lid",
	    .kind = CONF_GROUP,
	    CONF_AT(box, lid),
	    .keys = item_keys,
	    .count = offsetof(struct box, has_lid),
	    .check = check_item },
	{ .name = "items",
	    .kind = CONF_LIST,
	    CONF_AT(box, items),
	    .needed = true,
	    .unique = true,
	    .keys = item_keys,
	    .size = sizeof(struct item),
	    .count = offsetof(struct box, n),
	    .check = check_item,
	    .max = 4 },
	{ 0 },
};

#define ITEMS "items = ( { name = \"a\"; },\n { name = \"b\"; weight = 0; } );"

START_TEST(taken)
{
	struct box b = { 0 };

	OK(conf_read_text("f", SPAN(ITEMS "lid = { name = \"l\"; };"), keys,
	    check_box, &b));
	ck_assert(b.has_lid);
	ck_assert_str_eq(b.lid.name, "l");
	ck_assert_uint_eq(b.n, 2);
	ck_assert_uint_eq(b.items[0].weight, 5);
	ck_assert_uint_eq(b.items[1].weight, 0);
	conf_free(keys, &b);
	ck_assert_ptr_null(b.items);
	OK(conf_read_text("f", SPAN("items = ();"), keys, check_box, &b));
	ck_assert_uint_eq(b.n, 0);
	conf_free(keys, &b);
}
END_TEST

struct bad {
	const char *text, *says;
};

static const struct bad bad[] = {
	{ "lid = { name = \"l\"; };", "f:1: items is missing here" },
	{ ITEMS "\ncolour = 1;",
	    "f:3: colour: unknown here; there may be: lid, items" },
	{ ITEMS "\nlid = { };", "f:3: name is missing here" },
	{ ITEMS "\nlid = ( );", "f:3: lid: a group is needed" },
	{ "items = ( 1 );", "f:1: a group is needed" },
	{ "items = [ 1 ];", "items: a list of groups" },
	{ "items = { };", "items: a list of groups" },
	{ "items = (\n{ name = \"a\"; },\n{ nme = \"a\"; } );",
	    "f:3: nme: unknown here" },
	{ "items = ( {}, {}, {}, {}, {} );", "0 to 4 of them" },
};

static void
refuse(const struct bad *t)
{
	struct box b = { 0 };

	NO(conf_read_text("f", SPAN(t->text), keys, check_box, &b), t->says);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_ptr_null(b.items);
	ck_assert_ptr_null(b.lid.name);
}

/* conf_check says the same. */
START_TEST(refused)
{
	config_t cfg;

	refuse(&bad[_i]);
	OK(conf_parse("f", SPAN(bad[_i].text), &cfg));
	NO(conf_check("f", config_root_setting(&cfg), keys), bad[_i].says);
	config_destroy(&cfg);
}
END_TEST

static const struct bad hooked[] = {
	{ "items = (\n{ name = \"a\"; },\n{ name = \"a\"; } );",
	    "f:3: items: \"a\" is there twice" },
	{ "items = (\n{ name = \"a\"; weight = 13; } );",
	    "f:2: items: a weighs 13" },
	{ ITEMS "\nlid = { name = \"l\"; weight = 13; };",
	    "f:3: lid: l weighs 13" },
	{ "items = ( { name = \"a\"; }, { name = \"b\"; }, { name = \"c\"; } "
	  ");",
	    "f: it is full" },
};

/* conf_check has nothing to show to a hook. */
START_TEST(refused_by_hook)
{
	config_t cfg;

	refuse(&hooked[_i]);
	OK(conf_parse("f", SPAN(hooked[_i].text), &cfg));
	OK(conf_check("f", config_root_setting(&cfg), keys));
	config_destroy(&cfg);
}
END_TEST

START_TEST(twice_where_allowed)
{
	struct conf_key loose[sizeof(keys) / sizeof(keys[0])];
	struct box b = { 0 };

	memcpy(loose, keys, sizeof(keys));
	loose[1].unique = false;
	OK(conf_read_text("f", SPAN(hooked[0].text), loose, NULL, &b));
	ck_assert_uint_eq(b.n, 2);
	conf_free(loose, &b);
}
END_TEST

START_TEST(file)
{
	char path[] = "/tmp/kedge-conf.XXXXXX";
	int fd = mkstemp(path);
	struct box b = { 0 };

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, ITEMS, sizeof(ITEMS) - 1),
	    (int)sizeof(ITEMS) - 1);
	close(fd);
	OK(conf_read(path, keys, check_box, &b));
	conf_free(keys, &b);
	unlink(path);
	NO(conf_read(path, keys, check_box, &b), "cannot be read");
}
END_TEST

TCase *
case_conf(void)
{
	TCase *t = tcase_create("conf");

	tcase_add_test(t, taken);
	tcase_add_loop_test(t, refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(t, refused_by_hook, 0,
	    sizeof(hooked) / sizeof(hooked[0]));
	tcase_add_test(t, twice_where_allowed);
	tcase_add_test(t, file);
	return t;
}
