/*
 * ca/store_sqlite_rekey: nodes that are to have another key under a root, the
 * key, once the node has proven it, and whether kedge-hsmd knows that it is in
 * use.
 */
#include "ca/store_sqlite.h"

enum base_err
ca_store_rekey_put(struct ca_store *st, const char *node, const char *root,
    struct base_span spki)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO rekey (node, root, spki) VALUES (?, ?, ?)"
	    " ON CONFLICT (node, root) DO UPDATE SET spki = excluded.spki",
	    "ssb", node, root, spki);
}

enum base_err
ca_store_rekey_get(struct ca_store *st, const char *node, const char *root,
    bool *asked, struct base_buf *spki)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;

	*asked = false;
	if ((r = ca_sq_open(st,
		 "SELECT coalesce(spki, x'') FROM rekey"
		 " WHERE node = ? AND root = ?",
		 &s, "ss", node, root)) == BASE_OK &&
	    (r = ca_sq_next(st, s, asked)) == BASE_OK && *asked)
		r = ca_sq_blob(s, 0, spki);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_rekey_drop(struct ca_store *st, const char *node, const char *root)
{
	return ca_sq_run(st, NULL,
	    "DELETE FROM rekey WHERE node = ? AND root = ?", "ss", node, root);
}

/* ---- that the new key is in use -------------------------------------------- */

enum base_err
ca_store_unshown_put(struct ca_store *st, const char *node, const char *root)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO rekey_unshown (node, root, why) VALUES (?, ?, '')"
	    " ON CONFLICT (node, root) DO UPDATE SET why = ''",
	    "ss", node, root);
}

enum base_err
ca_store_unshown_next(struct ca_store *st, char node[CA_NAME],
    char root[CA_NAME])
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st,
		 "SELECT node, root FROM rekey_unshown"
		 " WHERE (node, root) > (?, ?) ORDER BY node, root LIMIT 1",
		 &s, "ss", node, root)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK && row &&
	    (r = ca_sq_text(s, 0, node, CA_NAME)) == BASE_OK)
		r = ca_sq_text(s, 1, root, CA_NAME);
	if (!row)
		node[0] = root[0] = '\0';
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_unshown_why(struct ca_store *st, const char *node, const char *root,
    char out[CA_REASON_MAX])
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	out[0] = '\0';
	if ((r = ca_sq_open(st,
		 "SELECT why FROM rekey_unshown WHERE node = ? AND root = ?",
		 &s, "ss", node, root)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		r = ca_sq_text(s, 0, out, CA_REASON_MAX);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_unshown_refused(struct ca_store *st, const char *node,
    const char *root, const char *why)
{
	return ca_sq_run(st, NULL,
	    "UPDATE rekey_unshown SET why = ? WHERE node = ? AND root = ?",
	    "sss", why, node, root);
}

enum base_err
ca_store_unshown_done(struct ca_store *st, const char *node, const char *root)
{
	return ca_sq_run(st, NULL,
	    "DELETE FROM rekey_unshown WHERE node = ? AND root = ?", "ss", node,
	    root);
}

/* ---- whose key --------------------------------------------------------------- */

enum base_err
ca_store_key_owner(struct ca_store *st, struct base_span spki,
    char out[CA_NAME])
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	out[0] = '\0';
	if ((r = ca_sq_open(st,
		 "SELECT node FROM node_key WHERE spki = ? LIMIT 1", &s, "b",
		 spki)) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK && row)
		r = ca_sq_text(s, 0, out, CA_NAME);
	ca_sq_close(s);
	return r;
}
