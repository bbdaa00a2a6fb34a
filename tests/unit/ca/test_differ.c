/* ca/differ: every field that differs, old and new, and no other. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static const struct ca_node before = {
	.name = "app1",
	.reach = CA_POLL,
	.nvia = 2,
	.via = { "web1", "web2" },
	.address = "h:1",
	.names = "DNS:a",
};

static void
says(json_t *fields, const char *text)
{
	char *is = ca_differ_text(fields);

	ck_assert_str_eq(is, text);
	free(is);
	json_decref(fields);
}

START_TEST(nothing)
{
	struct ca_node later = before;

	/* no words of a topology file */
	later.joined.ms = later.seen.ms = 7;
	says(ca_differ_node(&before, &later), "");
}
END_TEST

START_TEST(all_of_a_node)
{
	struct ca_node n = { .name = "app1", .reach = CA_DIRECT, .dual = true };
	json_t *fields;

	snprintf(n.names, sizeof(n.names), "DNS:b");
	fields = ca_differ_node(&before, &n);
	ck_assert_uint_eq(json_array_size(fields), 5);
	ck_assert_str_eq(json_string_value(
			     json_object_get(json_array_get(fields, 3), "new")),
	    "");
	says(fields,
	    "reach: poll -> direct; via: web1,web2 -> (none); dual: false -> "
	    "true; address: h:1 -> (none); names: DNS:a -> DNS:b");
}
END_TEST

START_TEST(the_order_of_relays)
{
	struct ca_node n = before;

	snprintf(n.via[0], CA_NAME, "web2");
	snprintf(n.via[1], CA_NAME, "web1");
	says(ca_differ_node(&before, &n), "via: web1,web2 -> web2,web1");
}
END_TEST

START_TEST(of_a_link)
{
	const struct ca_link mutual = { "a", "b", "plant", "plant" };
	const struct ca_link server = { "a", "b", "", "lab" };

	says(ca_differ_link(&mutual, &mutual), "");
	says(ca_differ_link(&mutual, &server),
	    "auth: mutual -> server; client_root: plant -> (none); "
	    "server_root: plant -> lab");
}
END_TEST

static const char *
change(size_t i, const char *key)
{
	return json_string_value(
	    json_object_get(json_array_get(json_object_get(asked.answer,
					       "changes"),
				i),
		key));
}

/* What the operator is shown before a file is applied. */
START_TEST(shown_by_topology_apply)
{
	static const char text[] =
	    "{\"cmd\":\"topology-apply\",\"file\":\"f\",\"dry_run\":true,"
	    "\"text\":\"roots = ( { name = \\\"plant\\\"; } ); "
	    "nodes = ( { name = \\\"web1\\\"; address = \\\"w:2\\\"; "
	    "names = [ \\\"DNS:w\\\" ]; }, { name = \\\"app1\\\"; "
	    "reach = \\\"poll\\\"; via = [ \\\"web1\\\" ]; } ); "
	    "links = ( { client = \\\"app1\\\"; server = \\\"web1\\\"; "
	    "auth = \\\"server\\\"; root = \\\"plant\\\"; } );\"}";

	asked_ok("{\"cmd\":\"node-set\",\"node\":\"web1\","
		 "\"address\":\"w:1\"}");
	asked_ok(text);
	ck_assert_uint_eq(json_array_size(
			      json_object_get(asked.answer, "changes")),
	    2);
	ck_assert_str_eq(change(0, "op"), "~");
	ck_assert_str_eq(change(0, "detail"),
	    "address: w:1 -> w:2; names: (none) -> DNS:w");
	ck_assert_str_eq(change(1, "kind"), "link");
	ck_assert_str_eq(change(1, "detail"),
	    "auth: mutual -> server; client_root: plant -> (none)");
	ck_assert_uint_eq(json_array_size(json_object_get(
			      json_array_get(json_object_get(asked.answer,
						 "changes"),
				  1),
			      "fields")),
	    2);
}
END_TEST

static void
setup(void)
{
	base_log_open("test", BASE_ERR);
	asked_open("roots = ( { name = \"plant\"; } );\n"
		   "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
		   "  { name = \"app1\"; reach = \"poll\"; "
		   "via = [ \"web1\" ]; } );\n"
		   "links = ( { client = \"app1\"; server = \"web1\";\n"
		   "  root = \"plant\"; } );\n");
}

TCase *
case_differ(void)
{
	TCase *t = tcase_create("differ");

	tcase_add_checked_fixture(t, setup, asked_close);
	tcase_add_test(t, nothing);
	tcase_add_test(t, all_of_a_node);
	tcase_add_test(t, the_order_of_relays);
	tcase_add_test(t, of_a_link);
	tcase_add_test(t, shown_by_topology_apply);
	return t;
}
