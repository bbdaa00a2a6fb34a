/* Joins through a relay, as the CA sees them: who is invited, until when, and
 * what of that which comes back is taken. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static struct world w;
static struct wire_token token;
static struct wire_invite invite;
static struct base_buf request, sealed;
static const struct ca_route way = { 2, { "web1", "app1" } };

#define OK(e) ck_assert_msg((e) == BASE_OK, "%s", base_why())

/* A store is looked at before it is believed, also after a restart. */
static void
settle(void)
{
	do
		ca_work(&w.ca);
	while (hsm_fake_turn(w.hsm) > 0);
}

static void
setup(void)
{
	world_open(&w, world_pair, 43);
	world_join(&w, "web1");
	settle();
	memset(&invite, 0, sizeof(invite));
	base_buf_init(&request, 0);
	base_buf_init(&sealed, 0);
}

static void
teardown(void)
{
	wire_invite_clear(&invite);
	base_buf_free(&request);
	base_buf_free(&sealed);
	world_close(&w);
}

/* ---- what goes down --------------------------------------------------------- */

/* The one parcel of this kind for web1 that is due; false: none. */
static bool
find(enum wire_parcel_kind kind, struct wire_parcel *out)
{
	struct wire_parcel *list = NULL;
	bool found = false;
	size_t n;

	ca_work(&w.ca);
	n = ca_deliver_collect(w.ca.deliver, w.mono, "web1", 1 << 20, &list);
	for (size_t i = 0; i < n; i++) {
		if (list[i].kind != kind) {
			wire_parcel_clear(&list[i]);
			continue;
		}
		ck_assert(!found);
		found = true;
		*out = list[i];
	}
	free(list);
	return found;
}

static void
open_cms(enum wire_content type, struct wire_parcel *p, struct base_buf *der)
{
	struct wire_signer s;

	base_buf_init(der, 0);
	OK(wire_cms_verify(type, base_buf_span(&p->content), w.ca.management,
	    w.now, der, &s));
	wire_signer_clear(&s);
	wire_parcel_clear(p);
}

static bool
invited(void)
{
	struct wire_parcel p;
	struct base_buf der;

	if (!find(WIRE_P_INVITE, &p))
		return false;
	ck_assert_uint_eq(p.nroute, 1);
	open_cms(WIRE_C_INVITE, &p, &der);
	wire_invite_clear(&invite);
	OK(wire_invite_parse(base_buf_span(&der), &invite));
	base_buf_free(&der);
	return true;
}

static bool
answered(struct wire_join_answer *a)
{
	struct wire_parcel p;
	struct base_buf der;

	if (!find(WIRE_P_JOIN_ANSWER, &p))
		return false;
	ck_assert_uint_eq(p.nroute, 2);
	ck_assert_str_eq(p.route[1], "app1");
	open_cms(WIRE_C_JOIN_ANSWER, &p, &der);
	OK(wire_join_answer_parse(base_buf_span(&der), a));
	base_buf_free(&der);
	return true;
}

/* ---- what comes up ------------------------------------------------------------ */

static void
compose(const char *node)
{
	struct wire_join_request *q = base_alloc(sizeof(*q));
	EVP_PKEY *k[2] = { NULL };

	for (int i = 0; i < 2; i++)
		OK(wire_key_make(WIRE_P256, &k[i]));
	strcpy(q->fleet, "demo");
	strcpy(q->node, node);
	memcpy(q->secret, token.secret, sizeof(q->secret));
	OK(wire_csr_make(k[0], "demo", node, &q->management_csr));
	q->nroots = 1;
	strcpy(q->roots[0].root, "plant");
	OK(wire_csr_make(k[1], "demo", node, &q->roots[0].csr));
	base_buf_clear(&request);
	OK(wire_join_request_compose(q, &request));
	wire_join_request_clear(q);
	free(q);
	for (int i = 0; i < 2; i++)
		EVP_PKEY_free(k[i]);
}

static void
seal(const char *as)
{
	static const char info[] = WIRE_SEAL_JOIN;

	base_buf_clear(&sealed);
	OK(wire_seal(invite.key,
	    (struct base_span){ (const uint8_t *)info, strlen(info) },
	    (struct base_span){ (const uint8_t *)as, strlen(as) },
	    base_buf_span(&request), &sealed));
}

static enum base_err
come(const struct ca_route *by)
{
	enum base_err r = ca_join_in(&w.ca, base_buf_span(&sealed), by);

	while (hsm_fake_turn(w.hsm) > 0)
		;
	return r;
}

static bool
has_joined(void)
{
	struct ca_node n;

	OK(ca_store_node_get(w.ca.store, "app1", &n));
	return n.joined.ms != 0;
}

/* A token, its invitation, and a request that is sealed to it. */
static void
ready(void)
{
	world_token(&w, "app1", &token);
	ck_assert(invited());
	compose("app1");
	seal("app1");
}

/* ---- tests ---------------------------------------------------------------------- */

START_TEST(while_the_token_is_open)
{
	uint8_t hash[32], word[32], admit[32];

	ck_assert(!invited());
	world_token(&w, "app1", &token);
	ck_assert(invited());
	ck_assert_str_eq(invite.node, "app1");
	ck_assert_str_eq(invite.relay, "web1");
	ck_assert_int_eq(invite.expires.ms, token.end.ms);
	wire_digest((struct base_span){ token.secret, 16 }, hash);
	wire_join_word(hash, word, admit);
	ck_assert_mem_eq(invite.admit, admit, sizeof(admit));
	/* not at once again, but later, for the relay may have lost it */
	ck_assert(!invited());
	w.mono.ms += w.conf.resend_ms;
	ck_assert(invited());
	w.now = token.end;
	w.mono.ms += 3600 * 1000;
	ck_assert(!invited());
}
END_TEST

/* Nobody is behind a node that the CA reaches itself. */
START_TEST(only_behind_relays)
{
	world_token(&w, "web1", &token);
	ck_assert(!invited());
}
END_TEST

static const char three[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; } );\n";

/* Invitations for web1 that are due. */
static size_t
invitations(void)
{
	struct wire_parcel *list = NULL;
	size_t n, found = 0;

	ca_work(&w.ca);
	n = ca_deliver_collect(w.ca.deliver, w.mono, "web1", 1 << 20, &list);
	for (size_t i = 0; i < n; i++) {
		found += list[i].kind == WIRE_P_INVITE;
		wire_parcel_clear(&list[i]);
	}
	free(list);
	return found;
}

/* Who joins, or gets a token, is no news for those who wait; a relay that
 * joined again has lost what it knew of them. */
START_TEST(others_are_not_invited_anew)
{
	world_close(&w);
	world_open(&w, three, 44);
	world_join(&w, "web1");
	settle();
	world_token(&w, "app1", &token);
	ck_assert_uint_eq(invitations(), 1);
	world_token(&w, "app2", &token);
	ck_assert_uint_eq(invitations(), 1);
	world_join(&w, "app2");
	settle();
	w.ca.invites_kept = false;
	ck_assert_uint_eq(invitations(), 0);
	w.mono.ms += w.conf.resend_ms;
	ck_assert_uint_eq(invitations(), 1);
	w.now.ms += 1000;
	world_forget(&w, "web1");
	world_join(&w, "web1");
	settle();
	ck_assert_uint_eq(invitations(), 1);
}
END_TEST

/* One word at a time: the newest token's, whenever the older one would end. */
START_TEST(a_newer_token)
{
	struct wire_token old;
	uint8_t hash[32], word[32], admit[32], root[32];

	for (int i = 0; i < 2; i++) {
		world_token(&w, "app1", &old);
		world_token(&w, "app1", &token);
		ck_assert(invited());
		wire_digest((struct base_span){ token.secret, 16 }, hash);
		wire_join_word(hash, word, admit);
		ck_assert_mem_eq(invite.admit, admit, sizeof(admit));
		ck_assert(!invited());
		OK(ca_token_check(&w.ca, "app1", hash, root));
		wire_digest((struct base_span){ old.secret, 16 }, hash);
		ck_assert_int_eq(ca_token_check(&w.ca, "app1", hash, root),
		    BASE_E_DENIED);
	}
}
END_TEST

START_TEST(joins)
{
	struct wire_join_answer a;
	uint8_t digest[32];

	ready();
	OK(come(&way));
	ck_assert(has_joined());
	ck_assert(answered(&a));
	wire_digest(base_buf_span(&request), digest);
	ck_assert_mem_eq(a.request_digest, digest, sizeof(digest));
	ck_assert_str_eq(a.refusal, "");
	ck_assert_uint_eq(a.norders, 2);
	wire_join_answer_clear(&a);
	/* the token is burned: nobody is invited any more */
	w.mono.ms += 3600 * 1000;
	ck_assert(!invited());
}
END_TEST

/* The same again, sealed anew: the same answer. */
START_TEST(again)
{
	struct wire_join_answer a, b;

	ready();
	OK(come(&way));
	ck_assert(answered(&a));
	world_token(&w, "app1", &token);
	ck_assert(invited());
	seal("app1");
	OK(come(&way));
	ck_assert(answered(&b));
	ck_assert_uint_eq(b.norders, a.norders);
	ck_assert_mem_eq(a.order[0].p, b.order[0].p, a.order[0].n);
	wire_join_answer_clear(&a);
	wire_join_answer_clear(&b);
}
END_TEST

/* While hsmd is asked about it, it comes once more: one join. */
START_TEST(twice_at_once)
{
	struct wire_join_answer a;

	ready();
	OK(ca_join_in(&w.ca, base_buf_span(&sealed), &way));
	seal("app1");
	OK(come(&way));
	ck_assert(answered(&a));
	ck_assert_str_eq(a.refusal, "");
	wire_join_answer_clear(&a);
}
END_TEST

START_TEST(altered)
{
	struct wire_join_answer a;

	ready();
	sealed.p[sealed.n - 1] ^= 1;
	ck_assert_int_eq(come(&way), BASE_E_CRYPTO);
	ck_assert(!answered(&a));
	ck_assert(!has_joined());
	sealed.p[sealed.n - 1] ^= 1;
	OK(come(&way));
	ck_assert(has_joined());
}
END_TEST

/* A relay passes it on as somebody else's, or without having let it in. */
START_TEST(by_another_way)
{
	static const struct ca_route other = { 2, { "web1", "app2" } };
	static const struct ca_route none = { 1, { "web1" } };

	ready();
	ck_assert_int_eq(come(&other), BASE_E_CRYPTO);
	ck_assert_int_eq(come(&none), BASE_E_REFUSED);
	/* sealed for that way, too, it is still of another node */
	seal("app2");
	ck_assert_int_eq(come(&other), BASE_E_REFUSED);
	ck_assert(!has_joined());
}
END_TEST

static void
refused(const char *word)
{
	struct wire_join_answer a;
	uint8_t digest[32];

	OK(come(&way));
	ck_assert(answered(&a));
	ck_assert_uint_eq(a.norders, 0);
	ck_assert_msg(strstr(a.refusal, word) != NULL, "%s", a.refusal);
	wire_digest(base_buf_span(&request), digest);
	ck_assert_mem_eq(a.request_digest, digest, sizeof(digest));
	wire_join_answer_clear(&a);
	ck_assert(!has_joined());
}

/* A no is signed, and bound to the request. */
START_TEST(bad_secret)
{
	ready();
	token.secret[0] ^= 1;
	compose("app1");
	seal("app1");
	refused("not one of this CA's");
}
END_TEST

START_TEST(too_late)
{
	ready();
	w.now = base_time_add_s(token.end, 1);
	refused("has expired");
}
END_TEST

/* What lies with us is not answered: the node asks again. */
START_TEST(hsmd_is_away)
{
	struct wire_join_answer a;

	ready();
	hsm_fake_mood(w.hsm)->down = true;
	OK(come(&way));
	ck_assert(!answered(&a));
	hsm_fake_mood(w.hsm)->down = false;
	OK(come(&way));
	ck_assert(answered(&a));
	ck_assert_str_eq(a.refusal, "");
	wire_join_answer_clear(&a);
}
END_TEST

/* The key died with kedged: another invitation, and it works by that. */
START_TEST(restarted)
{
	ready();
	world_restart(&w);
	settle();
	ck_assert(invited());
	ck_assert_int_ne(come(&way), BASE_OK);
	ck_assert(!has_joined());
	seal("app1");
	OK(come(&way));
	ck_assert(has_joined());
}
END_TEST

TCase *
case_invite(void)
{
	TCase *tc = tcase_create("invite");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, while_the_token_is_open);
	tcase_add_test(tc, only_behind_relays);
	tcase_add_test(tc, others_are_not_invited_anew);
	tcase_add_test(tc, a_newer_token);
	tcase_add_test(tc, joins);
	tcase_add_test(tc, again);
	tcase_add_test(tc, twice_at_once);
	tcase_add_test(tc, altered);
	tcase_add_test(tc, by_another_way);
	tcase_add_test(tc, bad_secret);
	tcase_add_test(tc, too_late);
	tcase_add_test(tc, hsmd_is_away);
	tcase_add_test(tc, restarted);
	return tc;
}
