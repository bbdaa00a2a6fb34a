/* words: see the header. */
#include "tests/unit/ca/words.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"

#define WORDS 32

char words_out[262144], words_err[4096];

int
words_run(const char *line)
{
	char *argv[WORDS], *words = base_strdup(line), *save = NULL;
	FILE *out, *err;
	int argc = 0, code;

	memset(words_out, 0, sizeof(words_out));
	memset(words_err, 0, sizeof(words_err));
	out = fmemopen(words_out, sizeof(words_out), "w");
	err = fmemopen(words_err, sizeof(words_err), "w");
	ck_assert(out != NULL && err != NULL);
	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		ck_assert_int_lt(argc, WORDS - 1);
		argv[argc++] = w;
	}
	argv[argc] = NULL;
	code = cli_main(argc, argv, out, err);
	fclose(out);
	fclose(err);
	free(words);
	return code;
}
