/*
 * fuzz: targets beyond wire/, in fuzz_files.c: what kedge reads from files
 * that somebody wrote or that a crash may have left, and from its control
 * socket.
 */
#pragma once

#include "base/base.h"

struct fuzz_target {
	const char *name; /* NULL ends the table */
	void (*begin)(void); /* once; NULL: nothing */
	void (*run)(struct base_span in);
};
extern const struct fuzz_target fuzz_files[];
