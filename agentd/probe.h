/*
 * agentd/probe: is a change live in the application? One attempt; live.c
 * repeats it until a deadline, because a reload takes its time.
 */
#pragma once

#include <event2/event.h>
#include <openssl/ssl.h>

#include "agentd/config.h"

struct ag_probe;

struct ag_probe_conf {           /* all borrowed until done */
	struct event_base *eb;
	const struct ag_side *side;
	X509 *shown;             /* canary that we show; NULL none */
	EVP_PKEY *key;
	X509 *leaf;              /* that the application must show; NULL: not
				  * looked at */
	X509 *link;              /* NewWithOld that must come along; NULL: none
				  * may */
	bool bytes;              /* server: expect must come back. A client
				  * always brings the word back */
	bool refuse;             /* the other way: we must be refused */
	uint32_t timeout_ms;
	/* Once, never from within ag_probe_start. OK: as wanted; otherwise
	 * base_why() says what was seen instead. */
	void (*done)(void *arg, enum base_err e);
	void *arg;
};
struct ag_probe *ag_probe_start(const struct ag_probe_conf *c);
/* done is not called. NULL is allowed. */
void ag_probe_cancel(struct ag_probe *p);
