/*
 * kedge-agentd: keeps one node's roots and certificates (docs/agent.md).
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/config.h"
#include "agentd/main.h"

#define TOKEN_MAX ((size_t)4096)

struct options {
	const char *config, *token, *request, *answer;
	const char *import, *export;
	bool check, debug;
};

static const char usage[] =
    "usage: kedge-agentd --config FILE [--join-token-file FILE|-]\n"
    "                    [--join-request OUT | --join-answer IN] [--debug]\n"
    "       kedge-agentd --config FILE [--parcel-import IN] "
    "[--parcel-export OUT]\n"
    "       kedge-agentd --config FILE --check-config\n"
    "       kedge-agentd --version | --help\n";

/* Options that have an argument. */
static const char **
text_option(struct options *o, int c)
{
	switch (c) {
	case 'c':
		return &o->config;
	case 't':
		return &o->token;
	case 'q':
		return &o->request;
	case 'a':
		return &o->answer;
	case 'i':
		return &o->import;
	case 'o':
		return &o->export;
	default:
		return NULL;
	}
}

static bool
carries(const struct options *o)
{
	return o->import != NULL || o->export != NULL;
}

static enum base_err
read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "join-token-file", required_argument, NULL, 't' },
		{ "join-request", required_argument, NULL, 'q' },
		{ "join-answer", required_argument, NULL, 'a' },
		{ "parcel-import", required_argument, NULL, 'i' },
		{ "parcel-export", required_argument, NULL, 'o' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "debug", no_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char **text;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if ((text = text_option(o, c)) != NULL) {
			*text = optarg;
			continue;
		}
		switch (c) {
		case 'k':
			o->check = true;
			break;
		case 'd':
			o->debug = true;
			break;
		case 'v':
			printf("kedge-agentd %s\n", base_version());
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return base_fail(BASE_E_USAGE, "%s", "see above");
		}
	}
	if (o->config == NULL || optind != argc ||
	    (o->request != NULL) + (o->answer != NULL) + carries(o) > 1)
		return base_fail(BASE_E_USAGE, "%s",
		    o->config == NULL ? "--config FILE is missing"
				      : "these options do not go together");
	return BASE_OK;
}

static enum base_err
read_token(const struct options *o, struct wire_token *out)
{
	struct base_buf b;
	enum base_err e;
	int fd;

	base_buf_init(&b, TOKEN_MAX);
	if (o->token == NULL) {
		e = base_secret_read_credential("kedge-join-token", TOKEN_MAX,
		    &b);
	} else {
		fd = strcmp(o->token, "-") == 0
		    ? 0
		    : open(o->token, O_RDONLY | O_CLOEXEC);
		e = fd < 0 ? base_fail(BASE_E_IO, "%s: %m", o->token)
			   : base_secret_read_fd(fd, TOKEN_MAX, &b);
	}
	if (e == BASE_OK)
		e = wire_token_parse(base_buf_span(&b), out);
	else if (o->token == NULL)
		e = base_fail(BASE_E_CONFIG,
		    "this node has not joined its fleet: on the CA's host "
		    "kedge node token NODE makes a token; give it by "
		    "--join-token-file FILE or as the credential "
		    "kedge-join-token (%s)",
		    base_why());
	base_buf_free(&b);
	return e;
}

static enum base_err
write_request(struct ag_agent *a, const struct wire_token *t, const char *path)
{
	enum base_err e = ag_agent_join_request(a, t, path);

	if (e == BASE_OK)
		base_log(BASE_NOTICE,
		    "%s: it holds the token's secret: as secret as the token "
		    "until kedge node join has answered it",
		    path);
	return e;
}

static enum base_err
join(struct ag_agent *a, const struct options *o, bool *end)
{
	struct wire_token t = { 0 };
	enum base_err e;

	*end = o->request != NULL || o->answer != NULL;
	if (ag_agent_is_joined(a))
		return *end
		    ? base_fail(BASE_E_STATE, "this node has joined already")
		    : BASE_OK;
	if (carries(o))
		return base_fail(BASE_E_STATE,
		    "this node has not joined its fleet: --join-request and "
		    "--join-answer come first");
	if ((e = read_token(o, &t)) != BASE_OK)
		return e;
	if (o->request != NULL)
		e = write_request(a, &t, o->request);
	else if (o->answer != NULL)
		e = ag_agent_join_answer(a, &t, o->answer);
	else
		e = ag_agent_join(a, &t);
	base_wipe(&t, sizeof t);
	return e;
}

static enum base_err
run(const struct options *o)
{
	struct ag_agent *a = NULL;
	bool end = false;
	enum base_err e;

	base_harden_memory();
	if ((e = ag_agent_open(o->config, &a)) == BASE_OK &&
	    (e = join(a, o, &end)) == BASE_OK && !end)
		e = carries(o) ? ag_agent_carry(a, o->import, o->export)
			       : ag_agent_run(a);
	ag_agent_close(a);
	return e;
}

static enum base_err
check(const struct options *o)
{
	struct ag_config *c = NULL;
	enum base_err e = ag_config_read(o->config, &c);

	if (e == BASE_OK)
		printf("%s: good\n", o->config);
	ag_config_free(c);
	return e;
}

/* The exit codes of the kedge command. */
static int
exit_code(enum base_err e)
{
	if (e == BASE_E_USAGE)
		return 2;
	if (e == BASE_E_INTEGRITY)
		return 6;
	if (e == BASE_E_CONFIG)
		return 78;
	return e == BASE_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	enum base_err e;

	e = read_options(argc, argv, &o);
	if (e == BASE_E_USAGE) {
		fprintf(stderr, "kedge-agentd: %s\n%s", base_why(), usage);
		return exit_code(e);
	}
	base_log_open("kedge-agentd", o.debug ? BASE_DEBUG : BASE_INFO);
	e = o.check ? check(&o) : run(&o);
	if (e != BASE_OK)
		base_log(BASE_ERR, "%s", base_why());
	return exit_code(e);
}
