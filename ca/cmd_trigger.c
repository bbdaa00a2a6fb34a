/*
 * kedge roll start, root set: what sets rolls off. Questions to kedged
 * (docs/control.md) and what it answers.
 */
#include <stdio.h>

#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/remote.h"

/* ---- root set --------------------------------------------------------------- */

static enum base_err
root_set_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);

	if (ca_number_of(a, "roll_before") == 0)
		fprintf(f, "root %s: rolls when it is told to\n",
		    ca_text_of(a, "name"));
	else
		fprintf(f,
		    "root %s: rolls by itself at %s, %" JSON_INTEGER_FORMAT
		    " days before its end, %s\n",
		    ca_text_of(a, "name"), ca_text_of(a, "rolls_at"),
		    ca_number_of(a, "roll_before"),
		    ca_text_of(a, "roll_strategy"));
	return BASE_OK;
}

enum base_err
ca_cmd_root_set(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ "roll-before", 0, CA_NUMBER, "roll_before" },
		{ "strategy", 0, CA_STRING, "roll_strategy" },
		CA_FIELD_END,
	};

	return ca_remote(c, "root-set", args, root_set_print);
}

/* ---- roll start ------------------------------------------------------------- */

static void
start_print(FILE *f, const char *root, const json_t *a)
{
	if (root != NULL)
		fprintf(f, "root %s: ", root);
	if (ca_number_of(a, "roll") == 0) /* dry run */
		fprintf(f, "ready");
	else
		fprintf(f, "roll %" JSON_INTEGER_FORMAT " started",
		    ca_number_of(a, "roll"));
	fprintf(f,
	    ", generation %" JSON_INTEGER_FORMAT " -> %" JSON_INTEGER_FORMAT
	    "\n",
	    ca_number_of(a, "from"), ca_number_of(a, "to"));
}

static enum base_err
roll_start_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);
	size_t i;
	json_t *o;

	if (json_object_get(a, "started") == NULL) {
		start_print(f, NULL, a);
		return BASE_OK;
	}
	json_array_foreach(json_object_get(a, "started"), i, o)
	    start_print(f, ca_text_of(o, "root"), o);
	json_array_foreach(json_object_get(a, "not_started"), i, o)
	    fprintf(f, "root %s: not started: %s\n", ca_text_of(o, "root"),
		ca_text_of(o, "reason"));
	return BASE_OK;
}

static enum base_err
roll_start_judge(struct cli *c, json_t *answer)
{
	if (json_array_size(json_object_get(answer, "not_started")) > 0)
		cli_exit_set(c, CLI_FAILED);
	return BASE_OK;
}

enum base_err
ca_cmd_roll_start(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ "strategy", 0, CA_STRING, "strategy" },
		{ "max-in-flight", 0, CA_NUMBER, "max_in_flight" },
		{ "first", 0, CA_LIST, "first" },
		{ "step", 0, CA_SWITCH, "step" },
		{ "presume", 0, CA_STRING, "presume" },
		{ "compromised", 0, CA_SWITCH, "compromised" },
		{ "deadline", 0, CA_STRING, "deadline" },
		{ "cut", 0, CA_LIST, "cut" },
		{ "kicks", 0, CA_NUMBER, "kicks" },
		{ "all", 0, CA_SWITCH, "all" },
		{ "dry-run", 0, CA_SWITCH, "dry_run" },
		CA_FIELD_END,
	};
	json_t *request, *windows;
	const char *text;
	enum base_err e;

	if (cli_has(c, "all") == (cli_argc(c) == 1))
		return base_fail(BASE_E_USAGE,
		    "kedge roll start: name one ROOT, or say --all");
	if ((e = ca_request_new(c, "roll-start", args, &request)) != BASE_OK)
		return e;
	/* no list: a window may have commas */
	windows = json_array();
	for (int i = 0; (text = cli_get_nth(c, "window", i)) != NULL; i++)
		json_array_append_new(windows, json_string(text));
	if (json_array_size(windows) > 0)
		json_object_set(request, "windows", windows);
	json_decref(windows);
	return ca_request_ask(c, request, roll_start_judge, roll_start_print);
}
