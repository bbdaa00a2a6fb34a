/*
 * topology: reads the topology file (libconfig) through a schema table, so
 * that a misspelt key is an error and not a silent default. Called by
 * cmd_plan and by kedged; routes are in topology_route.c.
 */
#include "ca/topology.h"

#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)64 << 20)

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
#define NSCHEMAS (sizeof(schemas) / sizeof(schemas[0]))

static const char *const type_words[] = {
	[KEY_TEXT] = "a text in quotes",
	[KEY_BOOL] = "true or false",
	[KEY_TEXTS] = "a list of texts, [ \"a\", \"b\" ]",
};

/* One file while it is read. */
struct reader {
	struct ca_topology *t;
	const config_setting_t *lists[NSCHEMAS];
};

static enum base_err
wrong(const struct ca_topology *t, unsigned line, const char *what)
{
	return base_fail(BASE_E_CONFIG, "%s:%u: %s", t->file, line, what);
}
/* The sentence is formatted first: wrong_at(t, line, "…", args). */
#define wrong_at(t, line, ...) \
	(base_fail(BASE_E_CONFIG, __VA_ARGS__), wrong(t, line, base_why()))

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
list_check(struct reader *r, unsigned which, const config_setting_t *list)
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

static enum base_err
file_check(struct reader *r, const config_setting_t *top)
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

static unsigned
list_length(const config_setting_t *list)
{
	return list == NULL ? 0 : (unsigned)config_setting_length(list);
}

static const char *
text_of(const config_setting_t *group, const char *key)
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
	const char *name = text_of(group, "name");
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
roots_read(struct reader *r)
{
	struct ca_topology *t = r->t;
	const unsigned n = list_length(r->lists[0]);
	enum base_err e;

	t->roots = base_alloc((n + 1) * sizeof(*t->roots));
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *g =
		    config_setting_get_elem(r->lists[0], i);
		if ((e = name_check(t, g, "root", CA_ROOT_MANAGEMENT)) !=
		    BASE_OK)
			return e;
		t->roots[i].name = base_strdup(text_of(g, "name"));
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

static char *
texts_joined(const config_setting_t *s)
{
	char *all = base_strdup("");

	for (unsigned i = 0; i < list_length(s); i++) {
		const char *one = config_setting_get_string_elem(s, (int)i);
		char *more =
		    base_asprintf("%s%s%s", all, i == 0 ? "" : " ", one);
		free(all);
		all = more;
	}
	return all;
}

static enum base_err
node_read(const struct ca_topology *t, const config_setting_t *g,
    struct ca_topo_node *n)
{
	const config_setting_t *dual = config_setting_get_member(g, "dual");
	const config_setting_t *names = config_setting_get_member(g, "names");
	const char *address = text_of(g, "address");

	n->line = config_setting_source_line(g);
	n->next = POL_NONE;
	n->dual = dual != NULL && config_setting_get_bool(dual);
	n->address = base_strdup(address != NULL ? address : "");
	n->names = texts_joined(names);
	if (strlen(n->address) >= CA_ADDRESS_MAX ||
	    strlen(n->names) >= CA_NAMES_MAX)
		return wrong_at(t, n->line,
		    "node \"%s\": address or names are "
		    "too long",
		    n->name);
	return reach_read(t, n, text_of(g, "reach"));
}

static enum base_err
nodes_read(struct reader *r)
{
	struct ca_topology *t = r->t;
	const unsigned n = list_length(r->lists[1]);
	enum base_err e;

	t->nodes = base_alloc((n + 1) * sizeof(*t->nodes));
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *g =
		    config_setting_get_elem(r->lists[1], i);
		if ((e = name_check(t, g, "node", CA_NODE_CA)) != BASE_OK)
			return e;
		t->nodes[i].name = base_strdup(text_of(g, "name"));
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

/* Lines of via entries matter more than order here, so this runs over the
 * file again, when all names are known. */
static enum base_err
via_read(struct reader *r, const config_setting_t *g)
{
	struct ca_topology *t = r->t;
	const config_setting_t *via = config_setting_get_member(g, "via");
	struct ca_topo_node *n =
	    &t->nodes[ca_topology_node(t, text_of(g, "name"))];
	const unsigned count = list_length(via);

	if (count > CA_VIA_MAX)
		return wrong_at(t, config_setting_source_line(via),
		    "node \"%s\": more than %d relays in via; keep the best",
		    n->name, CA_VIA_MAX);
	n->via = base_alloc((count + 1) * sizeof(*n->via));
	for (unsigned i = 0; i < count; i++) {
		const char *name = config_setting_get_string_elem(via, (int)i);
		uint32_t relay = ca_topology_node(t, name);
		if (relay == POL_NONE)
			return wrong_at(t, config_setting_source_line(via),
			    "node \"%s\": via names \"%s\", which is no node; "
			    "add it to nodes or correct the name",
			    n->name, name);
		for (unsigned k = 0; k < n->nvia; k++)
			if (n->via[k] == relay)
				return wrong_at(t,
				    config_setting_source_line(via),
				    "node \"%s\": via names \"%s\" twice",
				    n->name, name);
		n->via[n->nvia++] = relay;
	}
	return BASE_OK;
}

static enum base_err
vias_read(struct reader *r)
{
	enum base_err e = BASE_OK;

	for (unsigned i = 0; i < list_length(r->lists[1]) && e == BASE_OK; i++)
		e = via_read(r, config_setting_get_elem(r->lists[1], i));
	return e;
}

/* ---- links ------------------------------------------------------------------------- */

static enum base_err
link_root(const struct ca_topology *t, const config_setting_t *g,
    const char *key, uint32_t *out)
{
	const char *name = text_of(g, key);
	const config_setting_t *s;

	*out = POL_NONE;
	if (name == NULL)
		return BASE_OK;
	s = config_setting_get_member(g, key);
	if (strcmp(name, CA_ROOT_MANAGEMENT) == 0)
		return wrong_at(t, config_setting_source_line(s),
		    "link %s > %s: root \"%s\" is the CA's own and carries no "
		    "links; take another",
		    text_of(g, "client"), text_of(g, "server"), name);
	if ((*out = ca_topology_root(t, name)) != POL_NONE)
		return BASE_OK;
	return wrong_at(t, config_setting_source_line(s),
	    "link %s > %s: \"%s\" is no root; add it to roots or correct the "
	    "name",
	    text_of(g, "client"), text_of(g, "server"), name);
}

static enum base_err
link_end(const struct ca_topology *t, const config_setting_t *g,
    const char *key, uint32_t *out)
{
	const char *name = text_of(g, key);

	if ((*out = ca_topology_node(t, name)) != POL_NONE)
		return BASE_OK;
	return wrong_at(t,
	    config_setting_source_line(config_setting_get_member(g, key)),
	    "link %s > %s: \"%s\" is no node; add it to nodes or correct the "
	    "name",
	    text_of(g, "client"), text_of(g, "server"), name);
}

static enum base_err
link_wrong(const struct ca_topology *t, const struct ca_topo_link *l,
    const char *what)
{
	return wrong_at(t, l->line, "link %s > %s: %s",
	    t->nodes[l->client].name, t->nodes[l->server].name, what);
}

/* root stands for both sides, client_root and server_root for one each. */
static enum base_err
link_roots(const struct ca_topology *t, const config_setting_t *g,
    struct ca_topo_link *l)
{
	const char *auth = text_of(g, "auth");
	bool server_only = auth != NULL && strcmp(auth, "server") == 0;
	uint32_t both;
	enum base_err e;

	if (auth != NULL && !server_only && strcmp(auth, "mutual") != 0)
		return link_wrong(t, l, "auth is \"mutual\" or \"server\"");
	if ((e = link_root(t, g, "root", &both)) != BASE_OK ||
	    (e = link_root(t, g, "client_root", &l->client_root)) != BASE_OK ||
	    (e = link_root(t, g, "server_root", &l->server_root)) != BASE_OK)
		return e;
	if (both != POL_NONE &&
	    (l->client_root != POL_NONE || l->server_root != POL_NONE))
		return link_wrong(t, l,
		    "root stands for both sides; give "
		    "either root, or client_root and server_root");
	if (server_only && l->client_root != POL_NONE)
		return link_wrong(t, l,
		    "client_root with auth = \"server\": "
		    "the client shows no certificate; remove it or take "
		    "auth = \"mutual\"");
	if (both != POL_NONE) {
		l->server_root = both;
		l->client_root = server_only ? POL_NONE : both;
	}
	if (l->server_root == POL_NONE)
		return link_wrong(t, l,
		    "no root for the server's certificate; "
		    "add root or server_root");
	if (!server_only && l->client_root == POL_NONE)
		return link_wrong(t, l,
		    "no root for the client's certificate; "
		    "add client_root, or take auth = \"server\"");
	return BASE_OK;
}

static enum base_err
link_read(const struct ca_topology *t, const config_setting_t *g,
    struct ca_topo_link *l)
{
	enum base_err e;

	l->line = config_setting_source_line(g);
	if ((e = link_end(t, g, "client", &l->client)) != BASE_OK ||
	    (e = link_end(t, g, "server", &l->server)) != BASE_OK)
		return e;
	if (l->client == l->server)
		return link_wrong(t, l,
		    "a node does not talk to itself; "
		    "remove the link");
	return link_roots(t, g, l);
}

static int
link_compare(const void *a, const void *b)
{
	const struct ca_topo_link *x = a, *y = b;

	if (x->client != y->client)
		return x->client < y->client ? -1 : 1;
	if (x->server != y->server)
		return x->server < y->server ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

/* A server shows one certificate; whoever came first in the file says under
 * which root. */
static enum base_err
server_roots_check(const struct ca_topology *t)
{
	const struct ca_topo_link **first =
	    base_alloc((t->nnodes + (size_t)1) * sizeof(*first));
	const struct ca_topo_link *bad = NULL;
	enum base_err e = BASE_OK;

	for (size_t i = 0; i < t->nlinks && bad == NULL; i++) {
		const struct ca_topo_link *l = &t->links[i];
		if (first[l->server] == NULL)
			first[l->server] = l;
		else if (first[l->server]->server_root != l->server_root)
			bad = l;
	}
	if (bad != NULL)
		e = wrong_at(t, bad->line,
		    "link %s > %s: server \"%s\" has its "
		    "certificate under root \"%s\" already (line %u) and can "
		    "show only one; make the second endpoint a node of its own",
		    t->nodes[bad->client].name, t->nodes[bad->server].name,
		    t->nodes[bad->server].name,
		    t->roots[first[bad->server]->server_root].name,
		    first[bad->server]->line);
	free(first);
	return e;
}

static enum base_err
links_unique(struct ca_topology *t)
{
	size_t out = 0;

	for (size_t i = 0; i < t->nlinks; i++) {
		const struct ca_topo_link *l = &t->links[i];
		const struct ca_topo_link *before = &t->links[out - (out > 0)];
		if (out == 0 || before->client != l->client ||
		    before->server != l->server) {
			t->links[out++] = *l;
			continue;
		}
		if (before->client_root != l->client_root ||
		    before->server_root != l->server_root)
			return wrong_at(t, l->line,
			    "link %s > %s is there "
			    "already with other content (line %u); keep one",
			    t->nodes[l->client].name, t->nodes[l->server].name,
			    before->line);
	}
	t->nlinks = out;
	return BASE_OK;
}

static enum base_err
links_read(struct reader *r)
{
	struct ca_topology *t = r->t;
	const unsigned n = list_length(r->lists[2]);
	enum base_err e;

	t->links = base_alloc((n + (size_t)1) * sizeof(*t->links));
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *g =
		    config_setting_get_elem(r->lists[2], i);
		if ((e = link_read(t, g, &t->links[i])) != BASE_OK)
			return e;
		t->nlinks++;
	}
	/* in the file's order, for the line numbers */
	if ((e = server_roots_check(t)) != BASE_OK)
		return e;
	qsort(t->links, t->nlinks, sizeof(*t->links), link_compare);
	return links_unique(t);
}

/* ---- the file ---------------------------------------------------------------------- */

/* libconfig would open any file that an @include names; the text may come
 * over kedged's socket. */
static enum base_err
includes_check(const struct ca_topology *t, const char *text)
{
	unsigned line = 1;

	for (const char *p = text; *p != '\0'; line++) {
		p += strspn(p, " \t\r\f\v");
		if (strncmp(p, "@include", 8) == 0)
			return wrong(t, line,
			    "@include is not allowed in a "
			    "topology; put everything into one file");
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return BASE_OK;
}

static enum base_err
text_read(struct ca_topology *t, const char *text)
{
	struct reader r = { .t = t };
	config_t config;
	enum base_err e;

	if ((e = includes_check(t, text)) != BASE_OK)
		return e;
	config_init(&config);
	if (config_read_string(&config, text) != CONFIG_TRUE)
		e = wrong_at(t, (unsigned)config_error_line(&config),
		    "%s; the form is roots = ( { name = \"…\"; } ); and so on",
		    config_error_text(&config));
	else if ((e = file_check(&r, config_root_setting(&config))) ==
		BASE_OK &&
	    (e = roots_read(&r)) == BASE_OK &&
	    (e = nodes_read(&r)) == BASE_OK && (e = vias_read(&r)) == BASE_OK &&
	    (e = links_read(&r)) == BASE_OK)
		e = ca_topology_check_routes(t);
	config_destroy(&config);
	return e;
}

enum base_err
ca_topology_parse(const char *file, struct base_span text,
    struct ca_topology **out)
{
	struct ca_topology *t = base_alloc(sizeof(*t));
	char *copy = base_strndup((const char *)text.p, text.n);
	enum base_err e;

	*out = NULL;
	t->file = base_strdup(file);
	if (strlen(copy) != text.n)
		e = wrong(t, 1, "a zero byte; this is no text file");
	else
		e = text_read(t, copy);
	free(copy);
	if (e != BASE_OK) {
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
