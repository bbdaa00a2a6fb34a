/* The loopback fleet of net_rig.h. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/bufferevent_ssl.h>

#include "tests/unit/wire/net_rig.h"
#include "tests/unit/wire/suites.h"

/* ---- a fleet of two, and a loop ------------------------------------------------ */

struct net n;

struct base_time
day_one(void)
{
	return ON(1);
}

X509 *
net_issue(enum wire_cert_kind kind, const char *node, int root)
{
	const struct fleet_key *issuer = fleet_key(WIRE_P256, root);
	struct wire_tbs t = fleet_tbs(kind, "management", node,
	    node[0] != '\0' ? n.leaf : issuer, issuer);

	return fleet_issue(&t, issuer);
}

static void
on_stuck(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	ck_abort_msg("the loop is stuck");
}

void
net_setup(void)
{
	static const struct timeval limit = { .tv_sec = 20 };

	memset(&n, 0, sizeof(n));
	base_log_open("test", BASE_ERR);
	signal(SIGPIPE, SIG_IGN);
	n.eb = event_base_new();
	n.leaf = fleet_key(WIRE_P256, 2);
	n.root = net_issue(WIRE_NEW_WITH_NEW, "", 0);
	n.web = net_issue(WIRE_NODE_CERT, "web1", 0);
	n.app = net_issue(WIRE_NODE_CERT, "app1", 0);
	n.other_root = net_issue(WIRE_NEW_WITH_NEW, "", 1);
	n.other_app = net_issue(WIRE_NODE_CERT, "app1", 1);
	event_base_once(n.eb, -1, EV_TIMEOUT, on_stuck, NULL, &limit);
}

void
net_teardown(void)
{
	wire_server_close(n.server);
	event_base_free(n.eb);
	base_buf_free(&n.body);
	X509_free(n.root);
	X509_free(n.web);
	X509_free(n.app);
	X509_free(n.other_root);
	X509_free(n.other_app);
}

SSL_CTX *
net_ctx(bool server, X509 *cert, X509 *trust, bool tls13)
{
	struct wire_tls t = {
		.server = server,
		.cert = cert,
		.key = cert != NULL ? n.leaf->key : NULL,
		.trust = trust != NULL ? fleet_stack(trust, NULL) : NULL,
		.tls13_only = tls13,
		.closed = true,
		.now = day_one,
	};
	SSL_CTX *c = NULL;

	OK(wire_tls_ctx(&t, &c));
	sk_X509_pop_free(t.trust, X509_free);
	return c;
}

static void
on_request(void *arg, struct wire_request *r, const char *path,
    struct base_span body)
{
	char node[BASE_NAME_MAX + 1];

	(void)arg;
	ck_assert_int_eq(path[0], '/');
	n.requests++;
	OK(wire_tls_binding(wire_request_ssl(r), n.binding));
	ck_assert_ptr_null(wire_request_data(r));
	wire_request_set_data(r, &n);
	if (n.vouch)
		wire_request_vouch(r);
	if (n.once)
		wire_request_vouch_once(r);
	if (n.hold) {
		for (int i = 0; i < MAX_HELD; i++)
			if (n.held[i] == NULL) {
				n.held[i] = r;
				break;
			}
		event_base_loopbreak(n.eb);
		return;
	}
	if (!n.ask_node)
		wire_request_answer(r, 200, body);
	else if (wire_tls_peer_node(wire_request_ssl(r), node) == BASE_OK)
		wire_request_answer(r, 200, STR(node));
	else
		wire_request_answer(r, 403, STR("nobody"));
}

static void
on_gone(void *arg, struct wire_request *r)
{
	(void)arg;
	ck_assert_ptr_eq(wire_request_data(r), &n);
	n.gone++;
	for (int i = 0; i < MAX_HELD; i++)
		if (n.held[i] == r)
			n.held[i] = NULL;
	event_base_loopbreak(n.eb);
}

/* ctx is consumed */
void
serve(SSL_CTX *c)
{
	n.conf.address = "127.0.0.1:0";
	n.conf.ctx = c;
	n.conf.on_request = on_request;
	n.conf.on_gone = on_gone;
	OK(wire_server_open(n.eb, &n.conf, &n.server));
	SSL_CTX_free(c);
	snprintf(n.address, sizeof(n.address), "127.0.0.1:%u",
	    wire_server_port(n.server));
}

struct wire_client *
client(SSL_CTX *c, const char *peer)
{
	struct wire_client_conf conf = {
		.address = n.address,
		.peer = peer,
		.ctx = c,
	};
	struct wire_client *cl = NULL;

	OK(wire_client_open(n.eb, &conf, &cl));
	SSL_CTX_free(c);
	return cl;
}

void
on_done(void *arg, enum base_err e, int status, struct base_span body)
{
	(void)arg;
	n.done++;
	n.err = e;
	n.status = status;
	snprintf(n.why, sizeof(n.why), "%s", base_why());
	base_buf_free(&n.body);
	OK(base_buf_put(&n.body, body.p, body.n));
	if (n.close_in_done != NULL)
		wire_client_close(n.close_in_done);
	event_base_loopbreak(n.eb);
}

void
call(struct wire_client *c, struct base_span body)
{
	struct wire_call k = {
		.path = WIRE_PATH_EXCHANGE,
		.body = body,
		.done = on_done,
	};
	int before = n.done;

	OK(wire_client_call(c, &k));
	ck_assert_int_eq(n.done, before);
	ck_assert(wire_client_is_busy(c));
	ck_assert_int_eq(wire_client_call(c, &k), BASE_E_STATE);
}

enum base_err
ask(struct wire_client *c, struct base_span body)
{
	int before = n.done;

	call(c, body);
	while (n.done == before)
		event_base_dispatch(n.eb);
	ck_assert_int_eq(n.done, before + 1);
	return n.err;
}

/* Lets what is under way come to rest: until nothing is ready. */
void
settle(void)
{
	for (int i = 0; i < 50; i++)
		event_base_loop(n.eb, EVLOOP_NONBLOCK);
}

SSL_CTX *
web(void)
{
	return net_ctx(true, n.web, n.root, true);
}

SSL_CTX *
app(void)
{
	return net_ctx(false, n.app, n.root, true);
}

SSL_CTX *
nobody(void)
{
	return net_ctx(false, NULL, n.root, true);
}

/* ---- bytes that are not ours --------------------------------------------------------------- */

static void
raw_event(struct bufferevent *bev, short what, void *arg)
{
	struct raw *r = arg;

	if (what & BEV_EVENT_CONNECTED) {
		bufferevent_write(bev, r->say, strlen(r->say));
		return;
	}
	event_base_loopbreak(n.eb);
}

static void
raw_read(struct bufferevent *bev, void *arg)
{
	struct raw *r = arg;
	char buf[4096];
	size_t k = bufferevent_read(bev, buf, sizeof(buf));

	OK(base_buf_put(&r->got, buf, k));
}

int
raw_socket(const char *from)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss), fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(evutil_parse_sockaddr_port(from,
			     (struct sockaddr *)&ss, &len),
	    0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&ss, (socklen_t)len), 0);
	evutil_make_socket_nonblocking(fd);
	return fd;
}

struct raw
raw_talk(const char *say, SSL_CTX *cc, const char *from)
{
	struct raw r = { .say = say };
	struct sockaddr_storage ss;
	int len = sizeof(ss), fd = raw_socket(from);

	ck_assert_int_eq(evutil_parse_sockaddr_port(n.address,
			     (struct sockaddr *)&ss, &len),
	    0);
	r.bev = cc != NULL
	    ? bufferevent_openssl_socket_new(n.eb, fd, SSL_new(cc),
		  BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE)
	    : bufferevent_socket_new(n.eb, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(r.bev, raw_read, NULL, raw_event, &r);
	bufferevent_enable(r.bev, EV_READ | EV_WRITE);
	bufferevent_socket_connect(r.bev, (struct sockaddr *)&ss, len);
	event_base_dispatch(n.eb);
	bufferevent_free(r.bev);
	SSL_CTX_free(cc);
	OK(base_buf_put_u8(&r.got, 0));
	return r;
}
