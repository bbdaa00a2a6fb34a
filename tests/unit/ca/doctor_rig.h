/*
 * kedge doctor on a small fleet, for the tests of ca/doctor*.c.
 */
#pragma once

#include "tests/unit/ca/asked.h"

void doctor_setup(void);
/* Asks, and kedge-hsmd anew. */
void doctor_look(void);
bool doctor_is(const json_t *o, const char *key, const char *word);
/* The level of the first finding of this check about subject; "" none. */
const char *doctor_found(const char *check, const char *subject);
/* Looks, and it must be that. */
void doctor_must(const char *check, const char *subject, const char *level);
