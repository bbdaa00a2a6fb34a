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

unsigned
words_count(const char *what)
{
	unsigned n = 0;

	for (const char *s = words_out; (s = strstr(s, what)) != NULL; s++)
		n++;
	return n;
}

double
words_x_of(const char *text)
{
	char want[64];
	const char *end, *start;

	snprintf(want, sizeof(want), ">%s</text>", text);
	end = strstr(words_out, want);
	ck_assert_msg(end != NULL, "%s is not drawn", text);
	for (start = end; strncmp(start, "x=\"", 3) != 0; start--)
		ck_assert(start > words_out);
	return strtod(start + 3, NULL);
}

/* Every tag that opens closes: elements are closed at once or are one of
 * svg, style, defs, marker, text. */
void
words_are_svg(void)
{
	static const char *const names[] = { "svg", "style", "defs", "marker",
		"text" };
	char open[16], closed[16];
	unsigned tags = words_count("<") - words_count("</"), opened = 0;

	for (unsigned i = 0; i < 5; i++) {
		snprintf(open, sizeof(open), "<%s", names[i]);
		snprintf(closed, sizeof(closed), "</%s>", names[i]);
		ck_assert_uint_eq(words_count(open), words_count(closed));
		opened += words_count(open);
	}
	ck_assert_uint_eq(tags, opened + words_count("/>"));
}

json_t *
words_json(const char *line, int code)
{
	json_t *doc;

	ck_assert_int_eq(words_run(line), code);
	doc = json_loads(words_out, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(doc);
	return doc;
}

json_int_t
words_number(const json_t *doc, const char *key)
{
	ck_assert(json_is_integer(json_object_get(doc, key)));
	return json_integer_value(json_object_get(doc, key));
}
