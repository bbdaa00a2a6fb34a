/*
 * ca/differ: what is different between two nodes or links, field by field in
 * the words of the topology file, old and new. For `topology apply`.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"
#include "ca/node.h"

static void
field_add(json_t *list, const char *name, const char *old, const char *new)
{
	if (strcmp(old, new) != 0)
		json_array_append_new(list,
		    json_pack("{ss, ss, ss}", "field", name, "old", old, "new",
			new));
}

static void
via_text(const struct ca_node *n, char out[CA_VIA_MAX * CA_NAME])
{
	out[0] = '\0';
	for (size_t i = 0, at = 0; i < n->nvia; i++)
		at += (size_t)snprintf(out + at, CA_VIA_MAX * CA_NAME - at,
		    "%s%s", i == 0 ? "" : ",", n->via[i]);
}

static const char *
bool_text(bool b)
{
	return b ? "true" : "false";
}

json_t *
ca_differ_node(const struct ca_node *old, const struct ca_node *new)
{
	char was[CA_VIA_MAX * CA_NAME], is[CA_VIA_MAX * CA_NAME];
	json_t *list = json_array();

	via_text(old, was);
	via_text(new, is);
	field_add(list, "reach", ca_reach_name(old->reach),
	    ca_reach_name(new->reach));
	field_add(list, "via", was, is);
	field_add(list, "dual", bool_text(old->dual), bool_text(new->dual));
	field_add(list, "shallow", bool_text(old->shallow),
	    bool_text(new->shallow));
	field_add(list, "address", old->address, new->address);
	field_add(list, "names", old->names, new->names);
	return list;
}

static const char *
auth_text(const struct ca_link *l)
{
	return l->client_root[0] == '\0' ? "server" : "mutual";
}

json_t *
ca_differ_link(const struct ca_link *old, const struct ca_link *new)
{
	json_t *list = json_array();

	field_add(list, "auth", auth_text(old), auth_text(new));
	field_add(list, "client_root", old->client_root, new->client_root);
	field_add(list, "server_root", old->server_root, new->server_root);
	return list;
}

static const char *
or_none(const json_t *field, const char *key)
{
	const char *s = json_string_value(json_object_get(field, key));

	return s[0] == '\0' ? "(none)" : s;
}

char *
ca_differ_text(const json_t *fields)
{
	char *all = base_strdup("");
	size_t i;
	json_t *f;

	json_array_foreach(fields, i, f)
	{
		char *more =
		    base_asprintf("%s%s%s: %s -> %s", all, i == 0 ? "" : "; ",
			json_string_value(json_object_get(f, "field")),
			or_none(f, "old"), or_none(f, "new"));

		free(all);
		all = more;
	}
	return all;
}
