/* Items of TELL and SHOW: whole or not at all. */
#include <string.h>

#include "tests/unit/wire/sample.h"
#include "tests/unit/wire/suites.h"

START_TEST(test_node)
{
	struct wire_hsm_link links[] = { { "web1", "plant", "plant" },
		{ "web2", "", "shop" } };
	char roots[1][BASE_NAME_MAX + 1] = { "plant" };
	struct wire_hsm_node n = { .name = "app1",
		.dual = true,
		.shallow = true,
		.nexcused = 1,
		.excused = roots,
		.nlinks = 2,
		.links = links,
		.ngone = 1,
		.gone = links + 1 };
	struct wire_hsm_node p;
	struct base_buf b;

	base_buf_init(&b, 0);
	OK(wire_hsm_node_compose(&n, &b));
	OK(wire_hsm_node_parse(base_buf_span(&b), &p));
	ck_assert(p.dual);
	ck_assert(p.shallow);
	ck_assert_uint_eq(p.nexcused, 1);
	ck_assert_str_eq(p.excused[0], "plant");
	ck_assert_uint_eq(p.nlinks, 2);
	ck_assert_str_eq(p.links[1].server, "web2");
	ck_assert_str_eq(p.links[1].client_root, "");
	ck_assert_str_eq(p.links[1].server_root, "shop");
	ck_assert_uint_eq(p.ngone, 1);
	ck_assert_str_eq(p.gone[0].server, "web2");
	wire_hsm_node_clear(&p);
	for (size_t i = 0; i < b.n; i++)
		ck_assert_int_ne(wire_hsm_node_parse((struct base_span){ b.p,
							 i },
				     &p),
		    BASE_OK);
	OK(base_buf_put_u8(&b, 0));
	ck_assert_int_ne(wire_hsm_node_parse(base_buf_span(&b), &p), BASE_OK);
	base_buf_free(&b);
}
END_TEST

/* Flags that nobody knows, more links than there are bytes, no names. */
START_TEST(test_node_odd)
{
	struct wire_hsm_link link = { "web1", "", "" };
	struct wire_hsm_node n = { .name = "a", .links = &link }, p;
	struct base_buf b;

	base_buf_init(&b, 0);
	OK(wire_hsm_node_compose(&n, &b));
	b.p[5] = 2;
	ck_assert_int_eq(wire_hsm_node_parse(base_buf_span(&b), &p),
	    BASE_E_SYNTAX);
	b.p[5] = 1;
	OK(wire_hsm_node_parse(base_buf_span(&b), &p));
	ck_assert(p.dual && !p.shallow);
	wire_hsm_node_clear(&p);
	b.p[6] = 2;
	ck_assert_int_eq(wire_hsm_node_parse(base_buf_span(&b), &p),
	    BASE_E_SYNTAX);
	b.p[6] = 1;
	OK(wire_hsm_node_parse(base_buf_span(&b), &p));
	ck_assert(p.shallow);
	wire_hsm_node_clear(&p);
	b.p[7] = 0xff;
	ck_assert_int_eq(wire_hsm_node_parse(base_buf_span(&b), &p),
	    BASE_E_SYNTAX);
	b.p[7] = 0;
	b.p[11] = 0xff;
	ck_assert_int_eq(wire_hsm_node_parse(base_buf_span(&b), &p),
	    BASE_E_SYNTAX);
	b.p[10] = 0;
	b.p[4] = 'A';
	ck_assert_int_eq(wire_hsm_node_parse(base_buf_span(&b), &p),
	    BASE_E_SYNTAX);
	base_buf_clear(&b);
	n.nlinks = 1; /* a server has a root */
	OK(wire_hsm_node_compose(&n, &b));
	ck_assert_int_eq(wire_hsm_node_parse(base_buf_span(&b), &p),
	    BASE_E_SYNTAX);
	base_buf_free(&b);
}
END_TEST

START_TEST(test_proof)
{
	struct wire_hsm_proof v = { .node = "app1",
		.root = "plant",
		.ndoubts = 2,
		.doubt = { { 1, 1, 0 }, { 3, 2, 1 } } };
	struct wire_hsm_proof p;
	struct base_buf b;

	OK(base_buf_put_u8(&v.report, 7));
	base_buf_init(&b, 0);
	OK(wire_hsm_proof_compose(&v, &b));
	OK(wire_hsm_proof_parse(base_buf_span(&b), &p));
	ck_assert_str_eq(p.root, "plant");
	ck_assert_uint_eq(p.order.n, 0);
	ck_assert_uint_eq(p.report.n, 1);
	ck_assert_uint_eq(p.ndoubts, 2);
	ck_assert_uint_eq(p.doubt[1].trust, 3);
	ck_assert_uint_eq(p.doubt[1].bridge, 1);
	wire_hsm_proof_clear(&p);
	for (size_t i = 0; i < b.n; i++)
		ck_assert_int_ne(wire_hsm_proof_parse((struct base_span){ b.p,
							  i },
				     &p),
		    BASE_OK);
	b.p[b.n - 49] = WIRE_HSM_DOUBTS + 1;
	ck_assert_int_eq(wire_hsm_proof_parse(base_buf_span(&b), &p),
	    BASE_E_RANGE);
	base_buf_free(&b);
	wire_hsm_proof_clear(&v);
}
END_TEST

START_TEST(test_recalled)
{
	struct wire_hsm_recalled v = { .kind = WIRE_OLD_WITH_NEW,
		.generation = 3 };
	struct wire_hsm_recalled r;
	struct base_buf b;

	OK(base_buf_put_u8(&v.der, 7));
	base_buf_init(&b, 0);
	OK(wire_hsm_recalled_compose(&v, &b));
	OK(wire_hsm_recalled_parse(base_buf_span(&b), &r));
	ck_assert_int_eq(r.kind, WIRE_OLD_WITH_NEW);
	ck_assert_uint_eq(r.generation, 3);
	ck_assert_uint_eq(r.der.n, 1);
	wire_hsm_recalled_clear(&r);
	for (size_t i = 0; i < b.n; i++)
		ck_assert_int_ne(
		    wire_hsm_recalled_parse((struct base_span){ b.p, i }, &r),
		    BASE_OK);
	b.p[0] = WIRE_NODE_CERT;
	ck_assert_int_eq(wire_hsm_recalled_parse(base_buf_span(&b), &r),
	    BASE_E_SYNTAX);
	/* only NewWithNew speaks of its key's theft, by yes or no */
	b.p[0] = WIRE_OLD_WITH_NEW;
	b.p[5] = 1;
	ck_assert_int_eq(wire_hsm_recalled_parse(base_buf_span(&b), &r),
	    BASE_E_SYNTAX);
	b.p[0] = WIRE_NEW_WITH_NEW;
	OK(wire_hsm_recalled_parse(base_buf_span(&b), &r));
	ck_assert(r.stolen);
	wire_hsm_recalled_clear(&r);
	b.p[5] = 2;
	ck_assert_int_eq(wire_hsm_recalled_parse(base_buf_span(&b), &r),
	    BASE_E_SYNTAX);
	b.p[5] = 0;
	OK(wire_hsm_recalled_parse(base_buf_span(&b), &r));
	ck_assert(!r.stolen);
	wire_hsm_recalled_clear(&r);
	b.p[4] = WIRE_GENERATION_MAX + 1;
	ck_assert_int_eq(wire_hsm_recalled_parse(base_buf_span(&b), &r),
	    BASE_E_SYNTAX);
	base_buf_free(&b);
	wire_hsm_recalled_clear(&v);
}
END_TEST

START_TEST(test_known)
{
	struct wire_hsm_link link = { "web1", "", "plant" };
	struct wire_hsm_part part = { .root = "plant", .epoch = 9 };
	struct wire_hsm_known v = {
		.node = { .name = "app1", .nlinks = 1, .links = &link },
		.nparts = 1,
		.parts = &part
	};
	struct wire_hsm_known k;
	struct base_buf b;

	OK(base_buf_put_u8(&part.spki, 7));
	OK(base_buf_put_u8(&part.next, 8));
	base_buf_init(&b, 0);
	OK(wire_hsm_known_compose(&v, &b));
	OK(wire_hsm_known_parse(base_buf_span(&b), &k));
	ck_assert_str_eq(k.node.name, "app1");
	ck_assert_str_eq(k.node.links[0].server, "web1");
	ck_assert_uint_eq(k.nparts, 1);
	ck_assert_str_eq(k.parts[0].root, "plant");
	ck_assert_uint_eq(k.parts[0].epoch, 9);
	ck_assert_uint_eq(k.parts[0].spki.n, 1);
	ck_assert_uint_eq(k.parts[0].next.n, 1);
	ck_assert_uint_eq(k.parts[0].next.p[0], 8);
	wire_hsm_known_clear(&k);
	for (size_t i = 0; i < b.n; i++)
		ck_assert_int_ne(wire_hsm_known_parse((struct base_span){ b.p,
							  i },
				     &k),
		    BASE_OK);
	base_buf_free(&b);
	base_buf_free(&part.spki);
	base_buf_free(&part.next);
}
END_TEST

START_TEST(test_cuts)
{
	struct wire_hsm_cut cut[] = { { "web1", "app1" }, { "app1", "web1" },
		{ "app1", "db1" }, { "web1", "app1" } };
	struct wire_hsm_cuts c = { .start = { 7000 },
		.have = 1,
		.need = 2,
		.n = 4,
		.cut = cut };
	struct wire_hsm_cuts p;
	struct base_buf b;

	wire_hsm_cuts_sort(&c);
	base_buf_init(&b, 0);
	OK(wire_hsm_cuts_compose(&c, &b));
	OK(wire_hsm_cuts_parse(base_buf_span(&b), &p));
	ck_assert_int_eq(p.start.ms, 7000);
	ck_assert_uint_eq(p.have, 1);
	ck_assert_uint_eq(p.need, 2);
	ck_assert_uint_eq(p.n, 3);
	ck_assert_str_eq(p.cut[0].verifier, "db1");
	ck_assert_str_eq(p.cut[1].verifier, "web1");
	ck_assert_str_eq(p.cut[2].presenter, "web1");
	wire_hsm_cuts_clear(&p);
	for (size_t i = 0; i < b.n; i++)
		ck_assert_int_ne(wire_hsm_cuts_parse((struct base_span){ b.p,
							 i },
				     &p),
		    BASE_OK);
	OK(base_buf_put_u8(&b, 0));
	ck_assert_int_ne(wire_hsm_cuts_parse(base_buf_span(&b), &p), BASE_OK);
	base_buf_free(&b);
}
END_TEST

/* To itself, twice, out of its place, before 1970. */
START_TEST(test_cuts_odd)
{
	struct wire_hsm_cut cut[][2] = { { { "a", "b" }, { "c", "c" } },
		{ { "a", "b" }, { "a", "b" } }, { { "b", "a" }, { "a", "b" } },
		{ { "a", "b" }, { "b", "a" } } };
	struct wire_hsm_cuts c = { .start = { _i == 3 ? -1 : 0 },
		.n = 2,
		.cut = cut[_i] };
	struct wire_hsm_cuts p;
	struct base_buf b;

	base_buf_init(&b, 0);
	OK(wire_hsm_cuts_compose(&c, &b));
	ck_assert_int_ne(wire_hsm_cuts_parse(base_buf_span(&b), &p), BASE_OK);
	ck_assert_ptr_null(p.cut);
	base_buf_free(&b);
}
END_TEST

/* The first, the last and no direction of the longer list; a list of nothing
 * meets another such, and only that. */
START_TEST(test_cuts_meet)
{
	struct wire_hsm_cut cut[] = { { "a", "b" }, { "a", "d" },
		{ "c", "d" } };
	struct wire_hsm_cut of[][1] = { { { "a", "b" } }, { { "c", "d" } },
		{ { "a", "c" } }, { { "d", "c" } }, { { "a", "a" } } };
	const struct wire_hsm_cuts all = { .n = 3, .cut = cut },
				   one = { .n = 1, .cut = of[_i] },
				   none = { .n = 0 };

	ck_assert_int_eq(wire_hsm_cuts_meet(&all, &one), _i < 2);
	ck_assert_int_eq(wire_hsm_cuts_meet(&one, &all), _i < 2);
	ck_assert(wire_hsm_cuts_meet(&none, &none));
	ck_assert(!wire_hsm_cuts_meet(&none, &one));
	ck_assert(!wire_hsm_cuts_meet(&one, &none));
}
END_TEST

TCase *
case_hsm_told(void)
{
	TCase *tc = tcase_create("hsm_told");

	tcase_add_test(tc, test_node);
	tcase_add_test(tc, test_node_odd);
	tcase_add_test(tc, test_proof);
	tcase_add_test(tc, test_recalled);
	tcase_add_test(tc, test_known);
	tcase_add_test(tc, test_cuts);
	tcase_add_loop_test(tc, test_cuts_odd, 0, 4);
	tcase_add_loop_test(tc, test_cuts_meet, 0, 5);
	return tc;
}
