/*
 * wire/pages: plain HTTP on a loopback address: one GET per connection, then
 * it ends. For kedged's metrics. Whoever is on this host may read; so nothing
 * secret is shown, and few connections at a time, each for seconds, keep a
 * careless reader from being a burden.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "wire/addr.h"
#include "wire/http.h"
#include "wire/net.h"

#define READERS_MAX 16
#define READER_MS   5000 /* from its connection to its end */
#define PAGE_MAX    ((size_t)32 << 20)

struct reader {
	LIST_ENTRY(reader) entry;
	struct wire_pages *pages;
	struct bufferevent *bev;
	struct event *timer;
	bool answered;
};

struct wire_pages {
	struct event_base *eb;
	struct wire_pages_conf conf;
	struct evconnlistener *listener;
	LIST_HEAD(, reader) readers;
	uint32_t nreaders;
	uint16_t port;
};

/* ---- one reader ---------------------------------------------------------------- */

static void
reader_free(struct reader *r)
{
	LIST_REMOVE(r, entry);
	r->pages->nreaders--;
	bufferevent_free(r->bev);
	event_free(r->timer);
	free(r);
}

static void
reader_answer(struct reader *r, int status, struct base_span body)
{
	struct evbuffer *out = bufferevent_get_output(r->bev);
	struct base_buf head;

	base_buf_init(&head, 0);
	if (wire_http_page_put(status,
		status == 200 ? r->pages->conf.type
			      : "text/plain; charset=utf-8",
		body.n, &head) != BASE_OK ||
	    evbuffer_add(out, head.p, head.n) != 0 ||
	    evbuffer_add(out, body.p, body.n) != 0)
		base_die("pages: out of memory");
	base_buf_free(&head);
	r->answered = true;
}

static void
reader_refuse(struct reader *r, int status)
{
	char *text = base_asprintf("%s\n", base_why());

	reader_answer(r, status,
	    (struct base_span){ (const uint8_t *)text, strlen(text) });
	free(text);
}

static void
reader_get(struct reader *r, const char *path)
{
	struct wire_pages_conf *c = &r->pages->conf;
	struct base_buf page;
	enum base_err e;

	base_buf_init(&page, PAGE_MAX);
	e = c->on_get(c->arg, path, &page);
	if (e == BASE_OK)
		reader_answer(r, 200, base_buf_span(&page));
	else
		reader_refuse(r, e == BASE_E_NOTFOUND ? 404 : 503);
	base_buf_free(&page);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct reader *r = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct wire_http_head head;
	size_t n = evbuffer_get_length(in), used = 0;
	enum base_err e;

	n = n < WIRE_HTTP_HEAD_MAX ? n : WIRE_HTTP_HEAD_MAX;
	if (!r->answered) {
		e = wire_http_get_parse((struct base_span){ evbuffer_pullup(in,
								(ev_ssize_t)n),
					    n },
		    &head, &used);
		if (e == BASE_E_AGAIN)
			return;
		if (e == BASE_OK)
			reader_get(r, head.path);
		else
			reader_refuse(r, 400);
	}
	/* whatever else it says is not heard */
	evbuffer_drain(in, evbuffer_get_length(in));
}

/* The answer is out: the reader hangs up, or the timer does. */
static void
on_write(struct bufferevent *bev, void *arg)
{
	struct reader *r = arg;

	if (r->answered &&
	    evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev, (void)what;
	reader_free(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	reader_free(arg);
}

/* ---- listening -------------------------------------------------------------------- */

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct wire_pages *p = arg;
	struct timeval tv = { READER_MS / 1000, READER_MS % 1000 * 1000 };
	struct reader *r;

	(void)l, (void)sa, (void)len;
	if (p->nreaders >= READERS_MAX) {
		base_log(BASE_INFO, "pages: %d readers at a time are the most",
		    READERS_MAX);
		evutil_closesocket(fd);
		return;
	}
	r = base_alloc(sizeof(*r));
	r->pages = p;
	r->bev = bufferevent_socket_new(p->eb, fd, BEV_OPT_CLOSE_ON_FREE);
	r->timer = evtimer_new(p->eb, on_timer, r);
	if (r->bev == NULL || r->timer == NULL || event_add(r->timer, &tv) != 0)
		base_die("pages: out of memory");
	LIST_INSERT_HEAD(&p->readers, r, entry);
	p->nreaders++;
	bufferevent_setcb(r->bev, on_read, on_write, on_end, r);
	bufferevent_setwatermark(r->bev, EV_READ, 0, WIRE_HTTP_HEAD_MAX);
	bufferevent_enable(r->bev, EV_READ | EV_WRITE);
}

static enum base_err
address_parse(const char *text, struct sockaddr_storage *ss, socklen_t *len)
{
	enum base_err e;

	memset(ss, 0, sizeof(*ss));
	if ((e = wire_addr_parse(text, ss, len)) != BASE_OK)
		return e;
	if (!wire_addr_is_loopback((struct sockaddr *)ss))
		return base_fail(BASE_E_CONFIG,
		    "\"%s\" is no loopback address, and this port is read "
		    "without TLS and without a question who asks; write "
		    "127.0.0.1:PORT or [::1]:PORT",
		    text);
	return BASE_OK;
}

enum base_err
wire_pages_check(const char *text)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return address_parse(text, &ss, &len);
}

static enum base_err
pages_listen(struct wire_pages *p, const char *text)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	enum base_err e;

	if ((e = address_parse(text, &ss, &len)) != BASE_OK)
		return e;
	p->listener = evconnlistener_new_bind(p->eb, on_accept, p,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
	    16, (struct sockaddr *)&ss, (int)len);
	if (p->listener == NULL ||
	    getsockname(evconnlistener_get_fd(p->listener),
		(struct sockaddr *)&ss, &len) != 0)
		return base_fail(BASE_E_IO, "listen '%s': %s", text,
		    strerror(errno));
	p->port = wire_addr_port((struct sockaddr *)&ss);
	return BASE_OK;
}

enum base_err
wire_pages_open(struct event_base *eb, const struct wire_pages_conf *c,
    struct wire_pages **out)
{
	struct wire_pages *p = base_alloc(sizeof(*p));
	enum base_err e;

	p->eb = eb;
	p->conf = *c;
	p->conf.address = NULL; /* not ours */
	LIST_INIT(&p->readers);
	if ((e = pages_listen(p, c->address)) == BASE_OK) {
		*out = p;
		p = NULL;
	}
	wire_pages_close(p);
	return e;
}

uint16_t
wire_pages_port(const struct wire_pages *p)
{
	return p->port;
}

void
wire_pages_close(struct wire_pages *p)
{
	if (p == NULL)
		return;
	while (!LIST_EMPTY(&p->readers))
		reader_free(LIST_FIRST(&p->readers));
	if (p->listener != NULL)
		evconnlistener_free(p->listener);
	free(p);
}
