/* Roots and links by command: what a link asks, and what a server may have. */
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ca/control.h"
#include "tests/unit/ca/asked.h"
#include "tests/unit/ca/suites.h"

/* Both ends joined before there was such a root. */
START_TEST(a_link_says_who_must_join_again)
{
	static const char add[] =
	    "{\"cmd\":\"link-add\",\"client\":\"web1\",\"server\":\"app1\","
	    "\"auth\":\"mutual\",\"root\":\"%s\",\"replace\":true}";
	char text[256];
	json_t *notes;

	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"root-add\",\"root\":\"other\"}");
	snprintf(text, sizeof(text), add, "other");
	asked_ok(text);
	ck_assert_uint_eq(asked_size_of("notes"), 2);
	notes = json_object_get(asked.answer, "notes");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_array_get(notes, 0)),
		"node web1: joined without a key under root other"));
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_array_get(notes, 1)),
		"node app1: joined without a key under root other"));
	snprintf(text, sizeof(text), add, "plant");
	asked_ok(text);
	ck_assert_uint_eq(asked_size_of("notes"), 0);
}
END_TEST

/* Also when a file leaves the link of the old root where it is. */
START_TEST(a_server_has_one_root)
{
	asked_ok("{\"cmd\":\"root-add\",\"root\":\"other\"}");
	asked_ok("{\"cmd\":\"root-add\",\"root\":\"other\",\"alg\":\"p256\"}");
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\"}");
	asked_no("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
		 "\"auth\":\"server\",\"root\":\"other\"}",
	    "REFUSED");
	asked_no("{\"cmd\":\"topology-apply\",\"file\":\"f\",\"text\":\""
		 "roots = ( { name = \\\"other\\\"; } ); "
		 "nodes = ( { name = \\\"db1\\\"; reach = \\\"poll\\\"; }, "
		 "{ name = \\\"web1\\\"; } ); "
		 "links = ( { client = \\\"db1\\\"; server = \\\"web1\\\"; "
		 "root = \\\"other\\\"; } );\"}",
	    "REFUSED");
	asked_ok("{\"cmd\":\"link-list\"}");
	ck_assert_uint_eq(asked_size_of("links"), 1);
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
		 "\"auth\":\"mutual\",\"server_root\":\"plant\","
		 "\"client_root\":\"other\"}");
}
END_TEST

/* app1 polls over its link to web1: that link stays while app1 has others. */
START_TEST(a_relay_keeps_its_link)
{
	asked.w.ca.unchecked = false;
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"web2\",\"reach\":\"poll\"}");
	asked_ok(
	    "{\"cmd\":\"link-add\",\"client\":\"app1\",\"server\":\"web2\","
	    "\"auth\":\"server\",\"root\":\"plant\"}");
	asked_no("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web1\"}",
	    "REFUSED");
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web2\"}");
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"app1\","
		 "\"server\":\"web1\"}");
}
END_TEST

TCase *
case_control_fleet(void)
{
	TCase *t = tcase_create("control_fleet");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, asked_pair, asked_close);
	tcase_add_test(t, a_link_says_who_must_join_again);
	tcase_add_test(t, a_server_has_one_root);
	tcase_add_test(t, a_relay_keeps_its_link);
	return t;
}
