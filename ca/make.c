/*
 * ca/make: generations of roots, and what kedged needs before it can begin:
 * management root, order signer, TLS identity. Each turn looks at the store,
 * finds the first thing that is missing, has hsmd make it, checks and stores
 * it, and looks again. So it resumes wherever it was killed, and asking again
 * for what exists changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define META_ORDER_SPKI "order.spki"
#define META_TLS_BOUND	"ca.bound" /* hsmd has the key as that of node ca */

enum thing {
	DONE,
	ROOT_KEY,
	NEXT_KEY,
	RECALLED, /* what hsmd has signed before and the store forgot */
	LINKED,
	ORDER_KEY,
	ORDER_CERT,
	TLS_KEY,
	TLS_BIND,
	TLS_CERT
};

struct make {
	struct ca *ca;
	bool order, tls; /* the CA's own certificates are wanted, too */
	bool recalled; /* hsmd has told what it has */
	char root[CA_NAME];
	uint32_t gen;
	enum wire_alg alg;
	enum thing thing; /* that hsmd is making */
	struct ca_issue issue; /* with LINKED, ORDER_CERT, TLS_CERT */
	struct base_buf spki; /* issue's */
	struct base_buf tbs;
	ca_done_fn *done;
	void *arg;
};

static void make_next(struct make *m);

static void
make_end(struct make *m, enum base_err e)
{
	ca_done_fn *done = m->done;
	void *arg = m->arg;

	base_buf_free(&m->spki);
	base_buf_free(&m->tbs);
	free(m);
	done(arg, e);
}

/* ---- what is missing --------------------------------------------------------- */

static bool
has_meta(struct ca *ca, const char *key, struct base_buf *out)
{
	return ca_store_meta_get(ca->store, key, out) == BASE_OK;
}

static void
want_cert(struct make *m, enum thing thing, enum wire_cert_kind kind,
    const char *node, struct base_span spki)
{
	m->thing = thing;
	memset(&m->issue, 0, sizeof(m->issue));
	m->issue.kind = kind;
	snprintf(m->issue.node, sizeof(m->issue.node), "%s", node);
	memcpy(m->issue.root, m->root, sizeof(m->root));
	m->issue.gen = kind == WIRE_NEW_WITH_OLD ? m->gen - 1 : m->gen;
	base_buf_clear(&m->spki);
	if (base_buf_put(&m->spki, spki.p, spki.n) != BASE_OK)
		base_die("make: key too large");
	m->issue.spki = base_buf_span(&m->spki);
	if (kind == WIRE_CA_TLS)
		m->issue.names = m->ca->conf->names;
}

/* Which certificate of the generation, if any. */
static enum base_err
missing_cert(struct make *m, const struct ca_gen *g)
{
	struct ca_gen old = { .gen = 0 };
	enum base_err r = BASE_OK;

	m->thing = DONE;
	if (g->nwn.n == 0) {
		want_cert(m, LINKED, WIRE_NEW_WITH_NEW, "",
		    base_buf_span(&g->spki));
	} else if (m->gen > 1 && g->nwo.n == 0) {
		want_cert(m, LINKED, WIRE_NEW_WITH_OLD, "",
		    base_buf_span(&g->spki));
	} else if (m->gen > 1 && g->own.n == 0) {
		if ((r = ca_store_gen_get(m->ca->store, m->root, m->gen - 1,
			 &old)) == BASE_OK)
			want_cert(m, LINKED, WIRE_OLD_WITH_NEW, "",
			    base_buf_span(&old.spki));
	}
	ca_gen_clear(&old);
	return r;
}

static enum base_err
missing_generation(struct make *m)
{
	struct ca_gen g = { .gen = 0 }, next = { .gen = 0 };
	enum base_err r, r2;

	r = ca_store_gen_get(m->ca->store, m->root, m->gen, &g);
	r2 = ca_store_gen_get(m->ca->store, m->root, m->gen + 1, &next);
	if ((r != BASE_OK && r != BASE_E_NOTFOUND) ||
	    (r2 != BASE_OK && r2 != BASE_E_NOTFOUND)) {
		r = r != BASE_OK ? r : r2;
		goto out;
	}
	r = BASE_OK;
	if (g.spki.n == 0)
		m->thing = ROOT_KEY;
	else if (next.spki.n == 0)
		m->thing = NEXT_KEY;
	else
		r = missing_cert(m, &g);
	if (m->thing == LINKED && !m->recalled)
		m->thing = RECALLED;
out:
	ca_gen_clear(&g);
	ca_gen_clear(&next);
	return r;
}

static enum base_err
missing_tls_cert(struct make *m)
{
	EVP_PKEY *key = NULL;
	struct base_buf spki;
	enum base_err r;

	base_buf_init(&spki, 0);
	if ((r = ca_identity_key_read(m->ca, &key)) == BASE_E_NOTFOUND) {
		m->thing = TLS_KEY;
		r = BASE_OK;
	} else if (r == BASE_OK && (r = wire_key_spki(key, &spki)) == BASE_OK) {
		want_cert(m, TLS_CERT, WIRE_CA_TLS, CA_NODE_CA,
		    base_buf_span(&spki));
		if (!has_meta(m->ca, META_TLS_BOUND, &m->tbs))
			m->thing = TLS_BIND;
	}
	EVP_PKEY_free(key);
	base_buf_free(&spki);
	return r;
}

/* Not there, or in the last third of its life. */
static bool
wants_cert(const struct make *m, enum wire_cert_kind kind)
{
	struct base_buf der;
	X509 *x = NULL;
	bool yes;

	base_buf_init(&der, 0);
	yes = ca_identity_cert_get(m->ca, kind, m->gen, &der) != BASE_OK ||
	    wire_x509_from_der(base_buf_span(&der), "own", &x) != BASE_OK ||
	    ca_identity_is_old(m->ca, x);
	X509_free(x);
	base_buf_free(&der);
	return yes;
}

static enum base_err
missing(struct make *m)
{
	struct base_buf b;
	enum base_err r = BASE_OK;

	base_buf_init(&b, 0);
	if ((r = missing_generation(m)) != BASE_OK || m->thing != DONE ||
	    !m->order)
		goto out;
	if (!has_meta(m->ca, META_ORDER_SPKI, &b)) {
		m->thing = ORDER_KEY;
		goto out;
	}
	if (wants_cert(m, WIRE_ORDER_CERT)) {
		want_cert(m, ORDER_CERT, WIRE_ORDER_CERT, "order",
		    base_buf_span(&b));
		goto out;
	}
	if (m->tls && wants_cert(m, WIRE_CA_TLS))
		r = missing_tls_cert(m);
out:
	base_buf_free(&b);
	base_buf_clear(&m->tbs);
	return r;
}

/* ---- storing what came ------------------------------------------------------------ */

static enum base_err
store_key(struct make *m, struct base_buf *spki)
{
	struct ca_gen g = { .gen = m->gen + (m->thing == NEXT_KEY) };
	enum base_err r;

	if (m->thing == ORDER_KEY)
		return ca_store_meta_put(m->ca->store, META_ORDER_SPKI,
		    base_buf_span(spki));
	memcpy(g.root, m->root, sizeof(g.root));
	g.spki = *spki;
	r = ca_store_gen_put(m->ca->store, &g);
	return r;
}

static enum base_err
store_cert(struct make *m, X509 *x, struct base_buf *der)
{
	struct ca_gen g = { .gen = m->gen };
	enum base_err r;

	if (m->thing == ORDER_CERT || m->thing == TLS_CERT)
		return ca_issue_store(m->ca, &m->issue, x);
	memcpy(g.root, m->root, sizeof(g.root));
	if (m->issue.kind == WIRE_NEW_WITH_NEW)
		g.nwn = *der;
	else if (m->issue.kind == WIRE_NEW_WITH_OLD)
		g.nwo = *der;
	else
		g.own = *der;
	r = ca_store_gen_put(m->ca->store, &g);
	return r;
}

static const char *
thing_name(const struct make *m)
{
	switch (m->thing) {
	case ROOT_KEY:
	case NEXT_KEY:
		return "key";
	case ORDER_KEY:
		return "order-key";
	case ORDER_CERT:
		return "order-cert";
	case TLS_CERT:
		return "ca-cert";
	case LINKED:
		return m->issue.kind == WIRE_NEW_WITH_NEW ? "new-with-new"
		    : m->issue.kind == WIRE_NEW_WITH_OLD  ? "new-with-old"
							  : "old-with-new";
	case TLS_BIND:
		return "ca-key";
	case DONE:
	case TLS_KEY:
	case RECALLED:
		break;
	}
	return "";
}

static enum base_err
store_audit(struct make *m)
{
	return ca_audit(m->ca, CA_NODE_CA, "made",
	    "%s of root %s generation "
	    "%u",
	    thing_name(m), m->root, m->gen + (m->thing == NEXT_KEY));
}

static enum base_err
take_cert(struct make *m, struct wire_hsm_answer *a)
{
	struct base_buf *der;
	X509 *x = NULL;
	enum base_err r;

	if (a->nitems != 1)
		return base_fail(BASE_E_INTEGRITY,
		    "kedge-hsmd: %zu certificates for one", a->nitems);
	der = &a->items[0].data;
	if (a->items[0].err != BASE_OK)
		return base_fail(a->items[0].err, "kedge-hsmd: %.*s",
		    (int)der->n, (const char *)der->p);
	if ((r = ca_issue_check(m->ca, &m->issue, base_buf_span(&m->tbs),
		 base_buf_span(der), &x)) == BASE_OK)
		r = store_cert(m, x, der);
	X509_free(x);
	return r;
}

static enum base_err
take(struct make *m, struct wire_hsm_answer *a)
{
	enum base_err r;

	if (a->err != BASE_OK)
		return base_fail(a->err, "kedge-hsmd: %s", a->why);
	if ((r = ca_store_begin(m->ca->store)) != BASE_OK)
		return r;
	if (m->thing == RECALLED) {
		m->recalled = true;
		if ((r = ca_recall_root(m->ca, m->root, a)) == BASE_OK)
			r = ca_store_commit(m->ca->store);
		ca_store_rollback(m->ca->store);
		return r;
	}
	if (m->thing == TLS_BIND)
		r = ca_store_meta_put(m->ca->store, META_TLS_BOUND,
		    base_buf_span(&m->spki));
	else if (a->type == WIRE_HSM_KEYGEN)
		r = store_key(m, &a->key.spki);
	else
		r = take_cert(m, a);
	if (r == BASE_OK && (r = store_audit(m)) == BASE_OK)
		r = ca_store_commit(m->ca->store);
	ca_store_rollback(m->ca->store);
	return r;
}

/* A token may take minutes for a key. kedge-hsmd waits for it, whether somebody
 * listens or not, and has one key for however many askings. */
static enum base_err
still_made(const struct make *m)
{
	if (m->thing != ROOT_KEY && m->thing != NEXT_KEY &&
	    m->thing != ORDER_KEY)
		return BASE_E_AGAIN;
	return base_fail(BASE_E_AGAIN,
	    "root %s: its token may still be making the key, which goes on; ask "
	    "again in a minute, and that key is taken (%s)",
	    m->root, base_why());
}

static void
make_answered(void *arg, enum base_err e, struct wire_hsm_answer *a)
{
	const bool late = e == BASE_E_TIMEOUT;
	struct make *m = arg;

	if ((e = ca_hsm_heard(m->ca, e, a)) == BASE_OK)
		e = take(m, a);
	if (e != BASE_OK) {
		make_end(m, late ? still_made(m) : e);
		return;
	}
	make_next(m);
}

/* ---- asking --------------------------------------------------------------------------- */

static enum base_err
ask_key(struct make *m, struct wire_hsm_request *q)
{
	q->type = WIRE_HSM_KEYGEN;
	q->key.order_signer = m->thing == ORDER_KEY;
	q->key.generation = m->gen + (m->thing == NEXT_KEY);
	return BASE_OK;
}

static enum base_err
ask_cert(struct make *m, struct wire_hsm_request *q)
{
	enum base_err r;

	base_buf_clear(&m->tbs);
	if ((r = ca_issue_tbs(m->ca, &m->issue, &m->tbs)) != BASE_OK)
		return r;
	q->type = WIRE_HSM_CERTS;
	q->key.generation = m->issue.gen;
	q->nitems = 1;
	q->items = base_alloc(sizeof(*q->items));
	return base_buf_put(&q->items[0], m->tbs.p, m->tbs.n);
}

/* hsmd takes node ca's key once, without a token. */
static enum base_err
ask_bind(struct make *m, struct wire_hsm_request *q)
{
	memset(&q->key, 0, sizeof(q->key));
	q->type = WIRE_HSM_BIND;
	memcpy(q->node, CA_NODE_CA, sizeof(CA_NODE_CA));
	q->nitems = 1;
	q->items = base_alloc(sizeof(*q->items));
	q->roots = base_alloc(sizeof(*q->roots));
	memcpy(q->roots[0], CA_MANAGEMENT, sizeof(CA_MANAGEMENT));
	return base_buf_put(&q->items[0], m->spki.p, m->spki.n);
}

/* Made once: after a restore the nodes have what was made before. */
static enum base_err
ask_recall(struct make *m, struct wire_hsm_request *q)
{
	q->type = WIRE_HSM_RECALL;
	q->key.generation = m->gen;
	return BASE_OK;
}

static enum base_err
ask(struct make *m)
{
	struct wire_hsm_request q = { .id = 0 };
	struct wire_hsm_ask w = { &q, make_answered, m };
	enum base_err r;

	memcpy(q.fleet, m->ca->conf->fleet, sizeof(q.fleet));
	memcpy(q.key.root, m->root, sizeof(q.key.root));
	q.key.alg = m->alg;
	if (m->thing == ROOT_KEY || m->thing == NEXT_KEY ||
	    m->thing == ORDER_KEY)
		r = ask_key(m, &q);
	else if (m->thing == RECALLED)
		r = ask_recall(m, &q);
	else if (m->thing == TLS_BIND)
		r = ask_bind(m, &q);
	else
		r = ask_cert(m, &q);
	if (r == BASE_OK)
		r = ca_hsm_ask(m->ca, &w);
	wire_hsm_request_clear(&q);
	return r;
}

static void
make_next(struct make *m)
{
	enum base_err r = missing(m);

	if (r == BASE_OK && m->thing == TLS_KEY &&
	    (r = ca_identity_key_make(m->ca)) == BASE_OK)
		r = missing(m);
	if (r != BASE_OK || m->thing == DONE) {
		make_end(m, r);
		return;
	}
	if ((r = ask(m)) != BASE_OK)
		make_end(m, r);
}

/* ---- public -------------------------------------------------------------------------------- */

static struct make *
make_new(struct ca *ca, const char *root, uint32_t gen)
{
	struct make *m = base_alloc(sizeof(*m));

	m->ca = ca;
	snprintf(m->root, sizeof(m->root), "%s", root);
	m->gen = gen;
	base_buf_init(&m->spki, 0);
	base_buf_init(&m->tbs, 0);
	return m;
}

static void
make_begin(struct make *m, ca_done_fn *done, void *arg)
{
	struct ca_root row;
	enum base_err r = ca_store_root_get(m->ca->store, m->root, &row);

	m->done = done;
	m->arg = arg;
	if (r != BASE_OK) {
		make_end(m, r);
		return;
	}
	m->alg = row.alg;
	make_next(m);
}

void
ca_make_generation(struct ca *ca, const char *root, uint32_t gen,
    ca_done_fn *done, void *arg)
{
	make_begin(make_new(ca, root, gen), done, arg);
}

void
ca_make_own(struct ca *ca, uint32_t gen, bool tls, ca_done_fn *done, void *arg)
{
	struct make *m = make_new(ca, CA_MANAGEMENT, gen);

	m->order = true;
	m->tls = tls;
	make_begin(m, done, arg);
}

static enum base_err
init_root(struct ca *ca, enum wire_alg alg)
{
	struct ca_root row = { .alg = alg,
		.days = ca->conf->root_days,
		.current = 1 };
	struct base_span fleet = { (const uint8_t *)ca->conf->fleet,
		strlen(ca->conf->fleet) };
	struct ca_root old;
	enum base_err r = ca_store_root_get(ca->store, CA_MANAGEMENT, &old);

	if (r == BASE_OK && old.alg != alg)
		return base_fail(BASE_E_EXISTS,
		    "init: the management root is "
		    "made already, with %s keys",
		    wire_alg_name(old.alg));
	if (r != BASE_E_NOTFOUND)
		return r;
	memcpy(row.name, CA_MANAGEMENT, sizeof(CA_MANAGEMENT));
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_meta_put(ca->store, "fleet", fleet)) == BASE_OK &&
	    (r = ca_store_root_put(ca->store, &row)) == BASE_OK &&
	    (r = ca_audit(ca, CA_NODE_CA, "init", "fleet %s",
		 ca->conf->fleet)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	return r;
}

void
ca_make_init(struct ca *ca, enum wire_alg alg, ca_done_fn *done, void *arg)
{
	struct make *m = make_new(ca, CA_MANAGEMENT, 1);
	enum base_err r;

	m->done = done;
	m->arg = arg;
	m->alg = alg;
	m->order = m->tls = true;
	if ((r = init_root(ca, alg)) != BASE_OK) {
		make_end(m, r);
		return;
	}
	make_next(m);
}

bool
ca_make_is_ready(struct ca *ca)
{
	struct base_buf b;
	bool yes;

	base_buf_init(&b, 0);
	yes = ca_identity_cert_get(ca, WIRE_CA_TLS, 1, &b) == BASE_OK;
	base_buf_free(&b);
	return yes;
}
