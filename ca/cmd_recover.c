/*
 * kedge recover status, start, excuse: a store that is an old copy, and what
 * the operator can do about it. Answers come from kedged (docs/control.md).
 */
#include <stdio.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/remote.h"

static void
stage_print(FILE *f, const json_t *a)
{
	const char *stage = ca_text_of(a, "stage");

	if (strcmp(stage, "none") == 0)
		fprintf(f, "no recovery\n");
	else if (strcmp(stage, "unchecked") == 0)
		fprintf(f,
		    "waits for kedge-hsmd to say whether this store is the "
		    "newest\n");
	else
		fprintf(f, "recovers since %s: %s\n", ca_text_of(a, "since"),
		    ca_text_of(a, "why"));
	if (strcmp(stage, "recall") == 0)
		fprintf(f, "asks kedge-hsmd what it has signed\n");
	if (strcmp(stage, "ask") == 0)
		fprintf(f,
		    "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		    " nodes have said what they hold\n",
		    ca_number_of(a, "answered"), ca_number_of(a, "nodes"));
}

static void
missing_print(FILE *f, const json_t *o)
{
	const char *reason = ca_text_of(o, "reason");

	fprintf(f, "  %s, root %s: heard of last %s; ", ca_text_of(o, "node"),
	    ca_text_of(o, "root"), ca_text_of(o, "heard"));
	if (json_is_null(json_object_get(o, "asked")))
		fprintf(f, "not asked yet\n");
	else
		fprintf(f, "asked %s: %s%s%s\n", ca_text_of(o, "asked"),
		    ca_text_of(o, "state"), *reason == '\0' ? "" : ", ",
		    reason);
}

static enum base_err
recover_print(struct cli *c, const json_t *a)
{
	const char *trouble = ca_text_of(a, "trouble");
	FILE *f = cli_out(c);
	json_t *o;
	size_t i;

	stage_print(f, a);
	if (json_array_size(json_object_get(a, "missing")) > 0)
		fprintf(f, "nothing that touches these starts:\n");
	json_array_foreach(json_object_get(a, "missing"), i, o)
	    missing_print(f, o);
	if (*trouble != '\0' && strcmp(trouble, "-") != 0)
		fprintf(f, "last refusal: %s\n", trouble);
	json_array_foreach(json_object_get(a, "made"), i, o) fprintf(f,
	    "root %s: its roll was begun anew, and waits for you: kedge roll "
	    "status %s, then kedge roll resume %s or kedge roll abort %s\n",
	    json_string_value(o), json_string_value(o), json_string_value(o),
	    json_string_value(o));
	json_array_foreach(json_object_get(a, "removed"), i, o) fprintf(f,
	    "node %s was removed, and kedge-hsmd knows it still: kedge node "
	    "remove %s says so again; if it was put back since the copy: kedge "
	    "node add, and let it join anew\n",
	    json_string_value(o), json_string_value(o));
	return BASE_OK;
}

/* Exit 4, as while a roll is not done. */
static enum base_err
recover_judge(struct cli *c, json_t *answer)
{
	if (cli_has(c, "exit-code") &&
	    strcmp(ca_text_of(answer, "stage"), "none") != 0)
		cli_exit_set(c, CLI_WAITING);
	return BASE_OK;
}

enum base_err
ca_cmd_recover_status(struct cli *c)
{
	static const struct ca_field args[] = {
		CA_FIELD_END,
	};

	return ca_remote_act(c, "recover-status", args, recover_judge,
	    recover_print);
}

enum base_err
ca_cmd_recover_start(struct cli *c)
{
	static const struct ca_field args[] = {
		{ "reason", 0, CA_STRING, "reason" },
		CA_FIELD_END,
	};

	return ca_remote(c, "recover-start", args, recover_print);
}

enum base_err
ca_cmd_recover_excuse(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "node" },
		{ "reason", 0, CA_STRING, "reason" },
		CA_FIELD_END,
	};

	return ca_remote(c, "recover-excuse", args, recover_print);
}
