/* profile: which certificate may be signed, and the twin of each that may not. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hsm/suites.h"
#include "tests/unit/hsm/world.h"

static void
setup(void)
{
	world_open();
	world_found();
}

#define ACCEPT(t, g)                                                \
	ck_assert_msg(world_sign(&(t), g, NULL) == BASE_OK, "%.*s", \
	    (int)world_answer.items[0].data.n,                      \
	    (char *)world_answer.items[0].data.p)
/* The sentence must name the rule. */
#define REFUSE(t, g, word) refuse(&(t), g, word)

static void
refuse(const struct wire_tbs *t, uint32_t g, const char *word)
{
	const struct base_buf *why;

	ck_assert_int_eq(world_sign(t, g, NULL), BASE_E_REFUSED);
	why = &world_answer.items[0].data;
	ck_assert_msg(memmem(why->p, why->n, word, strlen(word)) != NULL,
	    "\"%.*s\" does not say \"%s\"", (int)why->n, (char *)why->p, word);
}

START_TEST(node_other_name)
{
	struct wire_tbs t = world_node_tbs();

	strcpy(t.node, "app1");
	REFUSE(t, 1, "another key than the node's");
	strcpy(t.node, "nobody");
	REFUSE(t, 1, "no node of this name");
	strcpy(t.node, "web1");
	ACCEPT(t, 1);
}
END_TEST

START_TEST(node_other_key)
{
	struct wire_tbs t = world_tbs(WIRE_NODE_CERT, "plant", 1, "web1",
	    base_buf_span(&w.node_spki[1]));

	REFUSE(t, 1, "another key than the node's");
}
END_TEST

START_TEST(node_valid_too_long)
{
	struct wire_tbs t = world_node_tbs();

	t.not_after.ms = t.not_before.ms + 91 * WORLD_DAY;
	REFUSE(t, 1, "longer than configured");
	t.not_after.ms = t.not_before.ms + 90 * WORLD_DAY;
	ACCEPT(t, 1);
}
END_TEST

START_TEST(node_outlives_root)
{
	struct wire_tbs t;

	world_time.ms += 950 * WORLD_DAY;
	t = world_node_tbs();
	REFUSE(t, 1, "outlive its root");
	t.not_after.ms = t.not_before.ms + 49 * WORLD_DAY;
	ACCEPT(t, 1);
}
END_TEST

START_TEST(node_backdated)
{
	struct wire_tbs t = world_node_tbs();

	t.not_before.ms -= 2 * 3600000;
	REFUSE(t, 1, "about now");
	t.not_before.ms += 4 * 3600000;
	REFUSE(t, 1, "about now");
	t.not_before.ms = world_time.ms - 1800000;
	ACCEPT(t, 1);
	t.not_after.ms = world_time.ms - 1000;
	REFUSE(t, 1, "over already");
}
END_TEST

START_TEST(node_without_key_for_the_root)
{
	struct wire_tbs t = world_node_tbs();
	struct wire_hsm_request r = { .type = WIRE_HSM_FORGET, .node = "web1" };
	uint8_t secret[16];

	ck_assert_int_eq(world_ask(&r), BASE_OK);
	ck_assert_int_eq(world_token("web1", world_time.ms + 1000, secret),
	    BASE_OK);
	ck_assert_int_eq(world_bind("web1", secret, &w.node_spki[0], 1),
	    BASE_OK);
	REFUSE(t, 1, "no key for this root");
}
END_TEST

START_TEST(node_wrong_issuer)
{
	struct wire_tbs t = world_node_tbs();
	uint8_t aki[20];

	memcpy(aki, t.aki, sizeof(aki));
	memcpy(t.aki, world_key("management", 1, false)->ski, 20);
	REFUSE(t, 1, "another issuer key");
	memcpy(t.aki, aki, sizeof(aki));
	strcpy(t.fleet, "other");
	REFUSE(t, 1, "another fleet");
	strcpy(t.fleet, "test");
	ACCEPT(t, 1);
	/* plant's name under the key of management */
	{
		struct base_buf tbs;

		base_buf_init(&tbs, 0);
		ck_assert_int_eq(wire_tbs_compose(&t, &tbs), BASE_OK);
		ck_assert_int_eq(world_sign_der(base_buf_span(&tbs),
				     "management", 1, NULL),
		    BASE_E_REFUSED);
		base_buf_free(&tbs);
	}
}
END_TEST

START_TEST(node_under_key_that_only_waits)
{
	struct wire_tbs t = world_tbs(WIRE_NODE_CERT, "plant", 2, "web1",
	    base_buf_span(&w.node_spki[0]));

	REFUSE(t, 2, "no NewWithNew yet");
}
END_TEST

START_TEST(node_as_rogue_ca)
{
	/* the node's key as a root under plant 1: right bytes, wrong key */
	struct wire_tbs t = world_tbs(WIRE_NEW_WITH_OLD, "plant", 1, NULL,
	    base_buf_span(&w.node_spki[0]));

	REFUSE(t, 1, "not for the next generation's key");
}
END_TEST

START_TEST(node_further_names)
{
	struct wire_tbs t = world_node_tbs();
	char *allow[] = { base_strdup("DNS:www.example.com"), NULL };
	struct hsm_conf_names names = { .node = base_strdup("web1"),
		.allow = allow };

	t.nsan = 1;
	t.san[0] = "DNS:app1";
	REFUSE(t, 1, "name of another node");
	t.san[0] = "DNS:www.example.com";
	ACCEPT(t, 1);
	w.conf.other_names = HSM_LISTED;
	REFUSE(t, 1, "further name");
	w.conf.names = &names;
	w.conf.nnames = 1;
	ACCEPT(t, 1);
	/* given to another node: also when names need no listing */
	w.conf.other_names = HSM_UNCLAIMED;
	strcpy(names.node, "app1");
	REFUSE(t, 1, "further name");
	w.conf.names = NULL;
	w.conf.nnames = 0;
	free(names.node);
	free(allow[0]);
}
END_TEST

START_TEST(canary)
{
	struct wire_tbs t = world_tbs(WIRE_CANARY, "plant", 1, "web1",
	    base_buf_span(&w.node_spki[0]));

	ACCEPT(t, 1);
	t.not_before.ms += 200000;
	t.not_after.ms = t.not_before.ms + 600000;
	REFUSE(t, 1, "ten minutes");
	t = world_tbs(WIRE_CANARY, "plant", 1, "web1",
	    base_buf_span(&w.node_spki[1]));
	REFUSE(t, 1, "another key than the node's");
}
END_TEST

START_TEST(new_with_new)
{
	struct wire_tbs t = world_tbs(WIRE_NEW_WITH_NEW, "plant", 1, NULL,
	    base_buf_span(&world_key("plant", 1, false)->spki));

	REFUSE(t, 1, "names no next key");
	t.has_next = true;
	REFUSE(t, 1, "next key");
	memcpy(t.next_hash, world_key("plant", 2, false)->spki_hash, 32);
	ACCEPT(t, 1);
	t.not_after.ms = t.not_before.ms + 3651 * WORLD_DAY;
	REFUSE(t, 1, "longer than configured");
}
END_TEST

START_TEST(new_with_new_of_foreign_key)
{
	/* self-signed by a key that is not in the inventory: its AKI is not
	 * that of the issuer, whichever of our keys is asked to sign */
	struct wire_tbs t = world_tbs(WIRE_NEW_WITH_NEW, "plant", 1, NULL,
	    base_buf_span(&w.node_spki[0]));

	memcpy(t.aki, t.ski, sizeof(t.aki));
	t.has_next = true;
	memcpy(t.next_hash, world_key("plant", 2, false)->spki_hash, 32);
	REFUSE(t, 1, "another issuer key");
}
END_TEST

/* plant 2 with its NewWithNew, and the TBS of NewWithOld for it */
static struct wire_tbs
second_root(void)
{
	struct wire_tbs t;

	X509_free(world_root("plant", 2));
	t = world_tbs(WIRE_NEW_WITH_OLD, "plant", 1, NULL,
	    base_buf_span(&world_key("plant", 2, false)->spki));
	return t;
}

START_TEST(new_with_old)
{
	struct wire_tbs t = second_root(), other;
	struct hsm_key *old;

	ACCEPT(t, 1);
	t.not_before.ms += 1000;
	REFUSE(t, 1, "does not start with NewWithNew");
	t.not_before.ms -= 1000;
	t.not_after.ms += 1000;
	REFUSE(t, 1, "outlive one of the two");
	t.not_after.ms -= 1000;
	/* generation 3 is in the inventory, but not what root 1 named */
	other = world_tbs(WIRE_NEW_WITH_OLD, "plant", 1, NULL,
	    base_buf_span(&world_key("plant", 3, false)->spki));
	REFUSE(other, 1, "next generation's key");
	old = hsm_state_key(&w.core->state, "plant", 1, false);
	old->next_hash[0] ^= 1;
	REFUSE(t, 1, "names another key as next");
}
END_TEST

START_TEST(new_with_old_before_new_with_new)
{
	struct wire_tbs t = world_tbs(WIRE_NEW_WITH_OLD, "plant", 1, NULL,
	    base_buf_span(&world_key("plant", 2, false)->spki));

	REFUSE(t, 1, "NewWithNew first");
}
END_TEST

START_TEST(old_with_new)
{
	struct wire_tbs t;

	world_time.ms += 100 * WORLD_DAY;
	t = world_tbs(WIRE_OLD_WITH_NEW, "plant", 2, NULL,
	    base_buf_span(&world_key("plant", 1, false)->spki));
	REFUSE(t, 2, "NewWithNew first");
	X509_free(world_root("plant", 2));
	t = world_tbs(WIRE_OLD_WITH_NEW, "plant", 2, NULL,
	    base_buf_span(&world_key("plant", 1, false)->spki));
	REFUSE(t, 2, "old root's dates");
	t.not_before = world_key("plant", 1, false)->not_before;
	t.not_after = world_key("plant", 1, false)->not_after;
	ACCEPT(t, 2);
}
END_TEST

START_TEST(order_signer)
{
	struct wire_tbs t = world_tbs(WIRE_ORDER_CERT, "management", 1, "order",
	    base_buf_span(&world_key("management", 1, true)->spki));

	ACCEPT(t, 1);
	t = world_tbs(WIRE_ORDER_CERT, "management", 1, "order",
	    base_buf_span(&w.node_spki[0]));
	REFUSE(t, 1, "order signer's key");
}
END_TEST

START_TEST(ca_tls)
{
	const struct hsm_node *ca = hsm_state_node(&w.core->state, "ca");
	struct wire_tbs t = world_tbs(WIRE_CA_TLS, "management", 1, "ca",
	    base_buf_span(&ca->keys[0].spki));

	ACCEPT(t, 1);
	t = world_tbs(WIRE_CA_TLS, "management", 1, "ca",
	    base_buf_span(&w.node_spki[0]));
	REFUSE(t, 1, "another key than the node's");
}
END_TEST

TCase *
case_profile(void)
{
	TCase *t = tcase_create("profile");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, world_close);
	tcase_add_test(t, node_other_name);
	tcase_add_test(t, node_other_key);
	tcase_add_test(t, node_valid_too_long);
	tcase_add_test(t, node_outlives_root);
	tcase_add_test(t, node_backdated);
	tcase_add_test(t, node_without_key_for_the_root);
	tcase_add_test(t, node_wrong_issuer);
	tcase_add_test(t, node_under_key_that_only_waits);
	tcase_add_test(t, node_as_rogue_ca);
	tcase_add_test(t, node_further_names);
	tcase_add_test(t, canary);
	tcase_add_test(t, new_with_new);
	tcase_add_test(t, new_with_new_of_foreign_key);
	tcase_add_test(t, new_with_old);
	tcase_add_test(t, new_with_old_before_new_with_new);
	tcase_add_test(t, old_with_new);
	tcase_add_test(t, order_signer);
	tcase_add_test(t, ca_tls);
	return t;
}
