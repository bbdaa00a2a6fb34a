/* The messages of sample.h. */
#include <string.h>

#include <check.h>

#include "tests/unit/wire/sample.h"

struct base_buf
sample_bytes(const void *p, size_t n)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	OK(base_buf_put(&b, p, n));
	return b;
}

static struct base_buf
text(const char *s)
{
	return sample_bytes(s, strlen(s));
}

static X509 *
cert(enum wire_cert_kind kind, const char *node)
{
	const struct fleet_key *root = fleet_key(WIRE_P256, 0);
	const struct fleet_key *subject =
	    node[0] != '\0' ? fleet_key(WIRE_P256, 1) : root;
	const struct fleet_key *issuer =
	    kind == WIRE_NEW_WITH_OLD ? fleet_key(WIRE_P256, 2) : root;
	struct wire_tbs t = fleet_tbs(kind, "plant", node, subject, issuer);

	return fleet_issue(&t, issuer);
}

/* ---- the structures -------------------------------------------------------- */

struct wire_order
sample_order(void)
{
	struct wire_order o = {
		.fleet = FLEET,
		.node = "app1",
		.root = "plant",
		.roll = 1,
		.epoch = 7,
		.issued = T0,
		.expires = ON(7),
		.steps = WIRE_STEP_TRUST | WIRE_STEP_CERT,
		.from = 1,
		.to = 2,
		.bridge = true,
		.verifies = true,
		.ncanary = 2,
	};

	o.new_with_new = cert(WIRE_NEW_WITH_NEW, "");
	o.new_with_old = cert(WIRE_NEW_WITH_OLD, "");
	o.cert = cert(WIRE_NODE_CERT, "app1");
	for (uint32_t i = 0; i < 2; i++) {
		o.canary[i].generation = i + 1;
		o.canary[i].cert = cert(WIRE_CANARY, "app1");
	}
	return o;
}

struct wire_report
sample_report(void)
{
	struct wire_report r = {
		.fleet = FLEET,
		.node = "app1",
		.root = "plant",
		.roll = 1,
		.epoch = 7,
		.status = WIRE_FAILED,
		.proof = WIRE_PROOF_PROBE,
		.at = ON(1),
		.number = 1767312000123,
		.reason = "nginx: [emerg] caf\xc3\xa9",
		.ninventory = 2,
	};

	memset(r.order_digest, 0x11, 32);
	for (size_t i = 0; i < 2; i++) {
		struct wire_inventory *v = &r.inventory[i];

		memset(v->store_id, 1, 16);
		memset(v->boot_id, 2, 16);
		strcpy(v->root, i == 0 ? "plant" : "office");
		v->highest = 7;
		v->trust = i == 0 ? 3 : UINT64_MAX;
		v->cert = 2;
		v->bridging = i == 0;
		memset(v->store_digest, 3, 32);
		memset(v->rendered_digest, 4, 32);
		memset(v->probe_digest, 5, 32);
	}
	return r;
}

struct wire_stock
sample_stock(void)
{
	struct wire_report r = sample_report();
	struct wire_stock s = {
		.fleet = FLEET,
		.node = "app1",
		.number = r.number,
		.ninventory = r.ninventory,
	};

	memcpy(s.inventory, r.inventory, sizeof(s.inventory));
	return s;
}

struct wire_join_request
sample_join_request(void)
{
	struct wire_join_request r = {
		.fleet = FLEET,
		.node = "app1",
		.nroots = 2,
	};

	memset(r.secret, 9, sizeof(r.secret));
	r.management_csr = text("csr");
	strcpy(r.roots[0].root, "plant");
	r.roots[0].csr = text("csr1");
	strcpy(r.roots[1].root, "office");
	r.roots[1].csr = text("csr2");
	return r;
}

struct wire_join_answer
sample_join_answer(void)
{
	struct wire_join_answer a = {
		.fleet = FLEET,
		.node = "app1",
		.norders = 2,
	};

	memset(a.request_digest, 8, 32);
	a.management_root = cert(WIRE_NEW_WITH_NEW, "");
	a.order[0] = text("order1");
	a.order[1] = text("order2");
	return a;
}

struct wire_invite
sample_invite(void)
{
	struct wire_invite v = {
		.fleet = FLEET,
		.node = "app1",
		.relay = "web1",
		.issued = T0,
		.expires = ON(1),
		.nroots = 1,
	};

	memset(v.admit, 3, sizeof(v.admit));
	memset(v.key, 4, sizeof(v.key));
	v.root[0] = cert(WIRE_NEW_WITH_NEW, "");
	return v;
}

struct wire_join_call
sample_join_call(void)
{
	struct wire_join_call c = { .fleet = FLEET, .node = "app1" };

	memset(c.word, 2, sizeof(c.word));
	c.sealed = text("sealed");
	return c;
}

EVP_PKEY *
sample_seal_key(void)
{
	static const char pem[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg885/2uV+GjENh/Hr\n"
	    "vebzKL4Kmc28rfTWWJzyneS4/9KhRANCAAT+jBnOCQUZHrwpipJFeSUx8m8M7OJG\n"
	    "BjnovDnLf3Bqgmp3m0z5abig5TnH9i+z0wrWqo+A4w8dEoqv1oos5y6g\n"
	    "-----END PRIVATE KEY-----\n";
	EVP_PKEY *k = NULL;

	OK(wire_key_from_pem(STR(pem), &k));
	return k;
}

struct wire_parcel
sample_parcel(void)
{
	struct wire_parcel p = {
		.kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 2,
		.route = { "web1", "app1" },
		.expires = ON(7),
	};

	p.content = text("opaque");
	return p;
}

struct wire_exchange
sample_exchange(void)
{
	struct wire_exchange x = {
		.from = "web1",
		.wait_ms = 30000,
		.nparcels = 2,
	};

	x.hello = text("hello");
	x.parcels = base_alloc(2 * sizeof(*x.parcels));
	x.parcels[0] = sample_parcel();
	x.parcels[1] = sample_parcel();
	x.parcels[1].kind = WIRE_P_REPORT;
	x.parcels[1].down = false;
	return x;
}

static struct wire_hsm_key
hsm_key(bool answer)
{
	struct wire_hsm_key k = {
		.root = "plant",
		.generation = 2,
		.alg = WIRE_P384,
	};

	if (answer)
		k.spki = text("spki");
	return k;
}

struct wire_hsm_request
sample_hsm_request(enum wire_hsm_type type)
{
	struct wire_hsm_request r = {
		.type = type,
		.id = 77,
		.fleet = FLEET,
		.key = hsm_key(false),
		.node = "app1",
		.end = ON(1),
		.nitems = 2,
	};

	r.cert = text("cert");
	memset(r.secret, 6, sizeof(r.secret));
	r.items = base_alloc(2 * sizeof(*r.items));
	r.items[0] = text("item1");
	r.items[1] = text("item2");
	r.roots = base_alloc(2 * sizeof(*r.roots));
	strcpy(r.roots[0], "management");
	strcpy(r.roots[1], "plant");
	return r;
}

struct wire_hsm_answer
sample_hsm_answer(enum wire_hsm_type type)
{
	struct wire_hsm_answer a = {
		.type = type,
		.id = 77,
		.key = hsm_key(true),
		.nitems = 2,
		.count = 12,
	};

	memset(a.secret, 6, sizeof(a.secret));
	memset(a.head, 7, sizeof(a.head));
	a.items = base_alloc(2 * sizeof(*a.items));
	a.items[0].data = text("certificate");
	a.items[1].err = BASE_E_REFUSED;
	a.items[1].data = text("why not");
	return a;
}

/* ---- make: sample to bytes ------------------------------------------------- */

static void
make_order(struct base_buf *out)
{
	struct wire_order o = sample_order();

	OK(wire_order_compose(&o, out));
	wire_order_clear(&o);
}

static void
make_report(struct base_buf *out)
{
	struct wire_report r = sample_report();

	OK(wire_report_compose(&r, out));
}

static void
make_stock(struct base_buf *out)
{
	struct wire_stock s = sample_stock();

	OK(wire_stock_compose(&s, out));
}

static void
make_hello(struct base_buf *out)
{
	struct wire_hello h = { .fleet = FLEET, .node = "app1", .at = T0 };

	memset(h.binding, 1, sizeof(h.binding));
	OK(wire_hello_compose(&h, out));
}

static void
make_ack(struct base_buf *out)
{
	struct wire_ack a = {
		.fleet = FLEET,
		.node = "app1",
		.root = "plant",
		.epoch = 7,
	};

	memset(a.report_digest, 1, sizeof(a.report_digest));
	OK(wire_ack_compose(&a, out));
}

static void
make_token(struct base_buf *out)
{
	struct wire_token t = {
		.fleet = FLEET,
		.node = "app1",
		.address = "ca.example:7443",
		.end = ON(1),
	};

	memset(t.root_sha256, 1, sizeof(t.root_sha256));
	memset(t.secret, 2, sizeof(t.secret));
	OK(wire_token_compose(&t, out));
}

static void
make_join_request(struct base_buf *out)
{
	struct wire_join_request r = sample_join_request();

	OK(wire_join_request_compose(&r, out));
	wire_join_request_clear(&r);
}

static void
make_join_answer(struct base_buf *out)
{
	struct wire_join_answer a = sample_join_answer();

	OK(wire_join_answer_compose(&a, out));
	wire_join_answer_clear(&a);
}

static void
make_parcel(struct base_buf *out)
{
	struct wire_parcel p = sample_parcel();

	OK(wire_parcel_compose(&p, out));
	wire_parcel_clear(&p);
}

static void
make_invite(struct base_buf *out)
{
	struct wire_invite v = sample_invite();

	OK(wire_invite_compose(&v, out));
	wire_invite_clear(&v);
}

static void
make_join_call(struct base_buf *out)
{
	struct wire_join_call c = sample_join_call();

	OK(wire_join_call_compose(&c, out));
	wire_join_call_clear(&c);
}

static void
make_exchange(struct base_buf *out)
{
	struct wire_exchange x = sample_exchange();

	OK(wire_exchange_compose(&x, out));
	wire_exchange_clear(&x);
}

static void
make_hsm_request(struct base_buf *out)
{
	struct wire_hsm_request r = sample_hsm_request(WIRE_HSM_BIND);

	OK(wire_hsm_request_compose(&r, out));
	wire_hsm_request_clear(&r);
}

static void
make_hsm_answer(struct base_buf *out)
{
	struct wire_hsm_answer a = sample_hsm_answer(WIRE_HSM_CERTS);

	OK(wire_hsm_answer_compose(&a, out));
	wire_hsm_answer_clear(&a);
}

/* ---- again: bytes to structure to bytes ------------------------------------- */

#define AGAIN(what, type, clear)                               \
	static enum base_err again_##what(struct base_span in, \
	    struct base_buf *out)                              \
	{                                                      \
		struct type v;                                 \
		enum base_err e = wire_##what##_parse(in, &v); \
                                                               \
		if (e == BASE_OK)                              \
			e = wire_##what##_compose(&v, out);    \
		clear(&v);                                     \
		return e;                                      \
	}

static void
keep(const void *v)
{
	(void)v;
}

AGAIN(order, wire_order, wire_order_clear)
AGAIN(report, wire_report, wire_report_clear)
AGAIN(stock, wire_stock, keep)
AGAIN(hello, wire_hello, keep)
AGAIN(ack, wire_ack, keep)
AGAIN(token, wire_token, keep)
AGAIN(join_request, wire_join_request, wire_join_request_clear)
AGAIN(join_answer, wire_join_answer, wire_join_answer_clear)
AGAIN(invite, wire_invite, wire_invite_clear)
AGAIN(join_call, wire_join_call, wire_join_call_clear)
AGAIN(parcel, wire_parcel, wire_parcel_clear)
AGAIN(exchange, wire_exchange, wire_exchange_clear)
AGAIN(hsm_request, wire_hsm_request, wire_hsm_request_clear)
AGAIN(hsm_answer, wire_hsm_answer, wire_hsm_answer_clear)

const struct sample samples[] = {
	{ "order", make_order, again_order },
	{ "report", make_report, again_report },
	{ "stock", make_stock, again_stock },
	{ "hello", make_hello, again_hello },
	{ "ack", make_ack, again_ack },
	{ "token", make_token, again_token },
	{ "join_request", make_join_request, again_join_request },
	{ "join_answer", make_join_answer, again_join_answer },
	{ "invite", make_invite, again_invite },
	{ "join_call", make_join_call, again_join_call },
	{ "parcel", make_parcel, again_parcel },
	{ "exchange", make_exchange, again_exchange },
	{ "hsm_request", make_hsm_request, again_hsm_request },
	{ "hsm_answer", make_hsm_answer, again_hsm_answer },
};
const size_t nsamples = sizeof(samples) / sizeof(samples[0]);

const struct sample *
sample_find(const char *name)
{
	for (size_t i = 0; i < nsamples; i++)
		if (strcmp(samples[i].name, name) == 0)
			return &samples[i];
	base_die("no sample '%s'", name);
}
