/*
 * ca/store_sqlite_link: links, and those that were taken away and that
 * kedge-hsmd may still judge by.
 */
#include "ca/store_sqlite.h"

enum base_err
ca_store_link_put(struct ca_store *st, const struct ca_link *l)
{
	enum base_err r = ca_sq_run(st, NULL,
	    "DELETE FROM link_gone WHERE client = ? AND server = ?"
	    " AND client_root = ? AND server_root = ?",
	    "ssss", l->client, l->server, l->client_root, l->server_root);

	if (r != BASE_OK)
		return r;
	return ca_sq_run(st, NULL,
	    "INSERT INTO link (client, server, client_root, server_root)"
	    " VALUES (?, ?, ?, ?) ON CONFLICT (client, server) DO UPDATE SET"
	    " client_root = excluded.client_root,"
	    " server_root = excluded.server_root",
	    "sses", l->client, l->server, l->client_root, l->server_root);
}

enum base_err
ca_store_link_delete(struct ca_store *st, const char *client,
    const char *server)
{
	return ca_sq_run(st, NULL,
	    "DELETE FROM link WHERE client = ? AND server = ?", "ss", client,
	    server);
}

static enum base_err
link_read(sqlite3_stmt *s, void *arg)
{
	struct ca_link *l = arg;
	enum base_err r;

	if ((r = ca_sq_text(s, 0, l->client, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_text(s, 1, l->server, CA_NAME)) != BASE_OK ||
	    (r = ca_sq_text(s, 2, l->client_root, CA_NAME)) != BASE_OK)
		return r;
	return ca_sq_text(s, 3, l->server_root, CA_NAME);
}

enum base_err
ca_store_links(struct ca_store *st, struct ca_link **out, size_t *n)
{
	void *p;
	enum base_err r = ca_sq_list(st,
	    "SELECT client, server, client_root,"
	    " server_root FROM link ORDER BY client, server",
	    sizeof(**out), link_read, &p, n);

	*out = p;
	return r;
}

/* ---- taken away ----------------------------------------------------------- */

enum base_err
ca_store_gone_put(struct ca_store *st, const struct ca_link *l, bool said)
{
	return ca_sq_run(st, NULL,
	    "INSERT INTO link_gone (client, server, client_root, server_root,"
	    " said) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
	    " said = max(said, excluded.said)",
	    "ssssi", l->client, l->server, l->client_root, l->server_root,
	    (int64_t)said);
}

static enum base_err
gone_is(struct ca_store *st, const struct ca_link *l, int64_t said, bool *out)
{
	sqlite3_stmt *s = NULL;
	enum base_err r;

	*out = false;
	if ((r = ca_sq_open(st,
		 "SELECT 1 FROM link_gone WHERE client = ? AND server = ?"
		 " AND client_root = ? AND server_root = ? AND said >= ?",
		 &s, "ssssi", l->client, l->server, l->client_root,
		 l->server_root, said)) == BASE_OK)
		r = ca_sq_next(st, s, out);
	ca_sq_close(s);
	return r;
}

enum base_err
ca_store_gone_has(struct ca_store *st, const struct ca_link *l, bool *out)
{
	return gone_is(st, l, 0, out);
}

enum base_err
ca_store_gone_said(struct ca_store *st, const struct ca_link *l, bool *out)
{
	return gone_is(st, l, 1, out);
}

enum base_err
ca_store_gone(struct ca_store *st, struct ca_link **out, size_t *n)
{
	void *p;
	enum base_err r = ca_sq_list(st,
	    "SELECT client, server, client_root, server_root FROM link_gone"
	    " WHERE said = 1 ORDER BY client, server",
	    sizeof(**out), link_read, &p, n);

	*out = p;
	return r;
}

enum base_err
ca_store_gone_clear(struct ca_store *st)
{
	/* state 3 is done */
	return ca_sq_run(st, NULL,
	    "DELETE FROM link_gone WHERE said = 0 OR NOT EXISTS (SELECT 1 FROM"
	    " roll WHERE state < 3 AND root IN (client_root, server_root))",
	    "");
}
