/*
 * p11_uri: chooses a token by its names (RFC 7512 section 2.3), never by a
 * slot number. Called by the configuration (to refuse early) and by the
 * worker that looks for its token.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/p11_uri.h"

static int
uri_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 7512 2.3: pk11-res-avail and unreserved stand for themselves, the rest
 * is percent-encoded. */
static bool
uri_is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') ||
	    (c != '\0' && strchr("-._~:[]@!$'()*+,=&", c) != NULL);
}

static enum base_err
uri_decode(const char *s, size_t n, char **out)
{
	char *v = base_alloc(n + 1), *w = v;

	for (size_t i = 0; i < n; i++) {
		int hi, lo;

		if (s[i] != '%') {
			if (!uri_is_plain(s[i]))
				goto bad;
			*w++ = s[i];
			continue;
		}
		if (n - i < 3 || (hi = uri_hex(s[i + 1])) < 0 ||
		    (lo = uri_hex(s[i + 2])) < 0 || (hi | lo) == 0)
			goto bad;
		*w++ = (char)(hi << 4 | lo);
		i += 2;
	}
	*out = v;
	return BASE_OK;
bad:
	free(v);
	return base_fail(BASE_E_SYNTAX,
	    "\"%.*s\" has a character that must be written %%XX", (int)n, s);
}

static enum base_err
uri_attribute(const char *s, size_t n, struct hsm_p11_uri *u)
{
	const struct {
		const char *name;
		char **to;
	} known[] = {
		{ "token", &u->token },
		{ "serial", &u->serial },
		{ "manufacturer", &u->manufacturer },
		{ "model", &u->model },
	};
	const char *eq = memchr(s, '=', n);
	size_t klen = eq == NULL ? n : (size_t)(eq - s);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) != klen ||
		    memcmp(known[i].name, s, klen) != 0)
			continue;
		/* a slot without a token shows empty ones */
		if (eq == NULL || n == klen + 1 || *known[i].to != NULL)
			return base_fail(BASE_E_SYNTAX,
			    "%s needs exactly one value", known[i].name);
		return uri_decode(eq + 1, n - klen - 1, known[i].to);
	}
	return base_fail(BASE_E_SYNTAX,
	    "\"%.*s\" does not choose a token; use token, serial, "
	    "manufacturer or model",
	    (int)klen, s);
}

enum base_err
hsm_p11_uri_parse(const char *s, struct hsm_p11_uri *out)
{
	struct hsm_p11_uri u = { 0 };
	enum base_err e = BASE_OK;

	if (strncmp(s, "pkcs11:", 7) != 0)
		return base_fail(BASE_E_SYNTAX,
		    "must begin with \"pkcs11:\" (RFC 7512)");
	if (strchr(s, '?') != NULL)
		return base_fail(BASE_E_SYNTAX,
		    "uri: nothing may follow a \"?\": module and PIN have "
		    "settings of their own");
	s += 7;
	while (e == BASE_OK && *s != '\0') {
		size_t n = strcspn(s, ";");

		e = uri_attribute(s, n, &u);
		s += n;
		if (*s == ';')
			s++;
	}
	if (e == BASE_OK && u.token == NULL && u.serial == NULL)
		e = base_fail(BASE_E_SYNTAX,
		    "uri: name the token by token=LABEL or serial=NUMBER");
	if (e != BASE_OK) {
		hsm_p11_uri_clear(&u);
		return e;
	}
	*out = u;
	return BASE_OK;
}

static bool
uri_fits(const char *want, const char *have)
{
	return want == NULL || strcmp(want, have == NULL ? "" : have) == 0;
}

bool
hsm_p11_uri_is_match(const struct hsm_p11_uri *u,
    const struct hsm_p11_uri *token)
{
	return uri_fits(u->token, token->token) &&
	    uri_fits(u->serial, token->serial) &&
	    uri_fits(u->manufacturer, token->manufacturer) &&
	    uri_fits(u->model, token->model);
}

void
hsm_p11_uri_clear(struct hsm_p11_uri *u)
{
	free(u->token);
	free(u->serial);
	free(u->manufacturer);
	free(u->model);
	memset(u, 0, sizeof(*u));
}
