/*
 * kedge roll abort, excuse, return, hold, release: the operator changes his
 * mind about a roll that runs. Answers come from kedged (docs/control.md).
 */
#include <stdio.h>

#include "ca/cli.h"
#include "ca/remote.h"

static enum base_err
steer_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);

	fprintf(f,
	    "root %s: %s, generation %" JSON_INTEGER_FORMAT
	    " -> %" JSON_INTEGER_FORMAT "\n",
	    ca_text_of(a, "root"), ca_text_of(a, "state"),
	    ca_number_of(a, "from"), ca_number_of(a, "to"));
	ca_excused_print(f, a, "  ");
	return BASE_OK;
}

enum base_err
ca_cmd_roll_abort(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ "reason", 0, CA_STRING, "reason" },
		{ "after-finish", 0, CA_SWITCH, "after_finish" },
		{ "to-compromised", 0, CA_SWITCH, "to_compromised" },
		CA_FIELD_END,
	};

	return ca_remote(c, "roll-abort", args, steer_print);
}

static const struct ca_field node_args[] = {
	{ NULL, 0, CA_STRING, "root" },
	{ NULL, 1, CA_STRING, "node" },
	{ "reason", 0, CA_STRING, "reason" },
	CA_FIELD_END,
};

enum base_err
ca_cmd_roll_excuse(struct cli *c)
{
	return ca_remote(c, "roll-excuse", node_args, steer_print);
}

enum base_err
ca_cmd_roll_return(struct cli *c)
{
	return ca_remote(c, "roll-return", node_args, steer_print);
}

enum base_err
ca_cmd_roll_hold(struct cli *c)
{
	return ca_remote(c, "roll-hold", node_args, steer_print);
}

enum base_err
ca_cmd_roll_release(struct cli *c)
{
	return ca_remote(c, "roll-release", node_args, steer_print);
}
