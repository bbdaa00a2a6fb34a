/* What doctor finds on the CA's host: kedge-hsmd, rights, a restored store. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ca/store_sqlite.h"
#include "tests/unit/ca/doctor_rig.h"
#include "tests/unit/ca/suites.h"

START_TEST(hsmd_away)
{
	doctor_must("hsmd", "", "");
	hsm_fake_mood(asked.w.hsm)->down = true;
	doctor_must("hsmd", "", "fault");
	hsm_fake_mood(asked.w.hsm)->down = false;
	doctor_must("hsmd", "", "");
}
END_TEST

START_TEST(rights)
{
	char *db = base_asprintf("%s/kedged.db", asked.w.dir);

	doctor_must("rights", "", "");
	ck_assert_int_eq(chmod(db, 0640), 0);
	doctor_must("rights", "", "fault");
	ck_assert_int_eq(chmod(db, 0600), 0);
	doctor_must("rights", "", "");
	ck_assert_int_eq(chmod(asked.w.dir, 0755), 0);
	doctor_must("rights", "", "fault");
	/* the socket is in it, too */
	ck_assert_int_eq(chmod(asked.w.dir, 0777), 0);
	doctor_must("rights", "", "fault");
	ck_assert_int_eq(chmod(asked.w.dir, 0700), 0);
	doctor_must("rights", "", "");
	free(db);
}
END_TEST

START_TEST(a_restored_store)
{
	world_join_all(&asked.w);
	doctor_must("recovery", "", "");
	world_node(&asked.w, "app1")->deaf = true;
	ck_assert_int_eq(ca_recover_want(&asked.w.ca, "a sign"), BASE_OK);
	world_turn(&asked.w);
	doctor_must("recovery", "", "warning");
	for (int i = 0; i < 200; i++)
		world_turn(&asked.w);
	doctor_must("recovery", "", "warning");
	world_node(&asked.w, "app1")->deaf = false;
	for (int i = 0; i < 400; i++)
		world_turn(&asked.w);
	doctor_must("recovery", "", "");
}
END_TEST

TCase *
case_doctor_host(void)
{
	TCase *t = tcase_create("doctor_host");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, doctor_setup, asked_close);
	tcase_add_test(t, hsmd_away);
	tcase_add_test(t, rights);
	tcase_add_test(t, a_restored_store);
	return t;
}
