/* world: see the header. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hsm/softhsm.h"
#include "policy/policy.h"
#include "tests/unit/hsm/world.h"

struct world w;
struct base_time world_time;
struct wire_hsm_answer world_answer;
struct world_order world_last;
static struct base_buf signer;

static struct base_time
world_clock(void)
{
	return world_time;
}

void
world_reopen(struct hsm_ks *one)
{
	struct hsm_ks *ks[HSM_TOKENS] = { one };

	if (one == NULL)
		ks[0] = hsm_ks_mem_new();
	hsm_core_close(w.core);
	w.core = NULL;
	ck_assert_msg(hsm_core_open(&w.conf, ks, world_clock, &w.core) ==
		BASE_OK,
	    "%s", base_why());
}

void
world_open(void)
{
	char dir[] = "/tmp/kedge-core-XXXXXX";

	memset(&w, 0, sizeof(w));
	world_time.ms = WORLD_NOW;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	w.dir = base_strdup(dir);
	w.conf = (struct hsm_conf){
		.fleet = base_strdup("test"),
		.state = base_asprintf("%s/state", dir),
		.ntokens = 1,
		.tokens = base_alloc(2 * sizeof(struct hsm_conf_token)),
		.any = { .ntokens = 1, .root_days = 3650, .node_days = 90 },
		.order_days = 30,
		.backdate_s = 3600,
	};
	w.conf.tokens[0].name = base_strdup("mem");
	w.root = "plant";
	for (int i = 0; i < 3; i++) {
		base_buf_init(&w.node_spki[i], 0);
		ck_assert_int_eq(wire_key_make(WIRE_P256, &w.node_key[i]),
		    BASE_OK);
		ck_assert_int_eq(wire_key_spki(w.node_key[i], &w.node_spki[i]),
		    BASE_OK);
	}
	world_reopen(NULL);
}

void
world_close(void)
{
	const char *argv[] = { "rm", "-rf", w.dir, NULL };

	hsm_core_close(w.core);
	base_buf_free(&signer);
	base_buf_free(&world_last.cms);
	wire_order_clear(&world_last.o);
	wire_hsm_answer_clear(&world_answer);
	hsm_conf_clear(&w.conf);
	for (int i = 0; i < 3; i++) {
		EVP_PKEY_free(w.node_key[i]);
		base_buf_free(&w.node_spki[i]);
	}
	test_run(argv);
	free(w.dir);
}

enum base_err
world_ask(struct wire_hsm_request *r)
{
	struct wire_hsm_request q;
	struct base_buf msg;
	enum base_err e;

	wire_hsm_answer_clear(&world_answer);
	if (r->fleet[0] == '\0')
		strcpy(r->fleet, "test");
	if (r->mark == 0) /* that of a store that is no old copy */
		r->mark = w.core->state.mark;
	/* by the very bytes of the socket */
	base_buf_init(&msg, 0);
	ck_assert_int_eq(wire_hsm_request_compose(r, &msg), BASE_OK);
	e = wire_hsm_request_parse(base_buf_span(&msg), &q);
	if (e == BASE_OK)
		hsm_core_handle(w.core, 1, &q, &world_answer);
	wire_hsm_request_clear(&q);
	base_buf_free(&msg);
	return e == BASE_OK ? world_answer.err : e;
}

enum base_err
world_keygen(const char *root, uint32_t generation, bool order_signer)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_KEYGEN,
		.key = { .generation = generation,
		    .order_signer = order_signer,
		    .alg = WIRE_P256 } };

	strcpy(r.key.root, root);
	return world_ask(&r);
}

enum base_err
world_token(const char *node, int64_t end_ms, uint8_t secret[16])
{
	struct wire_hsm_request r = { .type = WIRE_HSM_TOKEN,
		.end = { end_ms } };
	enum base_err e;

	strcpy(r.node, node);
	e = world_ask(&r);
	memcpy(secret, world_answer.secret, 16);
	return e;
}

enum base_err
world_bind(const char *node, const uint8_t secret[16],
    const struct base_buf *spki, size_t n)
{
	char roots[2][BASE_NAME_MAX + 1] = { "management", "plant" };
	struct wire_hsm_request r = { .type = WIRE_HSM_BIND,
		.nitems = n,
		.roots = roots };
	struct base_buf items[2];

	for (size_t i = 0; i < n; i++)
		items[i] = *spki;
	r.items = items;
	strcpy(r.node, node);
	memcpy(r.secret, secret, 16);
	return world_ask(&r);
}

const struct hsm_key *
world_key(const char *root, uint32_t generation, bool order_signer)
{
	const struct hsm_key *k =
	    hsm_state_key(&w.core->state, root, generation, order_signer);

	ck_assert_ptr_nonnull(k);
	return k;
}

struct wire_tbs
world_tbs(enum wire_cert_kind kind, const char *root, uint32_t generation,
    const char *node, struct base_span spki)
{
	const struct hsm_key *k = world_key(root, generation, false);
	struct wire_tbs t = { .kind = kind,
		.issuer_alg = k->alg,
		.fleet = "test",
		.spki = spki };

	wire_serial_make(t.serial);
	strcpy(t.root, root);
	if (node != NULL)
		strcpy(t.node, node);
	t.not_before = world_time;
	t.not_after.ms = world_time.ms +
	    (kind == WIRE_CANARY	    ? 540000
		    : kind < WIRE_NODE_CERT ? 1000 * WORLD_DAY
					    : 80 * WORLD_DAY);
	memcpy(t.aki, k->ski, sizeof(t.aki));
	ck_assert_int_eq(wire_spki_id(spki, t.ski), BASE_OK);
	return t;
}

enum base_err
world_sign_der(struct base_span tbs, const char *root, uint32_t generation,
    X509 **x)
{
	struct base_buf item;
	struct wire_hsm_request r = { .type = WIRE_HSM_CERTS,
		.nitems = 1,
		.items = &item,
		.key = { .generation = generation, .alg = WIRE_P256 } };
	enum base_err e;

	base_buf_init(&item, 0);
	ck_assert_int_eq(base_buf_put(&item, tbs.p, tbs.n), BASE_OK);
	strcpy(r.key.root, root);
	e = world_ask(&r);
	base_buf_free(&item);
	if (e != BASE_OK)
		return e;
	ck_assert_uint_eq(world_answer.nitems, 1);
	if (world_answer.items[0].err == BASE_OK && x != NULL)
		ck_assert_int_eq(wire_x509_from_der(base_buf_span(
							&world_answer.items[0]
							     .data),
				     "test", x),
		    BASE_OK);
	return world_answer.items[0].err;
}

enum base_err
world_sign(const struct wire_tbs *t, uint32_t generation, X509 **x)
{
	struct base_buf tbs;
	enum base_err e;

	base_buf_init(&tbs, 0);
	ck_assert_msg(wire_tbs_compose(t, &tbs) == BASE_OK, "%s", base_why());
	e = world_sign_der(base_buf_span(&tbs), t->root, generation, x);
	base_buf_free(&tbs);
	return e;
}

X509 *
world_root(const char *root, uint32_t generation)
{
	struct wire_tbs t;
	X509 *x = NULL;

	ck_assert_int_eq(world_keygen(root, generation, false), BASE_OK);
	ck_assert_int_eq(world_keygen(root, generation + 1, false), BASE_OK);
	t = world_tbs(WIRE_NEW_WITH_NEW, root, generation, NULL,
	    base_buf_span(&world_key(root, generation, false)->spki));
	t.has_next = true;
	memcpy(t.next_hash, world_key(root, generation + 1, false)->spki_hash,
	    sizeof(t.next_hash));
	ck_assert_msg(world_sign(&t, generation, &x) == BASE_OK, "%s",
	    (char *)world_answer.items[0].data.p);
	return x;
}

void
world_found(void)
{
	static const uint8_t none[16];
	uint8_t secret[16];
	X509_free(world_root("management", 1));
	X509_free(world_root("plant", 1));
	ck_assert_int_eq(world_keygen("management", 1, true), BASE_OK);
	ck_assert_int_eq(world_bind("ca", none, &w.node_spki[WORLD_CA], 1),
	    BASE_OK);
	for (int i = 0; i < 2; i++) {
		const char *node = i == 0 ? "web1" : "app1";

		ck_assert_int_eq(world_token(node, world_time.ms + 3600000,
				     secret),
		    BASE_OK);
		ck_assert_int_eq(world_bind(node, secret, &w.node_spki[i], 2),
		    BASE_OK);
	}
}

/* ---- a fleet that rolls ------------------------------------------------------ */

static const char *const names[] = { "web1", "app1", "ca" };

static X509 *
signed_by(const struct wire_tbs *t, uint32_t generation)
{
	X509 *x = NULL;

	ck_assert_msg(world_sign(t, generation, &x) == BASE_OK, "%.*s",
	    (int)world_answer.items[0].data.n,
	    (char *)world_answer.items[0].data.p);
	return x;
}

const struct base_buf *
world_signer(void)
{
	struct wire_tbs t;
	X509 *x;

	if (signer.n > 0)
		return &signer;
	t = world_tbs(WIRE_ORDER_CERT, "management", 1, "order",
	    base_buf_span(&world_key("management", 1, true)->spki));
	x = signed_by(&t, 1);
	base_buf_init(&signer, 0);
	ck_assert_int_eq(wire_x509_to_der(x, &signer), BASE_OK);
	X509_free(x);
	return &signer;
}

enum base_err
world_order_ask(const struct wire_order *o)
{
	struct base_buf der;
	struct wire_hsm_request r = { .type = WIRE_HSM_ORDERS,
		.nitems = 1,
		.items = &der,
		.cert = *world_signer(),
		.key = { .root = "management",
		    .generation = 1,
		    .order_signer = true,
		    .alg = WIRE_P256 } };
	enum base_err e;

	base_buf_init(&der, 0);
	ck_assert_msg(wire_order_compose(o, &der) == BASE_OK, "%s", base_why());
	if ((e = world_ask(&r)) == BASE_OK)
		e = world_answer.items[0].err;
	wire_digest(base_buf_span(&der), world_last.digest);
	base_buf_free(&der);
	base_buf_free(&world_last.cms);
	base_buf_init(&world_last.cms, 0);
	if (e == BASE_OK) {
		world_last.cms = world_answer.items[0].data;
		memset(&world_answer.items[0].data, 0,
		    sizeof(world_answer.items[0].data));
	}
	return e;
}

static X509 *
leaf(int node, const char *root, uint32_t generation)
{
	struct wire_tbs t =
	    world_tbs(node == WORLD_CA ? WIRE_CA_TLS : WIRE_NODE_CERT, root,
		generation, names[node], base_buf_span(&w.node_spki[node]));

	return signed_by(&t, generation);
}

static X509 *
new_with_old(void)
{
	struct wire_tbs t = world_tbs(WIRE_NEW_WITH_OLD, w.root, 1, NULL,
	    base_buf_span(&world_key(w.root, 2, false)->spki));

	return signed_by(&t, 1);
}

enum base_err
world_order(int node, uint32_t steps, uint64_t epoch)
{
	bool join = steps & WIRE_STEP_JOIN;
	struct wire_order *o = &world_last.o;

	wire_order_clear(o);
	*o = (struct wire_order){ .fleet = "test",
		.roll = join ? 0 : 1,
		.epoch = epoch,
		.issued = world_time,
		.expires = { world_time.ms + WORLD_DAY },
		.steps = steps,
		.from = join ? 0 : 1,
		.to = join ? 1 : 2,
		.verifies = true };
	strcpy(o->node, names[node]);
	strcpy(o->root, w.root);
	o->new_with_new = world_root(w.root, o->to);
	if (!join)
		o->new_with_old = new_with_old();
	if (steps & WIRE_STEP_CERT)
		o->cert = leaf(node, w.root, o->to);
	return world_order_ask(o);
}

static void
report_sign(const struct world_report *r, struct base_span der,
    struct base_buf *cms)
{
	X509 *x = leaf(r->signer, "management", 1);

	ck_assert_int_eq(wire_cms_sign(WIRE_C_REPORT, der, x,
			     w.node_key[r->signer], NULL, cms),
	    BASE_OK);
	X509_free(x);
}

void
world_report(const struct world_report *r, struct base_buf *cms)
{
	struct wire_report *p = base_alloc(sizeof(*p));
	struct base_buf der;

	strcpy(p->fleet, r->fleet == NULL ? "test" : r->fleet);
	strcpy(p->node, names[r->node]);
	strcpy(p->root, w.root);
	p->roll = world_last.o.roll;
	p->epoch = r->epoch;
	p->status = r->status;
	if (r->status == WIRE_FAILED)
		strcpy(p->reason, "no");
	memcpy(p->order_digest, world_last.digest, 32);
	p->at = world_time;
	p->ninventory = 1;
	strcpy(p->inventory[0].root, w.root);
	p->inventory[0].highest = r->epoch;
	p->inventory[0].trust = r->trust;
	p->inventory[0].cert = r->cert;
	if (r->rekey != NULL)
		p->rekey = *r->rekey;
	base_buf_init(&der, 0);
	base_buf_init(cms, 0);
	ck_assert_msg(wire_report_compose(p, &der) == BASE_OK, "%s",
	    base_why());
	report_sign(r, base_buf_span(&der), cms);
	base_buf_free(&der);
	free(p);
}

static enum base_err
one_item(enum wire_hsm_type type, struct base_buf *item)
{
	struct wire_hsm_request r = { .type = type,
		.nitems = 1,
		.items = item };
	enum base_err e = world_ask(&r);

	base_buf_free(item);
	return e != BASE_OK ? e : world_answer.items[0].err;
}

enum base_err
world_show(int node, const struct base_buf *report,
    const struct base_buf *order, const struct wire_hsm_holds *doubt)
{
	struct wire_hsm_proof p = { .ndoubts = 0 };
	struct base_buf item;

	strcpy(p.node, names[node]);
	strcpy(p.root, w.root);
	if (report != NULL)
		p.report = *report;
	if (order != NULL)
		p.order = *order;
	if (doubt != NULL)
		p.doubt[p.ndoubts++] = *doubt;
	base_buf_init(&item, 0);
	ck_assert_int_eq(wire_hsm_proof_compose(&p, &item), BASE_OK);
	return one_item(WIRE_HSM_SHOW, &item);
}

void
world_step(int node, uint32_t steps, uint64_t epoch, uint64_t trust,
    uint32_t cert)
{
	const struct world_report r = { .node = node,
		.signer = node,
		.status = WIRE_EFFECTIVE,
		.epoch = epoch,
		.trust = trust,
		.cert = cert };
	struct base_buf cms;

	ck_assert_msg(world_order(node, steps, epoch) == BASE_OK, "%.*s",
	    (int)world_answer.items[0].data.n,
	    (char *)world_answer.items[0].data.p);
	world_report(&r, &cms);
	ck_assert_msg(world_show(node, &cms, NULL, NULL) == BASE_OK, "%.*s",
	    (int)world_answer.items[0].data.n,
	    (char *)world_answer.items[0].data.p);
	base_buf_free(&cms);
}

enum base_err
world_tell(bool linked, bool excused)
{
	struct wire_hsm_link l = { .server = "web1" };
	char roots[1][BASE_NAME_MAX + 1];
	struct wire_hsm_node n = { .name = "app1",
		.nexcused = excused,
		.excused = roots,
		.nlinks = linked,
		.links = &l };
	struct base_buf item;

	strcpy(roots[0], w.root);
	strcpy(l.client_root, w.root);
	strcpy(l.server_root, w.root);
	base_buf_init(&item, 0);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	return one_item(WIRE_HSM_TELL, &item);
}

enum base_err
world_tell_flags(int node, bool dual, bool shallow)
{
	struct wire_hsm_link l = { .server = "web1" };
	struct wire_hsm_node n = { .dual = dual,
		.shallow = shallow,
		.nlinks = node == WORLD_APP,
		.links = &l };
	struct base_buf item;

	strcpy(n.name, node == WORLD_APP ? "app1" : "web1");
	strcpy(l.client_root, w.root);
	strcpy(l.server_root, w.root);
	base_buf_init(&item, 0);
	ck_assert_int_eq(wire_hsm_node_compose(&n, &item), BASE_OK);
	return one_item(WIRE_HSM_TELL, &item);
}

void
world_fleet(void)
{
	const uint32_t steps =
	    WIRE_STEP_JOIN | WIRE_STEP_TRUST | WIRE_STEP_CERT;

	world_found();
	X509_free(world_root(w.root, 2));
	ck_assert_int_eq(world_tell(true, false), BASE_OK);
	for (int i = strcmp(w.root, "plant") == 0 ? WORLD_APP : WORLD_CA;
	     i >= 0; i--)
		world_step(i, steps, 1, POL_GEN(1), 1);
}

void
world_refused(enum base_err e, enum base_err want, const char *word)
{
	const struct base_buf *why = &world_answer.items[0].data;

	ck_assert_int_eq(e, want);
	ck_assert_msg(memmem(why->p, why->n, word, strlen(word)) != NULL,
	    "\"%.*s\" does not say \"%s\"", (int)why->n, (char *)why->p, word);
}

struct wire_tbs
world_node_tbs(void)
{
	return world_tbs(WIRE_NODE_CERT, "plant", 1, "web1",
	    base_buf_span(&w.node_spki[0]));
}

/* Back to generation 1 for web1, by OldWithNew. */
enum base_err
world_go_back(uint64_t epoch)
{
	struct wire_order o = { .fleet = "test",
		.root = "plant",
		.node = "web1",
		.roll = 1,
		.epoch = epoch,
		.issued = world_time,
		.expires = { world_time.ms + WORLD_DAY },
		.steps = WIRE_STEP_TRUST,
		.from = 2,
		.to = 1,
		.verifies = true };
	struct wire_tbs t = world_tbs(WIRE_OLD_WITH_NEW, "plant", 2, NULL,
	    base_buf_span(&world_key("plant", 1, false)->spki));
	enum base_err e;

	o.new_with_new = world_root("plant", 1);
	t.not_before = world_key("plant", 1, false)->not_before;
	t.not_after = world_key("plant", 1, false)->not_after;
	ck_assert_int_eq(world_sign(&t, 2, &o.new_with_old), BASE_OK);
	e = world_order_ask(&o);
	wire_order_clear(&o);
	return e;
}

/* Forward, and the order says that the old key is stolen, or does not. */
void
world_go_on(bool stolen)
{
	ck_assert_int_eq(world_order(WORLD_WEB, WIRE_STEP_TRUST, 2), BASE_OK);
	world_last.o.epoch = 3;
	world_last.o.compromised = stolen;
	ck_assert_int_eq(world_order_ask(&world_last.o), BASE_OK);
}
