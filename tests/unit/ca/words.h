/* words: runs the kedge command in this process, for the tests of ca/cmd_*.c. */
#pragma once

/* What the last one printed; a NUL behind it. */
extern char words_out[262144], words_err[4096];

/* One command line, its words separated by blanks; its exit code. */
int words_run(const char *line);
