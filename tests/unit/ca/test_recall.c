/* What kedge-hsmd remembers and the store does not: only what is missing is
 * taken. */
#include <stdlib.h>
#include <string.h>

#include "ca/recover.h"
#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/store_rig.h"
#include "tests/unit/ca/suites.h"

/* ---- certificates of a root, into a store that knows nothing ---- */

static struct ca empty;
static struct wire_hsm_item items[3];
static struct wire_hsm_answer answer = { .type = WIRE_HSM_RECALL,
	.nitems = 3,
	.items = items };

static struct ca_gen
made(uint32_t gen)
{
	struct ca_gen g;

	pair_must(ca_store_gen_get(w.ca.store, "plant", gen, &g));
	return g;
}

static void
remembered(size_t at, enum wire_cert_kind kind, uint32_t gen,
    const struct base_buf *der)
{
	const struct wire_hsm_recalled r = { .kind = kind,
		.generation = gen,
		.der = *der };

	base_buf_clear(&items[at].data);
	pair_must(wire_hsm_recalled_compose(&r, &items[at].data));
}

static void
begin(void)
{
	struct ca_gen first, second;

	pair_make("plant", 2);
	first = made(1);
	second = made(2);
	store_setup();
	empty = w.ca;
	empty.store = st;
	empty.issuers = NULL;
	remembered(0, WIRE_NEW_WITH_NEW, 1, &first.nwn);
	remembered(1, WIRE_NEW_WITH_NEW, 2, &second.nwn);
	remembered(2, WIRE_NEW_WITH_OLD, 2, &second.nwo);
	ca_gen_clear(&first);
	ca_gen_clear(&second);
}

static void
over(void)
{
	for (size_t i = 0; i < 3; i++)
		base_buf_free(&items[i].data);
	ca_issuers_free(&empty);
	store_teardown();
}

START_TEST(certificates_of_a_root)
{
	struct ca_gen is, want;
	struct ca_root r;

	begin();
	pair_must(ca_recall_root(&empty, "plant", &answer));
	/* the root itself comes with its first one */
	pair_must(ca_store_root_get(st, "plant", &r));
	ck_assert_uint_eq(r.current, 1);
	ck_assert_uint_eq(r.days, 3650);
	ck_assert_int_eq(r.alg, WIRE_P256);
	pair_must(ca_store_gen_get(st, "plant", 2, &is));
	want = made(2);
	ck_assert_uint_eq(is.nwo.n, want.nwo.n);
	ck_assert_mem_eq(is.nwo.p, want.nwo.p, is.nwo.n);
	ck_assert_mem_eq(is.nwn.p, want.nwn.p, is.nwn.n);
	ck_assert_mem_eq(is.spki.p, want.spki.p, is.spki.n);
	ck_assert_uint_eq(is.own.n, 0);
	ca_gen_clear(&is);
	ca_gen_clear(&want);
	/* what is there is kept */
	pair_must(ca_recall_root(&empty, "plant", &answer));
	over();
}
END_TEST

START_TEST(of_another_root)
{
	struct ca_root r;

	begin();
	ck_assert_int_eq(ca_recall_root(&empty, "lab", &answer),
	    BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "of root plant"));
	ck_assert_int_eq(ca_store_root_get(st, "plant", &r), BASE_E_NOTFOUND);
	over();
}
END_TEST

/* By whom it should be signed is looked at. */
START_TEST(signed_by_another)
{
	struct ca_gen second;

	begin();
	second = made(2);
	remembered(2, WIRE_OLD_WITH_NEW, 2, &second.nwo);
	ca_gen_clear(&second);
	ck_assert_int_eq(ca_recall_root(&empty, "plant", &answer),
	    BASE_E_INTEGRITY);
	ck_assert_ptr_nonnull(strstr(base_why(), "not signed by generation 2"));
	over();
}
END_TEST

/* ---- the whole of it ---- */

static unsigned times;
static enum base_err end;

static void
done(void *arg, enum base_err e)
{
	(void)arg;
	times++;
	end = e;
}

static enum base_err
recall(void)
{
	times = 0;
	ca_recall_go(&w.ca, done, NULL);
	pair_answer();
	ck_assert_uint_eq(times, 1);
	return end;
}

static void
app1_is_lost(void)
{
	pair_turns(4); /* kedge-hsmd knows the links */
	pair_must(ca_store_link_delete(w.ca.store, "app1", "web1"));
	pair_must(ca_store_node_delete(w.ca.store, "app1"));
}

static bool
has_link(void)
{
	struct ca_link *list;
	size_t n;

	pair_must(ca_store_links(w.ca.store, &list, &n));
	free(list);
	return n == 1;
}

START_TEST(a_node_and_its_links)
{
	struct ca_node n;
	struct base_buf before, after;
	uint64_t epoch;

	base_buf_init(&before, 0);
	base_buf_init(&after, 0);
	pair_must(ca_store_key_get(w.ca.store, "app1", "plant", &before));
	app1_is_lost();
	/* not lost but removed: kedge-hsmd is to forget it, too */
	pair_must(recall());
	ck_assert_int_eq(ca_store_node_get(w.ca.store, "app1", &n),
	    BASE_E_NOTFOUND);
	ck_assert(!has_link());
	pair_must(ca_store_gone_done(w.ca.store, "app1"));
	pair_must(ca_reload_topo(&w.ca));
	pair_must(recall());
	pair_must(ca_store_node_get(w.ca.store, "app1", &n));
	/* until the topology is applied again */
	ck_assert_int_eq(n.reach, CA_POLL);
	ck_assert_int_eq(n.joined.ms, w.now.ms);
	pair_must(ca_store_key_get(w.ca.store, "app1", "plant", &after));
	ck_assert_uint_eq(before.n, after.n);
	ck_assert_mem_eq(before.p, after.p, after.n);
	ck_assert(has_link());
	/* above all that was signed */
	pair_must(ca_epoch_next(&w.ca, "app1", "plant", &epoch));
	ck_assert_uint_eq(epoch, 2);
	base_buf_free(&before);
	base_buf_free(&after);
}
END_TEST

START_TEST(what_the_store_has_it_keeps)
{
	uint64_t before, after;

	pair_turns(4);
	pair_must(ca_store_audit_count(w.ca.store, &before));
	pair_must(recall());
	pair_must(ca_store_audit_count(w.ca.store, &after));
	ck_assert_uint_eq(before, after);
	ck_assert_int_eq(pair_node("web1")->reach, CA_DIRECT);
}
END_TEST

/* The operator's word, as kedge-hsmd was told last. */
START_TEST(excuses)
{
	struct ca_holding h;

	pair_turns(4);
	pair_fact("app1", POL_FACT_EXCUSED, (struct pol_conf){ 0, 0, 0 });
	pair_must(recall());
	pair_must(ca_holding_get(w.ca.store, "app1", "plant", &h));
	ck_assert(!h.excused);
	/* and the other way round */
	pair_fact("app1", POL_FACT_EXCUSED, (struct pol_conf){ 0, 0, 0 });
	w.ca.told = false;
	pair_turns(4);
	pair_fact("app1", POL_FACT_RETURNED, (struct pol_conf){ 0, 0, 0 });
	pair_must(recall());
	pair_must(ca_holding_get(w.ca.store, "app1", "plant", &h));
	ck_assert(h.excused);
}
END_TEST

START_TEST(a_node_with_a_new_key)
{
	struct base_buf spki, next;
	EVP_PKEY *key = NULL;
	bool wanted;

	base_buf_init(&spki, 0);
	base_buf_init(&next, 0);
	pair_must(wire_key_make(WIRE_P256, &key));
	pair_must(wire_key_spki(key, &spki));
	hsm_fake_next(w.hsm, "app1", "plant", base_buf_span(&spki));
	pair_must(recall());
	pair_must(
	    ca_store_rekey_get(w.ca.store, "app1", "plant", &wanted, &next));
	ck_assert(wanted);
	ck_assert_uint_eq(next.n, spki.n);
	ck_assert_mem_eq(next.p, spki.p, next.n);
	EVP_PKEY_free(key);
	base_buf_free(&spki);
	base_buf_free(&next);
}
END_TEST

START_TEST(no_answer)
{
	app1_is_lost();
	pair_must(ca_store_gone_done(w.ca.store, "app1"));
	hsm_fake_mood(w.hsm)->down = true;
	ck_assert_int_eq(recall(), BASE_E_AGAIN);
	hsm_fake_mood(w.hsm)->down = false;
	hsm_fake_mood(w.hsm)->unknowing = BASE_E_INTEGRITY;
	ck_assert_int_eq(recall(), BASE_E_INTEGRITY);
	hsm_fake_mood(w.hsm)->unknowing = BASE_OK;
	pair_must(ca_reload_topo(&w.ca));
	pair_must(recall());
	ck_assert(has_link());
}
END_TEST

TCase *
case_recall(void)
{
	TCase *t = pair_case("recall");

	tcase_add_test(t, certificates_of_a_root);
	tcase_add_test(t, of_another_root);
	tcase_add_test(t, signed_by_another);
	tcase_add_test(t, a_node_and_its_links);
	tcase_add_test(t, what_the_store_has_it_keeps);
	tcase_add_test(t, excuses);
	tcase_add_test(t, a_node_with_a_new_key);
	tcase_add_test(t, no_answer);
	return t;
}
