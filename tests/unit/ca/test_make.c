/* Generations of roots and the CA's own certificates: the first thing that is
 * missing, until nothing is. */
#include <string.h>

#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static unsigned times;
static enum base_err end;

static void
done(void *arg, enum base_err e)
{
	(void)arg;
	times++;
	end = e;
}

static uint64_t
asked(void)
{
	return hsm_fake_mood(w.hsm)->asked;
}

static enum base_err
make(const char *root, uint32_t gen)
{
	times = 0;
	ca_make_generation(&w.ca, root, gen, done, NULL);
	pair_answer();
	ck_assert_uint_eq(times, 1);
	return end;
}

static enum base_err
make_own(uint32_t gen, bool tls)
{
	times = 0;
	ca_make_own(&w.ca, gen, tls, done, NULL);
	pair_answer();
	ck_assert_uint_eq(times, 1);
	return end;
}

/* "key nwn nwo own" of what is there. */
static const char *
has(const char *root, uint32_t gen)
{
	static char text[32];
	struct ca_gen g = { .gen = 0 };

	text[0] = '\0';
	if (ca_store_gen_get(w.ca.store, root, gen, &g) == BASE_OK)
		snprintf(text, sizeof(text), "%s%s%s%s",
		    g.spki.n > 0 ? "key " : "", g.nwn.n > 0 ? "nwn " : "",
		    g.nwo.n > 0 ? "nwo " : "", g.own.n > 0 ? "own " : "");
	ca_gen_clear(&g);
	return text;
}

START_TEST(all_of_a_generation)
{
	uint64_t before;

	ck_assert_str_eq(has("plant", 1), "key nwn ");
	ck_assert_str_eq(has("plant", 2), "key ");
	pair_must(make("plant", 2));
	ck_assert_str_eq(has("plant", 2), "key nwn nwo own ");
	/* the pair that waits for the next */
	ck_assert_str_eq(has("plant", 3), "key ");
	ck_assert_str_eq(pair_last_record(),
	    "ca made: old-with-new of root plant generation 2");
	/* what exists is kept */
	before = asked();
	pair_must(make("plant", 2));
	ck_assert_uint_eq(asked(), before);
	ck_assert_int_eq(make("lab", 1), BASE_E_NOTFOUND);
	ck_assert_uint_eq(asked(), before);
}
END_TEST

/* kedge-hsmd dies after some answers: the rest is made next time, and no key
 * or certificate twice. */
START_TEST(goes_on_where_it_was)
{
	const uint64_t made = hsm_fake_mood(w.hsm)->made;

	times = 0;
	ca_make_generation(&w.ca, "plant", 2, done, NULL);
	for (int i = 0; i < _i; i++)
		ck_assert(hsm_fake_one(w.hsm));
	ck_assert_uint_eq(times, 0);
	hsm_fake_mood(w.hsm)->down = true;
	pair_answer();
	ck_assert_int_eq(end, BASE_E_AGAIN);
	ck_assert_uint_eq(times, 1);
	hsm_fake_mood(w.hsm)->down = false;
	pair_must(make("plant", 2));
	ck_assert_str_eq(has("plant", 2), "key nwn nwo own ");
	ck_assert_uint_eq(hsm_fake_mood(w.hsm)->made - made, 3);
}
END_TEST

/* kedge-hsmd goes on making a key after kedged has stopped to listen: whoever
 * asks again gets it, and is told so. A certificate never takes that long. */
START_TEST(a_key_that_takes_minutes)
{
	const char *const until = _i == 0 ? "key " : "key nwn ";

	times = 0;
	ca_make_generation(&w.ca, "plant", 2, done, NULL);
	while (strcmp(has("plant", 2), until) != 0)
		ck_assert(hsm_fake_one(w.hsm));
	hsm_fake_mood(w.hsm)->down = true;
	ck_assert(hsm_fake_one(w.hsm));
	ck_assert_uint_eq(times, 1);
	ck_assert_int_eq(end, BASE_E_AGAIN);
	ck_assert_int_eq(strstr(base_why(), "ask again in a minute") != NULL,
	    _i == 0);
	ck_assert_str_eq(has("plant", 3), _i == 0 ? "" : "key ");
	hsm_fake_mood(w.hsm)->down = false;
	pair_must(make("plant", 2));
	ck_assert_str_eq(has("plant", 3), "key ");
}
END_TEST

START_TEST(not_what_was_asked_for)
{
	hsm_fake_mood(w.hsm)->other_cert = true;
	ck_assert_int_eq(make("plant", 2), BASE_E_INTEGRITY);
	ck_assert_str_eq(has("plant", 2), "key ");
	hsm_fake_mood(w.hsm)->other_cert = false;
	pair_must(make("plant", 2));
}
END_TEST

/* ---- the CA's own ---- */

static bool
own(enum wire_cert_kind kind, uint32_t gen)
{
	struct base_buf b;
	bool yes;

	base_buf_init(&b, 0);
	yes = ca_identity_cert_get(&w.ca, kind, gen, &b) == BASE_OK;
	base_buf_free(&b);
	return yes;
}

START_TEST(its_own_certificates)
{
	uint64_t before;

	ck_assert(own(WIRE_ORDER_CERT, 1) && own(WIRE_CA_TLS, 1));
	pair_must(make_own(2, false));
	ck_assert_str_eq(has(CA_MANAGEMENT, 2), "key nwn nwo own ");
	ck_assert(own(WIRE_ORDER_CERT, 2) && !own(WIRE_CA_TLS, 2));
	pair_must(make_own(2, true));
	ck_assert(own(WIRE_CA_TLS, 2));
	before = asked();
	pair_must(make_own(2, true));
	ck_assert_uint_eq(asked(), before);
}
END_TEST

/* What is there is old: another one. */
START_TEST(in_the_last_third_of_its_life)
{
	struct base_time from, to;
	uint64_t before;

	pair_must(ca_issue_dates(w.ca.tls_cert, &from, &to));
	w.now.ms = to.ms - (to.ms - from.ms) / 3;
	before = asked();
	pair_must(make_own(1, true));
	ck_assert_uint_eq(asked(), before);
	w.now.ms += 1000;
	pair_must(make_own(1, false));
	ck_assert_uint_eq(asked(), before);
	pair_must(make_own(1, true));
	ck_assert_uint_eq(asked(), before + 1);
	ck_assert_str_eq(pair_last_record(),
	    "ca made: ca-cert of root management generation 1");
}
END_TEST

START_TEST(init_once)
{
	const uint64_t before = asked();
	struct ca_root r;

	times = 0;
	ca_make_init(&w.ca, WIRE_P256, done, NULL);
	ck_assert_uint_eq(times, 1);
	pair_must(end);
	ca_make_init(&w.ca, WIRE_P384, done, NULL);
	ck_assert_int_eq(end, BASE_E_EXISTS);
	ck_assert_uint_eq(asked(), before);
	pair_must(ca_store_root_get(w.ca.store, CA_MANAGEMENT, &r));
	ck_assert_int_eq(r.alg, WIRE_P256);
	ck_assert(ca_make_is_ready(&w.ca));
}
END_TEST

TCase *
case_make(void)
{
	TCase *t = pair_case("make");

	tcase_add_test(t, all_of_a_generation);
	tcase_add_loop_test(t, goes_on_where_it_was, 0, 5);
	tcase_add_loop_test(t, a_key_that_takes_minutes, 0, 2);
	tcase_add_test(t, not_what_was_asked_for);
	tcase_add_test(t, its_own_certificates);
	tcase_add_test(t, in_the_last_third_of_its_life);
	tcase_add_test(t, init_once);
	return t;
}
