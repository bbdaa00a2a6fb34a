/*
 * ca/store_sqlite_schema: tables and their version. A database of a newer
 * version is refused; older ones are brought up one version at a time.
 */
#include "ca/store_sqlite.h"

static const char *const version_1[] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL)"
	" STRICT, WITHOUT ROWID",
	"CREATE TABLE root (name TEXT PRIMARY KEY, alg INTEGER NOT NULL,"
	" days INTEGER NOT NULL, current INTEGER NOT NULL,"
	" roll_before INTEGER NOT NULL, strategy INTEGER NOT NULL)"
	" STRICT, WITHOUT ROWID",
	"CREATE TABLE generation (root TEXT NOT NULL REFERENCES root(name)"
	" ON DELETE CASCADE, gen INTEGER NOT NULL CHECK (gen > 0),"
	" spki BLOB, nwn BLOB, nwo BLOB, own BLOB,"
	" stolen INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (root, gen))"
	" STRICT",
	"CREATE TABLE node (name TEXT PRIMARY KEY, reach INTEGER NOT NULL,"
	" dual INTEGER NOT NULL, shallow INTEGER NOT NULL, via TEXT NOT NULL,"
	" address TEXT NOT NULL, names TEXT NOT NULL, joined INTEGER NOT NULL, seen INTEGER NOT NULL)"
	" STRICT, WITHOUT ROWID",
	"CREATE TABLE link (client TEXT NOT NULL REFERENCES node(name),"
	" server TEXT NOT NULL REFERENCES node(name),"
	" client_root TEXT REFERENCES root(name),"
	" server_root TEXT NOT NULL REFERENCES root(name),"
	" PRIMARY KEY (client, server), CHECK (client <> server))"
	" STRICT, WITHOUT ROWID",
	"CREATE INDEX link_server ON link(server)",
	/* as link, but of those that are no more; "" for no root; said: kedge-hsmd
	 * is told so, though their root rolls */
	"CREATE TABLE link_gone (client TEXT NOT NULL REFERENCES node(name)"
	" ON DELETE CASCADE, server TEXT NOT NULL REFERENCES node(name)"
	" ON DELETE CASCADE, client_root TEXT NOT NULL,"
	" server_root TEXT NOT NULL, said INTEGER NOT NULL,"
	" PRIMARY KEY (client, server, client_root, server_root))"
	" STRICT, WITHOUT ROWID",
	"CREATE TABLE node_key (node TEXT NOT NULL REFERENCES node(name)"
	" ON DELETE CASCADE, root TEXT NOT NULL, spki BLOB NOT NULL,"
	" PRIMARY KEY (node, root)) STRICT, WITHOUT ROWID",
	/* asked for, and what the node has proven */
	"CREATE TABLE rekey (node TEXT NOT NULL REFERENCES node(name)"
	" ON DELETE CASCADE, root TEXT NOT NULL, spki BLOB,"
	" PRIMARY KEY (node, root)) STRICT, WITHOUT ROWID",
	/* its new key is in use, and kedge-hsmd has not been shown that yet, or
	 * does not take it */
	"CREATE TABLE rekey_unshown (node TEXT NOT NULL REFERENCES node(name)"
	" ON DELETE CASCADE, root TEXT NOT NULL, why TEXT NOT NULL,"
	" PRIMARY KEY (node, root)) STRICT, WITHOUT ROWID",
	"CREATE TABLE roll (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" root TEXT NOT NULL, gen_from INTEGER NOT NULL,"
	" gen_to INTEGER NOT NULL, strategy INTEGER NOT NULL,"
	" failures INTEGER NOT NULL, in_flight INTEGER NOT NULL,"
	" state INTEGER NOT NULL, started INTEGER NOT NULL,"
	" ended INTEGER NOT NULL, first TEXT NOT NULL,"
	" windows TEXT NOT NULL, stepping INTEGER NOT NULL,"
	" presume INTEGER NOT NULL, compromised INTEGER NOT NULL,"
	" deadline INTEGER NOT NULL, cut TEXT NOT NULL,"
	" kicks INTEGER NOT NULL, say_again INTEGER NOT NULL) STRICT",
	/* one roll of a root at a time: state 3 is done */
	"CREATE UNIQUE INDEX roll_open ON roll(root) WHERE state < 3",
	/* lies by node, as a report reads and adds it. None is ever deleted,
	 * and its number is not given twice */
	"CREATE TABLE fact (node TEXT NOT NULL, root TEXT NOT NULL,"
	" id INTEGER NOT NULL CHECK (id > 0), roll INTEGER NOT NULL,"
	" kind INTEGER NOT NULL, epoch INTEGER NOT NULL,"
	" steps INTEGER NOT NULL, gen_from INTEGER NOT NULL,"
	" gen_to INTEGER NOT NULL, trust INTEGER NOT NULL,"
	" present INTEGER NOT NULL, bridge INTEGER NOT NULL,"
	" at INTEGER NOT NULL, PRIMARY KEY (node, root, id))"
	" STRICT, WITHOUT ROWID",
	/* what runs now is at its end: reports change one page of it */
	"CREATE INDEX fact_roll ON fact(roll, id)",
	/* kinds 5 and 6: excused, returned */
	"CREATE INDEX fact_excuse ON fact(id) WHERE kind IN (5, 6)",
	"CREATE TABLE orders (node TEXT NOT NULL, root TEXT NOT NULL,"
	" epoch INTEGER NOT NULL CHECK (epoch > 0), roll INTEGER NOT NULL,"
	" steps INTEGER NOT NULL, gen_from INTEGER NOT NULL,"
	" gen_to INTEGER NOT NULL, bridge INTEGER NOT NULL,"
	" digest BLOB NOT NULL, cms BLOB NOT NULL, issued INTEGER NOT NULL,"
	" expires INTEGER NOT NULL, state INTEGER NOT NULL,"
	" received INTEGER NOT NULL, settled INTEGER NOT NULL,"
	" proof INTEGER NOT NULL, reason TEXT NOT NULL,"
	" leaf_from INTEGER NOT NULL, leaf_to INTEGER NOT NULL,"
	" kicked INTEGER NOT NULL, compromised INTEGER NOT NULL,"
	" unsent INTEGER NOT NULL,"
	" PRIMARY KEY (node, root, epoch)) STRICT",
	/* states 1 and 2 wait for a report */
	"CREATE INDEX orders_open ON orders(root, state, issued)"
	" WHERE state < 3",
	"CREATE INDEX orders_theft ON orders(root, compromised)"
	" WHERE compromised > 0",
	"CREATE INDEX orders_unsent ON orders(roll) WHERE unsent = 1",
	/* what nearly every transaction changes, together in one page:
	 * 'audit' '' 0: the hash of the last record; 'orders' root state: how
	 * many are settled so, for nobody counts all there ever were, and none
	 * is deleted */
	"CREATE TABLE tally (what TEXT NOT NULL, root TEXT NOT NULL,"
	" state INTEGER NOT NULL, value ANY NOT NULL,"
	" PRIMARY KEY (what, root, state)) STRICT, WITHOUT ROWID",
	/* step 4 is finish */
	"CREATE INDEX orders_finish ON orders(roll, node)"
	" WHERE steps & 4 <> 0",
	/* proof 1 is by reload */
	"CREATE INDEX orders_reload ON orders(roll, node) WHERE proof = 1",
	/* the digest is of cms, which names the node, root, epoch and status */
	"CREATE TABLE report (node TEXT NOT NULL, root TEXT NOT NULL,"
	" epoch INTEGER NOT NULL, status INTEGER NOT NULL,"
	" digest BLOB NOT NULL, at INTEGER NOT NULL,"
	" stored INTEGER NOT NULL, cms BLOB NOT NULL,"
	" PRIMARY KEY (node, root, epoch, status, digest))"
	" STRICT, WITHOUT ROWID",
	"CREATE TABLE cert (serial BLOB NOT NULL, node TEXT NOT NULL,"
	" root TEXT NOT NULL, gen INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,"
	" der BLOB NOT NULL, PRIMARY KEY (root, gen, serial)) STRICT",
	"CREATE INDEX cert_node ON cert(node)",
	/* what a node is known to present */
	"CREATE TABLE leaf (node TEXT NOT NULL REFERENCES node(name)"
	" ON DELETE CASCADE, root TEXT NOT NULL, gen INTEGER NOT NULL,"
	" epoch INTEGER NOT NULL, not_before INTEGER NOT NULL,"
	" not_after INTEGER NOT NULL, due INTEGER NOT NULL,"
	" PRIMARY KEY (node, root)) STRICT, WITHOUT ROWID",
	"CREATE INDEX leaf_due ON leaf(due)",
	"CREATE TABLE token (hash BLOB PRIMARY KEY, node TEXT NOT NULL"
	" REFERENCES node(name) ON DELETE CASCADE,"
	" ends INTEGER NOT NULL, burned INTEGER NOT NULL,"
	" root BLOB NOT NULL) STRICT, WITHOUT ROWID",
	"CREATE TABLE joining (request BLOB PRIMARY KEY, node TEXT NOT NULL"
	" REFERENCES node(name) ON DELETE CASCADE, answer BLOB NOT NULL)"
	" STRICT",
	"CREATE TABLE audit (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
	" who TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL,"
	" hash BLOB NOT NULL) STRICT",
	"PRAGMA user_version = 106",
};

/* What each node said last of what it holds. */
static const char *const version_2[] = {
	"CREATE TABLE stock (node TEXT PRIMARY KEY REFERENCES node(name)"
	" ON DELETE CASCADE, number INTEGER NOT NULL, der BLOB NOT NULL)"
	" STRICT, WITHOUT ROWID",
	/* nodes that left: facts up to this one are of them, not of another
	 * node that was given the name since */
	("CREATE TABLE gone (node TEXT PRIMARY KEY, last_fact INTEGER NOT NULL,"
	 " forgotten INTEGER NOT NULL) STRICT, WITHOUT ROWID"),
	"PRAGMA user_version = 107",
};

#define VERSION(v)                        \
	{                                 \
		v, sizeof(v) / sizeof(*v) \
	}
static const struct {
	const char *const *sql;
	size_t n;
} versions[] = { VERSION(version_1), VERSION(version_2) };
#define NVERSIONS (sizeof(versions) / sizeof(*versions))

/* Lower numbers were of builds that changed their tables under one number. */
#define FIRST 106
#define LAST  (FIRST + NVERSIONS - 1)

/* Makes version FIRST + at out of the one before, or nothing. */
static enum base_err
schema_step(struct ca_store *st, size_t at)
{
	enum base_err r;

	if ((r = ca_store_begin(st)) != BASE_OK)
		return r;
	for (size_t i = 0; i < versions[at].n; i++) {
		char *msg = NULL;

		if (sqlite3_exec(st->db, versions[at].sql[i], NULL, NULL,
			&msg) == SQLITE_OK)
			continue;
		r = base_fail(BASE_E_IO, "store: making tables: %s", msg);
		sqlite3_free(msg);
		ca_store_rollback(st);
		return r;
	}
	return ca_store_commit(st);
}

static enum base_err
schema_version(struct ca_store *st, uint32_t *version)
{
	sqlite3_stmt *s = NULL;
	bool row = false;
	enum base_err r;

	if ((r = ca_sq_open(st, "PRAGMA user_version", &s, "")) == BASE_OK &&
	    (r = ca_sq_next(st, s, &row)) == BASE_OK)
		r = ca_sq_u32(s, 0, version);
	ca_sq_close(s);
	if (r == BASE_OK && *version > LAST)
		r = base_fail(BASE_E_INTEGRITY,
		    "store: schema version %u, this program knows %zu; use the "
		    "release that wrote it, or a newer one",
		    *version, LAST);
	else if (r == BASE_OK && *version != 0 && *version < FIRST)
		r = base_fail(BASE_E_INTEGRITY,
		    "store: schema version %u is of a build from before the "
		    "first release, which no other can read; go on with that "
		    "build, or begin with an empty store (kedge init)",
		    *version);
	return r;
}

enum base_err
ca_sq_schema(struct ca_store *st)
{
	uint32_t version = 0;
	enum base_err r = schema_version(st, &version);

	if (version == 0)
		version = FIRST - 1;
	for (; r == BASE_OK && version < LAST; version++)
		r = schema_step(st, version + 1 - FIRST);
	return r;
}

enum base_err
ca_sq_schema_check(struct ca_store *st)
{
	uint32_t version = 0;
	enum base_err r = schema_version(st, &version);

	if (r == BASE_OK && version != LAST)
		r = base_fail(BASE_E_INTEGRITY,
		    "store: schema version %u, not %zu: no store of this "
		    "kedged",
		    version, LAST);
	return r;
}
