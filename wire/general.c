/*
 * wire/general: the forms of GeneralName, as names and as constraints. Called
 * by pkix.c.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "wire/general.h"
#include "wire/name.h"

struct text {
	const char *p;
	size_t n;
};

static struct text
text_of(const ASN1_STRING *s)
{
	return (struct text){ (const char *)ASN1_STRING_get0_data(s),
		(size_t)ASN1_STRING_length(s) };
}

static bool
is_host(struct text t)
{
	return wire_dns_is_valid(t.p, t.n);
}

static bool
is_dotted_host(struct text t)
{
	return t.n > 1 && t.p[0] == '.' && wire_dns_is_valid(t.p + 1, t.n - 1);
}

/* "*." and a host name: the wildcard is the whole leftmost label (RFC 9525
 * 6.3). */
static bool
is_wildcard(struct text t)
{
	return t.n > 2 && t.p[0] == '*' &&
	    is_dotted_host((struct text){ t.p + 1, t.n - 1 });
}

/* local@host, the local part without blanks and quotes (RFC 5321 Dot-string) */
static bool
is_mailbox(struct text t)
{
	const char *at = t.n == 0 ? NULL : memchr(t.p, '@', t.n);
	size_t local;

	if (at == NULL || at == t.p)
		return false;
	local = (size_t)(at - t.p);
	for (size_t i = 0; i < local; i++)
		if (!isgraph((unsigned char)t.p[i]) ||
		    strchr("()<>,;:\\\"[]", t.p[i]) != NULL)
			return false;
	return is_host((struct text){ at + 1, t.n - local - 1 });
}

/* scheme ":" and something without blanks and control bytes */
static bool
is_uri(struct text t)
{
	size_t i = 0;

	while (i < t.n &&
	    (isalnum((unsigned char)t.p[i]) || strchr("+-.", t.p[i]) != NULL))
		i++;
	if (i == 0 || i + 1 >= t.n || t.p[i] != ':' ||
	    !isalpha((unsigned char)t.p[0]))
		return false;
	for (; i < t.n; i++)
		if (!isgraph((unsigned char)t.p[i]))
			return false;
	return true;
}

const char *
wire_general_fault(const GENERAL_NAME *g)
{
	int type;
	const void *v = GENERAL_NAME_get0_value(g, &type);
	struct text t;

	switch (type) {
	case GEN_DNS:
		t = text_of(v);
		return is_host(t) || is_wildcard(t)
		    ? NULL
		    : "a dNSName that is no host name";
	case GEN_IPADD:
		t = text_of(v);
		return t.n == 4 || t.n == 16
		    ? NULL
		    : "an iPAddress that is neither 4 nor 16 bytes";
	case GEN_EMAIL:
		return is_mailbox(text_of(v))
		    ? NULL
		    : "an rfc822Name that is no mailbox";
	case GEN_URI:
		return is_uri(text_of(v))
		    ? NULL
		    : "a uniformResourceIdentifier without scheme";
	default:
		return NULL;
	}
}

/* ---- constraints ----------------------------------------------------------- */

/* address and mask, the mask ones and then zeros */
static bool
is_network(struct text t)
{
	size_t half = t.n / 2;
	bool zeros = false;

	if (t.n != 8 && t.n != 32)
		return false;
	for (size_t i = half * 8; i < t.n * 8; i++) {
		bool one = ((unsigned char)t.p[i / 8] >> (7 - i % 8)) & 1;

		if (one && zeros)
			return false;
		zeros = zeros || !one;
	}
	return true;
}

const char *
wire_constraint_fault(const GENERAL_SUBTREE *s)
{
	int type;
	const void *v = GENERAL_NAME_get0_value(s->base, &type);
	struct text t;

	if ((s->minimum != NULL && ASN1_INTEGER_get(s->minimum) != 0) ||
	    s->maximum != NULL)
		return "a minimum or maximum";
	switch (type) {
	case GEN_DNS:
		t = text_of(v);
		return t.n == 0 || is_host(t)
		    ? NULL
		    : "a dNSName constraint that is no host name";
	case GEN_IPADD:
		return is_network(text_of(v))
		    ? NULL
		    : "an iPAddress constraint that is no address and mask";
	case GEN_EMAIL:
		t = text_of(v);
		return is_mailbox(t) || is_host(t) || is_dotted_host(t)
		    ? NULL
		    : "an rfc822Name constraint that is no mailbox, host or "
		      "domain";
	case GEN_URI:
		t = text_of(v);
		return is_host(t) || is_dotted_host(t)
		    ? NULL
		    : "a URI constraint that is no host or domain";
	default:
		return NULL;
	}
}

bool
wire_wildcard_may_match(const ASN1_STRING *wildcard, const ASN1_STRING *base)
{
	struct text w = text_of(wildcard), b = text_of(base);
	const char *dot;

	if (!is_wildcard(w) || b.n == 0 ||
	    (dot = memchr(b.p, '.', b.n)) == NULL)
		return false;
	/* "*.a.b" stands for x.a.b; within base only when base is x.a.b */
	return b.n - (size_t)(dot - b.p) == w.n - 1 &&
	    strncasecmp(dot, w.p + 1, w.n - 1) == 0;
}

/* ---- places and dates ------------------------------------------------------ */

bool
wire_dist_point_is_good(const DIST_POINT_NAME *p)
{
	if (p == NULL || p->type != 0)
		return true;
	for (int i = 0; i < sk_GENERAL_NAME_num(p->name.fullname); i++) {
		int type;

		(void)
		    GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(p->name
								      .fullname,
						i),
			&type);
		if (type != GEN_URI && type != GEN_DIRNAME)
			return false;
	}
	return true;
}

#define YEAR_2050 INT64_C(2524608000)

bool
wire_date_is_good(const ASN1_TIME *t)
{
	ASN1_TIME *start = ASN1_TIME_set(NULL, YEAR_2050);
	int c = start == NULL ? -2 : ASN1_TIME_compare(t, start);

	ASN1_TIME_free(start);
	return c != -2 && (ASN1_STRING_type(t) == V_ASN1_UTCTIME) == (c < 0);
}
