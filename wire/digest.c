/*
 * wire/digest: SHA-256, which everything here is named by.
 */
#include <openssl/evp.h>

#include "wire/msg.h"

/* Fetched once: to look for it costs as much as to digest a report. */
static const EVP_MD *
sha256(void)
{
	static EVP_MD *md;

	if (md == NULL)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	return md;
}

void
wire_digest(struct base_span s, uint8_t out[32])
{
	if (sha256() == NULL ||
	    EVP_Digest(s.p, s.n, out, NULL, sha256(), NULL) != 1)
		base_die("digest: SHA-256 is not available");
}
