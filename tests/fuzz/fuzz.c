/*
 * All libFuzzer targets in one program; FUZZ_TARGET names the parser. Where a
 * message has a composer, what is taken must compose to the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/wire/sample.h"
#include "wire/http.h"
#include "wire/verify.h"

#define TRUST "tests/data/msg/root.pem"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets a text that never ends. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static STACK_OF(X509) *trust;
static const struct sample *sample;
static void (*run)(struct base_span in);

static void
run_sample(struct base_span in)
{
	struct base_buf again;

	base_buf_init(&again, 0);
	if (sample->again(in, &again) == BASE_OK &&
	    (again.n != in.n || memcmp(again.p, in.p, in.n) != 0))
		base_die("%s: taken, but composes to other bytes",
		    sample->name);
	base_buf_free(&again);
}

static void
run_frame(struct base_span in)
{
	struct base_span msg;
	size_t used = 0;

	if (wire_hsm_frame_get(in, &msg, &used) == BASE_OK &&
	    (used > in.n || msg.n + 4 != used))
		base_die("hsm frame: %zu of %zu bytes", used, in.n);
}

static void
run_cms(struct base_span in)
{
	for (int t = WIRE_C_ORDER; t <= WIRE_C_INVITE; t++) {
		struct base_buf content;
		struct wire_signer s;
		enum base_err e;

		base_buf_init(&content, 0);
		e = wire_cms_verify((enum wire_content)t, in, trust, ON(1),
		    &content, &s);
		if ((e == BASE_OK) != (content.n != 0))
			base_die("cms: content without a signature");
		base_buf_free(&content);
		wire_signer_clear(&s);
	}
}

static void
run_http(struct base_span in,
    enum base_err (*parse)(struct base_span, struct wire_http_head *, size_t *))
{
	struct wire_http_head h;
	size_t used = 0;

	if (parse(in, &h, &used) == BASE_OK && used > in.n)
		base_die("http: %zu of %zu bytes", used, in.n);
}

static void
run_http_request(struct base_span in)
{
	run_http(in, wire_http_request_parse);
}

static void
run_http_answer(struct base_span in)
{
	run_http(in, wire_http_answer_parse);
}

/* Name constraints of x upon itself. */
static void
chain_of_two(X509 *x)
{
	STACK_OF(X509) *sk = sk_X509_new_null();
	enum base_err e;

	if (sk == NULL || sk_X509_push(sk, x) <= 0 || sk_X509_push(sk, x) <= 0)
		base_die("fuzz: out of memory");
	e = wire_pkix_check_chain(sk);
	(void)e;
	sk_X509_free(sk);
}

static void
run_crl(struct base_span in)
{
	const uint8_t *p = in.p;
	X509_CRL *c = d2i_X509_CRL(NULL, &p, (long)in.n);
	enum base_err e;

	if (c == NULL)
		return;
	e = wire_crl_check(c);
	(void)e;
	X509_CRL_free(c);
}

static void
run_cert(struct base_span in)
{
	struct wire_verify v = {
		.purpose = WIRE_CLIENT,
		.closed = true,
		.now = ON(1),
		.max_depth = -1,
	};
	char node[BASE_NAME_MAX + 1];
	X509 *x = NULL;
	enum base_err e;

	if (wire_x509_from_der(in, "fuzz", &x) != BASE_OK)
		return;
	e = wire_verify_cert(&v, x, trust, NULL, NULL);
	v.closed = false;
	if (e == BASE_OK &&
	    wire_verify_cert(&v, x, trust, NULL, NULL) != BASE_OK)
		base_die("cert: the closed profile takes more than the open");
	e = wire_x509_node(x, node);
	e = wire_verify_root(x, ON(1));
	/* what stands behind a signature that no fuzzer finds */
	e = wire_pkix_check(x, false);
	e = wire_profile_check(x, x, true);
	e = wire_profile_check(x, x, false);
	chain_of_two(x);
	X509_free(x);
}

static void
run_pem(struct base_span in)
{
	STACK_OF(X509) *sk = NULL;

	if (wire_x509_stack_from_pem(in, "fuzz", &sk) == BASE_OK &&
	    sk_X509_num(sk) < 1)
		base_die("pem: an empty list");
	sk_X509_pop_free(sk, X509_free);
}

static void
run_csr(struct base_span in)
{
	struct base_buf spki;

	base_buf_init(&spki, 0);
	if (wire_csr_check(in, FLEET, "app1", &spki) == BASE_OK && spki.n == 0)
		base_die("csr: no key");
	base_buf_free(&spki);
}

static void
run_rekey(struct base_span in)
{
	const struct base_span old =
	    base_buf_span(&fleet_key(WIRE_P256, 1)->spki);
	struct base_buf spki;

	base_buf_init(&spki, 0);
	if (wire_rekey_check(in, FLEET, "app1", old, &spki) == BASE_OK &&
	    spki.n == 0)
		base_die("rekey: no key");
	base_buf_free(&spki);
}

static void
run_tbs(struct base_span in)
{
	struct base_buf again;
	struct wire_tbs t;

	base_buf_init(&again, 0);
	if (wire_tbs_parse(in, &t) != BASE_OK)
		return;
	if (wire_tbs_compose(&t, &again) != BASE_OK || again.n != in.n ||
	    memcmp(again.p, in.p, in.n) != 0)
		base_die("tbs: taken, but composes to other bytes");
	wire_tbs_free(&t);
	base_buf_free(&again);
}

static void
run_seal(struct base_span in)
{
	static EVP_PKEY *key;
	struct base_buf plain;

	if (key == NULL)
		key = sample_seal_key();
	base_buf_init(&plain, 0);
	if (wire_unseal(key, STR(WIRE_SEAL_JOIN), STR("app1"), in, &plain) ==
		BASE_OK &&
	    plain.n + WIRE_SEAL_POINT >= in.n)
		base_die("seal: more came out than went in");
	base_buf_free(&plain);
}

static const struct {
	const char *name;
	void (*run)(struct base_span in);
} others[] = {
	{ "hsm_frame", run_frame },
	{ "cms", run_cms },
	{ "http_request", run_http_request },
	{ "http_answer", run_http_answer },
	{ "cert", run_cert },
	{ "crl", run_crl },
	{ "pem", run_pem },
	{ "csr", run_csr },
	{ "rekey", run_rekey },
	{ "tbs", run_tbs },
	{ "seal", run_seal },
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *target = getenv("FUZZ_TARGET");
	struct base_buf pem;

	(void)argc, (void)argv;
	base_log_open("fuzz", BASE_ERR);
	base_buf_init(&pem, 0);
	if (target == NULL || base_file_read(TRUST, 65536, &pem) != BASE_OK ||
	    wire_x509_stack_from_pem(base_buf_span(&pem), TRUST, &trust) !=
		BASE_OK)
		base_die("fuzz: FUZZ_TARGET is not set, or %s is missing",
		    TRUST);
	base_buf_free(&pem);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(target, others[i].name) == 0)
			run = others[i].run;
	for (const struct fuzz_target *t = fuzz_files; t->name != NULL; t++)
		if (strcmp(target, t->name) == 0) {
			run = t->run;
			if (t->begin != NULL)
				t->begin();
		}
	if (run == NULL) {
		sample = sample_find(target);
		run = run_sample;
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	run((struct base_span){ p, n });
	return 0;
}
