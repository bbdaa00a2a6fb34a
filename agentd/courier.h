/*
 * agentd/courier: parcels as files, for a node without a network. A file is an
 * exchange as on the wire; what is in it is judged as if it had come by one.
 */
#pragma once

#include "agentd/work.h"

#define AG_COURIER_MAX ((size_t)2 << 20)     /* bytes of a file */

struct ag_courier;
/* Borrowed for its life. Where no way to the CA is known yet, the node's own
 * name is one from here on: else it would report nothing. */
struct ag_courier *ag_courier_new(const struct ag_config *conf,
    struct ag_holdings *holdings);
void ag_courier_free(struct ag_courier *k);
/* What the node says meanwhile (as ag_work_conf.send); p is emptied. */
void ag_courier_put(struct ag_courier *k, struct wire_parcel *p);
/* Gives the parcels of a file to w. One that is damaged, for another node or
 * too old is refused as a whole. Otherwise the first error of an order in it,
 * which may be answered all the same. */
enum base_err ag_courier_take(struct ag_courier *k, struct ag_work *w,
    struct base_time now, struct base_span file) BASE_MUST;
/* All that was said, as a file. */
enum base_err ag_courier_write(struct ag_courier *k, struct base_buf *file)
    BASE_MUST;
