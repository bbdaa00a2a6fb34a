/*
 * agentd/agent: the running agent and what its parts share: what is held
 * under each root, rendering, going live, the work on orders. Everything
 * runs in one event loop.
 */
#pragma once

#include <event2/event.h>

#include "agentd/config.h"
#include "agentd/order.h"
#include "agentd/store.h"

/* What the node holds under one root. */
struct ag_root {
	char name[BASE_NAME_MAX + 1];
	EVP_PKEY *key;           /* owned */
	EVP_PKEY *next;          /* owned; takes its place when the CA knows
				  * that it is in use; NULL: none was asked for */
	struct ag_bundle *bundle;/* owned; NULL: not joined under it */
	struct ag_state state;
	bool regressed;          /* damaged: nothing is changed any more */
	uint8_t rendered[32];    /* SHA-256 over what render last wrote */
	uint8_t probed[32];      /* SHA-256 over what the last probe proved */
};

struct ag_holdings {             /* by name, "management" among them */
	struct ag_root *root;    /* owned array */
	size_t n;
};
struct ag_root *ag_holdings_find(const struct ag_holdings *h,
    const char *root);           /* NULL root or unknown: NULL */
/* The node's clock mark: what the CA has signed last, see store.h. */
struct base_time ag_holdings_mark(const struct ag_holdings *h);
/* The one of its keys that x is for; without such a one the first. */
EVP_PKEY *ag_root_key(const struct ag_root *r, const X509 *x);
/* x is for the key that is to take the other's place. */
bool ag_root_is_next(const struct ag_root *r, const X509 *x);
/* Keys are made, versions and states are read. A damaged root is marked and
 * logged, not an error. */
enum base_err ag_holdings_open(struct ag_store *s, const struct ag_config *c,
    struct ag_holdings *out) BASE_MUST;
void ag_holdings_close(struct ag_holdings *h);

/* ---- render ------------------------------------------------------------------ */

enum ag_file { AG_F_TRUST, AG_F_CHAIN, AG_F_KEY, AG_F_PEM };
/* Content of one file of one side; empty when its root is not held. */
enum base_err ag_render_content(const struct ag_holdings *h,
    const struct ag_side *side, enum ag_form form, enum ag_file f,
    struct base_buf *out) BASE_MUST;
/* Writes what differs: all of it beside the files, and only when there is room
 * for all each file by rename. *changed is set when one is, also where it
 * fails then. Updates rendered of the roots named. AGAIN: there is no room on
 * the disk; the files are the old ones, or (*changed) the disk keeps a
 * directory from being synced. */
enum base_err ag_render_app(struct ag_holdings *h, const struct ag_app *a,
    bool *changed) BASE_MUST;
/* The same for all applications of c that use the root, or for none;
 * changed[]: by application. */
enum base_err ag_render_root(struct ag_holdings *h, const struct ag_config *c,
    const char *root, bool *changed) BASE_MUST;
bool ag_app_uses(const struct ag_app *a, const char *root);
/* After this order the application's sessions may be of peers that showed a
 * certificate of a root in wrong hands: it is kicked instead of reloaded. */
bool ag_app_must_kick(const struct ag_app *a, const struct wire_order *o);

/* ---- live: render, check, reload, old processes, probe, settle ----------------- */

struct ag_live;

struct ag_live_conf {            /* borrowed until done */
	struct event_base *eb;
	const struct ag_config *conf;
	struct ag_holdings *holdings;
	const char *root;        /* the root that changes */
	const struct wire_order *order;  /* canaries; NULL: put back, without
					  * check, probe and settling */
	const struct wire_order *undone; /* that is put back, or NULL: what was
					  * to be kicked is kicked again, for a
					  * kick that failed may have left it
					  * stopped */
	bool held;               /* an earlier try found no room: nobody is told
				  * before there is room for all, and then all
				  * are, for some files may have changed */
	bool *told;              /* by application: its files are as they were
				  * when it was last told, which need not be
				  * again. Goes on with the next try; NULL:
				  * nobody remembers. Not with order */
	/* All files are in their places: with order, or when it was held. */
	void (*written)(void *arg);      /* NULL: nobody wants to know */
	/* Once, never from within ag_live_start. Otherwise base_why() has the
	 * application's words; EXPIRED is no failure of its: a canary had died
	 * before it was shown. Nor is AGAIN: there was no room for some
	 * application's files. With order, or when it was held, none was told
	 * anything; else that one was not. */
	void (*done)(void *arg, enum base_err e, enum wire_proof proof);
	void *arg;
};
struct ag_live *ag_live_start(const struct ag_live_conf *c);
void ag_live_cancel(struct ag_live *l);
