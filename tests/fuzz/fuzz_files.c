/*
 * fuzz_files: see fuzz.h. Parsers that want a file get one in memory; where a
 * file ends with a sum over itself the sum is made right, or nothing behind it
 * would ever be reached.
 */
#include "tests/fuzz/fuzz.h"

#include <check.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agentd/agent.h"
#include "agentd/spool.h"
#include "ca/kedged.h"
#include "ca/topology.h"
#include "hsm/config.h"
#include "hsm/journal.h"
#include "hsm/p11_uri.h"
#include "hsm/state.h"
#include "tests/unit/ca/asked.h"
#include "wire/verify.h"

/* What the tests' worlds assert: there is no test to report to here. */
void
_mark_point(const char *file, int line)
{
	(void)file;
	(void)line;
}

void
_ck_assert_failed(const char *file, int line, const char *expr, const char *msg,
    ...)
{
	(void)msg;
	base_die("%s:%d: %s", file, line, expr);
}

static char *
text_of(struct base_span in)
{
	return base_strndup((const char *)in.p,
	    strnlen((const char *)in.p, in.n));
}

/* ---- files ---------------------------------------------------------------------- */

static char dir[64], path[128];

static void
make_dir(void)
{
	snprintf(dir, sizeof(dir), "%s/kedge-fuzz.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir) == NULL)
		base_die("fuzz: %s: %m", dir);
	snprintf(path, sizeof(path), "%s/f", dir);
}

static void
remove_dir(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		base_log(BASE_WARNING, "fuzz: %s stays", dir);
}

static void
begin_files(void)
{
	make_dir();
	atexit(remove_dir);
}

static void
put(const char *name, const void *p, size_t n)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n || close(fd) != 0)
		base_die("fuzz: %s: %m", name);
}

/* ---- configurations, topology ----------------------------------------------------- */

static void
run_topology(struct base_span in)
{
	struct ca_topology *t = NULL;

	if (ca_topology_parse("fuzz", in, &t) == BASE_OK)
		ca_topology_free(t);
}

static void
run_agent_config(struct base_span in)
{
	char *text = text_of(in);
	struct ag_config *c = NULL;

	if (ag_config_parse(text, "fuzz", &c) == BASE_OK) {
		if (c->node == NULL || c->fleet == NULL || c->store == NULL)
			base_die("config: taken without its names");
		ag_config_free(c);
	}
	free(text);
}

static void
run_kedged_config(struct base_span in)
{
	struct ca_conf c;

	put(path, in.p, in.n);
	if (ca_conf_read(path, &c) == BASE_OK)
		ca_conf_free(&c);
}

static void
run_hsmd_config(struct base_span in)
{
	struct hsm_conf c;

	put(path, in.p, in.n);
	if (hsm_conf_read(path, &c) == BASE_OK)
		hsm_conf_clear(&c);
}

static void
run_p11_uri(struct base_span in)
{
	char *text = text_of(in);
	struct hsm_p11_uri u = { 0 };

	if (hsm_p11_uri_parse(text, &u) == BASE_OK) {
		if (u.token == NULL && u.serial == NULL)
			base_die("uri: chooses no token");
		if (!hsm_p11_uri_is_match(&u, &u))
			base_die("uri: does not match itself");
		hsm_p11_uri_clear(&u);
	}
	free(text);
}

/* ---- kedge-hsmd's journal ----------------------------------------------------------- */

static void
run_journal(struct base_span in)
{
	struct hsm_state s;
	struct hsm_journal *j = NULL;

	memset(&s, 0, sizeof(s));
	put(path, in.p, in.n);
	if (hsm_journal_open(path, hsm_state_apply, &s, &j) == BASE_OK)
		hsm_journal_close(j);
	hsm_state_clear(&s);
}

/* Records behind a chain that is right: kind, length, fields. */
static void
run_records(struct base_span in)
{
	struct base_time at = { 1 };
	struct hsm_state s;

	memset(&s, 0, sizeof(s));
	while (in.n >= 3) {
		size_t n = (size_t)in.p[1] << 8 | in.p[2];
		struct base_buf b;
		enum base_err e;

		n = n > in.n - 3 ? in.n - 3 : n;
		base_buf_init(&b, 0);
		if (base_buf_put(&b, in.p + 3, n) != BASE_OK)
			base_die("fuzz: out of memory");
		e = hsm_state_apply(&s, (enum hsm_record)in.p[0], at, &b);
		base_buf_free(&b);
		if (e != BASE_OK)
			break;
		in.p += 3 + n;
		in.n -= 3 + n;
	}
	hsm_state_clear(&s);
}

/* ---- the agent's store ----------------------------------------------------------------- */

static struct ag_store *store;
static char state_path[128], pointer_path[128];

static void
begin_store(void)
{
	char *root = NULL;

	begin_files();
	if (ag_store_open(dir, &store) != BASE_OK)
		base_die("fuzz: %s", base_why());
	root = base_asprintf("%s/plant", dir);
	if (mkdir(root, 0700) != 0)
		base_die("fuzz: %s: %m", root);
	snprintf(state_path, sizeof(state_path), "%s/state", root);
	snprintf(pointer_path, sizeof(pointer_path), "%s/current", root);
	free(root);
}

static void
run_state(struct base_span in)
{
	struct ag_state st;
	struct base_buf b, again;
	uint8_t sum[32];

	base_buf_init(&b, 0);
	base_buf_init(&again, 0);
	if (EVP_Digest(in.p, in.n, sum, NULL, EVP_sha256(), NULL) != 1 ||
	    base_buf_put(&b, in.p, in.n) != BASE_OK ||
	    base_buf_put(&b, sum, sizeof(sum)) != BASE_OK)
		base_die("fuzz: out of memory");
	put(state_path, b.p, b.n);
	if (ag_state_read(store, "plant", &st) == BASE_OK &&
	    (st.nroute > WIRE_ROUTE_MAX || st.phase > AG_FAILED))
		base_die("state: taken, but out of its bounds");
	ag_state_clear(&st);
	base_buf_free(&b);
	base_buf_free(&again);
}

static void
run_pointer(struct base_span in)
{
	struct ag_bundle *b = NULL;
	uint8_t sum[32];

	put(pointer_path, in.p, in.n);
	if (ag_store_load(store, "plant", false, &b) == BASE_OK)
		base_die("pointer: there is no version to point to");
	ag_store_digest(store, "plant", sum);
}

static void
run_manifest(struct base_span in)
{
	struct ag_bundle *b = ag_bundle_new("plant", 0);
	uint8_t sums[3][32];

	if (ag_manifest_parse(in, b, sums) == BASE_OK && b->previous > b->epoch)
		base_die("manifest: the version before is younger");
	ag_bundle_free(b);
}

static void
take_parcel(void *arg, struct wire_parcel *p)
{
	(void)p;
	++*(unsigned *)arg;
}

static void
run_spool(struct base_span in)
{
	struct ag_spool *s = NULL;
	unsigned n = 0;

	put(path, in.p, in.n);
	if (ag_spool_open(dir, &s) != BASE_OK ||
	    ag_spool_load(s, take_parcel, &n) != BASE_OK)
		base_die("fuzz: %s", base_why());
	if (n == 0 && access(path, F_OK) == 0)
		base_die("spool: what is no parcel stays");
	ag_spool_close(s);
}

/* ---- kedge verify ------------------------------------------------------------------------ */

static void
run_crls(struct base_span in)
{
	STACK_OF(X509_CRL) *sk = NULL;

	if (wire_crl_stack_from_pem(in, "fuzz", &sk) == BASE_OK)
		for (int i = 0; i < sk_X509_CRL_num(sk); i++) {
			enum base_err e =
			    wire_crl_check(sk_X509_CRL_value(sk, i));

			(void)e;
		}
	sk_X509_CRL_pop_free(sk, X509_CRL_free);
}

/* Everything is trusted and untrusted at once: a maze. */
static void
run_verify(struct base_span in)
{
	struct wire_verify v = { .purpose = WIRE_SERVER,
		.now = { INT64_C(1767312000000) },
		.max_depth = -1 };
	STACK_OF(X509) *sk = NULL;

	if (wire_x509_stack_from_pem(in, "fuzz", &sk) == BASE_OK)
		for (int i = 0; i < sk_X509_num(sk) && i < 4; i++) {
			enum base_err e = wire_verify_cert(&v,
			    sk_X509_value(sk, i), sk, sk, NULL);

			(void)e;
		}
	sk_X509_pop_free(sk, X509_free);
}

/* ---- the control socket --------------------------------------------------------------------- */

static void
begin_control(void)
{
	asked_open(
	    "roots = ( { name = \"plant\"; } );\n"
	    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
	    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; } );\n"
	    "links = ( { client = \"app1\"; server = \"web1\";\n"
	    "  auth = \"mutual\"; root = \"plant\"; } );\n");
	atexit(asked_close);
}

/* One line, which is answered, whatever it says. */
static void
run_control(struct base_span in)
{
	char *line;

	if (in.n > 32768 || in.n == 0 || memchr(in.p, '\n', in.n) != NULL ||
	    memchr(in.p, '\0', in.n) != NULL)
		return;
	line = base_strndup((const char *)in.p, in.n);
	(void)asked_try(line);
	free(line);
	if (json_string_value(json_object_get(asked.answer, "error")) == NULL &&
	    !json_is_true(json_object_get(asked.answer, "ok")))
		base_die("control: neither yes nor no");
	asked_restart();
}

const struct fuzz_target fuzz_files[] = {
	{ "topology", NULL, run_topology },
	{ "agent_config", NULL, run_agent_config },
	{ "kedged_config", begin_files, run_kedged_config },
	{ "hsmd_config", begin_files, run_hsmd_config },
	{ "p11_uri", NULL, run_p11_uri },
	{ "journal", begin_files, run_journal },
	{ "records", NULL, run_records },
	{ "state", begin_store, run_state },
	{ "pointer", begin_store, run_pointer },
	{ "manifest", NULL, run_manifest },
	{ "spool", begin_files, run_spool },
	{ "crls", NULL, run_crls },
	{ "verify", NULL, run_verify },
	{ "control", begin_control, run_control },
	{ NULL, NULL, NULL },
};
