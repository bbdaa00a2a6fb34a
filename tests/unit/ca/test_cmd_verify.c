/* Tests of ca/cmd_verify.c: what `kedge verify` reads, answers and exits
 * with. What it decides is tested in tests/unit/wire. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "ca/cli.h"
#include "tests/unit/ca/suites.h"
#include "tests/unit/wire/fleet.h"

static char dir[] = "/tmp/kedge-verify-XXXXXX";
static char output[8192], errors[4096];

static const char *
path(const char *name)
{
	static char paths[32][64];
	static size_t next;
	char *p = paths[next++ % 32];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static void
write_cert(const char *name, const X509 *x, bool pem)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	ck_assert_int_eq(pem ? wire_x509_to_pem(x, &b)
			     : wire_x509_to_der(x, &b),
	    BASE_OK);
	ck_assert_int_eq(base_file_write(path(name), base_buf_span(&b), 0600),
	    BASE_OK);
	base_buf_free(&b);
}

static void
setup(void)
{
	const struct fleet_key *rk = fleet_key(WIRE_P256, 0);
	struct wire_tbs t = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "", rk, rk);
	X509 *root = fleet_issue(&t, rk), *leaf;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	t = fleet_tbs(WIRE_NODE_CERT, "plant", "web1", fleet_key(WIRE_P256, 1),
	    rk);
	leaf = fleet_issue(&t, rk);
	write_cert("root.pem", root, true);
	write_cert("leaf.pem", leaf, true);
	write_cert("leaf.der", leaf, false);
	ck_assert_int_eq(base_file_write(path("empty"),
			     (struct base_span){ (const uint8_t *)"", 0 },
			     0600),
	    BASE_OK);
	X509_free(root);
	X509_free(leaf);
}

static void
teardown(void)
{
	static const char *const names[] = { "root.pem", "leaf.pem", "leaf.der",
		"empty" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path(names[i]));
	(void)rmdir(dir);
}

/* kedge verify --time … with these words, up to NULL */
static int
verify(const char *const *words)
{
	char *argv[24] = { NULL };
	int argc = 0, code;
	FILE *out = fmemopen(output, sizeof(output), "w");
	FILE *err = fmemopen(errors, sizeof(errors), "w");

	argv[argc++] = base_strdup("kedge");
	argv[argc++] = base_strdup("verify");
	for (; *words != NULL; words++)
		argv[argc++] = base_strdup(*words);
	code = cli_main(argc, argv, out, err);
	fclose(out);
	fclose(err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return code;
}
#define VERIFY(...) verify((const char *const[]){ __VA_ARGS__, NULL })
#define COMMON                                                         \
	"--trust", path("root.pem"), "--time", "2026-02-03T04:05:06Z", \
	    "--purpose", "server"

START_TEST(accepts)
{
	ck_assert_int_eq(VERIFY(COMMON, path("leaf.pem")), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "CN=web1,O=acme"));
	ck_assert_int_eq(VERIFY(COMMON, path("leaf.der")), CLI_DONE);
	ck_assert_int_eq(VERIFY(COMMON, "--name", "DNS:web1", "--max-depth",
			     "0", "--profile", "any", "--untrusted",
			     path("empty"), path("leaf.pem")),
	    CLI_DONE);
	ck_assert_int_eq(VERIFY(COMMON, "--json", path("leaf.pem")), CLI_DONE);
	ck_assert_ptr_nonnull(strstr(output, "\"accepted\":true"));
}
END_TEST

START_TEST(refuses)
{
	ck_assert_int_eq(VERIFY(COMMON, "--name", "DNS:web2", path("leaf.pem")),
	    CLI_FAILED);
	ck_assert_ptr_nonnull(strstr(errors, "web2"));
	ck_assert_str_eq(output, "");
	ck_assert_int_eq(VERIFY(COMMON, "--json", "--name", "DNS:web2",
			     path("leaf.pem")),
	    CLI_FAILED);
	ck_assert_ptr_nonnull(strstr(output, "\"accepted\":false"));
	ck_assert_ptr_nonnull(strstr(output, "\"error\":\"REFUSED\""));
	ck_assert_int_eq(VERIFY("--trust", path("root.pem"), "--time",
			     "2030-01-01T00:00:00Z", "--purpose", "server",
			     path("leaf.pem")),
	    CLI_FAILED);
	ck_assert_int_eq(VERIFY(COMMON, path("nothing")), CLI_FAILED);
	ck_assert_int_eq(VERIFY(COMMON, path("empty")), CLI_FAILED);
	ck_assert_int_eq(VERIFY(COMMON, "--crl", path("empty"),
			     path("leaf.pem")),
	    CLI_FAILED);
	ck_assert_int_eq(VERIFY("--time", "2026-02-03T04:05:06Z", "--purpose",
			     "server", "--untrusted", path("leaf.der"),
			     "--trust", path("leaf.pem"), path("leaf.pem")),
	    CLI_FAILED);
}
END_TEST

START_TEST(usage)
{
	const char *leaf = path("leaf.pem");

	ck_assert_int_eq(VERIFY(leaf), CLI_USAGE);
	ck_assert_int_eq(VERIFY("--trust", leaf, leaf), CLI_USAGE);
	ck_assert_int_eq(VERIFY(COMMON), CLI_USAGE);
	ck_assert_int_eq(VERIFY(COMMON, "--name", "web1", leaf), CLI_USAGE);
	ck_assert_int_eq(VERIFY(COMMON, "--name", "DNS:", leaf), CLI_USAGE);
	ck_assert_int_eq(VERIFY(COMMON, "--time", "today", leaf), CLI_USAGE);
	ck_assert_int_eq(VERIFY(COMMON, "--max-depth", "-1", leaf), CLI_USAGE);
	ck_assert_int_eq(VERIFY(COMMON, "--max-depth", "1x", leaf), CLI_USAGE);
	ck_assert_int_eq(VERIFY(COMMON, "--profile", "open", leaf), CLI_USAGE);
	ck_assert_int_eq(VERIFY("--trust", leaf, "--purpose", "peer", leaf),
	    CLI_USAGE);
}
END_TEST

TCase *
case_cmd_verify(void)
{
	TCase *c = tcase_create("cmd_verify");

	tcase_add_unchecked_fixture(c, setup, teardown);
	tcase_add_test(c, accepts);
	tcase_add_test(c, refuses);
	tcase_add_test(c, usage);
	return c;
}
