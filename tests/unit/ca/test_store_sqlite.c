/* ca/store.h as SQLite stands behind it: what is put comes back, also after
 * the file was closed; what must not change does not. */
#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ca/store.h"
#include "tests/unit/ca/suites.h"

static char dir[64], path[96];
static struct ca_store *st;

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/kedge-store.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/db", dir);
	ck_assert_int_eq(ca_store_open(path, &st), BASE_OK);
}

static void
teardown(void)
{
	char cmd[128];

	ca_store_close(st);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void
reopen(void)
{
	ca_store_close(st);
	st = NULL;
	ck_assert_int_eq(ca_store_open(path, &st), BASE_OK);
}

/* Behind the store's back. */
static void
sql(const char *text)
{
	sqlite3 *db;

	ca_store_close(st);
	st = NULL;
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ck_assert_int_eq(ca_store_open(path, &st), BASE_OK);
}

static struct base_span
span(const char *s)
{
	return (struct base_span){ (const uint8_t *)s, strlen(s) };
}

static void
put_fleet(void)
{
	struct ca_root r = { "plant", WIRE_P384, 100, 1, 90, POL_MERGED };
	struct ca_node a = { .name = "app1",
		.reach = CA_POLL,
		.nvia = 2,
		.via = { "web1", "web2" },
		.dual = true,
		.shallow = true,
		.names = "DNS:a.example IP:192.0.2.1" };
	struct ca_node b = { .name = "web1",
		.reach = CA_DIRECT,
		.address = "127.0.0.1:1",
		.joined = { 5 } };

	ck_assert_int_eq(ca_store_root_put(st, &r), BASE_OK);
	ck_assert_int_eq(ca_store_node_put(st, &b), BASE_OK);
	ck_assert_int_eq(ca_store_node_put(st, &a), BASE_OK);
}

START_TEST(file_is_private)
{
	struct stat s;

	ck_assert_int_eq(stat(path, &s), 0);
	ck_assert_uint_eq(s.st_mode & 0777, 0600);
}
END_TEST

START_TEST(nodes_come_back_sorted)
{
	struct ca_node *list, one;
	size_t n;

	put_fleet();
	reopen();
	ck_assert_int_eq(ca_store_nodes(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(list[0].name, "app1");
	ck_assert_uint_eq(list[0].nvia, 2);
	ck_assert_str_eq(list[0].via[1], "web2");
	ck_assert(list[0].dual && list[0].shallow);
	ck_assert(!list[1].dual && !list[1].shallow);
	ck_assert_str_eq(list[0].names, "DNS:a.example IP:192.0.2.1");
	ck_assert_str_eq(list[1].address, "127.0.0.1:1");
	ck_assert_int_eq(list[1].joined.ms, 5);
	free(list);
	ck_assert_int_eq(ca_store_node_get(st, "nosuch", &one),
	    BASE_E_NOTFOUND);
}
END_TEST

START_TEST(links_need_their_ends)
{
	struct ca_link l = { "app1", "web1", "", "plant" }, *list;
	struct ca_link bad = { "app1", "nosuch", "", "plant" };
	struct ca_link self = { "app1", "app1", "", "plant" };
	size_t n;

	put_fleet();
	ck_assert_int_eq(ca_store_link_put(st, &l), BASE_OK);
	ck_assert_int_eq(ca_store_link_put(st, &bad), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_link_put(st, &self), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_node_delete(st, "web1"), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_links(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(list[0].client_root, "");
	free(list);
	ck_assert_int_eq(ca_store_link_delete(st, "app1", "web1"), BASE_OK);
	ck_assert_int_eq(ca_store_node_delete(st, "web1"), BASE_OK);
}
END_TEST

static enum base_err
gen_put(const char *spki, const char *nwn)
{
	struct ca_gen g = { .root = "plant", .gen = 1 };
	enum base_err r;

	ck_assert_int_eq(base_buf_put(&g.spki, spki, strlen(spki)), BASE_OK);
	ck_assert_int_eq(base_buf_put(&g.nwn, nwn, strlen(nwn)), BASE_OK);
	r = ca_store_gen_put(st, &g);
	ca_gen_clear(&g);
	return r;
}

START_TEST(a_generation_is_written_once)
{
	struct ca_gen g;
	uint32_t last;

	put_fleet();
	ck_assert_int_eq(gen_put("key", ""), BASE_OK);
	ck_assert_int_eq(gen_put("key", "cert"), BASE_OK);
	ck_assert_int_eq(gen_put("key", "cert"), BASE_OK);
	ck_assert_int_eq(gen_put("other key", ""), BASE_E_EXISTS);
	ck_assert_int_eq(gen_put("key", "other cert"), BASE_E_EXISTS);
	reopen();
	ck_assert_int_eq(ca_store_gen_get(st, "plant", 1, &g), BASE_OK);
	ck_assert_uint_eq(g.nwn.n, 4);
	ck_assert_uint_eq(g.nwo.n, 0);
	ca_gen_clear(&g);
	ck_assert_int_eq(ca_store_gen_get(st, "plant", 2, &g), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_gen_last(st, "plant", &last), BASE_OK);
	ck_assert_uint_eq(last, 1);
}
END_TEST

START_TEST(what_is_not_committed_is_gone)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(ca_store_begin(st), BASE_OK);
	ck_assert_int_eq(ca_store_meta_put(st, "k", span("v")), BASE_OK);
	ca_store_rollback(st);
	ck_assert_int_eq(ca_store_meta_get(st, "k", &b), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_begin(st), BASE_OK);
	ck_assert_int_eq(ca_store_meta_put(st, "k", span("v")), BASE_OK);
	ck_assert_int_eq(ca_store_commit(st), BASE_OK);
	reopen();
	ck_assert_int_eq(ca_store_meta_get(st, "k", &b), BASE_OK);
	ck_assert_uint_eq(b.n, 1);
	base_buf_free(&b);
}
END_TEST

START_TEST(a_root_rolls_once_at_a_time)
{
	struct ca_roll_row a = { .root = "plant",
		.from = 1,
		.to = 2,
		.first = "app1 web1",
		.windows = "22:00-04:00 UTC",
		.step = true,
		.state = CA_ROLL_RUNNING,
		.started = { 7 } },
			   b = a;
	struct ca_roll_row *list;
	size_t n;

	ck_assert_int_eq(ca_store_roll_add(st, &a), BASE_OK);
	ck_assert_uint_eq(a.id, 1);
	ck_assert_int_eq(ca_store_roll_add(st, &b), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_roll_state(st, 1, CA_ROLL_DONE,
			     (struct base_time){ 9 }),
	    BASE_OK);
	ck_assert_int_eq(ca_store_roll_state(st, 5, CA_ROLL_DONE,
			     (struct base_time){ 9 }),
	    BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_roll_add(st, &b), BASE_OK);
	reopen();
	ck_assert_int_eq(ca_store_rolls(st, &list, &n), BASE_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(list[0].state, CA_ROLL_DONE);
	ck_assert_int_eq(list[0].ended.ms, 9);
	ck_assert_str_eq(list[0].first, "app1 web1");
	ck_assert_str_eq(list[0].windows, "22:00-04:00 UTC");
	ck_assert(list[0].step && list[1].step);
	ck_assert_int_eq(ca_store_roll_stepping(st, 1, false), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_roll_stepping(st, 2, false), BASE_OK);
	free(list);
	ck_assert_int_eq(ca_store_rolls(st, &list, &n), BASE_OK);
	ck_assert(list[0].step && !list[1].step);
	free(list);
}
END_TEST

static enum base_err
count_fact(void *arg, const struct ca_fact *f)
{
	uint64_t *seen = arg;

	ck_assert_uint_eq(f->epoch, ++*seen);
	ck_assert_uint_eq(f->conf.trust, UINT64_C(1) << 63);
	ck_assert_uint_eq(f->conf.bridge, 4);
	return f->epoch == 3 ? BASE_E_STATE : BASE_OK;
}

START_TEST(facts_come_in_their_order)
{
	struct ca_fact f = { .root = "plant",
		.node = "a",
		.roll = 3,
		.kind = POL_FACT_DOUBTED,
		.conf = { UINT64_C(1) << 63, 2, 4 } };
	uint64_t seen = 0;

	for (f.epoch = 1; f.epoch <= 2; f.epoch++)
		ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	ck_assert_int_eq(ca_store_facts_of_roll(st, 3, count_fact, &seen),
	    BASE_OK);
	ck_assert_uint_eq(seen, 2);
	seen = 0;
	ck_assert_int_eq(ca_store_facts_of_node(st, "b", "plant", count_fact,
			     &seen),
	    BASE_OK);
	ck_assert_uint_eq(seen, 0);
	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
	ck_assert_int_eq(ca_store_facts_of_node(st, "a", "plant", count_fact,
			     &seen),
	    BASE_E_STATE);
	ck_assert_uint_eq(seen, 3);
}
END_TEST

static void
put_fact(enum pol_fact_kind kind, uint32_t steps, int64_t at)
{
	struct ca_fact f = { .root = "plant",
		.node = "a",
		.roll = 3,
		.kind = kind,
		.steps = steps,
		.at = { at } };

	ck_assert_int_eq(ca_store_fact_add(st, &f), BASE_OK);
}

/* From the first order of a step to the last effective report; what tidies up
 * is none. */
START_TEST(a_roll_has_a_begin_and_an_end)
{
	struct ca_roll_sum sum;

	ck_assert_int_eq(ca_store_roll_sum(st, 3, &sum), BASE_OK);
	ck_assert_int_eq(sum.first_order.ms, 0);
	put_fact(POL_FACT_SENT, WIRE_STEP_TIDY, 1);
	put_fact(POL_FACT_SENT, POL_TRUST, 5);
	put_fact(POL_FACT_SENT, POL_CERT, 7);
	ck_assert_int_eq(ca_store_roll_sum(st, 3, &sum), BASE_OK);
	ck_assert_int_eq(sum.first_order.ms, 5);
	ck_assert_int_eq(sum.last_report.ms, 0);
	put_fact(POL_FACT_EFFECTIVE, POL_TRUST, 11);
	put_fact(POL_FACT_EFFECTIVE, POL_CERT, 13);
	put_fact(POL_FACT_RECEIVED, POL_FINISH, 14);
	put_fact(POL_FACT_EFFECTIVE, WIRE_STEP_TIDY, 15);
	ck_assert_int_eq(ca_store_roll_sum(st, 3, &sum), BASE_OK);
	ck_assert_int_eq(sum.last_report.ms, 13);
	ck_assert_int_eq(ca_store_roll_sum(st, 4, &sum), BASE_OK);
	ck_assert_int_eq(sum.last_report.ms, 0);
}
END_TEST

static void
join_name(void *arg, const char *name)
{
	strcat(arg, name);
}

START_TEST(who_was_proven_by_reload)
{
	struct ca_order o = { .root = "plant",
		.roll = 3,
		.epoch = 4,
		.steps = POL_TRUST,
		.state = CA_ORDER_EFFECTIVE };
	char names[CA_NAME] = "";

	ck_assert_int_eq(base_buf_put(&o.cms, "cms", 3), BASE_OK);
	for (char c = 'a'; c <= 'e'; c++) {
		o.node[0] = c;
		o.proof = c == 'b' ? WIRE_PROOF_PROBE : WIRE_PROOF_RELOAD;
		o.steps = c == 'c' ? WIRE_STEP_TIDY : POL_TRUST;
		o.roll = c == 'd' ? 2 : 3;
		ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	}
	o.epoch = 5;
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	ck_assert_int_eq(ca_store_roll_reloads(st, 3, join_name, names),
	    BASE_OK);
	ck_assert_str_eq(names, "ae");
	ca_order_clear(&o);
}
END_TEST

static enum base_err
count_order(void *arg, const struct ca_order *o)
{
	ck_assert_uint_eq(o->cms.n, 3);
	++*(size_t *)arg;
	return BASE_OK;
}

START_TEST(an_epoch_is_given_once)
{
	struct ca_order o = { .node = "a",
		.root = "plant",
		.epoch = 4,
		.steps = 3,
		.state = CA_ORDER_SENT,
		.digest = { 1 } },
			back;
	uint64_t last;
	size_t n = 0;

	ck_assert_int_eq(base_buf_put(&o.cms, "cms", 3), BASE_OK);
	ck_assert_int_eq(ca_store_epoch_last(st, "a", "plant", &last), BASE_OK);
	ck_assert_uint_eq(last, 0);
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_OK);
	ck_assert_int_eq(ca_store_order_add(st, &o), BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_epoch_last(st, "a", "plant", &last), BASE_OK);
	ck_assert_uint_eq(last, 4);
	ck_assert_int_eq(ca_store_orders_open(st, false, count_order, &n),
	    BASE_OK);
	ck_assert_uint_eq(n, 1);
	o.state = CA_ORDER_EFFECTIVE;
	o.settled.ms = 8;
	ck_assert_int_eq(ca_store_order_update(st, &o), BASE_OK);
	ck_assert_int_eq(ca_store_orders_open(st, false, count_order, &n),
	    BASE_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(ca_store_order_get(st, "a", "plant", 4, &back),
	    BASE_OK);
	ck_assert_int_eq(back.settled.ms, 8);
	ck_assert_int_eq(back.digest[0], 1);
	ca_order_clear(&back);
	ck_assert_int_eq(ca_store_order_get(st, "a", "plant", 5, &back),
	    BASE_E_NOTFOUND);
	o.epoch = 5;
	ck_assert_int_eq(ca_store_order_update(st, &o), BASE_E_NOTFOUND);
	ca_order_clear(&o);
}
END_TEST

START_TEST(a_report_is_kept_once)
{
	struct ca_report r = { .node = "a",
		.root = "plant",
		.epoch = 1,
		.status = WIRE_EFFECTIVE,
		.digest = { 7 },
		.cms = span("x") };
	uint64_t n;

	ck_assert_int_eq(ca_store_report_add(st, &r), BASE_OK);
	ck_assert_int_eq(ca_store_report_add(st, &r), BASE_E_EXISTS);
	r.digest[0]++;
	ck_assert_int_eq(ca_store_report_add(st, &r), BASE_OK);
	ck_assert_int_eq(ca_store_report_count(st, &n), BASE_OK);
	ck_assert_uint_eq(n, 2);
}
END_TEST

START_TEST(a_token_burns_once)
{
	const uint8_t hash[32] = { 3 }, other[32] = { 4 };
	const struct ca_token mine = { .node = "app1",
		.end = { 77 },
		.root = { 5 } },
			      nobodys = { .node = "nosuch", .end = { 77 } };
	struct ca_token t;

	put_fleet();
	ck_assert_int_eq(ca_store_token_add(st, hash, &mine), BASE_OK);
	ck_assert_int_eq(ca_store_token_add(st, other, &nobodys),
	    BASE_E_EXISTS);
	ck_assert_int_eq(ca_store_token_get(st, other, &t), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_store_token_get(st, hash, &t), BASE_OK);
	ck_assert_str_eq(t.node, "app1");
	ck_assert_int_eq(t.end.ms, 77);
	ck_assert_mem_eq(t.root, mine.root, sizeof(t.root));
	ck_assert(!t.burned);
	ck_assert_int_eq(ca_store_token_burn(st, hash), BASE_OK);
	ck_assert_int_eq(ca_store_token_burn(st, hash), BASE_E_STATE);
	ck_assert_int_eq(ca_store_token_get(st, hash, &t), BASE_OK);
	ck_assert(t.burned);
}
END_TEST

/* ---- audit ---------------------------------------------------------------- */

static void
audit_three(void)
{
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ca_store_audit_add(st,
				     (struct base_time){ 1000 + i }, "me",
				     "test", "detail"),
		    BASE_OK);
}

static void
audit_is(enum base_err want, const char *word)
{
	uint64_t n;
	uint8_t head[32];

	ck_assert_int_eq(ca_store_audit_verify(st, &n, head), want);
	if (word != NULL)
		ck_assert_ptr_nonnull(strstr(base_why(), word));
}

START_TEST(audit_holds_and_goes_on)
{
	audit_is(BASE_OK, NULL);
	audit_three();
	audit_is(BASE_OK, NULL);
	reopen();
	audit_three();
	audit_is(BASE_OK, NULL);
	ck_assert_int_eq(ca_store_check(st), BASE_OK);
}
END_TEST

static const struct {
	const char *sql, *word;
} tampering[] = {
	{ "UPDATE audit SET detail = 'x' WHERE seq = 2", "record 2" },
	{ "UPDATE audit SET at = at + 1 WHERE seq = 1", "record 1" },
	{ "UPDATE audit SET who = 'you' WHERE seq = 3", "record 3" },
	{ "DELETE FROM audit WHERE seq = 2", "record 2" },
	{ "DELETE FROM audit WHERE seq = 3", "not the last" },
	{ "DELETE FROM audit", "not the last" },
	{ "UPDATE audit SET hash = x'00' WHERE seq = 2", "bytes" },
};

START_TEST(audit_tampering_is_found)
{
	audit_three();
	sql(tampering[_i].sql);
	audit_is(BASE_E_INTEGRITY, tampering[_i].word);
	ck_assert_int_eq(ca_store_check(st), BASE_E_INTEGRITY);
}
END_TEST

/* ---- files that are none of ours ---------------------------------------------- */

START_TEST(a_damaged_file_is_refused)
{
	int fd;

	ca_store_close(st);
	st = NULL;
	fd = open(path, O_WRONLY | O_TRUNC);
	ck_assert_int_eq(write(fd, "this is no database at all, is it?", 34),
	    34);
	close(fd);
	ck_assert_int_eq(ca_store_open(path, &st), BASE_E_INTEGRITY);
	ck_assert_ptr_null(st);
}
END_TEST

static void
open_as(const char *pragma, enum base_err want, const char *word)
{
	sqlite3 *db;

	ca_store_close(st);
	st = NULL;
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ck_assert_int_eq(ca_store_open(path, &st), want);
	if (want != BASE_OK)
		ck_assert_ptr_nonnull(strstr(base_why(), word));
}

START_TEST(another_schema_is_refused)
{
	open_as("PRAGMA user_version", BASE_OK, "");
	open_as("PRAGMA user_version = 999", BASE_E_INTEGRITY, "999");
	/* nobody can tell what tables these have */
	open_as("PRAGMA user_version = 2", BASE_E_INTEGRITY, "before the");
	open_as("PRAGMA user_version = 99", BASE_E_INTEGRITY, "kedge init");
}
END_TEST

START_TEST(numbers_out_of_range_are_refused)
{
	struct ca_root r;
	struct ca_node n;

	put_fleet();
	sql("UPDATE root SET alg = 77; UPDATE node SET reach = 9");
	ck_assert_int_eq(ca_store_root_get(st, "plant", &r), BASE_E_INTEGRITY);
	ck_assert_int_eq(ca_store_node_get(st, "app1", &n), BASE_E_INTEGRITY);
}
END_TEST

TCase *
case_store_sqlite(void)
{
	TCase *t = tcase_create("store_sqlite");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, file_is_private);
	tcase_add_test(t, nodes_come_back_sorted);
	tcase_add_test(t, links_need_their_ends);
	tcase_add_test(t, a_generation_is_written_once);
	tcase_add_test(t, what_is_not_committed_is_gone);
	tcase_add_test(t, a_root_rolls_once_at_a_time);
	tcase_add_test(t, facts_come_in_their_order);
	tcase_add_test(t, a_roll_has_a_begin_and_an_end);
	tcase_add_test(t, who_was_proven_by_reload);
	tcase_add_test(t, an_epoch_is_given_once);
	tcase_add_test(t, a_report_is_kept_once);
	tcase_add_test(t, a_token_burns_once);
	tcase_add_test(t, audit_holds_and_goes_on);
	tcase_add_loop_test(t, audit_tampering_is_found, 0,
	    (int)(sizeof(tampering) / sizeof(*tampering)));
	tcase_add_test(t, a_damaged_file_is_refused);
	tcase_add_test(t, another_schema_is_refused);
	tcase_add_test(t, numbers_out_of_range_are_refused);
	return t;
}
