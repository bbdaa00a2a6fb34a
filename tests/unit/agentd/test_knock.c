/* Unit tests of agentd/knock.c: a relay that may be anybody, over real TLS.
 * Whatever it makes of what it carries, only the CA's answer joins the node,
 * and only the CA's no ends the asking. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentd/join.h"
#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"
#include "wire/net.h"

/* What the relay does with what the CA has signed. */
enum trick {
	HONEST,
	REFUSES, /* says no by itself */
	OTHER_KEY, /* an invitation of its own, so that it can read */
	OTHER_NODE, /* the CA's invitation for somebody else */
	OTHER_TOKEN, /* the CA's invitation for an earlier token */
	OLD, /* one that is over */
	ALTERS, /* a byte of the answer */
	REPLAYS, /* the CA's answer to another request */
	LIES, /* an answer of its own */
	LIES_NO, /* a no of its own */
	CA_SAYS_NO,
};

static struct event_base *eb;
static struct wire_server *server;
static struct ag_config *conf;
static struct ag_store *store;
static struct ag_holdings held;
static struct wire_token token;
static struct ag_join_conf join;
static struct base_buf request, answer;
static EVP_PKEY *key; /* of the invitation; the CA's */
static enum trick trick;
static unsigned calls, sealed;
static char *dir;

/* ---- the CA --------------------------------------------------------------------- */

static struct base_buf
sign(enum wire_content type, struct base_buf *der, bool by_ca)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 4);
	X509 *cert = rig_management_cert(by_ca ? WIRE_CA_TLS : WIRE_NODE_CERT,
	    by_ca ? "ca" : "app3", k);
	struct base_buf cms;

	base_buf_init(&cms, 0);
	OK(wire_cms_sign(type, base_buf_span(der), cert, k->key, NULL, &cms));
	base_buf_free(der);
	X509_free(cert);
	return cms;
}

static struct base_buf
invitation(void)
{
	struct wire_invite v = { .fleet = FLEET,
		.node = NODE,
		.relay = "app1",
		.issued = RIG(9),
		.expires = base_time_add_s(base_time_now(), 60),
		.nroots = 1 };
	uint8_t hash[32], word[32];
	struct base_buf der;

	wire_digest((struct base_span){ token.secret, sizeof token.secret },
	    hash);
	wire_join_word(hash, word, v.admit);
	v.root[0] = rig_management();
	OK(wire_seal_point(key, v.key));
	if (trick == OTHER_NODE)
		strcpy(v.node, "web2");
	if (trick == OTHER_TOKEN)
		v.admit[0] ^= 1;
	if (trick == OLD)
		v.expires = base_time_add_s(base_time_now(), -60);
	v.expires.ms -= v.expires.ms % 1000;
	base_buf_init(&der, 0);
	OK(wire_invite_compose(&v, &der));
	return sign(WIRE_C_INVITE, &der, trick != OTHER_KEY);
}

static struct base_buf
reply(struct base_span opened)
{
	struct wire_join_answer *a = base_alloc(sizeof *a);
	struct base_buf der;

	strcpy(a->fleet, FLEET);
	strcpy(a->node, NODE);
	wire_digest(opened, a->request_digest);
	if (trick == REPLAYS)
		a->request_digest[0] ^= 1;
	if (trick == CA_SAYS_NO || trick == LIES_NO)
		strcpy(a->refusal, "the token has expired");
	a->management_root = rig_ref(rig_management());
	base_buf_init(&der, 0);
	OK(wire_join_answer_compose(a, &der));
	wire_join_answer_clear(a);
	free(a);
	return sign(WIRE_C_JOIN_ANSWER, &der,
	    trick != LIES && trick != LIES_NO);
}

/* ---- the relay -------------------------------------------------------------------- */

static struct base_buf
carry(const struct wire_join_call *c)
{
	struct base_buf plain, cms;

	sealed++;
	/* what it carries says nothing to it */
	ck_assert_ptr_null(memmem(c->sealed.p, c->sealed.n, token.secret,
	    sizeof token.secret));
	base_buf_init(&plain, 0);
	OK(wire_unseal(key,
	    (struct base_span){ (const uint8_t *)WIRE_SEAL_JOIN,
		strlen(WIRE_SEAL_JOIN) },
	    (struct base_span){ (const uint8_t *)NODE, strlen(NODE) },
	    base_buf_span(&c->sealed), &plain));
	ck_assert_uint_eq(plain.n, request.n);
	ck_assert_mem_eq(plain.p, request.p, request.n);
	cms = reply(base_buf_span(&plain));
	if (trick == ALTERS)
		cms.p[cms.n / 2] ^= 1;
	base_buf_free(&plain);
	return cms;
}

static void
on_request(void *arg, struct wire_request *r, const char *path,
    struct base_span body)
{
	struct wire_join_call c;
	struct base_buf out;

	(void)arg;
	calls++;
	ck_assert_str_eq(path, WIRE_PATH_JOIN);
	OK(wire_join_call_parse(body, &c));
	ck_assert_ptr_null(
	    memmem(body.p, body.n, token.secret, sizeof token.secret));
	if (trick == REFUSES) {
		wire_request_answer(r, 403,
		    (struct base_span){ (const uint8_t *)"no", 2 });
	} else {
		out = c.sealed.n == 0 ? invitation() : carry(&c);
		wire_request_answer(r, 200, base_buf_span(&out));
		base_buf_free(&out);
	}
	wire_join_call_clear(&c);
}

static void
relay_up(void)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 3);
	X509 *cert = rig_leaf_of("app1", k, 1, 0, 365);
	struct wire_tls t = { .server = true, .cert = cert, .key = k->key };
	SSL_CTX *ctx;

	OK(wire_tls_ctx(&t, &ctx));
	OK(wire_server_open(eb,
	    &(struct wire_server_conf){ .address = "127.0.0.1:0",
		.ctx = ctx,
		.on_request = on_request },
	    &server));
	SSL_CTX_free(ctx);
	X509_free(cert);
}

/* ---- begin, end ---------------------------------------------------------------------- */

static void
setup(void)
{
	char *text;

	rig_t0 = base_time_add_s(base_time_now(), -10 * DAY - 60);
	rig_t0.ms -= rig_t0.ms % 1000;
	dir = rig_dir();
	eb = event_base_new();
	relay_up();
	text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"%s\";"
	    "neighbours = ( { node = \"app1\"; address = \"127.0.0.1:%u\";"
	    " role = \"poll\"; root = \"plant\"; verify_root = \"plant\"; } );",
	    dir, (unsigned)wire_server_port(server));
	OK(ag_config_parse(text, "t", &conf));
	free(text);
	OK(ag_store_open(dir, &store));
	OK(ag_holdings_open(store, conf, &held));
	OK(wire_key_make(WIRE_P256, &key));
	token = (struct wire_token){ .fleet = FLEET, .node = NODE };
	token.end = base_time_add_s(base_time_now(), 3600);
	memset(token.secret, 5, sizeof token.secret);
	wire_x509_sha256(rig_management(), token.root_sha256);
	join = (struct ag_join_conf){ conf, store, &held, &token };
	base_buf_init(&request, 0);
	base_buf_init(&answer, 0);
	OK(ag_join_request(&join, &request));
	calls = sealed = 0;
}

static void
teardown(void)
{
	base_buf_free(&request);
	base_buf_free(&answer);
	EVP_PKEY_free(key);
	ag_holdings_close(&held);
	ag_store_close(store);
	ag_config_free(conf);
	wire_server_close(server);
	wire_loop_free(eb);
	rig_dir_remove(dir);
}

/* The request that goes on being asked. */
static bool
is_kept(void)
{
	char *path = base_asprintf("%s/join.der", dir);
	bool yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

static enum base_err
knock(enum trick with)
{
	trick = with;
	base_buf_clear(&answer);
	return ag_join_call(&join, eb, base_buf_span(&request), &answer);
}

/* It may work later, by another relay. */
static void
useless(enum trick with, unsigned carried, const char *word)
{
	sealed = 0;
	NO(knock(with), BASE_E_TIMEOUT);
	ck_assert_uint_eq(answer.n, 0);
	ck_assert_uint_eq(sealed, carried);
	ck_assert_msg(strstr(base_why(), word) != NULL, "\"%s\" is not in: %s",
	    word, base_why());
}

/* ---- tests ------------------------------------------------------------------------------ */

START_TEST(answered)
{
	OK(knock(HONEST));
	ck_assert_uint_gt(answer.n, 0);
	ck_assert_uint_eq(calls, 2);
	ck_assert_uint_eq(sealed, 1);
}
END_TEST

/* Nothing is sealed to whom the token does not vouch for. */
START_TEST(bad_invitation)
{
	useless(REFUSES, 0, "refuses");
	useless(OTHER_KEY, 0, "app1");
	useless(OTHER_NODE, 0, "for node web2");
	useless(OTHER_TOKEN, 0, "another token");
	useless(OLD, 0, "is over");
	token.root_sha256[0] ^= 1;
	useless(HONEST, 0, "another management root");
}
END_TEST

START_TEST(bad_answer)
{
	useless(ALTERS, 1, "app1");
	useless(REPLAYS, 1, "another node or request");
	useless(LIES, 1, "app1");
	useless(LIES_NO, 1, "app1");
	ck_assert(is_kept());
	OK(knock(HONEST));
}
END_TEST

START_TEST(the_ca_says_no)
{
	NO(knock(CA_SAYS_NO), BASE_E_DENIED);
	ck_assert_ptr_nonnull(strstr(base_why(), "the token has expired"));
	/* who asks again asks for something else: no copy of this no fits */
	ck_assert(!is_kept());
}
END_TEST

/* A relay of another name has not been told by the CA. */
START_TEST(other_relay)
{
	free(conf->peers[0].node);
	conf->peers[0].node = base_strdup("app2");
	useless(HONEST, 0, "at relay app1");
}
END_TEST

/* The one that is dead is passed over. */
START_TEST(two_relays)
{
	struct ag_peer *p = base_alloc(2 * sizeof *p);

	p[1] = conf->peers[0];
	p[0] = p[1];
	p[0].node = base_strdup("app0");
	p[0].address = base_strdup("127.0.0.1:1");
	p[0].root = base_strdup("plant");
	p[0].verify_root = base_strdup("plant");
	free(conf->peers);
	conf->peers = p;
	conf->npeers = 2;
	OK(knock(HONEST));
}
END_TEST

/* Where the CA should be somebody else listens. */
START_TEST(wrong_address)
{
	conf->ca_address = base_strdup(conf->peers[0].address);
	OK(knock(HONEST));
	ck_assert_uint_eq(sealed, 1);
	/* without a relay there is nobody else to ask */
	conf->peers[0].push = 1;
	ck_assert_int_ne(knock(HONEST), BASE_OK);
	ck_assert_int_ne(knock(HONEST), BASE_E_TIMEOUT);
}
END_TEST

START_TEST(nobody)
{
	conf->peers[0].push = 1;
	NO(knock(HONEST), BASE_E_CONFIG);
	ck_assert_uint_eq(calls, 0);
}
END_TEST

TCase *
case_knock(void)
{
	TCase *tc = tcase_create("knock");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, answered);
	tcase_add_test(tc, bad_invitation);
	tcase_add_test(tc, bad_answer);
	tcase_add_test(tc, the_ca_says_no);
	tcase_add_test(tc, other_relay);
	tcase_add_test(tc, two_relays);
	tcase_add_test(tc, wrong_address);
	tcase_add_test(tc, nobody);
	return tc;
}
