/*
 * What kedged and kedge-hsmd say to each other: composing and parsing, and
 * the frames around it. Both processes use it; the fields of each type are
 * in one table, so that the two directions cannot drift apart.
 */
#include "wire/hsm.h"

#include <stdlib.h>
#include <string.h>

#define VERSION	 1
#define SPKI_MAX 4096
#define CERT_MAX 16384

/* ---- fields ----------------------------------------------------------------- */

enum field {
	F_FLEET = 0x01,
	F_KEY = 0x02,
	F_CERT = 0x04,
	F_NODE = 0x08,
	F_SECRET = 0x10,
	F_END = 0x20,
	F_ITEMS = 0x40,
	F_ROOTS = 0x80, /* each item has its root before it */
	F_HEAD = 0x100,
	F_MARK = 0x200,
	F_AFTER = 0x400,
	F_ONLY_ASK = 0x800,
	F_WITHDRAW = 0x1000,
};

static const struct {
	unsigned ask, answer;
} fields[] = {
	[WIRE_HSM_INFO] = { 0, F_ITEMS },
	[WIRE_HSM_KEYGEN] = { F_FLEET | F_KEY | F_MARK, F_KEY },
	[WIRE_HSM_CERTS] = { F_FLEET | F_KEY | F_ITEMS, F_ITEMS },
	[WIRE_HSM_ORDERS] = { F_FLEET | F_KEY | F_CERT | F_MARK | F_ITEMS,
	    F_ITEMS },
	[WIRE_HSM_TOKEN] = { F_FLEET | F_NODE | F_END | F_MARK, F_SECRET },
	[WIRE_HSM_BIND] = { F_FLEET | F_NODE | F_SECRET | F_MARK | F_ITEMS |
		F_ROOTS,
	    0 },
	[WIRE_HSM_FORGET] = { F_FLEET | F_NODE | F_MARK | F_ONLY_ASK, 0 },
	[WIRE_HSM_AUDIT] = { 0, F_HEAD | F_MARK },
	[WIRE_HSM_TELL] = { F_FLEET | F_MARK | F_ITEMS, F_ITEMS },
	[WIRE_HSM_SHOW] = { F_FLEET | F_ITEMS, F_ITEMS },
	[WIRE_HSM_RECALL] = { F_FLEET | F_KEY, F_ITEMS },
	[WIRE_HSM_KNOWN] = { F_FLEET | F_AFTER, F_ITEMS },
	[WIRE_HSM_APPROVE] = { F_FLEET | F_KEY | F_WITHDRAW | F_ITEMS,
	    F_ITEMS },
};

static bool
is_type(uint8_t t)
{
	return t >= WIRE_HSM_INFO && t <= WIRE_HSM_APPROVE;
}

bool
wire_hsm_is_marked(enum wire_hsm_type type)
{
	return is_type((uint8_t)type) && fields[type].ask & F_MARK;
}

static enum base_err
get_name(struct base_buf *b, char out[BASE_NAME_MAX + 1])
{
	struct base_span s;
	enum base_err e = base_buf_get_blob(b, &s);

	if (e != BASE_OK)
		return e;
	if (s.n == 0 || s.n > BASE_NAME_MAX || memchr(s.p, 0, s.n) != NULL)
		return base_fail(BASE_E_SYNTAX,
		    "hsm message: a name of %zu bytes", s.n);
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	if (!base_name_is_valid(out))
		return base_fail(BASE_E_SYNTAX, "hsm message: '%s' is no name",
		    out);
	return BASE_OK;
}

/* "": from the first one on. */
static enum base_err
get_after(struct base_buf *b, char out[BASE_NAME_MAX + 1])
{
	struct base_buf at = *b;
	struct base_span s;
	enum base_err e = base_buf_get_blob(&at, &s);

	if (e != BASE_OK || s.n > 0)
		return e != BASE_OK ? e : get_name(b, out);
	out[0] = '\0';
	return base_buf_get_blob(b, &s);
}

static enum base_err
get_bytes(struct base_buf *b, void *out, size_t n)
{
	struct base_span s;
	enum base_err e = base_buf_get_blob(b, &s);

	if (e != BASE_OK)
		return e;
	if (s.n != n)
		return base_fail(BASE_E_SYNTAX,
		    "hsm message: %zu bytes where %zu belong", s.n, n);
	memcpy(out, s.p, n);
	return BASE_OK;
}

static enum base_err
get_blob(struct base_buf *b, size_t max, struct base_buf *out)
{
	struct base_span s;
	enum base_err e = base_buf_get_blob(b, &s);

	if (e != BASE_OK)
		return e;
	if (s.n > max)
		return base_fail(BASE_E_RANGE,
		    "hsm message: %zu bytes where %zu is the most", s.n, max);
	base_buf_init(out, 0);
	return base_buf_put(out, s.p, s.n);
}

static enum base_err
get_bool(struct base_buf *b, bool *out)
{
	uint8_t v;
	enum base_err e = base_buf_get_u8(b, &v);

	if (e == BASE_OK && v > 1)
		e = base_fail(BASE_E_SYNTAX, "hsm message: a flag is %u", v);
	*out = e == BASE_OK && v == 1;
	return e;
}

static enum base_err
get_err(struct base_buf *b, enum base_err *out)
{
	uint8_t v;
	enum base_err e = base_buf_get_u8(b, &v);

	if (e == BASE_OK && v > BASE_E_USAGE)
		e = base_fail(BASE_E_SYNTAX, "hsm message: error %u", v);
	*out = e == BASE_OK ? (enum base_err)v : BASE_E_SYNTAX;
	return e;
}

/* ---- key ----------------------------------------------------------------------- */

static enum base_err
put_key(struct base_buf *b, const struct wire_hsm_key *k)
{
	enum base_err e;

	if ((e = base_buf_put_str(b, k->root)) == BASE_OK &&
	    (e = base_buf_put_u32(b, k->generation)) == BASE_OK &&
	    (e = base_buf_put_u8(b, k->order_signer)) == BASE_OK &&
	    (e = base_buf_put_u8(b, (uint8_t)k->alg)) == BASE_OK)
		e = base_buf_put_blob(b, base_buf_span(&k->spki));
	return e;
}

static enum base_err
get_key(struct base_buf *b, struct wire_hsm_key *k)
{
	uint8_t alg;
	enum base_err e;

	if ((e = get_name(b, k->root)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &k->generation)) != BASE_OK ||
	    (e = get_bool(b, &k->order_signer)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &alg)) != BASE_OK ||
	    (e = get_blob(b, SPKI_MAX, &k->spki)) != BASE_OK)
		return e;
	if (alg < WIRE_P256 || alg > WIRE_RSA4096)
		return base_fail(BASE_E_SYNTAX, "hsm message: key algorithm %u",
		    alg);
	if (k->generation == 0)
		return base_fail(BASE_E_RANGE,
		    "hsm message: key of generation 0");
	k->alg = (enum wire_alg)alg;
	return BASE_OK;
}

/* ---- request --------------------------------------------------------------------- */

static enum base_err
put_header(struct base_buf *b, enum wire_hsm_type type, uint32_t id)
{
	enum base_err e;

	if (!is_type((uint8_t)type))
		base_die("hsm message: type %d composed", (int)type);
	if ((e = base_buf_put_u8(b, VERSION)) == BASE_OK &&
	    (e = base_buf_put_u8(b, (uint8_t)type)) == BASE_OK)
		e = base_buf_put_u32(b, id);
	return e;
}

static enum base_err
get_header(struct base_buf *b, enum wire_hsm_type *type, uint32_t *id)
{
	uint8_t v, t;
	enum base_err e;

	if ((e = base_buf_get_u8(b, &v)) != BASE_OK ||
	    (e = base_buf_get_u8(b, &t)) != BASE_OK ||
	    (e = base_buf_get_u32(b, id)) != BASE_OK)
		return e;
	if (v != VERSION)
		return base_fail(BASE_E_SYNTAX,
		    "hsm message: version %u, this side speaks %u; "
		    "use one release of kedged and kedge-hsmd",
		    v, VERSION);
	if (!is_type(t))
		return base_fail(BASE_E_SYNTAX, "hsm message: type %u", t);
	*type = (enum wire_hsm_type)t;
	return BASE_OK;
}

static enum base_err
get_count(struct base_buf *b, size_t *n)
{
	uint16_t v;
	enum base_err e = base_buf_get_u16(b, &v);

	if (e == BASE_OK && v > WIRE_HSM_BATCH)
		e = base_fail(BASE_E_RANGE,
		    "hsm message: batch of %u, %d is the most", v,
		    WIRE_HSM_BATCH);
	*n = e == BASE_OK ? v : 0;
	return e;
}

static enum base_err
put_ask_items(struct base_buf *b, const struct wire_hsm_request *r)
{
	enum base_err e;
	bool roots = fields[r->type].ask & F_ROOTS;

	if (r->nitems > WIRE_HSM_BATCH)
		return base_fail(BASE_E_RANGE,
		    "hsm request: batch of %zu, %d is the most", r->nitems,
		    WIRE_HSM_BATCH);
	e = base_buf_put_u16(b, (uint16_t)r->nitems);
	for (size_t i = 0; e == BASE_OK && i < r->nitems; i++) {
		if (roots)
			e = base_buf_put_str(b, r->roots[i]);
		if (e == BASE_OK)
			e = base_buf_put_blob(b, base_buf_span(&r->items[i]));
	}
	return e;
}

static enum base_err
get_ask_items(struct base_buf *b, struct wire_hsm_request *r)
{
	enum base_err e = get_count(b, &r->nitems);
	bool roots = fields[r->type].ask & F_ROOTS;

	if (e != BASE_OK || r->nitems == 0)
		return e;
	r->items = base_alloc(r->nitems * sizeof(*r->items));
	if (roots)
		r->roots = base_alloc(r->nitems * sizeof(*r->roots));
	for (size_t i = 0; e == BASE_OK && i < r->nitems; i++) {
		if (roots)
			e = get_name(b, r->roots[i]);
		if (e == BASE_OK)
			e = get_blob(b, WIRE_HSM_FRAME, &r->items[i]);
	}
	return e;
}

enum base_err
wire_hsm_request_compose(const struct wire_hsm_request *r, struct base_buf *out)
{
	enum base_err e = put_header(out, r->type, r->id);
	unsigned f = fields[r->type].ask;
	struct base_span secret = { r->secret, sizeof(r->secret) };

	if (e == BASE_OK && f & F_FLEET)
		e = base_buf_put_str(out, r->fleet);
	if (e == BASE_OK && f & F_KEY)
		e = put_key(out, &r->key);
	if (e == BASE_OK && f & F_CERT)
		e = base_buf_put_blob(out, base_buf_span(&r->cert));
	if (e == BASE_OK && f & F_NODE)
		e = base_buf_put_str(out, r->node);
	if (e == BASE_OK && f & F_SECRET)
		e = base_buf_put_blob(out, secret);
	if (e == BASE_OK && f & F_END)
		e = base_buf_put_u64(out, (uint64_t)r->end.ms);
	if (e == BASE_OK && f & F_MARK)
		e = base_buf_put_u64(out, r->mark);
	if (e == BASE_OK && f & F_AFTER)
		e = base_buf_put_str(out, r->after);
	if (e == BASE_OK && f & F_ONLY_ASK)
		e = base_buf_put_u8(out, r->only_ask);
	if (e == BASE_OK && f & F_WITHDRAW)
		e = base_buf_put_u8(out, r->withdraw);
	if (e == BASE_OK && f & F_ITEMS)
		e = put_ask_items(out, r);
	return e;
}

static enum base_err
get_end(struct base_buf *b, struct base_time *out)
{
	uint64_t v;
	enum base_err e = base_buf_get_u64(b, &v);

	if (e == BASE_OK && v > INT64_MAX)
		e = base_fail(BASE_E_RANGE, "hsm message: time before 1970");
	out->ms = e == BASE_OK ? (int64_t)v : 0;
	return e;
}

static enum base_err
request_parse(struct base_buf *b, struct wire_hsm_request *r)
{
	enum base_err e = get_header(b, &r->type, &r->id);
	unsigned f = e == BASE_OK ? fields[r->type].ask : 0;

	if (e == BASE_OK && f & F_FLEET)
		e = get_name(b, r->fleet);
	if (e == BASE_OK && f & F_KEY)
		e = get_key(b, &r->key);
	if (e == BASE_OK && f & F_CERT)
		e = get_blob(b, CERT_MAX, &r->cert);
	if (e == BASE_OK && f & F_NODE)
		e = get_name(b, r->node);
	if (e == BASE_OK && f & F_SECRET)
		e = get_bytes(b, r->secret, sizeof(r->secret));
	if (e == BASE_OK && f & F_END)
		e = get_end(b, &r->end);
	if (e == BASE_OK && f & F_MARK)
		e = base_buf_get_u64(b, &r->mark);
	if (e == BASE_OK && f & F_AFTER)
		e = get_after(b, r->after);
	if (e == BASE_OK && f & F_ONLY_ASK)
		e = get_bool(b, &r->only_ask);
	if (e == BASE_OK && f & F_WITHDRAW)
		e = get_bool(b, &r->withdraw);
	if (e == BASE_OK && f & F_ITEMS)
		e = get_ask_items(b, r);
	return e == BASE_OK ? base_buf_get_end(b) : e;
}

/* A reading buffer over somebody else's bytes: it is never written nor
 * freed, so the const that base_buf cannot carry is not violated. */
static struct base_buf
reader(struct base_span s)
{
	struct base_buf b = { .n = s.n, .cap = s.n, .max = s.n };

	memcpy(&b.p, &s.p, sizeof(b.p));
	return b;
}

enum base_err
wire_hsm_request_parse(struct base_span msg, struct wire_hsm_request *out)
{
	struct wire_hsm_request r = { 0 };
	struct base_buf b = reader(msg);
	enum base_err e = request_parse(&b, &r);

	if (e == BASE_OK) {
		*out = r;
		return e;
	}
	wire_hsm_request_clear(&r);
	memset(out, 0, sizeof(*out));
	return e;
}

void
wire_hsm_request_clear(struct wire_hsm_request *r)
{
	for (size_t i = 0; r->items != NULL && i < r->nitems; i++)
		base_buf_free(&r->items[i]);
	free(r->items);
	free(r->roots);
	base_buf_free(&r->cert);
	base_buf_free(&r->key.spki);
	base_wipe(r, sizeof(*r));
}

/* ---- answer ------------------------------------------------------------------------ */

static enum base_err
put_answer_items(struct base_buf *b, const struct wire_hsm_answer *a)
{
	enum base_err e;

	if (a->nitems > WIRE_HSM_BATCH)
		return base_fail(BASE_E_RANGE,
		    "hsm answer: batch of %zu, %d is the most", a->nitems,
		    WIRE_HSM_BATCH);
	e = base_buf_put_u16(b, (uint16_t)a->nitems);
	for (size_t i = 0; e == BASE_OK && i < a->nitems; i++) {
		const struct wire_hsm_item *t = &a->items[i];

		if ((e = base_buf_put_u8(b, (uint8_t)t->err)) == BASE_OK)
			e = base_buf_put_blob(b, base_buf_span(&t->data));
	}
	return e;
}

static enum base_err
get_answer_items(struct base_buf *b, struct wire_hsm_answer *a)
{
	enum base_err e = get_count(b, &a->nitems);

	if (e != BASE_OK || a->nitems == 0)
		return e;
	a->items = base_alloc(a->nitems * sizeof(*a->items));
	for (size_t i = 0; e == BASE_OK && i < a->nitems; i++) {
		if ((e = get_err(b, &a->items[i].err)) == BASE_OK)
			e = get_blob(b, WIRE_HSM_FRAME, &a->items[i].data);
	}
	return e;
}

enum base_err
wire_hsm_answer_compose(const struct wire_hsm_answer *a, struct base_buf *out)
{
	enum base_err e = put_header(out, a->type, a->id);
	unsigned f = fields[a->type].answer;
	struct base_span secret = { a->secret, sizeof(a->secret) };
	struct base_span head = { a->head, sizeof(a->head) };

	if (e == BASE_OK)
		e = base_buf_put_u8(out, (uint8_t)a->err);
	if (e == BASE_OK && a->err != BASE_OK)
		return base_buf_put_str(out, a->why);
	if (e == BASE_OK && f & F_KEY)
		e = put_key(out, &a->key);
	if (e == BASE_OK && f & F_SECRET)
		e = base_buf_put_blob(out, secret);
	if (e == BASE_OK && f & F_HEAD &&
	    (e = base_buf_put_blob(out, head)) == BASE_OK)
		e = base_buf_put_u64(out, a->count);
	if (e == BASE_OK && f & F_MARK)
		e = base_buf_put_u64(out, a->mark);
	if (e == BASE_OK && f & F_ITEMS)
		e = put_answer_items(out, a);
	return e;
}

static enum base_err
get_why(struct base_buf *b, char *out, size_t size)
{
	struct base_span s;
	enum base_err e = base_buf_get_blob(b, &s);

	if (e != BASE_OK)
		return e;
	if (s.n >= size || memchr(s.p, 0, s.n) != NULL)
		return base_fail(BASE_E_SYNTAX,
		    "hsm answer: a sentence of %zu bytes", s.n);
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return BASE_OK;
}

static enum base_err
answer_parse(struct base_buf *b, struct wire_hsm_answer *a)
{
	enum base_err e = get_header(b, &a->type, &a->id);
	unsigned f = e == BASE_OK ? fields[a->type].answer : 0;

	if (e == BASE_OK)
		e = get_err(b, &a->err);
	if (e == BASE_OK && a->err != BASE_OK) {
		e = get_why(b, a->why, sizeof(a->why));
		return e == BASE_OK ? base_buf_get_end(b) : e;
	}
	if (e == BASE_OK && f & F_KEY)
		e = get_key(b, &a->key);
	if (e == BASE_OK && f & F_SECRET)
		e = get_bytes(b, a->secret, sizeof(a->secret));
	if (e == BASE_OK && f & F_HEAD &&
	    (e = get_bytes(b, a->head, sizeof(a->head))) == BASE_OK)
		e = base_buf_get_u64(b, &a->count);
	if (e == BASE_OK && f & F_MARK)
		e = base_buf_get_u64(b, &a->mark);
	if (e == BASE_OK && f & F_ITEMS)
		e = get_answer_items(b, a);
	return e == BASE_OK ? base_buf_get_end(b) : e;
}

enum base_err
wire_hsm_answer_parse(struct base_span msg, struct wire_hsm_answer *out)
{
	struct wire_hsm_answer a = { 0 };
	struct base_buf b = reader(msg);
	enum base_err e = answer_parse(&b, &a);

	if (e == BASE_OK) {
		*out = a;
		return e;
	}
	wire_hsm_answer_clear(&a);
	memset(out, 0, sizeof(*out));
	return e;
}

void
wire_hsm_answer_clear(struct wire_hsm_answer *a)
{
	for (size_t i = 0; a->items != NULL && i < a->nitems; i++)
		base_buf_free(&a->items[i].data);
	free(a->items);
	base_buf_free(&a->key.spki);
	base_wipe(a, sizeof(*a));
}

/* ---- frames ------------------------------------------------------------------------- */

enum base_err
wire_hsm_frame_put(struct base_buf *out, struct base_span msg)
{
	if (msg.n == 0 || msg.n > WIRE_HSM_FRAME)
		return base_fail(BASE_E_RANGE,
		    "hsm message: %zu bytes, %zu is the most; "
		    "use a smaller batch",
		    msg.n, WIRE_HSM_FRAME);
	return base_buf_put_blob(out, msg);
}

enum base_err
wire_hsm_frame_get(struct base_span in, struct base_span *msg, size_t *used)
{
	size_t n;

	if (in.n < 4)
		return BASE_E_AGAIN;
	n = (size_t)in.p[0] << 24 | (size_t)in.p[1] << 16 |
	    (size_t)in.p[2] << 8 | in.p[3];
	if (n == 0 || n > WIRE_HSM_FRAME)
		return base_fail(BASE_E_RANGE,
		    "hsm frame: length %zu, from 1 to %zu is allowed", n,
		    WIRE_HSM_FRAME);
	if (in.n - 4 < n)
		return BASE_E_AGAIN;
	*msg = (struct base_span){ in.p + 4, n };
	*used = 4 + n;
	return BASE_OK;
}
