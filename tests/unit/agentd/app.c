/* The application of app.h. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <openssl/ssl.h>

#include "tests/unit/agentd/app.h"

#define PAIRS 64

struct app {
	struct event_base *eb;
	struct app_conf c;
	struct evconnlistener *listener;
	char address[64];
	unsigned n;
	struct bufferevent *open[PAIRS * 2]; /* freed at the end */
	size_t nopen;
};

static struct bufferevent *
keep(struct app *a, struct bufferevent *b)
{
	ck_assert_ptr_nonnull(b);
	ck_assert_uint_lt(a->nopen, PAIRS * 2);
	a->open[a->nopen++] = b;
	return b;
}

/* ---- TLS ------------------------------------------------------------------------ */

static int
take_any(int good, X509_STORE_CTX *x)
{
	(void)good;
	(void)x;
	return 1;
}

static void
set_trust(SSL_CTX *ctx, const struct app *a)
{
	const struct app_conf *c = &a->c;
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	bool some = c->trust[0] != NULL || c->trust_file != NULL;

	if (some)
		SSL_CTX_set_verify(ctx,
		    SSL_VERIFY_PEER |
			(c->client ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
		    c->like_nginx ? take_any : NULL);
	if (c->distrusts > 0 && a->n > c->distrusts)
		return;
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(ctx),
	    (time_t)(RIG(10).ms / 1000) + 60);
	for (size_t i = 0; i < 3 && c->trust[i] != NULL; i++)
		ck_assert_int_eq(X509_STORE_add_cert(store, c->trust[i]), 1);
	if (c->trust_file != NULL)
		ck_assert_int_eq(SSL_CTX_load_verify_file(ctx, c->trust_file),
		    1);
}

static SSL *
make_ssl(const struct app *a)
{
	const struct app_conf *c = &a->c;
	SSL_CTX *ctx =
	    SSL_CTX_new(c->client ? TLS_client_method() : TLS_server_method());
	EVP_PKEY *key = rig_node_key()->key;
	SSL *ssl;

	ck_assert_ptr_nonnull(ctx);
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	set_trust(ctx, a);
	if (c->chain_file != NULL)
		ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(ctx,
				     c->chain_file),
		    1);
	if (c->cert != NULL)
		ck_assert_int_eq(SSL_CTX_use_certificate(ctx, c->cert), 1);
	if (c->key_file != NULL && access(c->key_file, R_OK) == 0)
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx, c->key_file,
				     SSL_FILETYPE_PEM),
		    1);
	else if (c->cert != NULL || c->chain_file != NULL)
		ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	if (c->link != NULL)
		ck_assert_int_eq(SSL_CTX_add1_chain_cert(ctx, c->link), 1);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	ck_assert_ptr_nonnull(ssl);
	return ssl;
}

/* ---- server ------------------------------------------------------------------------ */

static void
on_request(struct bufferevent *b, void *arg)
{
	const struct app *a = arg;
	SSL *ssl = bufferevent_openssl_get_ssl(b);
	bool good = !a->c.like_nginx || SSL_get_verify_result(ssl) == X509_V_OK;

	const char *no = a->c.no != NULL ? a->c.no : "400 Bad Request";

	evbuffer_add_printf(bufferevent_get_output(b), "HTTP/1.1 %s\r\n\r\n",
	    good ? "200 OK" : no);
}

static void
on_answered(struct bufferevent *b, void *arg)
{
	(void)arg;
	SSL_shutdown(bufferevent_openssl_get_ssl(b));
	shutdown(bufferevent_getfd(b), SHUT_WR);
}

static void
on_end(struct bufferevent *b, short what, void *arg)
{
	(void)arg;
	if (!(what & BEV_EVENT_CONNECTED))
		bufferevent_disable(b, EV_READ | EV_WRITE);
}

static void
serve(struct app *a, evutil_socket_t fd)
{
	struct bufferevent *b = keep(a,
	    bufferevent_openssl_socket_new(a->eb, fd, make_ssl(a),
		BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));

	bufferevent_setcb(b, on_request, on_answered, on_end, a);
	bufferevent_enable(b, EV_READ | EV_WRITE);
}

/* ---- client ------------------------------------------------------------------------- */

static void
pass_on(struct bufferevent *b, void *arg)
{
	bufferevent_read_buffer(b, bufferevent_get_output(arg));
}

static void
on_tls_end(struct bufferevent *b, short what, void *arg)
{
	if (what & BEV_EVENT_CONNECTED)
		return;
	bufferevent_read_buffer(b, bufferevent_get_output(arg));
	bufferevent_disable(b, EV_READ | EV_WRITE);
	bufferevent_flush(arg, EV_WRITE, BEV_FINISHED);
	shutdown(bufferevent_getfd(b), SHUT_RDWR);
}

static void
carry(struct app *a, evutil_socket_t fd)
{
	struct sockaddr_storage ss;
	int len = sizeof ss;
	struct bufferevent *plain, *tls;

	plain =
	    keep(a, bufferevent_socket_new(a->eb, fd, BEV_OPT_CLOSE_ON_FREE));
	tls = keep(a,
	    bufferevent_openssl_socket_new(a->eb, -1, make_ssl(a),
		BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
	bufferevent_setcb(plain, pass_on, NULL, on_end, tls);
	bufferevent_setcb(tls, pass_on, NULL, on_tls_end, plain);
	bufferevent_enable(plain, EV_READ | EV_WRITE);
	bufferevent_enable(tls, EV_READ | EV_WRITE);
	ck_assert_int_eq(evutil_parse_sockaddr_port(a->c.to,
			     (struct sockaddr *)&ss, &len),
	    0);
	ck_assert_int_eq(bufferevent_socket_connect(tls, (struct sockaddr *)&ss,
			     len),
	    0);
}

/* ---- begin, end ---------------------------------------------------------------------- */

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from,
    int len, void *arg)
{
	struct app *a = arg;

	(void)l;
	(void)from;
	(void)len;
	a->n++;
	if (a->c.hangs_up > 0 && a->n > a->c.hangs_up)
		evutil_closesocket(fd);
	else if (a->c.client)
		carry(a, fd);
	else
		serve(a, fd);
}

struct app *
app_start(struct event_base *eb, const struct app_conf *c)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	struct app *a = base_alloc(sizeof *a);

	a->eb = eb;
	a->c = *c;
	a->listener = evconnlistener_new_bind(eb, on_accept, a,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
	    (struct sockaddr *)&in, sizeof in);
	ck_assert_ptr_nonnull(a->listener);
	ck_assert_int_eq(getsockname(evconnlistener_get_fd(a->listener),
			     (struct sockaddr *)&in, &len),
	    0);
	snprintf(a->address, sizeof a->address, "127.0.0.1:%u",
	    (unsigned)ntohs(in.sin_port));
	return a;
}

char *
app_address(struct app *a)
{
	return a->address;
}

unsigned
app_connections(const struct app *a)
{
	return a->n;
}

void
app_stop(struct app *a)
{
	if (a == NULL)
		return;
	evconnlistener_free(a->listener);
	for (size_t i = 0; i < a->nopen; i++)
		bufferevent_free(a->open[i]);
	free(a);
}

char *
app_free_address(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	close(fd);
	return base_asprintf("127.0.0.1:%u", (unsigned)ntohs(in.sin_port));
}
