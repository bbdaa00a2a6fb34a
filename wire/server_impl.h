/*
 * wire/server: what its two files share. server.c listens, bounds and
 * answers the caller; server_conn.c leads one connection.
 */
#pragma once

#include <sys/queue.h>

#include "wire/addr.h"
#include "wire/http.h"
#include "wire/net.h"

/* the longest join request of our own fits */
#define WIRE_JOIN_MAX ((size_t)160 << 10)

enum conn_state {
	SHAKING, /* TLS handshake */
	IDLE, /* between requests, or in a request's head */
	BODY, /* head read, body on its way */
	HELD, /* the handler has it */
	ANSWERING, /* answer on its way */
	LINGERING, /* answer sent, we hang up; reads what still comes, so
		    * that a reset does not overtake the answer */
};

struct wire_request {
	struct conn *conn;
	void *data;
};

struct conn {
	LIST_ENTRY(conn) entry;
	struct wire_server *server;
	struct bufferevent *bev;
	struct event *timer;
	enum conn_state state;
	bool old; /* made with an earlier context */
	bool stranger; /* no certificate, not vouched for; so still shaking */
	bool once; /* vouched for until the answer */
	uint8_t net[WIRE_ADDR_NET]; /* where it comes from */
	struct wire_http_head head;
	struct base_buf body;
	struct wire_request request;
	char from[64];
};

struct wire_server {
	struct event_base *eb;
	struct wire_server_conf conf;
	struct evconnlistener *listener;
	struct event *pause; /* accept goes on after it */
	LIST_HEAD(, conn) conns;
	uint32_t nconns;
	uint16_t port;
};

/* Takes fd; sa is the peer's. The connection ends by itself or by _free. */
void wire_conn_new(struct wire_server *s, evutil_socket_t fd,
    const struct sockaddr *sa, socklen_t len);
/* An old connection's timer runs since the change of context. */
void wire_conn_set_timer(struct conn *c, uint32_t ms);
void wire_conn_answer(struct conn *c, int status, struct base_span body);
bool wire_conn_is_silent(const struct conn *c);  /* idle, nothing read */
void wire_conn_free(struct conn *c);
