/* world: see the header. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hsm/softhsm.h"
#include "tests/unit/hsm/world.h"

struct world w;
struct base_time world_time;
struct wire_hsm_answer world_answer;

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
		.tokens = { { .name = base_strdup("mem") } },
		.any = { .ntokens = 1, .root_days = 3650, .node_days = 90 },
		.order_days = 30,
		.backdate_s = 3600,
	};
	for (int i = 0; i < 2; i++) {
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
	wire_hsm_answer_clear(&world_answer);
	hsm_conf_clear(&w.conf);
	for (int i = 0; i < 2; i++) {
		EVP_PKEY_free(w.node_key[i]);
		base_buf_free(&w.node_spki[i]);
	}
	test_run(argv);
	free(w.dir);
}

enum base_err
world_ask(struct wire_hsm_request *r)
{
	wire_hsm_answer_clear(&world_answer);
	if (r->fleet[0] == '\0')
		strcpy(r->fleet, "test");
	hsm_core_handle(w.core, 1, r, &world_answer);
	return world_answer.err;
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
	EVP_PKEY *ca = NULL;
	struct base_buf spki;

	X509_free(world_root("management", 1));
	X509_free(world_root("plant", 1));
	ck_assert_int_eq(world_keygen("management", 1, true), BASE_OK);
	base_buf_init(&spki, 0);
	ck_assert_int_eq(wire_key_make(WIRE_P256, &ca), BASE_OK);
	ck_assert_int_eq(wire_key_spki(ca, &spki), BASE_OK);
	ck_assert_int_eq(world_bind("ca", none, &spki, 1), BASE_OK);
	base_buf_free(&spki);
	EVP_PKEY_free(ca);
	for (int i = 0; i < 2; i++) {
		const char *node = i == 0 ? "web1" : "app1";

		ck_assert_int_eq(world_token(node, world_time.ms + 3600000,
				     secret),
		    BASE_OK);
		ck_assert_int_eq(world_bind(node, secret, &w.node_spki[i], 2),
		    BASE_OK);
	}
}
