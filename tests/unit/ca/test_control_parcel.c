/* Unit tests of ca/control_parcel.c: the two requests and their answers. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/base64.h"
#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

static const char pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"poll\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

static bool
is_sent(struct world *v)
{
	uint64_t last;

	return ca_store_epoch_last(v->ca.store, "app1", "plant", &last) ==
	    BASE_OK &&
	    last == 2;
}

static void
setup(void)
{
	asked_open(pair);
	world_join_all(&asked.w);
}

START_TEST(out)
{
	struct wire_exchange x = { .wait_ms = 0 };
	struct base_buf file;

	asked_no("{\"cmd\":\"parcel-export\"}", "USAGE");
	asked_no("{\"cmd\":\"parcel-export\",\"node\":\"x\"}", "NOTFOUND");
	world_node(&asked.w, "app1")->deaf = true;
	world_node(&asked.w, "web1")->deaf = true;
	world_roll(&asked.w, "plant");
	ck_assert(world_run(&asked.w, 10, is_sent));
	asked_ok("{\"cmd\":\"parcel-export\",\"node\":\"app1\"}");
	ck_assert_int_eq(json_integer_value(
			     json_object_get(asked.answer, "orders")),
	    1);
	ck_assert(json_is_integer(json_object_get(asked.answer, "awaited")));
	base_buf_init(&file, 0);
	ck_assert_int_eq(ca_base64_read("t",
			     json_string_value(
				 json_object_get(asked.answer, "file")),
			     &file),
	    BASE_OK);
	ck_assert_int_eq(wire_exchange_parse(base_buf_span(&file), &x),
	    BASE_OK);
	ck_assert_str_eq(x.parcels[0].route[0], "app1");
	wire_exchange_clear(&x);
	base_buf_free(&file);
}
END_TEST

/* A file of app1 with one report that is none. */
START_TEST(in)
{
	static char text[4096];
	struct wire_parcel p = { .kind = WIRE_P_REPORT,
		.nroute = 1,
		.route = { "app1" },
		.expires = { asked.w.now.ms + 60000 } };
	struct wire_exchange x = { .from = "app1",
		.parcels = &p,
		.nparcels = 1 };
	struct base_buf file;
	json_t *v;

	base_buf_init(&file, 0);
	ck_assert_int_eq(base_buf_put(&p.content, "no", 2), BASE_OK);
	ck_assert_int_eq(wire_exchange_compose(&x, &file), BASE_OK);
	v = ca_base64_new(base_buf_span(&file));
	snprintf(text, sizeof(text),
	    "{\"cmd\":\"parcel-import\",\"file\":\"%s\"}",
	    json_string_value(v));
	asked_no(text, "REFUSED");
	asked_no("{\"cmd\":\"parcel-import\",\"file\":\"Zm9v\"}", "SYNTAX");
	asked_no("{\"cmd\":\"parcel-import\",\"file\":\"?\"}", "SYNTAX");
	asked_no("{\"cmd\":\"parcel-import\"}", "USAGE");
	json_decref(v);
	base_buf_free(&p.content);
	base_buf_free(&file);
}
END_TEST

TCase *
case_control_parcel(void)
{
	TCase *c = tcase_create("control_parcel");

	tcase_add_checked_fixture(c, setup, asked_close);
	tcase_add_test(c, out);
	tcase_add_test(c, in);
	return c;
}
