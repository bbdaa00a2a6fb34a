/*
 * From a command line to one request on kedged's control socket, and its
 * answer to the screen. Called by ca/cmd_*.c.
 */
#include "ca/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ca/base64.h"
#include "ca/ctl.h"

#define REMOTE_FILE_MAX ((size_t)3 << 20)

const char *
ca_text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "-";
}

json_int_t
ca_number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static enum base_err
request_number(json_t *into, const struct ca_field *f, const char *text)
{
	char *end = NULL;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < 0)
		return base_fail(BASE_E_USAGE,
		    "--%s: '%s' is no whole number from 0 up", f->option, text);
	json_object_set_new(into, f->field, json_integer(v));
	return BASE_OK;
}

static enum base_err
request_list(json_t *into, const struct ca_field *f, const char *text)
{
	json_t *list = json_object_get(into, f->field);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(into, f->field, list);
	}
	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		if (n == 0)
			return base_fail(BASE_E_USAGE,
			    "--%s: empty name in the list", f->option);
		json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == ',');
	}
	return BASE_OK;
}

static enum base_err
request_file(json_t *into, const struct ca_field *f, const char *path)
{
	struct base_buf b;
	enum base_err e;
	json_t *v = NULL;

	base_buf_init(&b, REMOTE_FILE_MAX);
	if ((e = base_file_read(path, REMOTE_FILE_MAX, &b)) != BASE_OK) {
		/* as for the commands that read it themselves */
		if (f->kind == CA_TEXT)
			e = base_fail(BASE_E_CONFIG,
			    "%s: cannot read the topology: %s", path,
			    base_why());
		goto out;
	}
	if (f->kind == CA_BINARY) {
		v = ca_base64_new(base_buf_span(&b));
	} else {
		v = json_stringn((const char *)b.p, b.n);
		json_object_set_new(into, "file", json_string(path));
	}
	if (v == NULL)
		e = base_fail(BASE_E_SYNTAX, "%s: is not UTF-8 text", path);
	else
		json_object_set_new(into, f->field, v);
out:
	base_buf_free(&b);
	return e;
}

static enum base_err
request_yes_no(json_t *into, const struct ca_field *f, const char *text)
{
	const bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return base_fail(BASE_E_USAGE, "--%s: is yes or no", f->option);
	json_object_set_new(into, f->field, json_boolean(yes));
	return BASE_OK;
}

static enum base_err
request_value(json_t *into, const struct ca_field *f, const char *text)
{
	switch (f->kind) {
	case CA_STRING:
		json_object_set_new(into, f->field, json_string(text));
		break;
	case CA_SWITCH:
		json_object_set_new(into, f->field, json_true());
		break;
	case CA_YES_NO:
		return request_yes_no(into, f, text);
	case CA_LIST:
		return request_list(into, f, text);
	case CA_NUMBER:
		return request_number(into, f, text);
	case CA_TEXT:
	case CA_BINARY:
		return request_file(into, f, text);
	}
	return BASE_OK;
}

static enum base_err
request_field(struct cli *c, json_t *into, const struct ca_field *f)
{
	enum base_err e = BASE_OK;
	const char *v;

	if (f->option == NULL)
		return (v = cli_arg(c, f->at)) == NULL
		    ? BASE_OK
		    : request_value(into, f, v);
	for (int i = 0;
	     e == BASE_OK && (v = cli_get_nth(c, f->option, i)) != NULL; i++)
		e = request_value(into, f, v);
	return e;
}

enum base_err
ca_request_new(struct cli *c, const char *cmd, const struct ca_field *fields,
    json_t **out)
{
	json_t *j = json_pack("{s:s}", "cmd", cmd);
	enum base_err e;

	*out = NULL;
	for (; fields != NULL && fields->field != NULL; fields++)
		if ((e = request_field(c, j, fields)) != BASE_OK) {
			json_decref(j);
			return e;
		}
	*out = j;
	return BASE_OK;
}

enum base_err
ca_request_ask(struct cli *c, json_t *request, ca_act_fn *act,
    ca_print_fn *print)
{
	struct ca_ctl *ctl = NULL;
	json_t *answer = NULL;
	enum base_err e;

	if ((e = ca_ctl_open(cli_socket(c), &ctl)) == BASE_OK)
		e = ca_ctl_call(ctl, json_incref(request), &answer);
	if (e == BASE_OK && act != NULL && (e = act(c, answer)) != BASE_OK)
		goto out;
	if (cli_json(c) && answer != NULL)
		cli_json_print(c, answer);
	else if (e == BASE_OK && print != NULL)
		e = print(c, answer);
out:
	json_decref(request);
	json_decref(answer);
	ca_ctl_close(ctl);
	return e;
}

enum base_err
ca_remote_act(struct cli *c, const char *cmd, const struct ca_field *fields,
    ca_act_fn *act, ca_print_fn *print)
{
	enum base_err e;
	json_t *request;

	if ((e = ca_request_new(c, cmd, fields, &request)) != BASE_OK)
		return e;
	return ca_request_ask(c, request, act, print);
}

enum base_err
ca_remote(struct cli *c, const char *cmd, const struct ca_field *fields,
    ca_print_fn *print)
{
	return ca_remote_act(c, cmd, fields, NULL, print);
}

void
ca_unsafe_print(FILE *f, const json_t *answer, const char *indent)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(answer, "unsafe"), i, o)
	    fprintf(f, "%s%s: %s\n", indent,
		json_is_true(json_object_get(o, "expired")) ? "unsafe"
							    : "unsafe soon",
		ca_text_of(o, "text"));
}

void
ca_excused_print(FILE *f, const json_t *answer, const char *indent)
{
	size_t i, k;
	json_t *o, *text;

	json_array_foreach(json_object_get(answer, "excused"), i, o)
	{
		fprintf(f, "%sexcused: %s\n", indent, ca_text_of(o, "node"));
		json_array_foreach(json_object_get(o, "suffers"), k, text)
		    fprintf(f, "%s  %s\n", indent, json_string_value(text));
	}
}
