/*
 * tlsclient: the application on four client nodes of the demo fleet, a TLS
 * wrapper. Every connection to one of its plaintext loopback ports is carried
 * over a fresh TLS connection to that port's target. Started by fleet.sh,
 * reloaded by kedge-agentd with SIGHUP like any other application: a reload
 * that fails keeps the files that work.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define TARGETS_MAX 8

struct app;

struct target {
	struct app *app;
	uint16_t listen;
	struct sockaddr_in to;
	char *name; /* must be in the server's certificate */
};

struct app {
	const char *trust, *chain, *key, *pidfile;
	int limit; /* seconds of silence that end a connection */
	struct event_base *eb;
	SSL_CTX *ctx; /* what new connections use */
	unsigned generation; /* loads that succeeded */
	struct target targets[TARGETS_MAX];
	size_t ntargets;
};

struct carry { /* one plaintext connection and its TLS connection */
	struct target *t;
	struct bufferevent *plain, *tls;
};

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	struct timespec ts;
	struct tm tm;
	va_list ap;
	char when[16];

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	printf("%s.%03ld tlsclient: ", when, ts.tv_nsec / 1000000);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static const char *
tls_why(unsigned long e)
{
	const char *s = e != 0 ? ERR_reason_error_string(e) : NULL;

	return s != NULL ? s : "no reason given";
}

/* A context with the files as they are now; NULL when one of them is bad.
 * The files are renamed one by one, so key and chain are compared. */
static SSL_CTX *
ctx_load(const struct app *a)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_load_verify_file(ctx, a->trust) != 1)
		goto bad;
	if (a->chain != NULL &&
	    (SSL_CTX_use_certificate_chain_file(ctx, a->chain) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, a->key, SSL_FILETYPE_PEM) !=
		    1 ||
		SSL_CTX_check_private_key(ctx) != 1))
		goto bad;
	return ctx;
bad:
	SSL_CTX_free(ctx);
	return NULL;
}

static bool
reload(struct app *a)
{
	SSL_CTX *ctx;

	ERR_clear_error();
	ctx = ctx_load(a);
	if (ctx == NULL) {
		say("load: %s; %s", tls_why(ERR_peek_last_error()),
		    a->ctx != NULL ? "going on with the files before"
				   : "cannot start");
		return false;
	}
	SSL_CTX_free(a->ctx); /* connections under way hold their own */
	a->ctx = ctx;
	say("load: generation %u of the files is live", ++a->generation);
	return true;
}

static void
on_hup(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	reload(arg);
}

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	struct app *a = arg;

	(void)sig;
	(void)what;
	event_base_loopbreak(a->eb);
}

/* ---- one connection ------------------------------------------------------ */

static void
carry_free(struct carry *c)
{
	bufferevent_free(c->tls);
	bufferevent_free(c->plain);
	free(c);
}

static void
on_flushed(struct bufferevent *bev, void *arg)
{
	(void)bev;
	carry_free(arg);
}

/* The TLS side is gone: what it said is still to be handed on. */
static void
carry_end(struct carry *c)
{
	struct evbuffer *out = bufferevent_get_output(c->plain);

	bufferevent_read_buffer(c->tls, out);
	bufferevent_disable(c->tls, EV_READ | EV_WRITE);
	if (evbuffer_get_length(out) == 0) {
		carry_free(c);
		return;
	}
	bufferevent_disable(c->plain, EV_READ);
	bufferevent_setcb(c->plain, NULL, on_flushed, NULL, c);
}

static void
on_tls_event(struct bufferevent *bev, short what, void *arg)
{
	struct carry *c = arg;
	unsigned long e;
	long verify;

	if (what & BEV_EVENT_CONNECTED)
		return;
	e = bufferevent_get_openssl_error(bev);
	if (what & BEV_EVENT_ERROR) {
		verify =
		    SSL_get_verify_result(bufferevent_openssl_get_ssl(bev));
		say("to %s: %s; verify: %s", c->t->name, tls_why(e),
		    X509_verify_cert_error_string(verify));
	}
	carry_end(c);
}

static void
on_plain_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF))
		carry_free(arg);
}

static void
on_tls_read(struct bufferevent *bev, void *arg)
{
	struct carry *c = arg;

	bufferevent_read_buffer(bev, bufferevent_get_output(c->plain));
}

static void
on_plain_read(struct bufferevent *bev, void *arg)
{
	struct carry *c = arg;

	bufferevent_read_buffer(bev, bufferevent_get_output(c->tls));
}

/* Owns ssl and fd from here, success or not. */
static struct bufferevent *
tls_dial(struct target *t)
{
	struct bufferevent *bev = NULL;
	SSL *ssl = SSL_new(t->app->ctx);

	if (ssl == NULL || SSL_set1_host(ssl, t->name) != 1 ||
	    SSL_set_tlsext_host_name(ssl, t->name) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	bev = bufferevent_openssl_socket_new(t->app->eb, -1, ssl,
	    BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		SSL_free(ssl);
		return NULL;
	}
	if (bufferevent_socket_connect(bev, (struct sockaddr *)&t->to,
		(int)sizeof(t->to)) != 0) {
		bufferevent_free(bev);
		return NULL;
	}
	return bev;
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct target *t = arg;
	struct carry *c = calloc(1, sizeof(*c));
	struct timeval limit = { t->app->limit, 0 };
	int on = 1;

	(void)l;
	(void)sa;
	(void)len;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (c == NULL)
		abort();
	c->t = t;
	c->plain =
	    bufferevent_socket_new(t->app->eb, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->plain == NULL)
		abort();
	c->tls = tls_dial(t);
	if (c->tls == NULL) {
		say("to %s: no connection: %s", t->name, strerror(errno));
		bufferevent_free(c->plain);
		free(c);
		return;
	}
	bufferevent_setcb(c->plain, on_plain_read, NULL, on_plain_event, c);
	bufferevent_setcb(c->tls, on_tls_read, NULL, on_tls_event, c);
	bufferevent_set_timeouts(c->plain, &limit, &limit);
	bufferevent_enable(c->plain, EV_READ | EV_WRITE);
	bufferevent_enable(c->tls, EV_READ | EV_WRITE);
}

/* ---- start ------------------------------------------------------------------ */

static bool
listen_on(struct app *a, struct target *t)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(t->listen),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct evconnlistener *l = evconnlistener_new_bind(a->eb, on_accept, t,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 512,
	    (struct sockaddr *)&at, (int)sizeof(at));

	if (l == NULL)
		say("port %u: %s", t->listen, strerror(errno));
	return l != NULL;
}

static bool
port_parse(char *s, char **end, uint16_t *out)
{
	unsigned long v = strtoul(s, end, 10);

	*out = (uint16_t)v;
	return *end != s && v > 0 && v <= UINT16_MAX;
}

/* LISTEN=ADDRESS:PORT=NAME */
static bool
target_parse(struct app *a, char *s)
{
	struct target *t = &a->targets[a->ntargets];
	char *p = s, *colon;
	uint16_t port = 0;

	if (a->ntargets == TARGETS_MAX || !port_parse(s, &p, &t->listen) ||
	    *p != '=' || (colon = strchr(++p, ':')) == NULL)
		return false;
	*colon = '\0';
	t->to.sin_family = AF_INET;
	if (inet_pton(AF_INET, p, &t->to.sin_addr) != 1 ||
	    !port_parse(colon + 1, &p, &port) || *p++ != '=' || *p == '\0')
		return false;
	t->to.sin_port = htons(port);
	t->name = p;
	t->app = a;
	a->ntargets++;
	return true;
}

static bool
options_parse(struct app *a, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "t:c:k:p:l:")) != -1) {
		switch (c) {
		case 't':
			a->trust = optarg;
			break;
		case 'c':
			a->chain = optarg;
			break;
		case 'k':
			a->key = optarg;
			break;
		case 'p':
			a->pidfile = optarg;
			break;
		case 'l':
			a->limit = atoi(optarg);
			break;
		default:
			return false;
		}
	}
	for (; optind < argc; optind++) {
		if (!target_parse(a, argv[optind]))
			return false;
	}
	return a->trust != NULL && a->limit > 0 &&
	    (a->chain == NULL) == (a->key == NULL) && a->ntargets > 0;
}

static bool
pidfile_write(const char *path)
{
	FILE *f = path != NULL ? fopen(path, "w") : NULL;

	if (path == NULL)
		return true;
	if (f == NULL || fprintf(f, "%ld\n", (long)getpid()) < 0) {
		say("%s: %s", path, strerror(errno));
		if (f != NULL)
			fclose(f);
		return false;
	}
	return fclose(f) == 0;
}

int
main(int argc, char **argv)
{
	static struct app a = { .limit = 10 };
	struct event *hup, *term, *intr;

	if (!options_parse(&a, argc, argv)) {
		fprintf(stderr,
		    "usage: tlsclient -t TRUST [-c CHAIN -k KEY] "
		    "[-p PIDFILE] [-l SECONDS] "
		    "LISTEN=ADDRESS:PORT=NAME...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	a.eb = event_base_new();
	hup = evsignal_new(a.eb, SIGHUP, on_hup, &a);
	term = evsignal_new(a.eb, SIGTERM, on_term, &a);
	intr = evsignal_new(a.eb, SIGINT, on_term, &a);
	if (evsignal_add(hup, NULL) != 0 || evsignal_add(term, NULL) != 0 ||
	    evsignal_add(intr, NULL) != 0 || !reload(&a))
		return 1;
	for (size_t i = 0; i < a.ntargets; i++) {
		if (!listen_on(&a, &a.targets[i]))
			return 1;
	}
	if (!pidfile_write(a.pidfile))
		return 1;
	event_base_dispatch(a.eb);
	return 0;
}
