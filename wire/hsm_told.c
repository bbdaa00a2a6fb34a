/*
 * Items of TELL and SHOW: what kedged says of the topology, and what nodes
 * themselves have signed of what they hold. kedged composes, kedge-hsmd
 * parses; and what of it may be cut, as approvers say. Items of RECALL and KNOWN go the other way: what kedge-hsmd
 * remembers for a kedged whose store is an old copy.
 */
#include "wire/hsm.h"
#include "wire/msg.h"

#include <stdlib.h>
#include <string.h>

static enum base_err
get_name(struct base_buf *b, bool may_be_empty, char out[BASE_NAME_MAX + 1])
{
	struct base_span s;
	enum base_err e = base_buf_get_blob(b, &s);

	if (e != BASE_OK)
		return e;
	memset(out, 0, BASE_NAME_MAX + 1);
	if (s.n == 0 && may_be_empty)
		return BASE_OK;
	if (s.n == 0 || s.n > BASE_NAME_MAX || memchr(s.p, 0, s.n) != NULL)
		return base_fail(BASE_E_SYNTAX, "hsm item: a name of %zu bytes",
		    s.n);
	memcpy(out, s.p, s.n);
	return base_name_is_valid(out)
	    ? BASE_OK
	    : base_fail(BASE_E_SYNTAX, "hsm item: \"%s\" is no name", out);
}

/* A reading buffer over somebody else's bytes: never written nor freed. */
static struct base_buf
reader(struct base_span s)
{
	struct base_buf b = { .n = s.n, .cap = s.n, .max = s.n };

	memcpy(&b.p, &s.p, sizeof(b.p));
	return b;
}

/* ---- node ---------------------------------------------------------------------- */

static enum base_err
put_links(struct base_buf *out, const struct wire_hsm_link *l, size_t n)
{
	enum base_err e = base_buf_put_u32(out, (uint32_t)n);

	for (size_t i = 0; e == BASE_OK && i < n; i++)
		if ((e = base_buf_put_str(out, l[i].server)) == BASE_OK &&
		    (e = base_buf_put_str(out, l[i].client_root)) == BASE_OK)
			e = base_buf_put_str(out, l[i].server_root);
	return e;
}

enum base_err
wire_hsm_node_compose(const struct wire_hsm_node *n, struct base_buf *out)
{
	enum base_err e;

	if ((e = base_buf_put_str(out, n->name)) == BASE_OK &&
	    (e = base_buf_put_u8(out, n->dual)) == BASE_OK &&
	    (e = base_buf_put_u8(out, n->shallow)) == BASE_OK)
		e = base_buf_put_u32(out, (uint32_t)n->nexcused);
	for (size_t i = 0; e == BASE_OK && i < n->nexcused; i++)
		e = base_buf_put_str(out, n->excused[i]);
	if (e == BASE_OK &&
	    (e = put_links(out, n->links, n->nlinks)) == BASE_OK)
		e = put_links(out, n->gone, n->ngone);
	return e;
}

/* How many of something that has so many lengths at least: no room is made
 * for a lie. */
static enum base_err
get_count(struct base_buf *b, size_t lengths, uint32_t *out)
{
	enum base_err e = base_buf_get_u32(b, out);

	if (e == BASE_OK && *out > (b->n - b->at) / (4 * lengths))
		e = base_fail(BASE_E_SYNTAX, "hsm item: counts %u of something",
		    *out);
	return e;
}

static enum base_err
get_links(struct base_buf *b, struct wire_hsm_link **list, size_t *n)
{
	uint32_t count;
	enum base_err e = get_count(b, 3, &count);

	if (e != BASE_OK)
		return e;
	*list = base_alloc((count + (size_t)1) * sizeof(**list));
	for (; *n < count; ++*n) {
		struct wire_hsm_link *l = &(*list)[*n];

		if ((e = get_name(b, false, l->server)) != BASE_OK ||
		    (e = get_name(b, true, l->client_root)) != BASE_OK ||
		    (e = get_name(b, false, l->server_root)) != BASE_OK)
			return e;
	}
	return BASE_OK;
}

static enum base_err
node_read(struct base_buf *b, struct wire_hsm_node *n)
{
	uint32_t count;
	uint8_t dual, shallow;
	enum base_err e;

	if ((e = get_name(b, false, n->name)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &dual)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &shallow)) != BASE_OK)
		return e;
	if (dual > 1 || shallow > 1)
		return base_fail(BASE_E_SYNTAX, "hsm item: a flag is %u",
		    dual > 1 ? dual : shallow);
	n->dual = dual == 1;
	n->shallow = shallow == 1;
	if ((e = get_count(b, 1, &count)) != BASE_OK)
		return e;
	n->excused = base_alloc((count + 1) * sizeof(*n->excused));
	for (; n->nexcused < count; n->nexcused++)
		if ((e = get_name(b, false, n->excused[n->nexcused])) !=
		    BASE_OK)
			return e;
	if ((e = get_links(b, &n->links, &n->nlinks)) != BASE_OK ||
	    (e = get_links(b, &n->gone, &n->ngone)) != BASE_OK)
		return e;
	return base_buf_get_end(b);
}

enum base_err
wire_hsm_node_parse(struct base_span item, struct wire_hsm_node *out)
{
	struct base_buf b = reader(item);
	enum base_err e;

	memset(out, 0, sizeof(*out));
	if ((e = node_read(&b, out)) != BASE_OK)
		wire_hsm_node_clear(out);
	return e;
}

void
wire_hsm_node_clear(struct wire_hsm_node *n)
{
	free(n->excused);
	free(n->links);
	free(n->gone);
	memset(n, 0, sizeof(*n));
}

/* ---- proof ---------------------------------------------------------------------- */

enum base_err
wire_hsm_proof_compose(const struct wire_hsm_proof *p, struct base_buf *out)
{
	enum base_err e;

	if (p->ndoubts > WIRE_HSM_DOUBTS)
		base_die("hsm item: %zu doubts composed", p->ndoubts);
	if ((e = base_buf_put_str(out, p->node)) == BASE_OK &&
	    (e = base_buf_put_str(out, p->root)) == BASE_OK &&
	    (e = base_buf_put_blob(out, base_buf_span(&p->order))) == BASE_OK &&
	    (e = base_buf_put_blob(out, base_buf_span(&p->report))) == BASE_OK)
		e = base_buf_put_u8(out, (uint8_t)p->ndoubts);
	for (size_t i = 0; e == BASE_OK && i < p->ndoubts; i++)
		if ((e = base_buf_put_u64(out, p->doubt[i].trust)) == BASE_OK &&
		    (e = base_buf_put_u64(out, p->doubt[i].present)) == BASE_OK)
			e = base_buf_put_u64(out, p->doubt[i].bridge);
	return e;
}

static enum base_err
get_bytes(struct base_buf *b, struct base_buf *out)
{
	struct base_span s;
	enum base_err e = base_buf_get_blob(b, &s);

	if (e == BASE_OK && s.n > WIRE_PARCEL_MAX)
		e = base_fail(BASE_E_RANGE, "hsm item: a message of %zu bytes",
		    s.n);
	base_buf_init(out, 0);
	return e == BASE_OK ? base_buf_put(out, s.p, s.n) : e;
}

static enum base_err
proof_read(struct base_buf *b, struct wire_hsm_proof *p)
{
	uint8_t count;
	enum base_err e;

	if ((e = get_name(b, false, p->node)) != BASE_OK ||
	    (e = get_name(b, false, p->root)) != BASE_OK ||
	    (e = get_bytes(b, &p->order)) != BASE_OK ||
	    (e = get_bytes(b, &p->report)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &count)) != BASE_OK)
		return e;
	if (count > WIRE_HSM_DOUBTS)
		return base_fail(BASE_E_RANGE, "hsm item: %u doubts", count);
	for (; p->ndoubts < count; p->ndoubts++) {
		struct wire_hsm_holds *d = &p->doubt[p->ndoubts];

		if ((e = base_buf_get_u64(b, &d->trust)) != BASE_OK ||
		    (e = base_buf_get_u64(b, &d->present)) != BASE_OK ||
		    (e = base_buf_get_u64(b, &d->bridge)) != BASE_OK)
			return e;
	}
	return base_buf_get_end(b);
}

enum base_err
wire_hsm_proof_parse(struct base_span item, struct wire_hsm_proof *out)
{
	struct base_buf b = reader(item);
	enum base_err e;

	memset(out, 0, sizeof(*out));
	if ((e = proof_read(&b, out)) != BASE_OK)
		wire_hsm_proof_clear(out);
	return e;
}

void
wire_hsm_proof_clear(struct wire_hsm_proof *p)
{
	base_buf_free(&p->order);
	base_buf_free(&p->report);
	memset(p, 0, sizeof(*p));
}

/* ---- recalled certificate ---------------------------------------------------------- */

enum base_err
wire_hsm_recalled_compose(const struct wire_hsm_recalled *r,
    struct base_buf *out)
{
	enum base_err e;

	if ((e = base_buf_put_u8(out, (uint8_t)r->kind)) == BASE_OK &&
	    (e = base_buf_put_u32(out, r->generation)) == BASE_OK &&
	    (e = base_buf_put_u8(out, r->stolen)) == BASE_OK)
		e = base_buf_put_blob(out, base_buf_span(&r->der));
	return e;
}

enum base_err
wire_hsm_recalled_parse(struct base_span item, struct wire_hsm_recalled *out)
{
	struct base_buf b = reader(item);
	uint8_t kind = 0, stolen = 0;
	enum base_err e;

	memset(out, 0, sizeof(*out));
	if ((e = base_buf_get_u8(&b, &kind)) == BASE_OK &&
	    (e = base_buf_get_u32(&b, &out->generation)) == BASE_OK &&
	    (e = base_buf_get_u8(&b, &stolen)) == BASE_OK &&
	    (e = get_bytes(&b, &out->der)) == BASE_OK)
		e = base_buf_get_end(&b);
	if (e == BASE_OK && stolen > (kind == WIRE_NEW_WITH_NEW))
		e = base_fail(BASE_E_SYNTAX,
		    "hsm item: certificate of kind %u says %u of its key's "
		    "theft",
		    kind, stolen);
	out->stolen = stolen == 1;
	if (e == BASE_OK &&
	    (kind < WIRE_NEW_WITH_NEW || kind > WIRE_OLD_WITH_NEW ||
		out->generation == 0 || out->generation > WIRE_GENERATION_MAX))
		e = base_fail(BASE_E_SYNTAX,
		    "hsm item: certificate of kind %u and generation %u", kind,
		    out->generation);
	out->kind = (enum wire_cert_kind)kind;
	if (e != BASE_OK)
		wire_hsm_recalled_clear(out);
	return e;
}

void
wire_hsm_recalled_clear(struct wire_hsm_recalled *r)
{
	base_buf_free(&r->der);
	memset(r, 0, sizeof(*r));
}

/* ---- known node ---------------------------------------------------------------------- */

enum base_err
wire_hsm_known_compose(const struct wire_hsm_known *k, struct base_buf *out)
{
	struct base_buf node;
	enum base_err e;

	base_buf_init(&node, 0);
	if ((e = wire_hsm_node_compose(&k->node, &node)) == BASE_OK &&
	    (e = base_buf_put_blob(out, base_buf_span(&node))) == BASE_OK)
		e = base_buf_put_u32(out, (uint32_t)k->nparts);
	for (size_t i = 0; e == BASE_OK && i < k->nparts; i++) {
		const struct wire_hsm_part *p = &k->parts[i];

		if ((e = base_buf_put_str(out, p->root)) == BASE_OK &&
		    (e = base_buf_put_u64(out, p->epoch)) == BASE_OK &&
		    (e = base_buf_put_u64(out, p->trust)) == BASE_OK &&
		    (e = base_buf_put_u64(out, p->present)) == BASE_OK)
			e = base_buf_put_blob(out, base_buf_span(&p->spki));
		if (e == BASE_OK)
			e = base_buf_put_blob(out, base_buf_span(&p->next));
	}
	base_buf_free(&node);
	return e;
}

static enum base_err
known_read(struct base_buf *b, struct wire_hsm_known *k)
{
	struct base_span node;
	uint32_t count;
	enum base_err e;

	if ((e = base_buf_get_blob(b, &node)) != BASE_OK ||
	    (e = wire_hsm_node_parse(node, &k->node)) != BASE_OK ||
	    (e = get_count(b, 4, &count)) != BASE_OK)
		return e;
	k->parts = base_alloc((count + 1) * sizeof(*k->parts));
	while (k->nparts < count) {
		struct wire_hsm_part *p = &k->parts[k->nparts++];

		if ((e = get_name(b, false, p->root)) != BASE_OK ||
		    (e = base_buf_get_u64(b, &p->epoch)) != BASE_OK ||
		    (e = base_buf_get_u64(b, &p->trust)) != BASE_OK ||
		    (e = base_buf_get_u64(b, &p->present)) != BASE_OK ||
		    (e = get_bytes(b, &p->spki)) != BASE_OK ||
		    (e = get_bytes(b, &p->next)) != BASE_OK)
			return e;
	}
	return base_buf_get_end(b);
}

enum base_err
wire_hsm_known_parse(struct base_span item, struct wire_hsm_known *out)
{
	struct base_buf b = reader(item);
	enum base_err e;

	memset(out, 0, sizeof(*out));
	if ((e = known_read(&b, out)) != BASE_OK)
		wire_hsm_known_clear(out);
	return e;
}

void
wire_hsm_known_clear(struct wire_hsm_known *k)
{
	wire_hsm_node_clear(&k->node);
	for (size_t i = 0; i < k->nparts; i++) {
		base_buf_free(&k->parts[i].spki);
		base_buf_free(&k->parts[i].next);
	}
	free(k->parts);
	memset(k, 0, sizeof(*k));
}

/* ---- cuts ------------------------------------------------------------------------ */

static int
cut_cmp(const void *a, const void *b)
{
	const struct wire_hsm_cut *x = a, *y = b;
	const int c = strcmp(x->presenter, y->presenter);

	return c != 0 ? c : strcmp(x->verifier, y->verifier);
}

void
wire_hsm_cuts_sort(struct wire_hsm_cuts *c)
{
	size_t n = 0;

	if (c->n == 0)
		return;
	qsort(c->cut, c->n, sizeof(*c->cut), cut_cmp);
	for (size_t i = 0; i < c->n; i++)
		if (n == 0 || cut_cmp(&c->cut[n - 1], &c->cut[i]) != 0)
			c->cut[n++] = c->cut[i];
	c->n = n;
}

bool
wire_hsm_cuts_meet(const struct wire_hsm_cuts *a, const struct wire_hsm_cuts *b)
{
	size_t i = 0, k = 0;

	while (i < a->n && k < b->n) {
		const int c = cut_cmp(&a->cut[i], &b->cut[k]);

		if (c == 0)
			return true;
		if (c < 0)
			i++;
		else
			k++;
	}
	return a->n == 0 && b->n == 0;
}

enum base_err
wire_hsm_cuts_compose(const struct wire_hsm_cuts *c, struct base_buf *out)
{
	enum base_err e;

	if (c->n > WIRE_HSM_CUTS)
		return base_fail(BASE_E_RANGE,
		    "hsm item: %zu directions, %d is the most", c->n,
		    WIRE_HSM_CUTS);
	if ((e = base_buf_put_u64(out, (uint64_t)c->start.ms)) == BASE_OK &&
	    (e = base_buf_put_u32(out, c->have)) == BASE_OK &&
	    (e = base_buf_put_u32(out, c->need)) == BASE_OK)
		e = base_buf_put_u32(out, (uint32_t)c->n);
	for (size_t i = 0; e == BASE_OK && i < c->n; i++)
		if ((e = base_buf_put_str(out, c->cut[i].presenter)) == BASE_OK)
			e = base_buf_put_str(out, c->cut[i].verifier);
	return e;
}

static enum base_err
get_cut(struct base_buf *b, struct wire_hsm_cuts *c)
{
	struct wire_hsm_cut *t = &c->cut[c->n];
	enum base_err e;

	if ((e = get_name(b, false, t->presenter)) != BASE_OK ||
	    (e = get_name(b, false, t->verifier)) != BASE_OK)
		return e;
	if (strcmp(t->presenter, t->verifier) == 0 ||
	    (c->n > 0 && cut_cmp(t - 1, t) >= 0))
		return base_fail(BASE_E_SYNTAX,
		    "hsm item: %s to %s is no direction, or out of its place",
		    t->presenter, t->verifier);
	c->n++;
	return BASE_OK;
}

static enum base_err
cuts_read(struct base_buf *b, struct wire_hsm_cuts *c)
{
	uint32_t count;
	uint64_t start;
	enum base_err e;

	if ((e = base_buf_get_u64(b, &start)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &c->have)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &c->need)) != BASE_OK ||
	    (e = get_count(b, 2, &count)) != BASE_OK)
		return e;
	if (count > WIRE_HSM_CUTS || start > INT64_MAX)
		return base_fail(BASE_E_RANGE,
		    "hsm item: %u directions from a time on that is none, or "
		    "more than %d",
		    count, WIRE_HSM_CUTS);
	c->start.ms = (int64_t)start;
	c->cut = base_alloc((count + (size_t)1) * sizeof(*c->cut));
	while (e == BASE_OK && c->n < count)
		e = get_cut(b, c);
	return e == BASE_OK ? base_buf_get_end(b) : e;
}

enum base_err
wire_hsm_cuts_parse(struct base_span item, struct wire_hsm_cuts *out)
{
	struct base_buf b = reader(item);
	enum base_err e;

	memset(out, 0, sizeof(*out));
	if ((e = cuts_read(&b, out)) != BASE_OK)
		wire_hsm_cuts_clear(out);
	return e;
}

void
wire_hsm_cuts_clear(struct wire_hsm_cuts *c)
{
	free(c->cut);
	memset(c, 0, sizeof(*c));
}
