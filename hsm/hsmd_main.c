/*
 * kedge-hsmd: the only program that loads a PKCS#11 module or knows a PIN.
 * Options, PINs, signals; everything else is in core.c, server.c and, in
 * other processes, worker.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/server.h"
#include "hsm/worker.h"

#define EXIT_USAGE  2
#define EXIT_CONFIG 78

struct hsmd {
	const char *config;
	bool check;
	int pin_fd[HSM_TOKENS];
	size_t npin_fd;
	struct hsm_conf conf;
	struct hsm_worker_conf worker[HSM_TOKENS];
	struct hsm_pin *pin[HSM_TOKENS];
};

static volatile bool hsmd_stop;

static const char usage[] =
    "usage: kedge-hsmd [--config FILE] [--pin-fd N]... [--check-config]\n"
    "\n"
    "Holds the keys of a kedge CA in PKCS#11 tokens and signs what it has\n"
    "checked itself.\n"
    "\n"
    "  --config FILE   configuration; default /etc/kedge/hsmd.conf\n"
    "  --pin-fd N      read the PIN of a token from this file descriptor:\n"
    "                  the first N is for the first token that names no\n"
    "                  credential, and so on\n"
    "  --check-config  read the configuration, say what is wrong, and stop\n"
    "  --version       print the version and stop\n"
    "  --help          print this and stop\n";

static void
hsmd_on_signal(int sig)
{
	(void)sig;
	hsmd_stop = true;
}

/* A descriptor number that is open and is not one of ours. */
static enum base_err
hsmd_pin_option(struct hsmd *h, const char *arg)
{
	char *end = NULL;
	long v;

	errno = 0;
	v = strtol(arg, &end, 10);
	if (errno != 0 || end == arg || *end != '\0' || v < 0 || v > 65535 ||
	    fcntl((int)v, F_GETFD) < 0)
		return base_fail(BASE_E_USAGE,
		    "--pin-fd %s: not an open file descriptor", arg);
	if (h->npin_fd == HSM_TOKENS)
		return base_fail(BASE_E_USAGE, "--pin-fd: too many");
	h->pin_fd[h->npin_fd++] = (int)v;
	return BASE_OK;
}

/* *done: everything asked for was printed. */
static enum base_err
hsmd_options(struct hsmd *h, int argc, char **argv, bool *done)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "pin-fd", required_argument, NULL, 'p' },
		{ "check-config", no_argument, NULL, 'n' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	enum base_err e = BASE_OK;
	int o;

	while (e == BASE_OK && !*done &&
	    (o = getopt_long(argc, argv, "c:nhV", options, NULL)) != -1) {
		if (o == 'c')
			h->config = optarg;
		else if (o == 'p')
			e = hsmd_pin_option(h, optarg);
		else if (o == 'n')
			h->check = true;
		else if (o == 'V' || o == 'h') {
			if (o == 'V')
				printf("kedge-hsmd %s\n", base_version());
			else
				fputs(usage, stdout);
			*done = true;
		} else
			e = base_fail(BASE_E_USAGE, "see kedge-hsmd --help");
	}
	if (e == BASE_OK && !*done && optind != argc)
		e = base_fail(BASE_E_USAGE,
		    "\"%s\": no such argument; see kedge-hsmd --help",
		    argv[optind]);
	return e;
}

static enum base_err
hsmd_pins(struct hsmd *h)
{
	size_t next = 0;

	for (size_t i = 0; i < h->conf.ntokens; i++) {
		const struct hsm_conf_token *t = &h->conf.tokens[i];
		struct base_buf b;
		enum base_err e;

		base_buf_init(&b, HSM_PIN_MAX);
		if (t->credential != NULL)
			e = base_secret_read_credential(t->credential,
			    HSM_PIN_MAX, &b);
		else if (next < h->npin_fd)
			e = base_secret_read_fd(h->pin_fd[next++], HSM_PIN_MAX,
			    &b);
		else
			e = base_fail(BASE_E_CONFIG,
			    "no PIN; give its credential a name in the "
			    "configuration or use --pin-fd");
		if (e == BASE_OK)
			e = hsm_pin_new(&b, &h->pin[i]);
		base_buf_free(&b);
		if (e != BASE_OK)
			return base_fail(BASE_E_CONFIG, "token %s: %s", t->name,
			    base_why());
	}
	if (next < h->npin_fd)
		return base_fail(BASE_E_USAGE,
		    "--pin-fd: more of them than tokens without a credential");
	return BASE_OK;
}

static void
hsmd_workers(struct hsmd *h, struct hsm_ks *ks[HSM_TOKENS])
{
	for (size_t i = 0; i < h->conf.ntokens; i++) {
		const struct hsm_conf_token *t = &h->conf.tokens[i];

		h->worker[i] = (struct hsm_worker_conf){
			.name = t->name,
			.module = t->module,
			.uri = t->uri,
			.env = t->env,
			.backup_of = t->backup_of,
			.backup_dir = t->backup_of == NULL
			    ? NULL
			    : base_asprintf("%s/copy-%s", h->conf.state,
				  t->name),
			.pin = h->pin[i],
			.open_ms = h->conf.open_ms,
			.sign_ms = h->conf.sign_ms,
			.keygen_ms = h->conf.keygen_ms,
			.backoff_ms = h->conf.backoff_ms,
		};
		ks[i] = hsm_ks_worker_new(&h->worker[i]);
	}
}

/* Stop signals are blocked but for the poll of the server, so that a worker
 * is never left in the middle of a login. */
static void
hsmd_signals(void)
{
	struct sigaction sa = { .sa_handler = hsmd_on_signal };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
	    sigaction(SIGTERM, &sa, NULL) != 0 ||
	    sigaction(SIGINT, &sa, NULL) != 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		base_die("signals: %s", strerror(errno));
}

static enum base_err
hsmd_serve(struct hsmd *h)
{
	struct hsm_ks *ks[HSM_TOKENS] = { NULL };
	struct hsm_core *core = NULL;
	struct hsm_server *server = NULL;
	enum base_err e;

	hsmd_workers(h, ks);
	hsmd_signals();
	if ((e = hsm_core_open(&h->conf, ks, base_time_now, &core)) !=
		BASE_OK ||
	    (e = hsm_server_open(core, h->conf.socket, &server)) != BASE_OK)
		goto out;
	base_log(BASE_NOTICE, "fleet %s: ready at %s", h->conf.fleet,
	    h->conf.socket);
	base_notify("READY=1");
	e = hsm_server_run(server, &hsmd_stop);
	base_notify("STOPPING=1");
out:
	hsm_server_close(server);
	hsm_core_close(core);
	return e;
}

static enum base_err
hsmd_run(struct hsmd *h)
{
	enum base_err e = hsm_conf_read(h->config, &h->conf);

	if (e != BASE_OK || h->check)
		return e;
	/* nothing to gain for us in any of these */
	umask(077);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		base_die("prctl: %s", strerror(errno));
	base_harden_memory();
	if ((e = hsmd_pins(h)) == BASE_OK)
		e = hsmd_serve(h);
	for (size_t i = 0; i < HSM_TOKENS; i++) {
		char *dir = NULL;

		memcpy(&dir, &h->worker[i].backup_dir, sizeof(dir));
		free(dir);
		hsm_pin_free(h->pin[i]);
	}
	return e;
}

int
main(int argc, char **argv)
{
	struct hsmd h = { .config = "/etc/kedge/hsmd.conf" };
	bool done = false;
	enum base_err e;

	base_log_open("kedge-hsmd", BASE_INFO);
	if (argc == 2 && strcmp(argv[1], "--worker") == 0)
		return hsm_worker_main(HSM_WORKER_FD);
	e = hsmd_options(&h, argc, argv, &done);
	if (e == BASE_OK && !done)
		e = hsmd_run(&h);
	hsm_conf_clear(&h.conf);
	if (e == BASE_OK)
		return EXIT_SUCCESS;
	base_log(BASE_ERR, "%s", base_why());
	return e == BASE_E_USAGE ? EXIT_USAGE
	    : e == BASE_E_CONFIG ? EXIT_CONFIG
				 : EXIT_FAILURE;
}
