/* One-time join tokens: who gets one, what is kept of it, and when it counts. */
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static unsigned times;
static enum base_err end;
static struct wire_token token;
static uint8_t hash[32];

static void
done(void *arg, enum base_err e, const char *text, struct base_time until)
{
	(void)arg;
	times++;
	end = e;
	ck_assert_int_eq(text != NULL, e == BASE_OK);
	if (text == NULL)
		return;
	pair_must(wire_token_parse((struct base_span){ (const uint8_t *)text,
				       strlen(text) },
	    &token));
	ck_assert_int_eq(token.end.ms, until.ms);
	wire_digest((struct base_span){ token.secret, sizeof(token.secret) },
	    hash);
}

static enum base_err
make(const char *node)
{
	times = 0;
	ca_token_make(&w.ca, node, 60, done, NULL);
	pair_answer();
	ck_assert_uint_eq(times, 1);
	return end;
}

static enum base_err
check(const char *node)
{
	uint8_t root[32];
	enum base_err r = ca_token_check(&w.ca, node, hash, root);

	if (r == BASE_OK)
		ck_assert_mem_eq(root, token.root_sha256, sizeof(root));
	return r;
}

static void
says(const char *part)
{
	ck_assert_msg(strstr(base_why(), part) != NULL, "%s", base_why());
}

/* ---- making ---- */

START_TEST(what_is_in_it)
{
	uint8_t root[32];

	w.now.ms += 250;
	pair_must(make("app1"));
	ck_assert_str_eq(token.fleet, "demo");
	ck_assert_str_eq(token.node, "app1");
	ck_assert_str_eq(token.address, "127.0.0.1:7443");
	ck_assert_int_eq(token.end.ms, w.now.ms - w.now.ms % 1000 + 60000);
	wire_x509_sha256(sk_X509_value(w.ca.management, 0), root);
	ck_assert_mem_eq(token.root_sha256, root, sizeof(root));
	w.conf.address = (char[]){ "ca.example:443" };
	pair_must(make("app1"));
	ck_assert_str_eq(token.address, "ca.example:443");
	w.conf.address = NULL;
}
END_TEST

/* The secret itself nowhere. */
START_TEST(what_is_kept)
{
	struct ca_token row;

	w.ca.invites_kept = true;
	w.ca.who = "uid 3";
	ca_token_make(&w.ca, "app1", 60, done, NULL);
	w.ca.who = NULL;
	pair_answer();
	pair_must(end);
	pair_must(ca_store_token_get(w.ca.store, hash, &row));
	ck_assert_str_eq(row.node, "app1");
	ck_assert_int_eq(row.end.ms, token.end.ms);
	ck_assert_mem_eq(row.root, token.root_sha256, sizeof(row.root));
	ck_assert(!row.burned);
	ck_assert_str_eq(pair_last_record(), "uid 3 token: for node app1");
	ck_assert(!w.ca.invites_kept);
}
END_TEST

START_TEST(who_gets_none)
{
	ck_assert_int_eq(make("ghost"), BASE_E_NOTFOUND);
	says("kedge node add ghost");
	ck_assert_int_eq(make("ca"), BASE_E_NOTFOUND);
	w.ca.ready = false;
	ck_assert_int_eq(make("app1"), BASE_E_STATE);
	w.ca.ready = true;
	hsm_fake_mood(w.hsm)->down = true;
	ck_assert_int_eq(make("app1"), BASE_E_AGAIN);
	hsm_fake_mood(w.hsm)->down = false;
	pair_must(make("app1"));
}
END_TEST

/* kedge-hsmd would count the new one for the old. */
START_TEST(a_name_that_is_not_free_yet)
{
	struct ca_node n = { .name = "db1", .reach = CA_POLL };
	char gone[CA_NAME];

	pair_must(ca_store_node_put(w.ca.store, &n));
	pair_must(ca_store_node_delete(w.ca.store, "db1"));
	pair_must(ca_store_gone_next(w.ca.store, "", gone));
	ck_assert_str_eq(gone, "db1");
	pair_must(ca_store_node_put(w.ca.store, &n));
	pair_must(ca_reload_topo(&w.ca));
	ck_assert_int_eq(make("db1"), BASE_E_AGAIN);
	pair_must(make("app1"));
	pair_must(ca_store_gone_done(w.ca.store, "db1"));
	pair_must(make("db1"));
}
END_TEST

/* ---- taking ---- */

START_TEST(good_for_its_node_and_time)
{
	pair_must(make("app1"));
	pair_must(check("app1"));
	ck_assert_int_eq(check("web1"), BASE_E_DENIED);
	hash[0] ^= 1;
	ck_assert_int_eq(check("app1"), BASE_E_DENIED);
	says("not one of this CA's");
	hash[0] ^= 1;
	w.now = token.end;
	pair_must(check("app1"));
	w.now.ms++;
	ck_assert_int_eq(check("app1"), BASE_E_EXPIRED);
	says("kedge node token app1");
}
END_TEST

START_TEST(good_once)
{
	pair_must(make("app1"));
	pair_must(ca_store_token_burn(w.ca.store, hash));
	ck_assert_int_eq(check("app1"), BASE_E_DENIED);
	says("was used already");
	w.now.ms = token.end.ms + 1;
	ck_assert_int_eq(check("app1"), BASE_E_DENIED);
}
END_TEST

/* A relay lets in by one word at a time. */
START_TEST(the_newest_counts)
{
	uint8_t first[32];

	pair_must(make("app1"));
	memcpy(first, hash, sizeof(first));
	pair_must(make("web1"));
	memcpy(hash, first, sizeof(hash));
	pair_must(check("app1"));
	pair_must(make("app1"));
	pair_must(check("app1"));
	memcpy(hash, first, sizeof(hash));
	ck_assert_int_eq(check("app1"), BASE_E_DENIED);
	says("a newer one");
}
END_TEST

/* While the management root rolls a token may name either. */
START_TEST(by_a_root_that_the_ca_trusts)
{
	X509 *other;

	pair_must(make("app1"));
	ck_assert_ptr_eq(ca_token_root(&w.ca, token.root_sha256),
	    sk_X509_value(w.ca.management, 0));
	pair_must(ca_issuer_root(&w.ca, "plant", 1, &other));
	X509_up_ref(other);
	ck_assert_int_gt(sk_X509_unshift(w.ca.management, other), 0);
	pair_must(check("app1"));
	ck_assert_ptr_eq(ca_token_root(&w.ca, token.root_sha256),
	    sk_X509_value(w.ca.management, 1));
	X509_free(sk_X509_pop(w.ca.management));
	ck_assert_ptr_null(ca_token_root(&w.ca, token.root_sha256));
	ck_assert_int_eq(check("app1"), BASE_E_DENIED);
	says("that the CA has forgotten");
}
END_TEST

TCase *
case_token(void)
{
	TCase *t = pair_case("token");

	tcase_add_test(t, what_is_in_it);
	tcase_add_test(t, what_is_kept);
	tcase_add_test(t, who_gets_none);
	tcase_add_test(t, a_name_that_is_not_free_yet);
	tcase_add_test(t, good_for_its_node_and_time);
	tcase_add_test(t, good_once);
	tcase_add_test(t, the_newest_counts);
	tcase_add_test(t, by_a_root_that_the_ca_trusts);
	return t;
}
