/*
 * clock: virtual time in place of base/clock.c, and virtual timers in place
 * of libevent's, for code that asks for the time and for timers only. See
 * sim.h.
 */
#include "tests/sim/sim.h"
#include "tests/unit/quick.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JANUARY INT64_C(1767225600000) /* 2026, the beginning */

struct sim sim;

/* ---- chance ------------------------------------------------------------------ */

#define ENTROPY ((size_t)1 << 20)

/* OpenSSL's own dice, too: keys and signatures, and with them every digest
 * by which something is sorted, are the same in each run of a seed. */
static void
seed_openssl(OSSL_LIB_CTX *ctx)
{
	uint8_t *bytes = base_alloc(ENTROPY);
	unsigned strength = 256;
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_RAND_PARAM_TEST_ENTROPY, bytes,
		    ENTROPY),
		OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, &strength),
		OSSL_PARAM_END,
	};
	EVP_RAND_CTX *c[3];
	uint64_t some;

	for (size_t i = 0; i < ENTROPY; i += sizeof(some)) {
		sim_dice(2);
		some = sim.rng * UINT64_C(0x2545f4914f6cdd1d);
		memcpy(bytes + i, &some, sizeof(some));
	}
	if (RAND_set_DRBG_type(ctx, "TEST-RAND", NULL, NULL, NULL) != 1)
		base_die("sim: OpenSSL has no TEST-RAND");
	c[0] = RAND_get0_primary(ctx);
	c[1] = RAND_get0_public(ctx);
	c[2] = RAND_get0_private(ctx);
	for (int i = 0; i < 3; i++)
		if (EVP_RAND_CTX_set_params(c[i], params) != 1 ||
		    EVP_RAND_instantiate(c[i], strength, 0, NULL, 0, NULL) != 1)
			base_die("sim: OpenSSL takes no entropy");
	free(bytes);
}

void
sim_dice_openssl(void)
{
	uint64_t rng;

	seed_openssl(NULL);
	rng = sim.rng;
	seed_openssl(quick_openssl());
	sim.rng = rng;
}

uint64_t
sim_dice(uint64_t sides)
{
	sim.rng ^= sim.rng << 13;
	sim.rng ^= sim.rng >> 7;
	sim.rng ^= sim.rng << 17;
	return (sim.rng >> 8) % sides;
}

bool
sim_chance(unsigned percent)
{
	return percent > 0 && sim_dice(100) < percent;
}

void
sim_say(const char *fmt, ...)
{
	va_list ap;

	if (!sim.verbose)
		return;
	printf("%9.3f  ", (double)sim.now / 1000);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void
sim_put(struct base_buf *b, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (base_buf_put(b, text, (size_t)n) != BASE_OK)
		base_die("sim: out of memory");
}

void
sim_clean(void)
{
	char cmd[192];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s' '%s.joined'", sim.dir, sim.dir);
	if (sim.owner == getpid() && system(cmd) != 0)
		printf("sim: %s stays\n", sim.dir);
}

void
sim_fail(const char *fmt, ...)
{
	va_list ap;

	printf("sim: seed %llu, after %.3f s: ", (unsigned long long)sim.seed,
	    (double)sim.now / 1000);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("; again: %s\n", sim.replay);
	fflush(stdout);
	sim_clean();
	_Exit(1);
}

/* ---- base/clock.c ------------------------------------------------------------- */

struct base_time
sim_time(void)
{
	return (struct base_time){ JANUARY + sim.now };
}

struct base_time
base_time_now(void)
{
	int64_t skew = sim.node == NULL ? sim.ca_skew : sim.node->skew;
	struct base_time t = { JANUARY + sim.now + skew };

	if (sim.node == NULL && t.ms > sim.ca_latest)
		sim.ca_latest = t.ms;
	return t;
}

struct base_mono
base_mono_now(void)
{
	return (struct base_mono){ sim.now };
}

/* ---- what will happen: a heap by time, then by age ------------------------------ */

struct due {
	int64_t at;
	uint64_t number;
	void (*fn)(void *arg);
	void *arg;
	struct event *timer; /* instead of fn */
};

static struct {
	struct due *heap;
	size_t n, cap;
	uint64_t number;
} line;

static bool
is_before(const struct due *a, const struct due *b)
{
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void
swap(size_t a, size_t b)
{
	struct due d = line.heap[a];

	line.heap[a] = line.heap[b];
	line.heap[b] = d;
}

static void
push(struct due d)
{
	size_t i = line.n++;

	if (line.n > line.cap) {
		line.cap = line.cap == 0 ? 256 : line.cap * 2;
		line.heap =
		    base_realloc_array(line.heap, line.cap, sizeof(*line.heap));
	}
	d.number = line.number++;
	line.heap[i] = d;
	for (; i > 0 && is_before(&line.heap[i], &line.heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

static struct due
pop(void)
{
	struct due first = line.heap[0];
	size_t i = 0, least;

	line.heap[0] = line.heap[--line.n];
	for (;;) {
		least = i;
		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < line.n; c++)
			if (is_before(&line.heap[c], &line.heap[least]))
				least = c;
		if (least == i)
			return first;
		swap(i, least);
		i = least;
	}
}

void
sim_at(int64_t ms, void (*fn)(void *arg), void *arg)
{
	push((struct due){ .at = sim.now + ms, .fn = fn, .arg = arg });
}

/* ---- libevent: timers of the agents; an event base is its node ------------------- */

struct event {
	struct sim_node *node;
	event_callback_fn fn;
	void *arg;
	uint64_t armed; /* number of the entry in the line; 0 none */
	struct event *next;
};

static struct event *events; /* that are not freed */

struct event *
event_new(struct event_base *eb, evutil_socket_t fd, short what,
    event_callback_fn fn, void *arg)
{
	struct event *e = base_alloc(sizeof(*e));

	(void)fd;
	(void)what;
	e->node = (struct sim_node *)(void *)eb;
	e->fn = fn;
	e->arg = arg;
	e->next = events;
	events = e;
	return e;
}

int
event_add(struct event *e, const struct timeval *tv)
{
	e->armed = line.number;
	push((
	    struct due){ .at = sim.now + tv->tv_sec * 1000 + tv->tv_usec / 1000,
	    .timer = e });
	return 0;
}

int
event_del(struct event *e)
{
	e->armed = 0;
	return 0;
}

static bool
is_alive(const struct event *e)
{
	const struct event *i = events;

	while (i != NULL && i != e)
		i = i->next;
	return i != NULL;
}

static void
unlink_event(struct event *e)
{
	struct event **at = &events;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
}

void
event_free(struct event *e)
{
	unlink_event(e);
	free(e);
}

void
sim_timers_drop(const struct sim_node *n)
{
	struct event *next;

	for (struct event *e = events; e != NULL; e = next) {
		next = e->next;
		if (e->node == n)
			event_free(e);
	}
}

static void
fire(struct sim_node *n, void *arg)
{
	struct event *e = arg;

	(void)n;
	e->armed = 0;
	e->fn(-1, EV_TIMEOUT, e->arg);
}

/* ---- running ----------------------------------------------------------------------- */

bool
sim_run(int64_t until, bool (*done)(void))
{
	while (line.n > 0 && line.heap[0].at <= until) {
		struct due d = pop();

		if (d.timer != NULL &&
		    (!is_alive(d.timer) || d.timer->armed != d.number))
			continue;
		sim.now = d.at;
		sim.events++;
		if (d.timer != NULL)
			sim_node_do(d.timer->node, fire, d.timer);
		else
			d.fn(d.arg);
		if (done != NULL && done())
			return true;
	}
	sim.now = until;
	return false;
}
