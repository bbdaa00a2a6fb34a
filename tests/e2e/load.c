/*
 * load: makes fresh connections through the client application of every pair
 * of the demo fleet, all the time, and demands the application's bytes back.
 * fleet.sh starts it, and tells it on standard input when the window of the
 * measurement begins and ends (milliseconds since 1970, or nothing for now):
 *
 *	begin [MS]   end [MS]   rate N   stat
 *	report FILE NODES FROM TO OLD_ROOT_LEFT   quit
 *
 * The answer of the server names the client it saw, whether the session was
 * resumed and the request's number on its connection, and the nonce of this
 * attempt: so each success is one full handshake of the right two nodes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/e2e/load.h"

#define TICK_US	   2000
#define CONNS_MAX  512
#define ANSWER_MAX 2048

struct conn {
	int fd; /* -1: free */
	struct load_pair *pair;
	size_t attempt;
	bool sent;
	size_t n;
	char answer[ANSWER_MAX];
};

struct load {
	struct load_run run;
	struct conn conns[CONNS_MAX];
	double rate; /* attempts per second and pair */
	unsigned under_way; /* at once, per pair */
	int64_t deadline; /* us; an attempt without an answer is refused */
	int epoll, timer;
	int64_t last_tick;
	char line[512];
	size_t nline;
	const char *report;
	struct load_facts facts;
	bool quit, failed;
};

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- one attempt ----------------------------------------------------------- */

static void
conn_end(struct load *l, struct conn *c, const char *cause)
{
	struct load_attempt *a = &c->pair->attempts[c->attempt];

	a->took = (int32_t)(now_us() - a->begun);
	a->cause = cause == NULL ? 0 : load_cause(&l->run, cause);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->pair->under_way--;
	c->pair = NULL;
}

/* NULL when these are the bytes that this attempt had to bring back. */
static const char *
answer_judge(const struct conn *c, char *why, size_t max)
{
	const char *body = strstr(c->answer, "\r\n\r\n");
	char want[256];

	if (c->n == 0)
		return "closed without an answer";
	if (strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0) {
		snprintf(why, max, "%.*s", (int)strcspn(c->answer, "\r\n"),
		    c->answer);
		return why;
	}
	if (body == NULL)
		return "answer cut short";
	snprintf(want, sizeof(want),
	    "server=%s client=%s verify=%s resumed=. request=1 uri=/%zu\n",
	    c->pair->server, c->pair->mutual ? c->pair->client : "",
	    c->pair->mutual ? "SUCCESS" : "NONE", c->attempt);
	if (strcmp(body + 4, want) == 0)
		return NULL;
	snprintf(why, max, "wrong bytes: %.*s", (int)strcspn(body + 4, "\r\n"),
	    body + 4);
	return why;
}

static void
conn_read(struct load *l, struct conn *c)
{
	char why[LOAD_WORDS];
	ssize_t n;

	while (c->n < ANSWER_MAX - 1) {
		n = read(c->fd, c->answer + c->n, ANSWER_MAX - 1 - c->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			snprintf(why, sizeof(why), "read: %s", strerror(errno));
			conn_end(l, c, why);
			return;
		}
		c->answer[c->n += (size_t)n] = '\0';
		if (n == 0) {
			conn_end(l, c, answer_judge(c, why, sizeof(why)));
			return;
		}
	}
	conn_end(l, c, "answer too long");
}

static void
conn_send(struct load *l, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	char text[256];
	int n;

	n = snprintf(text, sizeof(text),
	    "GET /%zu HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	    c->attempt, c->pair->server);
	if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n) {
		snprintf(text, sizeof(text), "send: %s", strerror(errno));
		conn_end(l, c, text);
		return;
	}
	c->sent = true;
	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &ev) != 0)
		abort();
}

static void
conn_event(struct load *l, struct conn *c)
{
	int e = 0;
	socklen_t n = sizeof(e);
	char text[128];

	if (c->pair == NULL)
		return;
	if (c->sent) {
		conn_read(l, c);
		return;
	}
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
		e = errno;
	if (e == 0) {
		conn_send(l, c);
		return;
	}
	snprintf(text, sizeof(text), "connect: %s", strerror(e));
	conn_end(l, c, text);
}

static struct conn *
conn_unused(struct load *l)
{
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (l->conns[i].pair == NULL)
			return &l->conns[i];
	}
	return NULL;
}

static size_t
attempt_add(struct load_pair *p)
{
	if (p->nattempts == p->cap) {
		p->cap = p->cap > 0 ? 2 * p->cap : 1024;
		p->attempts =
		    realloc(p->attempts, p->cap * sizeof(*p->attempts));
		if (p->attempts == NULL)
			abort();
	}
	p->attempts[p->nattempts] =
	    (struct load_attempt){ .begun = now_us(), .took = -1 };
	return p->nattempts++;
}

/* A socket lives in the namespace in which it was made. */
static int
pair_socket(const struct load_pair *p)
{
	if (p->netns >= 0 && setns(p->netns, CLONE_NEWNET) != 0)
		return -1;
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void
attempt_begin(struct load *l, struct load_pair *p)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(p->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct conn *c = conn_unused(l);
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };
	char text[128];
	int on = 1;

	if (c == NULL)
		return;
	memset(c, 0, offsetof(struct conn, answer));
	c->pair = p;
	c->attempt = attempt_add(p);
	p->under_way++;
	c->fd = pair_socket(p);
	if (c->fd < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 &&
		errno != EINPROGRESS)) {
		snprintf(text, sizeof(text), "connect: %s", strerror(errno));
		conn_end(l, c, text);
		return;
	}
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
		abort();
}

/* ---- the clock ----------------------------------------------------------------- */

static void
tick(struct load *l)
{
	int64_t now = now_us();
	double passed = (double)(now - l->last_tick) / 1e6;
	uint64_t expired;

	if (read(l->timer, &expired, sizeof(expired)) < 0)
		return;
	l->last_tick = now;
	for (size_t i = 0; i < l->run.npairs; i++) {
		struct load_pair *p = &l->run.pairs[i];

		p->credit += passed * l->rate;
		while (p->credit >= 1 && p->under_way < l->under_way) {
			attempt_begin(l, p);
			p->credit -= 1;
		}
		if (p->credit > 1) /* what could not be begun is not made up */
			p->credit = 1;
	}
	for (size_t i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &l->conns[i];

		if (c->pair != NULL &&
		    now - c->pair->attempts[c->attempt].begun > l->deadline)
			conn_end(l, c, "no answer in time");
	}
}

static void
tick_rate(struct load *l)
{
	struct itimerspec t = { { 0, TICK_US * 1000 }, { 0, TICK_US * 1000 } };

	if (timerfd_settime(l->timer, 0, &t, NULL) != 0)
		abort();
	l->last_tick = now_us();
}

/* ---- what fleet.sh says ------------------------------------------------------------ */

static void
say_stat(const struct load *l)
{
	uint64_t n = 0, refused = 0;

	for (size_t i = 0; i < l->run.npairs; i++) {
		const struct load_pair *p = &l->run.pairs[i];

		for (size_t j = 0; j < p->nattempts; j++) {
			if (p->attempts[j].begun < l->run.begin)
				continue;
			n++;
			refused += p->attempts[j].cause != 0;
		}
	}
	printf("stat %llu %llu\n", (unsigned long long)n,
	    (unsigned long long)refused);
	fflush(stdout);
}

static void
report_order(struct load *l, const char *args)
{
	static char path[400];
	struct load_facts *f = &l->facts;

	if (sscanf(args, "%399s %u %u %u %u", path, &f->nodes, &f->from, &f->to,
		&f->old_root_left) != 5 ||
	    l->run.begin == 0 || l->run.end == 0) {
		fprintf(stderr,
		    "load: report: needs begin, end and "
		    "FILE NODES FROM TO OLD_ROOT_LEFT\n");
		l->failed = l->quit = true;
		return;
	}
	l->report = path;
}

static int64_t
time_or_now(const char *s)
{
	long long ms = atoll(s);

	return ms > 0 ? ms * 1000 : now_us();
}

static void
obey(struct load *l, const char *s)
{
	if (strncmp(s, "begin", 5) == 0)
		l->run.begin = time_or_now(s + 5);
	else if (strncmp(s, "end", 3) == 0)
		l->run.end = time_or_now(s + 3);
	else if (strncmp(s, "rate ", 5) == 0)
		l->rate = atof(s + 5);
	else if (strcmp(s, "stat") == 0)
		say_stat(l);
	else if (strncmp(s, "report ", 7) == 0)
		report_order(l, s + 7);
	else if (strcmp(s, "quit") == 0)
		l->quit = true;
	else
		fprintf(stderr, "load: \"%s\" not understood\n", s);
}

static void
control_read(struct load *l)
{
	ssize_t n = read(STDIN_FILENO, l->line + l->nline,
	    sizeof(l->line) - 1 - l->nline);
	char *nl;

	if (n <= 0) {
		l->quit = n == 0 || errno != EAGAIN;
		return;
	}
	l->nline += (size_t)n;
	l->line[l->nline] = '\0';
	while ((nl = strchr(l->line, '\n')) != NULL) {
		*nl = '\0';
		obey(l, l->line);
		l->nline -= (size_t)(nl + 1 - l->line);
		memmove(l->line, nl + 1, l->nline + 1);
	}
}

/* ---- start ---------------------------------------------------------------------------- */

/* CLIENT,SERVER,PORT,mutual|server[,NETNS] */
static bool
pair_parse(struct load_run *r, char *s)
{
	struct load_pair *p = &r->pairs[r->npairs];
	char *save = NULL, *port, *auth, *netns;

	if (r->npairs == LOAD_PAIRS_MAX)
		return false;
	p->client = strtok_r(s, ",", &save);
	p->server = strtok_r(NULL, ",", &save);
	port = strtok_r(NULL, ",", &save);
	auth = strtok_r(NULL, ",", &save);
	if (auth == NULL)
		return false;
	p->port = (uint16_t)atoi(port);
	p->mutual = strcmp(auth, "mutual") == 0;
	netns = strtok_r(NULL, ",", &save);
	p->netns = netns == NULL ? -1 : open(netns, O_RDONLY | O_CLOEXEC);
	if (netns != NULL && p->netns < 0) {
		perror(netns);
		return false;
	}
	r->npairs++;
	return p->port != 0 && (p->mutual || strcmp(auth, "server") == 0);
}

static bool
options_parse(struct load *l, int argc, char **argv)
{
	int c;

	l->under_way = 6;
	l->deadline = 5000000;
	while ((c = getopt(argc, argv, "d:u:")) != -1) {
		if (c == 'd')
			l->deadline = (int64_t)atoi(optarg) * 1000000;
		else if (c == 'u')
			l->under_way = (unsigned)atoi(optarg);
		else
			return false;
	}
	l->rate = optind < argc ? atof(argv[optind++]) : 0;
	for (; optind < argc; optind++) {
		if (!pair_parse(&l->run, argv[optind]))
			return false;
	}
	return l->rate > 0 && l->deadline > 0 && l->under_way > 0 &&
	    l->run.npairs > 0;
}

static void
open_all(struct load *l)
{
	struct epoll_event tev = { .events = EPOLLIN, .data.ptr = &l->timer };
	struct epoll_event cev = { .events = EPOLLIN, .data.ptr = l };

	for (size_t i = 0; i < CONNS_MAX; i++)
		l->conns[i].fd = -1;
	l->run.ncauses = 1;
	snprintf(l->run.causes[LOAD_CAUSES - 1], LOAD_WORDS, "other causes");
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->epoll < 0 || l->timer < 0 ||
	    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) != 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &tev) != 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &cev) != 0) {
		perror("load: standard input must be a pipe");
		exit(1);
	}
	tick_rate(l);
}

static void
round_once(struct load *l)
{
	struct epoll_event ev[64];
	int n = epoll_wait(l->epoll, ev, 64, 1000);

	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr == l)
			control_read(l);
		else if (ev[i].data.ptr == &l->timer)
			tick(l);
		else
			conn_event(l, ev[i].data.ptr);
	}
}

static bool
is_drained(const struct load *l)
{
	for (size_t i = 0; i < l->run.npairs; i++) {
		if (l->run.pairs[i].under_way > 0)
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	static struct load l;
	int64_t limit;

	if (!options_parse(&l, argc, argv)) {
		fprintf(stderr,
		    "usage: load [-d SECONDS] [-u UNDER_WAY] RATE "
		    "CLIENT,SERVER,PORT,mutual|server[,NETNS]...\n");
		return 2;
	}
	open_all(&l);
	while (!l.quit && l.report == NULL)
		round_once(&l);
	l.rate = 0;
	limit = now_us() + l.deadline + 1000000;
	while (!l.failed && !is_drained(&l) && now_us() < limit)
		round_once(&l);
	if (l.failed ||
	    (l.report != NULL && !load_report(&l.run, &l.facts, l.report)))
		return 1;
	return 0;
}
