/*
 * fuzz-seeds DIR: writes one good sample of everything that kedge parses into
 * DIR/TARGET/sample, for fuzzing and for the test that old messages are still
 * understood; and DIR/root.pem, under which the signed ones verify.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "tests/unit/wire/sample.h"
#include "wire/http.h"

static const char *dir;

static void
must(enum base_err e)
{
	if (e != BASE_OK)
		base_die("fuzz-seeds: %s", base_why());
}

static void
save(const char *target, struct base_buf *b)
{
	char *folder = base_asprintf("%s/%s", dir, target);
	char *path = base_asprintf("%s/sample", folder);

	must(base_dir_make(folder, 0755));
	must(base_file_write(path, base_buf_span(b), 0644));
	base_buf_clear(b);
	free(folder);
	free(path);
}

static void
seed_certs(struct base_buf *b)
{
	const struct fleet_key *root = fleet_key(WIRE_P256, 0);
	const struct fleet_key *leaf = fleet_key(WIRE_P256, 1);
	struct wire_tbs t =
	    fleet_tbs(WIRE_NEW_WITH_NEW, "management", "", root, root);
	X509 *x = fleet_issue(&t, root);
	char *path = base_asprintf("%s/root.pem", dir);

	must(wire_x509_to_pem(x, b));
	must(base_file_write(path, base_buf_span(b), 0644));
	save("pem", b);
	t = fleet_tbs(WIRE_NODE_CERT, "management", "app1", leaf, root);
	must(wire_tbs_compose(&t, b));
	save("tbs", b);
	x = fleet_issue(&t, root);
	must(wire_x509_to_der(x, b));
	save("cert", b);
	must(wire_cms_sign(WIRE_C_REPORT, STR("content"), x, leaf->key, NULL,
	    b));
	save("cms", b);
	must(wire_csr_make(leaf->key, FLEET, "app1", b));
	save("csr", b);
	must(wire_rekey_make(leaf->key, root->key, FLEET, "app1", b));
	save("rekey", b);
	free(path);
}

static void
seed_seal(struct base_buf *b)
{
	EVP_PKEY *key = sample_seal_key();
	uint8_t point[WIRE_SEAL_POINT];

	must(wire_seal_point(key, point));
	must(wire_seal(point, STR(WIRE_SEAL_JOIN), STR("app1"), STR("plain"),
	    b));
	save("seal", b);
	EVP_PKEY_free(key);
}

/* A test, because the samples assert. */
START_TEST(seed_all)
{
	struct base_buf b;

	must(base_dir_make(dir, 0755));
	base_buf_init(&b, 0);
	for (size_t i = 0; i < nsamples; i++) {
		samples[i].make(&b);
		save(samples[i].name, &b);
	}
	must(wire_hsm_frame_put(&b, STR("message")));
	save("hsm_frame", &b);
	must(wire_http_request_put("/kedge/v1/join", "ca:7443", 7, &b));
	save("http_request", &b);
	must(wire_http_answer_put(200, 7, true, &b));
	save("http_answer", &b);
	seed_certs(&b);
	seed_seal(&b);
	base_buf_free(&b);
}
END_TEST

int
main(int argc, char **argv)
{
	TCase *tc = tcase_create("seeds");
	Suite *suite = suite_create("seeds");
	SRunner *runner = srunner_create(suite);
	int failed;

	base_log_open("fuzz-seeds", BASE_INFO);
	if (argc != 2)
		base_die("usage: fuzz-seeds DIR");
	dir = argv[1];
	tcase_add_test(tc, seed_all);
	suite_add_tcase(suite, tc);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_MINIMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
