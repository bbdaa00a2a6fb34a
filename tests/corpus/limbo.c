/*
 * Runs verification cases in the format of C2SP x509-limbo through
 * wire_verify_cert, the code of `kedge verify`. With --profile any: no case
 * that must fail may pass, and each case that must pass but does not is named
 * with its cause in tests/data/limbo-rejects.txt. With --profile closed the
 * counts are printed, and again nothing that must fail may pass.
 *
 * Usage: corpus [CASES.json [REJECTS.txt]]; part of make check.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "wire/x509.h"

struct count {
	int cases, accepted, false_accepts, false_rejects, unlisted;
};

struct limbo_case {
	const char *id;
	bool must_pass;
	struct wire_verify v;
	STACK_OF(X509) *trust, *untrusted, *cert;
	STACK_OF(X509_CRL) *crls;
};

/* ---- one case out of JSON --------------------------------------------------- */

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

static struct base_span
span_of(const char *s)
{
	return (struct base_span){ (const uint8_t *)s, strlen(s) };
}

/* A list of PEM texts as one stack; NULL when it is empty. */
static enum base_err
certs_of(const json_t *list, STACK_OF(X509) **out)
{
	enum base_err r = BASE_OK;
	struct base_buf b;
	const json_t *one;
	size_t i;

	*out = NULL;
	base_buf_init(&b, 0);
	json_array_foreach(list, i, one)
	{
		const char *s = json_string_value(one);

		if (r == BASE_OK)
			r = base_buf_put(&b, s, strlen(s));
		if (r == BASE_OK)
			r = base_buf_put(&b, "\n", 1);
	}
	if (r == BASE_OK && b.n > 0)
		r = wire_x509_stack_from_pem(base_buf_span(&b), "case", out);
	base_buf_free(&b);
	return r;
}

static enum base_err
crls_of(const json_t *list, STACK_OF(X509_CRL) **out)
{
	enum base_err r = BASE_OK;
	struct base_buf b;
	const json_t *one;
	size_t i;

	*out = NULL;
	base_buf_init(&b, 0);
	json_array_foreach(list, i, one)
	{
		const char *s = json_string_value(one);

		if (r == BASE_OK)
			r = base_buf_put(&b, s, strlen(s));
		if (r == BASE_OK)
			r = base_buf_put(&b, "\n", 1);
	}
	if (r == BASE_OK && b.n > 0)
		r = wire_crl_stack_from_pem(base_buf_span(&b), "case", out);
	base_buf_free(&b);
	return r;
}

static void
name_of(const json_t *name, struct wire_verify *v)
{
	const char *kind = text_of(name, "kind");

	v->name_kind = WIRE_NAME_NONE;
	if (!json_is_object(name))
		return;
	v->name = text_of(name, "value");
	v->name_kind = strcmp(kind, "DNS") == 0 ? WIRE_NAME_DNS
	    : strcmp(kind, "IP") == 0		? WIRE_NAME_IP
						: WIRE_NAME_EMAIL;
}

/* No wall clock: a case without a time is for any of these years. */
#define NOW_DEFAULT "2026-06-01T00:00:00Z"

static const char *
time_of(const json_t *o)
{
	const char *s = text_of(o, "validation_time");

	return s[0] == '\0' ? NOW_DEFAULT : s;
}

static enum base_err
case_read(const json_t *o, bool closed, struct limbo_case *c)
{
	const json_t *depth = json_object_get(o, "max_chain_depth");
	const char *peer = text_of(o, "peer_certificate");
	enum base_err r;

	memset(c, 0, sizeof(*c));
	c->id = text_of(o, "id");
	c->must_pass = strcmp(text_of(o, "expected_result"), "SUCCESS") == 0;
	c->v.closed = closed;
	c->v.purpose = strcmp(text_of(o, "validation_kind"), "CLIENT") == 0
	    ? WIRE_CLIENT
	    : WIRE_SERVER;
	c->v.max_depth =
	    json_is_integer(depth) ? (int)json_integer_value(depth) : -1;
	name_of(json_object_get(o, "expected_peer_name"), &c->v);
	if ((r = base_time_parse(time_of(o), &c->v.now)) != BASE_OK ||
	    (r = certs_of(json_object_get(o, "trusted_certs"), &c->trust)) !=
		BASE_OK ||
	    (r = certs_of(json_object_get(o, "untrusted_intermediates"),
		 &c->untrusted)) != BASE_OK ||
	    (r = crls_of(json_object_get(o, "crls"), &c->crls)) != BASE_OK)
		return r;
	c->v.crls = c->crls;
	return wire_x509_stack_from_pem(span_of(peer), "peer", &c->cert);
}

static void
case_free(struct limbo_case *c)
{
	sk_X509_pop_free(c->trust, X509_free);
	sk_X509_pop_free(c->untrusted, X509_free);
	sk_X509_pop_free(c->cert, X509_free);
	sk_X509_CRL_pop_free(c->crls, X509_CRL_free);
}

/* ---- judging ------------------------------------------------------------------ */

/* Whether a line of the list begins with id and a blank. */
static bool
is_listed(const char *list, const char *id)
{
	size_t n = strlen(id);

	for (const char *p = list; (p = strstr(p, id)) != NULL; p += n)
		if ((p == list || p[-1] == '\n') && p[n] == ' ')
			return true;
	return false;
}

static void
case_run(const json_t *o, bool closed, const char *list, struct count *n)
{
	struct limbo_case c;
	enum base_err r = case_read(o, closed, &c);
	bool listed = !closed && is_listed(list, c.id);

	if (r == BASE_OK)
		r = wire_verify_cert(&c.v, sk_X509_value(c.cert, 0), c.trust,
		    c.untrusted, NULL);
	n->cases++;
	n->accepted += r == BASE_OK;
	if (r == BASE_OK && !c.must_pass) {
		n->false_accepts++;
		printf("corpus: %s: accepted, but must not be\n", c.id);
	} else if (r != BASE_OK && c.must_pass) {
		n->false_rejects++;
		if (!closed && !listed) {
			n->unlisted++;
			printf("corpus: %s: refused, but must not be: %s\n",
			    c.id, base_why());
		}
	} else if (listed) {
		n->unlisted++;
		printf("corpus: %s: listed as refused, but is not\n", c.id);
	}
	case_free(&c);
}

static bool
run(const json_t *cases, bool closed, const char *list)
{
	struct count n = { 0 };
	const json_t *o;
	size_t i;

	json_array_foreach(cases, i, o) case_run(o, closed, list, &n);
	printf("corpus: profile %s: %d cases, %d accepted, %d false accepts, "
	       "%d false rejects\n",
	    closed ? "closed" : "any", n.cases, n.accepted, n.false_accepts,
	    n.false_rejects);
	return n.cases > 0 && n.false_accepts == 0 && n.unlisted == 0;
}

static char *
list_read(const char *path)
{
	struct base_buf b;
	char *s;

	base_buf_init(&b, 0);
	if (base_file_read(path, (size_t)1 << 20, &b) != BASE_OK) {
		fprintf(stderr, "corpus: %s\n", base_why());
		exit(EXIT_FAILURE);
	}
	s = base_strndup((const char *)b.p, b.n);
	base_buf_free(&b);
	return s;
}

int
main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "tests/data/limbo-part.json";
	char *list =
	    list_read(argc > 2 ? argv[2] : "tests/data/limbo-rejects.txt");
	json_error_t err;
	json_t *all = json_load_file(path, JSON_REJECT_DUPLICATES, &err);
	const json_t *cases = json_object_get(all, "testcases");
	bool good;

	if (all == NULL) {
		fprintf(stderr, "corpus: %s:%d: %s\n", path, err.line,
		    err.text);
		free(list);
		return EXIT_FAILURE;
	}
	good = run(cases, false, list);
	good = run(cases, true, list) && good;
	json_decref(all);
	free(list);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
