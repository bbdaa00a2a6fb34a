/*
 * Begin and end of a probe: the words for a TLS error, the canary that is not
 * ours, time, and a chain that is compared.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "agentd/probe_impl.h"
#include "tests/unit/agentd/probe_rig.h"
#include "tests/unit/agentd/suites.h"

START_TEST(alerts)
{
	const int unknown_ca = SSL_AD_REASON_OFFSET + SSL_AD_UNKNOWN_CA;

	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);

	ck_assert(ag_probe_is_alert(ERR_PACK(ERR_LIB_SSL, 0, unknown_ca)));
	/* the other side has vanished, or a fault of our own */
	ck_assert(!ag_probe_is_alert(0));
	ck_assert(!ag_probe_is_alert(
	    ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING)));
	ck_assert(!ag_probe_is_alert(ERR_PACK(ERR_LIB_EVP, 0, unknown_ca)));
	ck_assert_str_eq(ag_probe_tls_error(0), "connection closed");
	ck_assert_ptr_nonnull(
	    strstr(ag_probe_tls_error(ERR_PACK(ERR_LIB_SSL, 0, unknown_ca)),
		"unknown ca"));
}
END_TEST

/* A canary for another key is refused before anybody is called. */
START_TEST(canary_of_another_key)
{
	struct ag_probe_conf c = { .shown = rig_management_leaf() };
	char *nobody = app_free_address();

	side.address = nobody;
	says(probe(c), "not for this node's key");
	/* with the right one somebody is called, and is not there */
	c.shown = canary[1];
	says(probe(c), "");
	ck_assert_ptr_null(strstr(base_why(), "not for this node's key"));
	free(nobody);
}
END_TEST

/* Nobody answers: the sentence says how far it came. */
START_TEST(no_end)
{
	char *silent;
	struct ag_probe_conf c = { .shown = canary[1], .timeout_ms = 30 };
	evutil_socket_t fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;

	/* accepts by the kernel, and says nothing */
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, n), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	silent = base_asprintf("127.0.0.1:%u", ntohs(at.sin_port));
	side.address = silent;
	NO(probe(c), BASE_E_TIMEOUT);
	ck_assert_msg(strstr(base_why(), "no TLS session") != NULL, "%s",
	    base_why());
	close(fd);
	free(silent);
}
END_TEST

static void
never(void *arg, enum base_err e)
{
	(void)arg, (void)e;
	ck_abort_msg("done was called");
}

START_TEST(cancelled)
{
	char *nobody = app_free_address();
	struct ag_probe_conf c = { .eb = eb,
		.side = &side,
		.key = rig_node_key()->key,
		.shown = canary[1],
		.timeout_ms = 5000,
		.done = never };

	side.address = nobody;
	ag_probe_cancel(ag_probe_start(&c));
	ag_probe_cancel(NULL);
	event_base_dispatch(eb);
	free(nobody);
}
END_TEST

TCase *
case_probe(void)
{
	TCase *t = tcase_create("probe");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, probe_setup, probe_teardown);
	tcase_add_test(t, alerts);
	tcase_add_test(t, canary_of_another_key);
	tcase_add_test(t, no_end);
	tcase_add_test(t, cancelled);
	return t;
}
