/* The shapes of docs/control.md. */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static json_t *
at(const json_t *o, const char *key, size_t i)
{
	return json_array_get(json_object_get(o, key), i);
}

static void
is(const json_t *o, const char *key, const char *want)
{
	const char *s = json_string_value(json_object_get(o, key));

	ck_assert_msg(s != NULL && strcmp(s, want) == 0, "%s: %s", key,
	    s == NULL ? "none" : s);
}

static void
is_number(const json_t *o, const char *key, json_int_t want)
{
	const json_t *v = json_object_get(o, key);

	ck_assert_msg(json_is_integer(v) && json_integer_value(v) == want,
	    "%s: %lld", key, (long long)json_integer_value(v));
}

static bool
is_true(const json_t *o, const char *key)
{
	ck_assert(json_is_boolean(json_object_get(o, key)));
	return json_is_true(json_object_get(o, key));
}

START_TEST(words)
{
	json_t *list = ca_json_words("a  bc ");

	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(json_string_value(json_array_get(list, 1)), "bc");
	json_decref(list);
	list = ca_json_words("");
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

static json_t *
root(bool pems)
{
	struct ca_root r;
	json_t *o;

	pair_must(ca_store_root_get(w.ca.store, "plant", &r));
	pair_must(ca_json_root(&w.ca, &r, pems, &o));
	return o;
}

START_TEST(of_a_root)
{
	json_t *o = root(false), *g = at(o, "generations", 0);

	is(o, "name", "plant");
	is(o, "alg", "p256");
	is_number(o, "current", 1);
	ck_assert(json_is_null(json_object_get(o, "rolling")));
	is_number(g, "generation", 1);
	is(g, "state", "current");
	ck_assert_uint_eq(strlen(
			      json_string_value(json_object_get(g, "sha256"))),
	    64);
	ck_assert_ptr_null(json_object_get(g, "new_with_new"));
	/* its next key is named by it (RFC 8649) */
	is(g, "next_sha256",
	    json_string_value(
		json_object_get(at(o, "generations", 1), "spki_sha256")));
	is(at(o, "generations", 1), "state", "waiting key");
	ck_assert_ptr_null(json_object_get(at(o, "generations", 1), "sha256"));
	json_decref(o);
}
END_TEST

START_TEST(of_a_root_that_rolls)
{
	json_t *o, *g;

	world_roll(&w, "plant");
	o = root(true);
	is_number(o, "rolling", 1);
	g = at(o, "generations", 1);
	is(g, "state", "next");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(g, "new_with_old")),
		"BEGIN CERTIFICATE"));
	ck_assert_ptr_nonnull(json_object_get(g, "old_with_new"));
	/* there is none before the first */
	ck_assert_ptr_null(
	    json_object_get(at(o, "generations", 0), "new_with_old"));
	json_decref(o);
	ck_assert(world_run(&w, 120, world_rolled));
	o = root(false);
	is(at(o, "generations", 0), "state", "old");
	is(at(o, "generations", 1), "state", "current");
	ck_assert(json_is_null(json_object_get(o, "rolling")));
	json_decref(o);
}
END_TEST

START_TEST(of_a_node)
{
	json_t *o, *p;

	strcpy(pair_node("app1")->names, "DNS:a.example IP:192.0.2.1");
	pair_fact("app1", POL_FACT_HOLDS, (struct pol_conf){ 3, 2, 1 });
	pair_must(ca_json_node(&w.ca, pair_node("app1"), &o));
	is(o, "name", "app1");
	is(o, "reach", "poll");
	ck_assert_str_eq(json_string_value(at(o, "via", 0)), "web1");
	ck_assert_str_eq(json_string_value(at(o, "names", 1)), "IP:192.0.2.1");
	ck_assert(is_true(o, "joined"));
	ck_assert(!is_true(o, "dual") && !is_true(o, "shallow"));
	/* both of its roots, and nothing of others */
	ck_assert_uint_eq(json_array_size(json_object_get(o, "roots")), 2);
	p = at(o, "roots", 1);
	is(p, "root", "plant");
	ck_assert_uint_eq(json_array_size(json_object_get(p, "trust")), 2);
	/* the bridge is shown, too */
	ck_assert_uint_eq(json_array_size(json_object_get(p, "present")), 2);
	is_number(p, "epoch", 9);
	ck_assert(is_true(p, "confirmed") && !is_true(p, "doubted"));
	json_decref(o);
}
END_TEST

START_TEST(of_a_link)
{
	struct ca_link l = { "app1", "web1", "a", "b" };
	json_t *o = ca_json_link(&l);

	is(o, "auth", "mutual");
	is(o, "client_root", "a");
	is(o, "server_root", "b");
	json_decref(o);
	l.client_root[0] = '\0';
	o = ca_json_link(&l);
	is(o, "auth", "server");
	ck_assert(json_is_null(json_object_get(o, "client_root")));
	json_decref(o);
}
END_TEST

START_TEST(of_a_wait)
{
	struct pol_why y = { .rule = "present-trusted",
		.node = ca_topo_node(w.ca.topo, "web1"),
		.steps = POL_CERT,
		.peer = ca_topo_node(w.ca.topo, "app1"),
		.link_client = ca_topo_node(w.ca.topo, "app1"),
		.link_server = ca_topo_node(w.ca.topo, "web1"),
		.peer_steps = POL_TRUST,
		.since = { 1000 } };
	json_t *o = ca_json_why(&w.ca, &y);

	is(o, "node", "web1");
	is(o, "step", "cert");
	is(o, "rule", "present-trusted");
	is(o, "peer", "app1");
	is(json_object_get(o, "link"), "client", "app1");
	is(json_object_get(o, "link"), "server", "web1");
	is(o, "since", "1970-01-01T00:00:01Z");
	ck_assert(json_is_null(json_object_get(o, "until")));
	ck_assert_str_eq(json_string_value(at(o, "peer_steps", 0)), "trust");
	json_decref(o);
	/* who is none */
	y.peer = y.link_client = y.link_server = POL_NONE;
	o = ca_json_why(&w.ca, &y);
	ck_assert(json_is_null(json_object_get(o, "peer")));
	ck_assert(json_is_null(json_object_get(o, "link")));
	json_decref(o);
}
END_TEST

static json_t *
roll(void)
{
	struct ca_roll_row row = w.ca.rolls->row;
	json_t *o;

	pair_must(ca_json_roll(&w.ca, &row, &o));
	return o;
}

START_TEST(of_a_roll_that_runs)
{
	const struct ca_word hold = { "plant", "web1", "", "test" };
	json_t *o, *p;

	world_node(&w, "app1")->deaf = true;
	world_roll(&w, "plant");
	pair_must(ca_roll_hold(&w.ca, &hold));
	pair_turns(60);
	o = roll();
	is(o, "state", "running");
	is_number(o, "steps_done", 0);
	is_number(o, "steps_all", 6);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "outstanding")),
	    1);
	p = at(o, "outstanding", 0);
	is(p, "node", "app1");
	is(p, "state", "sent");
	is_number(p, "epoch", 2);
	ck_assert(json_is_null(json_object_get(p, "handed")));
	is(at(o, "held", 0), "node", "web1");
	ck_assert_ptr_nonnull(
	    strstr(json_string_value(json_object_get(o, "text")),
		"waits for app1: trust"));
	ck_assert_int_gt(json_integer_value(
			     json_object_get(o, "first_order_ms")),
	    0);
	is_number(o, "last_report_ms", 0);
	json_decref(o);
}
END_TEST

START_TEST(of_a_roll_that_is_over)
{
	struct ca_roll_row *rows;
	json_t *o;
	size_t n;

	world_roll(&w, "plant");
	ck_assert(world_run(&w, 120, world_rolled));
	pair_must(ca_store_rolls(w.ca.store, &rows, &n));
	pair_must(ca_json_roll(&w.ca, &rows[0], &o));
	free(rows);
	is(o, "state", "done");
	is_number(o, "steps_done", 6);
	is_number(o, "steps_all", 6);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "outstanding")),
	    0);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "by_reload")), 0);
	ck_assert_ptr_null(json_object_get(o, "text"));
	ck_assert_int_gt(json_integer_value(
			     json_object_get(o, "last_report_ms")),
	    0);
	json_decref(o);
}
END_TEST

TCase *
case_control_json(void)
{
	TCase *t = pair_case("control_json");

	tcase_add_test(t, words);
	tcase_add_test(t, of_a_root);
	tcase_add_test(t, of_a_root_that_rolls);
	tcase_add_test(t, of_a_node);
	tcase_add_test(t, of_a_link);
	tcase_add_test(t, of_a_wait);
	tcase_add_test(t, of_a_roll_that_runs);
	tcase_add_test(t, of_a_roll_that_is_over);
	return t;
}
