/* What is said of a recovery, and an excuse for a node that will not answer. */
#include <stdlib.h>
#include <string.h>

#include "ca/recover.h"
#include "tests/unit/ca/pair.h"
#include "tests/unit/ca/suites.h"

static void
lost(const char *node, const char *root)
{
	struct ca_fact f = { .kind = POL_FACT_LOST };

	strcpy(f.node, node);
	strcpy(f.root, root);
	pair_must(ca_store_fact_add(w.ca.store, &f));
}

static const char *
text(void)
{
	static char out[CA_RECOVERY_TEXT];

	ca_recover_text(&w.ca, out, sizeof(out));
	return out;
}

START_TEST(where_it_is)
{
	ck_assert_str_eq(text(), "");
	w.ca.unchecked = true;
	ck_assert_ptr_nonnull(strstr(text(), "whether this store is the new"));
	w.ca.unchecked = false;
	w.ca.recovery.stage = CA_RECOVERY_RECALL;
	ck_assert_str_eq(text(),
	    "recovery: asks kedge-hsmd what it has signed");
	w.ca.recovery.stage = CA_RECOVERY_ASK;
	ck_assert_str_eq(text(),
	    "recovery: 2 of 2 nodes have said what they hold");
	lost("app1", "plant");
	ck_assert_str_eq(text(),
	    "recovery: 1 of 2 nodes have said what they hold; nothing that "
	    "touches the others starts: app1");
	strcpy(w.ca.recovery.trouble, "kedge-hsmd: no");
	ck_assert_ptr_nonnull(strstr(text(), "starts: app1 (kedge-hsmd: no)"));
	lost("web1", "plant");
	ck_assert_ptr_nonnull(strstr(text(), "0 of 2 nodes"));
	ck_assert_ptr_nonnull(strstr(text(), "starts: app1, web1"));
}
END_TEST

/* Under however many roots. */
START_TEST(each_node_counts_once)
{
	struct ca_recovery_count n;

	lost("app1", "plant");
	lost("app1", CA_MANAGEMENT);
	pair_must(ca_recover_count(&w.ca, &n));
	ck_assert_uint_eq(n.nodes, 2);
	ck_assert_uint_eq(n.lost, 1);
	ck_assert_str_eq(n.name[0], "app1");
	/* one that has not joined has nothing to say */
	pair_node("app1")->joined.ms = 0;
	pair_must(ca_recover_count(&w.ca, &n));
	ck_assert_uint_eq(n.nodes, 1);
	ck_assert_uint_eq(n.lost, 0);
}
END_TEST

START_TEST(five_are_named)
{
	struct ca_node n = { .reach = CA_POLL, .joined = { 5 } };

	for (char c = 'a'; c < 'g'; c++) {
		sprintf(n.name, "n%c", c);
		pair_must(ca_store_node_put(w.ca.store, &n));
		lost(n.name, CA_MANAGEMENT);
	}
	pair_must(ca_reload_topo(&w.ca));
	w.ca.recovery.stage = CA_RECOVERY_ASK;
	ck_assert_ptr_nonnull(strstr(text(), "2 of 8 nodes"));
	ck_assert_ptr_nonnull(strstr(text(), "na, nb, nc, nd, ne and 1 more"));
}
END_TEST

/* ---- an excuse ---- */

static enum base_err
excuse(const char *node, const char *reason)
{
	const struct ca_word word = { "", node, reason, "uid 6" };

	return ca_recover_excuse(&w.ca, &word);
}

static bool
is_excused(const char *node, const char *root)
{
	struct ca_holding h;

	pair_must(ca_holding_get(w.ca.store, node, root, &h));
	return h.excused;
}

START_TEST(a_node_is_given_up)
{
	w.ca.recovery.stage = CA_RECOVERY_ASK;
	w.ca.told = true;
	lost("app1", "plant");
	lost("app1", CA_MANAGEMENT);
	pair_must(excuse("app1", "burnt"));
	ck_assert_str_eq(pair_last_record(),
	    "uid 6 excuse: app1 of root plant, which has not said what it "
	    "holds: burnt");
	ck_assert(is_excused("app1", "plant"));
	/* that could not be taken back */
	ck_assert(!is_excused("app1", CA_MANAGEMENT));
	ck_assert(!is_excused("web1", "plant"));
	/* kedge-hsmd hears of it */
	ck_assert(!w.ca.told);
	ck_assert_ptr_nonnull(strstr(text(), "2 of 2 nodes"));
}
END_TEST

static void
says_no(enum base_err want, const char *node, const char *reason,
    const char *part)
{
	uint64_t before, after;

	pair_must(ca_store_audit_count(w.ca.store, &before));
	ck_assert_int_eq(excuse(node, reason), want);
	ck_assert_msg(strstr(base_why(), part) != NULL, "%s", base_why());
	pair_must(ca_store_audit_count(w.ca.store, &after));
	ck_assert_uint_eq(before, after);
}

START_TEST(nothing_to_excuse)
{
	w.ca.recovery.stage = CA_RECOVERY_ASK;
	lost("app1", "plant");
	says_no(BASE_E_USAGE, "app1", "", "needs a reason");
	says_no(BASE_E_NOTFOUND, "ghost", "x", "not known");
	says_no(BASE_E_NOTFOUND, "ca", "x", "not known");
	says_no(BASE_E_STATE, "web1", "x", "no recovery waits for it");
	lost("web1", CA_MANAGEMENT);
	says_no(BASE_E_STATE, "web1", "x", "under the management root only");
	/* kedge-hsmd's memory of excuses would undo it */
	w.ca.recovery.stage = CA_RECOVERY_RECALL;
	says_no(BASE_E_STATE, "app1", "x", "kedge-hsmd has not said yet");
}
END_TEST

TCase *
case_recover_tell(void)
{
	TCase *t = pair_case("recover_tell");

	tcase_add_test(t, where_it_is);
	tcase_add_test(t, each_node_counts_once);
	tcase_add_test(t, five_are_named);
	tcase_add_test(t, a_node_is_given_up);
	tcase_add_test(t, nothing_to_excuse);
	return t;
}
