/*
 * topology: reads the topology file (libconfig): roots, nodes, and the file
 * as a whole. Called by cmd_plan and by kedged. The links and the routes have
 * files of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/node.h"
#include "ca/topology_inside.h"
#include "conf/conf.h"

#define FILE_MAX ((size_t)64 << 20)

/* ---- keys ----------------------------------------------------------------------- */

static const struct conf_key root_keys[] = {
	{ .name = "name", .kind = CONF_TEXT, .needed = true },
	{ 0 },
};
static const struct conf_key node_keys[] = {
	{ .name = "name", .kind = CONF_TEXT, .needed = true },
	{ .name = "reach", .kind = CONF_TEXT },
	{ .name = "via", .kind = CONF_TEXTS },
	{ .name = "dual", .kind = CONF_BOOL },
	{ .name = "shallow", .kind = CONF_BOOL },
	{ .name = "address", .kind = CONF_TEXT },
	{ .name = "names", .kind = CONF_TEXTS },
	{ 0 },
};
static const struct conf_key link_keys[] = {
	{ .name = "client", .kind = CONF_TEXT, .needed = true },
	{ .name = "server", .kind = CONF_TEXT, .needed = true },
	{ .name = "auth", .kind = CONF_TEXT },
	{ .name = "root", .kind = CONF_TEXT },
	{ .name = "client_root", .kind = CONF_TEXT },
	{ .name = "server_root", .kind = CONF_TEXT },
	{ 0 },
};
/* in the order of enum topo_list */
static const struct conf_key keys[] = {
	{ .name = "roots",
	    .kind = CONF_LIST,
	    .keys = root_keys,
	    .needed = true },
	{ .name = "nodes",
	    .kind = CONF_LIST,
	    .keys = node_keys,
	    .needed = true },
	{ .name = "links", .kind = CONF_LIST, .keys = link_keys },
	{ 0 },
};

enum base_err
ca_topology_wrong(const struct ca_topology *t, unsigned line)
{
	return base_fail(BASE_E_CONFIG, "%s:%u: %s", t->file, line, base_why());
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

/* ---- names -------------------------------------------------------------------- */

static int
root_compare(const void *a, const void *b)
{
	const struct ca_topo_root *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : (x->line > y->line) - (x->line < y->line);
}

static int
node_compare(const void *a, const void *b)
{
	const struct ca_topo_node *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : (x->line > y->line) - (x->line < y->line);
}

static int
root_find(const void *key, const void *elem)
{
	return strcmp(key, ((const struct ca_topo_root *)elem)->name);
}

static int
node_find(const void *key, const void *elem)
{
	return strcmp(key, ((const struct ca_topo_node *)elem)->name);
}

uint32_t
ca_topology_root(const struct ca_topology *t, const char *name)
{
	const struct ca_topo_root *r = t->nroots == 0
	    ? NULL
	    : bsearch(name, t->roots, t->nroots, sizeof(*r), root_find);

	return r == NULL ? POL_NONE : (uint32_t)(r - t->roots);
}

uint32_t
ca_topology_node(const struct ca_topology *t, const char *name)
{
	const struct ca_topo_node *n = t->nnodes == 0
	    ? NULL
	    : bsearch(name, t->nodes, t->nnodes, sizeof(*n), node_find);

	return n == NULL ? POL_NONE : (uint32_t)(n - t->nodes);
}

static enum base_err
name_check(const struct ca_topology *t, const config_setting_t *group,
    const char *kind, const char *reserved)
{
	const char *name = ca_topology_text(group, "name");
	const unsigned line = config_setting_source_line(group);

	if (!base_name_is_valid(name))
		return wrong_at(t, line,
		    "\"%s\" is no name for a %s; use 1 to "
		    "%d of a-z, 0-9, \".\" and \"-\", first and last a letter "
		    "or digit",
		    name, kind, BASE_NAME_MAX);
	if (strcmp(name, reserved) == 0)
		return wrong_at(t, line,
		    "the name \"%s\" is reserved: that %s "
		    "is always there; take another",
		    name, kind);
	return BASE_OK;
}

static enum base_err
roots_read(struct topo_reader *r)
{
	struct ca_topology *t = r->t;
	const unsigned n = ca_topology_length(r->lists[TOPO_ROOTS]);
	enum base_err e;

	t->roots = base_alloc((n + 1) * sizeof(*t->roots));
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *g =
		    config_setting_get_elem(r->lists[TOPO_ROOTS], i);
		if ((e = name_check(t, g, "root", CA_ROOT_MANAGEMENT)) !=
		    BASE_OK)
			return e;
		t->roots[i].name = base_strdup(ca_topology_text(g, "name"));
		t->roots[i].line = config_setting_source_line(g);
		t->nroots++;
	}
	qsort(t->roots, n, sizeof(*t->roots), root_compare);
	for (unsigned i = 1; i < n; i++)
		if (strcmp(t->roots[i - 1].name, t->roots[i].name) == 0)
			return wrong_at(t, t->roots[i].line,
			    "root \"%s\" is there already, in line %u; remove "
			    "one",
			    t->roots[i].name, t->roots[i - 1].line);
	return BASE_OK;
}

/* ---- nodes ----------------------------------------------------------------------- */

static const char *const reach_words[] = {
	[CA_DIRECT] = "direct",
	[CA_POLL] = "poll",
	[CA_PUSH] = "push",
};

static enum base_err
reach_read(const struct ca_topology *t, struct ca_topo_node *n,
    const char *word)
{
	n->reach = CA_DIRECT;
	if (word == NULL)
		return BASE_OK;
	while (n->reach <= CA_PUSH && strcmp(reach_words[n->reach], word) != 0)
		n->reach++;
	if (n->reach <= CA_PUSH)
		return BASE_OK;
	return wrong_at(t, n->line,
	    "node \"%s\": reach \"%s\"; it is direct "
	    "(the CA dials it), poll (it asks) or push (a relay dials it)",
	    n->name, word);
}

/* *out is the caller's, its texts are those of the list. */
static size_t
texts_of(const config_setting_t *list, const char ***out)
{
	const unsigned n = ca_topology_length(list);

	*out = base_alloc((n + 1) * sizeof(**out));
	for (unsigned i = 0; i < n; i++)
		(*out)[i] = config_setting_get_string_elem(list, (int)i);
	return n;
}

static unsigned
line_of(const struct ca_topo_node *n, const config_setting_t *s)
{
	return s != NULL ? config_setting_source_line(s) : n->line;
}

static enum base_err
names_read(const struct ca_topology *t, const config_setting_t *names,
    struct ca_topo_node *n)
{
	char all[CA_NAMES_MAX];
	const char **texts;
	size_t count = texts_of(names, &texts);
	enum base_err e = ca_node_names_join(n->name, texts, count, all);

	free(texts);
	if (e != BASE_OK)
		return ca_topology_wrong(t, line_of(n, names));
	n->names = base_strdup(all);
	return BASE_OK;
}

static bool
flag_read(const config_setting_t *g, const char *key)
{
	const config_setting_t *flag = config_setting_get_member(g, key);

	return flag != NULL && config_setting_get_bool(flag);
}

static enum base_err
node_read(const struct ca_topology *t, const config_setting_t *g,
    struct ca_topo_node *n)
{
	const char *address = ca_topology_text(g, "address");
	enum base_err e;

	n->line = config_setting_source_line(g);
	n->next = POL_NONE;
	n->dual = flag_read(g, "dual");
	n->shallow = flag_read(g, "shallow");
	n->address = base_strdup(address != NULL ? address : "");
	if (ca_node_address_check(n->name, n->address) != BASE_OK)
		return ca_topology_wrong(t,
		    line_of(n, config_setting_get_member(g, "address")));
	if ((e = names_read(t, config_setting_get_member(g, "names"), n)) !=
	    BASE_OK)
		return e;
	return reach_read(t, n, ca_topology_text(g, "reach"));
}

static enum base_err
nodes_read(struct topo_reader *r)
{
	struct ca_topology *t = r->t;
	const unsigned n = ca_topology_length(r->lists[TOPO_NODES]);
	enum base_err e;

	t->nodes = base_alloc((n + 1) * sizeof(*t->nodes));
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *g =
		    config_setting_get_elem(r->lists[TOPO_NODES], i);
		if ((e = name_check(t, g, "node", CA_NODE_CA)) != BASE_OK)
			return e;
		if (ca_node_name_check(ca_topology_text(g, "name")) != BASE_OK)
			return ca_topology_wrong(t,
			    config_setting_source_line(g));
		t->nodes[i].name = base_strdup(ca_topology_text(g, "name"));
		t->nnodes++;
		if ((e = node_read(t, g, &t->nodes[i])) != BASE_OK)
			return e;
	}
	qsort(t->nodes, n, sizeof(*t->nodes), node_compare);
	for (unsigned i = 1; i < n; i++)
		if (strcmp(t->nodes[i - 1].name, t->nodes[i].name) == 0)
			return wrong_at(t, t->nodes[i].line,
			    "node \"%s\" is there already, in line %u; remove "
			    "one",
			    t->nodes[i].name, t->nodes[i - 1].line);
	return BASE_OK;
}

/* Over the file again, when all names are known. */
static enum base_err
via_read(struct topo_reader *r, const config_setting_t *g)
{
	struct ca_topology *t = r->t;
	const config_setting_t *via = config_setting_get_member(g, "via");
	struct ca_topo_node *n =
	    &t->nodes[ca_topology_node(t, ca_topology_text(g, "name"))];
	const char **texts;
	const size_t count = texts_of(via, &texts);
	enum base_err e =
	    ca_way_check(&(struct ca_way){ n->name, n->reach, texts, count });

	if (e != BASE_OK)
		e = ca_topology_wrong(t, line_of(n, via));
	n->via = base_alloc((count + 1) * sizeof(*n->via));
	for (size_t i = 0; e == BASE_OK && i < count; i++) {
		n->via[n->nvia] = ca_topology_node(t, texts[i]);
		if (n->via[n->nvia++] == POL_NONE)
			e = wrong_at(t, line_of(n, via),
			    "node %s: via names %s, which is no node; add it "
			    "to nodes or correct the name",
			    n->name, texts[i]);
	}
	free(texts);
	return e;
}

static enum base_err
vias_read(struct topo_reader *r)
{
	enum base_err e = BASE_OK;

	for (unsigned i = 0;
	     i < ca_topology_length(r->lists[TOPO_NODES]) && e == BASE_OK; i++)
		e = via_read(r,
		    config_setting_get_elem(r->lists[TOPO_NODES], i));
	return e;
}

/* ---- the file ---------------------------------------------------------------------- */

static enum base_err
lists_find(struct topo_reader *r, const config_setting_t *top)
{
	for (int i = 0; i < TOPO_LISTS; i++)
		r->lists[i] = config_setting_get_member(top, keys[i].name);
	return conf_check(r->t->file, top, keys);
}

static enum base_err
text_read(struct ca_topology *t, struct base_span text)
{
	struct topo_reader r = { .t = t };
	config_t config;
	enum base_err e;

	if ((e = conf_parse(t->file, text, &config)) == BASE_OK &&
	    (e = lists_find(&r, config_root_setting(&config))) == BASE_OK &&
	    (e = roots_read(&r)) == BASE_OK &&
	    (e = nodes_read(&r)) == BASE_OK && (e = vias_read(&r)) == BASE_OK &&
	    (e = ca_topology_read_links(&r)) == BASE_OK)
		e = ca_topology_check_routes(t);
	config_destroy(&config);
	return e;
}

enum base_err
ca_topology_parse(const char *file, struct base_span text,
    struct ca_topology **out)
{
	struct ca_topology *t = base_alloc(sizeof(*t));
	enum base_err e;

	*out = NULL;
	t->file = base_strdup(file);
	if ((e = text_read(t, text)) != BASE_OK) {
		ca_topology_free(t);
		return e;
	}
	*out = t;
	return BASE_OK;
}

enum base_err
ca_topology_read(const char *path, struct ca_topology **out)
{
	struct base_buf b;
	enum base_err e;

	*out = NULL;
	base_buf_init(&b, FILE_MAX);
	if ((e = base_file_read(path, FILE_MAX, &b)) != BASE_OK)
		e = base_fail(BASE_E_CONFIG, "%s: cannot read the topology: %s",
		    path, base_why());
	else
		e = ca_topology_parse(path, base_buf_span(&b), out);
	base_buf_free(&b);
	return e;
}

void
ca_topology_free(struct ca_topology *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; i < t->nroots; i++)
		free(t->roots[i].name);
	for (uint32_t i = 0; i < t->nnodes; i++) {
		free(t->nodes[i].name);
		free(t->nodes[i].via);
		free(t->nodes[i].address);
		free(t->nodes[i].names);
	}
	free(t->roots);
	free(t->nodes);
	free(t->links);
	free(t->file);
	free(t);
}
