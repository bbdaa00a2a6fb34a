/*
 * wire/inventory: the part that reports and stocks share. Internal to wire/.
 */
#pragma once

#include "wire/asn1.h"
#include "wire/msg.h"

DECLARE_ASN1_ITEM(inventory_der)

/* Each root once, every number within its bounds. */
enum base_err wire_inventories_check(const struct wire_inventory *list,
    size_t n) BASE_MUST;
enum base_err wire_inventories_put(OPENSSL_STACK *sk,
    const struct wire_inventory *list, size_t n) BASE_MUST;
/* list has room for WIRE_INVENTORY_MAX. */
enum base_err wire_inventories_get(const OPENSSL_STACK *sk,
    struct wire_inventory *list, size_t *n) BASE_MUST;
