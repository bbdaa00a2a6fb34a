/*
 * cli: the frame of the kedge command. One table names every command with
 * its synopsis, help, options and handler; help, usage errors, option
 * parsing and exit codes come from it. A handler (ca/cmd_*.c) reads its
 * options with cli_get, prints its result on standard output and returns.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "base/base.h"

/* Exit codes of kedge, all of them. */
enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_CHANGES = 3, /* the plan has changes */
	CLI_WAITING = 4, /* for nodes or for approval */
	CLI_OUTAGE = 5, /* refused because it would cause an outage */
	CLI_INTEGRITY = 6,
	CLI_CONFIG = 78,
};
/* BASE_E_AGAIN means waiting; USAGE, OUTAGE, INTEGRITY, CONFIG have their
 * own code, every other error is CLI_FAILED. */
enum cli_exit cli_exit_of(enum base_err e);

struct cli_option {
	const char *name; /* without the dashes; NULL ends a list */
	const char *value; /* word for the help, e.g. "FILE"; NULL: a switch */
	const char *help; /* one line */
};

struct cli;

struct cli_command {
	const char *name; /* one or two words: "plan", "root list" */
	const char *synopsis; /* what follows the name: "[--json] NODE" */
	const char *summary; /* one line for the list */
	const char *help; /* paragraphs for `kedge help NAME`; may be NULL */
	const struct cli_option *options; /* may be NULL */
	int args_min, args_max; /* operands; max -1: no bound */
	/* On error the sentence is in base_why(); the frame prints it. */
	enum base_err (*run)(struct cli *c);
};
/* The one table (ca/cli_table.c), ended by a NULL name. */
extern const struct cli_command cli_commands[];

/* Every command also takes these. */
#define CLI_SOCKET_DEFAULT "/run/kedge/control.sock"

/* Value of an option ("" for a switch that was given, NULL when it was not).
 * A name that the command's row does not list is our own bug and aborts. */
const char *cli_get(const struct cli *c, const char *name);
bool cli_has(const struct cli *c, const char *name);
/* The i-th value of an option given several times, NULL after the last. */
const char *cli_get_nth(const struct cli *c, const char *name, int i);
int cli_argc(const struct cli *c); /* operands */
const char *cli_arg(const struct cli *c, int i); /* NULL past the end */

bool cli_json(const struct cli *c); /* --json was given */
/* The one document that standard output has with --json. A command that
 * fails without having printed one gets {"ok":false,"error","message"} from
 * the frame; the sentence is on standard error either way. */
void cli_json_print(struct cli *c, const json_t *document);
const char *cli_socket(const struct cli *c); /* --socket or the default */
bool cli_tty(const struct cli *c); /* standard output is a terminal */
bool cli_color(const struct cli *c); /* … and NO_COLOR is not set */
FILE *cli_out(const struct cli *c); /* standard output */
/* What to exit with when the handler returns BASE_OK (default CLI_DONE). */
void cli_exit_set(struct cli *c, enum cli_exit code);

/* Runs one command line; returns the exit code. Errors go to err. */
int cli_main(int argc, char **argv, FILE *out, FILE *err);

/* ---- handlers, one file ca/cmd_*.c per subject ------------------------- */

/* ca/cmd_fleet.c */
enum base_err ca_cmd_plan(struct cli *c);
enum base_err ca_cmd_init(struct cli *c);
enum base_err ca_cmd_root_list(struct cli *c);
enum base_err ca_cmd_root_show(struct cli *c);
enum base_err ca_cmd_root_add(struct cli *c);
enum base_err ca_cmd_root_set(struct cli *c); /* ca/cmd_trigger.c */
enum base_err ca_cmd_node_list(struct cli *c);
enum base_err ca_cmd_node_show(struct cli *c);
enum base_err ca_cmd_node_add(struct cli *c);
enum base_err ca_cmd_node_set(struct cli *c);
enum base_err ca_cmd_node_remove(struct cli *c);
enum base_err ca_cmd_recover_status(struct cli *c);
enum base_err ca_cmd_recover_start(struct cli *c);
enum base_err ca_cmd_recover_excuse(struct cli *c);
enum base_err ca_cmd_node_rekey(struct cli *c);
enum base_err ca_cmd_node_token(struct cli *c);
enum base_err ca_cmd_node_join(struct cli *c);
enum base_err ca_cmd_link_list(struct cli *c);
enum base_err ca_cmd_link_add(struct cli *c);
enum base_err ca_cmd_link_remove(struct cli *c);
enum base_err ca_cmd_topology_apply(struct cli *c);
/* ca/cmd_parcel.c */
enum base_err ca_cmd_parcel_export(struct cli *c);
enum base_err ca_cmd_parcel_import(struct cli *c);
/* ca/cmd_topology.c */
enum base_err ca_cmd_topology_show(struct cli *c);

enum base_err ca_cmd_simulate(struct cli *c);

/* ca/cmd_roll.c */
enum base_err ca_cmd_roll_start(struct cli *c); /* ca/cmd_trigger.c */
enum base_err ca_cmd_roll_status(struct cli *c);
enum base_err ca_cmd_roll_pause(struct cli *c);
enum base_err ca_cmd_roll_resume(struct cli *c);
enum base_err ca_cmd_roll_retry(struct cli *c);
enum base_err ca_cmd_roll_step(struct cli *c);
/* ca/cmd_steer.c */
enum base_err ca_cmd_roll_abort(struct cli *c);
enum base_err ca_cmd_roll_excuse(struct cli *c);
enum base_err ca_cmd_roll_cuts(struct cli *c);
enum base_err ca_cmd_roll_approve(struct cli *c);
enum base_err ca_cmd_roll_return(struct cli *c);
enum base_err ca_cmd_roll_hold(struct cli *c);
enum base_err ca_cmd_roll_release(struct cli *c);
enum base_err ca_cmd_roll_report(struct cli *c); /* ca/cmd_report.c */
enum base_err ca_cmd_doctor(struct cli *c); /* ca/cmd_doctor.c */
enum base_err ca_cmd_explain(struct cli *c);
enum base_err ca_cmd_audit_verify(struct cli *c);
enum base_err ca_cmd_audit_list(struct cli *c);

/* ca/cmd_graph.c */
enum base_err ca_cmd_graph(struct cli *c);

/* ca/cmd_verify.c */
enum base_err ca_cmd_verify(struct cli *c);
