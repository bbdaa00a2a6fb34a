/*
 * What a certificate costs in wire/: composing, parsing and assembling it
 * (kedged and kedge-hsmd, per certificate issued), and verifying it (every
 * handshake, order and report), beside one bare ECDSA verification. CPU time
 * of one thread. Part of make bench.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "wire/x509.h"

#define ROUNDS 5000
#define FROM   ((struct base_time){ INT64_C(1767225600000) })

struct key {
	EVP_PKEY *key;
	struct base_buf spki;
	uint8_t id[20];
};

static void
must(enum base_err e)
{
	if (e != BASE_OK)
		base_die("bench: %s", base_why());
}

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
key_make(struct key *k)
{
	base_buf_init(&k->spki, 0);
	must(wire_key_make(WIRE_P256, &k->key));
	must(wire_key_spki(k->key, &k->spki));
	must(wire_spki_id(base_buf_span(&k->spki), k->id));
}

static struct wire_tbs
tbs_of(enum wire_cert_kind kind, const struct key *subject,
    const struct key *issuer)
{
	struct wire_tbs t = { .kind = kind,
		.issuer_alg = WIRE_P256,
		.fleet = "acme",
		.root = "plant",
		.not_before = FROM,
		.not_after = base_time_add_s(FROM, 86400) };

	wire_serial_make(t.serial);
	if (kind == WIRE_NODE_CERT)
		strcpy(t.node, "web1");
	t.spki = base_buf_span(&subject->spki);
	memcpy(t.ski, subject->id, sizeof(t.ski));
	memcpy(t.aki, issuer->id, sizeof(t.aki));
	return t;
}

static struct base_span
sign(const struct key *k, struct base_span tbs, uint8_t sig[128])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = 128;

	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->key) != 1 ||
	    EVP_DigestSign(ctx, sig, &n, tbs.p, tbs.n) != 1)
		base_die("bench: cannot sign");
	EVP_MD_CTX_free(ctx);
	return (struct base_span){ sig, n };
}

static X509 *
issue(const struct wire_tbs *t, const struct key *issuer)
{
	struct base_buf tbs, der;
	uint8_t sig[128];
	X509 *x = NULL;

	base_buf_init(&tbs, 0);
	base_buf_init(&der, 0);
	must(wire_tbs_compose(t, &tbs));
	must(wire_cert_assemble(base_buf_span(&tbs), WIRE_P256,
	    sign(issuer, base_buf_span(&tbs), sig), &der));
	must(wire_x509_from_der(base_buf_span(&der), "bench", &x));
	base_buf_free(&tbs);
	base_buf_free(&der);
	return x;
}

static void
bench_issue(const struct wire_tbs *t, const struct key *issuer)
{
	struct base_buf tbs, der;
	struct base_span sig;
	struct wire_tbs got;
	uint8_t bytes[128];
	double a, b, c, d;

	base_buf_init(&tbs, 0);
	base_buf_init(&der, 0);
	a = cpu_us();
	for (int i = 0; i < ROUNDS; i++) {
		base_buf_clear(&tbs);
		must(wire_tbs_compose(t, &tbs));
	}
	b = cpu_us();
	for (int i = 0; i < ROUNDS; i++) {
		must(wire_tbs_parse(base_buf_span(&tbs), &got));
		wire_tbs_free(&got);
	}
	c = cpu_us();
	sig = sign(issuer, base_buf_span(&tbs), bytes);
	d = cpu_us();
	for (int i = 0; i < ROUNDS; i++) {
		base_buf_clear(&der);
		must(wire_cert_assemble(base_buf_span(&tbs), WIRE_P256, sig,
		    &der));
	}
	printf("certs: compose %.1f us, parse and compose again %.1f us, "
	       "assemble %.1f us\n",
	    (b - a) / ROUNDS, (c - b) / ROUNDS, (cpu_us() - d) / ROUNDS);
	base_buf_free(&tbs);
	base_buf_free(&der);
}

static double
verify_us(X509 *x, X509 *root, X509 *link)
{
	const struct wire_verify v = { .purpose = WIRE_SERVER,
		.closed = true,
		.now = FROM,
		.max_depth = -1,
		.name_kind = WIRE_NAME_DNS,
		.name = "web1" };
	STACK_OF(X509) *trust = sk_X509_new_null();
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	double start = cpu_us();

	sk_X509_push(trust, root);
	if (link != NULL)
		sk_X509_push(untrusted, link);
	for (int i = 0; i < ROUNDS / 10; i++)
		must(wire_verify_cert(&v, x, trust, untrusted, NULL));
	sk_X509_free(trust);
	sk_X509_free(untrusted);
	return (cpu_us() - start) / (ROUNDS / 10);
}

static double
signature_us(X509 *x, X509 *root)
{
	double start = cpu_us();

	for (int i = 0; i < ROUNDS / 10; i++)
		if (X509_verify(x, X509_get0_pubkey(root)) != 1)
			base_die("bench: bad signature");
	return (cpu_us() - start) / (ROUNDS / 10);
}

int
main(void)
{
	struct key old, new, node;
	struct wire_tbs t;
	X509 *root, *link, *leaf, *new_leaf;
	double bare, one, two;

	key_make(&old);
	key_make(&new);
	key_make(&node);
	t = tbs_of(WIRE_NEW_WITH_NEW, &old, &old);
	root = issue(&t, &old);
	t = tbs_of(WIRE_NEW_WITH_OLD, &new, &old);
	link = issue(&t, &old);
	t = tbs_of(WIRE_NODE_CERT, &node, &new);
	new_leaf = issue(&t, &new);
	t = tbs_of(WIRE_NODE_CERT, &node, &old);
	leaf = issue(&t, &old);
	bench_issue(&t, &old);
	bare = signature_us(leaf, root);
	one = verify_us(leaf, root, NULL);
	two = verify_us(new_leaf, root, link);
	printf("certs: verify a leaf %.0f us (%.1f of one bare signature), "
	       "with NewWithOld %.0f us (%.1f)\n",
	    one, one / bare, two, two / bare);
	return 0;
}
