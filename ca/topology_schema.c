/*
 * topology_schema: which keys a topology file may have, and of which type.
 * A misspelt key is an error and not a silent default. Called by topology.c
 * before anything is read.
 */
#include <string.h>

#include "ca/topology_inside.h"

/* ---- schema ------------------------------------------------------------------ */

enum key_type {
	KEY_TEXT,
	KEY_BOOL,
	KEY_TEXTS
};

struct key {
	const char *name;
	enum key_type type;
	bool required;
};

struct schema {
	const char *kind; /* "node" */
	const char *list; /* "nodes" */
	const struct key *keys;
};

static const struct key root_keys[] = { { "name", KEY_TEXT, true },
	{ NULL, KEY_TEXT, false } };
static const struct key node_keys[] = {
	{ "name", KEY_TEXT, true },
	{ "reach", KEY_TEXT, false },
	{ "via", KEY_TEXTS, false },
	{ "dual", KEY_BOOL, false },
	{ "address", KEY_TEXT, false },
	{ "names", KEY_TEXTS, false },
	{ NULL, KEY_TEXT, false },
};
static const struct key link_keys[] = {
	{ "client", KEY_TEXT, true },
	{ "server", KEY_TEXT, true },
	{ "auth", KEY_TEXT, false },
	{ "root", KEY_TEXT, false },
	{ "client_root", KEY_TEXT, false },
	{ "server_root", KEY_TEXT, false },
	{ NULL, KEY_TEXT, false },
};
static const struct schema schemas[] = {
	{ "root", "roots", root_keys },
	{ "node", "nodes", node_keys },
	{ "link", "links", link_keys },
};
#define NSCHEMAS TOPO_LISTS

static const char *const type_words[] = {
	[KEY_TEXT] = "a text in quotes",
	[KEY_BOOL] = "true or false",
	[KEY_TEXTS] = "a list of texts, [ \"a\", \"b\" ]",
};

enum base_err
ca_topology_wrong(const struct ca_topology *t, unsigned line)
{
	return base_fail(BASE_E_CONFIG, "%s:%u: %s", t->file, line, base_why());
}

static bool
is_text(const config_setting_t *s)
{
	return config_setting_type(s) == CONFIG_TYPE_STRING;
}

static bool
type_fits(const config_setting_t *s, enum key_type type)
{
	if (type == KEY_TEXT)
		return is_text(s);
	if (type == KEY_BOOL)
		return config_setting_type(s) == CONFIG_TYPE_BOOL;
	if (!config_setting_is_array(s) && !config_setting_is_list(s))
		return false;
	for (int i = 0; i < config_setting_length(s); i++)
		if (!is_text(config_setting_get_elem(s, (unsigned)i)))
			return false;
	return true;
}

static enum base_err
key_check(const struct ca_topology *t, const struct schema *sc,
    const config_setting_t *s)
{
	const struct key *k = sc->keys;

	while (k->name != NULL && strcmp(k->name, config_setting_name(s)) != 0)
		k++;
	if (k->name == NULL)
		return wrong_at(t, config_setting_source_line(s),
		    "unknown key \"%s\" in a %s; remove it or correct its name",
		    config_setting_name(s), sc->kind);
	if (!type_fits(s, k->type))
		return wrong_at(t, config_setting_source_line(s),
		    "%s of a %s must be %s", k->name, sc->kind,
		    type_words[k->type]);
	return BASE_OK;
}

static enum base_err
group_check(const struct ca_topology *t, const struct schema *sc,
    const config_setting_t *group)
{
	enum base_err e;

	if (!config_setting_is_group(group))
		return wrong_at(t, config_setting_source_line(group),
		    "%s holds groups only: { … }, { … }", sc->list);
	for (int i = 0; i < config_setting_length(group); i++)
		if ((e = key_check(t, sc,
			 config_setting_get_elem(group, (unsigned)i))) !=
		    BASE_OK)
			return e;
	for (const struct key *k = sc->keys; k->name != NULL; k++)
		if (k->required &&
		    config_setting_get_member(group, k->name) == NULL)
			return wrong_at(t, config_setting_source_line(group),
			    "a %s without \"%s\"; add it", sc->kind, k->name);
	return BASE_OK;
}

static enum base_err
list_check(struct topo_reader *r, unsigned which, const config_setting_t *list)
{
	const struct schema *sc = &schemas[which];
	enum base_err e;

	if (!config_setting_is_list(list))
		return wrong_at(r->t, config_setting_source_line(list),
		    "%s must be a list: %s = ( { … }, { … } );", sc->list,
		    sc->list);
	for (int i = 0; i < config_setting_length(list); i++)
		if ((e = group_check(r->t, sc,
			 config_setting_get_elem(list, (unsigned)i))) !=
		    BASE_OK)
			return e;
	r->lists[which] = list;
	return BASE_OK;
}

enum base_err
ca_topology_check_file(struct topo_reader *r, const config_setting_t *top)
{
	enum base_err e;

	for (int i = 0; i < config_setting_length(top); i++) {
		const config_setting_t *s =
		    config_setting_get_elem(top, (unsigned)i);
		unsigned k = 0;
		while (k < NSCHEMAS &&
		    strcmp(schemas[k].list, config_setting_name(s)) != 0)
			k++;
		if (k == NSCHEMAS)
			return wrong_at(r->t, config_setting_source_line(s),
			    "unknown key \"%s\"; a topology has roots, nodes "
			    "and links",
			    config_setting_name(s));
		if ((e = list_check(r, k, s)) != BASE_OK)
			return e;
	}
	for (unsigned k = 0; k < 2; k++)
		if (r->lists[k] == NULL)
			return wrong_at(r->t, 1,
			    "no %s in the file; add %s = "
			    "( { name = \"…\"; } );",
			    schemas[k].list, schemas[k].list);
	return BASE_OK;
}

unsigned
ca_topology_length(const config_setting_t *list)
{
	return list == NULL ? 0 : (unsigned)config_setting_length(list);
}

const char *
ca_topology_text(const config_setting_t *group, const char *key)
{
	const config_setting_t *s = config_setting_get_member(group, key);

	return s == NULL ? NULL : config_setting_get_string(s);
}
