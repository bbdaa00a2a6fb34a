/*
 * A SoftHSM token of one's own per test, in a temporary directory.
 */
#pragma once

#include "hsm/pin.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTHSM_PIN    "2468-test"

struct softhsm {
	char *dir; /* temporary, removed by _remove */
	char *tokens; /* dir/tokens: the token's files */
	char *copy; /* dir/copy */
};

/* Makes a token labelled "kedge" and points SOFTHSM2_CONF at it. */
struct softhsm *softhsm_make(void);
void softhsm_remove(struct softhsm *s);
struct hsm_pin *softhsm_pin(const char *pin);
/* Runs argv without a shell; fails the test unless it exits with 0. */
void test_run(const char *const *argv);
