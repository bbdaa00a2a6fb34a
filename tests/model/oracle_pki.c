/* oracle_pki: roots and leaves with throw-away keys, composed by the code
 * with which the CA composes them. See oracle.h. */
#include <stdio.h>
#include <string.h>

#include "tests/model/oracle.h"
#include "wire/x509.h"

#define T0  ((struct base_time){ INT64_C(1767225600000) }) /* 2026-01-01 */
#define DAY INT64_C(86400)

struct key {
	EVP_PKEY *key;
	struct base_buf spki;
	uint8_t ski[20];
};

static struct {
	struct key root_key[3], node_key[ORACLE_NODES];
	X509 *root[3], *link[3], *leaf[ORACLE_NODES][3];
} pki[ORACLE_ROOTS];

static void
must(enum base_err r)
{
	if (r != BASE_OK)
		base_die("oracle: %s", base_why());
}

struct base_time
pki_now(void)
{
	return base_time_add_s(T0, 30 * DAY);
}

const char *
pki_node(uint32_t node)
{
	static const char *const names[ORACLE_NODES] = { "n0", "n1", "n2", "n3",
		"n4", "n5", "n6" };

	return names[node];
}

const char *
pki_root_name(uint32_t root)
{
	return root == 0 ? "plant" : "lab";
}

static void
key_make(struct key *k)
{
	base_buf_init(&k->spki, 0);
	must(wire_key_make(WIRE_P256, &k->key));
	must(wire_key_spki(k->key, &k->spki));
	must(wire_spki_id(base_buf_span(&k->spki), k->ski));
}

static void
key_free(struct key *k)
{
	EVP_PKEY_free(k->key);
	base_buf_free(&k->spki);
}

static X509 *
issue(const struct wire_tbs *t, const struct key *issuer)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct base_buf tbs, der;
	uint8_t sig[128];
	size_t n = sizeof(sig);
	X509 *x = NULL;

	base_buf_init(&tbs, 0);
	base_buf_init(&der, 0);
	must(wire_tbs_compose(t, &tbs));
	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, issuer->key) !=
		1 ||
	    EVP_DigestSign(ctx, sig, &n, tbs.p, tbs.n) != 1)
		base_die("oracle: cannot sign");
	must(wire_cert_assemble(base_buf_span(&tbs), WIRE_P256,
	    (struct base_span){ sig, n }, &der));
	must(wire_x509_from_der(base_buf_span(&der), "oracle", &x));
	EVP_MD_CTX_free(ctx);
	base_buf_free(&tbs);
	base_buf_free(&der);
	return x;
}

static struct wire_tbs
fields(enum wire_cert_kind kind, uint32_t root, const struct key *subject,
    const struct key *issuer)
{
	struct wire_tbs t = { .kind = kind, .issuer_alg = WIRE_P256 };

	wire_serial_make(t.serial);
	strcpy(t.fleet, "acme");
	strcpy(t.root, pki_root_name(root));
	t.not_before = T0;
	t.not_after = base_time_add_s(T0, 3650 * DAY);
	t.spki = base_buf_span(&subject->spki);
	memcpy(t.ski, subject->ski, sizeof(t.ski));
	memcpy(t.aki, issuer->ski, sizeof(t.aki));
	return t;
}

static void
root_make(uint32_t root)
{
	struct key *k = pki[root].root_key;
	struct wire_tbs t;

	for (uint32_t g = 1; g <= 2; g++)
		key_make(&k[g]);
	for (uint32_t g = 1; g <= 2; g++) {
		t = fields(WIRE_NEW_WITH_NEW, root, &k[g], &k[g]);
		pki[root].root[g] = issue(&t, &k[g]);
		t = fields(g == 2 ? WIRE_NEW_WITH_OLD : WIRE_OLD_WITH_NEW, root,
		    &k[g], &k[3 - g]);
		pki[root].link[g] = issue(&t, &k[3 - g]);
	}
}

static void
node_make(uint32_t root, uint32_t node)
{
	struct key *k = &pki[root].node_key[node];
	struct wire_tbs t;

	key_make(k);
	for (uint32_t g = 1; g <= 2; g++) {
		t = fields(WIRE_NODE_CERT, root, k, &pki[root].root_key[g]);
		strcpy(t.node, pki_node(node));
		t.not_after = base_time_add_s(T0, 365 * DAY);
		pki[root].leaf[node][g] = issue(&t, &pki[root].root_key[g]);
	}
}

void
pki_make(void)
{
	for (uint32_t r = 0; r < ORACLE_ROOTS; r++) {
		root_make(r);
		for (uint32_t i = 0; i < ORACLE_NODES; i++)
			node_make(r, i);
	}
}

X509 *
pki_root(uint32_t root, uint32_t generation)
{
	return pki[root].root[generation];
}

X509 *
pki_link(uint32_t root, uint32_t generation)
{
	return pki[root].link[generation];
}

X509 *
pki_leaf(uint32_t node, uint32_t root, uint32_t generation)
{
	return pki[root].leaf[node][generation];
}

EVP_PKEY *
pki_key(uint32_t node, uint32_t root)
{
	return pki[root].node_key[node].key;
}

void
pki_free(void)
{
	for (uint32_t r = 0; r < ORACLE_ROOTS; r++)
		for (uint32_t g = 1; g <= 2; g++) {
			X509_free(pki[r].root[g]);
			X509_free(pki[r].link[g]);
			key_free(&pki[r].root_key[g]);
			for (uint32_t i = 0; i < ORACLE_NODES; i++) {
				X509_free(pki[r].leaf[i][g]);
				if (g == 1)
					key_free(&pki[r].node_key[i]);
			}
		}
}
