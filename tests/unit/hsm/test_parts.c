/* config, p11_uri, backup, pin, map: the small parts. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/backup.h"
#include "hsm/config.h"
#include "hsm/map.h"
#include "hsm/p11_uri.h"
#include "hsm/pin.h"
#include "tests/unit/hsm/softhsm.h"
#include "tests/unit/hsm/suites.h"

static char *dir;

static void
setup(void)
{
	char name[] = "/tmp/kedge-parts-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	dir = base_strdup(name);
}

static void
teardown(void)
{
	const char *argv[] = { "rm", "-rf", dir, NULL };

	test_run(argv);
	free(dir);
}

static void
put(const char *name, const char *text)
{
	char *path = base_asprintf("%s/%s", dir, name);

	ck_assert_int_eq(base_file_write(path,
			     (struct base_span){ (const uint8_t *)text,
				 strlen(text) },
			     0600),
	    BASE_OK);
	free(path);
}

static bool
has(const char *name, const char *text)
{
	char *path = base_asprintf("%s/%s", dir, name);
	struct base_buf b;
	bool same;

	base_buf_init(&b, 0);
	same = base_file_read(path, 1000, &b) == BASE_OK &&
	    b.n == strlen(text) && (b.n == 0 || memcmp(b.p, text, b.n) == 0);
	base_buf_free(&b);
	free(path);
	return same;
}

/* ---- config ---------------------------------------------------------------- */

#define HEAD "fleet = \"f\";\nsocket = \"/s\";\nstate = \"/t\";\n"
#define TOK(name)                                  \
	"{ name = \"" name "\"; module = \"/m\"; " \
	"uri = \"pkcs11:token=x\"; }"
#define TOKENS "tokens = ( " TOK("a") ", " TOK("b") " );\n"

static enum base_err
conf(const char *text, struct hsm_conf *c)
{
	char *path = base_asprintf("%s/c", dir);
	enum base_err e;

	put("c", text);
	e = hsm_conf_read(path, c);
	free(path);
	return e;
}

START_TEST(config_good)
{
	struct hsm_conf c;

	ck_assert_msg(
	    conf(HEAD TOKENS
		"uids = ( 7, \"root\" );\nnode_days = 30;\n"
		"roots = ( { name = \"plant\"; tokens = [ \"b\", \"a\" ]; "
		"algorithm = \"p384\"; root_days = 9; } );\n"
		"names = ( { node = \"n\"; allow = [ \"IP:::1\" ]; } );\n"
		"other_names = \"listed\";\nsign_ms = 77;\n",
		&c) == BASE_OK,
	    "%s", base_why());
	ck_assert_str_eq(c.fleet, "f");
	ck_assert_uint_eq(c.nuids, 2);
	ck_assert_uint_eq(c.uids[0], 7);
	ck_assert_uint_eq(c.uids[1], 0);
	ck_assert_int_eq(c.sign_ms, 77);
	ck_assert_int_eq(c.other_names, HSM_LISTED);
	ck_assert_uint_eq(hsm_conf_root(&c, "plant")->token[0], 1);
	ck_assert_int_eq(hsm_conf_root(&c, "plant")->alg, WIRE_P384);
	ck_assert_int_eq(hsm_conf_root(&c, "plant")->root_days, 9);
	ck_assert_int_eq(hsm_conf_root(&c, "plant")->node_days, 30);
	ck_assert_int_eq(hsm_conf_root(&c, "other")->node_days, 30);
	ck_assert_int_eq(hsm_conf_root(&c, "other")->alg, 0);
	hsm_conf_clear(&c);
}
END_TEST

static const struct {
	const char *text, *says;
} bad_conf[] = {
	{ HEAD, "c:1: tokens is missing" },
	{ HEAD TOKENS "nod_days = 3;\n", "c:5: nod_days: unknown" },
	{ HEAD TOKENS "node_days = 0;\n",
	    "c:5: node_days: a whole number from 1 to 36500" },
	{ HEAD TOKENS "node_days = 4294967297;\n", "c:5: node_days: " },
	{ HEAD TOKENS "node_days = \"1\";\n", "c:5: node_days: a whole" },
	{ HEAD TOKENS "uids = [ -1 ];\n", "c:5: " },
	{ HEAD TOKENS "uids = [ \"no such user\" ];\n", "c:5: " },
	{ HEAD "tokens = ( " TOK("a") ", " TOK("a") " );\n", "twice" },
	{ HEAD "tokens = ( { name = \"a\"; } );\n", "c:4: module is missing" },
	{ HEAD "tokens = ( { name = \"a\"; module = \"/m\"; uri = "
	       "\"pkcs11:slot-id=1\"; } );\n",
	    "c:4: uri: " },
	{ HEAD "tokens = ( { name = \"a\"; module = \"/m\"; uri = "
	       "\"pkcs11:token=x\"; environment = [ \"=x\" ]; } );\n",
	    "c:4: environment: must be \"NAME=value\"" },
	{ HEAD "tokens = ();\n", "c:4: tokens: a list of" },
	{ HEAD TOKENS "roots = ( { name = \"r\"; tokens = [ \"c\" ]; } );\n",
	    "root \"r\": \"c\" is none of the tokens" },
	{ HEAD TOKENS "roots = ( { name = \"R\"; } );\n", "is no name" },
	{ HEAD TOKENS "roots = ( { name = \"r\"; algorithm = \"dsa\"; } );\n",
	    "c:5: algorithm: one of \"p256\"" },
	{ HEAD TOKENS "fleet = \"g\";\n", "c:5: " },
	{ HEAD TOKENS "x = {\n", "c:" },
};

START_TEST(config_bad)
{
	struct hsm_conf c;

	ck_assert_int_eq(conf(bad_conf[_i].text, &c), BASE_E_CONFIG);
	ck_assert_msg(strstr(base_why(), bad_conf[_i].says) != NULL,
	    "\"%s\" does not say \"%s\"", base_why(), bad_conf[_i].says);
}
END_TEST

START_TEST(config_absent)
{
	struct hsm_conf c;

	ck_assert_int_eq(hsm_conf_read("/nonexistent", &c), BASE_E_CONFIG);
}
END_TEST

/* ---- uri --------------------------------------------------------------------- */

START_TEST(uri_matches)
{
	char label[] = "my token", serial[] = "12;3", maker[] = "m",
	     model[] = "o";
	struct hsm_p11_uri token = { label, serial, maker, model }, u;

	ck_assert_int_eq(
	    hsm_p11_uri_parse("pkcs11:token=my%20token;serial=12%3b3", &u),
	    BASE_OK);
	ck_assert(hsm_p11_uri_is_match(&u, &token));
	serial[0] = '2';
	ck_assert(!hsm_p11_uri_is_match(&u, &token));
	hsm_p11_uri_clear(&u);
	ck_assert_int_eq(
	    hsm_p11_uri_parse("pkcs11:model=o;manufacturer=m;token=my%20token",
		&u),
	    BASE_OK);
	ck_assert(hsm_p11_uri_is_match(&u, &token));
	token.model = NULL;
	ck_assert(!hsm_p11_uri_is_match(&u, &token));
	hsm_p11_uri_clear(&u);
}
END_TEST

static const char *const bad_uri[] = { "", "pkcs12:token=a",
	"pkcs11:", "pkcs11:model=a", "pkcs11:token", "pkcs11:token=a;token=b",
	"pkcs11:token=a;slot-id=0", "pkcs11:token=a;object=k",
	"pkcs11:token=a b", "pkcs11:token=a%2", "pkcs11:token=a%gg",
	"pkcs11:token=a%00", "pkcs11:token=a?pin-value=1", "pkcs11:token=a;;" };

START_TEST(uri_bad)
{
	struct hsm_p11_uri u = { 0 };

	ck_assert_int_eq(hsm_p11_uri_parse(bad_uri[_i], &u), BASE_E_SYNTAX);
	ck_assert_ptr_null(u.token);
}
END_TEST

/* ---- backup -------------------------------------------------------------------- */

START_TEST(backup_and_restore)
{
	char *from = base_asprintf("%s/t", dir),
	     *to = base_asprintf("%s/copy", dir);
	size_t n;

	ck_assert_int_eq(hsm_backup_restore(to, from, &n), BASE_E_NOTFOUND);
	ck_assert_int_eq(mkdir(from, 0700), 0);
	ck_assert_int_eq(hsm_backup_restore(to, from, &n), BASE_E_NOTFOUND);
	{
		char *sub = base_asprintf("%s/s", from);

		ck_assert_int_eq(mkdir(sub, 0700), 0);
		free(sub);
	}
	put("t/s/token.object", "token");
	put("t/s/key1", "one");
	put("t/s/gone", "gone");
	ck_assert_int_eq(hsm_backup_take(from, to), BASE_OK);
	ck_assert(has("copy/s/gone", "gone"));
	{
		char *gone = base_asprintf("%s/s/gone", from);

		ck_assert_int_eq(unlink(gone), 0);
		free(gone);
	}
	ck_assert_int_eq(hsm_backup_take(from, to), BASE_OK);
	ck_assert(!has("copy/s/gone", "gone"));
	/* a login was cut short, and a key made since */
	put("t/s/token.object", "");
	put("t/s/key2", "two");
	ck_assert_int_eq(hsm_backup_restore(to, from, &n), BASE_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert(has("t/s/token.object", "token"));
	ck_assert(has("t/s/key1", "one"));
	ck_assert(has("t/s/key2", "two"));
	ck_assert(!has("t/s/gone", "gone"));
	ck_assert_int_eq(hsm_backup_restore(to, from, &n), BASE_OK);
	ck_assert_uint_eq(n, 0);
	free(from);
	free(to);
}
END_TEST

/* ---- pin, map ----------------------------------------------------------------------- */

START_TEST(pin_takes_the_only_copy)
{
	struct base_buf b;
	struct hsm_pin *p = NULL;

	base_buf_init(&b, 0);
	ck_assert_int_eq(hsm_pin_new(&b, &p), BASE_E_CONFIG);
	ck_assert_int_eq(base_buf_put(&b, "1234", 4), BASE_OK);
	ck_assert_int_eq(hsm_pin_new(&b, &p), BASE_OK);
	ck_assert_ptr_null(b.p);
	ck_assert_uint_eq(hsm_pin_span(p).n, 4);
	ck_assert_mem_eq(hsm_pin_span(p).p, "1234", 4);
	hsm_pin_free(p);
	hsm_pin_free(NULL);
}
END_TEST

START_TEST(map_holds_many)
{
	struct hsm_map m = { 0 };
	uint8_t key[HSM_MAP_KEY] = { 0 };
	static int value[1000];

	ck_assert_ptr_null(hsm_map_get(&m, key));
	hsm_map_remove(&m, key);
	for (int i = 0; i < 1000; i++) {
		/* the same slot for many: only later bytes differ */
		memcpy(key + (i % 2 == 0 ? 0 : 20), &i, sizeof(i));
		hsm_map_put(&m, key, &value[i]);
		ck_assert_ptr_eq(hsm_map_get(&m, key), &value[i]);
		memset(key, 0, sizeof(key));
	}
	ck_assert_uint_eq(m.n, 1000);
	for (int i = 0; i < 1000; i++) {
		memcpy(key + (i % 2 == 0 ? 0 : 20), &i, sizeof(i));
		ck_assert_ptr_eq(hsm_map_get(&m, key), &value[i]);
		hsm_map_remove(&m, key);
		ck_assert_ptr_null(hsm_map_get(&m, key));
		memset(key, 0, sizeof(key));
	}
	ck_assert_uint_eq(m.n, 0);
	hsm_map_free(&m, NULL);
}
END_TEST

TCase *
case_parts(void)
{
	TCase *t = tcase_create("parts");

	tcase_set_timeout(t, 60);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, config_good);
	tcase_add_loop_test(t, config_bad, 0,
	    sizeof(bad_conf) / sizeof(bad_conf[0]));
	tcase_add_test(t, config_absent);
	tcase_add_test(t, uri_matches);
	tcase_add_loop_test(t, uri_bad, 0,
	    sizeof(bad_uri) / sizeof(bad_uri[0]));
	tcase_add_test(t, backup_and_restore);
	tcase_add_test(t, pin_takes_the_only_copy);
	tcase_add_test(t, map_holds_many);
	return t;
}
