/*
 * kedged: the CA's engine. Holds no key of any root: kedge-hsmd signs. One
 * thread; the configuration is read once, at start.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "ca/kedged.h"

#define EXIT_CONFIG    78
#define EXIT_INTEGRITY 6

struct daemon {
	struct ca_conf conf;
	struct ca ca;
	struct event *term, *intr;
	struct wire_pages *pages; /* metrics; NULL: not wanted */
	int lock;
};

static const char usage_text[] =
    "usage: kedged [--config FILE] [--check-config] [--verbose]\n"
    "       kedged --version | --help\n"
    "  --config FILE    default /etc/kedge/kedged.conf\n"
    "  --check-config   read the configuration, say what is wrong, and end\n"
    "  --verbose        log more\n";

static struct base_time
wall_clock(void *arg)
{
	(void)arg;
	return base_time_now();
}

static struct base_mono
mono_clock(void *arg)
{
	(void)arg;
	return base_mono_now();
}

static enum base_err
hsm_ask(void *self, const struct wire_hsm_ask *ask)
{
	return wire_hsm_conn_ask(self, ask, NULL);
}

static void
on_event(void *arg, json_t *event)
{
	struct ca *ca = arg;

	if (ca->control != NULL)
		ca_control_event(ca->control, event);
	json_decref(event);
}

/* ---- the loop ------------------------------------------------------------------ */

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	struct ca *ca = arg;
	struct base_mono next = ca_work(ca);
	int64_t ms;
	struct timeval tv;

	(void)fd;
	(void)what;
	/* somebody kicked meanwhile: that is sooner */
	if (next.ms == INT64_MAX || evtimer_pending(ca->work, NULL))
		return;
	ms = next.ms - ca_mono(ca).ms;
	ms = ms < 1 ? 1 : ms > 60000 ? 60000 : ms;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	evtimer_add(ca->work, &tv);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct ca *ca = arg;

	(void)what;
	base_log(BASE_NOTICE, "ends on signal %d", (int)sig);
	base_notify("STOPPING=1");
	event_base_loopbreak(ca->eb);
}

/* ---- start ----------------------------------------------------------------------- */

/* A second kedged on one state directory would tear the fleet in two. */
static enum base_err
state_lock(struct daemon *d)
{
	char *path = base_asprintf("%s/lock", d->conf.state_dir);
	enum base_err r = BASE_OK;

	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock == -1)
		r = base_fail(BASE_E_IO, "%s: %s", path, strerror(errno));
	else if (flock(d->lock, LOCK_EX | LOCK_NB) == -1)
		r = base_fail(BASE_E_STATE,
		    "%s: another kedged runs on this "
		    "state directory",
		    path);
	free(path);
	return r;
}

static enum base_err
state_open(struct daemon *d)
{
	char *path = base_asprintf("%s/kedged.db", d->conf.state_dir);
	enum base_err r;

	if ((r = base_dir_make(d->conf.state_dir, 0700)) == BASE_OK &&
	    (r = state_lock(d)) == BASE_OK &&
	    (r = ca_store_open(path, &d->ca.store)) == BASE_OK)
		r = ca_store_check(d->ca.store);
	free(path);
	return r;
}

static enum base_err
loop_open(struct daemon *d)
{
	struct wire_hsm_conf hsm = { .path = d->conf.hsm,
		.answer_ms = d->conf.hsm_ms,
		.grace_ms = d->conf.hsm_grace_ms };
	struct ca *ca = &d->ca;
	enum base_err r;

	if ((ca->eb = event_base_new()) == NULL ||
	    (ca->work = evtimer_new(ca->eb, on_work, ca)) == NULL ||
	    (d->term = evsignal_new(ca->eb, SIGTERM, on_signal, ca)) == NULL ||
	    (d->intr = evsignal_new(ca->eb, SIGINT, on_signal, ca)) == NULL)
		base_die("event loop: out of memory");
	evsignal_add(d->term, NULL);
	evsignal_add(d->intr, NULL);
	if ((r = wire_hsm_conn_open(ca->eb, &hsm, &ca->hsm_conn)) != BASE_OK)
		return r;
	ca->hsm.ask = hsm_ask;
	ca->hsm.self = ca->hsm_conn;
	return BASE_OK;
}

static enum base_err
metrics_open(struct daemon *d)
{
	struct wire_pages_conf c = { .address = d->conf.metrics,
		.type = CA_METRICS_TYPE,
		.on_get = ca_metrics_get,
		.arg = &d->ca };

	return c.address == NULL ? BASE_OK
				 : wire_pages_open(d->ca.eb, &c, &d->pages);
}

static enum base_err
daemon_open(struct daemon *d)
{
	struct ca *ca = &d->ca;
	enum base_err r;

	ca->conf = &d->conf;
	ca->now = wall_clock;
	ca->mono = mono_clock;
	ca->on_event = on_event;
	ca->on_event_arg = ca;
	ca->unchecked = true;
	if ((r = state_open(d)) != BASE_OK || (r = loop_open(d)) != BASE_OK ||
	    (r = ca_load(ca)) != BASE_OK || (r = metrics_open(d)) != BASE_OK)
		return r;
	if (ca->ready && (r = ca_net_open(ca, &ca->net)) != BASE_OK)
		return r;
	return ca_control_open(ca, &ca->control);
}

static void
daemon_close(struct daemon *d)
{
	wire_pages_close(d->pages);
	ca_control_close(d->ca.control);
	d->ca.control = NULL;
	wire_hsm_conn_close(d->ca.hsm_conn);
	ca_net_close(d->ca.net);
	d->ca.net = NULL;
	ca_unload(&d->ca);
	ca_store_close(d->ca.store);
	if (d->term != NULL)
		event_free(d->term);
	if (d->intr != NULL)
		event_free(d->intr);
	if (d->ca.work != NULL)
		event_free(d->ca.work);
	wire_loop_free(d->ca.eb);
	if (d->lock > 0)
		close(d->lock);
	ca_conf_free(&d->conf);
}

static int
run(const char *config)
{
	struct daemon d = { .lock = -1 };
	enum base_err r;

	base_harden_memory();
	signal(SIGPIPE, SIG_IGN);
	if ((r = ca_conf_read(config, &d.conf)) != BASE_OK ||
	    (r = daemon_open(&d)) != BASE_OK) {
		base_log(BASE_ERR, "%s", base_why());
		daemon_close(&d);
		return r == BASE_E_CONFIG   ? EXIT_CONFIG
		    : r == BASE_E_INTEGRITY ? EXIT_INTEGRITY
					    : 1;
	}
	base_log(BASE_NOTICE, "fleet %s, %s", d.conf.fleet,
	    d.ca.ready ? "ready" : "waits for kedge init");
	ca_kick(&d.ca);
	base_notify("READY=1");
	event_base_dispatch(d.ca.eb);
	daemon_close(&d);
	return 0;
}

static int
check_config(const char *config)
{
	struct ca_conf c;

	if (ca_conf_read(config, &c) != BASE_OK) {
		fprintf(stderr, "kedged: %s\n", base_why());
		return EXIT_CONFIG;
	}
	ca_conf_free(&c);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config = "/etc/kedge/kedged.conf";
	enum base_level level = BASE_INFO;
	bool check = false;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'c') {
			config = optarg;
		} else if (o == 'k') {
			check = true;
		} else if (o == 'v') {
			level = BASE_DEBUG;
		} else if (o == 'V') {
			printf("kedged %s\n", base_version());
			return 0;
		} else {
			fputs(usage_text, o == 'h' ? stdout : stderr);
			return o == 'h' ? 0 : 2;
		}
	}
	if (optind < argc) {
		fputs(usage_text, stderr);
		return 2;
	}
	base_log_open("kedged", level);
	return check ? check_config(config) : run(config);
}
