/*
 * hsm/pin: a PIN in a page of its own: locked into memory, left out of core
 * dumps, wiped when freed. The front keeps one per token, because a worker
 * that was killed must log in again.
 */
#pragma once

#include "base/base.h"

#define HSM_PIN_MAX 256

struct hsm_pin;

/* Takes the bytes out of secret, which is wiped. */
enum base_err
hsm_pin_new(struct base_buf *secret, struct hsm_pin **out) BASE_MUST;
struct base_span hsm_pin_span(const struct hsm_pin *p);
void hsm_pin_free(struct hsm_pin *p);
