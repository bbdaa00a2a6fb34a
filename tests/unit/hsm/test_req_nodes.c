/* req_nodes: join tokens, the table of nodes and keys. */
#include <string.h>

#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

static uint8_t secret[16];

static void
setup(void)
{
	world_open();
	world_found();
}

static void
token(const char *node)
{
	ck_assert_int_eq(world_token(node, world_time.ms + 3600000, secret),
	    BASE_OK);
}

static enum base_err
forget(const char *node)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_FORGET };

	strcpy(r.node, node);
	return world_ask(&r);
}

/* What counts in the end: does the node get a certificate for this key? */
static bool
is_bound(const char *node, int key)
{
	struct wire_tbs t = world_tbs(WIRE_NODE_CERT, "plant", 1, node,
	    base_buf_span(&w.node_spki[key]));

	return world_sign(&t, 1, NULL) == BASE_OK;
}

START_TEST(token_lives_at_most_a_day)
{
	ck_assert_int_eq(world_token("n", world_time.ms + WORLD_DAY + 1,
			     secret),
	    BASE_E_REFUSED);
	ck_assert_int_eq(world_token("n", world_time.ms, secret),
	    BASE_E_REFUSED);
	ck_assert_int_eq(world_token("n", world_time.ms + WORLD_DAY, secret),
	    BASE_OK);
}
END_TEST

START_TEST(token_of_ca)
{
	ck_assert_int_eq(world_token("ca", world_time.ms + 1000, secret),
	    BASE_E_REFUSED);
}
END_TEST

START_TEST(bind_changes_a_key_with_a_token)
{
	ck_assert(is_bound("web1", 0));
	ck_assert_int_eq(forget("app1"), BASE_OK);
	token("web1");
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[1], 2),
	    BASE_OK);
	ck_assert(is_bound("web1", 1));
	ck_assert(!is_bound("web1", 0));
}
END_TEST

START_TEST(bind_without_token)
{
	memset(secret, 0, sizeof(secret));
	ck_assert_int_eq(world_bind("web2", secret, &w.node_spki[0], 2),
	    BASE_E_REFUSED);
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[1], 2),
	    BASE_E_REFUSED);
	ck_assert(!is_bound("web1", 1));
}
END_TEST

START_TEST(bind_twice_with_one_token)
{
	ck_assert_int_eq(forget("app1"), BASE_OK);
	ck_assert_int_eq(forget("web1"), BASE_OK);
	token("web1");
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[0], 2),
	    BASE_OK);
	/* the same again is an answer that was lost */
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[0], 2),
	    BASE_OK);
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[1], 2),
	    BASE_E_REFUSED);
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[0], 1),
	    BASE_E_REFUSED);
	ck_assert(is_bound("web1", 0));
}
END_TEST

START_TEST(bind_with_the_token_of_another)
{
	token("web2");
	ck_assert_int_eq(world_bind("web3", secret, &w.node_spki[0], 2),
	    BASE_E_REFUSED);
	ck_assert_int_eq(forget("web1"), BASE_OK);
	ck_assert_int_eq(world_bind("web2", secret, &w.node_spki[0], 2),
	    BASE_OK);
}
END_TEST

START_TEST(bind_with_expired_token)
{
	ck_assert_int_eq(forget("web1"), BASE_OK);
	token("web1");
	world_time.ms += 3600001;
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[0], 2),
	    BASE_E_EXPIRED);
	world_time.ms -= 1;
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[0], 2),
	    BASE_OK);
}
END_TEST

START_TEST(new_token_voids_the_old)
{
	uint8_t old[16];

	ck_assert_int_eq(forget("web1"), BASE_OK);
	token("web1");
	memcpy(old, secret, sizeof(old));
	token("web1");
	ck_assert_int_eq(world_bind("web1", old, &w.node_spki[0], 2),
	    BASE_E_REFUSED);
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[0], 2),
	    BASE_OK);
}
END_TEST

START_TEST(bind_key_of_another)
{
	token("web2");
	ck_assert_int_eq(world_bind("web2", secret, &w.node_spki[0], 2),
	    BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(world_answer.why, "that of node web1"));
	ck_assert_int_eq(world_bind("web2", secret,
			     &world_key("plant", 1, false)->spki, 2),
	    BASE_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(world_answer.why, "CA's own"));
}
END_TEST

START_TEST(bind_two_keys_for_one_root)
{
	char roots[2][BASE_NAME_MAX + 1] = { "plant", "plant" };
	struct wire_hsm_request r = { .type = WIRE_HSM_BIND,
		.node = "web1",
		.nitems = 2,
		.roots = roots,
		.items = w.node_spki };

	ck_assert_int_eq(forget("app1"), BASE_OK);
	token("web1");
	memcpy(r.secret, secret, sizeof(secret));
	ck_assert_int_eq(world_ask(&r), BASE_E_REFUSED);
	r.nitems = 0;
	ck_assert_int_eq(world_ask(&r), BASE_E_RANGE);
	r.nitems = 2;
	strcpy(roots[0], "management");
	ck_assert_int_eq(world_ask(&r), BASE_OK);
}
END_TEST

START_TEST(bind_point_off_the_curve)
{
	struct base_buf spki;

	base_buf_init(&spki, 0);
	ck_assert_int_eq(base_buf_put(&spki, w.node_spki[0].p,
			     w.node_spki[0].n),
	    BASE_OK);
	spki.p[spki.n - 1] ^= 1;
	token("web2");
	ck_assert_int_eq(world_bind("web2", secret, &spki, 2), BASE_E_SYNTAX);
	base_buf_free(&spki);
}
END_TEST

START_TEST(bind_ca_once)
{
	const struct hsm_node *ca = hsm_state_node(&w.core->state, "ca");
	struct base_buf same;

	memset(secret, 0, sizeof(secret));
	base_buf_init(&same, 0);
	ck_assert_int_eq(base_buf_put(&same, ca->keys[0].spki.p,
			     ca->keys[0].spki.n),
	    BASE_OK);
	ck_assert_int_eq(world_bind("ca", secret, &same, 1), BASE_OK);
	ck_assert_int_eq(forget("web1"), BASE_OK);
	ck_assert_int_eq(world_bind("ca", secret, &w.node_spki[0], 1),
	    BASE_E_REFUSED);
	ck_assert_int_eq(world_bind("ca", secret, &same, 2), BASE_E_REFUSED);
	ck_assert_int_eq(forget("ca"), BASE_E_REFUSED);
	base_buf_free(&same);
}
END_TEST

START_TEST(forget_ends_it)
{
	ck_assert(is_bound("web1", 0));
	ck_assert_int_eq(forget("web1"), BASE_OK);
	ck_assert(!is_bound("web1", 0));
	ck_assert_int_eq(forget("web1"), BASE_OK);
}
END_TEST

TCase *
case_req_nodes(void)
{
	TCase *t = tcase_create("req_nodes");

	tcase_set_timeout(t, 60);

	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, token_lives_at_most_a_day);
	tcase_add_test(t, token_of_ca);
	tcase_add_test(t, bind_changes_a_key_with_a_token);
	tcase_add_test(t, bind_without_token);
	tcase_add_test(t, bind_twice_with_one_token);
	tcase_add_test(t, bind_with_the_token_of_another);
	tcase_add_test(t, bind_with_expired_token);
	tcase_add_test(t, new_token_voids_the_old);
	tcase_add_test(t, bind_key_of_another);
	tcase_add_test(t, bind_two_keys_for_one_root);
	tcase_add_test(t, bind_point_off_the_curve);
	tcase_add_test(t, bind_ca_once);
	tcase_add_test(t, forget_ends_it);
	return t;
}
