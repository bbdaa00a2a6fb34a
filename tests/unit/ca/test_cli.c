/* Tests of ca/cli.c: the frame of the kedge command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "tests/unit/ca/suites.h"

/* Runs a command line given as words up to NULL; keeps what it printed. */
static char output[65536], errors[4096];

static int
run(const char *const *words)
{
	char *argv[16] = { NULL };
	int argc = 0, code;
	FILE *out = fmemopen(output, sizeof(output), "w");
	FILE *err = fmemopen(errors, sizeof(errors), "w");

	ck_assert(out != NULL && err != NULL);
	output[0] = errors[0] = '\0';
	for (; words[argc] != NULL; argc++)
		argv[argc] = base_strdup(words[argc]);
	code = cli_main(argc, argv, out, err);
	fclose(out);
	fclose(err);
	/* getopt permutes argv; every word is still in it */
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return code;
}
#define RUN(...) run((const char *const[]){ "kedge", __VA_ARGS__, NULL })

/* kedge help NAME; the name may have two words */
static void
help_of(const char *name)
{
	char first[64];
	const char *second = strchr(name, ' ');
	size_t n = strcspn(name, " ");

	ck_assert_uint_lt(n, sizeof(first));
	memcpy(first, name, n);
	first[n] = '\0';
	ck_assert_int_eq(RUN("help", first, second ? second + 1 : NULL),
	    CLI_DONE);
}

START_TEST(test_help_lists_every_command)
{
	ck_assert_int_eq(RUN("--help"), CLI_DONE);
	for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
		ck_assert_msg(strstr(output, c->name) != NULL, "%s", c->name);
}
END_TEST

START_TEST(test_help_of_each_command_names_its_options)
{
	for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
		const struct cli_option *o = c->options;
		help_of(c->name);
		ck_assert(strstr(output, c->summary) != NULL);
		for (; o != NULL && o->name != NULL; o++)
			ck_assert_msg(strstr(output, o->name) != NULL, "%s %s",
			    c->name, o->name);
	}
}
END_TEST

START_TEST(test_rows_are_complete)
{
	for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
		ck_assert(c->run != NULL && c->summary != NULL);
		ck_assert(c->synopsis != NULL);
		ck_assert(c->args_max < 0 || c->args_min <= c->args_max);
	}
}
END_TEST

/* Half a command is told how it can go on. */
START_TEST(test_half_a_command)
{
	ck_assert_int_eq(RUN("link"), CLI_USAGE);
	ck_assert_str_eq(errors,
	    "kedge link: what of it? One of add, list, "
	    "remove; see kedge --help\n");
	ck_assert_int_eq(RUN("lin"), CLI_USAGE);
	ck_assert_ptr_null(strstr(errors, "One of"));
	ck_assert_int_eq(RUN("plan", "it"), CLI_USAGE);
	ck_assert_ptr_null(strstr(errors, "One of"));
}
END_TEST

START_TEST(test_unknown_command_is_usage)
{
	ck_assert_int_eq(RUN("frobnicate"), CLI_USAGE);
	ck_assert(strstr(errors, "no command frobnicate") != NULL);
	ck_assert_int_eq(RUN("help", "frobnicate"), CLI_USAGE);
}
END_TEST

START_TEST(test_json_is_one_document_also_in_failure)
{
	json_t *o;

	ck_assert_int_eq(RUN("frobnicate", "--json"), CLI_USAGE);
	ck_assert_ptr_nonnull(o = json_loads(output, 0, NULL));
	ck_assert(json_is_false(json_object_get(o, "ok")));
	ck_assert_str_eq(json_string_value(json_object_get(o, "error")),
	    "USAGE");
	json_decref(o);
	ck_assert_int_eq(RUN("plan", "--json", "--root", "plant", "--topology",
			     "/nonexistent.conf"),
	    CLI_CONFIG);
	ck_assert_ptr_nonnull(o = json_loads(output, 0, NULL));
	ck_assert_str_eq(json_string_value(json_object_get(o, "error")),
	    "CONFIG");
	ck_assert(strstr(errors, "/nonexistent.conf") != NULL);
	json_decref(o);
	/* a refused certificate is an answer, not a second document */
	ck_assert_int_eq(RUN("verify", "--json", "--trust", "/nonexistent.pem",
			     "--purpose", "server", "/nonexistent.pem"),
	    CLI_FAILED);
	ck_assert_ptr_nonnull(o = json_loads(output, 0, NULL));
	ck_assert(json_is_false(json_object_get(o, "accepted")));
	json_decref(o);
	/* without it, standard output stays empty */
	ck_assert_int_eq(RUN("frobnicate"), CLI_USAGE);
	ck_assert_str_eq(output, "");
}
END_TEST

#define TOPO "tests/data/topology/e1.conf"
#define NONE "/nonexistent"

/* One table for all commands: the same fault has the same code. */
static const struct {
	enum cli_exit code;
	const char *words[10]; /* after "kedge" */
} faults[] = {
	/* a topology file that cannot be read, or is none */
	{ CLI_CONFIG, { "plan", "--root", "a", "--topology", NONE } },
	{ CLI_CONFIG, { "simulate", "--topology", NONE, "a" } },
	{ CLI_CONFIG, { "graph", "--topology", NONE, "a" } },
	{ CLI_CONFIG, { "topology", "apply", "--socket", NONE, NONE } },
	{ CLI_CONFIG, { "plan", "--root", "a", "--topology", "LICENSE" } },
	{ CLI_CONFIG, { "simulate", "--topology", "LICENSE", "a" } },
	{ CLI_CONFIG, { "graph", "--topology", "LICENSE", "a" } },
	/* a root that is not there */
	{ CLI_FAILED, { "plan", "--root", "x", "--topology", TOPO } },
	{ CLI_FAILED,
	    { "plan", "--compare", "--root", "x", "--topology", TOPO } },
	{ CLI_FAILED, { "simulate", "--topology", TOPO, "x" } },
	{ CLI_FAILED, { "graph", "--topology", TOPO, "x" } },
	/* another file that is not there */
	{ CLI_FAILED,
	    { "verify", "--trust", NONE, "--purpose", "server", NONE } },
	{ CLI_FAILED, { "audit", "verify", "--store", NONE } },
	{ CLI_FAILED, { "node", "join", "--socket", NONE, NONE, NONE } },
	/* nobody answers */
	{ CLI_FAILED, { "root", "list", "--socket", NONE } },
	{ CLI_FAILED, { "plan", "--root", "a", "--socket", NONE } },
	{ CLI_FAILED, { "simulate", "--socket", NONE, "a" } },
	{ CLI_FAILED, { "graph", "--socket", NONE } },
	{ CLI_FAILED, { "doctor", "--socket", NONE } },
	{ CLI_FAILED, { "topology", "show", "--socket", NONE } },
	{ CLI_FAILED, { "topology", "apply", "--socket", NONE, TOPO } },
	{ CLI_FAILED, { "roll", "start", "--socket", NONE, "a" } },
	/* words that are wrong whatever the fleet is */
	{ CLI_USAGE, { "frobnicate" } },
	{ CLI_USAGE, { "roll" } },
	{ CLI_USAGE, { "roll", "frobnicate" } },
	{ CLI_USAGE, { "plan" } },
	{ CLI_USAGE, { "plan", "--nosuch" } },
	{ CLI_USAGE,
	    { "plan", "--topology", TOPO, "--root", "a", "--strategy", "x" } },
	{ CLI_USAGE,
	    { "simulate", "--topology", TOPO, "--strategy", "x", "a" } },
	{ CLI_USAGE, { "graph", "--topology", TOPO, "--strategy", "x", "a" } },
	{ CLI_USAGE, { "simulate", "--topology", TOPO, "--limit", "x", "a" } },
	{ CLI_USAGE, { "simulate", "--topology", TOPO, "--window", "x", "a" } },
	{ CLI_USAGE, { "roll", "start", "--max-in-flight", "x", "a" } },
	{ CLI_USAGE, { "audit", "list", "--limit", "x" } },
	{ CLI_USAGE, { "explain", "a" } },
	{ CLI_USAGE, { "node", "set", "web1" } },
	{ CLI_USAGE, { "verify", "--trust", NONE, "--purpose", "x", NONE } },
	{ CLI_USAGE, { "root", "show" } },
	{ CLI_USAGE, { "root", "show", "a", "b" } },
	/* and none */
	{ CLI_DONE, { "plan", "--root", "a", "--topology", TOPO } },
	{ CLI_CHANGES,
	    { "plan", "--exit-code", "--root", "a", "--topology", TOPO } },
	{ CLI_DONE, { "simulate", "--topology", TOPO, "a" } },
	{ CLI_DONE, { "graph", "--topology", TOPO, "a" } },
};

START_TEST(test_the_same_fault_has_the_same_code)
{
	const char *words[12] = { "kedge" };

	for (int i = 0; i < 10; i++)
		words[i + 1] = faults[_i].words[i];
	ck_assert_msg(run(words) == (int)faults[_i].code,
	    "%s %s %s: not %d: %s", words[1], words[2] != NULL ? words[2] : "",
	    words[2] != NULL && words[3] != NULL ? words[3] : "",
	    (int)faults[_i].code, errors);
	ck_assert_int_eq(errors[0] == '\0',
	    faults[_i].code == CLI_DONE || faults[_i].code == CLI_CHANGES);
}
END_TEST

/* What was typed is named, and "--j" is "--json". */
START_TEST(test_options_as_they_were_typed)
{
	json_t *o;

	ck_assert_int_eq(RUN("roll", "start", "--j", "--max-in-flight", "x",
			     "a"),
	    CLI_USAGE);
	ck_assert(strstr(errors, "--max-in-flight: 'x'") != NULL);
	ck_assert_ptr_nonnull(o = json_loads(output, 0, NULL));
	json_decref(o);
	ck_assert_int_eq(RUN("root", "set", "--roll-before", "x", "a"),
	    CLI_USAGE);
	ck_assert(strstr(errors, "--roll-before: 'x'") != NULL);
	ck_assert_int_eq(RUN("plan", "--js", "--root", "a", "--topology", TOPO),
	    CLI_DONE);
	ck_assert_ptr_nonnull(o = json_loads(output, 0, NULL));
	json_decref(o);
	/* a value that looks like it is none */
	ck_assert_int_eq(RUN("graph", "--strategy", "--json", "--topology",
			     TOPO, "a"),
	    CLI_USAGE);
	ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(test_required_options_are_asked_for)
{
	ck_assert_int_eq(RUN("node", "add", "web1"), CLI_USAGE);
	ck_assert(strstr(errors, "--reach is missing") != NULL);
	ck_assert_int_eq(RUN("verify", "--trust", "x", "y"), CLI_USAGE);
	ck_assert(strstr(errors, "--purpose is missing") != NULL);
	/* one in brackets is not required: kedged is what is missing here */
	ck_assert_int_eq(RUN("root", "add", "--socket", "/nonexistent.sock",
			     "plant"),
	    CLI_FAILED);
	ck_assert_int_eq(RUN("node", "set", "web1"), CLI_USAGE);
	ck_assert(strstr(errors, "nothing to set") != NULL);
}
END_TEST

START_TEST(test_verify_takes_each_option_once)
{
	ck_assert_int_eq(RUN("verify", "--trust", "a", "--trust", "b",
			     "--purpose", "server", "c"),
	    CLI_USAGE);
	ck_assert(strstr(errors, "--trust is given twice") != NULL);
}
END_TEST

START_TEST(test_exit_codes)
{
	ck_assert_int_eq(cli_exit_of(BASE_OK), 0);
	ck_assert_int_eq(cli_exit_of(BASE_E_IO), 1);
	ck_assert_int_eq(cli_exit_of(BASE_E_USAGE), 2);
	ck_assert_int_eq(cli_exit_of(BASE_E_AGAIN), 4);
	ck_assert_int_eq(cli_exit_of(BASE_E_OUTAGE), 5);
	ck_assert_int_eq(cli_exit_of(BASE_E_INTEGRITY), 6);
	ck_assert_int_eq(cli_exit_of(BASE_E_CONFIG), 78);
}
END_TEST

TCase *
case_cli(void)
{
	TCase *t = tcase_create("cli");

	tcase_add_test(t, test_help_lists_every_command);
	tcase_add_test(t, test_help_of_each_command_names_its_options);
	tcase_add_test(t, test_rows_are_complete);
	tcase_add_test(t, test_half_a_command);
	tcase_add_test(t, test_unknown_command_is_usage);
	tcase_add_test(t, test_json_is_one_document_also_in_failure);
	tcase_add_loop_test(t, test_the_same_fault_has_the_same_code, 0,
	    (int)(sizeof(faults) / sizeof(*faults)));
	tcase_add_test(t, test_options_as_they_were_typed);
	tcase_add_test(t, test_required_options_are_asked_for);
	tcase_add_test(t, test_verify_takes_each_option_once);
	tcase_add_test(t, test_exit_codes);
	return t;
}
