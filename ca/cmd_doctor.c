/*
 * kedge doctor: one look over everything; kedged looks (ca/doctor.c).
 */
#include <stdio.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/remote.h"

static void
finding_print(FILE *f, const json_t *o)
{
	const char *subject = ca_text_of(o, "subject");

	fprintf(f, "%s: %s%s%s\n    why: %s\n    do: %s\n",
	    ca_text_of(o, "level"), subject, *subject == '\0' ? "" : ": ",
	    ca_text_of(o, "what"), ca_text_of(o, "why"), ca_text_of(o, "do"));
}

static size_t
print_level(FILE *f, const json_t *findings, const char *level)
{
	size_t i, n = 0;
	json_t *o;

	json_array_foreach(findings, i, o)
	{
		if (strcmp(ca_text_of(o, "level"), level) != 0)
			continue;
		finding_print(f, o);
		n++;
	}
	return n;
}

/* The worst first. */
static enum base_err
doctor_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);
	const json_t *list = json_object_get(a, "findings");
	size_t faults = print_level(f, list, "fault");
	size_t warnings = print_level(f, list, "warning");
	size_t notes = print_level(f, list, "note");

	fprintf(f, "%s: %zu faults, %zu warnings, %zu notes\n",
	    json_is_true(json_object_get(a, "healthy")) ? "healthy"
							: "not healthy",
	    faults, warnings, notes);
	return BASE_OK;
}

static enum base_err
doctor_judge(struct cli *c, json_t *answer)
{
	if (!json_is_true(json_object_get(answer, "healthy")))
		cli_exit_set(c, CLI_FAILED);
	return BASE_OK;
}

enum base_err
ca_cmd_doctor(struct cli *c)
{
	static const struct ca_field args[] = {
		CA_FIELD_END,
	};

	return ca_remote_act(c, "doctor", args, doctor_judge, doctor_print);
}
