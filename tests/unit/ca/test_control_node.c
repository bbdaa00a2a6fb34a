/* Nodes by command: they come and go. */
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

START_TEST(nodes_come_and_go)
{
	asked.w.ca.unchecked = false;
	asked_ok("{\"cmd\":\"node-add\",\"node\":\"db1\",\"reach\":\"poll\","
		 "\"via\":[\"web1\"],\"names\":[\"DNS:db.example\"]}");
	asked_ok("{\"cmd\":\"link-add\",\"client\":\"db1\",\"server\":\"web1\","
		 "\"auth\":\"server\",\"root\":\"plant\"}");
	asked_ok("{\"cmd\":\"node-set\",\"node\":\"db1\","
		 "\"address\":\"127.0.0.1:9\"}");
	asked_ok("{\"cmd\":\"node-token\",\"node\":\"db1\",\"seconds\":60}");
	ck_assert_int_eq(strncmp(json_string_value(
				     json_object_get(asked.answer, "token")),
			     "kedge1.", 7),
	    0);
	asked_no("{\"cmd\":\"node-remove\",\"node\":\"db1\"}", "STATE");
	asked_ok("{\"cmd\":\"link-remove\",\"client\":\"db1\","
		 "\"server\":\"web1\"}");
	asked_ok("{\"cmd\":\"node-remove\",\"node\":\"db1\"}");
	asked_no("{\"cmd\":\"node-show\",\"node\":\"db1\"}", "NOTFOUND");
	asked_ok("{\"cmd\":\"audit-verify\"}");
}
END_TEST

/* Whoever asks how long nobody was heard of learns since when kedged can hear. */
static int64_t
listens(void)
{
	struct base_time t;

	asked_ok("{\"cmd\":\"node-list\"}");
	ck_assert_int_eq(base_time_parse(json_string_value(
					     json_object_get(asked.answer,
						 "listening_since")),
			     &t),
	    BASE_OK);
	return t.ms / 1000;
}

START_TEST(since_when_it_listens)
{
	struct world *w = &asked.w;
	int64_t began;

	world_join_all(w);
	began = w->now.ms / 1000 - (w->mono.ms - w->ca.listens.ms) / 1000;
	ck_assert_int_le(llabs(listens() - began), 1);
	w->now.ms += 600000;
	w->mono.ms += 600000;
	ck_assert_int_le(llabs(listens() - began), 1);
	/* the clock was set: how long ago something was, nobody knows */
	w->now.ms += 3600000;
	ck_assert_int_eq(listens(), w->now.ms / 1000);
	/* a start; until kedge-hsmd is heard nobody is */
	w->now.ms += 600000;
	w->mono.ms += 600000;
	asked_restart();
	w->ca.unchecked = true;
	w->now.ms += 600000;
	w->mono.ms += 600000;
	ck_assert_int_eq(listens(), w->now.ms / 1000);
}
END_TEST

TCase *
case_control_node(void)
{
	TCase *t = tcase_create("control_node");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, asked_pair, asked_close);
	tcase_add_test(t, nodes_come_and_go);
	tcase_add_test(t, since_when_it_listens);
	return t;
}
