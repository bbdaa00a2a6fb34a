/*
 * cli: finds the command in the table, parses its options, prints help and
 * maps errors to exit codes. Called by kedge_main and by the tests.
 */
#include "ca/cli.h"
#include "ca/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct cli_option common_options[] = {
	{ "json", NULL, "print JSON instead of text" },
	{ "socket", "PATH", "control socket of kedged" },
	{ "help", NULL, "show help" },
	{ NULL, NULL, NULL },
};

#define OPTIONS_MAX 32

struct given {
	const struct cli_option *option;
	const char *value;
};

struct cli {
	const struct cli_command *command;
	const struct cli_option *known[OPTIONS_MAX];
	int nknown;
	struct given *given; /* in the order of the command line */
	int ngiven;
	char **args;
	int nargs;
	FILE *out, *err;
	enum cli_exit code;
	bool json; /* also where the rest cannot be parsed */
	bool said; /* the JSON document is on out */
};

enum cli_exit
cli_exit_of(enum base_err e)
{
	switch (e) {
	case BASE_OK:
		return CLI_DONE;
	case BASE_E_USAGE:
		return CLI_USAGE;
	case BASE_E_AGAIN:
		return CLI_WAITING;
	case BASE_E_OUTAGE:
		return CLI_OUTAGE;
	case BASE_E_INTEGRITY:
		return CLI_INTEGRITY;
	case BASE_E_CONFIG:
		return CLI_CONFIG;
	case BASE_E_SYNTAX:
	case BASE_E_RANGE:
	case BASE_E_EXISTS:
	case BASE_E_NOTFOUND:
	case BASE_E_IO:
	case BASE_E_DENIED:
	case BASE_E_REFUSED:
	case BASE_E_CRYPTO:
	case BASE_E_EXPIRED:
	case BASE_E_STATE:
	case BASE_E_TIMEOUT:
		break;
	}
	return CLI_FAILED;
}

/* ---- what handlers ask ---------------------------------------------------- */

static const struct cli_option *
option_find(const struct cli *c, const char *name)
{
	for (int i = 0; i < c->nknown; i++)
		if (strcmp(c->known[i]->name, name) == 0)
			return c->known[i];
	base_die("cli: command has no option --%s in its table row", name);
}

const char *
cli_get_nth(const struct cli *c, const char *name, int n)
{
	const struct cli_option *o = option_find(c, name);

	for (int i = 0; i < c->ngiven; i++)
		if (c->given[i].option == o && n-- == 0)
			return c->given[i].value;
	return NULL;
}

const char *
cli_get(const struct cli *c, const char *name)
{
	const char *value = NULL, *v;

	/* the last one counts, as with most commands */
	for (int i = 0; (v = cli_get_nth(c, name, i)) != NULL; i++)
		value = v;
	return value;
}

bool
cli_has(const struct cli *c, const char *name)
{
	return cli_get_nth(c, name, 0) != NULL;
}

int
cli_argc(const struct cli *c)
{
	return c->nargs;
}

const char *
cli_arg(const struct cli *c, int i)
{
	return i >= 0 && i < c->nargs ? c->args[i] : NULL;
}

bool
cli_json(const struct cli *c)
{
	return c->json;
}

void
cli_json_print(struct cli *c, const json_t *document)
{
	ca_json_print(c->out, document);
	c->said = true;
}

const char *
cli_socket(const struct cli *c)
{
	const char *path = cli_get(c, "socket");

	return path != NULL ? path : CLI_SOCKET_DEFAULT;
}

bool
cli_tty(const struct cli *c)
{
	int fd = fileno(c->out);

	return fd >= 0 && isatty(fd);
}

bool
cli_color(const struct cli *c)
{
	const char *no = getenv("NO_COLOR");

	return cli_tty(c) && (no == NULL || *no == '\0');
}

FILE *
cli_out(const struct cli *c)
{
	return c->out;
}

void
cli_exit_set(struct cli *c, enum cli_exit code)
{
	c->code = code;
}

/* ---- help ------------------------------------------------------------------- */

static void
help_options(const struct cli_option *o, FILE *out)
{
	char left[48];

	for (; o != NULL && o->name != NULL; o++) {
		snprintf(left, sizeof(left), "--%s%s%s", o->name,
		    o->value != NULL ? " " : "",
		    o->value != NULL ? o->value : "");
		fprintf(out, "  %-22s %s\n", left, o->help);
	}
}

static void
help_command(const struct cli_command *cmd, FILE *out)
{
	fprintf(out, "usage: kedge %s%s%s\n\n%s\n", cmd->name,
	    *cmd->synopsis != '\0' ? " " : "", cmd->synopsis, cmd->summary);
	if (cmd->help != NULL)
		fprintf(out, "\n%s", cmd->help);
	fprintf(out, "\noptions:\n");
	help_options(cmd->options, out);
	help_options(common_options, out);
}

static void
help_list(FILE *out)
{
	fprintf(out,
	    "usage: kedge COMMAND [OPTION]...\n\n"
	    "Moves TLS clients and servers from an old root key to a new one.\n\n"
	    "commands:\n");
	for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
		fprintf(out, "  %-18s %s\n", c->name, c->summary);
	fprintf(out,
	    "\n`kedge help COMMAND` explains one. Exit: 0 done, 1 failed, "
	    "2 usage,\n3 the plan has changes, 4 waiting, 5 refused because it "
	    "would cause\nan outage, 6 integrity, 78 configuration.\n");
}

/* ---- what went wrong ------------------------------------------------------------ */

/* The sentence for people; and with --json standard output has one document,
 * whatever happens. */
static int
failed(struct cli *c, enum base_err e)
{
	json_t *why = json_string(base_why());
	json_t *o =
	    json_pack("{s:b,s:s,s:o}", "ok", 0, "error", base_err_name(e),
		"message", why != NULL ? why : json_string("(not UTF-8)"));

	fprintf(c->err, "%s\n", base_why());
	if (c->json && !c->said)
		cli_json_print(c, o);
	json_decref(o);
	return (int)cli_exit_of(e);
}

/* Before the options are parsed, and where they cannot be. getopt_long takes
 * "--j", too. */
static bool
wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strlen(argv[i]) > 2 &&
		    strncmp(argv[i], "--json", strlen(argv[i])) == 0)
			return true;
	return false;
}

/* ---- the command line ---------------------------------------------------------- */

/* Words of name that argv starts with; 0 when it is another command. */
static int
command_words(const char *name, int argc, char **argv)
{
	int words = 0;

	while (*name != '\0') {
		size_t n = strcspn(name, " ");
		if (words >= argc || strlen(argv[words]) != n ||
		    memcmp(argv[words], name, n) != 0)
			return 0;
		name += n;
		name += strspn(name, " ");
		words++;
	}
	return words;
}

static const struct cli_command *
command_find(int argc, char **argv, int *words)
{
	for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
		if ((*words = command_words(c->name, argc, argv)) > 0)
			return c;
	return NULL;
}

static void
known_add(struct cli *c, const struct cli_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		if (c->nknown == OPTIONS_MAX - 1)
			base_die("cli: %s has too many options",
			    c->command->name);
		c->known[c->nknown++] = o;
	}
}

/* argv[0] is the last word of the command's name. */
static enum base_err
options_parse(struct cli *c, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX] = { { NULL, 0, NULL, 0 } };
	int ch, index;

	known_add(c, c->command->options);
	known_add(c, common_options);
	for (int i = 0; i < c->nknown; i++) {
		longs[i].name = c->known[i]->name;
		longs[i].has_arg = c->known[i]->value != NULL;
		longs[i].val = 'o';
	}
	c->given =
	    base_realloc_array(NULL, (size_t)argc + 1, sizeof(*c->given));
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while ((ch = getopt_long(argc, argv, ":", longs, &index)) != -1) {
		if (ch == ':')
			return base_fail(BASE_E_USAGE,
			    "kedge %s: %s needs a value", c->command->name,
			    argv[optind - 1]);
		if (ch != 'o')
			return base_fail(BASE_E_USAGE,
			    "kedge %s: no option %s; see kedge help %s",
			    c->command->name, argv[optind - 1],
			    c->command->name);
		c->given[c->ngiven].option = c->known[index];
		c->given[c->ngiven++].value = optarg != NULL ? optarg : "";
	}
	c->args = argv + optind;
	c->nargs = argc - optind;
	c->json = cli_has(c, "json");
	return BASE_OK;
}

/* What the synopsis names outside of brackets and braces must be there. */
static enum base_err
required_check(const struct cli *c)
{
	char name[32];
	int depth = 0;

	for (const char *s = c->command->synopsis; *s != '\0'; s++) {
		depth += (*s == '[' || *s == '{') - (*s == ']' || *s == '}');
		if (depth > 0 || strncmp(s, "--", 2) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(s + 2, " ]"),
		    s + 2);
		if (!cli_has(c, name))
			return base_fail(BASE_E_USAGE,
			    "kedge %s: --%s is missing; see kedge help %s",
			    c->command->name, name, c->command->name);
		s += strlen(name);
	}
	return BASE_OK;
}

static enum base_err
operands_check(const struct cli *c)
{
	const struct cli_command *cmd = c->command;

	if (c->nargs >= cmd->args_min &&
	    (cmd->args_max < 0 || c->nargs <= cmd->args_max))
		return BASE_OK;
	return base_fail(BASE_E_USAGE,
	    "kedge %s: too %s operands; usage: "
	    "kedge %s %s",
	    cmd->name, c->nargs < cmd->args_min ? "few" : "many", cmd->name,
	    cmd->synopsis);
}

static int
command_run(struct cli *c, int argc, char **argv)
{
	enum base_err e;

	if ((e = options_parse(c, argc, argv)) != BASE_OK)
		goto out;
	if (cli_has(c, "help")) {
		help_command(c->command, c->out);
		goto out;
	}
	if ((e = required_check(c)) != BASE_OK ||
	    (e = operands_check(c)) != BASE_OK)
		goto out;
	e = c->command->run(c);
	if (e == BASE_OK && (fflush(c->out) != 0 || ferror(c->out)))
		e = base_fail(BASE_E_IO, "kedge: cannot write the output: %s",
		    strerror(errno));
out:
	free(c->given);
	return e == BASE_OK ? (int)c->code : failed(c, e);
}

/* The words that may follow the first one of a command of two. */
static void
second_words(const char *name, char *out, size_t max)
{
	const size_t n = strlen(name);
	size_t at = 0;

	*out = '\0';
	for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
		if (strncmp(c->name, name, n) == 0 && c->name[n] == ' ' &&
		    at < max)
			at += (size_t)snprintf(out + at, max - at, "%s%s",
			    at == 0 ? "" : ", ", c->name + n + 1);
}

static enum base_err
no_command(const char *name)
{
	char words[256];

	second_words(name, words, sizeof(words));
	if (*words != '\0')
		return base_fail(BASE_E_USAGE,
		    "kedge %s: what of it? One of %s; see kedge --help", name,
		    words);
	return base_fail(BASE_E_USAGE, "kedge: no command %s; see kedge --help",
	    name);
}

static int
help_main(struct cli *c, int argc, char **argv)
{
	int words;
	const struct cli_command *cmd;

	if (argc == 0) {
		help_list(c->out);
		return CLI_DONE;
	}
	if ((cmd = command_find(argc, argv, &words)) == NULL)
		return failed(c, no_command(argv[0]));
	help_command(cmd, c->out);
	return CLI_DONE;
}

int
cli_main(int argc, char **argv, FILE *out, FILE *err)
{
	struct cli c = { .out = out, .err = err, .code = CLI_DONE };
	int words;

	if (argc < 2) {
		help_list(err);
		return CLI_USAGE;
	}
	c.json = wants_json(argc, argv);
	if (strcmp(argv[1], "help") == 0)
		return help_main(&c, argc - 2, argv + 2);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help_main(&c, 0, NULL);
	if (strcmp(argv[1], "--version") == 0) {
		fprintf(out, "kedge %s\n", base_version());
		return CLI_DONE;
	}
	c.command = command_find(argc - 1, argv + 1, &words);
	if (c.command == NULL)
		return failed(&c, no_command(argv[1]));
	return command_run(&c, argc - words, argv + words);
}
