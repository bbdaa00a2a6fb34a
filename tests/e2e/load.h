/*
 * load: what the generator (load.c) and its report (load_report.c) share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_PAIRS_MAX 32
#define LOAD_CAUSES    24
#define LOAD_WORDS     160

/* One attempt, kept for the whole run: the window is known only at the end.
 * Times are wall clock in microseconds, so that they compare with kedged's. */
struct load_attempt {
	int64_t begun;
	int32_t took; /* microseconds; -1: still under way */
	uint8_t cause; /* 0: brought back the expected bytes */
};

struct load_pair {
	const char *client, *server;
	uint16_t port; /* plaintext port of the client application */
	bool mutual;
	int netns; /* in which the application runs; -1: ours */
	struct load_attempt *attempts;
	size_t nattempts, cap;
	unsigned under_way;
	double credit; /* attempts that may begin now */
};

struct load_run {
	struct load_pair pairs[LOAD_PAIRS_MAX];
	size_t npairs;
	char causes[LOAD_CAUSES][LOAD_WORDS]; /* [0] is success */
	size_t ncauses;
	int64_t begin, end; /* the window; end 0: not yet known */
};

/* Number of the cause with these words; made when it is new. */
uint8_t load_cause(struct load_run *r, const char *words);

struct load_facts { /* what the generator cannot see itself */
	unsigned nodes, from, to, old_root_left;
};

/* Writes the document of the demo to path (by rename) and a table for people
 * to standard output. False when the file cannot be written. */
bool load_report(const struct load_run *r, const struct load_facts *f,
    const char *path);
