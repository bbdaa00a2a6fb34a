/* kedge doctor as kedged answers it: each thing that can be wrong is found,
 * and is not found when it is right. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ca/store_sqlite.h"
#include "tests/unit/ca/doctor_rig.h"
#include "tests/unit/ca/suites.h"

/* What the host of this test can spare is not our business. */
static bool
only_the_disk(void)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(asked.answer, "findings"), i,
	    o) if (!doctor_is(o, "check", "disk")) return false;
	return true;
}

START_TEST(a_sound_fleet)
{
	world_join_all(&asked.w);
	doctor_look();
	ck_assert(only_the_disk());
}
END_TEST

START_TEST(ends_of_roots)
{
	world_join_all(&asked.w);
	asked.w.now.ms += INT64_C(2900) * 86400000;
	doctor_must("root-end", "root plant", "");
	asked.w.now.ms += INT64_C(30) * 86400000;
	doctor_must("root-end", "root plant", "note");
	asked.w.now.ms += INT64_C(365) * 86400000;
	doctor_must("root-end", "root plant", "warning");
	asked.w.now.ms += INT64_C(183) * 86400000;
	doctor_must("root-end", "root plant", "fault");
}
END_TEST

START_TEST(a_schedule_that_cannot)
{
	asked_ok("{\"cmd\":\"root-set\",\"root\":\"plant\","
		 "\"roll_before\":3640}");
	doctor_must("schedule", "root plant", "");
	asked.w.now.ms += INT64_C(11) * 86400000;
	asked.w.mono.ms += INT64_C(11) * 86400000;
	(void)ca_schedule_work(&asked.w.ca);
	doctor_must("schedule", "root plant", "warning");
}
END_TEST

/* Signed again, it is found no more. */
START_TEST(what_is_not_signed)
{
	world_join_all(&asked.w);
	asked_ok("{\"cmd\":\"roll-start\",\"root\":\"plant\"}");
	doctor_must("roll", "root plant", "");
	hsm_fake_mood(asked.w.hsm)->refuse = "app1";
	ck_assert(!world_run(&asked.w, 20, world_rolled));
	doctor_must("roll", "root plant", "warning");
	hsm_fake_mood(asked.w.hsm)->refuse = NULL;
	ck_assert(world_run(&asked.w, 100, world_rolled));
	doctor_must("roll", "root plant", "");
}
END_TEST

START_TEST(certificates)
{
	world_join_all(&asked.w);
	asked.w.now.ms += INT64_C(320) * 86400000;
	doctor_must("certificate", "node app1", "");
	asked.w.now.ms += INT64_C(20) * 86400000;
	doctor_must("certificate", "node app1", "warning");
	asked.w.now.ms += INT64_C(60) * 86400000;
	doctor_must("certificate", "node app1", "fault");
}
END_TEST

START_TEST(a_changed_audit)
{
	doctor_must("store", "", "");
	ck_assert_int_eq(sqlite3_exec(asked.w.ca.store->db,
			     "UPDATE audit SET detail = 'x' WHERE seq = 2",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	doctor_must("store", "", "fault");
}
END_TEST

START_TEST(nothing_else_is_taken)
{
	asked_no("{\"cmd\":\"doctor\",\"more\":1}", "USAGE");
}
END_TEST

TCase *
case_doctor(void)
{
	TCase *t = tcase_create("doctor");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, doctor_setup, asked_close);
	tcase_add_test(t, a_sound_fleet);
	tcase_add_test(t, ends_of_roots);
	tcase_add_test(t, a_schedule_that_cannot);
	tcase_add_test(t, what_is_not_signed);
	tcase_add_test(t, certificates);
	tcase_add_test(t, a_changed_audit);
	tcase_add_test(t, nothing_else_is_taken);
	return t;
}
