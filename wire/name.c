/*
 * wire/name: DNS names and subjectAltName entries as text. Called by
 * tbs_ext.c for what kedge issues and by profile.c for what others issued.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "wire/name.h"

#define DNS_MAX	  253
#define LABEL_MAX 63

static bool
label_is_valid(const char *s, size_t n)
{
	if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c > 0x7f || (!isalnum(c) && c != '-'))
			return false;
	}
	return true;
}

static bool
label_is_number(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return true;
}

bool
wire_dns_is_valid(const char *s, size_t n)
{
	size_t at = 0, end;

	if (n == 0 || n > DNS_MAX)
		return false;
	for (;;) {
		for (end = at; end < n && s[end] != '.'; end++)
			continue;
		if (!label_is_valid(s + at, end - at))
			return false;
		if (end == n)
			return !label_is_number(s + at, end - at);
		at = end + 1;
	}
}

static GENERAL_NAME *
san_make(int type, const void *p, size_t n)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_STRING *v = ASN1_STRING_type_new(
	    type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);

	if (g == NULL || v == NULL || !ASN1_STRING_set(v, p, (int)n))
		base_die("san: out of memory");
	GENERAL_NAME_set0_value(g, type, v);
	return g;
}

static GENERAL_NAME *
san_from_dns(const char *s)
{
	size_t n = strlen(s);

	if (!wire_dns_is_valid(s, n))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (isupper((unsigned char)s[i]))
			return NULL;
	return san_make(GEN_DNS, s, n);
}

/* The text must be what inet_ntop makes of it, so that each address has one
 * spelling. */
static GENERAL_NAME *
san_from_ip(const char *s)
{
	int af = strchr(s, ':') != NULL ? AF_INET6 : AF_INET;
	char again[INET6_ADDRSTRLEN];
	uint8_t ip[16];

	if (inet_pton(af, s, ip) != 1 ||
	    inet_ntop(af, ip, again, sizeof(again)) == NULL ||
	    strcmp(s, again) != 0)
		return NULL;
	return san_make(GEN_IPADD, ip, af == AF_INET6 ? 16 : 4);
}

enum base_err
wire_san_from_text(const char *s, GENERAL_NAME **out)
{
	GENERAL_NAME *g = NULL;

	if (strncmp(s, "DNS:", 4) == 0)
		g = san_from_dns(s + 4);
	else if (strncmp(s, "IP:", 3) == 0)
		g = san_from_ip(s + 3);
	if (g == NULL)
		return base_fail(BASE_E_REFUSED,
		    "name \"%s\": not DNS: and a lower-case host name, nor "
		    "IP: and an address in its shortest form",
		    s);
	*out = g;
	return BASE_OK;
}

enum base_err
wire_san_check(const char *text)
{
	GENERAL_NAME *g = NULL;
	enum base_err r = wire_san_from_text(text, &g);

	GENERAL_NAME_free(g);
	return r;
}

enum base_err
wire_san_to_text(const GENERAL_NAME *g, char **out)
{
	char ip[INET6_ADDRSTRLEN];
	int type, n;
	const ASN1_STRING *v = GENERAL_NAME_get0_value(g, &type);
	const uint8_t *p = NULL;

	if (type == GEN_DNS || type == GEN_IPADD) {
		p = ASN1_STRING_get0_data(v);
		n = ASN1_STRING_length(v);
	}
	if (p != NULL && type == GEN_DNS &&
	    wire_dns_is_valid((const char *)p, (size_t)n)) {
		*out = base_asprintf("DNS:%.*s", n, (const char *)p);
		return BASE_OK;
	}
	if (p != NULL && type == GEN_IPADD && (n == 4 || n == 16) &&
	    inet_ntop(n == 4 ? AF_INET : AF_INET6, p, ip, sizeof(ip)) != NULL) {
		*out = base_asprintf("IP:%s", ip);
		return BASE_OK;
	}
	return base_fail(BASE_E_SYNTAX,
	    "subjectAltName: an entry that is neither a host name nor an "
	    "address");
}
