/*
 * ca/send: a stored order on its way to the mailboxes, and the way round when
 * a relay is dead. Used by all who give orders, and at start.
 */
#include "ca/kedged.h"

void
ca_order_send(struct ca *ca, const struct ca_order *o)
{
	uint32_t node = ca_topo_node(ca->topo, o->node);
	struct ca_route route;

	if (node == POL_NONE)
		return;
	if (ca_topo_is_ca(ca->topo, node)) {
		ca->self_look = true;
		ca_kick(ca);
		return;
	}
	if (ca_topo_route(ca->topo, node, &route) != BASE_OK) {
		base_log(BASE_WARNING, "order %s/%s: %s", o->node, o->root,
		    base_why());
		return;
	}
	ca_deliver_order(ca->deliver, ca_mono(ca),
	    &(struct ca_delivery){ .node = o->node,
		.root = o->root,
		.epoch = o->epoch,
		.expires = o->expires,
		.cms = base_buf_span(&o->cms),
		.route = &route });
}

bool
ca_order_detour(void *arg, const char *node, uint32_t nth,
    struct ca_route *route)
{
	const struct ca *ca = arg;
	uint32_t i = ca_topo_node(ca->topo, node);

	return i != POL_NONE &&
	    ca_topo_detour(ca->topo, i, nth, route) == BASE_OK;
}
