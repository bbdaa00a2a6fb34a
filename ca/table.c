/*
 * Tables of the CLI: an array of JSON objects becomes lines by libsmartcols.
 * libsmartcols asks nobody whether colours are wanted, so ca_is_fancy does.
 */
#include "ca/ctl.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
ca_is_fancy(FILE *f)
{
	const char *term = getenv("TERM");
	const char *no = getenv("NO_COLOR");

	return isatty(fileno(f)) == 1 && (no == NULL || *no == '\0') &&
	    (term == NULL || strcmp(term, "dumb") != 0);
}

void
ca_json_print(FILE *f, const json_t *j)
{
	char *text =
	    json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (text == NULL)
		base_die("json: value cannot be written");
	fprintf(f, "%s\n", text);
	free(text);
}

static char *cell_text(const json_t *v);

static char *
cell_joined(const json_t *array)
{
	char *all = base_strdup("");
	size_t i;
	json_t *v;

	json_array_foreach(array, i, v)
	{
		char *one = cell_text(v);
		char *more =
		    base_asprintf("%s%s%s", all, i == 0 ? "" : ",", one);

		free(one);
		free(all);
		all = more;
	}
	return all;
}

static char *
cell_text(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return base_strdup(json_string_value(v));
	case JSON_INTEGER:
		return base_asprintf("%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
	case JSON_REAL:
		return base_asprintf("%.3f", json_real_value(v));
	case JSON_TRUE:
		return base_strdup("yes");
	case JSON_FALSE:
		return base_strdup("no");
	case JSON_ARRAY:
		return cell_joined(v);
	case JSON_OBJECT:
		return json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);
	case JSON_NULL:
		break;
	}
	return base_strdup("-");
}

static void
table_row(struct libscols_table *t, const struct ca_column *columns,
    const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);
	size_t i;

	if (line == NULL)
		base_die("table: out of memory");
	for (i = 0; columns[i].title != NULL; i++) {
		const json_t *v = json_object_get(row, columns[i].key);
		char *text = v == NULL ? base_strdup("-") : cell_text(v);

		if (scols_line_refer_data(line, i, text) != 0)
			base_die("table: out of memory");
	}
}

enum base_err
ca_table_print(FILE *f, const struct ca_column *columns, const json_t *rows)
{
	struct libscols_table *t = scols_new_table();
	enum base_err e = BASE_OK;
	size_t i;
	json_t *row;

	if (t == NULL)
		base_die("table: out of memory");
	for (i = 0; columns[i].title != NULL; i++) {
		int flags = columns[i].right ? SCOLS_FL_RIGHT : 0;

		if (scols_table_new_column(t, columns[i].title, 0, flags) ==
		    NULL)
			base_die("table: out of memory");
	}
	json_array_foreach(rows, i, row) table_row(t, columns, row);
	scols_table_set_stream(t, f);
	scols_table_enable_maxout(t, 0);
	if (!isatty(fileno(f)))
		scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
	if (scols_print_table(t) != 0)
		e = base_fail(BASE_E_IO, "table: cannot be printed");
	scols_unref_table(t);
	return e;
}
