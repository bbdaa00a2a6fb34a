/*
 * ca/observe: how the fleet is and what is coming: states and last words of
 * nodes, kedge-hsmd, metrics, ends of roots, schedules. Part of kedged.h.
 */
#pragma once

#include "ca/store.h"

struct ca;
typedef void ca_done_fn(void *arg, enum base_err e);

/* ---- how the fleet is, for metrics and doctor (ca/health.c) -------------------- */

/* The worst that holds for a node under any of its roots. */
enum ca_node_state {
	CA_NODE_CONFIRMED, /* holds what it reported */
	CA_NODE_PENDING, /* an order is out, or has failed */
	CA_NODE_DOUBTED, /* says that it holds something else */
	CA_NODE_HELD,
	CA_NODE_EXCUSED,
	CA_NODE_KNOWN, /* has not joined */
};
#define CA_NODE_STATES 6
const char *ca_node_state_word(enum ca_node_state s);
/* node is an index of topo. */
enum base_err ca_node_state(struct ca *ca, uint32_t node,
    enum ca_node_state *out) BASE_MUST;
/* When the last word of the node came; 0: never. */
enum base_err ca_node_heard(struct ca *ca, uint32_t node,
    struct base_time *out) BASE_MUST;

#define CA_TOKENS_MAX 16
struct ca_hsm_state {
	bool known; /* it has been asked, and that was answered or failed */
	bool up;
	char why[512]; /* when not up */
	size_t ntokens;
	struct {
		char name[CA_NAME];
		bool up;
		char why[256];
	} tokens[CA_TOKENS_MAX];
};
/* Asks kedge-hsmd how it is, unless that is done just now or was a moment
 * ago. done (NULL: nobody waits) is called exactly once, maybe from inside. */
void ca_health_ask(struct ca *ca, ca_done_fn *done, void *arg);
/* What it said last. */
const struct ca_hsm_state *ca_health_hsm(const struct ca *ca);
void ca_health_free(struct ca *ca);

/* ---- metrics (ca/metrics.c) ---------------------------------- */

#define CA_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* For wire_pages: arg is ca. */
enum base_err ca_metrics_get(void *arg, const char *path,
    struct base_buf *page) BASE_MUST;

/* ---- the ends of roots (ca/root_end.c) ---------------------------------- */

/* notAfter of NewWithNew. */
enum base_err ca_root_end(struct ca *ca, const char *root, uint32_t gen,
    struct base_time *out) BASE_MUST;
/* How near the end is: 0 far, 1 to 3 within 730, 365, 182 days, 4 over. */
#define CA_END_LEVELS 5
unsigned ca_root_end_level(struct base_time now, struct base_time end);
const char *ca_root_end_word(unsigned level);
/* Once a day; warns once per level and generation. */
struct base_mono ca_root_ends_work(struct ca *ca);

/* ---- rolls that start by themselves (ca/schedule.c) ---------------------------------- */

/* When the roll of this root is due; 0: it has no schedule. */
enum base_err ca_schedule_due(struct ca *ca, const struct ca_root *root,
    struct base_time *out) BASE_MUST;
/* Why a roll that is due has not started; NULL: none is due, or it has. */
const char *ca_schedule_blocked(struct ca *ca, const char *root);
struct base_mono ca_schedule_work(struct ca *ca);
void ca_schedule_free(struct ca *ca);
