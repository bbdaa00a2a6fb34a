/*
 * ca/base64: RFC 4648 section 4, with padding, in one piece. Used by the
 * commands that carry files.
 */
#include "ca/base64.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

json_t *
ca_base64_new(struct base_span s)
{
	unsigned char *text = base_alloc(s.n / 3 * 4 + 8);
	json_t *v;

	EVP_EncodeBlock(text, s.p, (int)s.n);
	v = json_string((const char *)text);
	free(text);
	return v;
}

/* EVP_DecodeBlock skips blanks, and counts the padding as bytes. */
static size_t
padding(const char *text, size_t n)
{
	return (size_t)(text[n - 1] == '=') + (text[n - 2] == '=');
}

enum base_err
ca_base64_read(const char *what, const char *text, struct base_buf *out)
{
	const size_t n = strlen(text);
	unsigned char *der;
	int got = -1;
	enum base_err r;

	if (n == 0 || n % 4 != 0 || n > INT32_MAX ||
	    strpbrk(text, " \t\r\n") != NULL || strcspn(text, "=") < n - 2)
		return base_fail(BASE_E_SYNTAX, "%s: is no base64", what);
	der = base_alloc(n);
	got = EVP_DecodeBlock(der, (const unsigned char *)text, (int)n);
	if (got < 0 || (size_t)got < padding(text, n))
		r = base_fail(BASE_E_SYNTAX, "%s: is no base64", what);
	else
		r = base_buf_put(out, der, (size_t)got - padding(text, n));
	base_wipe(der, n);
	free(der);
	return r;
}
