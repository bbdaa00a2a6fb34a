/*
 * agentd/work_impl: what work.c, job.c and stock.c share.
 */
#pragma once

#include "agentd/self.h"
#include "agentd/work.h"

/* Work on one root: an order, or only files that must be put in order. */
struct job {
	struct job *next;
	struct ag_root *root;
	struct wire_order order;
	bool plain; /* no order: render and reload */
	bool back; /* failed; the previous version is put back */
	bool stale; /* nothing failed, but its canary was dead */
	bool no_room; /* for its applications' files; that is said */
	uint32_t pause_ms; /* the last one for want of room */
	bool *told; /* owned; of a plain one, by application: by an earlier
		     * try, and its files are the same since */
	struct base_mono not_before;
	char why[400];
};

struct ag_work {
	struct ag_work_conf c;
	struct ag_boot boot;
	const struct ag_root *way; /* took the last order; NULL: none yet */
	struct job *queue; /* first is the one in work */
	struct ag_live *live;
	struct ag_self *self; /* instead, for the management root */
	struct event *wake; /* of the queue */
	struct event *again; /* reports without acknowledgement */
	uint32_t again_ms;
	bool behind; /* the clock is, as last told */
	struct event *stock; /* the next one */
};

/* By the node's own clock. */
struct base_time ag_work_now(const struct ag_work *w);

/* o is emptied; NULL: only render and reload. */
struct job *ag_job_new(struct ag_root *r, struct wire_order *o);
void ag_job_free(struct job *j);
void ag_job_enqueue(struct ag_work *w, struct job *j);
/* A newer order of a root takes the place of the one in work. */
void ag_job_supersede(struct ag_work *w, const struct ag_root *r);
bool ag_job_is_queued(const struct ag_work *w, const struct ag_root *r);
/* The order in work under this root has no steps. */
bool ag_job_only_asks(const struct ag_work *w, const struct ag_root *r);
/* b becomes what is held under r, and goes over to it. */
void ag_job_use(struct ag_work *w, struct ag_root *r, struct ag_bundle *b);
/* A report that is not stored: received, refused. */
void ag_job_answer(struct ag_work *w, const struct ag_root *r,
    const struct ag_verdict_text *t);
/* The stored report, until it is acknowledged. */
void ag_job_answer_stored(struct ag_work *w, struct ag_root *r);
/* All stored reports that lack an acknowledgement, soon. */
void ag_job_answer_all(struct ag_work *w);
/* Stored reports under the node's new management certificate: the old one is
 * believed until the CA has forgotten its root. */
void ag_job_resign(struct ag_work *w);
/* Says why the order in work does not go on: j->why. */
void ag_job_hold(struct ag_work *w, const struct job *j);
/* Once more, when an order of the root is in work and stands for want of room;
 * false: none does. */
bool ag_job_say_held(struct ag_work *w, const struct ag_root *r);
/* Its applications' files are put right when there is room. */
void ag_job_tidy_later(struct ag_work *w, struct ag_root *r);
/* Stores the final report, then sends it. */
void ag_job_settle(struct ag_work *w, struct job *j, enum wire_status status,
    enum wire_proof proof);

/* ---- another key (rekey.c) ---- */

/* Where o asks for one: there is one, durably. */
enum base_err ag_rekey_prepare(const struct ag_work_conf *c,
    struct ag_root *r, const struct wire_order *o) BASE_MUST;
/* For the report of such an order. */
enum base_err ag_rekey_prove(const struct ag_work_conf *c,
    const struct wire_order *o, struct base_buf *out) BASE_MUST;
/* o is effective: does it leave the next key in use, and does the CA count on
 * it? */
bool ag_rekey_in_use(const struct ag_root *r, const struct wire_order *o);
/* When the CA has acknowledged that: the old key goes. */
void ag_rekey_finish(const struct ag_work_conf *c, struct ag_root *r);

void ag_stock_open(struct ag_work *w);
/* Something has changed, or may have: the CA hears of it at once. */
void ag_stock_soon(struct ag_work *w);
void ag_stock_close(struct ag_work *w);
