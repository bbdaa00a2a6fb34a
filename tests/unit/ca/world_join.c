/*
 * world_join: fleets, nodes that join, rolls that start; see world.h.
 */
#include "tests/unit/ca/world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char world_pair[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; } );\n";

const char world_fleet[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"push\"; via = [ \"app3\" ]; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ];\n"
    "    dual = true; },\n"
    "  { name = \"app3\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app6\"; reach = \"poll\"; via = [ \"web2\" ]; },\n"
    "  { name = \"lone\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web2\"; root = \"plant\"; },\n"
    "  { client = \"app6\"; server = \"web2\"; auth = \"server\";\n"
    "    root = \"plant\"; },\n"
    "  { client = \"app6\"; server = \"lone\"; auth = \"server\";\n"
    "    root = \"plant\"; } );\n";

static void
must(enum base_err e)
{
	ck_assert_msg(e == BASE_OK, "%s", base_why());
}

struct joining {
	struct world *w;
	struct world_node *n;
	struct wire_token token;
	struct base_buf answer;
	enum base_err err;
};

static void
token_done(void *arg, enum base_err e, const char *text, struct base_time end)
{
	(void)end;
	must(e);
	must(wire_token_parse((struct base_span){ (const uint8_t *)text,
				  strlen(text) },
	    arg));
}

static void
join_done(void *arg, enum base_err e, struct base_span answer)
{
	struct joining *a = arg;

	a->err = e;
	must(base_buf_put(&a->answer, answer.p, answer.n));
}

/* Of its links; a node of the world takes part in one. */
static const char *
root_of(const struct world *w, const char *node)
{
	const struct ca_topo *t = w->ca.topo;

	for (uint32_t i = 0; i < t->nroots; i++)
		if (strcmp(t->roots[i].name, CA_MANAGEMENT) != 0 &&
		    pol_graph_steps(t->graph, i, ca_topo_node(t, node)) != 0)
			return t->roots[i].name;
	return "plant";
}

static void
join_request(struct joining *a, struct base_buf *der)
{
	struct wire_join_request q = { .nroots = 1 };

	memcpy(q.fleet, a->token.fleet, CA_NAME);
	memcpy(q.node, a->token.node, CA_NAME);
	memcpy(q.secret, a->token.secret, 16);
	snprintf(q.roots[0].root, CA_NAME, "%s", root_of(a->w, q.node));
	must(wire_csr_make(a->n->management, q.fleet, q.node,
	    &q.management_csr));
	must(wire_csr_make(a->n->key, q.fleet, q.node, &q.roots[0].csr));
	must(wire_join_request_compose(&q, der));
	wire_join_request_clear(&q);
}

/* The node's identity comes first. */
static void
join_own(struct joining *a, struct base_span cms)
{
	STACK_OF(X509) *trust = world_own_trust(a->n);
	struct wire_signer s = { .cert = NULL };
	struct wire_order o;
	struct base_buf der;

	base_buf_init(&der, 0);
	must(wire_cms_verify(WIRE_C_ORDER, cms, trust, a->w->now, &der, &s));
	must(wire_order_parse(base_buf_span(&der), &o));
	if (strcmp(o.root, CA_MANAGEMENT) == 0)
		world_order(a->w, a->n, cms);
	wire_order_clear(&o);
	wire_signer_clear(&s);
	base_buf_free(&der);
	sk_X509_free(trust);
}

/* The answer's root is known by the token, and verifies the answer. */
static void
join_root(struct joining *a, X509 *root)
{
	struct wire_signer s = { .cert = NULL };
	STACK_OF(X509) *trust = sk_X509_new_null();
	struct base_buf der;
	uint8_t sum[32];
	uint32_t g = 1;
	X509 *x;

	wire_x509_sha256(root, sum);
	ck_assert_mem_eq(sum, a->token.root_sha256, sizeof(sum));
	ck_assert_int_gt(sk_X509_push(trust, root), 0);
	base_buf_init(&der, 0);
	must(wire_cms_verify(WIRE_C_JOIN_ANSWER, base_buf_span(&a->answer),
	    trust, a->w->now, &der, &s));
	wire_signer_clear(&s);
	base_buf_free(&der);
	sk_X509_free(trust);
	while (ca_issuer_root(&a->w->ca, CA_MANAGEMENT, g, &x) == BASE_OK &&
	    X509_cmp(x, root) != 0)
		g++;
	ck_assert_uint_lt(g, WORLD_GENERATIONS);
	X509_up_ref(root);
	X509_free(a->n->own.root[g]);
	a->n->own.root[g] = root;
	a->n->own.conf.trust = POL_GEN(g);
}

static void
join_take(struct joining *a)
{
	struct wire_signer s = { .cert = NULL };
	struct wire_join_answer j;
	struct base_buf der;

	base_buf_init(&der, 0);
	must(wire_cms_verify(WIRE_C_JOIN_ANSWER, base_buf_span(&a->answer),
	    a->w->ca.management, a->w->now, &der, &s));
	must(wire_join_answer_parse(base_buf_span(&der), &j));
	join_root(a, j.management_root);
	for (size_t i = 0; i < j.norders; i++)
		join_own(a, base_buf_span(&j.order[i]));
	ck_assert_ptr_nonnull(a->n->cert);
	a->n->joined = true;
	for (size_t i = 0; i < j.norders; i++)
		world_order(a->w, a->n, base_buf_span(&j.order[i]));
	wire_join_answer_clear(&j);
	wire_signer_clear(&s);
	base_buf_free(&der);
}

void
world_forget(struct world *w, const char *node)
{
	struct world_node *n = world_node(w, node);

	EVP_PKEY_free(n->management);
	EVP_PKEY_free(n->key);
	EVP_PKEY_free(n->next);
	n->next = NULL;
	X509_free(n->cert);
	n->management = n->key = NULL;
	n->cert = NULL;
	world_own_clear(n);
	n->joined = false;
	n->highest = 0;
	memset(&n->conf, 0, sizeof(n->conf));
	base_buf_clear(&n->report);
	n->leaf_to.ms = n->management_to.ms = 0;
}

void
world_token(struct world *w, const char *name, struct wire_token *out)
{
	ca_token_make(&w->ca, name, 3600, token_done, out);
	while (hsm_fake_turn(w->hsm) > 0)
		;
}

void
world_join(struct world *w, const char *name)
{
	struct wire_token t;

	world_token(w, name, &t);
	must(world_join_by(w, name, &t));
}

enum base_err
world_join_by(struct world *w, const char *name, const struct wire_token *t)
{
	struct joining a = { w, world_node(w, name), *t, { .n = 0 },
		BASE_E_AGAIN };
	struct base_buf der;

	base_buf_init(&der, 0);
	base_buf_init(&a.answer, 0);
	must(wire_key_make(WIRE_P256, &a.n->management));
	must(wire_key_make(WIRE_P256, &a.n->key));
	join_request(&a, &der);
	ca_join_request(&w->ca, base_buf_span(&der), join_done, &a);
	while (hsm_fake_turn(w->hsm) > 0)
		;
	if (a.err == BASE_OK)
		join_take(&a);
	base_buf_free(&a.answer);
	base_buf_free(&der);
	return a.err;
}

bool
world_rolled(struct world *w)
{
	if (w->ca.rolls != NULL || w->ca.tidy_wanted || w->ca.tidying ||
	    ca_deliver_due(w->ca.deliver, NULL).ms != INT64_MAX)
		return false;
	if (w->ca.self_look || w->ca.self_busy || w->ca.resign_wanted ||
	    w->ca.resigning)
		return false;
	for (size_t i = 0; i < w->nnodes; i++)
		if (w->nodes[i].report.n > 0 || w->nodes[i].own.report.n > 0)
			return false;
	return true;
}

const char world_relayed[] =
    "roots = ( { name = \"plant\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"web2\"; reach = \"push\"; via = [ \"app3\" ]; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ];\n"
    "    dual = true; },\n"
    "  { name = \"app3\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app6\"; reach = \"poll\"; via = [ \"web2\" ]; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web1\"; root = \"plant\"; },\n"
    "  { client = \"app3\"; server = \"web2\"; root = \"plant\"; },\n"
    "  { client = \"app6\"; server = \"web2\"; auth = \"server\";\n"
    "    root = \"plant\"; } );\n";

bool
world_recovers(struct world *w)
{
	return w->ca.recovery.stage != CA_RECOVERY_NONE;
}

void
world_let_go(struct world *w)
{
	for (struct ca_roll *r = w->ca.rolls; r != NULL; r = r->next)
		if (r->row.state == CA_ROLL_PAUSED &&
		    ca_recover_made(&w->ca, r->row.id))
			must(ca_roll_pause(&w->ca, r->row.root, false, "test"));
}

bool
world_settled(struct world *w)
{
	world_let_go(w);
	return !world_recovers(w) && !w->ca.unchecked && world_rolled(w);
}

void
world_days(struct world *w, unsigned days)
{
	for (unsigned i = 0; i < days; i++) {
		w->now.ms += INT64_C(86400000);
		w->mono.ms += INT64_C(86400000);
		for (unsigned k = 0; k < 200 && (k < 4 || !world_rolled(w));
		     k++)
			world_turn(w);
		world_links_hold(w);
	}
}

void
world_join_all(struct world *w)
{
	for (size_t i = 0; i < w->nnodes; i++)
		world_join(w, w->nodes[i].name);
	ck_assert(world_run(w, 60, world_rolled));
}

static void
roll_done(void *arg, enum base_err e, const struct ca_roll_row *row)
{
	must(e);
	*(uint64_t *)arg = row->id;
}

void
world_roll(struct world *w, const char *root)
{
	struct ca_roll_row want = { .strategy = POL_MINIMAL };

	snprintf(want.root, CA_NAME, "%s", root);
	world_roll_as(w, &want);
}

void
world_roll_as(struct world *w, const struct ca_roll_row *want)
{
	json_t *problems = json_array();
	uint64_t id = 0;

	must(ca_roll_check(&w->ca, want->root, problems));
	ck_assert_msg(json_array_size(problems) == 0, "%s",
	    json_string_value(json_array_get(problems, 0)));
	json_decref(problems);
	ca_roll_start(&w->ca, want, roll_done, &id);
	while (hsm_fake_turn(w->hsm) > 0)
		;
	ck_assert_uint_ne(id, 0);
}

/* ---- copies of kedged's store ------------------------------------------------ */

static void
copy(const struct world *w, const char *from, const char *to)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd),
	    "mkdir -p '%s/%s' && cp -p '%s/%s'/* '%s/%s' 2>/dev/null; true",
	    w->dir, to, w->dir, from, w->dir, to);
	ck_assert_int_eq(system(cmd), 0);
}

void
world_backup(struct world *w, const char *name)
{
	/* nothing is being written just now: database and log fit */
	copy(w, ".", name);
}

void
world_restore(struct world *w, const char *name)
{
	char cmd[128];

	while (hsm_fake_turn(w->hsm) > 0)
		;
	ca_unload(&w->ca);
	ca_store_close(w->ca.store);
	snprintf(cmd, sizeof(cmd), "rm -f '%s'/kedged.db*", w->dir);
	ck_assert_int_eq(system(cmd), 0);
	copy(w, name, ".");
	w->old = true;
	world_die(w);
}
