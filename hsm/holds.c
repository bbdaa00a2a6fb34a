/*
 * holds: see the header. Called by state.c, req_orders.c, req_proofs.c and
 * judge.c.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"
#include "wire/msg.h"

/* ---- topology --------------------------------------------------------------- */

static const char *
state_root(struct hsm_state *s, const char *name)
{
	for (size_t i = 0; i < s->nroots; i++)
		if (strcmp(s->roots[i], name) == 0)
			return s->roots[i];
	s->roots =
	    base_realloc_array(s->roots, s->nroots + 1, sizeof(*s->roots));
	s->roots[s->nroots] = base_strdup(name);
	return s->roots[s->nroots++];
}

/* Names have no NUL, so the parts cannot run into each other. */
static void
link_hash(const struct hsm_link_names *l, uint8_t out[HSM_HASH])
{
	const char *const part[] = { l->client, l->server, l->client_root,
		l->server_root };
	uint8_t text[4 * (BASE_NAME_MAX + 1)];
	size_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		memcpy(text + n, part[i], strlen(part[i]) + 1);
		n += strlen(part[i]) + 1;
	}
	hsm_sha256((struct base_span){ text, n }, out);
}

struct hsm_link *
hsm_link_get(const struct hsm_state *s, const struct hsm_link_names *l)
{
	uint8_t h[HSM_HASH];

	link_hash(l, h);
	return hsm_map_get(&s->links, h);
}

static void
list_add(struct hsm_link ***list, size_t *n, struct hsm_link *l)
{
	/* room doubles: full when the number is a power of two */
	if ((*n & (*n - 1)) == 0)
		*list = base_realloc_array(*list, *n == 0 ? 1 : 2 * *n,
		    sizeof(**list));
	(*list)[(*n)++] = l;
}

static void
list_drop(struct hsm_link **list, size_t *n, const struct hsm_link *l)
{
	for (size_t i = *n; i-- > 0;)
		if (list[i] == l) {
			list[i] = list[--*n];
			return;
		}
}

static void
link_add(struct hsm_state *s, const struct hsm_link_names *names)
{
	struct hsm_link *l;
	uint8_t h[HSM_HASH];

	if (hsm_link_get(s, names) != NULL)
		return;
	l = base_alloc(sizeof(*l));
	l->client = hsm_state_node_make(s, names->client);
	l->server = hsm_state_node_make(s, names->server);
	l->client_root = state_root(s, names->client_root);
	l->server_root = state_root(s, names->server_root);
	list_add(&l->client->as_client, &l->client->nas_client, l);
	list_add(&l->server->as_server, &l->server->nas_server, l);
	link_hash(names, h);
	hsm_map_put(&s->links, h, l);
}

static void
link_drop(struct hsm_state *s, struct hsm_link *l)
{
	const struct hsm_link_names names = { l->client->name, l->server->name,
		l->client_root, l->server_root };
	uint8_t h[HSM_HASH];

	list_drop(l->client->as_client, &l->client->nas_client, l);
	list_drop(l->server->as_server, &l->server->nas_server, l);
	link_hash(&names, h);
	hsm_map_remove(&s->links, h);
	free(l);
}

enum base_err
hsm_apply_link(struct hsm_state *s, struct base_buf *b)
{
	char client[BASE_NAME_MAX + 1], server[BASE_NAME_MAX + 1];
	char client_root[BASE_NAME_MAX + 1], server_root[BASE_NAME_MAX + 1];
	const struct hsm_link_names names = { client, server, client_root,
		server_root };
	struct hsm_link *l;
	uint8_t word = 0;
	enum base_err e;

	if ((e = hsm_get_name(b, client, false)) != BASE_OK ||
	    (e = hsm_get_name(b, server, false)) != BASE_OK ||
	    (e = hsm_get_name(b, client_root, true)) != BASE_OK ||
	    (e = hsm_get_name(b, server_root, false)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &word)) != BASE_OK)
		return e;
	if (word == HSM_LINK_TOLD)
		link_add(s, &names);
	else if ((l = hsm_link_get(s, &names)) != NULL)
		link_drop(s, l);
	return BASE_OK;
}

enum base_err
hsm_apply_node(struct hsm_state *s, struct base_buf *b)
{
	char name[BASE_NAME_MAX + 1];
	struct hsm_node *n;
	uint8_t dual = 0, shallow = 0;
	enum base_err e;

	if ((e = hsm_get_name(b, name, false)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &dual)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &shallow)) != BASE_OK)
		return e;
	n = hsm_state_node_make(s, name);
	n->dual = dual != 0;
	n->shallow = shallow != 0;
	return BASE_OK;
}

/* ---- what nodes hold ------------------------------------------------------------ */

struct hsm_held *
hsm_held_get(const struct hsm_node *n, const char *root)
{
	for (size_t i = 0; i < n->nheld; i++)
		if (strcmp(n->held[i].root, root) == 0)
			return &n->held[i];
	return NULL;
}

static struct hsm_held *
held_make(struct hsm_state *s, struct hsm_node *n, const char *root)
{
	struct hsm_held *h = hsm_held_get(n, root);

	if (h != NULL)
		return h;
	n->held = base_realloc_array(n->held, n->nheld + 1, sizeof(*n->held));
	h = &n->held[n->nheld++];
	memset(h, 0, sizeof(*h));
	h->root = state_root(s, root);
	return h;
}

bool
hsm_is_excused(const struct hsm_node *n, const char *root)
{
	const struct hsm_held *h = hsm_held_get(n, root);

	return h != NULL && h->excused;
}

enum base_err
hsm_apply_excuse(struct hsm_state *s, struct base_buf *b)
{
	char name[BASE_NAME_MAX + 1], root[BASE_NAME_MAX + 1];
	uint8_t excused = 0;
	enum base_err e;

	if ((e = hsm_get_name(b, name, false)) != BASE_OK ||
	    (e = hsm_get_name(b, root, false)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &excused)) != BASE_OK)
		return e;
	held_make(s, hsm_state_node_make(s, name), root)->excused =
	    excused != 0;
	return BASE_OK;
}

const struct hsm_event *
hsm_held_event(const struct hsm_held *h, uint64_t epoch,
    const uint8_t digest[HSM_HASH])
{
	for (size_t i = 0; h != NULL && i < h->nevents; i++)
		if (h->event[i].epoch == epoch &&
		    memcmp(h->event[i].digest, digest, HSM_HASH) == 0)
			return &h->event[i];
	return NULL;
}

/* The same step again can do no more than the last one could. */
static bool
event_is_same(const struct hsm_held *h, const struct hsm_order *o)
{
	const struct hsm_event *v;

	if (h->nevents == 0)
		return false;
	v = &h->event[h->nevents - 1];
	return v->steps == o->steps && v->from == o->from && v->to == o->to &&
	    memcmp(v->key, o->key, HSM_HASH) == 0;
}

static uint64_t
held_newest(const struct hsm_held *h)
{
	return h->nevents > 0 ? h->event[h->nevents - 1].epoch : h->epoch;
}

enum base_err
hsm_holds_room(const struct hsm_node *n, const struct hsm_order *o)
{
	const struct hsm_held *h = hsm_held_get(n, o->root);

	if (h == NULL || hsm_held_event(h, o->epoch, o->digest) != NULL)
		return BASE_OK;
	/* the newest epoch once more: kedged died before it stored the first */
	if (o->epoch < held_newest(h) || o->epoch <= h->epoch)
		return base_fail(BASE_E_EXISTS,
		    "order %llu for %s, root %s: order %llu was signed before",
		    (unsigned long long)o->epoch, o->node, o->root,
		    (unsigned long long)held_newest(h));
	if (h->nevents == HSM_EVENTS && !event_is_same(h, o) &&
	    !(o->steps & WIRE_STEP_JOIN))
		return base_fail(BASE_E_STATE,
		    "order %llu for %s, root %s: %d orders wait for its "
		    "report; it must answer one of them, or join again",
		    (unsigned long long)o->epoch, o->node, o->root, HSM_EVENTS);
	return BASE_OK;
}

void
hsm_holds_sent(struct hsm_state *s, const struct hsm_order *o)
{
	struct hsm_node *n = hsm_state_node(s, o->node);
	struct hsm_held *h;
	struct hsm_event *v;

	if (n == NULL)
		return; /* has left since */
	h = held_make(s, n, o->root);
	if (o->epoch <= h->epoch || o->epoch < held_newest(h) ||
	    hsm_held_event(h, o->epoch, o->digest) != NULL)
		return;
	if (event_is_same(h, o)) {
		h->nevents--;
	} else if (h->nevents == HSM_EVENTS) {
		/* nobody knows any more until it has joined */
		h->known = false;
		h->nevents = 0;
	}
	h->event =
	    base_realloc_array(h->event, h->nevents + 1, sizeof(*h->event));
	v = &h->event[h->nevents++];
	*v = (struct hsm_event){ .epoch = o->epoch,
		.steps = o->steps,
		.from = o->from,
		.to = o->to };
	memcpy(v->digest, o->digest, HSM_HASH);
	memcpy(v->key, o->key, HSM_HASH);
}

struct pol_conf
hsm_event_after(struct pol_conf c, const struct hsm_event *v)
{
	if ((v->steps & WIRE_STEP_JOIN) != 0)
		c = (struct pol_conf){
			.trust = v->from == 0 ? 0 : POL_GEN(v->from)
		};
	if ((v->steps & WIRE_STEP_TRUST) != 0)
		c.trust |= POL_GEN(v->to);
	if ((v->steps & WIRE_STEP_CERT) != 0)
		c.present = POL_GEN(v->to);
	if ((v->steps & WIRE_STEP_FINISH) != 0 && c.trust != 0)
		c.trust = POL_GEN(v->to);
	return c;
}

/* Two orders may have one epoch: which of them it was, the digest says. */
static bool
is_answered(const struct hsm_event *e, const struct hsm_proven *v)
{
	return e->epoch == v->epoch &&
	    memcmp(e->digest, v->order, HSM_HASH) == 0;
}

void
hsm_holds_proven(struct hsm_state *s, const struct hsm_proven *v)
{
	struct hsm_node *n = hsm_state_node(s, v->node);
	struct hsm_held *h;
	size_t gone = 0;

	if (n == NULL)
		return;
	h = held_make(s, n, v->root);
	if (h->known && v->epoch <= h->epoch)
		return;
	while (gone < h->nevents && h->event[gone].epoch <= v->epoch)
		if (is_answered(&h->event[gone++], v))
			hsm_rekey_proven(s, n, &h->event[gone - 1], v->root);
	h->nevents -= gone;
	if (h->nevents > 0)
		memmove(h->event, h->event + gone,
		    h->nevents * sizeof(*h->event));
	h->known = true;
	h->ndoubts = 0;
	h->conf = v->conf;
	h->epoch = v->epoch;
	memcpy(h->report, v->report, HSM_HASH);
}

void
hsm_holds_received(struct hsm_state *s, const struct hsm_received *v)
{
	struct hsm_node *n = hsm_state_node(s, v->node);
	struct hsm_held *h = n == NULL ? NULL : hsm_held_get(n, v->root);

	for (size_t i = 0; h != NULL && i < h->nevents; i++)
		if (h->event[i].epoch == v->epoch &&
		    memcmp(h->event[i].digest, v->digest, HSM_HASH) == 0)
			h->event[i].received = true;
}

static enum base_err
get_received(struct base_buf *b, struct hsm_received *v)
{
	enum base_err e;

	if ((e = hsm_get_name(b, v->node, false)) != BASE_OK ||
	    (e = hsm_get_name(b, v->root, false)) != BASE_OK ||
	    (e = base_buf_get_u64(b, &v->epoch)) != BASE_OK)
		return e;
	return hsm_get_bytes(b, v->digest, HSM_HASH);
}

enum base_err
hsm_apply_received(struct hsm_state *s, struct base_buf *b)
{
	struct hsm_received v;
	enum base_err e = get_received(b, &v);

	if (e == BASE_OK)
		hsm_holds_received(s, &v);
	return e;
}

/* For those who read the journal. */
enum base_err
hsm_apply_presumed(struct hsm_state *s, struct base_buf *b)
{
	struct hsm_received v;

	(void)s;
	return get_received(b, &v);
}

enum base_err
hsm_apply_order(struct hsm_state *s, struct base_buf *b)
{
	struct hsm_order o;
	enum base_err e;

	if ((e = hsm_get_name(b, o.node, false)) != BASE_OK ||
	    (e = hsm_get_name(b, o.root, false)) != BASE_OK ||
	    (e = base_buf_get_u64(b, &o.epoch)) != BASE_OK ||
	    (e = hsm_get_bytes(b, o.digest, HSM_HASH)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &o.steps)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &o.from)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &o.to)) != BASE_OK ||
	    (e = hsm_get_bytes(b, o.key, HSM_HASH)) != BASE_OK)
		return e;
	hsm_holds_sent(s, &o);
	s->orders++;
	return BASE_OK;
}

static enum base_err
get_conf(struct base_buf *b, struct pol_conf *c)
{
	enum base_err e;

	if ((e = base_buf_get_u64(b, &c->trust)) == BASE_OK &&
	    (e = base_buf_get_u64(b, &c->present)) == BASE_OK)
		e = base_buf_get_u64(b, &c->bridge);
	return e;
}

enum base_err
hsm_apply_holds(struct hsm_state *s, struct base_buf *b)
{
	struct hsm_proven v;
	enum base_err e;

	if ((e = hsm_get_name(b, v.node, false)) != BASE_OK ||
	    (e = hsm_get_name(b, v.root, false)) != BASE_OK ||
	    (e = base_buf_get_u64(b, &v.epoch)) != BASE_OK ||
	    (e = hsm_get_bytes(b, v.order, HSM_HASH)) != BASE_OK ||
	    (e = hsm_get_bytes(b, v.report, HSM_HASH)) != BASE_OK ||
	    (e = get_conf(b, &v.conf)) != BASE_OK)
		return e;
	hsm_holds_proven(s, &v);
	return BASE_OK;
}

enum base_err
hsm_apply_doubt(struct hsm_state *s, struct base_buf *b)
{
	char node[BASE_NAME_MAX + 1], root[BASE_NAME_MAX + 1];
	struct pol_conf c;
	struct hsm_held *h;
	struct hsm_node *n;
	enum base_err e;

	if ((e = hsm_get_name(b, node, false)) != BASE_OK ||
	    (e = hsm_get_name(b, root, false)) != BASE_OK ||
	    (e = get_conf(b, &c)) != BASE_OK)
		return e;
	if ((n = hsm_state_node(s, node)) == NULL ||
	    (h = hsm_held_get(n, root)) == NULL)
		return BASE_OK;
	if (h->ndoubts < HSM_DOUBTS)
		h->doubt[h->ndoubts++] = c;
	else
		h->known = false; /* anything is possible */
	return BASE_OK;
}

/* ---- questions about all of it ----------------------------------------------------- */

static bool
node_has_root(const struct hsm_node *n, const char *root)
{
	for (size_t i = 0; i < n->nas_client; i++)
		if (strcmp(n->as_client[i]->client_root, root) == 0 ||
		    strcmp(n->as_client[i]->server_root, root) == 0)
			return true;
	for (size_t i = 0; i < n->nas_server; i++)
		if (strcmp(n->as_server[i]->client_root, root) == 0 ||
		    strcmp(n->as_server[i]->server_root, root) == 0)
			return true;
	return false;
}

struct rolls {
	const struct hsm_core *core;
	const char *root;
	uint64_t generations;
	bool open;
};

/* Does it lead from one generation to another? */
static bool
event_moves(const struct hsm_event *v)
{
	return v->steps != 0 && (v->steps & WIRE_STEP_JOIN) == 0 &&
	    v->steps != WIRE_STEP_TIDY &&
	    !wire_step_renews(v->steps, v->from, v->to);
}

static void
rolls_node(void *arg, void *value)
{
	struct rolls *r = arg;
	const struct hsm_node *n = value;
	const struct hsm_held *h = hsm_held_get(n, r->root);

	if (h == NULL || !node_has_root(n, r->root) ||
	    hsm_excuse_counts(r->core, n, r->root))
		return;
	if (h->known)
		r->generations |=
		    h->conf.trust | h->conf.present | h->conf.bridge;
	for (size_t i = 0; i < h->nevents; i++)
		r->open = r->open || event_moves(&h->event[i]);
}

bool
hsm_root_rolls(const struct hsm_core *c, const char *root)
{
	struct rolls r = { .core = c, .root = root };

	hsm_map_each(&c->state.nodes, rolls_node, &r);
	return r.open || (r.generations & (r.generations - 1)) != 0;
}

struct sorted {
	uint8_t (*hash)[HSM_HASH];
	size_t n;
};

static void
digest_link(void *arg, void *value)
{
	struct sorted *t = arg;
	const struct hsm_link *l = value;
	const struct hsm_link_names names = { l->client->name, l->server->name,
		l->client_root, l->server_root };

	link_hash(&names, t->hash[t->n++]);
}

static void
digest_node(void *arg, void *value)
{
	struct sorted *t = arg;
	const struct hsm_node *n = value;
	const struct hsm_link_names dual = { n->name, "", "", "" };
	const struct hsm_link_names shallow = { "", n->name, "", "" };

	if (n->dual)
		link_hash(&dual, t->hash[t->n++]);
	if (n->shallow)
		link_hash(&shallow, t->hash[t->n++]);
}

static int
digest_cmp(const void *a, const void *b)
{
	return memcmp(a, b, HSM_HASH);
}

void
hsm_topology_digest(const struct hsm_state *s, uint8_t digest[HSM_HASH])
{
	struct sorted t = { NULL, 0 };

	t.hash = base_alloc((s->links.n + 2 * s->nodes.n + 1) * HSM_HASH);
	hsm_map_each(&s->links, digest_link, &t);
	hsm_map_each(&s->nodes, digest_node, &t);
	qsort(t.hash, t.n, HSM_HASH, digest_cmp);
	hsm_sha256((struct base_span){ t.hash[0], t.n * HSM_HASH }, digest);
	free(t.hash);
}

/* ---- the end -------------------------------------------------------------------------- */

void
hsm_holds_forget(struct hsm_state *s, struct hsm_node *n)
{
	while (n->nas_client > 0)
		link_drop(s, n->as_client[n->nas_client - 1]);
	while (n->nas_server > 0)
		link_drop(s, n->as_server[n->nas_server - 1]);
	hsm_holds_free(n);
}

void
hsm_holds_free(struct hsm_node *n)
{
	for (size_t i = 0; i < n->nheld; i++)
		free(n->held[i].event);
	free(n->held);
	free(n->as_client);
	free(n->as_server);
}
