/* See doctor_rig.h. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/doctor_rig.h"

void
doctor_setup(void)
{
	base_log_open("test", BASE_ERR);
	asked_pair();
	asked.w.conf.silent_ms = 900000;
	asked.w.conf.fresh_ms = 60000;
}

void
doctor_look(void)
{
	/* kedge-hsmd is asked anew */
	asked.w.mono.ms += 60000;
	asked_ok("{\"cmd\":\"doctor\"}");
}

bool
doctor_is(const json_t *o, const char *key, const char *word)
{
	return strcmp(json_string_value(json_object_get(o, key)), word) == 0;
}

const char *
doctor_found(const char *check, const char *subject)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(asked.answer, "findings"), i, o)
	{
		ck_assert_uint_gt(json_string_length(json_object_get(o, "why")),
		    10);
		ck_assert_uint_gt(json_string_length(json_object_get(o, "do")),
		    5);
		if (doctor_is(o, "check", check) &&
		    doctor_is(o, "subject", subject))
			return json_string_value(json_object_get(o, "level"));
	}
	return "";
}

void
doctor_must(const char *check, const char *subject, const char *level)
{
	doctor_look();
	ck_assert_msg(strcmp(doctor_found(check, subject), level) == 0,
	    "%s of \"%s\" is \"%s\"", check, subject,
	    doctor_found(check, subject));
	if (strcmp(level, "fault") == 0 || strcmp(level, "warning") == 0)
		ck_assert(
		    json_is_false(json_object_get(asked.answer, "healthy")));
}
