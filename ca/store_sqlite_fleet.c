/*
 * ca/store_sqlite_fleet: roots, generations, nodes, keys, tokens.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/store_sqlite.h"

/* ---- meta ------------------------------------------------------------------ */

enum base_err
ca_store_meta_get(struct ca_store *st, const char *key, struct base_buf *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st, "SELECT value FROM meta WHERE key = ?", &s, "s",
		 key)) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	r = row
	    ? ca_sq_blob(s, 0, out)
	    : base_fail(BASE_E_NOTFOUND, "store: nothing is kept as %s", key);
out:
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_meta_put(struct ca_store *st, const char *key, struct base_span value)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO meta (key, value) VALUES (?, ?)"
	    " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	    "sb", key, value);
}

/* ---- roots ------------------------------------------------------------------ */

enum base_err
ca_store_root_put(struct ca_store *st, const struct ca_root *root)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO root (name, alg, days, current, roll_before, strategy)"
	    " VALUES (?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT (name) DO UPDATE SET alg = excluded.alg,"
	    " days = excluded.days, current = excluded.current,"
	    " roll_before = excluded.roll_before, strategy = excluded.strategy",
	    "siiiii", root->name, (int64_t)root->alg, (int64_t)root->days,
	    (int64_t)root->current, (int64_t)root->roll_before,
	    (int64_t)root->strategy);
}

static enum base_err
root_read(sqlite3_stmt *s, struct ca_root *out)
{
	uint32_t alg, strategy;
	enum base_err r;

	if ((r = ca_sq_text(s, 0, out->name, sizeof(out->name))) != BASE_OK ||
	    (r = ca_sq_u32(s, 1, &alg)) != BASE_OK ||
	    (r = ca_sq_u32(s, 2, &out->days)) != BASE_OK ||
	    (r = ca_sq_u32(s, 3, &out->current)) != BASE_OK ||
	    (r = ca_sq_u32(s, 4, &out->roll_before)) != BASE_OK ||
	    (r = ca_sq_u32(s, 5, &strategy)) != BASE_OK)
		return r;
	if (strategy >= POL_STRATEGIES)
		return base_fail(BASE_E_INTEGRITY,
		    "store: root %s has unknown strategy %u", out->name,
		    strategy);
	out->strategy = (enum pol_strategy)strategy;
	if (alg < WIRE_P256 || alg > WIRE_RSA4096)
		return base_fail(BASE_E_INTEGRITY,
		    "store: root %s has unknown algorithm %u", out->name, alg);
	out->alg = (enum wire_alg)alg;
	return BASE_OK;
}

enum base_err
ca_store_root_get(struct ca_store *st, const char *name, struct ca_root *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st,
		 "SELECT name, alg, days, current, roll_before, strategy"
		 " FROM root WHERE name = ?",
		 &s, "s", name)) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	r = row ? root_read(s, out)
		: base_fail(BASE_E_NOTFOUND,
		      "root %s: not known; see kedge root list", name);
out:
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_root_delete(struct ca_store *st, const char *name)
{
	return ca_sq_run(st, NULL, "DELETE FROM root WHERE name = ?", "s",
	    name);
}

/* Room for one more element of size in *p, doubling. */
static void *
list_grow(void **p, size_t n, size_t *cap, size_t size)
{
	if (n == *cap) {
		*cap = *cap == 0 ? 16 : *cap * 2;
		*p = base_realloc_array(*p, *cap, size);
	}
	memset((char *)*p + n * size, 0, size);
	return (char *)*p + n * size;
}

enum base_err
ca_sq_list(struct ca_store *st, const char *sql, size_t size,
    ca_sq_read_fn *read, void **out, size_t *n)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;
	void *list = NULL;
	size_t have = 0, cap = 0;
	bool row = true;

	*out = NULL;
	*n = 0;
	if ((r = ca_sq_open(st, sql, &s, "")) != BASE_OK)
		goto out;
	while ((r = ca_sq_next(st, s, &row)) == BASE_OK && row) {
		void *at = list_grow(&list, have, &cap, size);

		if ((r = read(s, at)) != BASE_OK)
			break;
		have++;
	}
	if (r != BASE_OK)
		goto out;
	*out = list;
	*n = have;
	list = NULL;
out:
	ca_sq_close(s);
	free(list);
	return r;
}

static enum base_err
root_read_any(sqlite3_stmt *s, void *out)
{
	return root_read(s, out);
}

enum base_err
ca_store_roots(struct ca_store *st, struct ca_root **out, size_t *n)
{
	void *p;
	enum base_err r = ca_sq_list(st,
	    "SELECT name, alg, days, current, roll_before, strategy"
	    " FROM root ORDER BY name",
	    sizeof(**out), root_read_any, &p, n);

	*out = p;
	return r;
}

/* ---- generations --------------------------------------------------------------- */

void
ca_gen_clear(struct ca_gen *g)
{
	base_buf_free(&g->spki);
	base_buf_free(&g->nwn);
	base_buf_free(&g->nwo);
	base_buf_free(&g->own);
}

static enum base_err
gen_put_field(struct ca_store *st, const struct ca_gen *g, const char *sql,
    const struct base_buf *b)
{
	struct base_span v = base_buf_span(b);
	int changes = 0;
	enum base_err r;

	if (v.n == 0)
		return BASE_OK;
	r = ca_sq_run(st, &changes, sql, "bsib", v, g->root, (int64_t)g->gen,
	    v);
	if (r == BASE_OK && changes != 1)
		r = base_fail(BASE_E_EXISTS,
		    "store: root %s generation %u "
		    "has another key or certificate already",
		    g->root, g->gen);
	return r;
}

enum base_err
ca_store_gen_put(struct ca_store *st, const struct ca_gen *g)
{
	enum base_err r;

	if ((r = ca_sq_run(st, NULL,
		 "INSERT INTO generation (root, gen)"
		 " VALUES (?, ?) ON CONFLICT (root, gen) DO NOTHING",
		 "si", g->root, (int64_t)g->gen)) != BASE_OK ||
	    (r = gen_put_field(st, g,
		 "UPDATE generation SET spki = ?1 WHERE"
		 " root = ?2 AND gen = ?3 AND (spki IS NULL OR spki = ?4)",
		 &g->spki)) != BASE_OK ||
	    (r = gen_put_field(st, g,
		 "UPDATE generation SET nwn = ?1 WHERE"
		 " root = ?2 AND gen = ?3 AND (nwn IS NULL OR nwn = ?4)",
		 &g->nwn)) != BASE_OK ||
	    (r = gen_put_field(st, g,
		 "UPDATE generation SET nwo = ?1 WHERE"
		 " root = ?2 AND gen = ?3 AND (nwo IS NULL OR nwo = ?4)",
		 &g->nwo)) != BASE_OK)
		return r;
	return gen_put_field(st, g,
	    "UPDATE generation SET own = ?1 WHERE"
	    " root = ?2 AND gen = ?3 AND (own IS NULL OR own = ?4)",
	    &g->own);
}

enum base_err
ca_store_gen_stolen(struct ca_store *st, const char *root, uint32_t gen)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE generation SET stolen = 1 WHERE root = ? AND gen = ?", "si",
	    root, (int64_t)gen);

	if (r == BASE_OK && changes != 1)
		r = base_fail(BASE_E_NOTFOUND, "root %s: no generation %u",
		    root, gen);
	return r;
}

enum base_err
ca_store_gen_get(struct ca_store *st, const char *root, uint32_t gen,
    struct ca_gen *out)
{
	sqlite3_stmt *s = NULL;
	uint32_t stolen = 0;
	bool row = false;
	enum base_err r;

	memset(out, 0, sizeof(*out));
	if ((r = ca_sq_open(st,
		 "SELECT root, gen, spki, nwn, nwo, own, stolen FROM"
		 " generation WHERE root = ? AND gen = ?",
		 &s, "si", root, (int64_t)gen)) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	if (!row) {
		r = base_fail(BASE_E_NOTFOUND, "root %s: no generation %u",
		    root, gen);
		goto out;
	}
	if ((r = ca_sq_text(s, 0, out->root, sizeof(out->root))) != BASE_OK ||
	    (r = ca_sq_u32(s, 1, &out->gen)) != BASE_OK ||
	    (r = ca_sq_blob(s, 2, &out->spki)) != BASE_OK ||
	    (r = ca_sq_blob(s, 3, &out->nwn)) != BASE_OK ||
	    (r = ca_sq_blob(s, 4, &out->nwo)) != BASE_OK ||
	    (r = ca_sq_u32(s, 6, &stolen)) != BASE_OK)
		goto out;
	out->stolen = stolen != 0;
	r = ca_sq_blob(s, 5, &out->own);
out:
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_gen_last(struct ca_store *st, const char *root, uint32_t *gen)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	*gen = 0;
	if ((r = ca_sq_open(st,
		 "SELECT coalesce(max(gen), 0) FROM generation"
		 " WHERE root = ?",
		 &s, "s", root)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		r = ca_sq_u32(s, 0, gen);
	ca_sq_close(s);
	return r;
}

/* ---- nodes ------------------------------------------------------------------------ */

static void
via_join(const struct ca_node *n, char *out, size_t max)
{
	out[0] = '\0';
	for (size_t i = 0; i < n->nvia; i++) {
		size_t at = strlen(out);

		snprintf(out + at, max - at, "%s%s", i == 0 ? "" : " ",
		    n->via[i]);
	}
}

static enum base_err
via_split(char *text, struct ca_node *n)
{
	char *save = NULL;

	for (char *w = strtok_r(text, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		if (n->nvia == CA_VIA_MAX || strlen(w) >= CA_NAME)
			return base_fail(BASE_E_INTEGRITY,
			    "store: node %s: bad via", n->name);
		memcpy(n->via[n->nvia++], w, strlen(w) + 1);
	}
	return BASE_OK;
}

enum base_err
ca_store_node_put(struct ca_store *st, const struct ca_node *n)
{
	char via[CA_VIA_MAX * CA_NAME];

	via_join(n, via, sizeof(via));
	return ca_sq_run(st, NULL,
	    "INSERT INTO node (name, reach, dual, shallow, via, address,"
	    " names, joined, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT (name) DO UPDATE SET reach = excluded.reach,"
	    " dual = excluded.dual, shallow = excluded.shallow,"
	    " via = excluded.via,"
	    " address = excluded.address, names = excluded.names,"
	    " joined = excluded.joined, seen = excluded.seen",
	    "siiisssii", n->name, (int64_t)n->reach, (int64_t)n->dual,
	    (int64_t)n->shallow, via, n->address, n->names, n->joined.ms,
	    n->seen.ms);
}

static enum base_err
node_read(sqlite3_stmt *s, void *arg)
{
	struct ca_node *n = arg;
	char via[CA_VIA_MAX * CA_NAME];
	uint32_t reach, dual, shallow;
	enum base_err r;

	memset(n, 0, sizeof(*n));
	if ((r = ca_sq_text(s, 0, n->name, sizeof(n->name))) != BASE_OK ||
	    (r = ca_sq_u32(s, 1, &reach)) != BASE_OK ||
	    (r = ca_sq_u32(s, 2, &dual)) != BASE_OK ||
	    (r = ca_sq_u32(s, 3, &shallow)) != BASE_OK ||
	    (r = ca_sq_text(s, 4, via, sizeof(via))) != BASE_OK ||
	    (r = ca_sq_text(s, 5, n->address, sizeof(n->address))) != BASE_OK ||
	    (r = ca_sq_text(s, 6, n->names, sizeof(n->names))) != BASE_OK)
		return r;
	if (reach < CA_DIRECT || reach > CA_PUSH)
		return base_fail(BASE_E_INTEGRITY,
		    "store: node %s: unknown reach %u", n->name, reach);
	n->reach = (enum ca_reach)reach;
	n->dual = dual != 0;
	n->shallow = shallow != 0;
	n->joined = ca_sq_time(s, 7);
	n->seen = ca_sq_time(s, 8);
	return via_split(via, n);
}

#define NODE_COLUMNS \
	"name, reach, dual, shallow, via, address, names, joined, seen"

enum base_err
ca_store_node_get(struct ca_store *st, const char *name, struct ca_node *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st,
		 "SELECT " NODE_COLUMNS " FROM node"
		 " WHERE name = ?",
		 &s, "s", name)) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	r = row ? node_read(s, out)
		: base_fail(BASE_E_NOTFOUND,
		      "node %s: not known; see kedge node list", name);
out:
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_node_delete(struct ca_store *st, const char *name)
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "DELETE FROM node WHERE name = ?", "s", name);

	if (r != BASE_OK || changes == 0)
		return r;
	return ca_sq_run(st, NULL,
	    "INSERT OR REPLACE INTO gone (node, last_fact, forgotten)"
	    " VALUES (?, ?, 0)",
	    "si", name, st->last_fact);
}

enum base_err
ca_store_nodes(struct ca_store *st, struct ca_node **out, size_t *n)
{
	void *p;
	enum base_err r = ca_sq_list(st,
	    "SELECT " NODE_COLUMNS " FROM node"
	    " ORDER BY name",
	    sizeof(**out), node_read, &p, n);

	*out = p;
	return r;
}

/* ---- keys of nodes ------------------------------------------------------------------------ */

enum base_err
ca_store_key_put(struct ca_store *st, const char *node, const char *root,
    struct base_span spki)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO node_key (node, root, spki) VALUES (?, ?, ?)"
	    " ON CONFLICT (node, root) DO UPDATE SET spki = excluded.spki",
	    "ssb", node, root, spki);
}

enum base_err
ca_store_key_get(struct ca_store *st, const char *node, const char *root,
    struct base_buf *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st,
		 "SELECT spki FROM node_key WHERE node = ?"
		 " AND root = ?",
		 &s, "ss", node, root)) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	r = row
	    ? ca_sq_blob(s, 0, out)
	    : base_fail(BASE_E_NOTFOUND,
		  "node %s: has no key under root %s; let it join (kedge node "
		  "token %s)",
		  node, root, node);
out:
	ca_sq_close(s);
	return r;
}

/* ---- join ------------------------------------------------------------------------------------- */

static struct base_span
span32(const uint8_t b[32])
{
	return (struct base_span){ b, 32 };
}

enum base_err
ca_store_token_add(struct ca_store *st, const uint8_t hash[32],
    const struct ca_token *t)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO token (hash, node, ends,"
	    " burned, root) VALUES (?, ?, ?, 0, ?)",
	    "bsib", span32(hash), t->node, t->end.ms, span32(t->root));
}

enum base_err
ca_store_token_get(struct ca_store *st, const uint8_t hash[32],
    struct ca_token *out)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st,
		 "SELECT node, ends, burned, root FROM token"
		 " WHERE hash = ?",
		 &s, "b", span32(hash))) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	if (!row) {
		r = base_fail(BASE_E_NOTFOUND, "join: no such token");
		goto out;
	}
	out->end = ca_sq_time(s, 1);
	out->burned = sqlite3_column_int64(s, 2) != 0;
	if ((r = ca_sq_text(s, 0, out->node, sizeof(out->node))) == BASE_OK)
		r = ca_sq_fixed(s, 3, out->root, sizeof(out->root));
out:
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_tokens_open(struct ca_store *st, struct base_time now,
    ca_token_each_fn *fn, void *arg)
{
	struct ca_token t = { .burned = false };
	sqlite3_stmt *s = NULL;
	uint8_t hash[32];
	bool row = false;
	enum base_err r = ca_sq_open(st,
	    "SELECT hash, node, ends, root FROM token"
	    " WHERE burned = 0 AND ends > ? ORDER BY ends, hash",
	    &s, "i", now.ms);

	while (
	    r == BASE_OK && (r = ca_sq_next(st, s, &row)) == BASE_OK && row) {
		t.end = ca_sq_time(s, 2);
		if ((r = ca_sq_fixed(s, 0, hash, sizeof(hash))) == BASE_OK &&
		    (r = ca_sq_text(s, 1, t.node, sizeof(t.node))) == BASE_OK &&
		    (r = ca_sq_fixed(s, 3, t.root, sizeof(t.root))) == BASE_OK)
			r = fn(arg, hash, &t);
	}
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_tokens_void(struct ca_store *st, const char *node)
{
	return ca_sq_run(st, NULL,
	    "UPDATE token SET burned = 1 WHERE node = ? AND burned = 0", "s",
	    node);
}

enum base_err
ca_store_token_burn(struct ca_store *st, const uint8_t hash[32])
{
	int changes = 0;
	enum base_err r = ca_sq_run(st, &changes,
	    "UPDATE token SET burned = 1"
	    " WHERE hash = ? AND burned = 0",
	    "b", span32(hash));

	if (r == BASE_OK && changes != 1)
		r = base_fail(BASE_E_STATE,
		    "join: the token was used already;"
		    " make another one by kedge node token");
	return r;
}

enum base_err
ca_store_join_put(struct ca_store *st, const char *node,
    const uint8_t request[32], struct base_span answer)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO joining (request, node,"
	    " answer) VALUES (?, ?, ?)",
	    "bsb", span32(request), node, answer);
}

enum base_err
ca_store_join_get(struct ca_store *st, const uint8_t request[32],
    struct base_buf *answer)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st, "SELECT answer FROM joining WHERE request = ?",
		 &s, "b", span32(request))) != BASE_OK ||
	    (r = ca_sq_next(st, s, &row)) != BASE_OK)
		goto out;
	r = row ? ca_sq_blob(s, 0, answer)
		: base_fail(BASE_E_NOTFOUND,
		      "join: this request was not answered yet");
out:
	ca_sq_close(s);
	return r;
}
