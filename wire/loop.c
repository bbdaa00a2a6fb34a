/*
 * wire/loop: the end of an event loop. A bufferevent whose callback is
 * deferred lives until that has run, although it was freed before; a loop that
 * is broken off, by a signal say, leaves such a one behind. Called by whoever
 * made the loop.
 */
#include "wire/net.h"

#define TURNS 8

void
wire_loop_free(struct event_base *eb)
{
	if (eb == NULL)
		return;
	for (int i = 0; i < TURNS &&
	     event_base_get_num_events(eb, EVENT_BASE_COUNT_ACTIVE) > 0;
	     i++)
		if (event_base_loop(eb, EVLOOP_NONBLOCK) < 0)
			break;
	event_base_free(eb);
}
