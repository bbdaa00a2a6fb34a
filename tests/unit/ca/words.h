/* words: runs the kedge command in this process, for the tests of ca/cmd_*.c. */
#pragma once

#include <jansson.h>

/* What the last one printed; a NUL behind it. */
extern char words_out[262144], words_err[4096];

/* One command line, its words separated by blanks; its exit code. */
int words_run(const char *line);
/* How often this is in what was printed. */
unsigned words_count(const char *what);
/* The same, as one JSON document; the caller's. */
json_t *words_json(const char *line, int code);
json_int_t words_number(const json_t *doc, const char *key);

/* What was printed, as SVG: the middle of a text that is drawn; and whether it
 * is well formed, which it must be. */
double words_x_of(const char *text);
void words_are_svg(void);

#define GRAPH "kedge graph --topology tests/data/topology/"
#define E1    "tests/data/topology/e1.conf"
#define SIMULATE_E1 "kedge simulate --json --topology " E1 " a "
