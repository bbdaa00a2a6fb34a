/*
 * asked: a world whose control socket is real, and a client on it, for the
 * tests of the commands. One per process.
 */
#pragma once

#include "ca/control.h"
#include "tests/unit/ca/world.h"

struct asked {
	struct world w;
	int fd; /* the client's end */
	json_t *answer; /* the last one */
};
extern struct asked asked;

void asked_open(const char *topology);
/* kedged is killed and starts again, and the client dials anew. */
void asked_restart(void);
/* The same, over the copy of its store that world_backup() made. */
void asked_restore(const char *name);
void asked_close(void);
int asked_dial(void);
/* The next line that comes, NULL when kedged hung up. */
json_t *asked_line(void);
/* Sends a request and waits for its answer; whether that is ok. */
bool asked_try(const char *text);
/* It must be ok, or no with this error. */
void asked_ok(const char *text);
void asked_no(const char *text, const char *error);
/* Of an array in the answer. */
size_t asked_size_of(const char *key);

/* Fixtures: app1 polls web1, root plant; the same, and lab1 and lab2 under
 * root lab. */
void asked_pair(void);
void asked_two_roots(void);
void asked_days(int days);       /* go by */
bool asked_rolls(const char *root);
bool asked_web1_trusts(struct world *x);
/* From here on the log can be read. check runs each test in a process of its
 * own: descriptor 2 may go. */
void asked_log(void);
const char *asked_log_new(void); /* what came since the last time */
/* How often these words are in that. */
unsigned asked_log_says(const char *words);
