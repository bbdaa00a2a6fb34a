/* world: see world.h. No disk where it can be: syncing takes most of the time. */
#include "tests/unit/ca/world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ca/control.h"
#include "ca/topology.h"

static void
must(enum base_err e)
{
	ck_assert_msg(e == BASE_OK, "%s", base_why());
}

static unsigned
dice(struct world *w, unsigned sides)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (unsigned)(w->rng % sides);
}

static struct base_time
world_now(void *arg)
{
	return ((struct world *)arg)->now;
}

static struct base_mono
world_mono(void *arg)
{
	return ((struct world *)arg)->mono;
}

static void
world_event(void *arg, json_t *event)
{
	struct world *w = arg;
	const char *kind = json_string_value(json_object_get(event, "event"));

	if (strcmp(kind, "waits") == 0) {
		snprintf(w->waits, sizeof(w->waits), "%s",
		    json_string_value(json_object_get(event, "text")));
		w->told++;
	}
	w->events++;
	json_decref(event);
}

/* ---- opening ---------------------------------------------------------------- */

void
world_up(struct world *w)
{
	char path[128];

	w->ca = (struct ca){ .conf = &w->conf,
		.now = world_now,
		.mono = world_mono,
		.now_arg = w,
		.on_event = world_event,
		.on_event_arg = w,
		.unchecked = true,
		.hsm = hsm_fake_hsm(w->hsm) };
	snprintf(path, sizeof(path), "%s/kedged.db", w->dir);
	must(ca_store_open(path, &w->ca.store));
	must(ca_load(&w->ca));
}

void
world_down(struct world *w)
{
	ca_unload(&w->ca);
	ca_store_close(w->ca.store);
	w->ca.store = NULL;
}

void
world_restart(struct world *w)
{
	/* what was on its way to hsmd is lost with kedged, and leaks here: a
	 * killed process frees nothing; so it is answered instead */
	while (hsm_fake_turn(w->hsm) > 0)
		;
	world_down(w);
	world_up(w);
}

void
world_die(struct world *w)
{
	hsm_fake_drop(w->hsm);
	world_up(w);
}

static void
init_done(void *arg, enum base_err e)
{
	must(e);
	*(bool *)arg = true;
}

static void
ca_init(struct world *w)
{
	bool done = false;

	ca_make_init(&w->ca, WIRE_P256, init_done, &done);
	while (hsm_fake_turn(w->hsm) > 0)
		;
	ck_assert(done);
	must(ca_load(&w->ca));
	ck_assert(w->ca.ready);
}

struct put {
	struct world *w;
	struct ca_topology *t;
};

static enum base_err
put_topology(struct ca *ca, void *arg)
{
	struct put *p = arg;

	for (uint32_t i = 0; i < p->t->nnodes; i++) {
		const struct ca_topo_node *from = &p->t->nodes[i];
		struct ca_node n = { .reach = from->reach,
			.dual = from->dual,
			.shallow = from->shallow,
			.nvia = from->nvia };

		snprintf(n.name, CA_NAME, "%s", from->name);
		snprintf(n.address, sizeof(n.address), "127.0.0.1:1");
		for (uint32_t v = 0; v < from->nvia; v++)
			snprintf(n.via[v], CA_NAME, "%s",
			    p->t->nodes[from->via[v]].name);
		must(ca_store_node_put(ca->store, &n));
		snprintf(p->w->nodes[i].name, CA_NAME, "%s", n.name);
	}
	for (size_t i = 0; i < p->t->nlinks; i++) {
		const struct ca_topo_link *from = &p->t->links[i];
		struct ca_link l = { .client = "" };

		snprintf(l.client, CA_NAME, "%s",
		    p->t->nodes[from->client].name);
		snprintf(l.server, CA_NAME, "%s",
		    p->t->nodes[from->server].name);
		snprintf(l.server_root, CA_NAME, "%s",
		    p->t->roots[from->server_root].name);
		if (from->client_root != POL_NONE)
			snprintf(l.client_root, CA_NAME, "%s",
			    p->t->roots[from->client_root].name);
		must(ca_store_link_put(ca->store, &l));
	}
	return BASE_OK;
}

static void
topology_up(struct world *w, const char *text)
{
	struct put p = { w, NULL };
	bool done;

	must(ca_topology_parse("test",
	    (struct base_span){ (const uint8_t *)text, strlen(text) }, &p.t));
	for (uint32_t i = 0; i < p.t->nroots; i++) {
		done = false;
		must(ca_fleet_root_put(&w->ca, p.t->roots[i].name, WIRE_P256,
		    3650));
		ca_make_generation(&w->ca, p.t->roots[i].name, 1, init_done,
		    &done);
		while (hsm_fake_turn(w->hsm) > 0)
			;
		ck_assert(done);
	}
	ck_assert_uint_le(p.t->nnodes, WORLD_NODES);
	w->nnodes = p.t->nnodes;
	must(ca_fleet_change(&w->ca, put_topology, &p));
	ca_topology_free(p.t);
}

void
world_open(struct world *w, const char *text, uint64_t seed)
{
	const struct base_time january = { INT64_C(1767225600000) };

	world_open_at(w, text, seed, january);
}

void
world_open_at(struct world *w, const char *text, uint64_t seed,
    struct base_time now)
{
	memset(w, 0, sizeof(*w));
	world_dir_make(w);
	w->now = now;
	world_seed(w, seed);
	w->hsm = hsm_fake_new();
	w->conf = (struct ca_conf){ .state_dir = w->dir,
		.resend_ms = 1000,
		.resend_max_ms = 8000,
		.poll_wait_ms = 5000,
		.retry_ms = 500,
		.order_s = 86400,
		.canary_s = 600,
		.backdate_s = 60,
		.root_days = 7320,
		.node_days = 397,
		.failure_limit = 3 };
	w->conf.listen = base_strdup("127.0.0.1:7443");
	snprintf(w->conf.fleet, CA_NAME, "demo");
	world_up(w);
	ca_init(w);
	topology_up(w, text);
}

void
world_close(struct world *w)
{
	char cmd[128];

	while (hsm_fake_turn(w->hsm) > 0)
		;
	world_down(w);
	hsm_fake_free(w->hsm);
	for (size_t i = 0; i < w->nnodes; i++) {
		world_own_clear(&w->nodes[i]);
		EVP_PKEY_free(w->nodes[i].management);
		EVP_PKEY_free(w->nodes[i].key);
		X509_free(w->nodes[i].cert);
		base_buf_free(&w->nodes[i].report);
		base_buf_free(&w->nodes[i].last);
		wire_parcel_clear(&w->nodes[i].late);
	}
	free(w->conf.listen);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", w->dir);
	ck_assert_int_eq(system(cmd), 0);
}

struct world_node *
world_node(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->nnodes; i++)
		if (strcmp(w->nodes[i].name, name) == 0)
			return &w->nodes[i];
	ck_abort_msg("no node %s", name);
}

/* ---- does everybody authenticate? ------------------------------------------------ */

static void
direction(struct world *w, const char *presenter, const char *verifier,
    bool bridged)
{
	const struct world_node *p = world_node(w, presenter);
	const struct world_node *v = world_node(w, verifier);
	uint64_t shown = p->conf.present | (bridged ? p->conf.bridge : 0);

	if (p->excused || v->excused)
		return;
	if (p->joined && v->joined && p->highest > 0 && v->highest > 0)
		ck_assert_msg((shown & v->conf.trust) != 0,
		    "%s shows %jx to %s, which trusts %jx", presenter,
		    (uintmax_t)shown, verifier, (uintmax_t)v->conf.trust);
	if (p->joined && p->leaf_to.ms != 0)
		ck_assert_msg(w->now.ms < p->leaf_to.ms,
		    "%s shows %s an expired certificate", presenter, verifier);
}

void
world_links_hold(struct world *w)
{
	for (size_t i = 0; i < w->ca.topo->nlinks; i++) {
		const struct ca_link *l = &w->ca.topo->links[i];
		const uint32_t server = ca_topo_node(w->ca.topo, l->server);

		direction(w, l->server, l->client, false);
		if (l->client_root[0] != '\0')
			direction(w, l->client, l->server,
			    !w->ca.topo->nodes[server].shallow);
	}
}

/* ---- agents ------------------------------------------------------------------------- */

static void
inventory_fill(struct wire_inventory *v, const char *root, uint64_t highest,
    const struct pol_conf *conf)
{
	snprintf(v->root, CA_NAME, "%s", root);
	v->highest = highest;
	v->trust = conf->trust;
	for (uint32_t g = 1; g <= 64; g++)
		if (conf->present == POL_GEN(g))
			v->cert = g;
	v->bridging = conf->bridge != 0;
}

/* The order's root first. */
void
world_report_fill(struct world *w, struct world_node *n,
    const struct ca_order *o, struct wire_report *r)
{
	const bool own = strcmp(o->root, CA_MANAGEMENT) == 0;

	memset(r, 0, sizeof(*r));
	snprintf(r->fleet, CA_NAME, "demo");
	snprintf(r->node, CA_NAME, "%s", n->name);
	snprintf(r->root, CA_NAME, "%s", o->root);
	r->roll = o->roll;
	r->epoch = o->epoch;
	memcpy(r->order_digest, o->digest, 32);
	r->status = WIRE_EFFECTIVE;
	r->proof = WIRE_PROOF_PROBE;
	r->at.ms = w->now.ms - w->now.ms % 1000;
	r->number = (uint64_t)w->now.ms;
	inventory_fill(&r->inventory[r->ninventory++], o->root, o->epoch,
	    own ? &n->own.conf : &n->conf);
	if (own && n->highest > 0)
		inventory_fill(&r->inventory[r->ninventory++], "plant",
		    n->highest, &n->conf);
	else if (!own && n->own.highest > 0)
		inventory_fill(&r->inventory[r->ninventory++], CA_MANAGEMENT,
		    n->own.highest, &n->own.conf);
}

void
world_report(struct world *w, struct world_node *n, const struct wire_report *r,
    struct base_buf *cms)
{
	struct base_buf der;

	(void)w;
	base_buf_init(&der, 0);
	must(wire_report_compose(r, &der));
	wire_digest(base_buf_span(&der),
	    strcmp(r->root, CA_MANAGEMENT) == 0 ? n->own.report_digest
						: n->report_digest);
	must(wire_cms_sign(WIRE_C_REPORT, base_buf_span(&der), n->cert,
	    n->management, NULL, cms));
	base_buf_free(&der);
}

/* The certificate in an order becomes the node's. */
static void
agent_leaf(struct world_node *n, const struct wire_order *o)
{
	bool renews = wire_step_renews(o->steps, o->from, o->to);
	struct base_time from;

	if (o->cert == NULL)
		return;
	world_key_use(n, o);
	must(ca_issue_dates(o->cert, &from, &n->leaf_to));
	n->renewals += renews;
	if (renews)
		ck_assert_uint_eq(n->conf.present, POL_GEN(o->to));
}

static void
agent_apply(struct world *w, struct world_node *n, const struct wire_order *o,
    const uint8_t digest[32])
{
	struct ca_order row = { .steps = o->steps,
		.from = o->from,
		.to = o->to,
		.bridge = o->bridge,
		.roll = o->roll,
		.epoch = o->epoch };
	struct wire_report r;

	memcpy(row.digest, digest, 32);
	memcpy(row.root, o->root, CA_NAME);
	if (n->slow || n->holds != NULL) {
		world_report_fill(w, n, &row, &r);
		r.status = n->slow ? WIRE_RECEIVED : WIRE_HELD;
		if (n->holds != NULL)
			snprintf(r.reason, sizeof(r.reason), "%s", n->holds);
		base_buf_clear(&n->report);
		world_report(w, n, &r, &n->report);
		return;
	}
	n->highest = o->epoch;
	/* somebody has to vouch for the new root */
	if ((o->steps & WIRE_STEP_TRUST) != 0 &&
	    (o->steps & WIRE_STEP_JOIN) == 0)
		ck_assert_uint_ne(n->conf.trust &
			(POL_GEN(o->from) | POL_GEN(o->to)),
		    0);
	if (!n->fails && !n->stale) {
		n->conf = ca_conf_after(n->conf, &row);
		agent_leaf(n, o);
		n->orders++;
		n->tidies += (o->steps & WIRE_STEP_TIDY) != 0;
	}
	world_report_fill(w, n, &row, &r);
	if (n->fails) {
		r.status = WIRE_FAILED;
		snprintf(r.reason, sizeof(r.reason), "told to");
	} else if (n->stale) {
		r.status = WIRE_STALE;
		snprintf(r.reason, sizeof(r.reason), "canary expired");
	}
	world_answer(w, n, o, &r, &n->report);
	base_buf_clear(&n->last);
	must(base_buf_put(&n->last, n->report.p, n->report.n));
	world_links_hold(w);
}

void
world_order(struct world *w, struct world_node *n, struct base_span cms)
{
	STACK_OF(X509) *trust = world_own_trust(n);
	struct wire_signer s = { .cert = NULL };
	struct ca_order row = { .epoch = 0 };
	struct wire_order o;
	struct base_buf der;
	uint8_t digest[32];

	base_buf_init(&der, 0);
	/* an old one in a mailbox: it is signed again */
	if (wire_cms_verify(WIRE_C_ORDER, cms, trust, w->now, &der, &s) !=
	    BASE_OK) {
		w->disbelieved++;
		goto out;
	}
	must(wire_order_parse(base_buf_span(&der), &o));
	wire_digest(base_buf_span(&der), digest);
	ck_assert_str_eq(o.node, n->name);
	if (strcmp(o.root, CA_MANAGEMENT) == 0 && o.epoch > n->own.highest) {
		row = (struct ca_order){ .steps = o.steps,
			.from = o.from,
			.to = o.to,
			.roll = o.roll,
			.epoch = o.epoch };
		memcpy(row.digest, digest, 32);
		memcpy(row.root, o.root, CA_NAME);
		world_own_apply(w, n, &o, &row);
	} else if (strcmp(o.root, CA_MANAGEMENT) != 0 && o.epoch > n->highest) {
		agent_apply(w, n, &o, digest);
	} else if (w->old && o.epoch == n->highest && n->report.n == 0 &&
	    strcmp(o.root, CA_MANAGEMENT) != 0) {
		must(base_buf_put(&n->report, n->last.p, n->last.n));
	}
	wire_order_clear(&o);
out:
	wire_signer_clear(&s);
	base_buf_free(&der);
	sk_X509_free(trust);
}

static void
agent_ack(struct world *w, struct world_node *n, struct base_span cms)
{
	STACK_OF(X509) *trust = world_own_trust(n);
	struct wire_signer s = { .cert = NULL };
	struct wire_ack a;
	struct base_buf der;

	base_buf_init(&der, 0);
	if (wire_cms_verify(WIRE_C_ACK, cms, trust, w->now, &der, &s) !=
	    BASE_OK) {
		w->disbelieved++;
		goto out;
	}
	must(wire_ack_parse(base_buf_span(&der), &a));
	if (memcmp(a.report_digest, n->report_digest, 32) == 0)
		base_buf_clear(&n->report);
	if (memcmp(a.report_digest, n->own.report_digest, 32) == 0)
		base_buf_clear(&n->own.report);
out:
	wire_signer_clear(&s);
	base_buf_free(&der);
	sk_X509_free(trust);
}

static void
agent_parcel(struct world *w, const struct wire_parcel *p)
{
	struct world_node *n = world_node(w, p->route[p->nroute - 1]);

	if (n->deaf || !n->joined)
		return;
	for (size_t i = 0; w->dead_relay != NULL && i + 1 < p->nroute; i++)
		if (strcmp(p->route[i], w->dead_relay) == 0)
			return;
	n->by.n = p->nroute;
	memcpy(n->by.hop, p->route, sizeof(n->by.hop));
	if (p->kind == WIRE_P_ORDER)
		world_order(w, n, base_buf_span(&p->content));
	else if (p->kind == WIRE_P_ACK)
		agent_ack(w, n, base_buf_span(&p->content));
}

/* ---- turns ------------------------------------------------------------------------------ */

/* A relay keeps the newest order of each node. */
static bool
keep_late(struct world *w, struct wire_parcel *p)
{
	struct world_node *n = world_node(w, p->route[p->nroute - 1]);

	if (p->kind != WIRE_P_ORDER || dice(w, 100) >= w->late)
		return false;
	wire_parcel_clear(&n->late);
	n->late = *p;
	memset(p, 0, sizeof(*p));
	return true;
}

static void
carry_late(struct world *w)
{
	for (size_t i = 0; i < w->nnodes; i++) {
		struct world_node *n = &w->nodes[i];

		if (n->late.nroute == 0 || dice(w, 100) >= 2)
			continue;
		agent_parcel(w, &n->late);
		wire_parcel_clear(&n->late);
	}
}

static void
carry_down(struct world *w)
{
	struct wire_parcel *list = NULL;
	size_t n =
	    ca_deliver_collect(w->ca.deliver, w->mono, NULL, 1 << 20, &list);

	for (size_t i = 0; i < n; i++) {
		bool lost = dice(w, 100) < w->loss || keep_late(w, &list[i]);

		if (!lost)
			agent_parcel(w, &list[i]);
		if (!lost && dice(w, 100) < w->repeat)
			agent_parcel(w, &list[i]);
		wire_parcel_clear(&list[i]);
	}
	free(list);
}

static void
carry_report(struct world *w, struct world_node *n, struct base_buf *report)
{
	const struct ca_route *up = n->by.n > 0 ? &n->by : NULL;

	if (report->n == 0 || dice(w, 100) < w->loss)
		return;
	if (w->old &&
	    ca_report_in(&w->ca, base_buf_span(report), up) != BASE_OK)
		base_log(BASE_INFO, "%s", base_why());
	if (w->old)
		return;
	must(ca_report_in(&w->ca, base_buf_span(report), up));
	if (dice(w, 100) < w->repeat)
		must(ca_report_in(&w->ca, base_buf_span(report), NULL));
}

static void
carry_up(struct world *w)
{
	for (size_t i = 0; i < w->nnodes; i++) {
		struct world_node *n = &w->nodes[i];

		if (n->deaf)
			continue;
		carry_report(w, n, &n->report);
		carry_report(w, n, &n->own.report);
	}
}

void
world_turn(struct world *w)
{
	w->now.ms += 50;
	w->mono.ms += 50;
	ca_work(&w->ca);
	hsm_fake_turn(w->hsm);
	carry_late(w);
	carry_down(w);
	carry_up(w);
}

bool
world_run(struct world *w, int seconds, bool (*done)(struct world *))
{
	for (int i = 0; i < seconds * 20; i++) {
		if (done(w))
			return true;
		world_turn(w);
	}
	return done(w);
}
