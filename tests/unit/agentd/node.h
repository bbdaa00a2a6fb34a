/*
 * A node with work.c and all below it, beside a real TLS server that reads
 * its files for each connection; and what the node said last. One at a time.
 */
#pragma once

#include "agentd/work.h"
#include "tests/unit/agentd/app.h"

extern const char *deadline;     /* of the application, in seconds */
extern char *dir, *trust_file, *chain_file;
extern struct event_base *eb;
extern struct app *app;
extern struct ag_config *conf;
extern struct ag_store *store;
extern struct ag_holdings held;
extern struct ag_work *work;
extern struct wire_report last;  /* of those sent */
extern char way[BASE_NAME_MAX + 1];   /* on which it went, first hop */
/* The clock of the node that comes up next; NULL: that of this machine. */
extern struct base_time (*node_now)(void);
/* Orders say so. */
extern bool order_compromised;
extern unsigned nsent, nchanged;

/* Fixtures: a directory of a node that has joined, generation 1. */
void node_new(void);
void node_remove(void);
/* more: settings of its application */
void node_up(const char *more);
void node_down(void);

/* From generation 1 to 2; clear it. */
struct wire_parcel order_parcel(uint32_t steps, uint64_t epoch);
struct wire_parcel order_parcel_at(uint32_t steps, uint64_t epoch,
    struct base_time issued);
/* What the node says in the end. */
enum wire_status give(uint32_t steps, uint64_t epoch);
void run_until_idle(void);
/* Of plant, in the last report. */
const struct wire_inventory *inventory(void);
/* Certificates in a file. */
int count(const char *file);
