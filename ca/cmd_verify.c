/*
 * cmd_verify: `kedge verify`: runs the code by which a node decides on a
 * certificate, offline. Called by the CLI's frame.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ca/cli.h"
#include "wire/x509.h"

#define FILE_MAX ((size_t)16 << 20)

struct input {
	struct wire_verify v;
	STACK_OF(X509) *cert; /* the certificate, then what came along */
	STACK_OF(X509) *trust, *untrusted;
	STACK_OF(X509_CRL) *crls;
};

static enum base_err
usage(const char *why)
{
	return base_fail(BASE_E_USAGE,
	    "kedge verify: %s; see kedge help verify", why);
}

/* ---- files --------------------------------------------------------------- */

/* DER begins with a SEQUENCE, and no text with that byte and a length. */
static bool
is_pem(struct base_span s)
{
	return s.n > 0 && s.p[0] != 0x30 &&
	    memmem(s.p, s.n, "-----BEGIN", 10) != NULL;
}

/* An empty file is an error unless may_be_empty; then *out stays NULL. */
static enum base_err
certs_read(const char *path, bool may_be_empty, STACK_OF(X509) **out)
{
	struct base_buf b;
	X509 *x = NULL;
	enum base_err r;

	base_buf_init(&b, 0);
	if ((r = base_file_read(path, FILE_MAX, &b)) != BASE_OK ||
	    (may_be_empty && b.n == 0))
		goto out;
	if (is_pem(base_buf_span(&b))) {
		r = wire_x509_stack_from_pem(base_buf_span(&b), path, out);
		goto out;
	}
	if ((r = wire_x509_from_der(base_buf_span(&b), path, &x)) != BASE_OK)
		goto out;
	if ((*out = sk_X509_new_null()) == NULL || sk_X509_push(*out, x) <= 0)
		base_die("kedge verify: out of memory");
out:
	base_buf_free(&b);
	return r;
}

static enum base_err
crl_from_der(struct base_span der, const char *path, STACK_OF(X509_CRL) **out)
{
	const uint8_t *p = der.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);

	if (crl == NULL || p != der.p + der.n) {
		X509_CRL_free(crl);
		return base_fail(BASE_E_SYNTAX,
		    "%s: neither CRLs in PEM nor one in DER", path);
	}
	if ((*out = sk_X509_CRL_new_null()) == NULL ||
	    sk_X509_CRL_push(*out, crl) <= 0)
		base_die("kedge verify: out of memory");
	return BASE_OK;
}

static enum base_err
crls_read(const char *path, STACK_OF(X509_CRL) **out)
{
	struct base_buf b;
	struct base_span s;
	enum base_err r;

	base_buf_init(&b, 0);
	r = base_file_read(path, FILE_MAX, &b);
	s = base_buf_span(&b);
	if (r == BASE_OK)
		r = is_pem(s) ? wire_crl_stack_from_pem(s, path, out)
			      : crl_from_der(s, path, out);
	base_buf_free(&b);
	return r;
}

/* What stands behind the certificate in its file, as a server's chain file
 * has it, is untrusted as well. */
static void
untrusted_add_rest(struct input *in)
{
	if (in->untrusted == NULL &&
	    (in->untrusted = sk_X509_new_null()) == NULL)
		base_die("kedge verify: out of memory");
	while (sk_X509_num(in->cert) > 1)
		if (sk_X509_push(in->untrusted, sk_X509_delete(in->cert, 1)) <=
		    0)
			base_die("kedge verify: out of memory");
}

static enum base_err
files_read(struct cli *c, struct input *in)
{
	const char *untrusted = cli_get(c, "untrusted");
	const char *crl = cli_get(c, "crl");
	enum base_err r;

	if ((r = certs_read(cli_get(c, "trust"), false, &in->trust)) !=
		BASE_OK ||
	    (r = certs_read(cli_arg(c, 0), false, &in->cert)) != BASE_OK ||
	    (untrusted != NULL &&
		(r = certs_read(untrusted, true, &in->untrusted)) != BASE_OK) ||
	    (crl != NULL && (r = crls_read(crl, &in->crls)) != BASE_OK))
		return r;
	in->v.crls = in->crls;
	untrusted_add_rest(in);
	return BASE_OK;
}

static void
input_free(struct input *in)
{
	sk_X509_pop_free(in->cert, X509_free);
	sk_X509_pop_free(in->trust, X509_free);
	sk_X509_pop_free(in->untrusted, X509_free);
	sk_X509_CRL_pop_free(in->crls, X509_CRL_free);
}

/* ---- options -------------------------------------------------------------- */

static enum base_err
purpose_parse(const char *s, struct wire_verify *v)
{
	if (strcmp(s, "server") == 0)
		v->purpose = WIRE_SERVER;
	else if (strcmp(s, "client") == 0)
		v->purpose = WIRE_CLIENT;
	else
		return usage("--purpose is server or client");
	return BASE_OK;
}

static enum base_err
profile_parse(const char *s, struct wire_verify *v)
{
	v->closed = s == NULL || strcmp(s, "closed") == 0;
	if (!v->closed && strcmp(s, "any") != 0)
		return usage("--profile is closed or any");
	return BASE_OK;
}

static enum base_err
name_parse(const char *s, struct wire_verify *v)
{
	static const struct {
		const char *prefix;
		enum wire_name_kind kind;
	} kinds[] = { { "DNS:", WIRE_NAME_DNS }, { "IP:", WIRE_NAME_IP },
		{ "email:", WIRE_NAME_EMAIL } };

	v->name_kind = WIRE_NAME_NONE;
	if (s == NULL)
		return BASE_OK;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (strncmp(s, kinds[i].prefix, n) == 0 && s[n] != '\0') {
			v->name_kind = kinds[i].kind;
			v->name = s + n;
			return BASE_OK;
		}
	}
	return usage("--name is DNS:HOST, IP:ADDRESS or email:MAILBOX");
}

static enum base_err
depth_parse(const char *s, struct wire_verify *v)
{
	char *end;
	long n;

	v->max_depth = -1;
	if (s == NULL)
		return BASE_OK;
	n = strtol(s, &end, 10);
	if (s[0] < '0' || s[0] > '9' || *end != '\0' || n > 1000)
		return usage("--max-depth is a number from 0 to 1000");
	v->max_depth = (int)n;
	return BASE_OK;
}

static enum base_err
time_parse(const char *s, struct wire_verify *v)
{
	if (s == NULL) {
		v->now = base_time_now();
		return BASE_OK;
	}
	if (base_time_parse(s, &v->now) != BASE_OK)
		return usage("--time is like 2026-01-02T03:04:05Z");
	return BASE_OK;
}

/* Which of two would count is nobody's guess. */
static enum base_err
once_each(struct cli *c)
{
	static const char *const names[] = { "trust", "untrusted", "purpose",
		"name", "time", "max-depth", "crl", "profile" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (cli_get_nth(c, names[i], 1) != NULL)
			return base_fail(BASE_E_USAGE,
			    "kedge verify: --%s is given twice", names[i]);
	return BASE_OK;
}

static enum base_err
options_parse(struct cli *c, struct wire_verify *v)
{
	enum base_err r;

	if ((r = once_each(c)) != BASE_OK ||
	    (r = purpose_parse(cli_get(c, "purpose"), v)) != BASE_OK ||
	    (r = profile_parse(cli_get(c, "profile"), v)) != BASE_OK ||
	    (r = name_parse(cli_get(c, "name"), v)) != BASE_OK ||
	    (r = depth_parse(cli_get(c, "max-depth"), v)) != BASE_OK)
		return r;
	return time_parse(cli_get(c, "time"), v);
}

/* ---- result --------------------------------------------------------------- */

static json_t *
cert_json(const X509 *x)
{
	char subject[WIRE_LABEL_LEN], hex[65];
	uint8_t md[32];

	wire_x509_sha256(x, md);
	base_hex(md, sizeof(md), hex);
	return json_pack("{s:s,s:s}", "subject", wire_x509_label(x, subject),
	    "sha256", hex);
}

/* The sentence may quote bytes of the command line. */
static json_t *
reason_json(void)
{
	json_t *s = json_string(base_why());

	return s != NULL ? s : json_string("(not UTF-8)");
}

static void
print_json(struct cli *c, enum base_err r, STACK_OF(X509) *chain)
{
	json_t *o =
	    json_pack("{s:i,s:b}", "version", 1, "accepted", r == BASE_OK);
	json_t *list = json_array();

	if (r != BASE_OK) {
		json_object_set_new(o, "error", json_string(base_err_name(r)));
		json_object_set_new(o, "reason", reason_json());
	}
	for (int i = 0; i < sk_X509_num(chain); i++)
		json_array_append_new(list, cert_json(sk_X509_value(chain, i)));
	json_object_set_new(o, "chain", list);
	cli_json_print(c, o);
	json_decref(o);
}

static void
print_text(struct cli *c, STACK_OF(X509) *chain)
{
	char label[WIRE_LABEL_LEN];

	fprintf(cli_out(c), "accepted\n");
	for (int i = 0; i < sk_X509_num(chain); i++)
		fprintf(cli_out(c), "  %s%s\n",
		    wire_x509_label(sk_X509_value(chain, i), label),
		    i == sk_X509_num(chain) - 1 ? " (trusted)" : "");
}

enum base_err
ca_cmd_verify(struct cli *c)
{
	struct input in = { .cert = NULL };
	STACK_OF(X509) *chain = NULL;
	enum base_err r;

	if ((r = options_parse(c, &in.v)) != BASE_OK)
		return r;
	if ((r = files_read(c, &in)) == BASE_OK)
		r = wire_verify_cert(&in.v, sk_X509_value(in.cert, 0), in.trust,
		    in.untrusted, &chain);
	if (cli_json(c))
		print_json(c, r, chain);
	else if (r == BASE_OK)
		print_text(c, chain);
	sk_X509_pop_free(chain, X509_free);
	input_free(&in);
	/* whatever the cause, the answer is no: exit 1 */
	return r == BASE_OK ? r : BASE_E_REFUSED;
}
