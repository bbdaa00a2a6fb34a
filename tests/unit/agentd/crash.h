/*
 * Every durable write of the code under test passes here (linker: --wrap), so
 * that a test can let the process die before or within the n-th of them, or
 * the disk be full.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CRASH_EXIT 99

/* -1: never. torn: the n-th write leaves half of its bytes behind, where a
 * write is not a rename. */
extern int crash_before;
extern bool crash_torn;
extern int crash_writes;         /* seen so far */
/* From this write on (-1: none) there is no room for those of the next 32 whose
 * bit is set; with all bits set for no other either. What is no rename leaves
 * half of its bytes behind. */
#define CRASH_FULL UINT32_MAX
extern int crash_full_from;
extern uint32_t crash_full_mask;
