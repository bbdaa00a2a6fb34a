/*
 * kedge topology show: the fleet that kedged keeps, in the words of a topology
 * file; kedge plan without a file plans for the same text.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/cmd_topology.h"
#include "ca/ctl.h"
#include "ca/remote.h"

#define TOPOLOGY_MAX ((size_t)64 << 20)

/* Names hold nothing that libconfig would take for anything but text; an
 * address or a SAN comes from the operator, so quotes are escaped. */
static enum base_err
put_quoted(struct base_buf *b, const char *s)
{
	enum base_err e = base_buf_printf(b, "\"");

	for (; e == BASE_OK && *s != '\0'; s++)
		e = base_buf_printf(b, *s == '"' || *s == '\\' ? "\\%c" : "%c",
		    *s);
	return e == BASE_OK ? base_buf_printf(b, "\"") : e;
}

static enum base_err
put_text(struct base_buf *b, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	enum base_err e;

	if (s == NULL || *s == '\0')
		return BASE_OK;
	if ((e = base_buf_printf(b, " %s = ", key)) != BASE_OK ||
	    (e = put_quoted(b, s)) != BASE_OK)
		return e;
	return base_buf_printf(b, ";");
}

static enum base_err
put_list(struct base_buf *b, const json_t *o, const char *key)
{
	const json_t *list = json_object_get(o, key);
	enum base_err e;
	size_t i;
	json_t *v;

	if (json_array_size(list) == 0)
		return BASE_OK;
	e = base_buf_printf(b, " %s = [", key);
	json_array_foreach(list, i, v)
	{
		if (e != BASE_OK ||
		    (e = base_buf_printf(b, i == 0 ? " " : ", ")) != BASE_OK)
			return e;
		e = put_quoted(b, json_string_value(v));
	}
	return e == BASE_OK ? base_buf_printf(b, " ];") : e;
}

static enum base_err
put_root(struct base_buf *b, const json_t *root)
{
	return put_text(b, root, "name");
}

static enum base_err
put_node(struct base_buf *b, const json_t *node)
{
	enum base_err e;

	if ((e = put_text(b, node, "name")) != BASE_OK ||
	    (e = put_text(b, node, "reach")) != BASE_OK ||
	    (e = put_list(b, node, "via")) != BASE_OK ||
	    (e = put_text(b, node, "address")) != BASE_OK ||
	    (e = put_list(b, node, "names")) != BASE_OK)
		return e;
	if (json_is_true(json_object_get(node, "dual")))
		e = base_buf_printf(b, " dual = true;");
	if (e == BASE_OK && json_is_true(json_object_get(node, "shallow")))
		e = base_buf_printf(b, " shallow = true;");
	return e;
}

static enum base_err
put_link(struct base_buf *b, const json_t *link)
{
	static const char *const keys[] = { "client", "server", "auth",
		"client_root", "server_root" };
	enum base_err e = BASE_OK;

	for (size_t i = 0; e == BASE_OK && i < 5; i++)
		e = put_text(b, link, keys[i]);
	return e;
}

static const struct part {
	const char *cmd, *name;
	enum base_err (*put)(struct base_buf *b, const json_t *o);
} parts[] = {
	{ "root-list", "roots", put_root },
	{ "node-list", "nodes", put_node },
	{ "link-list", "links", put_link },
};
#define NPARTS (sizeof(parts) / sizeof(parts[0]))

/* One list of the file from one answer of kedged. */
static enum base_err
put_part(struct ca_ctl *ctl, const struct part *p, struct base_buf *b)
{
	json_t *answer = NULL, *o;
	const char *sep = "";
	enum base_err e;
	size_t i;

	e = ca_ctl_call(ctl, json_pack("{s:s}", "cmd", p->cmd), &answer);
	if (e != BASE_OK ||
	    (e = base_buf_printf(b, "%s = (", p->name)) != BASE_OK)
		goto out;
	json_array_foreach(json_object_get(answer, p->name), i, o)
	{
		if (strcmp(ca_text_of(o, "name"), "management") == 0)
			continue; /* implied, never in the file */
		if ((e = base_buf_printf(b, "%s\n  {", sep)) != BASE_OK ||
		    (e = p->put(b, o)) != BASE_OK ||
		    (e = base_buf_printf(b, " }")) != BASE_OK)
			goto out;
		sep = ",";
	}
	e = base_buf_printf(b, *sep == '\0' ? " );\n" : "\n);\n");
out:
	json_decref(answer);
	return e;
}

enum base_err
ca_topology_fetch(struct cli *c, struct base_buf *text)
{
	struct ca_ctl *ctl = NULL;
	enum base_err e;

	base_buf_init(text, TOPOLOGY_MAX);
	e = ca_ctl_open(cli_socket(c), &ctl);
	for (size_t i = 0; e == BASE_OK && i < NPARTS; i++)
		e = put_part(ctl, &parts[i], text);
	ca_ctl_close(ctl);
	return e;
}

/* The same three lists, as kedged has them. */
static enum base_err
show_json(struct cli *c)
{
	json_t *all = json_object(), *answer = NULL;
	struct ca_ctl *ctl = NULL;
	enum base_err e = ca_ctl_open(cli_socket(c), &ctl);

	for (size_t i = 0; e == BASE_OK && i < NPARTS; i++) {
		e = ca_ctl_call(ctl, json_pack("{s:s}", "cmd", parts[i].cmd),
		    &answer);
		if (e == BASE_OK)
			json_object_set(all, parts[i].name,
			    json_object_get(answer, parts[i].name));
		json_decref(answer);
		answer = NULL;
	}
	if (e == BASE_OK)
		cli_json_print(c, all);
	json_decref(all);
	ca_ctl_close(ctl);
	return e;
}

enum base_err
ca_cmd_topology_show(struct cli *c)
{
	struct base_buf text;
	enum base_err e;

	if (cli_json(c))
		return show_json(c);
	if ((e = ca_topology_fetch(c, &text)) == BASE_OK)
		fprintf(cli_out(c), "%.*s", (int)text.n, (const char *)text.p);
	base_buf_free(&text);
	return e;
}
