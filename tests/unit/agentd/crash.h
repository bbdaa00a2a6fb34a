/*
 * Every durable write of the code under test passes here (linker: --wrap), so
 * that a test can let the process die before or within the n-th of them.
 */
#pragma once

#include <stdbool.h>

#define CRASH_EXIT 99

/* -1: never. torn: the n-th write leaves half of its bytes behind, where a
 * write is not a rename. */
extern int crash_before;
extern bool crash_torn;
extern int crash_writes;         /* seen so far */
