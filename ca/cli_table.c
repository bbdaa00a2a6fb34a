/*
 * cli_table: every command of kedge, in the order in which help lists them.
 * The man page and the completion follow this table.
 */
#include "ca/cli.h"

const struct cli_command cli_commands[] = {
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};
