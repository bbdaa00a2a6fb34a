/*
 * agentd/stock: tells the CA unasked what the node holds: at start, after
 * every change, and regularly. Nothing of it is kept or sent again: the next
 * one says it all. Used by work.c and job.c.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "agentd/work_impl.h"

/* An older one is not believed anyway. */
#define STOCK_LIFE_S 300

/* By the way of the last order; before the first, of any; or straight, when
 * the CA itself is the neighbour. */
static bool
put_route(const struct ag_work *w, struct wire_parcel *p)
{
	const struct ag_holdings *h = w->c.holdings;
	const struct ag_root *r = w->way;

	for (size_t i = 0; r == NULL && i < h->n; i++)
		if (h->root[i].state.nroute > 0)
			r = &h->root[i];
	if (r != NULL) {
		p->nroute = r->state.nroute;
		memcpy(p->route, r->state.route, sizeof p->route);
	} else if (w->c.conf->management != NULL || w->c.conf->ca_poll) {
		p->nroute = 1;
		strcpy(p->route[0], w->c.conf->node);
	}
	return p->nroute > 0;
}

static void
send_stock(struct ag_work *w)
{
	struct wire_parcel p = { .kind = WIRE_P_STOCK };

	base_buf_init(&p.content, WIRE_PARCEL_MAX);
	p.expires = base_time_add_s(base_time_now(), STOCK_LIFE_S);
	if (!put_route(w, &p))
		base_log(BASE_DEBUG, "stock: no way to the CA is known yet");
	else if (ag_stock_make(&w->c, &w->boot, &p.content) != BASE_OK)
		base_log(BASE_ERR, "stock: %s", base_why());
	else
		w->c.send(w->c.arg, &p);
	wire_parcel_clear(&p);
}

static void
wait_ms(struct ag_work *w, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (evtimer_add(w->stock, &tv) != 0)
		base_die("stock: out of memory");
}

/* Up to a quarter earlier, so that a fleet that started together does not
 * speak together for ever. */
static uint32_t
spread(uint32_t ms)
{
	uint16_t dice;

	if (RAND_bytes((unsigned char *)&dice, sizeof dice) != 1)
		base_die("stock: no random bytes");
	return ms - (uint32_t)((uint64_t)ms * dice / UINT16_MAX / 4);
}

static void
on_stock(evutil_socket_t fd, short what, void *arg)
{
	struct ag_work *w = arg;

	(void)fd;
	(void)what;
	send_stock(w);
	wait_ms(w, spread(w->c.conf->inventory_ms));
}

void
ag_stock_open(struct ag_work *w)
{
	w->stock = evtimer_new(w->c.eb, on_stock, w);
	if (w->stock == NULL)
		base_die("stock: out of memory");
}

void
ag_stock_soon(struct ag_work *w)
{
	wait_ms(w, 0);
}

void
ag_stock_close(struct ag_work *w)
{
	event_free(w->stock);
}
